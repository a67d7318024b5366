//! The table's REST half: routes of Marketing Cloud, the scope that each needs, and where that is said. Where a row holds more
//! than its source says, it is marked as inferred.

use super::Certainty::{Documented, Inferred, Seen};
use super::{Certainty, Need, Needs};

/// One route below a root.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// What comes after the root. `*` stands for one segment, `**` at the end for any number.
    pub(super) path: &'static str,
    /// `None` where any token will do.
    pub(super) need: Option<Need>,
}

impl Route {
    /// What is known of it.
    pub(super) fn needs(&'static self) -> Needs {
        match &self.need {
            Some(need) => Needs::Scopes(need),
            None => Needs::Nothing,
        }
    }

    /// Whether the segments after the root are of this route. Letter case does not count: the tenant answers `customObjects`
    /// as `customobjects`.
    pub(super) fn fits<'a>(&self, mut segments: impl Iterator<Item = &'a str>) -> bool {
        for own in self.path.split('/') {
            match (own, segments.next()) {
                ("**", _) => return true,
                (_, None) => return false,
                ("*", Some(_)) => {}
                (own, Some(segment)) if own.eq_ignore_ascii_case(segment) => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

const fn route(method: &'static str, path: &'static str, need: Need) -> Route {
    let need = Some(need);
    Route { method, path, need }
}

/// A route for which any token will do.
const fn open(method: &'static str, path: &'static str) -> Route {
    let need = None;
    Route { method, path, need }
}

const fn need(certainty: Certainty, scope: &'static str, source: &'static str) -> Need {
    Need::new(certainty, scope, source)
}

const fn either(
    certainty: Certainty,
    scope: &'static str,
    or: &'static [&'static str],
    source: &'static str,
) -> Need {
    let need = Need::new(certainty, scope, source);
    Need { or, ..need }
}

const fn both(
    certainty: Certainty,
    scope: &'static str,
    and: &'static [&'static str],
    source: &'static str,
) -> Need {
    let need = Need::new(certainty, scope, source);
    Need { and, ..need }
}

const fn either_and(
    certainty: Certainty,
    scope: &'static str,
    or: &'static [&'static str],
    and: &'static [&'static str],
    source: &'static str,
) -> Need {
    let need = Need::new(certainty, scope, source);
    Need { or, and, ..need }
}

const GUIDE: &str = "vendor guide: REST API Permission IDs and Scopes";
const BY_NAME: &str = "vendor guide: API Integration Permission Scopes, by the family's name alone";
const BOTH_CONTENT: &str = "vendor guide: REST API Permission IDs and Scopes; that the other family of content does as well is inferred";
const TRIED: &str = "dawidmachon/mcecli: endpoint notes, a 403 without it";
const PREFERENCES: &str = "vendor guide: REST API Permission IDs and Scopes, where it goes by Contacts_access, which no package has";
const SEARCHES: &str =
    "vendor guide: REST API Permission IDs and Scopes, which names list_and_subscribers_write too";
const TAGS: &str = "vendor guide: REST API Permission IDs and Scopes, where it goes by tags_create, tags_edit or tags_delete";
const LIKE_EVENTS: &str = "likewise for /interaction/v1/events";
const JOURNEY_ASPR: &str =
    "vendor guide names journeys_read; the package's box is called Activate, Stop, Pause, Resume";
const JOURNEY_WRITE: &str = "vendor guide names journeys_read alone for what writes";
const SMS_PATHS: &str =
    "vendor guide: REST API Permission IDs and Scopes, where it begins with /sms";
const FILE_LOCATIONS: &str = "vendor guide: REST API Permission IDs and Scopes, where it goes by file_location_create, _view or _delete";

