//! Why a call is held back, in words for whoever made it. Names calls with their ids masked, and never quotes a body or a
//! header's value.

use http::Method;

use super::path;
use super::{Call, Mode};
use crate::soap::envelope::{Envelope, Operation};

/// Segments of a path that name a call.
const NAMING_SEGMENTS: usize = 3;
/// Longest segment, method or object type that is told.
const WORD_LENGTH_MAX: usize = 60;
/// Object types that are told of one call.
const NAMED_TYPES_MAX: usize = 3;

/// Why a call is held back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Held {
    /// It sends messages, or may.
    #[error(
        "`{call}` sends messages to people or starts what may, and mode `{}` holds that back: nothing went to the tenant. \
         Where it is meant to send, set `mode` of the tenant, client or listener to \"full\"",
        mode.name()
    )]
    Sends {
        /// What the call goes by.
        call: String,
        /// The mode that holds.
        mode: Mode,
    },
    /// It changes something, or may.
    #[error(
        "`{call}` changes something or may, and mode `{}` lets through only what reads: nothing went to the tenant. Where it \
         is meant to write, set `mode` of the tenant, client or listener to \"no_send\" or \"full\"",
        mode.name()
    )]
    Writes {
        /// What the call goes by.
        call: String,
        /// The mode that holds.
        mode: Mode,
    },
    /// The allow list does not cover it.
    #[error(
        "`{call}` is not on this client's allow list. Where it is meant to be, add a pattern to `allow`, such as \
         \"{pattern}\""
    )]
    NotAllowed {
        /// What the call goes by.
        call: String,
        /// A pattern that would cover it.
        pattern: String,
    },
    /// What it would do cannot be told for certain.
    #[error("`{call}` is held back because a policy applies and {}", doubt.words())]
    Unclear {
        /// What the call goes by.
        call: String,
        /// What is ambiguous.
        doubt: Doubt,
    },
}

impl Held {
    /// The code of the answer: `send_blocked`, `write_blocked` or `policy_denied`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sends { .. } => "send_blocked",
            Self::Writes { .. } => "write_blocked",
            Self::NotAllowed { .. } | Self::Unclear { .. } => "policy_denied",
        }
    }

    /// What the call goes by: method and the path's first three segments, or operation and object types; ids masked.
    #[must_use]
    pub fn call(&self) -> &str {
        match self {
            Self::Sends { call, .. }
            | Self::Writes { call, .. }
            | Self::NotAllowed { call, .. }
            | Self::Unclear { call, .. } => call,
        }
    }
}

/// What makes a call mean different things to different readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// `.` or `..`, escaped or not, or what some servers take for them.
    DotSegment,
    /// A backslash, escaped or not.
    Backslash,
    /// A control character.
    Control,
    /// An escape that is none, that not all servers know, or that hides under too many others.
    Escape,
    /// Escapes that are not UTF-8.
    Text,
    /// A header that names another method.
    MethodHeader,
    /// A header that names another path.
    PathHeader,
    /// `SOAPAction` or `Action` against the Body, or a Body with several elements.
    Disagreement,
}

impl Doubt {
    /// Every doubt.
    pub const ALL: [Self; 8] = [
        Self::DotSegment,
        Self::Backslash,
        Self::Control,
        Self::Escape,
        Self::Text,
        Self::MethodHeader,
        Self::PathHeader,
        Self::Disagreement,
    ];

    /// What is ambiguous, and what to do.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::DotSegment => {
                "its path has a `.` or `..` segment, escaped or not: ask for the path that is meant"
            }
            Self::Backslash => {
                "its path has a backslash, escaped or not: separate segments with `/`"
            }
            Self::Control => "its path has a control character: leave it out",
            Self::Escape => {
                "its path has an escape that not every server reads alike: escape once, with `%` and two hexadecimal digits"
            }
            Self::Text => "its path has escapes that are not UTF-8: escape the UTF-8 bytes",
            Self::MethodHeader => {
                "a header names another method (X-HTTP-Method-Override and its like): use the method itself"
            }
            Self::PathHeader => {
                "a header names another path (X-Original-URL or X-Rewrite-URL): ask for the path itself"
            }
            Self::Disagreement => {
                "SOAPAction or Action does not name the operation of the Body, or the Body has more than one element: send one \
                 operation, and its name as the action"
            }
        }
    }
}

/// What a call goes by.
pub(super) fn name(call: &Call<'_>) -> String {
    match call {
        Call::Rest { method, path, .. } => {
            format!("{} {}", method_name(method), route(path, "{id}"))
        }
        Call::Soap(envelope) => {
            let operation = operation(envelope).unwrap_or_else(|| "other".to_owned());
            let types = envelope.object_types();
            let mut named: Vec<String> = types
                .iter()
                .take(NAMED_TYPES_MAX)
                .map(|name| type_name(name))
                .collect();
            named.dedup();
            let mut text = format!("SOAP {operation}");
            if !named.is_empty() {
                text.push(' ');
                text.push_str(&named.join(", "));
            }
            if types.len() > NAMED_TYPES_MAX {
                text.push_str(" and more");
            }
            text
        }
    }
}

/// The refusal of a call that no pattern covers.
pub(super) fn not_allowed(call: &Call<'_>) -> Held {
    let pattern = match call {
        Call::Rest { method, path, .. } => {
            let deeper = path::segments(path).nth(NAMING_SEGMENTS).is_some();
            let tail = if deeper { "/**" } else { "" };
            format!("{} {}{tail}", method_name(method), route(path, "*"))
        }
        Call::Soap(envelope) => match operation(envelope) {
            None => "SOAP OPERATION".to_owned(),
            Some(operation) => match envelope.object_types().first() {
                Some(first) if !envelope.has_untyped_objects() => {
                    format!("SOAP {operation} {}", type_name(first))
                }
                _ => format!("SOAP {operation}"),
            },
        },
    };
    let call = name(call);
    Held::NotAllowed { call, pattern }
}

/// The operation's name, where it is one of the vendor's own.
fn operation(envelope: &Envelope) -> Option<String> {
    let known = envelope.operation().map(Operation::name);
    let core = envelope.core_operation().filter(|name| is_word(name));
    known.or(core).map(str::to_owned)
}

fn method_name(method: &Method) -> String {
    let name = method.as_str();
    if is_word(name) {
        name.to_ascii_uppercase()
    } else {
        "OTHER".to_owned()
    }
}

/// The first segments of a path. What is neither a word nor a version is an id, and masked.
fn route(path: &str, mask: &str) -> String {
    let mut route = String::new();
    for segment in path::segments(path).take(NAMING_SEGMENTS) {
        let digits = segment.strip_prefix(['v', 'V']).unwrap_or_default();
        let is_version =
            matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit());
        route.push('/');
        route.push_str(if is_version || is_word(segment) {
            segment
        } else {
            mask
        });
    }
    if route.is_empty() {
        route.push('/');
    }
    route
}

/// An object type, with whatever its brackets hold masked: `DataExtensionObject[*]`.
fn type_name(object_type: &str) -> String {
    let (name, key) = match object_type.split_once('[') {
        Some((name, _key)) => (name, "[*]"),
        None => (object_type, ""),
    };
    let is_name = name.len() <= WORD_LENGTH_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    format!("{}{key}", if is_name { name } else { "*" })
}

fn is_word(text: &str) -> bool {
    text.len() <= WORD_LENGTH_MAX
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_')
}
