//! What to do about an answer of the tenant that is no success, by the class of the call: REST by its service root, SOAP by its
//! object. What happened is the verdict's advice; here is what mends it. Quotes nothing of the answer.

use http::StatusCode;

use super::verdict::Verdict;
use crate::token::Because;

/// What a call was for, as far as it matters here.
pub(super) struct Asked<'a> {
    /// The service root of a REST call.
    pub(super) root: &'a str,
    /// The operation of a SOAP call.
    pub(super) operation: Option<&'a str>,
    /// The type of its first object.
    pub(super) object_type: Option<&'a str>,
    /// Whether core Salesforce was called.
    pub(super) is_core: bool,
    /// The one scope that the call needs, where that is known.
    pub(super) scope: Option<&'static str>,
}

/// Calls with the same answers to what is wrong.
struct Class {
    /// A service root, or the beginning of object types.
    name: &'static str,
    /// The scopes that its calls need.
    scopes: &'static str,
    /// What to look at where something is not found.
    not_found: &'static str,
    /// What to look at where something is invalid.
    invalid: &'static str,
}

const fn class(
    name: &'static str,
    scopes: &'static str,
    not_found: &'static str,
    invalid: &'static str,
) -> Class {
    Class {
        name,
        scopes,
        not_found,
        invalid,
    }
}

const FIELDS: &str = "The answer's additionalErrors names the fields that are wrong; compare them with the vendor's reference.";
const PATH: &str = "The vendor says the same of a route that it does not know and of data that are not there: compare the path with \
                    the reference, letter case included, and select the business unit that has the data.";

const REST: [Class; 15] = [
    class("address", "email_read", PATH, FIELDS),
    class(
        "asset",
        "documents_and_images_read or _write, and saved_content_read or _write",
        "Content belongs to the business unit that it was made in: select that one, or share the content. A wrong id answers alike.",
        "The answer's additionalErrors names the fields that are wrong; assetType, name and the category's id are the usual ones.",
    ),
    class(
        "automation",
        "automations_read, _write or _execute",
        "Automations belong to one business unit: select that one, and compare the id or key.",
        FIELDS,
    ),
    class(
        "contacts",
        "audiences_read or _write, and list_and_subscribers_read or _write",
        "Compare the contact key or id; attribute groups and journeys have keys of their own in each business unit.",
        FIELDS,
    ),
    class(
        "data",
        "data_extensions_read or _write",
        "Compare the external key of the data extension, letter case and escapes included, and select the business unit that has it.",
        "Compare the names of columns, their types and the primary keys with the data extension; the answer's additionalErrors names them.",
    ),
    class("email", "email_read or _write", PATH, FIELDS),
    class("guide", "email_read, _write or _send", PATH, FIELDS),
    class(
        "hub",
        "data_extensions_write for data events, campaign_read or _write for campaigns",
        "Compare the external key of the data extension, letter case included, and select the business unit that has it.",
        "Rows before the first wrong one are stored already: correct that row, and send from there on.",
    ),
    class(
        "interaction",
        "journeys_read, _write or _execute",
        "Compare the key and version of the journey; journeys belong to one business unit.",
        "Compare EventDefinitionKey and the fields of Data with the journey's entry event.",
    ),
    class(
        "legacy",
        "the one of the object that it is about",
        PATH,
        FIELDS,
    ),
    class(
        "messaging",
        "email_send, sms_send, push_send or ott_chat_messaging_send",
        "Compare the definition's key, letter case included; definitions belong to one business unit.",
        "Every recipient needs contactKey and an address, and the attributes that the definition's data extension requires.",
    ),
    class(
        "ott",
        "ott_channels_read or _write, or ott_chat_messaging_send",
        PATH,
        FIELDS,
    ),
    class(
        "platform",
        "the one of what it asks for; most of /platform needs none",
        PATH,
        FIELDS,
    ),
    class("push", "push_read, _write or _send", PATH, FIELDS),
    class("sms", "sms_read, _write or _send", PATH, FIELDS),
];

const OTHER: Class = class(
    "",
    "the one that the vendor's reference names for this route",
    PATH,
    FIELDS,
);

/// Beginnings of object types.
const SOAP: [(&str, &str); 21] = [
    (
        "Account",
        "accounts_read or _write; for users users_read or _write",
    ),
    ("Asset", "documents_and_images_read or _write"),
    ("Automation", "automations_read, _write or _execute"),
    ("BounceEvent", "tracking_events_read"),
    ("BusinessUnit", "accounts_read or _write"),
    ("ClickEvent", "tracking_events_read"),
    ("ContentArea", "email_read or _write"),
    ("DataExtension", "data_extensions_read or _write"),
    ("DataFolder", "the ones of what is in the folder"),
    ("Email", "email_read, _write or _send"),
    ("FilterDefinition", "list_and_subscribers_read or _write"),
    (
        "ImportDefinition",
        "automations_read, _write or _execute, and file_locations_read",
    ),
    ("List", "list_and_subscribers_read or _write"),
    ("OpenEvent", "tracking_events_read"),
    ("QueryDefinition", "automations_read, _write or _execute"),
    ("Send", "email_read or _send, and tracking_events_read"),
    ("SentEvent", "tracking_events_read"),
    ("Subscriber", "list_and_subscribers_read or _write"),
    (
        "TriggeredSend",
        "email_send, and email_read or _write for its definition",
    ),
    (
        "Unsub",
        "tracking_events_read, and list_and_subscribers_write to change it",
    ),
    ("User", "users_read or _write"),
];

