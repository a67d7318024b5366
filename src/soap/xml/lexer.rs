//! Cuts bytes into tags, text, CDATA, comments and instructions, and refuses what XML 1.0 does not allow inside one of them.
//!
//! Knows nothing of nesting or namespaces, allocates nothing, and never looks at a byte more than a few times. Expects
//! UTF-8; where the input may still grow, says `Incomplete` instead of guessing.

use memchr::{memchr, memchr3, memmem};

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

/// The token that begins at `at`. The attributes of a start tag are left in `attributes`.
pub(crate) fn token(
    input: &[u8],
    at: usize,
    attributes: &mut Vec<RawAttribute>,
) -> Result<Token, Stop> {
    match (input.get(at), input.get(at + 1)) {
        (None, _) | (Some(b'<'), None) => Err(Stop::Incomplete),
        (Some(b'<'), Some(b'/')) => end_tag(input, at),
        (Some(b'<'), Some(b'?')) => instruction(input, at),
        (Some(b'<'), Some(b'!')) => aside_or_section(input, at),
        (Some(b'<'), Some(_)) => start_tag(input, at, attributes),
        (Some(_), _) => characters(input, at),
    }
}

fn rest(input: &[u8], from: usize) -> &[u8] {
    input.get(from..).unwrap_or_default()
}

fn characters(input: &[u8], at: usize) -> Result<Token, Stop> {
    let mut from = at;
    loop {
        let Some(offset) = memchr3(b'<', b'&', b']', rest(input, from)) else {
            let span = Span::new(at, input.len());
            return Ok(Token::Text { span, open: true });
        };
        let found = from + offset;
        match input.get(found) {
            Some(b'<') => {
                let span = Span::new(at, found);
                return Ok(Token::Text { span, open: false });
            }
            Some(b'&') => from = reference(input, found)?,
            _ if rest(input, found).starts_with(b"]]>") => {
                return Err(Stop::at(found, Malformed::SectionEnd));
            }
            _ => from = found + 1,
        }
    }
}

/// Checks the reference at `at` and gives the position after its `;`.
fn reference(input: &[u8], at: usize) -> Result<usize, Stop> {
    let window = rest(input, at + 1);
    let window = window.get(..REFERENCE_SIZE_MAX).unwrap_or(window);
    let Some(length) = memchr(b';', window) else {
        // What cannot become a reference is refused even where more may come.
        return Err(if window.len() < REFERENCE_SIZE_MAX {
            Stop::Incomplete
        } else {
            Stop::at(at, Malformed::Entity)
        });
    };
    match text::referenced(window.get(..length).unwrap_or_default()) {
        Some(_) => Ok(at + 1 + length + 1),
        None => Err(Stop::at(at, Malformed::Entity)),
    }
}

fn start_tag(input: &[u8], at: usize, attributes: &mut Vec<RawAttribute>) -> Result<Token, Stop> {
    attributes.clear();
    let name = name(input, at + 1)?;
    let mut position = name.local.end;
    loop {
        let next = after_space(input, position);
        match (input.get(next), input.get(next + 1)) {
            (None, _) | (Some(b'/'), None) => return Err(Stop::Incomplete),
            (Some(b'>'), _) => {
                let span = Span::new(at, next + 1);
                return Ok(Token::Start {
                    name,
                    span,
                    empty: false,
                });
            }
            (Some(b'/'), Some(b'>')) => {
                let span = Span::new(at, next + 2);
                return Ok(Token::Start {
                    name,
                    span,
                    empty: true,
                });
            }
            _ if next == position => return Err(Stop::at(next, Malformed::Tag)),
            _ if attributes.len() >= ATTRIBUTES_MAX => {
                return Err(Stop::at(next, Malformed::TooManyAttributes));
            }
            _ => {
                let attribute = attribute(input, next)?;
                position = attribute.value.end + 1;
                attributes.push(attribute);
            }
        }
    }
}

