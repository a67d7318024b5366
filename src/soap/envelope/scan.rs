//! The one pass over an envelope: finds Header and Body, walks them, and turns what is to change into pieces.

use bytes::Bytes;

use super::body::BodyWalk;
use super::header::{self, HeaderWalk};
use super::{Agreement, Dialect, Envelope, EnvelopeError};
use crate::soap::encoding;
use crate::soap::splice::{self, Edit, Written};
use crate::soap::xml::{Event, Namespace, QualifiedName, Reader, Span, Start, Stop};
use crate::soap::{Content, Malformed, Version};

pub(super) fn scan(
    received: &Bytes,
    content: &Content<'_>,
    dialect: Dialect,
) -> Result<Envelope, EnvelopeError> {
    if content.has_attachments() {
        return Err(EnvelopeError::Attachments);
    }
    let document = encoding::decode(received, content.charset().as_deref())?;
    let text = document.text.as_ref();
    let refused = |position, reason| EnvelopeError::Malformed {
        position: document.place(position),
        reason,
    };
    let mut walk = Walk::new(dialect);
    let mut reader = Reader::new();
    let mut pass = reader.over(text);
    loop {
        let event = match pass.next() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(Stop::Incomplete) => return Err(refused(text.len(), Malformed::UnexpectedEnd)),
            Err(Stop::Malformed { position, reason }) => return Err(refused(position, reason)),
        };
        walk.step(text, pass.reader(), event)
            .map_err(|(position, reason)| refused(position, reason))?;
    }
    let (Some(version), Some(body_start)) = (walk.version, walk.body_start) else {
        return Err(refused(text.len(), Malformed::NoBody));
    };
    let token_element = walk
        .token_element(&reader)
        .map_err(|reason| refused(body_start, reason))?;
    walk.place_token(token_element);
    let agreement = walk.agreement(content);
    let Walk { header, body, .. } = walk;
    Ok(Envelope {
        dialect,
        version,
        operation: body.operation,
        body_element: body.body_element,
        core_operation: body.core_operation,
        agreement,
        object_types: body.object_types,
        untyped_objects: body.untyped_objects,
        accounts: body.accounts,
        credentials: header.credentials,
        encoding: document.encoding,
        pieces: splice::splice(received, &document, header.edits),
    })
}

/// The part of the envelope that is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Section {
    #[default]
    Between,
    Header,
    Body,
    /// Another child of Envelope; nothing in it is ours.
    Other,
}

struct Walk {
    dialect: Dialect,
    version: Option<Version>,
    namespace: Option<Namespace>,
    section: Section,
    /// The Envelope's own name, for the prefix of a Header that has to be made.
    envelope: Option<QualifiedName>,
    header_start: Option<Start>,
    body_start: Option<usize>,
    header: HeaderWalk,
    body: BodyWalk,
}

