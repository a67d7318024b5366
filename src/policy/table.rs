//! The kept table: which routes and operations read, write and send, and where each is said. Never guesses; what is not
//! here is judged by its method and root in `effect`.

use super::{Effect, glob, path};
use crate::soap::envelope::Operation;

/// Methods that change nothing.
pub(super) const READING: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// Roots below which a POST counts as a send unless a row says otherwise.
pub(super) const SENDING_ROOTS: [&str; 5] = ["messaging", "interaction", "push", "sms", "legacy"];

/// The service roots of the vendor's REST APIs: Marketing Cloud's, `services` of core Salesforce, and `api` of Data Cloud and
/// Account Engagement.
pub const ROOTS: [&str; 18] = [
    "address",
    "api",
    "asset",
    "automation",
    "contacts",
    "data",
    "email",
    "guide",
    "hub",
    "interaction",
    "legacy",
    "messaging",
    "ott",
    "platform",
    "provisioning",
    "push",
    "services",
    "sms",
];

/// One REST route.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// `*` stands for one segment, `**` at the end for any number.
    pub(super) path: &'static str,
    pub(super) effect: Effect,
    /// Where it is said.
    pub(super) source: &'static str,
}

impl Route {
    /// Whether the path is of this route. Letter case does not count: the tenant answers `customObjects` as `customobjects`.
    pub(super) fn fits<'a>(&self, mut segments: impl Iterator<Item = &'a str>) -> bool {
        for own in path::segments(self.path) {
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

/// One operation of core Salesforce's own SOAP APIs.
pub(super) struct CoreOperation {
    /// In the case that core uses, which counts.
    pub(super) name: &'static str,
    pub(super) effect: Effect,
    /// Where it is said.
    pub(super) source: &'static str,
}

/// One SOAP operation on one kind of object.
pub(super) struct Object {
    pub(super) operation: Operation,
    /// `*` stands for any number of letters.
    pub(super) object_type: &'static str,
    pub(super) effect: Effect,
    /// Where it is said.
    pub(super) source: &'static str,
}

impl Object {
    pub(super) fn fits(&self, object_type: &str) -> bool {
        let (pattern, name) = (self.object_type.as_bytes(), object_type.as_bytes());
        glob::covers(
            pattern,
            name,
            |part| *part == b'*',
            |part, letter| part.eq_ignore_ascii_case(letter),
        )
    }
}

const fn reads(method: &'static str, path: &'static str, source: &'static str) -> Route {
    Route {
        method,
        path,
        effect: Effect::Read,
        source,
    }
}

const fn writes(method: &'static str, path: &'static str, source: &'static str) -> Route {
    Route {
        method,
        path,
        effect: Effect::Write,
        source,
    }
}

const fn sends(method: &'static str, path: &'static str, source: &'static str) -> Route {
    Route {
        method,
        path,
        effect: Effect::Send,
        source,
    }
}

const SCOPES: &str = "vendor guide: REST API Permission IDs and Scopes";
const SMS_REFERENCE: &str = "vendor reference: mc_rest_sms";
const PUSH_SEND: &str = "vendor guide: REST API Permission IDs and Scopes (push_send)";
const DEFINITIONS: &str = "vendor reference: Transactional Messaging, create a definition";
const MESSAGES: &str = "vendor reference: Transactional Messaging, send a message";
const RUNS: &str = "public clients start automations with it; a run performs every activity, sends included (inferred)";

/// The routes. Of those that fit, the first one of the call's method holds.
#[rustfmt::skip]
pub(super) const ROUTES: &[Route] = &[
    reads("POST", "/address/v1/validateEmail", "vendor guide: REST API Permission IDs and Scopes (email_read)"),
    reads("POST", "/asset/v1/content/assets/query", "vendor guide: REST API Permission IDs and Scopes (documents_and_images_read)"),
    writes("POST", "/asset/v1/content/assets", SCOPES),
    writes("POST", "/asset/v1/content/categories", SCOPES),

    reads("POST", "/automation/v1/queries/actions/validate", "public clients validate SQL with it; dawidmachon/mcecli: endpoint notes count it as a read"),
    sends("POST", "/automation/v1/automations/trigger/**", RUNS),
    sends("POST", "/automation/v1/automations/*/start", RUNS),
    sends("POST", "/automation/v1/automations/*/trigger", RUNS),
    sends("POST", "/automation/v1/automations/*/actions/**", RUNS),

    reads("POST", "/contacts/v1/addresses/email/search", "vendor reference: mc_rest_contacts/retrieveContactKey"),
    reads("POST", "/contacts/v1/addresses/search/*", "vendor reference: mc_rest_contacts/fetchContactsAddressesBySearchCriteria"),
    reads("POST", "/contacts/v1/addresses/count", "vendor reference: mc_rest_contacts/fetchContactsAddressesCountSearchCriteria"),
    reads("POST", "/contacts/v1/attributes/search", SCOPES),
    reads("POST", "/contacts/v1/contacts/preferences/search", "vendor reference: mc_rest_contacts/searchContactPreferencesByReferenceType"),
    reads("POST", "/contacts/v1/contacts/actions/delete/options", "vendor reference: mc_rest_contacts/getDeleteOptions"),
    sends("POST", "/contacts/v1/contactEvents", "vendor guide: REST API Permission IDs and Scopes; public tutorials enter contacts into journeys with it"),
    writes("POST", "/contacts/v1/contacts/**", "vendor reference: mc_rest_contacts/createContacts, DeleteByContactKeys, restrict-contact-key"),

    writes("POST", "/data/v1/async/dataextensions/*/rows", "vendor guide: REST API Permission IDs and Scopes (data_extensions_write)"),
    writes("POST", "/data/v1/**", "vendor reference: Data Extensions; everything that reads is a GET"),

    sends("POST", "/guide/v1/emails/preview/send", "public clients send tests with it, as Content Builder does"),
    writes("POST", "/guide/v1/emails/**", "public clients render previews with it; AMPscript in an email may write (inferred)"),

    writes("POST", "/hub/v1/campaigns/**", SCOPES),
    writes("POST", "/hub/v1/dataevents/**", "vendor guide: REST API Permission IDs and Scopes (data_extensions_write)"),
    writes("POST", "/hub/v1/dataeventsasync/**", "dawidmachon/mcecli: endpoint notes, rows in bulk"),

    sends("POST", "/interaction/v1/events", "vendor reference: mc_rest_interaction/postEvent"),
    sends("POST", "/interaction/v1/async/events", "vendor reference: mc_rest_interaction/enterContactsIntoJourneyInBatches"),
    sends("POST", "/interaction/v1/interactions/publishAsync/*", "vendor reference: mc_rest_interaction/postPublishInteractionById"),
    sends("POST", "/interaction/v1/interactions/resume/*", "vendor reference: mc_rest_interaction/JourneyResumeByDefinitionId"),
    sends("POST", "/interaction/v1/eventDefinitions", "vendor reference: mc_rest_interaction/createEventDefinition; a schedule in it may admit contacts (inferred)"),
    sends("PUT", "/interaction/v1/eventDefinitions/*", "vendor reference: mc_rest_interaction/updateEventDefinition; likewise"),
    writes("DELETE", "/interaction/v1/eventDefinitions/*", "vendor reference: mc_rest_interaction/deleteEventDefinition"),
    writes("POST", "/interaction/v1/interactions", "vendor reference: mc_rest_interaction/postCreateInteraction; a draft"),
    writes("POST", "/interaction/v1/interactions/pause/*", "vendor reference: mc_rest_interaction/JourneyPauseByDefinitionId"),
    writes("POST", "/interaction/v1/interactions/stop/*", "vendor reference: mc_rest_interaction/postStopInteractionById"),
    writes("POST", "/interaction/v1/interactions/contactexit", "vendor reference: mc_rest_contacts/contactExitRequest"),
    reads("POST", "/interaction/v1/interactions/contactexit/status", "vendor reference: mc_rest_contacts/contactExitStatus"),
    reads("POST", "/interaction/v1/interactions/contactMembership", "vendor reference: mc_rest_contacts/contactMembershipRequest"),
    reads("POST", "/interaction/v1/interactions/journeyhistory/download", "vendor reference: mc_rest_interaction/downloadJourneyHistory"),
    reads("POST", "/interaction/v1/interactions/journeyhistory/estimate", "vendor reference: mc_rest_interaction/getJourneyHistoryDownloadEstimate"),
    reads("POST", "/interaction/v1/interactions/journeyhistory/search", "public clients search with it; dawidmachon/mcecli: endpoint notes"),
    reads("POST", "/interaction/v1/interactions/journeyhistory/summary", "dawidmachon/mcecli: endpoint notes, a query"),

    sends("POST", "/messaging/v1/email/messages/**", MESSAGES),
    sends("POST", "/messaging/v1/sms/messages/**", MESSAGES),
    sends("POST", "/messaging/v1/push/messages/**", MESSAGES),
    sends("POST", "/messaging/v1/ott/messages/**", MESSAGES),
    sends("POST", "/messaging/v1/messageDefinitionSends/*/send", "vendor reference: mc_rest_messaging/messageDefinitionSends"),
    sends("POST", "/messaging/v1/messageDefinitionSends/*/sendBatch", "public clients send batches of triggered emails with it"),
    sends("POST", "/messaging/v1/messageSends/send", "dawidmachon/mcecli: endpoint notes, not tried there"),
    writes("POST", "/messaging/v1/email/definitions", DEFINITIONS),
    writes("POST", "/messaging/v1/sms/definitions", DEFINITIONS),
    writes("POST", "/messaging/v1/push/definitions", DEFINITIONS),
    writes("POST", "/messaging/v1/ott/definitions", DEFINITIONS),
    writes("POST", "/messaging/v1/email/seed-lists", "vendor reference: mc_rest_seedlist/messageCreateSeedList"),
    writes("POST", "/messaging/v1/domainverification/**", SCOPES),
    writes("POST", "/messaging/v1/securityHeaders", "vendor reference: mc_rest_security/securityHeaders-update"),

    sends("POST", "/ott/v1/send", "vendor reference: mc_rest_chat_messaging/OTTsendMessageToRecipient"),
    writes("POST", "/ott/v1/registration", "vendor reference: mc_rest_chat_messaging/OTTregisterProperty"),

    sends("POST", "/push/v1/messageApp/*/send", PUSH_SEND),
    sends("POST", "/push/v1/messageBatch/*/send", PUSH_SEND),
    sends("POST", "/push/v1/messageContact/*/send", PUSH_SEND),
    sends("POST", "/push/v1/messageList/*/send", PUSH_SEND),
    sends("POST", "/push/v1/messageTag/*/send", PUSH_SEND),
    sends("POST", "/push/v1/message", PUSH_SEND),
    sends("PUT", "/push/v1/message/*", PUSH_SEND),
    writes("DELETE", "/push/v1/message/*", "vendor guide: REST API Permission IDs and Scopes (push_write)"),

    sends("POST", "/sms/v1/messageContact/*/send", SMS_REFERENCE),
    sends("POST", "/sms/v1/messageList/*/send", SMS_REFERENCE),
    sends("POST", "/sms/v1/automation/importSend", SMS_REFERENCE),
    sends("POST", "/sms/v1/queueMO", "vendor reference: mc_rest_sms/postQueueMO; the keyword's reply is sent"),
    reads("POST", "/sms/v1/contacts/subscriptions", "vendor reference: mc_rest_sms/contactsSubscriptions"),
    writes("POST", "/sms/v1/automation/importSend/*/deliveryReport", SMS_REFERENCE),
    writes("POST", "/sms/v1/messageList/*/deliveryReport/*", SMS_REFERENCE),
    writes("POST", "/sms/v1/contacts/queueImport/*", SMS_REFERENCE),
    writes("POST", "/sms/v1/contacts/refreshList/*", SMS_REFERENCE),
    writes("POST", "/sms/v1/keyword", SMS_REFERENCE),

    sends("POST", "/services/data/*/actions/standard/emailSimple", "vendor guide: Actions Developer Guide, Email Simple Actions"),
    sends("POST", "/services/data/*/actions/custom/**", "vendor guide: REST API, Invocable Actions Custom; an email alert sends, a flow or Apex may"),
    sends("POST", "/services/data/*/composite", "vendor guide: REST API, Composite; a call in it may be emailSimple"),
    sends("POST", "/services/data/*/composite/batch", "vendor guide: REST API, Composite Batch; likewise"),
    sends("POST", "/services/data/*/quickActions/**", "vendor guide: REST API, Quick Actions; SendEmail is one"),
    sends("POST", "/services/data/*/sobjects/*/quickActions/**", "vendor guide: REST API, SObject Quick Actions; SendEmail is one"),
    sends("POST", "/services/apexrest/**", "code of the org, which may do anything"),
    sends("PUT", "/services/apexrest/**", "likewise"),
    sends("PATCH", "/services/apexrest/**", "likewise"),
    sends("DELETE", "/services/apexrest/**", "likewise"),
    sends("GET", "/services/data/*/tooling/executeAnonymous", "vendor guide: Tooling API; runs whatever Apex its query holds"),
    sends("POST", "/services/Soap/**", "an envelope that is not read as one, because its path has escapes"),
];

const fn object(
    operation: Operation,
    object_type: &'static str,
    effect: Effect,
    source: &'static str,
) -> Object {
    Object {
        operation,
        object_type,
        effect,
        source,
    }
}

const WSDL: &str = "vendor WSDL: etframework.wsdl";
const DEFINES: &str =
    "vendor WSDL; a definition or profile, of which nothing leaves before it is performed";
const DEFINES_TRIGGERED: &str =
    "vendor WSDL; a definition, of which something leaves only with a TriggeredSend";
const LIKE_A_SEND: &str =
    "vendor WSDL: Send, TriggeredSend, SMSTriggeredSend, VoiceTriggeredSend and the like";
const RELEASES: &str = "vendor WSDL; an update to Active may release what was queued while a definition was paused (inferred)";

/// The operations. The first row that fits holds; of several types in one call, the gravest.
#[rustfmt::skip]
pub(super) const OBJECTS: &[Object] = &[
    object(Operation::Retrieve, "*", Effect::Read, WSDL),
    object(Operation::Describe, "*", Effect::Read, WSDL),
    object(Operation::Query, "*", Effect::Read, WSDL),
    object(Operation::VersionInfo, "*", Effect::Read, WSDL),
    object(Operation::GetSystemStatus, "*", Effect::Read, WSDL),
    object(Operation::Create, "SendClassification", Effect::Write, DEFINES),
    object(Operation::Create, "SenderProfile", Effect::Write, DEFINES),
    object(Operation::Create, "EmailSendDefinition", Effect::Write, DEFINES),
    object(Operation::Create, "TriggeredSendDefinition", Effect::Write, DEFINES_TRIGGERED),
    object(Operation::Create, "SMSTriggeredSendDefinition", Effect::Write, DEFINES_TRIGGERED),
    object(Operation::Create, "VoiceTriggeredSendDefinition", Effect::Write, DEFINES_TRIGGERED),
    object(Operation::Create, "*Send*", Effect::Send, LIKE_A_SEND),
    object(Operation::Create, "*", Effect::Write, WSDL),
    object(Operation::Update, "SendClassification", Effect::Write, DEFINES),
    object(Operation::Update, "SenderProfile", Effect::Write, DEFINES),
    object(Operation::Update, "EmailSendDefinition", Effect::Write, DEFINES),
    object(Operation::Update, "*TriggeredSendDefinition", Effect::Send, RELEASES),
    object(Operation::Update, "*Send*", Effect::Send, LIKE_A_SEND),
    object(Operation::Update, "*", Effect::Write, WSDL),
    object(Operation::Delete, "*", Effect::Write, WSDL),
    object(Operation::Configure, "*", Effect::Write, WSDL),
    object(Operation::Execute, "*", Effect::Write, WSDL),
    object(Operation::Extract, "*", Effect::Write, WSDL),
    object(Operation::Perform, "*", Effect::Send, "vendor WSDL; starts a send, an import or an automation"),
    object(Operation::Schedule, "*", Effect::Send, "vendor WSDL; starts a send or an automation later"),
];

const fn core(name: &'static str, effect: Effect, source: &'static str) -> CoreOperation {
    CoreOperation {
        name,
        effect,
        source,
    }
}

const SOAP_GUIDE: &str = "vendor guide: SOAP API Developer Guide";
const METADATA_GUIDE: &str = "vendor guide: Metadata API Developer Guide";

/// The operation of core Salesforce of this name, if it is one that the table knows: for labels, which have to be few.
#[must_use]
pub fn core_operation(name: &str) -> Option<&'static str> {
    let row = CORE.iter().find(|row| row.name == name);
    row.map(|row| row.name)
}

/// The operations of core Salesforce. What is not here writes.
#[rustfmt::skip]
pub(super) const CORE: &[CoreOperation] = &[
    core("query", Effect::Read, SOAP_GUIDE),
    core("queryMore", Effect::Read, SOAP_GUIDE),
    core("queryAll", Effect::Read, SOAP_GUIDE),
    core("retrieve", Effect::Read, "vendor guides: SOAP API and Metadata API"),
    core("search", Effect::Read, SOAP_GUIDE),
    core("describeSObject", Effect::Read, SOAP_GUIDE),
    core("describeSObjects", Effect::Read, SOAP_GUIDE),
    core("describeGlobal", Effect::Read, SOAP_GUIDE),
    core("describeLayout", Effect::Read, SOAP_GUIDE),
    core("getUserInfo", Effect::Read, SOAP_GUIDE),
    core("getServerTimestamp", Effect::Read, SOAP_GUIDE),
    core("getUpdated", Effect::Read, SOAP_GUIDE),
    core("getDeleted", Effect::Read, SOAP_GUIDE),
    core("listMetadata", Effect::Read, METADATA_GUIDE),
    core("readMetadata", Effect::Read, METADATA_GUIDE),
    core("describeMetadata", Effect::Read, METADATA_GUIDE),
    core("checkDeployStatus", Effect::Read, METADATA_GUIDE),
    core("checkRetrieveStatus", Effect::Read, METADATA_GUIDE),
    core("create", Effect::Write, SOAP_GUIDE),
    core("update", Effect::Write, SOAP_GUIDE),
    core("upsert", Effect::Write, SOAP_GUIDE),
    core("delete", Effect::Write, SOAP_GUIDE),
    core("undelete", Effect::Write, SOAP_GUIDE),
    core("merge", Effect::Write, SOAP_GUIDE),
    core("process", Effect::Write, SOAP_GUIDE),
    core("convertLead", Effect::Write, SOAP_GUIDE),
    core("emptyRecycleBin", Effect::Write, SOAP_GUIDE),
    core("deploy", Effect::Write, METADATA_GUIDE),
    core("cancelDeploy", Effect::Write, METADATA_GUIDE),
    core("createMetadata", Effect::Write, METADATA_GUIDE),
    core("updateMetadata", Effect::Write, METADATA_GUIDE),
    core("upsertMetadata", Effect::Write, METADATA_GUIDE),
    core("deleteMetadata", Effect::Write, METADATA_GUIDE),
    core("renameMetadata", Effect::Write, METADATA_GUIDE),
    core("sendEmail", Effect::Send, SOAP_GUIDE),
    core("sendEmailMessage", Effect::Send, SOAP_GUIDE),
];
