//! The XML declaration: whether it is in order, and which encoding it names. Never decides what the encoding is.

use quick_xml::events::BytesStart;

use super::lexer::{Span, Stop, read_attributes};
use super::text::is_space;
use crate::soap::Malformed;

/// `<?xml version="1.0" encoding="…" standalone="…"?>`
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    /// The encoding's name as written.
    pub(crate) encoding: Option<Span>,
}

/// The declaration at the very start of the input, if there is one.
pub(crate) fn declaration(input: &[u8]) -> Result<Option<Declaration>, Stop> {
    const OPENING: &[u8] = b"<?xml";
    if !input.starts_with(OPENING) || !input.get(OPENING.len()).is_none_or(|byte| is_space(*byte)) {
        return Ok(None);
    }
    let Some(length) = memchr::memmem::find(input, b"?>") else {
        return Err(Stop::Incomplete);
    };
    let refused = Stop::at(OPENING.len(), Malformed::Declaration);
    let inside = input.get(2..length).unwrap_or_default();
    let Ok(inside) = str::from_utf8(inside) else {
        return Err(refused);
    };
    let tag = BytesStart::from_content(inside, OPENING.len() - 2);
    let mut attributes = Vec::new();
    let span = Span::new(OPENING.len(), length);
    read_attributes(input, span, &tag, &mut attributes).map_err(|_broken| refused)?;
    let mut encoding = None;
    // Each of the three at most once and in this order; the version must be there.
    let mut expected = 0;
    for found in attributes {
        let value = found.value.of(input);
        let (place, good) = match found.name.whole().of(input) {
            b"version" => (0, value == b"1.0"),
            b"encoding" => (1, is_label(value)),
            b"standalone" => (2, matches!(value, b"yes" | b"no")),
            _ => (0, false),
        };
        if !good || place < expected || (expected == 0 && place != 0) {
            return Err(refused);
        }
        if place == 1 {
            encoding = Some(found.value);
        }
        expected = place + 1;
    }
    if expected == 0 {
        return Err(refused);
    }
    Ok(Some(Declaration { encoding }))
}

fn is_label(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
