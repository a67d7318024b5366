//! In which encoding a document is written, its text as UTF-8, and the way back from places in the text to places in what
//! was received.
//!
//! Decided as RFC 7303 (section 3) says, strongest first: byte order mark, `charset` of the Content-Type, XML declaration,
//! UTF-8. Whether units have one byte or two is seen in the bytes and must fit. Never guesses by frequency, and never
//! changes a byte of what was received.

use std::borrow::Cow;

use bytes::Bytes;

use super::Malformed;
use super::xml::{self, Span, Stop};

/// The encodings that an envelope may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Also what calls itself US-ASCII.
    Utf8,
    Utf16Little,
    Utf16Big,
    Latin1,
    Windows1252,
}

/// Why there is no text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Undecodable {
    /// The encoding has this name, which is none of ours.
    Unsupported(String),
    Malformed {
        position: usize,
        reason: Malformed,
    },
}

/// What windows-1252 has at 0x80 to 0x9F; the five gaps are the control characters of the same number, as in browsers.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

const LABEL_SIZE_MAX: usize = 40;

/// A document whose encoding is known.
pub(super) struct Document<'a> {
    pub(super) encoding: Encoding,
    /// UTF-8, without byte order mark. Borrowed where the document itself is UTF-8.
    pub(super) text: Cow<'a, [u8]>,
    /// Length of the byte order mark.
    mark: usize,
}

/// Finds the encoding and decodes.
pub(super) fn decode<'a>(
    bytes: &'a [u8],
    charset: Option<&str>,
) -> Result<Document<'a>, Undecodable> {
    let (encoding, mark) = decide(bytes, charset)?;
    let body = bytes.get(mark..).unwrap_or_default();
    let text = match encoding {
        Encoding::Utf8 => match str::from_utf8(body) {
            Ok(_) => Cow::Borrowed(body),
            Err(error) => {
                return Err(Undecodable::Malformed {
                    position: mark + error.valid_up_to(),
                    reason: Malformed::Encoding,
                });
            }
        },
        Encoding::Latin1 => single(body, char::from),
        Encoding::Windows1252 => single(body, |byte| {
            let place = usize::from(byte.wrapping_sub(0x80));
            let special = WINDOWS_1252.get(place).copied();
            special.unwrap_or(char::from(byte))
        }),
        Encoding::Utf16Little => double(body, mark, u16::from_le_bytes)?,
        Encoding::Utf16Big => double(body, mark, u16::from_be_bytes)?,
    };
    let document = Document {
        encoding,
        text,
        mark,
    };
    match xml::forbidden(&document.text) {
        None => Ok(document),
        Some(position) => Err(Undecodable::Malformed {
            position: document.place(position),
            reason: Malformed::Character,
        }),
    }
}

fn decide(bytes: &[u8], charset: Option<&str>) -> Result<(Encoding, usize), Undecodable> {
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => return Ok((Encoding::Utf8, 3)),
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => return Err(unsupported("UTF-32")),
        [0xFF, 0xFE, ..] => return Ok((Encoding::Utf16Little, 2)),
        [0xFE, 0xFF, ..] => return Ok((Encoding::Utf16Big, 2)),
        _ => {}
    }
    let seen = match bytes {
        [0, 0, 0, _, ..] | [_, 0, 0, 0, ..] => return Err(unsupported("UTF-32")),
        [0, _, ..] => Some(Encoding::Utf16Big),
        [_, 0, ..] => Some(Encoding::Utf16Little),
        _ => None,
    };
    // In two-byte units the declaration could only repeat what the bytes show.
    let label = match (charset, seen) {
        (Some(charset), _) => Some(Cow::Borrowed(charset)),
        (None, Some(seen)) => return Ok((seen, 0)),
        (None, None) => declared(bytes)?,
    };
    let encoding = match (label.as_deref().map(named), seen) {
        (Some(None), _) => return Err(unsupported(&label.unwrap_or_default())),
        (None, _) => Encoding::Utf8,
        (Some(Some(Named::Utf16)), Some(seen)) => seen,
        (Some(Some(Named::One(Encoding::Utf16Big))), Some(Encoding::Utf16Big)) => {
            Encoding::Utf16Big
        }
        (Some(Some(Named::One(Encoding::Utf16Little))), Some(Encoding::Utf16Little)) => {
            Encoding::Utf16Little
        }
        (
            Some(Some(Named::One(
                one @ (Encoding::Utf8 | Encoding::Latin1 | Encoding::Windows1252),
            ))),
            None,
        ) => one,
        _ => {
            return Err(Undecodable::Malformed {
                position: 0,
                reason: Malformed::EncodingMismatch,
            });
        }
    };
    Ok((encoding, 0))
}

