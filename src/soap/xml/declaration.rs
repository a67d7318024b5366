//! The XML declaration: where it ends, and which encoding it names. Never decides what the encoding is.

use super::lexer::{Span, Stop, after_space, attribute};
use super::text::is_space;
use crate::soap::Malformed;

/// `<?xml version="1.0" encoding="…" standalone="…"?>`
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    /// The encoding's name as written.
    pub(crate) encoding: Option<Span>,
    /// The position after `?>`.
    pub(crate) end: usize,
}

/// The declaration at the very start of the input, if there is one.
pub(crate) fn declaration(input: &[u8]) -> Result<Option<Declaration>, Stop> {
    const OPENING: &[u8] = b"<?xml";
    if !input.starts_with(OPENING) || !input.get(OPENING.len()).is_none_or(|byte| is_space(*byte)) {
        return Ok(None);
    }
    let mut position = OPENING.len();
    let mut encoding = None;
    // Each of the three at most once and in this order; the version must be there.
    let mut expected = 0;
    loop {
        let next = after_space(input, position);
        match (input.get(next), input.get(next + 1)) {
            (None, _) | (Some(b'?'), None) => return Err(Stop::Incomplete),
            (Some(b'?'), Some(b'>')) if expected > 0 => {
                let end = next + 2;
                return Ok(Some(Declaration { encoding, end }));
            }
            _ if next == position => return Err(Stop::at(next, Malformed::Declaration)),
            _ => {}
        }
        let found = attribute(input, next)?;
        let value = found.value.of(input);
        let (place, good) = match found.name.whole().of(input) {
            b"version" => (0, value == b"1.0"),
            b"encoding" => (1, is_label(value)),
            b"standalone" => (2, matches!(value, b"yes" | b"no")),
            _ => (0, false),
        };
        if !good || place < expected || (expected == 0 && place != 0) {
            return Err(Stop::at(next, Malformed::Declaration));
        }
        if place == 1 {
            encoding = Some(found.value);
        }
        expected = place + 1;
        position = found.value.end + 1;
    }
}

fn is_label(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
