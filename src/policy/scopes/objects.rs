//! The table's SOAP half: operations on object types of Marketing Cloud, and the scope that each needs.
//!
//! The vendor publishes no such table. Where nobody has told of a type, it goes by the family whose name it belongs to, and is
//! marked as inferred; types that belong to none, or to several, are not here.

use super::Certainty::{Documented, Inferred, Seen};
use super::{Certainty, Need};

/// Operations on some object types.
#[derive(Clone, Copy)]
pub(super) struct Object {
    /// By the names that they have in `Operation`.
    pub(super) operations: &'static [&'static str],
    /// As the vendor's WSDL has them, without what stands in brackets.
    pub(super) object_types: &'static [&'static str],
    pub(super) need: Need,
}

impl Object {
    /// Whether a type, without its brackets, is one of these. Letter case does not count.
    pub(super) fn is_of(&self, object_type: &str) -> bool {
        let mut types = self.object_types.iter();
        types.any(|own| own.eq_ignore_ascii_case(object_type))
    }
}

const fn object(
    operations: &'static [&'static str],
    object_types: &'static [&'static str],
    certainty: Certainty,
    scope: &'static str,
    source: &'static str,
) -> Object {
    Object {
        operations,
        object_types,
        need: Need::new(certainty, scope, source),
    }
}

/// What beside the scope is needed.
const fn and(object: Object, and: &'static [&'static str]) -> Object {
    let need = Need { and, ..object.need };
    Object { need, ..object }
}

const READS: &[&str] = &["Retrieve", "Query"];
const CHANGES: &[&str] = &["Create", "Update", "Delete", "Configure"];
const RUNS: &[&str] = &["Perform", "Schedule"];

const DATA_EXTENSIONS: &[&str] = &[
    "DataExtension",
    "DataExtensionField",
    "DataExtensionObject",
    "DataExtensionTemplate",
];
const SUBSCRIBERS: &[&str] = &[
    "Subscriber",
    "List",
    "ListSubscriber",
    "SubscriberList",
    "Group",
    "GlobalUnsubscribeCategory",
    "Publication",
    "PublicationSubscriber",
    "SuppressionListDefinition",
];
const EVENTS: &[&str] = &[
    "SentEvent",
    "OpenEvent",
    "ClickEvent",
    "BounceEvent",
    "UnsubEvent",
    "NotSentEvent",
    "ForwardedEmailEvent",
    "ForwardedEmailOptInEvent",
    "SurveyEvent",
];
const SEND_RESULTS: &[&str] = &[
    "Send",
    "SendSummary",
    "ListSend",
    "LinkSend",
    "TriggeredSendSummary",
];
const EMAILS: &[&str] = &[
    "Email",
    "Template",
    "EmailSendDefinition",
    "TriggeredSendDefinition",
    "SendClassification",
    "SenderProfile",
    "DeliveryProfile",
    "SendDefinitionList",
];
const AUTOMATIONS: &[&str] = &[
    "Automation",
    "AutomationInstance",
    "Program",
    "QueryDefinition",
    "ImportDefinition",
    "FileTransferActivity",
    "DataExtractActivity",
    "ScheduleDefinition",
];

const BY_NAME: &str = "vendor guide: API Integration Permission Scopes, by the family's name alone";
const TRIGGERED: &str =
    "vendor knowledge article 005322011: as of 2026-06-19 all three scopes of Email";
const TRIED: &str = "dawidmachon/mcecli: endpoint notes, a token with this scope alone";
const DENIED: &str = "vendor guide: API Integration Permission Scopes, by the family's name; API Permission Failed is told in FuelSDK-CSharp#88";

/// The operations. The first row that fits holds.
#[rustfmt::skip]
pub(super) static OBJECTS: &[Object] = &[
    and(object(&["Create"], &["TriggeredSend"], Documented, "email_send", TRIGGERED), &["email_read", "email_write"]),
    object(READS, DATA_EXTENSIONS, Inferred, "data_extensions_read", DENIED),
    object(CHANGES, DATA_EXTENSIONS, Inferred, "data_extensions_write", BY_NAME),
    object(&["Perform"], DATA_EXTENSIONS, Inferred, "data_extensions_write", BY_NAME),
    object(READS, SUBSCRIBERS, Inferred, "list_and_subscribers_read", BY_NAME),
    object(CHANGES, SUBSCRIBERS, Inferred, "list_and_subscribers_write", BY_NAME),
    object(READS, EVENTS, Seen, "tracking_events_read", TRIED),
    object(READS, SEND_RESULTS, Inferred, "tracking_events_read", BY_NAME),
    object(&["Create"], &["Send"], Inferred, "email_send", BY_NAME),
    object(READS, EMAILS, Inferred, "email_read", BY_NAME),
    object(CHANGES, EMAILS, Inferred, "email_write", BY_NAME),
    object(RUNS, &["EmailSendDefinition", "TriggeredSendDefinition"], Inferred, "email_send", BY_NAME),
    object(READS, &["ContentArea"], Inferred, "saved_content_read", BY_NAME),
    object(CHANGES, &["ContentArea"], Inferred, "saved_content_write", BY_NAME),
    object(READS, &["Portfolio"], Inferred, "documents_and_images_read", BY_NAME),
    object(CHANGES, &["Portfolio"], Inferred, "documents_and_images_write", BY_NAME),
    object(&["Create"], &["SMSTriggeredSend"], Inferred, "sms_send", BY_NAME),
    object(READS, &["SMSTriggeredSendDefinition"], Inferred, "sms_read", BY_NAME),
    object(CHANGES, &["SMSTriggeredSendDefinition"], Inferred, "sms_write", BY_NAME),
    object(READS, AUTOMATIONS, Inferred, "automations_read", BY_NAME),
    object(CHANGES, AUTOMATIONS, Inferred, "automations_write", BY_NAME),
    object(RUNS, AUTOMATIONS, Inferred, "automations_execute", BY_NAME),
    object(READS, &["AccountUser", "Role"], Inferred, "users_read", BY_NAME),
    object(CHANGES, &["AccountUser", "Role"], Inferred, "users_write", BY_NAME),
    object(READS, &["Account", "BusinessUnit"], Inferred, "accounts_read", BY_NAME),
    object(CHANGES, &["Account", "BusinessUnit"], Inferred, "accounts_write", BY_NAME),
];
