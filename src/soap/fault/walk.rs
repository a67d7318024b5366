//! Walks through an answer's elements to its Fault or its overall status. Never looks into results.

use super::{Refusal, Verdict};
use crate::soap::xml::{Event, Namespace, Reader, Start, decode, trim};

/// What an element means to us; everything below `Other` is `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    Envelope,
    Body,
    Fault,
    /// SOAP 1.2: `Code` or `Subcode`.
    Code,
    /// `faultcode`, or the `Value` of a Code.
    CodeName,
    /// SOAP 1.2: `Reason`.
    Reason,
    /// `faultstring`, or a `Text` of a Reason.
    ReasonText,
    /// What answers an operation.
    Response,
    OverallStatus,
}

/// Where the walk stands.
#[derive(Debug, Default)]
pub(super) struct Walk {
    open: Vec<Kind>,
    namespace: Option<Namespace>,
    text: Vec<u8>,
    /// An element was seen in the Body; what follows it is no matter.
    answered: bool,
    fault: Option<Fault>,
}

#[derive(Debug, Default)]
struct Fault {
    security: bool,
    session: bool,
    limited: bool,
    /// All texts of the reason, in lower case.
    reason: String,
}

impl Walk {
    /// The verdict, as soon as it is sure.
    pub(super) fn step(&mut self, text: &[u8], reader: &Reader, event: Event) -> Option<Verdict> {
        match event {
            Event::Start(start) => {
                let kind = self.kind(text, &start);
                if self.open.is_empty() && kind != Kind::Envelope {
                    return Some(Verdict::NotAFault);
                }
                self.open.push(kind);
                self.text.clear();
                None
            }
            Event::Text(span) => {
                if self.listens() {
                    self.text.extend_from_slice(&decode(span.of(text)));
                }
                None
            }
            Event::Section(span) => {
                if self.listens() {
                    self.text.extend_from_slice(span.of(text));
                }
                None
            }
            Event::End(_) => self.end(reader),
            Event::Other => None,
        }
    }

    fn kind(&mut self, text: &[u8], start: &Start) -> Kind {
        let namespace = start.name.namespace;
        let soap = Some(namespace) == self.namespace;
        // SOAP 1.1 puts a Fault's children in no namespace; some stacks qualify them.
        let ours = soap || namespace == Namespace::NONE;
        match (self.open.last(), start.name.local.of(text)) {
            (None, b"Envelope") if namespace.is_soap() => {
                self.namespace = Some(namespace);
                Kind::Envelope
            }
            (Some(Kind::Envelope), b"Body") if soap => Kind::Body,
            (Some(Kind::Body), local) if !self.answered => {
                self.answered = true;
                if soap && local == b"Fault" {
                    self.fault = Some(Fault::default());
                    Kind::Fault
                } else {
                    Kind::Response
                }
            }
            (Some(Kind::Fault), b"faultcode") if ours => Kind::CodeName,
            (Some(Kind::Fault), b"faultstring") if ours => Kind::ReasonText,
            (Some(Kind::Fault), b"Code") | (Some(Kind::Code), b"Subcode") if soap => Kind::Code,
            (Some(Kind::Code), b"Value") if soap => Kind::CodeName,
            (Some(Kind::Fault), b"Reason") if soap => Kind::Reason,
            (Some(Kind::Reason), b"Text") if soap => Kind::ReasonText,
            (Some(Kind::Response), b"OverallStatus") if namespace == Namespace::PARTNER => {
                Kind::OverallStatus
            }
            _ => Kind::Other,
        }
    }

    fn listens(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Kind::CodeName | Kind::ReasonText | Kind::OverallStatus)
        )
    }

    fn end(&mut self, reader: &Reader) -> Option<Verdict> {
        let text = trim(&self.text);
        match self.open.pop() {
            Some(Kind::CodeName) => {
                if let Some(fault) = &mut self.fault {
                    fault.named(text, reader);
                }
            }
            Some(Kind::ReasonText) => {
                if let Some(fault) = &mut self.fault {
                    fault
                        .reason
                        .push_str(&String::from_utf8_lossy(text).to_ascii_lowercase());
                    fault.reason.push('\n');
                }
            }
            Some(Kind::OverallStatus) => {
                let denied = text.starts_with(b"Error: API Permission Failed");
                return Some(if denied {
                    Verdict::PermissionDenied
                } else {
                    Verdict::NotAFault
                });
            }
            Some(Kind::Fault | Kind::Response | Kind::Body) => return Some(self.conclude()),
            _ => {}
        }
        self.text.clear();
        None
    }

    /// Whether something else than a Fault stands in the Body.
    pub(super) fn is_result(&self) -> bool {
        self.answered && self.fault.is_none()
    }

    /// The verdict where nothing more will come.
    pub(super) fn conclude(&self) -> Verdict {
        let Some(fault) = &self.fault else {
            return Verdict::NotAFault;
        };
        let says = |words: &str| fault.reason.contains(words);
        if fault.session {
            Verdict::Refusal(Refusal::InvalidSession)
        } else if fault.security && says("token expired") {
            Verdict::Refusal(Refusal::TokenExpired)
        } else if fault.security && says("login failed") {
            Verdict::Refusal(Refusal::LoginFailed)
        } else if says("api permission failed") {
            Verdict::PermissionDenied
        } else if fault.limited
            || says("throttl")
            || says("rate limit")
            || says("too many requests")
        {
            Verdict::Throttled
        } else {
            Verdict::OtherFault
        }
    }
}

impl Fault {
    /// Takes in a code. It is a name in the document's namespaces, and its prefix may be any.
    fn named(&mut self, name: &[u8], reader: &Reader) {
        let mut parts = name.splitn(2, |byte| *byte == b':');
        let (prefix, local) = match (parts.next(), parts.next()) {
            (Some(prefix), Some(local)) => (prefix, local),
            (local, _) => (&b""[..], local.unwrap_or_default()),
        };
        let Some(namespace) = reader.resolve(prefix) else {
            return;
        };
        self.security |= namespace.is_security();
        self.session |= local == b"INVALID_SESSION_ID" && !namespace.is_soap();
        self.limited |= local == b"REQUEST_LIMIT_EXCEEDED" && !namespace.is_soap();
    }
}