/// Whether an answer is told as an error.
pub(super) fn is_trouble(verdict: Verdict, status: StatusCode) -> bool {
    matches!(
        verdict,
        Verdict::NotPermitted | Verdict::Throttled | Verdict::Refused
    ) || matches!(status.as_u16(), 400 | 401 | 403 | 404 | 429 | 500..=599)
}

/// What happened, from what the caller was told beside the answer.
pub(super) fn what(advice: Option<&str>, status: StatusCode) -> String {
    let status = status.as_u16();
    match advice {
        Some(advice) => {
            let end = if advice.ends_with('?') { "" } else { "." };
            format!("The tenant answered {status}: {advice}{end}")
        }
        None => format!(
            "The tenant answered {status}: it has trouble of its own, or the call meets a fault of its own there."
        ),
    }
}

/// What to do.
pub(super) fn fix(
    verdict: Verdict,
    because: Option<Because>,
    status: StatusCode,
    asked: &Asked<'_>,
) -> String {
    match (verdict, because, status.as_u16()) {
        (Verdict::Refused, Some(Because::NotReplayable), _) => {
            "Send the call again: the proxy has asked for a new token. A body below limits.max_replay_size is sent again by \
             the proxy itself."
                .to_owned()
        }
        (Verdict::Refused, Some(Because::AccountRests), _) => format!(
            "Look whether the installed package is enabled and has its scopes: {}",
            asked.add_scope()
        ),
        (Verdict::Refused | Verdict::NotPermitted, ..) => asked.add_scope(),
        (Verdict::Throttled, _, 429) => {
            "Wait as Retry-After says, and make fewer calls at a time. Errorcode 50200 without Retry-After means that the tenant \
             blocks these calls: ask Salesforce's support."
                .to_owned()
        }
        (Verdict::Throttled, ..) => {
            "Make fewer SOAP calls at a time, ask for fewer objects in each, and wait before the next.".to_owned()
        }
        (_, _, 403) => asked.add_scope(),
        (_, _, 404) => asked.class().not_found.to_owned(),
        (_, _, 400) => asked.class().invalid.to_owned(),
        (_, _, 401) => "The org's own code answered: look into its log.".to_owned(),
        _ if asked.operation.is_some() => {
            "The Fault in the answer says what: with a Client code correct the envelope, with a Server code look at Salesforce's \
             status page, and whether the call took effect, before it is made again."
                .to_owned()
        }
        _ => {
            "Look at Salesforce's status page. The proxy does not send such a call again, because it may have taken effect: look \
             before you do."
                .to_owned()
        }
    }
}

impl Asked<'_> {
    fn class(&self) -> &'static Class {
        let known = REST.iter().find(|class| class.name == self.root);
        known
            .filter(|_| self.operation.is_none() && !self.is_core)
            .unwrap_or(&OTHER)
    }

    fn scopes(&self) -> &'static str {
        if let Some(scope) = self.scope {
            return scope;
        }
        let Some(object) = self.object_type.filter(|_| self.operation.is_some()) else {
            return self.class().scopes;
        };
        // The longest beginning, so that SentEvent is no Send.
        let fitting = SOAP
            .iter()
            .filter(|(name, _scopes)| object.starts_with(name));
        let longest = fitting.max_by_key(|(name, _scopes)| name.len());
        longest.map_or("the one of this object", |(_name, scopes)| scopes)
    }

    fn add_scope(&self) -> String {
        if self.is_core {
            return "Give the connected app the scope api, and its user the permission for this object.".to_owned();
        }
        format!(
            "Give the installed package the scope ({}) in Setup, Installed Packages; new tokens have it within 5 minutes. If it \
             is there, the package's user lacks the permission, or the business unit the feature.",
            self.scopes()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(root: &str) -> Asked<'_> {
        Asked {
            root,
            operation: None,
            object_type: None,
            is_core: false,
            scope: None,
        }
    }

    fn told(status: u16, asked: &Asked<'_>) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        fix(Verdict::Accepted, None, status, asked)
    }

    #[test]
    fn the_class_of_a_call_says_what_mends_it() {
        assert!(told(403, &rest("data")).contains("data_extensions_read"));
        assert!(told(400, &rest("hub")).contains("stored already"));
        assert!(told(404, &rest("asset")).contains("business unit"));
        assert_eq!(told(404, &rest("other")), PATH);
        let soap = Asked {
            operation: Some("Retrieve"),
            object_type: Some("SentEvent"),
            ..rest("Retrieve")
        };
        let denied = fix(Verdict::NotPermitted, None, StatusCode::OK, &soap);
        assert!(denied.contains("(tracking_events_read)"), "{denied}");
        let known = Asked {
            scope: Some("email_read"),
            ..rest("data")
        };
        assert!(told(403, &known).contains("(email_read)"));
        let core = Asked {
            is_core: true,
            ..rest("services")
        };
        assert!(told(403, &core).contains("connected app"));
        assert_eq!(told(404, &core), PATH);
    }

    #[test]
    fn what_is_told_as_an_error() {
        for (status, is_error) in [
            (200, false),
            (400, true),
            (404, true),
            (405, false),
            (409, false),
            (429, true),
            (503, true),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(is_trouble(Verdict::Accepted, status), is_error, "{status}");
        }
        assert!(is_trouble(Verdict::NotPermitted, StatusCode::OK));
    }

    #[test]
    fn service_roots_are_those_of_the_table() {
        for class in &REST {
            assert!(crate::policy::ROOTS.contains(&class.name), "{}", class.name);
        }
    }
}
