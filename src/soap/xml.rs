//! A strict, namespace-aware reader of XML 1.0 that tells where things stand, so that they can be cut and kept.
//!
//! Strict because a document that we and the tenant could read differently must not pass: it refuses what is not well
//! formed, every DOCTYPE and every entity of the document's own. Never builds a tree and never copies the document. Each
//! pass takes the input anew and goes on where the last one stopped, so that the input may grow in between.

mod declaration;
mod lexer;
mod names;
mod text;

pub(crate) use declaration::declaration;
pub use lexer::ATTRIBUTES_MAX;
pub(crate) use lexer::{QualifiedName, Span, Stop};
pub use names::NAMESPACES_MAX;
pub(crate) use names::Namespace;
pub(crate) use text::{decode, escape, forbidden, is_space, trim};

use lexer::{Lexer, RawAttribute, Token};
use names::Scopes;

use super::Malformed;

/// Most elements inside each other.
pub const DEPTH_MAX: usize = 256;
/// Up to this many names are compared each with each, which is quicker than sorting.
const FEW: usize = 8;

/// A name with its prefix resolved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Name {
    pub(crate) namespace: Namespace,
    pub(crate) local: Span,
}

/// An attribute that is no namespace declaration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: Name,
    pub(crate) value: Span,
}

/// A start tag, or an empty element's only one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) name: Name,
    /// The name as written.
    pub(crate) written: QualifiedName,
    /// From `<` to after `>`.
    pub(crate) span: Span,
    /// `<name/>`: an `End` of no length follows.
    pub(crate) empty: bool,
}

/// What a step found.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event {
    Start(Start),
    End(Span),
    /// Text with its references still in it, inside the root.
    Text(Span),
    /// What a CDATA section holds.
    Section(Span),
    /// Comments, instructions, and white space outside the root.
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    name: Span,
    mark: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Start,
    Prolog,
    Inside,
    Epilog,
}

