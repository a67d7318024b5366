//! The Header: which credentials go, which action it names, which address is replaced. Never looks outside the Header.

use zeroize::Zeroizing;

use super::{Credentials, UsernameToken};
use crate::secret::Secret;
use crate::soap::Malformed;
use crate::soap::splice::{Edit, Written};
use crate::soap::xml::{Span, Start, decode, trim};

/// Most elements that are cut from a Header or changed in it.
pub const EDITS_MAX: usize = 256;

/// What an element inside the Header means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Other,
    /// `fueloauth` or `oAuth`; `SessionHeader` of core Salesforce.
    Token,
    /// `wsse:Security`; it stays if it has children and all of them are Timestamps.
    Security {
        children: usize,
        timestamps: usize,
    },
    UsernameToken,
    Username,
    Password,
    Action,
    To,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    kind: Kind,
    start: Start,
    /// Where its text begins.
    text: usize,
    /// How many edits there were before it.
    edits: usize,
}

/// Walks through the Header.
#[derive(Default)]
pub(super) struct HeaderWalk {
    open: Vec<Open>,
    text: Zeroizing<Vec<u8>>,
    /// How many of the open elements are in a token's element, itself included.
    inside_token: usize,
    pub(super) credentials: Credentials,
    pub(super) actions: Vec<String>,
    pub(super) edits: Vec<Edit>,
}

impl HeaderWalk {
    pub(super) fn start(&mut self, input: &[u8], start: Start) -> Result<(), Malformed> {
        let parent = self.open.last_mut().map(|open| &mut open.kind);
        let direct = parent.is_none();
        let namespace = start.name.namespace;
        let local = start.name.local.of(input);
        let kind = match (local, parent) {
            _ if self.inside_token > 0 => Kind::Other,
            (b"fueloauth" | b"oAuth" | b"SessionHeader", _) => Kind::Token,
            (b"Security", _) if namespace.is_security() => Kind::Security {
                children: 0,
                timestamps: 0,
            },
            (b"UsernameToken", Some(Kind::Security { .. })) => Kind::UsernameToken,
            (b"Username", Some(Kind::UsernameToken)) => Kind::Username,
            (b"Password", Some(Kind::UsernameToken)) => Kind::Password,
            (b"Action", _) if direct && namespace.is_addressing() => Kind::Action,
            (b"To", _) if direct && namespace.is_addressing() => Kind::To,
            _ => Kind::Other,
        };
        if let Some(Open {
            kind:
                Kind::Security {
                    children,
                    timestamps,
                },
            ..
        }) = self.open.last_mut()
        {
            *children += 1;
            *timestamps += usize::from(local == b"Timestamp");
        }
        if kind == Kind::Token || self.inside_token > 0 {
            self.inside_token += 1;
        }
        if kind == Kind::UsernameToken {
            self.credentials.usernames.push(UsernameToken::default());
        }
        if self.edits.len() >= EDITS_MAX || self.credentials.usernames.len() > EDITS_MAX {
            return Err(Malformed::TooManyCredentials);
        }
        self.open.push(Open {
            kind,
            start,
            text: self.text.len(),
            edits: self.edits.len(),
        });
        Ok(())
    }

    pub(super) fn text(&mut self, raw: &[u8]) {
        if self.listens() {
            self.text.extend_from_slice(&decode(raw));
        }
    }

    pub(super) fn section(&mut self, raw: &[u8]) {
        if self.listens() {
            self.text.extend_from_slice(raw);
        }
    }

    fn listens(&self) -> bool {
        let kind = self.open.last().map(|open| open.kind);
        self.inside_token > 0
            || matches!(kind, Some(Kind::Username | Kind::Password | Kind::Action))
    }

    /// The end of the innermost element, or of the Header itself.
    pub(super) fn end(&mut self, end: Span) {
        let Some(open) = self.open.pop() else {
            return;
        };
        self.inside_token = self.inside_token.saturating_sub(1);
        if self.inside_token > 0 {
            return;
        }
        let whole = Span::new(open.start.span.start, end.end);
        let text = trim(self.text.get(open.text..).unwrap_or_default());
        let text = || String::from_utf8_lossy(text).into_owned();
        match open.kind {
            Kind::Other | Kind::UsernameToken => return,
            Kind::Token => {
                self.credentials.tokens.push(Secret::new(text()));
                self.edits.push(Edit::cut(whole));
            }
            Kind::Security {
                children,
                timestamps,
            } => {
                if children == 0 || timestamps < children {
                    self.edits.truncate(open.edits);
                    self.edits.push(Edit::cut(whole));
                }
            }
            Kind::Username => {
                if let Some(last) = self.credentials.usernames.last_mut() {
                    last.username = Some(text());
                }
            }
            Kind::Password => {
                let password = Secret::new(text());
                if let Some(last) = self.credentials.usernames.last_mut() {
                    last.password = Some(password);
                }
            }
            Kind::Action => self.actions.push(text()),
            Kind::To => {
                self.edits.truncate(open.edits);
                self.edits.push(fill(&open.start, end, [Written::Url]));
            }
        }
        self.text.truncate(open.text);
    }
}

/// Puts this in place of all that an element holds, and opens an empty element for it.
pub(super) fn fill(start: &Start, end: Span, content: impl IntoIterator<Item = Written>) -> Edit {
    if !start.empty {
        return Edit {
            removed: Span::new(start.span.end, end.start),
            written: content.into_iter().collect(),
        };
    }
    // `/>` becomes `>`, the content, and an end tag.
    let mut written = vec![Written::Markup(">")];
    written.extend(content);
    written.push(Written::Markup("</"));
    written.push(Written::Copy(start.written.whole()));
    written.push(Written::Markup(">"));
    Edit {
        removed: Span::new(start.span.end - 2, start.span.end),
        written,
    }
}
