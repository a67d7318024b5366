//! What an API says when it says no, in every shape in which the vendor's do. Pure; quotes little, and on one line.

use serde_json::Value;

use crate::login;

/// Words of an answer that are quoted.
const QUOTED_MAX: usize = 400;

/// Where the vendor, or core Salesforce, speaks of callers' addresses. Nothing of it is documented word for word.
const OF_ADDRESSES: [&str; 9] = [
    "ip address",
    "ip restrict",
    "ip_restrict",
    "ip range",
    "ip allow",
    "login_ip",
    "allowlist",
    "allow list",
    "whitelist",
];

/// An answer, read whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    /// HTTP status.
    pub(super) status: u16,
    /// Whether it is an HTML page.
    pub(super) is_page: bool,
    /// The body, without the token that it was asked with.
    pub(super) text: String,
}

/// An error's code and words, each empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) error: String,
    pub(super) words: String,
}

impl Answered {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// Status, code and words on one line.
    pub(super) fn quoted(&self) -> String {
        let said = self.said();
        let words = match (said.error.as_str(), said.words.as_str()) {
            ("", "") if self.is_page => "an HTML page".to_owned(),
            ("", "") => self.text.clone(),
            (error, words) => format!("{error} {words}"),
        };
        printable(format!("{} {}", self.status, words.trim()).trim_end())
    }

    /// Reads an error in whichever shape it is: OAuth's, that of Marketing Cloud's REST, core's list of one, Account
    /// Engagement's two, or a Fault.
    pub(super) fn said(&self) -> Said {
        let Some(json) = self.json() else {
            return Said {
                error: element(&self.text, "faultcode"),
                words: element(&self.text, "faultstring"),
            };
        };
        let object = json.get(0).unwrap_or(&json);
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| object.get(*name));
            match found {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => String::new(),
            }
        };
        let inner = object.pointer("/@attributes/err_code");
        let inner = inner.map(ToString::to_string);
        Said {
            error: inner.unwrap_or_else(|| text(&["error", "errorcode", "errorCode", "code"])),
            words: text(&["error_description", "message", "err"]),
        }
    }
}

/// The text of the first element of this name, whatever its prefix.
fn element(text: &str, name: &str) -> String {
    let found = text.match_indices(name).find_map(|(place, _name)| {
        let before = text.get(..place)?;
        let opens = before.ends_with('<')
            || before
                .rsplit_once('<')
                .is_some_and(|(_before, prefix)| prefix.ends_with(':') && !prefix.starts_with('/'));
        let rest = text.get(place + name.len()..)?;
        let (_attributes, content) = rest.split_once('>')?;
        opens.then(|| content.split('<').next().unwrap_or_default())
    });
    found.unwrap_or_default().trim().to_owned()
}

/// Whether words speak of the address that a call comes from.
pub(super) fn is_of_addresses(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    OF_ADDRESSES.iter().any(|phrase| words.contains(phrase))
}

/// What others say, fit to be printed.
pub(super) fn printable(text: &str) -> String {
    login::printable(text, QUOTED_MAX)
}