/// Where the reading stands. Holds no reference into the input.
#[derive(Debug)]
pub(crate) struct Reader {
    position: usize,
    stage: Stage,
    open: Vec<Open>,
    scopes: Scopes,
    raw: Vec<RawAttribute>,
    attributes: Vec<Attribute>,
    declared: Vec<Name>,
    /// The element is empty and its `End` still owed.
    closing: bool,
    /// The element has ended, but its declarations count until the next step.
    leaving: Option<usize>,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            position: 0,
            stage: Stage::Start,
            open: Vec::new(),
            scopes: Scopes::new(),
            raw: Vec::new(),
            attributes: Vec::new(),
            declared: Vec::new(),
            closing: false,
            leaving: None,
        }
    }

    /// How many elements are open. Right after a `Start` its own element counts, right after an `End` it does not.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The attributes of the last `Start`.
    pub(crate) fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// What a prefix means in the element that has just begun or ended; an empty one is the default namespace.
    pub(crate) fn resolve(&self, prefix: &[u8]) -> Option<Namespace> {
        self.scopes.resolve(prefix)
    }

    /// What a namespace of this document is called; `None` for none.
    pub(crate) fn uri(&self, namespace: Namespace) -> Option<&[u8]> {
        self.scopes.uri(namespace)
    }

    /// Goes on in this input, of which all that was read before is still the same.
    pub(crate) fn over<'r, 'i>(&'r mut self, input: &'i [u8]) -> Pass<'r, 'i> {
        let lexer = Lexer::new(input, self.position);
        Pass {
            reader: self,
            lexer,
            input,
        }
    }

    fn next(&mut self, input: &[u8], lexer: &mut Lexer<'_>) -> Result<Option<Event>, Stop> {
        if let Some(mark) = self.leaving.take() {
            self.scopes.leave(mark);
        }
        if self.closing {
            self.closing = false;
            self.close();
            return Ok(Some(Event::End(Span::new(self.position, self.position))));
        }
        if self.stage == Stage::Epilog && self.position >= input.len() {
            return Ok(None);
        }
        let token = lexer.token(&mut self.raw)?;
        let first = self.stage == Stage::Start;
        if first {
            self.stage = Stage::Prolog;
        }
        match token {
            Token::Start { name, span, empty } => {
                let start = self.start(input, name, span, empty)?;
                self.position = span.end;
                Ok(Some(Event::Start(start)))
            }
            Token::End { name, span } => {
                let expected = self.open.last().map(|open| open.name.of(input));
                if expected != Some(name.whole().of(input)) {
                    return Err(Stop::at(span.start, Malformed::EndTag));
                }
                self.close();
                self.position = span.end;
                Ok(Some(Event::End(span)))
            }
            Token::Text { span, open } => self.text(input, span, open),
            Token::Section { content, span } => {
                if self.stage != Stage::Inside {
                    return Err(Stop::at(span.start, Malformed::TextOutsideRoot));
                }
                self.position = span.end;
                Ok(Some(Event::Section(content)))
            }
            Token::Aside { span } => {
                self.position = span.end;
                Ok(Some(Event::Other))
            }
            Token::Declaration { span } => {
                if !first || declaration(input)?.is_none() {
                    return Err(Stop::at(span.start, Malformed::Instruction));
                }
                self.position = span.end;
                Ok(Some(Event::Other))
            }
        }
    }

    fn text(&mut self, input: &[u8], span: Span, open: bool) -> Result<Option<Event>, Stop> {
        if self.stage == Stage::Inside {
            if open {
                return Err(Stop::Incomplete);
            }
            self.position = span.end;
            return Ok(Some(Event::Text(span)));
        }
        let blank = span.of(input).iter().take_while(|byte| is_space(**byte));
        let solid = span.start + blank.count();
        if solid < span.end {
            return Err(Stop::at(solid, Malformed::TextOutsideRoot));
        }
        if open && self.stage == Stage::Prolog {
            return Err(Stop::Incomplete);
        }
        self.position = span.end;
        Ok(Some(Event::Other))
    }

    fn close(&mut self) {
        self.leaving = self.open.pop().map(|open| open.mark);
        if self.open.is_empty() {
            self.stage = Stage::Epilog;
        }
    }

    fn start(
        &mut self,
        input: &[u8],
        written: QualifiedName,
        span: Span,
        empty: bool,
    ) -> Result<Start, Stop> {
        if self.stage == Stage::Epilog {
            return Err(Stop::at(span.start, Malformed::SecondRoot));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(Stop::at(span.start, Malformed::TooDeep));
        }
        let mark = self.scopes.mark();
        self.declare(input)?;
        let namespace = self.meaning(input, written.prefix)?;
        self.qualify(input, span)?;
        self.open.push(Open {
            name: written.whole(),
            mark,
        });
        self.stage = Stage::Inside;
        self.closing = empty;
        let local = written.local;
        Ok(Start {
            name: Name { namespace, local },
            written,
            span,
            empty,
        })
    }

    /// Brings the tag's namespace declarations into scope.
    fn declare(&mut self, input: &[u8]) -> Result<(), Stop> {
        self.declared.clear();
        for attribute in &self.raw {
            let name = attribute.name;
            let prefix = match (name.prefix.of(input), name.local.of(input)) {
                (b"xmlns", local) => local,
                (b"", b"xmlns") => b"",
                _ => continue,
            };
            let uri = text::decode_attribute(attribute.value.of(input));
            self.scopes
                .declare(prefix, &uri)
                .map_err(|reason| Stop::at(name.prefix.start, reason))?;
            self.declared.push(Name {
                namespace: Namespace::XMLNS,
                local: name.local,
            });
        }
        if let Some(twice) = twice(input, &mut self.declared) {
            return Err(Stop::at(twice, Malformed::NamespaceTwice));
        }
        Ok(())
    }

    /// Resolves the tag's other attributes.
    fn qualify(&mut self, input: &[u8], span: Span) -> Result<(), Stop> {
        self.attributes.clear();
        if self.raw.len() == self.declared.len() {
            return Ok(());
        }
        self.declared.clear();
        for attribute in &self.raw {
            let RawAttribute { name, value } = *attribute;
            let namespace = match (name.prefix.of(input), name.local.of(input)) {
                (b"xmlns", _) | (b"", b"xmlns") => continue,
                // The default namespace is not for attributes.
                (b"", _) => Namespace::NONE,
                (prefix, _) => self
                    .scopes
                    .resolve(prefix)
                    .ok_or(Stop::at(span.start, Malformed::UndeclaredPrefix))?,
            };
            let local = name.local;
            let name = Name { namespace, local };
            self.attributes.push(Attribute { name, value });
            self.declared.push(name);
        }
        match twice(input, &mut self.declared) {
            Some(twice) => Err(Stop::at(twice, Malformed::AttributeTwice)),
            None => Ok(()),
        }
    }

    fn meaning(&self, input: &[u8], prefix: Span) -> Result<Namespace, Stop> {
        self.scopes
            .resolve(prefix.of(input))
            .ok_or(Stop::at(prefix.start, Malformed::UndeclaredPrefix))
    }
}

/// One reading of an input, from where the reader stands.
pub(crate) struct Pass<'r, 'i> {
    reader: &'r mut Reader,
    lexer: Lexer<'i>,
    input: &'i [u8],
}

impl Pass<'_, '_> {
    /// The next event; `None` at the end of a whole document.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Stop> {
        self.reader.next(self.input, &mut self.lexer)
    }

    /// Where the reading stands.
    pub(crate) fn reader(&self) -> &Reader {
        self.reader
    }
}

/// Where a name stands that is among them twice. Leaves them in another order.
fn twice(input: &[u8], names: &mut [Name]) -> Option<usize> {
    let same = |one: &Name, other: &Name| {
        one.namespace == other.namespace && one.local.of(input) == other.local.of(input)
    };
    if names.len() <= FEW {
        let mut rest: &[Name] = names;
        while let [first, after @ ..] = rest {
            if let Some(other) = after.iter().find(|other| same(first, other)) {
                return Some(other.local.start);
            }
            rest = after;
        }
        return None;
    }
    names.sort_unstable_by(|one, other| {
        (one.namespace, one.local.of(input)).cmp(&(other.namespace, other.local.of(input)))
    });
    names.windows(2).find_map(|pair| match pair {
        [one, other] if same(one, other) => Some(one.local.start.max(other.local.start)),
        _ => None,
    })
}

/// What an attribute's value means.
pub(crate) fn attribute_value(raw: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    text::decode_attribute(raw)
}
