//! Cuts bytes into tags, text, CDATA, comments and instructions, and refuses what XML 1.0 does not allow inside one of them.
//!
//! quick-xml finds where each begins and ends; it is lenient within, so that names, references and white space are checked
//! here. Knows nothing of nesting or namespaces, and never looks at a byte more than a few times. Where the input may still
//! grow, says `Incomplete` instead of guessing.

use std::borrow::Cow;

use memchr::{memchr, memmem};
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::{BytesStart, Event};

use super::text;
use crate::soap::Malformed;

/// Most attributes and namespace declarations on one element.
pub const ATTRIBUTES_MAX: usize = 256;
/// A reference may be this long, `&` and `;` included.
const REFERENCE_SIZE_MAX: usize = 32;

/// A range of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// First byte.
    pub(crate) start: usize,
    /// After the last byte.
    pub(crate) end: usize,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }

    /// The bytes themselves; nothing if the input is not the one that the span was taken from.
    pub(crate) fn of(self, input: &[u8]) -> &[u8] {
        input.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// A name as written: an empty prefix means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QualifiedName {
    pub(crate) prefix: Span,
    pub(crate) local: Span,
}

impl QualifiedName {
    pub(crate) fn whole(self) -> Span {
        Span::new(self.prefix.start, self.local.end)
    }
}

/// An attribute as written; the value without its quotes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RawAttribute {
    pub(crate) name: QualifiedName,
    pub(crate) value: Span,
}

/// One piece of a document.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    Start {
        name: QualifiedName,
        span: Span,
        empty: bool,
    },
    End {
        name: QualifiedName,
        span: Span,
    },
    /// `open`: it reaches to the end of the input, so more of it may come.
    Text {
        span: Span,
        open: bool,
    },
    Section {
        content: Span,
        span: Span,
    },
    /// A comment or processing instruction.
    Aside {
        span: Span,
    },
    /// `<?xml …?>`, wherever it stands.
    Declaration {
        span: Span,
    },
}

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The input ends inside of it.
    Incomplete,
    /// It is not XML.
    Malformed { position: usize, reason: Malformed },
}

impl Stop {
    pub(crate) fn at(position: usize, reason: Malformed) -> Self {
        Self::Malformed { position, reason }
    }
}

/// Reads tokens one after the other.
pub(super) struct Lexer<'i> {
    input: &'i [u8],
    tokenizer: quick_xml::Reader<&'i [u8]>,
    /// Where in the input the tokenizer counts from.
    origin: usize,
    /// A byte order mark that the tokenizer passes over; here it is a character.
    mark: Option<Span>,
}

impl<'i> Lexer<'i> {
    /// Begins at `from`, where a token begins.
    pub(super) fn new(input: &'i [u8], from: usize) -> Self {
        let rest = rest(input, from);
        let mut tokenizer = quick_xml::Reader::from_reader(rest);
        let config = tokenizer.config_mut();
        config.check_comments = true;
        // Nesting is looked after by whoever reads the tokens.
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        let mark = rest
            .starts_with(b"\xEF\xBB\xBF")
            .then(|| Span::new(from, from + 3));
        Self {
            input,
            tokenizer,
            origin: mark.map_or(from, |mark| mark.end),
            mark,
        }
    }

    fn position(&self) -> usize {
        usize::try_from(self.tokenizer.buffer_position()).map_or(self.input.len(), |read| {
            self.origin.saturating_add(read).min(self.input.len())
        })
    }

