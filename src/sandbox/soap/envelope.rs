//! The envelope of a request: one Header, one Body, exactly one bare token.
//!
//! Reads with a DOM, so that nothing is shared with how the proxy looks at envelopes. Never changes a byte.

use roxmltree::{Document, Node, NodeType};

use super::charset::Text;
use super::element::{elements, text, type_name};
use super::entry::{SoapEntry, SoapVersion};
use crate::sandbox::digest::Sha256;

const FUEL: &str = "http://exacttarget.com";
/// The WS-Addressing versions, all of which mean the same here.
const ADDRESSING: &[&str] = &[
    "http://schemas.xmlsoap.org/ws/2003/03/addressing",
    "http://schemas.xmlsoap.org/ws/2004/03/addressing",
    "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "http://www.w3.org/2005/08/addressing",
];

/// An envelope whose outer structure is in order.
pub(super) struct Envelope<'a> {
    pub(super) version: SoapVersion,
    header: Option<Node<'a, 'a>>,
    body: Node<'a, 'a>,
}

/// What a Header holds.
#[derive(Default)]
pub(super) struct Credentials {
    /// The text of the one bare token; none if there is not exactly one.
    pub(super) token: Option<String>,
    pub(super) token_count: usize,
    /// What a correct proxy must never send, in words.
    pub(super) faults: Vec<String>,
}

impl<'a> Envelope<'a> {
    /// Finds the parts, or tells why it is no envelope.
    pub(super) fn open(document: &'a Document<'a>) -> Result<Self, String> {
        let root = document.root_element();
        let namespace = root.tag_name().namespace();
        let version = [SoapVersion::V11, SoapVersion::V12]
            .into_iter()
            .find(|version| namespace == Some(version.namespace()))
            .filter(|_| root.tag_name().name() == "Envelope")
            .ok_or("The message is no SOAP envelope.")?;
        let mut headers = Vec::new();
        let mut bodies = Vec::new();
        for part in elements(root).filter(|part| part.tag_name().namespace() == namespace) {
            match part.tag_name().name() {
                "Header" => headers.push(part),
                "Body" => bodies.push(part),
                _ => {}
            }
        }
        match (headers.as_slice(), bodies.as_slice()) {
            ([], [body]) => Ok(Self {
                version,
                header: None,
                body: *body,
            }),
            ([header], [body]) => Ok(Self {
                version,
                header: Some(*header),
                body: *body,
            }),
            (_, []) => Err("The envelope has no Body.".to_owned()),
            (_, [_]) => Err("The envelope has several Headers.".to_owned()),
            _ => Err("The envelope has several Bodies.".to_owned()),
        }
    }

    /// The first element in the Body.
    pub(super) fn operation(&self) -> Option<Node<'a, 'a>> {
        elements(self.body).next()
    }

    /// The text of a WS-Addressing header.
    pub(super) fn addressing(&self, name: &str) -> Option<String> {
        let mut parts = elements(self.header?);
        let part = parts.find(|part| {
            let tag = part.tag_name();
            tag.name() == name
                && tag
                    .namespace()
                    .is_some_and(|name| ADDRESSING.contains(&name))
        })?;
        Some(text(part)).filter(|text| !text.is_empty())
    }

    /// What the journal keeps.
    pub(super) fn entry(
        &self,
        received: &[u8],
        source: &Text,
        action: Option<String>,
        token_count: usize,
    ) -> SoapEntry {
        let range = self.body.range();
        let bytes = source.offset(range.start)..source.offset(range.end);
        let mut sha256 = Sha256::new();
        sha256.update(received.get(bytes).unwrap_or_default());
        SoapEntry {
            operation: self
                .operation()
                .map(|operation| operation.tag_name().name().to_owned()),
            object_types: object_types(self.body),
            action,
            version: self.version,
            token_count,
            body_element_sha256: sha256.hex(),
            answered: None,
        }
    }

    /// Judges what stands in the Header.
    pub(super) fn credentials(&self) -> Credentials {
        let mut found = Credentials::default();
        let Some(header) = self.header else {
            found.faults.push("the envelope has no Header".to_owned());
            return found;
        };
        let mut tokens = Vec::new();
        for node in header.descendants().skip(1).filter(Node::is_element) {
            let name = node.tag_name().name();
            if name.eq_ignore_ascii_case("fueloauth") {
                tokens.push(node);
            } else if name.eq_ignore_ascii_case("oauth") {
                found.faults.push("the Header holds an oAuth".to_owned());
            } else if name == "UsernameToken" {
                found
                    .faults
                    .push("the Header holds a UsernameToken".to_owned());
            }
        }
        found.token_count = tokens.len();
        match tokens.as_slice() {
            [] => found
                .faults
                .push("the Header holds no fueloauth".to_owned()),
            [token] => match bare_token(*token, header) {
                Ok(text) => found.token = Some(text),
                Err(fault) => found.faults.push(fault.to_owned()),
            },
            _ => found
                .faults
                .push(format!("the Header holds {} fueloauth", tokens.len())),
        }
        found
    }
}

/// The text of a token element that holds nothing else.
fn bare_token(token: Node<'_, '_>, header: Node<'_, '_>) -> Result<String, &'static str> {
    if token.parent() != Some(header) {
        return Err("fueloauth does not stand in the Header itself");
    }
    if token.tag_name().name() != "fueloauth" || token.tag_name().namespace() != Some(FUEL) {
        return Err("fueloauth is in another namespace, or case, than the vendor's");
    }
    if token.attributes().len() > 0 {
        return Err("fueloauth has attributes");
    }
    if token
        .children()
        .any(|child| child.node_type() != NodeType::Text)
    {
        return Err("fueloauth holds more than text");
    }
    let text: String = token.children().filter_map(|child| child.text()).collect();
    if text.trim() != text {
        return Err("fueloauth has white space around the token");
    }
    if text.is_empty() {
        return Err("fueloauth is empty");
    }
    Ok(text)
}

/// The types that a Body names, each once, in order.
fn object_types(body: Node<'_, '_>) -> Vec<String> {
    let mut types: Vec<String> = Vec::new();
    for node in body.descendants().filter(Node::is_element) {
        let name = match node.tag_name().name() {
            "ObjectType" => Some(text(node)),
            "Objects" => type_name(node).map(str::to_owned),
            _ => None,
        };
        if let Some(name) = name
            && !types.contains(&name)
        {
            types.push(name);
        }
    }
    types
}