/// `name = "value"`, also used for the XML declaration's pseudo-attributes.
pub(super) fn attribute(input: &[u8], at: usize) -> Result<RawAttribute, Stop> {
    let name = name(input, at)?;
    let equals = after_space(input, name.local.end);
    match input.get(equals) {
        None => return Err(Stop::Incomplete),
        Some(b'=') => {}
        Some(_) => return Err(Stop::at(equals, Malformed::Tag)),
    }
    let opening = after_space(input, equals + 1);
    let quote = match input.get(opening) {
        None => return Err(Stop::Incomplete),
        Some(quote @ (b'"' | b'\'')) => *quote,
        Some(_) => return Err(Stop::at(opening, Malformed::Tag)),
    };
    let mut from = opening + 1;
    loop {
        let Some(offset) = memchr3(quote, b'<', b'&', rest(input, from)) else {
            return Err(Stop::Incomplete);
        };
        let found = from + offset;
        match input.get(found) {
            Some(b'<') => return Err(Stop::at(found, Malformed::Tag)),
            Some(b'&') => from = reference(input, found)?,
            _ => {
                let value = Span::new(opening + 1, found);
                return Ok(RawAttribute { name, value });
            }
        }
    }
}

fn end_tag(input: &[u8], at: usize) -> Result<Token, Stop> {
    let name = name(input, at + 2)?;
    let close = after_space(input, name.local.end);
    match input.get(close) {
        None => Err(Stop::Incomplete),
        Some(b'>') => Ok(Token::End {
            name,
            span: Span::new(at, close + 1),
        }),
        Some(_) => Err(Stop::at(close, Malformed::Tag)),
    }
}

fn instruction(input: &[u8], at: usize) -> Result<Token, Stop> {
    let target = name(input, at + 2)?;
    let target = target.whole();
    if target.of(input).eq_ignore_ascii_case(b"xml") {
        return Err(Stop::at(at, Malformed::Instruction));
    }
    let Some(length) = memmem::find(rest(input, target.end), b"?>") else {
        return Err(Stop::Incomplete);
    };
    if length > 0 && after_space(input, target.end) == target.end {
        return Err(Stop::at(target.end, Malformed::Instruction));
    }
    Ok(Token::Aside {
        span: Span::new(at, target.end + length + 2),
    })
}

fn aside_or_section(input: &[u8], at: usize) -> Result<Token, Stop> {
    const COMMENT: &[u8] = b"<!--";
    const SECTION: &[u8] = b"<![CDATA[";
    const DOCTYPE: &[u8] = b"<!DOCTYPE";
    let here = rest(input, at);
    if here.starts_with(COMMENT) {
        let from = at + COMMENT.len();
        let Some(length) = memmem::find(rest(input, from), b"--") else {
            return Err(Stop::Incomplete);
        };
        let end = from + length + 2;
        return match input.get(end) {
            None => Err(Stop::Incomplete),
            Some(b'>') => Ok(Token::Aside {
                span: Span::new(at, end + 1),
            }),
            Some(_) => Err(Stop::at(from + length, Malformed::Comment)),
        };
    }
    if here.starts_with(SECTION) {
        let from = at + SECTION.len();
        let Some(length) = memmem::find(rest(input, from), b"]]>") else {
            return Err(Stop::Incomplete);
        };
        return Ok(Token::Section {
            content: Span::new(from, from + length),
            span: Span::new(at, from + length + 3),
        });
    }
    if here.starts_with(DOCTYPE) {
        return Err(Stop::at(at, Malformed::Doctype));
    }
    if [COMMENT, SECTION, DOCTYPE]
        .iter()
        .any(|whole| whole.starts_with(here))
    {
        return Err(Stop::Incomplete);
    }
    Err(Stop::at(at, Malformed::Tag))
}

/// The first position at or after `at` that is no white space.
pub(super) fn after_space(input: &[u8], at: usize) -> usize {
    let length = rest(input, at)
        .iter()
        .take_while(|byte| text::is_space(**byte))
        .count();
    at + length
}

/// A qualified name. One that reaches to the end of the input is incomplete.
fn name(input: &[u8], at: usize) -> Result<QualifiedName, Stop> {
    let mut colon = None;
    let mut plain = true;
    let mut end = at;
    loop {
        match input.get(end) {
            None => return Err(Stop::Incomplete),
            Some(b':') if colon.is_none() => colon = Some(end),
            Some(byte) if text::is_ascii_name(*byte) => {}
            Some(0x80..) => plain = false,
            Some(_) => break,
        }
        end += 1;
    }
    let (prefix, local) = match colon {
        None => (Span::new(at, at), Span::new(at, end)),
        Some(colon) => (Span::new(at, colon), Span::new(colon + 1, end)),
    };
    let good = |part: Span| text::is_name(part.of(input), plain);
    if !good(local) || (colon.is_some() && !good(prefix)) {
        return Err(Stop::at(at, Malformed::Name));
    }
    Ok(QualifiedName { prefix, local })
}
