//! Refused tokens that the status alone does not tell, with an error in JSON or XML: Account Engagement's code 184 and the Bulk
//! API's `InvalidSessionId` come with 400, and what an Apex class answers may be 401 for reasons of its own.
//!
//! Judges a whole short body by its structure, never by words somewhere in it, and holds no more than its first part.

#[cfg(test)]
mod tests;

use serde::Deserialize;
use serde_json::Value;

use super::fault::{Coding, SNIFFED_SIZE, Unpacked};
use super::xml::{Attribute, Event, Namespace, Reader, attribute_value, decode, is_space, trim};

/// Account Engagement: "access_token is invalid, unknown, or malformed".
const INVALID_TOKEN: &str = "184";
/// The Bulk API's `exceptionCode`.
const INVALID_SESSION: &str = "InvalidSessionId";
/// Core Salesforce's own `errorCode`, before any Apex runs.
const INVALID_SESSION_ID: &str = "INVALID_SESSION_ID";

/// Whose errors they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wording {
    /// Account Engagement: `{"@attributes": {"err_code": 184}}` of version 4, `{"code": 184}` of version 5, and
    /// `<rsp><err code="184">`.
    Engagement,
    /// The Bulk API 1.0: `{"exceptionCode": "InvalidSessionId"}`, and `<error><exceptionCode>InvalidSessionId`.
    Bulk,
    /// Apex REST: `[{"errorCode": "INVALID_SESSION_ID"}]`, and `<Errors><Error><errorCode>INVALID_SESSION_ID`.
    Apex,
}

impl Wording {
    /// The status that such an error has.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Engagement | Self::Bulk => 400,
            Self::Apex => 401,
        }
    }
}

/// What is known of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It may still be a refusal.
    NeedMore,
    /// The token is not accepted.
    Refusal,
    /// Anything else.
    SomethingElse,
}

/// Reads an answer's body as it comes in. How it is cut into chunks makes no difference.
#[derive(Debug)]
pub struct Reading {
    wording: Wording,
    said: Said,
    unpacked: Unpacked,
}

impl Reading {
    /// Reads an error of this wording.
    #[must_use]
    pub fn new(wording: Wording, coding: Coding) -> Self {
        Self {
            wording,
            said: Said::NeedMore,
            unpacked: Unpacked::new(coding, SNIFFED_SIZE),
        }
    }

    /// The next chunk. Once more than `NeedMore` is known, it stays and chunks are ignored.
    pub fn feed(&mut self, chunk: &[u8]) -> Said {
        if self.said == Said::NeedMore {
            self.unpacked.push(chunk);
            self.look();
        }
        self.said
    }

    /// The body has ended. Never `NeedMore`.
    pub fn finish(&mut self) -> Said {
        if self.said == Said::NeedMore {
            self.unpacked.finish();
            self.look();
        }
        if self.said == Said::NeedMore {
            self.said = Said::SomethingElse;
        }
        self.said
    }

    fn look(&mut self) {
        let Some(text) = self.unpacked.text() else {
            return;
        };
        let first = text.iter().find(|byte| !is_space(**byte));
        let opens = if self.wording == Wording::Apex {
            b'['
        } else {
            b'{'
        };
        let may_be = |first: &u8| *first == opens || *first == b'<';
        if first.is_some_and(|first| !may_be(first)) || text.len() >= SNIFFED_SIZE {
            self.said = Said::SomethingElse;
        } else if self.unpacked.is_over() {
            let refuses = match first {
                Some(first) if *first == opens => self.wording.refuses_in_json(text),
                Some(_) => self.wording.refuses_in_xml(text),
                None => false,
            };
            self.said = if refuses {
                Said::Refusal
            } else {
                Said::SomethingElse
            };
        }
    }
}

/// What of an error in JSON counts.
#[derive(Deserialize)]
struct Error {
    #[serde(rename = "@attributes")]
    attributes: Option<Attributes>,
    code: Option<Value>,
    #[serde(rename = "exceptionCode")]
    exception_code: Option<Value>,
    #[serde(rename = "errorCode")]
    error_code: Option<Value>,
}

#[derive(Deserialize)]
struct Attributes {
    err_code: Option<Value>,
}

impl Wording {
    fn refuses_in_json(self, text: &[u8]) -> bool {
        if self == Self::Apex {
            let errors = serde_json::from_slice::<Vec<Error>>(text).unwrap_or_default();
            let mut codes = errors.iter().filter_map(|error| error.error_code.as_ref());
            return codes.any(|code| is(code, INVALID_SESSION_ID));
        }
        let Ok(error) = serde_json::from_slice::<Error>(text) else {
            return false;
        };
        match self {
            Self::Engagement => {
                let older = error.attributes.and_then(|attributes| attributes.err_code);
                [older, error.code]
                    .iter()
                    .flatten()
                    .any(|code| is(code, INVALID_TOKEN))
            }
            Self::Bulk | Self::Apex => error
                .exception_code
                .is_some_and(|code| is(&code, INVALID_SESSION)),
        }
    }

    fn refuses_in_xml(self, text: &[u8]) -> bool {
        let mut refuses = false;
        // The names of the elements that are open, as far as they matter, and the text of the innermost.
        let mut path: Vec<&[u8]> = Vec::new();
        let mut content = Vec::new();
        let mut reader = Reader::new();
        let mut pass = reader.over(text);
        loop {
            match pass.next() {
                Ok(Some(Event::Start(start))) => {
                    path.push(start.name.local.of(text));
                    content.clear();
                    refuses |= self == Self::Engagement
                        && path == [&b"rsp"[..], b"err"]
                        && has_code(text, pass.reader().attributes());
                }
                Ok(Some(Event::Text(span))) => content.extend_from_slice(&decode(span.of(text))),
                Ok(Some(Event::Section(span))) => content.extend_from_slice(span.of(text)),
                Ok(Some(Event::End(_))) => {
                    refuses |= match self {
                        Self::Bulk => {
                            path == [&b"error"[..], b"exceptionCode"]
                                && trim(&content) == INVALID_SESSION.as_bytes()
                        }
                        Self::Apex => {
                            path == [&b"Errors"[..], b"Error", b"errorCode"]
                                && trim(&content) == INVALID_SESSION_ID.as_bytes()
                        }
                        Self::Engagement => false,
                    };
                    path.pop();
                    content.clear();
                }
                Ok(Some(Event::Other)) => {}
                Ok(None) => return refuses,
                // What is not well formed, or not whole, says nothing.
                Err(_stop) => return false,
            }
        }
    }
}

fn is(code: &Value, wanted: &str) -> bool {
    match code {
        Value::Number(number) => number.to_string() == wanted,
        Value::String(text) => text == wanted,
        _ => false,
    }
}

fn has_code(text: &[u8], attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.name.namespace == Namespace::NONE
            && attribute.name.local.of(text) == b"code"
            && trim(&attribute_value(attribute.value.of(text))) == INVALID_TOKEN.as_bytes()
    })
}