    /// The next token. The attributes of a start tag are left in `attributes`.
    pub(super) fn token(&mut self, attributes: &mut Vec<RawAttribute>) -> Result<Token, Stop> {
        if let Some(span) = self.mark.take() {
            let open = span.end == self.input.len();
            return Ok(Token::Text { span, open });
        }
        let at = self.position();
        let event = self.tokenizer.read_event();
        let span = Span::new(at, self.position());
        let input = self.input;
        let open = span.end == input.len();
        match event {
            Ok(Event::Start(tag)) => {
                let name = start_tag(input, span, &tag, attributes)?;
                let empty = false;
                Ok(Token::Start { name, span, empty })
            }
            Ok(Event::Empty(tag)) => {
                let name = start_tag(input, span, &tag, attributes)?;
                let empty = true;
                Ok(Token::Start { name, span, empty })
            }
            Ok(Event::End(tag)) => {
                let name = name(tag.name().as_ref(), at + 2)?;
                Ok(Token::End { name, span })
            }
            Ok(Event::Text(_)) => match memmem::find(span.of(input), b"]]>") {
                Some(offset) => Err(Stop::at(at + offset, Malformed::SectionEnd)),
                None => Ok(Token::Text { span, open }),
            },
            Ok(Event::GeneralRef(inside)) => match text::referenced(inside.as_bytes()) {
                Some(_) => Ok(Token::Text { span, open: false }),
                None => Err(Stop::at(at, Malformed::Entity)),
            },
            Ok(Event::CData(_)) => {
                let content = Span::new(at + SECTION.len(), span.end - b"]]>".len());
                Ok(Token::Section { content, span })
            }
            Ok(Event::Comment(_)) => Ok(Token::Aside { span }),
            Ok(Event::Decl(_)) => Ok(Token::Declaration { span }),
            Ok(Event::PI(instruction)) => {
                let target = instruction.target();
                name(target, at + 2)?;
                if target.eq_ignore_ascii_case("xml") {
                    return Err(Stop::at(at, Malformed::Instruction));
                }
                Ok(Token::Aside { span })
            }
            Ok(Event::DocType(_)) => Err(Stop::at(at, Malformed::Doctype)),
            Ok(Event::Eof) => Err(Stop::Incomplete),
            Err(error) => Err(stop(input, span, &error)),
        }
    }
}

const COMMENT: &[u8] = b"<!--";
const SECTION: &[u8] = b"<![CDATA[";
const DOCTYPE: &[u8] = b"<!DOCTYPE";

/// What an error of the tokenizer means at this place.
fn stop(input: &[u8], span: Span, error: &quick_xml::Error) -> Stop {
    use quick_xml::Error;
    let at = span.start;
    let here = rest(input, at);
    let open = span.end == input.len();
    match error {
        _ if here.starts_with(b"<!") => bang(here, at, error),
        Error::Syntax(
            SyntaxError::UnclosedTag
            | SyntaxError::UnclosedPI
            | SyntaxError::UnclosedXmlDecl
            | SyntaxError::UnclosedSingleQuotedAttributeValue
            | SyntaxError::UnclosedDoubleQuotedAttributeValue,
        ) => Stop::Incomplete,
        // What cannot become a reference is refused even where more may come.
        Error::IllFormed(IllFormedError::UnclosedReference)
            if open && here.len() < REFERENCE_SIZE_MAX =>
        {
            Stop::Incomplete
        }
        Error::IllFormed(IllFormedError::UnclosedReference) => Stop::at(at, Malformed::Entity),
        // Possibly within a character.
        Error::Encoding(_) if open => Stop::Incomplete,
        Error::Encoding(_) => Stop::at(at, Malformed::Encoding),
        _ => Stop::at(at, Malformed::Tag),
    }
}

/// The same for what begins with `<!`.
fn bang(here: &[u8], at: usize, error: &quick_xml::Error) -> Stop {
    let begins = |whole: &[u8]| here.len() < whole.len() && whole.starts_with(here);
    let is_doctype = here
        .get(..DOCTYPE.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(DOCTYPE));
    match error {
        quick_xml::Error::IllFormed(IllFormedError::DoubleHyphenInComment) => {
            Stop::at(at, Malformed::Comment)
        }
        _ if is_doctype => Stop::at(at, Malformed::Doctype),
        quick_xml::Error::Syntax(_) if here.starts_with(COMMENT) || here.starts_with(SECTION) => {
            Stop::Incomplete
        }
        _ if [COMMENT, SECTION, DOCTYPE].into_iter().any(begins) => Stop::Incomplete,
        _ => Stop::at(at, Malformed::Tag),
    }
}

