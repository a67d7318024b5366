//! The envelope of a request to core Salesforce: SOAP 1.1, at most one Header, one Body, exactly one bare `sessionId`.
//!
//! Reads with a DOM, and never changes a byte.

use roxmltree::{Document, Node};

use super::Api;
use crate::sandbox::digest::Sha256;
use crate::sandbox::soap::{SoapEntry, SoapVersion};

/// An envelope whose outer structure is in order.
pub(super) struct Envelope<'a> {
    header: Option<Node<'a, 'a>>,
    body: Node<'a, 'a>,
}

/// What the Header says of a session.
#[derive(Default)]
pub(super) struct Session {
    /// None if there is not exactly one, or something is wrong with it.
    pub(super) token: Option<String>,
    /// Elements named `sessionId`, wherever they stand in the Header.
    pub(super) token_count: usize,
    /// What a correct proxy must never send, in words.
    pub(super) faults: Vec<String>,
}

impl<'a> Envelope<'a> {
    /// Finds the parts, or tells why it is no envelope.
    pub(super) fn open(document: &'a Document<'a>) -> Result<Self, &'static str> {
        let namespace = SoapVersion::V11.namespace();
        let root = document.root_element();
        if !root.has_tag_name((namespace, "Envelope")) {
            return Err("The message is no SOAP 1.1 envelope");
        }
        let of = |name| {
            let named = move |part: &Node<'_, '_>| part.has_tag_name((namespace, name));
            root.children().filter(named).collect::<Vec<_>>()
        };
        match (of("Header").as_slice(), of("Body").as_slice()) {
            ([], [body]) => Ok(Self {
                header: None,
                body: *body,
            }),
            ([header], [body]) => Ok(Self {
                header: Some(*header),
                body: *body,
            }),
            _ => Err("The envelope needs one Body, and at most one Header"),
        }
    }

    /// The first element in the Body.
    pub(super) fn operation(&self) -> Option<Node<'a, 'a>> {
        self.body.first_element_child()
    }

    /// What the journal keeps.
    pub(super) fn entry(&self, action: Option<String>) -> SoapEntry {
        let mut sha256 = Sha256::new();
        let text = self.body.document().input_text();
        sha256.update(text.get(self.body.range()).unwrap_or_default().as_bytes());
        SoapEntry {
            operation: self
                .operation()
                .map(|element| element.tag_name().name().to_owned()),
            object_types: Vec::new(),
            action,
            version: SoapVersion::V11,
            token_count: self.named("sessionId").count(),
            body_element_sha256: sha256.hex(),
            answered: None,
        }
    }

    /// The token, if `SessionHeader` of the API's own namespace holds exactly one `sessionId` of it and nothing else
    /// in the Header could be meant for a token.
    pub(super) fn session(&self, api: Api) -> Session {
        let mut session = Session {
            token_count: self.named("sessionId").count(),
            ..Session::default()
        };
        for foreign in ["fueloauth", "oAuth", "Security"] {
            if self.named(foreign).next().is_some() {
                let words =
                    format!("the Header holds {foreign}, which core Salesforce does not know");
                session.faults.push(words);
            }
        }
        if session.token_count > 1 {
            session
                .faults
                .push("the Header holds more than one sessionId".to_owned());
        }
        let Some(element) = self.named("sessionId").next() else {
            return session;
        };
        let parent = element.parent_element();
        let placed = element.tag_name().namespace() == Some(api.namespace)
            && parent.is_some_and(|parent| {
                parent.has_tag_name((api.namespace, "SessionHeader"))
                    && parent.parent_element() == self.header
            });
        if !placed {
            let words = "sessionId does not stand in SessionHeader, both in the API's namespace";
            session.faults.push(words.to_owned());
        }
        if element.first_element_child().is_some() {
            session.faults.push("sessionId holds elements".to_owned());
        }
        if session.faults.is_empty() {
            session.token = element.text().map(str::to_owned);
        }
        session
    }

    /// Elements of that local name in the Header.
    fn named(&self, name: &'static str) -> impl Iterator<Item = Node<'a, 'a>> {
        self.header
            .into_iter()
            .flat_map(|header| header.descendants())
            .filter(move |element| element.is_element() && element.tag_name().name() == name)
    }
}
