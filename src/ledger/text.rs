//! What calls are called, and texts that are fit to be kept: bounded, printable, and without ids.

use std::borrow::Cow;
use std::fmt;

/// Longest text of an entry, in bytes.
pub(super) const TEXT_MAX: usize = 400;
/// Longest name of an object type.
const TYPE_MAX: usize = 64;

/// A call as an `allow` pattern would name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallName<'a> {
    /// Method and masked path.
    Rest(&'a str, &'a str),
    /// Operation and masked object type.
    Soap(&'a str, Option<&'a str>),
}

impl fmt::Display for CallName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rest(method, route) => write!(formatter, "{method} {route}"),
            Self::Soap(operation, None) => write!(formatter, "SOAP {operation}"),
            Self::Soap(operation, Some(object)) => write!(formatter, "SOAP {operation} {object}"),
        }
    }
}

/// An object type without the key that may stand in it: `DataExtensionObject[*]`. What is no name becomes `other`.
#[must_use]
pub fn object_type(text: &str) -> Cow<'_, str> {
    let (name, key) = match text.split_once('[') {
        Some((name, _key)) => (name, true),
        None => (text, false),
    };
    let fits = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_';
    if name.is_empty() || name.len() > TYPE_MAX || !name.bytes().all(fits) {
        return Cow::Borrowed("other");
    }
    match (key, text.ends_with("[*]")) {
        (false, _) => Cow::Borrowed(name),
        (true, true) if text.len() == name.len() + 3 => Cow::Borrowed(text),
        _ => Cow::Owned(format!("{name}[*]")),
    }
}

/// A text that is kept: what is invisible, or turns the direction of writing, becomes a space, and what is too long is cut.
pub(super) fn kept<T: From<String>>(text: &str) -> T {
    let mut kept = String::with_capacity(text.len().min(TEXT_MAX));
    for letter in text.chars() {
        if kept.len() + letter.len_utf8() > TEXT_MAX {
            break;
        }
        kept.push(if is_invisible(letter) { ' ' } else { letter });
    }
    kept.into()
}

fn is_invisible(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
