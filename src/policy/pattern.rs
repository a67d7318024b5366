//! Patterns of an allow list: what they say, and what they cover. Letter case counts, because a list errs to refusal.

use std::fmt;

use http::Method;

use super::{Call, glob, path};
use crate::soap::envelope::{Envelope, Operation};

/// Longest pattern, in bytes.
pub const PATTERN_LENGTH_MAX: usize = 1024;
/// Longest object type that a pattern with a type is tried on, in bytes.
const TYPE_LENGTH_MAX: usize = 4096;

/// What a client may call: `GET /asset/v1/**`, `SOAP Retrieve`, `SOAP Retrieve DataExtensionObject[*]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pub(super) covers: Covers,
}

/// What a pattern covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Covers {
    Rest {
        /// In upper case, or `*`.
        method: String,
        segments: Vec<Segment>,
    },
    Soap {
        /// `None` for every operation.
        operation: Option<String>,
        /// `None` for every type, and for calls that name none.
        object_type: Option<String>,
    },
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// `**`: any number of segments, none included.
    Any,
    /// `*`: one segment.
    One,
    /// This very text.
    Literal(String),
}

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {instead}")]
pub struct PatternError {
    /// What is wrong with it.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

fn wrong<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError {
        what: what.into(),
        instead: instead.into(),
    })
}

