//! What to do about an answer of the tenant that is no success, by the class of the call: REST by its service root, and SOAP
//! on its own. What happened is the verdict's advice; here is what mends it. Quotes nothing of the answer.

use http::StatusCode;

use super::advice::Needed;
use super::verdict::Verdict;
use crate::token::Because;

/// What a call was for, as far as it matters here.
pub(super) struct Asked<'a> {
    /// The service root of a REST call.
    pub(super) root: &'a str,
    /// The operation of a SOAP call.
    pub(super) operation: Option<&'a str>,
    /// Whether core Salesforce was called.
    pub(super) is_core: bool,
    /// The scopes that the call needs, where they are known.
    pub(super) needed: Option<Needed>,
}

/// Calls with the same answers to what is wrong.
struct Class {
    /// The service root.
    name: &'static str,
    /// What to look at where something is not found.
    not_found: &'static str,
    /// What to look at where something is invalid.
    invalid: &'static str,
}

const fn class(name: &'static str, not_found: &'static str, invalid: &'static str) -> Class {
    Class {
        name,
        not_found,
        invalid,
    }
}

const FIELDS: &str = "The answer's additionalErrors names the fields that are wrong; compare them with the vendor's reference.";
const PATH: &str = "The vendor says the same of a route that it does not know and of data that are not there: compare the path with \
                    the reference, letter case included, and select the business unit that has the data.";

const REST: [Class; 15] = [
    class("address", PATH, FIELDS),
    class(
        "asset",
        "Content belongs to the business unit that it was made in: select that one, or share the content. A wrong id answers alike.",
        "The answer's additionalErrors names the fields that are wrong; assetType, name and the category's id are the usual ones.",
    ),
    class(
        "automation",
        "Automations belong to one business unit: select that one, and compare the id or key.",
        FIELDS,
    ),
    class(
        "contacts",
        "Compare the contact key or id; attribute groups and journeys have keys of their own in each business unit.",
        FIELDS,
    ),
    class(
        "data",
        "Compare the external key of the data extension, letter case and escapes included, and select the business unit that has it.",
        "Compare the names of columns, their types and the primary keys with the data extension; the answer's additionalErrors names them.",
    ),
    class("email", PATH, FIELDS),
    class("guide", PATH, FIELDS),
    class(
        "hub",
        "Compare the external key of the data extension, letter case included, and select the business unit that has it.",
        "Rows before the first wrong one are stored already: correct that row, and send from there on.",
    ),
    class(
        "interaction",
        "Compare the key and version of the journey; journeys belong to one business unit.",
        "Compare EventDefinitionKey and the fields of Data with the journey's entry event.",
    ),
    class("legacy", PATH, FIELDS),
    class(
        "messaging",
        "Compare the definition's key, letter case included; definitions belong to one business unit.",
        "Every recipient needs contactKey and an address, and the attributes that the definition's data extension requires.",
    ),
    class("ott", PATH, FIELDS),
    class("platform", PATH, FIELDS),
    class("push", PATH, FIELDS),
    class("sms", PATH, FIELDS),
];

const OTHER: Class = class("", PATH, FIELDS);

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

    fn add_scope(&self) -> String {
        if self.is_core {
            return "Give the connected app the scope api, and its user the permission for this object.".to_owned();
        }
        let Some(needed) = self.needed else {
            return "Give the installed package the scope that the vendor's reference names for this call, in Setup, Installed \
                    Packages; new tokens have it within 5 minutes. If it is there, the package's user lacks the permission, or \
                    the business unit the feature."
                .to_owned();
        };
        let scope = needed.lacking.unwrap_or(needed.counted);
        let probably = if needed.is_guess {
            " that this call probably needs"
        } else {
            ""
        };
        if needed.is_granted == Some(true) {
            return format!(
                "The token has the scope{probably} ({scope}): give the package's user the permission, or the business unit the \
                 feature, or share the object with it."
            );
        }
        format!(
            "Give the installed package the scope{probably} ({scope}) in Setup, Installed Packages; new tokens have it within 5 \
             minutes. If it is there, the package's user lacks the permission, or the business unit the feature."
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
            is_core: false,
            needed: None,
        }
    }

    fn told(status: u16, asked: &Asked<'_>) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        fix(Verdict::Accepted, None, status, asked)
    }

    #[test]
    fn the_class_of_a_call_says_what_mends_it() {
        assert!(told(403, &rest("data")).contains("the vendor's reference"));
        assert!(told(400, &rest("hub")).contains("stored already"));
        assert!(told(404, &rest("asset")).contains("business unit"));
        assert_eq!(told(404, &rest("other")), PATH);
        let known = Asked {
            needed: Some(Needed {
                counted: "email_send",
                beside: &["email_read"],
                lacking: Some("email_read"),
                is_granted: Some(false),
                is_guess: false,
            }),
            ..rest("data")
        };
        assert!(told(403, &known).starts_with("Give the installed package the scope (email_read)"));
        let denied = fix(Verdict::NotPermitted, None, StatusCode::OK, &known);
        assert_eq!(denied, told(403, &known));
        let granted = Asked {
            needed: known.needed.map(|needed| Needed {
                lacking: None,
                is_granted: Some(true),
                is_guess: true,
                ..needed
            }),
            ..known
        };
        let words = told(403, &granted);
        assert!(
            words.starts_with("The token has the scope that this call probably needs (email_send)"),
            "{words}"
        );
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