fn rest(input: &[u8], from: usize) -> &[u8] {
    input.get(from..).unwrap_or_default()
}

fn start_tag(
    input: &[u8],
    span: Span,
    tag: &BytesStart<'_>,
    attributes: &mut Vec<RawAttribute>,
) -> Result<QualifiedName, Stop> {
    let name = name(tag.name().as_ref(), span.start + 1)?;
    let end = span.start + 1 + tag.len();
    read_attributes(input, Span::new(name.local.end, end), tag, attributes)?;
    Ok(name)
}

/// The attributes that stand in `span` of the input, also the pseudo-attributes of the XML declaration. Values without quotes,
/// references checked.
pub(super) fn read_attributes(
    input: &[u8],
    span: Span,
    tag: &BytesStart<'_>,
    attributes: &mut Vec<RawAttribute>,
) -> Result<(), Stop> {
    attributes.clear();
    let mut from = span.start;
    for attribute in tag.attributes().with_checks(false) {
        if attributes.len() >= ATTRIBUTES_MAX {
            return Err(Stop::at(from, Malformed::TooManyAttributes));
        }
        let broken = Stop::at(from, Malformed::Tag);
        let Ok(attribute) = attribute else {
            return Err(broken);
        };
        let Cow::Borrowed(value) = attribute.value else {
            return Err(broken);
        };
        let (key, value) = (place(input, attribute.key.as_ref()), place(input, value));
        let gap = Span::new(from, key.start).of(input);
        if gap.is_empty() || !gap.iter().all(|byte| text::is_space(*byte)) {
            return Err(broken);
        }
        let name = name(attribute.key.as_ref(), key.start)?;
        check_value(input, value)?;
        attributes.push(RawAttribute { name, value });
        // After the closing quote.
        from = value.end + 1;
    }
    let rest = Span::new(from, span.end).of(input);
    if rest.iter().all(|byte| text::is_space(*byte)) {
        Ok(())
    } else {
        Err(Stop::at(from, Malformed::Tag))
    }
}

/// Where a part of the input stands in it.
fn place(input: &[u8], part: &str) -> Span {
    let start = part.as_ptr().addr().saturating_sub(input.as_ptr().addr());
    Span::new(start, start + part.len())
}

fn check_value(input: &[u8], value: Span) -> Result<(), Stop> {
    let bytes = value.of(input);
    if let Some(offset) = memchr(b'<', bytes) {
        return Err(Stop::at(value.start + offset, Malformed::Tag));
    }
    let mut from = 0;
    while let Some(offset) = memchr(b'&', rest(bytes, from)) {
        let at = from + offset;
        let window = rest(bytes, at + 1);
        let window = window.get(..REFERENCE_SIZE_MAX).unwrap_or(window);
        let inside = memchr(b';', window).and_then(|length| window.get(..length));
        match inside.filter(|inside| text::referenced(inside).is_some()) {
            Some(inside) => from = at + 1 + inside.len() + 1,
            None => return Err(Stop::at(value.start + at, Malformed::Entity)),
        }
    }
    Ok(())
}

/// A qualified name that stands at `at`.
fn name(written: &str, at: usize) -> Result<QualifiedName, Stop> {
    let end = at + written.len();
    let (prefix, local) = match written.split_once(':') {
        None => (None, written),
        Some((prefix, local)) => (Some(prefix), local),
    };
    if !text::is_name(local) || !prefix.is_none_or(text::is_name) {
        return Err(Stop::at(at, Malformed::Name));
    }
    let prefix = Span::new(at, at + prefix.map_or(0, str::len));
    let local = Span::new(end - local.len(), end);
    Ok(QualifiedName { prefix, local })
}