/// Roots, and the routes below each. Of those that fit, the first one of the call's method holds.
#[rustfmt::skip]
pub(super) static ROOTS: &[(&str, &[Route])] = &[
    ("address", &[
        route("POST", "v1/validateEmail", need(Documented, "email_read", GUIDE)),
    ]),
    ("asset", &[
        route("GET", "v1/content/assets/**", either(Documented, "documents_and_images_read", &["saved_content_read"], BOTH_CONTENT)),
        route("POST", "v1/content/assets/query", either(Documented, "documents_and_images_read", &["saved_content_read"], BOTH_CONTENT)),
        route("POST", "v1/content/assets", either(Documented, "saved_content_write", &["documents_and_images_write"], BOTH_CONTENT)),
        route("PATCH", "v1/content/assets/*", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
        route("PUT", "v1/content/assets/*", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
        route("DELETE", "v1/content/assets/*", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
        route("GET", "v1/content/categories/**", either(Documented, "documents_and_images_read", &["saved_content_read"], BOTH_CONTENT)),
        route("POST", "v1/content/categories", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
        route("PUT", "v1/content/categories/*", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
        route("DELETE", "v1/content/categories/*", either(Documented, "documents_and_images_write", &["saved_content_write"], BOTH_CONTENT)),
    ]),
    ("automation", &[
        route("GET", "v1/automations/**", need(Inferred, "automations_read", BY_NAME)),
        route("GET", "v1/queries/**", need(Inferred, "automations_read", BY_NAME)),
        route("POST", "v1/queries/actions/validate", need(Inferred, "automations_read", BY_NAME)),
        route("POST", "v1/automations/trigger/**", both(Inferred, "automations_execute", &["automations_read"], BY_NAME)),
        route("POST", "v1/automations/*/start", both(Inferred, "automations_execute", &["automations_read"], BY_NAME)),
        route("POST", "v1/automations/*/trigger", both(Inferred, "automations_execute", &["automations_read"], BY_NAME)),
        route("POST", "v1/automations/*/actions/**", both(Inferred, "automations_execute", &["automations_read"], BY_NAME)),
        route("POST", "v1/queries/*/actions/**", both(Inferred, "automations_execute", &["automations_read"], BY_NAME)),
        route("POST", "v1/automations/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
        route("POST", "v1/queries/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
        route("PATCH", "v1/automations/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
        route("PATCH", "v1/queries/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
        route("DELETE", "v1/automations/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
        route("DELETE", "v1/queries/**", both(Inferred, "automations_write", &["automations_read"], BY_NAME)),
    ]),
    ("contacts", &[
        route("GET", "v1/attributeSetDefinitions/*", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/attributeSets/*", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/contacts/actions/delete/status", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/contacts/actions/restrict/status", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/contacts/analytics/deleterequests/**", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/contacts/deleteOperations", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/customObject/*/isUsedInContacts", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/customobjectfield/*/relationships", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/schema", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/schemas/*/attributeGroups/**", need(Documented, "list_and_subscribers_read", GUIDE)),
        route("GET", "v1/contacts/*/preferences", need(Inferred, "list_and_subscribers_read", PREFERENCES)),
        route("POST", "v1/contacts/preferences/search", need(Inferred, "list_and_subscribers_read", PREFERENCES)),
        route("POST", "v1/contacts/preferences", both(Inferred, "list_and_subscribers_write", &["list_and_subscribers_read"], PREFERENCES)),
        route("POST", "v1/contacts/*/preferences", both(Inferred, "list_and_subscribers_write", &["list_and_subscribers_read"], PREFERENCES)),
        route("POST", "v1/addresses/email/search", need(Documented, "list_and_subscribers_read", SEARCHES)),
        route("POST", "v1/attributes/search", need(Documented, "list_and_subscribers_read", SEARCHES)),
        route("POST", "v1/addresses/count", need(Documented, "audiences_read", GUIDE)),
        route("POST", "v1/addresses/search/*", need(Documented, "audiences_read", GUIDE)),
        route("PATCH", "v1/attributeSets/*", both(Documented, "list_and_subscribers_write", &["list_and_subscribers_read"], GUIDE)),
        route("PATCH", "v1/contacts", both(Documented, "list_and_subscribers_write", &["list_and_subscribers_read"], GUIDE)),
        route("POST", "v1/attributeGroups/population", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/attributeSets/*", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/contactEvents", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/contacts", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/contacts/actions/delete/**", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/contacts/actions/restrict", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/establish", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/operations/delete/*/retry", need(Documented, "list_and_subscribers_write", GUIDE)),
        route("POST", "v1/operations/restrict/*/retry", need(Documented, "list_and_subscribers_write", GUIDE)),
    ]),
    ("data", &[
        route("GET", "v1/async/*/results", need(Documented, "data_extensions_read", GUIDE)),
        route("GET", "v1/async/*/status", need(Documented, "data_extensions_read", GUIDE)),
        route("POST", "v1/async/dataextensions/*/rows", need(Documented, "data_extensions_write", GUIDE)),
        route("PUT", "v1/async/dataextensions/*/rows", need(Documented, "data_extensions_write", GUIDE)),
        route("GET", "v1/audit/auditEvents", need(Documented, "tracking_events_read", GUIDE)),
        route("GET", "v1/audit/securityEvents", need(Documented, "tracking_events_read", GUIDE)),
        route("GET", "v1/customObjects/**", need(Seen, "data_extensions_read", TRIED)),
        route("GET", "v1/customobjectdata/**", need(Inferred, "data_extensions_read", BY_NAME)),
        route("POST", "v1/customObjects/**", need(Inferred, "data_extensions_write", BY_NAME)),
        route("PUT", "v1/customObjects/**", need(Inferred, "data_extensions_write", BY_NAME)),
        route("PATCH", "v1/customObjects/**", need(Inferred, "data_extensions_write", BY_NAME)),
        route("DELETE", "v1/customObjects/**", need(Inferred, "data_extensions_write", BY_NAME)),
    ]),
    ("hub", &[
        route("POST", "v1/dataevents/*/rowset", need(Documented, "data_extensions_write", GUIDE)),
        route("PUT", "v1/dataevents/*/rows/**", need(Documented, "data_extensions_write", GUIDE)),
        route("POST", "v1/dataeventsasync/**", need(Inferred, "data_extensions_write", BY_NAME)),
        route("PUT", "v1/dataeventsasync/**", need(Inferred, "data_extensions_write", BY_NAME)),
        route("GET", "v1/campaigns/**", need(Documented, "campaign_read", GUIDE)),
        route("POST", "v1/campaigns/*/assets", need(Documented, "campaign_write", GUIDE)),
        route("POST", "v1/campaigns", need(Documented, "campaign_write", GUIDE)),
        route("PATCH", "v1/campaigns/*", need(Inferred, "campaign_write", BY_NAME)),
        route("DELETE", "v1/campaigns/*/assets/*", need(Documented, "campaign_write", GUIDE)),
        route("DELETE", "v1/campaigns/*", need(Documented, "campaign_write", GUIDE)),
        route("POST", "v1/objects/*/tags/delete", need(Documented, "tags_read", GUIDE)),
        route("POST", "v1/objects/*/tags", need(Documented, "tags_write", GUIDE)),
        route("GET", "v1/nestedtags/**", need(Documented, "tags_read", GUIDE)),
        route("POST", "v1/nestedtags", both(Inferred, "tags_write", &["tags_read"], TAGS)),
        route("PUT", "v1/nestedtags/*", both(Inferred, "tags_write", &["tags_read"], TAGS)),
        route("PATCH", "v1/nestedtags/*", both(Inferred, "tags_write", &["tags_read"], TAGS)),
        route("DELETE", "v1/nestedtags/*", both(Inferred, "tags_write", &["tags_read"], TAGS)),
        route("GET", "v1/approvals", need(Documented, "approvals_read", GUIDE)),
        route("GET", "v1/approvals/*", need(Documented, "approvals_read", GUIDE)),
        route("GET", "v1/approvals/*/roles", need(Documented, "approvals_read", GUIDE)),
        route("POST", "v1/approvals", need(Documented, "approvals_write", GUIDE)),
        route("PATCH", "v1/approvals/*", need(Documented, "approvals_write", GUIDE)),
    ]),
    ("interaction", &[
        open("GET", "v1/rest"),
        route("GET", "v1/eventDefinitions/**", need(Documented, "journeys_read", GUIDE)),
        route("GET", "v1/interactions/**", need(Documented, "journeys_read", GUIDE)),
        route("POST", "v1/events", both(Documented, "journeys_read", &["list_and_subscribers_read"], GUIDE)),
        route("POST", "v1/async/events", both(Inferred, "journeys_read", &["list_and_subscribers_read"], LIKE_EVENTS)),
        route("POST", "v1/interactions/contactexit/**", need(Documented, "journeys_read", GUIDE)),
        route("POST", "v1/interactions/contactMembership", need(Documented, "journeys_read", GUIDE)),
        route("POST", "v1/interactions/journeyhistory/**", need(Inferred, "journeys_read", BY_NAME)),
        route("POST", "v1/interactions/publishAsync/*", either_and(Inferred, "journeys_aspr", &["journeys_execute"], &["journeys_read"], JOURNEY_ASPR)),
        route("POST", "v1/interactions/stop/*", either_and(Inferred, "journeys_aspr", &["journeys_execute"], &["journeys_read"], JOURNEY_ASPR)),
        route("POST", "v1/interactions/pause/*", either_and(Inferred, "journeys_aspr", &["journeys_execute"], &["journeys_read"], JOURNEY_ASPR)),
        route("POST", "v1/interactions/resume/*", either_and(Inferred, "journeys_aspr", &["journeys_execute"], &["journeys_read"], JOURNEY_ASPR)),
        route("POST", "v1/interactions", both(Inferred, "journeys_write", &["journeys_read"], JOURNEY_WRITE)),
        route("PUT", "v1/interactions", both(Inferred, "journeys_write", &["journeys_read"], JOURNEY_WRITE)),
        route("POST", "v1/eventDefinitions", both(Inferred, "journeys_write", &["journeys_read"], JOURNEY_WRITE)),
        route("PUT", "v1/eventDefinitions/*", both(Inferred, "journeys_write", &["journeys_read"], JOURNEY_WRITE)),
        route("DELETE", "v1/interactions/*", either_and(Inferred, "journeys_delete", &["journeys_write"], &["journeys_read"], JOURNEY_WRITE)),
        route("DELETE", "v1/eventDefinitions/*", either_and(Inferred, "journeys_delete", &["journeys_write"], &["journeys_read"], JOURNEY_WRITE)),
    ]),
    ("messaging", &[
        route("POST", "v1/messageDefinitionSends/*/send", need(Documented, "email_send", "vendor guide: REST API Permission IDs and Scopes, where it is written messageDefintionSend")),
        route("POST", "v1/messageDefinitionSends/*/sendBatch", need(Inferred, "email_send", BY_NAME)),
        route("GET", "v1/domainverification", both(Documented, "email_write", &["saved_content_read"], GUIDE)),
        route("POST", "v1/domainverification/**", both(Documented, "email_write", &["saved_content_read"], GUIDE)),
        route("POST", "v1/email/messages/**", need(Documented, "email_send", GUIDE)),
        route("GET", "v1/email/messages/**", need(Documented, "email_read", GUIDE)),
        route("GET", "v1/email/definitions/**", need(Documented, "email_read", GUIDE)),
        route("POST", "v1/email/definitions", need(Documented, "email_write", GUIDE)),
        route("PATCH", "v1/email/definitions/*", need(Documented, "email_write", GUIDE)),
        route("DELETE", "v1/email/definitions/**", need(Documented, "email_write", GUIDE)),
        route("POST", "v1/sms/messages/**", need(Documented, "sms_send", SMS_PATHS)),
        route("GET", "v1/sms/messages/**", both(Documented, "sms_read", &["tracking_events_read"], SMS_PATHS)),
        route("GET", "v1/sms/definitions/**", need(Documented, "sms_read", SMS_PATHS)),
        route("POST", "v1/sms/definitions", need(Documented, "sms_write", SMS_PATHS)),
        route("PATCH", "v1/sms/definitions/*", need(Documented, "sms_write", SMS_PATHS)),
        route("DELETE", "v1/sms/definitions/**", need(Documented, "sms_write", SMS_PATHS)),
        route("POST", "v1/push/messages/**", need(Inferred, "push_send", BY_NAME)),
        route("GET", "v1/push/messages/**", need(Inferred, "push_read", BY_NAME)),
        route("GET", "v1/push/definitions/**", need(Inferred, "push_read", BY_NAME)),
        route("POST", "v1/push/definitions", need(Inferred, "push_write", BY_NAME)),
        route("PATCH", "v1/push/definitions/*", need(Inferred, "push_write", BY_NAME)),
        route("DELETE", "v1/push/definitions/**", need(Inferred, "push_write", BY_NAME)),
        route("POST", "v1/ott/messages/**", need(Inferred, "ott_chat_messaging_send", BY_NAME)),
        route("GET", "v1/ott/messages/**", need(Inferred, "ott_chat_messaging_read", BY_NAME)),
    ]),
    ("ott", &[
        route("POST", "v1/send", need(Inferred, "ott_chat_messaging_send", BY_NAME)),
        route("GET", "v1/registration/**", need(Inferred, "ott_channels_read", BY_NAME)),
        route("POST", "v1/registration/**", need(Inferred, "ott_channels_write", BY_NAME)),
    ]),
    ("platform", &[
        open("GET", "v1/endpoints/**"),
        open("GET", "v1/tokenContext"),
        route("GET", "v1/ens-callbacks/**", need(Documented, "event_notification_callback_read", GUIDE)),
        route("POST", "v1/ens-callbacks", need(Documented, "event_notification_callback_create", GUIDE)),
        route("PUT", "v1/ens-callbacks", need(Documented, "event_notification_callback_update", GUIDE)),
        route("DELETE", "v1/ens-callbacks/*", need(Documented, "event_notification_callback_delete", GUIDE)),
        route("POST", "v1/ens-verify", need(Documented, "event_notification_callback_update", GUIDE)),
        route("PUT", "v1/ens-regenerate", need(Documented, "event_notification_callback_update", GUIDE)),
        route("GET", "v1/ens-subscriptions/*", need(Documented, "event_notification_subscription_read", GUIDE)),
        route("GET", "v1/ens-subscriptions-by-cb/*", need(Documented, "event_notification_subscription_read", GUIDE)),
        route("POST", "v1/ens-subscriptions", need(Documented, "event_notification_subscription_create", GUIDE)),
        route("PUT", "v1/ens-subscriptions", need(Documented, "event_notification_subscription_update", GUIDE)),
        route("DELETE", "v1/ens-subscriptions/*", need(Documented, "event_notification_subscription_delete", GUIDE)),
        route("GET", "v1/key", need(Inferred, "file_locations_read", FILE_LOCATIONS)),
        route("POST", "v1/key", need(Inferred, "file_locations_write", FILE_LOCATIONS)),
        route("DELETE", "v1/key/*", need(Inferred, "file_locations_write", FILE_LOCATIONS)),
    ]),
    ("push", &[
        route("GET", "v1/application/**", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/contacts/refreshList/*/status/*", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/location/**", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/message/**", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/messageApp/*/deliveries/*", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/messageContact/*/deliveries/*", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/messageList/*/deliveries/*", need(Documented, "push_read", GUIDE)),
        route("GET", "v1/messageTag/*/deliveries/*", need(Documented, "push_read", GUIDE)),
        route("DELETE", "v1/application/*/key/**", need(Documented, "push_write", GUIDE)),
        route("DELETE", "v1/location/*", need(Documented, "push_write", GUIDE)),
        route("DELETE", "v1/message/*", need(Documented, "push_write", GUIDE)),
        route("POST", "v1/contacts/refreshList/*", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/location", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/message", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/messageApp/*/send", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/messageBatch/*/send", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/messageContact/*/send", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/messageList/*/send", need(Documented, "push_send", GUIDE)),
        route("POST", "v1/messageTag/*/send", need(Documented, "push_send", GUIDE)),
        route("PUT", "v1/application/*/key/**", need(Documented, "push_send", GUIDE)),
        route("PUT", "v1/location/*", need(Documented, "push_send", GUIDE)),
        route("PUT", "v1/message/*", need(Documented, "push_send", GUIDE)),
    ]),
    ("sms", &[
        route("GET", "v1/messageContact/*/deliveries/*", both(Documented, "sms_read", &["sms_send"], GUIDE)),
        route("GET", "v1/automation/importSend/*/status", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/contacts/queueImport/*/status/*", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/contacts/refreshList/*/status/*", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/messageContact/*/history/**", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/messageList/*/deliveries/*", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/queueMO/deliveries/*", need(Documented, "sms_read", GUIDE)),
        route("GET", "v1/queueMO/history/*", need(Documented, "sms_read", GUIDE)),
        route("POST", "v1/automation/importSend", both(Documented, "sms_send", &["sms_read", "automations_read"], GUIDE)),
        route("POST", "v1/contacts/queueImport/*", both(Documented, "sms_read", &["automations_read"], GUIDE)),
        route("POST", "v1/automation/importSend/*/deliveryReport", need(Documented, "sms_read", GUIDE)),
        route("POST", "v1/contacts/refreshList/*", need(Documented, "sms_read", GUIDE)),
        route("POST", "v1/contacts/subscriptions", need(Documented, "sms_read", GUIDE)),
        route("POST", "v1/messageList/*/deliveryReport/*", need(Documented, "sms_read", GUIDE)),
        route("POST", "v1/messageContact/*/send", need(Documented, "sms_send", GUIDE)),
        route("POST", "v1/messageList/*/send", need(Documented, "sms_send", GUIDE)),
        route("POST", "v1/queueMO", need(Documented, "sms_send", GUIDE)),
        route("DELETE", "v1/keyword/**", need(Documented, "sms_write", GUIDE)),
        route("POST", "v1/keyword", need(Documented, "sms_write", GUIDE)),
        route("POST", "v1/message/optin", need(Documented, "sms_write", GUIDE)),
    ]),
];
