//! Characters, names and references of XML 1.0, and the way back: escaping. Never sees a tag.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memchr3};

/// White space as XML means it.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Without white space on either side.
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes {
        if !is_space(*first) {
            break;
        }
        bytes = rest;
    }
    while let [rest @ .., last] = bytes {
        if !is_space(*last) {
            break;
        }
        bytes = rest;
    }
    bytes
}

/// Whether this is a name without colon.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

fn starts_name(character: char) -> bool {
    matches!(character,
        'A'..='Z' | 'a'..='z' | '_' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}')
}

fn continues_name(character: char) -> bool {
    starts_name(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// Whether XML 1.0 allows the character, itself or as a reference.
fn is_allowed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The first byte of valid UTF-8 text that is, or begins, a character that XML does not allow.
pub(crate) fn forbidden(text: &[u8]) -> Option<usize> {
    let control = |byte: u8| byte < b' ' && !is_space(byte);
    // Counted in blocks, because that is what the compiler turns into vector code.
    let mut position = 0;
    for block in text.chunks(1024) {
        if block.iter().fold(false, |bad, byte| bad | control(*byte)) {
            let offset = block.iter().position(|byte| control(*byte));
            return offset.map(|offset| position + offset);
        }
        position += block.len();
    }
    let mut from = 0;
    while let Some(offset) = memchr(0xEF, text.get(from..).unwrap_or_default()) {
        let at = from + offset;
        if let Some([0xEF, 0xBF, 0xBE | 0xBF]) = text.get(at..at + 3) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The character that `&…;` stands for, given what is between `&` and `;`.
pub(super) fn referenced(inside: &[u8]) -> Option<char> {
    let digits = match inside {
        b"lt" => return Some('<'),
        b"gt" => return Some('>'),
        b"amp" => return Some('&'),
        b"apos" => return Some('\''),
        b"quot" => return Some('"'),
        [b'#', digits @ ..] => digits,
        _ => return None,
    };
    let (digits, radix) = match digits {
        [b'x', hexadecimal @ ..] => (hexadecimal, 16),
        decimal => (decimal, 10),
    };
    // from_str_radix would take a sign.
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let number = u32::from_str_radix(str::from_utf8(digits).ok()?, radix).ok()?;
    char::from_u32(number).filter(|character| is_allowed(*character))
}

/// Text as the document means it: references resolved, line ends as `\n`. References are known to be good.
pub(crate) fn decode(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'&', b'\r', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(resolve(raw, |byte| byte))
}

/// An attribute's value as the document means it: also each white space is a blank.
pub(super) fn decode_attribute(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'&', raw).is_none() && memchr3(b'\r', b'\n', b'\t', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(resolve(
        raw,
        |byte| if is_space(byte) { b' ' } else { byte },
    ))
}

fn resolve(raw: &[u8], literal: impl Fn(u8) -> u8) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'&' => {
                let length = memchr(b';', rest).unwrap_or(rest.len());
                let (inside, after) = rest.split_at(length);
                rest = after.get(1..).unwrap_or_default();
                if let Some(character) = referenced(inside) {
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
            b'\r' => {
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
                text.push(literal(b'\n'));
            }
            other => text.push(literal(*other)),
        }
    }
    text
}

/// Text as ASCII that means the same in element content and attribute values of every encoding. What XML cannot say at all
/// becomes U+FFFD.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    let plain = |byte: u8| {
        (b' '..=b'~').contains(&byte) && !matches!(byte, b'<' | b'>' | b'&' | b'"' | b'\'')
    };
    if text.bytes().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            ' '..='~' => escaped.push(character),
            other => {
                let other = if is_allowed(other) { other } else { '\u{FFFD}' };
                escaped.push_str(&format!("&#{};", u32::from(other)));
            }
        }
    }
    Cow::Owned(escaped)
}