impl Walk {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            version: None,
            namespace: None,
            section: Section::default(),
            envelope: None,
            header_start: None,
            body_start: None,
            header: HeaderWalk::default(),
            body: BodyWalk::new(dialect),
        }
    }

    fn step(
        &mut self,
        text: &[u8],
        reader: &Reader,
        event: Event,
    ) -> Result<(), (usize, Malformed)> {
        match event {
            Event::Start(start) => {
                let position = start.span.start;
                self.start(text, reader, start)
                    .map_err(|reason| (position, reason))
            }
            Event::End(span) => self
                .end(reader.depth(), span)
                .map_err(|reason| (span.start, reason)),
            Event::Text(span) => {
                match self.section {
                    Section::Header => self.header.text(span.of(text)),
                    Section::Body => self.body.text(span.of(text)),
                    Section::Between | Section::Other => {}
                }
                Ok(())
            }
            Event::Section(span) => {
                match self.section {
                    Section::Header => self.header.section(span.of(text)),
                    Section::Body => self.body.section(span.of(text)),
                    Section::Between | Section::Other => {}
                }
                Ok(())
            }
            Event::Other => Ok(()),
        }
    }

    fn start(&mut self, text: &[u8], reader: &Reader, start: Start) -> Result<(), Malformed> {
        match (reader.depth(), self.section) {
            (1, _) => self.root(text, start),
            (2, _) => self.child(text, start),
            (_, Section::Header) => self.header.start(text, start),
            (_, Section::Body) => self.body.start(text, &start, reader.attributes()),
            (_, Section::Between | Section::Other) => Ok(()),
        }
    }

    fn root(&mut self, text: &[u8], start: Start) -> Result<(), Malformed> {
        let version = match start.name.namespace {
            Namespace::SOAP11 => Version::Soap11,
            Namespace::SOAP12 => Version::Soap12,
            _ => return Err(Malformed::NotAnEnvelope),
        };
        if start.name.local.of(text) != b"Envelope" {
            return Err(Malformed::NotAnEnvelope);
        }
        self.version = Some(version);
        self.namespace = Some(start.name.namespace);
        self.envelope = Some(start.written);
        Ok(())
    }

    fn child(&mut self, text: &[u8], start: Start) -> Result<(), Malformed> {
        let namespace = start.name.namespace;
        let local = start.name.local.of(text);
        let section = match local {
            b"Header" if namespace.is_soap() => Section::Header,
            b"Body" if namespace.is_soap() => Section::Body,
            _ => Section::Other,
        };
        if section != Section::Other && Some(namespace) != self.namespace {
            return Err(Malformed::MixedVersions);
        }
        if section == Section::Header && self.header_start.replace(start).is_some() {
            return Err(Malformed::SeveralHeaders);
        }
        if section == Section::Body && self.body_start.replace(start.span.start).is_some() {
            return Err(Malformed::SeveralBodies);
        }
        self.section = section;
        Ok(())
    }

    /// `depth`: without the element that ends.
    fn end(&mut self, depth: usize, span: Span) -> Result<(), Malformed> {
        if depth <= 1 {
            self.section = Section::Between;
            return Ok(());
        }
        match self.section {
            Section::Header => self.header.end(span),
            Section::Body => self.body.end()?,
            Section::Between | Section::Other => {}
        }
        Ok(())
    }

    /// Adds the token's element: first in the Header, or in a Header of its own before the Body.
    fn place_token(&mut self, element: Vec<Written>) {
        let edit = match (self.header_start, self.envelope, self.body_start) {
            (Some(start), _, _) => {
                let nowhere = Span::new(start.span.end, start.span.end);
                header::fill(&start, nowhere, element)
            }
            (None, Some(envelope), Some(body)) => Edit {
                removed: Span::new(body, body),
                written: made_header(envelope, element),
            },
            (None, _, _) => return,
        };
        self.header.edits.push(edit);
    }

    /// What holds the token. It declares its own namespace, so that no prefix of the caller's is relied on.
    fn token_element(&self, reader: &Reader) -> Result<Vec<Written>, Malformed> {
        if self.dialect == Dialect::MarketingCloud {
            return Ok(vec![
                Written::Markup("<fueloauth xmlns=\"http://exacttarget.com\">"),
                Written::Token,
                Written::Markup("</fueloauth>"),
            ]);
        }
        // Each API of core has a SessionHeader of its own: that of the operation, or the token counts for nothing.
        let namespace = self.body.namespace.ok_or(Malformed::EmptyBody)?;
        let uri = reader.uri(namespace).ok_or(Malformed::NoApi)?;
        Ok(vec![
            Written::Markup("<SessionHeader xmlns=\""),
            Written::Text(String::from_utf8_lossy(uri).into_owned()),
            Written::Markup("\"><sessionId>"),
            Written::Token,
            Written::Markup("</sessionId></SessionHeader>"),
        ])
    }

    fn agreement(&self, content: &Content<'_>) -> Agreement {
        let mut agreement = Agreement::Silent;
        let inside = self.header.actions.iter().cloned();
        for action in content.actions().chain(inside) {
            if !self.means(&action) {
                return Agreement::Disagrees;
            }
            agreement = Agreement::Agrees;
        }
        if self.body.elements > 1 {
            return Agreement::Disagrees;
        }
        agreement
    }

    fn means(&self, action: &str) -> bool {
        match self.dialect {
            Dialect::MarketingCloud => {
                self.body.operation.map(super::Operation::name) == Some(action)
            }
            Dialect::Core => {
                let element = self.body.body_element.as_deref();
                element.is_some_and(|element| is_core_action(action, element))
            }
        }
    }
}

/// What core's toolkits make of an operation where they name an action at all: `query`, or
/// `urn:partner.soap.sforce.com/Soap/queryRequest`.
fn is_core_action(action: &str, element: &str) -> bool {
    let last = action.rsplit(['/', '#', ':']).next().unwrap_or(action);
    last.strip_prefix(element)
        .is_some_and(|rest| matches!(rest, "" | "Request"))
}

/// A Header as a child of Envelope, where the Envelope's own prefix means what it means in its name.
fn made_header(envelope: QualifiedName, token_element: Vec<Written>) -> Vec<Written> {
    let name = |written: &mut Vec<Written>| {
        if !envelope.prefix.is_empty() {
            written.push(Written::Copy(envelope.prefix));
            written.push(Written::Markup(":"));
        }
        written.push(Written::Markup("Header>"));
    };
    let mut written = vec![Written::Markup("<")];
    name(&mut written);
    written.extend(token_element);
    written.push(Written::Markup("</"));
    name(&mut written);
    written
}