/// The name that the XML declaration of a document in one-byte units gives.
fn declared(bytes: &[u8]) -> Result<Option<Cow<'_, str>>, Undecodable> {
    match xml::declaration(bytes) {
        Ok(declaration) => {
            let label = declaration.and_then(|declaration| declaration.encoding);
            Ok(label.map(|label| String::from_utf8_lossy(label.of(bytes))))
        }
        Err(Stop::Incomplete) => Err(Undecodable::Malformed {
            position: bytes.len(),
            reason: Malformed::UnexpectedEnd,
        }),
        Err(Stop::Malformed { position, reason }) => {
            Err(Undecodable::Malformed { position, reason })
        }
    }
}

fn unsupported(label: &str) -> Undecodable {
    let printable = label.chars().filter(char::is_ascii_graphic);
    Undecodable::Unsupported(printable.take(LABEL_SIZE_MAX).collect())
}

enum Named {
    One(Encoding),
    /// Whichever the bytes show.
    Utf16,
}

fn named(label: &str) -> Option<Named> {
    Some(match label.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Named::One(Encoding::Utf8),
        "utf-16" | "utf16" => Named::Utf16,
        "utf-16le" => Named::One(Encoding::Utf16Little),
        "utf-16be" => Named::One(Encoding::Utf16Big),
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" => Named::One(Encoding::Latin1),
        "windows-1252" | "cp1252" => Named::One(Encoding::Windows1252),
        _ => return None,
    })
}

fn single(body: &[u8], character: impl Fn(u8) -> char) -> Cow<'_, [u8]> {
    if body.is_ascii() {
        return Cow::Borrowed(body);
    }
    let mut text = Vec::with_capacity(body.len() + body.len() / 8);
    for byte in body {
        if byte.is_ascii() {
            text.push(*byte);
        } else {
            let mut buffer = [0; 4];
            text.extend_from_slice(character(*byte).encode_utf8(&mut buffer).as_bytes());
        }
    }
    Cow::Owned(text)
}

fn double(
    body: &[u8],
    mark: usize,
    unit: impl Fn([u8; 2]) -> u16,
) -> Result<Cow<'_, [u8]>, Undecodable> {
    let broken = |position| Undecodable::Malformed {
        position,
        reason: Malformed::Encoding,
    };
    let (pairs, odd) = body.as_chunks::<2>();
    if !odd.is_empty() {
        return Err(broken(mark + body.len() - 1));
    }
    let mut text = Vec::with_capacity(pairs.len() + pairs.len() / 8);
    let mut units = 0;
    for character in char::decode_utf16(pairs.iter().map(|pair| unit(*pair))) {
        let character = character.map_err(|_unpaired| broken(mark + 2 * units))?;
        units += character.len_utf16();
        let mut buffer = [0; 4];
        text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
    }
    Ok(Cow::Owned(text))
}

impl Document<'_> {
    /// Whether each byte of the text is a byte of what was received.
    fn is_same(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }

    /// Where in what was received a place of the text is.
    pub(super) fn place(&self, position: usize) -> usize {
        self.mark + self.width(Span::new(0, position))
    }

    /// The same for many places at once, in ascending order: one pass.
    pub(super) fn places(&self, positions: &[usize]) -> Vec<usize> {
        let (mut from, mut place) = (0, self.mark);
        let mut places = Vec::with_capacity(positions.len());
        for position in positions {
            place += self.width(Span::new(from, *position));
            from = *position;
            places.push(place);
        }
        places
    }

    /// How many bytes a part of the text has in what was received.
    fn width(&self, part: Span) -> usize {
        if self.is_same() {
            return part.end.saturating_sub(part.start);
        }
        let bytes = part.of(&self.text);
        // Continuation bytes count nothing; four-byte characters are two units of UTF-16.
        match self.encoding {
            Encoding::Utf8 => bytes.len(),
            Encoding::Latin1 | Encoding::Windows1252 => bytes
                .iter()
                .map(|byte| usize::from(byte & 0xC0 != 0x80))
                .sum(),
            Encoding::Utf16Little | Encoding::Utf16Big => {
                let units =
                    |byte: &u8| usize::from(byte & 0xC0 != 0x80) + usize::from(*byte >= 0xF0);
                2 * bytes.iter().map(units).sum::<usize>()
            }
        }
    }
}

impl Encoding {
    /// ASCII text as this encoding writes it.
    pub(super) fn encode(self, ascii: Cow<'_, str>) -> Bytes {
        match self {
            Self::Utf8 | Self::Latin1 | Self::Windows1252 => match ascii {
                Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
                Cow::Owned(text) => text.into(),
            },
            Self::Utf16Little => ascii.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            Self::Utf16Big => ascii.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        }
    }
}