impl Pattern {
    /// Reads a pattern. One that can be read may still match nothing, which `futile` tells.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to write instead.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        if text.len() > PATTERN_LENGTH_MAX {
            let what = format!("it is longer than {PATTERN_LENGTH_MAX} bytes");
            return wrong(what, "use `*` and `**`");
        }
        if text.chars().any(char::is_control) {
            return wrong("it has a control character", "write it on one line");
        }
        let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim();
        let covers = match first {
            "" => {
                return wrong(
                    "it is empty",
                    "write \"METHOD /path\" or \"SOAP OPERATION\"",
                );
            }
            _ if first.eq_ignore_ascii_case("SOAP") => soap(rest)?,
            _ if first.starts_with('/') => {
                return wrong(
                    "the method is missing",
                    format!("write \"* {text}\", or GET for `*`"),
                );
            }
            _ => rest_pattern(first, rest)?,
        };
        let text = text.to_owned();
        Ok(Self { text, covers })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    fn covers_path(&self, called: &Method, called_segments: &[&str]) -> bool {
        match &self.covers {
            Covers::Soap { .. } => false,
            Covers::Rest { method, segments } => {
                let called = called.as_str();
                let by_method = method == "*"
                    || method.eq_ignore_ascii_case(called)
                    || (method == "GET" && called.eq_ignore_ascii_case("HEAD"));
                by_method && covers_segments(segments, called_segments)
            }
        }
    }

    fn covers_operation(&self, called: &str) -> bool {
        match &self.covers {
            Covers::Rest { .. } => false,
            Covers::Soap { operation, .. } => operation
                .as_deref()
                .is_none_or(|operation| operation == called),
        }
    }

    /// Whether a type is covered; `None` stands for objects that name none.
    fn covers_type(&self, named: Option<&str>) -> bool {
        match (&self.covers, named) {
            (Covers::Rest { .. }, _) => false,
            (
                Covers::Soap {
                    object_type: None, ..
                },
                _,
            ) => true,
            (
                Covers::Soap {
                    object_type: Some(_),
                    ..
                },
                None,
            ) => false,
            (
                Covers::Soap {
                    object_type: Some(pattern),
                    ..
                },
                Some(named),
            ) => {
                named.len() <= TYPE_LENGTH_MAX
                    && glob::covers(
                        pattern.as_bytes(),
                        named.as_bytes(),
                        |part| *part == b'*',
                        |part, letter| part == letter,
                    )
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

pub(super) fn covers_segments(pattern: &[Segment], segments: &[&str]) -> bool {
    glob::covers(
        pattern,
        segments,
        |part| *part == Segment::Any,
        |part, segment| match part {
            Segment::Any | Segment::One => true,
            Segment::Literal(text) => text == segment,
        },
    )
}

fn rest_pattern(method: &str, path: &str) -> Result<Covers, PatternError> {
    if method.contains('/') {
        let what = format!("`{method}` is no method");
        return wrong(what, "write the method first, as in \"GET /asset/v1/**\"");
    }
    if path.is_empty() {
        let what = format!("`{method}` names no path");
        return wrong(what, format!("write \"{method} /**\" for every path"));
    }
    if path.contains(char::is_whitespace) {
        return wrong("the path has a space", "use `*` for a segment that has one");
    }
    let Some(below) = path.strip_prefix('/') else {
        let what = format!("the path `{path}` does not begin with `/`");
        return wrong(what, format!("write \"{method} /{path}\""));
    };
    let below = below.strip_suffix('/').unwrap_or(below);
    let mut segments = Vec::new();
    if !below.is_empty() {
        for segment in below.split('/') {
            segments.push(match segment {
                "**" => Segment::Any,
                "*" => Segment::One,
                _ if segment.contains('*') => {
                    let what = format!("`{segment}` has a `*` beside other letters");
                    return wrong(
                        what,
                        "`*` stands for a whole segment, `**` for any number of them",
                    );
                }
                _ => Segment::Literal(segment.to_owned()),
            });
        }
    }
    // Several in a row say no more than one.
    segments.dedup_by(|one, other| *one == Segment::Any && *other == Segment::Any);
    let method = method.to_ascii_uppercase();
    Ok(Covers::Rest { method, segments })
}

fn soap(rest: &str) -> Result<Covers, PatternError> {
    let (operation, object_type) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let object_type = object_type.trim();
    if operation.is_empty() {
        let instead = "write \"SOAP Retrieve\", or \"SOAP *\" for every operation";
        return wrong("the operation is missing", instead);
    }
    if operation != "*" && operation.contains(['*', '/', '[']) {
        let what = format!("`{operation}` is no operation");
        return wrong(
            what,
            "write \"SOAP Retrieve DataExtensionObject[*]\": operation, then type",
        );
    }
    if has_stray_joker(object_type) {
        let what = format!("`{object_type}` has a `*` outside brackets");
        let instead = "write the type in full, `*` for every type, or `Type[*]` for every key";
        return wrong(what, instead);
    }
    if object_type.contains('[') != object_type.ends_with(']') {
        let what = format!("`{object_type}` has a bracket that is not closed");
        return wrong(what, "write `DataExtensionObject[*]`");
    }
    Ok(Covers::Soap {
        operation: (operation != "*").then(|| operation.to_owned()),
        object_type: (!object_type.is_empty()).then(|| object_type.to_owned()),
    })
}

/// Whether a `*` stands outside brackets, and not alone.
fn has_stray_joker(object_type: &str) -> bool {
    let outside = object_type.split('[').next().unwrap_or_default();
    object_type != "*" && outside.contains('*')
}

/// The patterns of one client. An empty list allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Pattern>);

impl AllowList {
    /// Its patterns, in the order in which they were given.
    #[must_use]
    pub fn patterns(&self) -> &[Pattern] {
        &self.0
    }

    /// Whether a call is on the list. What is ambiguous never is.
    #[must_use]
    pub fn allows(&self, call: &Call<'_>) -> bool {
        match call {
            Call::Rest { method, path, .. } => self.allows_path(method, path),
            Call::Soap(envelope) => self.allows_envelope(envelope),
        }
    }

    /// The path as it stands and the path that is meant both have to be covered, though not by the same pattern.
    fn allows_path(&self, method: &Method, raw: &str) -> bool {
        let covered = |path: &str| {
            let segments: Vec<&str> = path::segments(path).collect();
            self.0
                .iter()
                .any(|pattern| pattern.covers_path(method, &segments))
        };
        path::decode(raw).is_ok_and(|decoded| covered(&decoded)) && covered(raw)
    }

    /// Every type in the call has to be covered by a pattern of its operation.
    fn allows_envelope(&self, envelope: &Envelope) -> bool {
        let known = envelope.operation().map(Operation::name);
        let Some(operation) = known.or(envelope.core_operation()) else {
            return false;
        };
        let covered = |named: Option<&str>| {
            self.0
                .iter()
                .any(|pattern| pattern.covers_operation(operation) && pattern.covers_type(named))
        };
        let types = envelope.object_types();
        if (types.is_empty() || envelope.has_untyped_objects()) && !covered(None) {
            return false;
        }
        types.iter().all(|name| covered(Some(name)))
    }
}

impl FromIterator<Pattern> for AllowList {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        Self(patterns.into_iter().collect())
    }
}
