//! What a path means to whoever may read it differently than we do. Never repairs one: what is ambiguous is a doubt.

use std::borrow::Cow;

use http::HeaderMap;
use percent_encoding::percent_decode_str;

use super::Doubt;

/// How often a path is decoded until nothing changes. Honest callers escape once, careless ones twice.
pub(super) const DECODE_ROUNDS_MAX: usize = 8;
/// Headers by which servers take another method than the request line's.
const METHOD_HEADERS: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];
/// Headers by which servers take another path than the request line's.
const PATH_HEADERS: [&str; 2] = ["x-original-url", "x-rewrite-url"];

/// The segments of a path. Empty ones are left out: the tenant is asked for `//hub/v1/…` and answers as for `/hub/v1/…`.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> + Clone {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The path without any escapes, however often it was escaped.
///
/// # Errors
///
/// What could mean different things to different readers.
pub(super) fn decode(raw: &str) -> Result<Cow<'_, str>, Doubt> {
    if has_broken_escape(raw) {
        return Err(Doubt::Escape);
    }
    let mut path = Cow::Borrowed(raw);
    let mut rounds = 0;
    loop {
        let next = match percent_decode_str(&path).decode_utf8() {
            Ok(Cow::Borrowed(_same)) => break,
            Ok(Cow::Owned(next)) => next,
            Err(_) => return Err(Doubt::Text),
        };
        rounds += 1;
        if rounds > DECODE_ROUNDS_MAX {
            return Err(Doubt::Escape);
        }
        path = Cow::Owned(next);
    }
    look(&path)?;
    Ok(path)
}

fn look(path: &str) -> Result<(), Doubt> {
    if path.chars().any(char::is_control) {
        return Err(Doubt::Control);
    }
    if path.contains('\\') {
        return Err(Doubt::Backslash);
    }
    if segments(path).any(is_dots) {
        return Err(Doubt::DotSegment);
    }
    if has_wide_escape(path) {
        return Err(Doubt::Escape);
    }
    Ok(())
}

/// `.` and `..`, and what some servers take for them: `..;a`, `...`, `.. `.
pub(super) fn is_dots(segment: &str) -> bool {
    let name = segment.split(';').next().unwrap_or_default();
    name.contains('.')
        && name
            .chars()
            .all(|letter| letter == '.' || letter.is_whitespace())
}

/// A segment as lenient servers take it: without parameters, and without dots and blanks at its end.
pub(super) fn softened(segment: &str) -> &str {
    let name = segment.split(';').next().unwrap_or_default();
    name.trim_end_matches(|letter: char| letter == '.' || letter.is_whitespace())
        .trim_start()
}

/// A `%` that no two hexadecimal digits follow.
fn has_broken_escape(raw: &str) -> bool {
    raw.split('%')
        .skip(1)
        .any(|after| !begins_with_hex(after, 2))
}

/// `%u002f`, which only some servers take for an escape.
fn has_wide_escape(path: &str) -> bool {
    path.split('%')
        .skip(1)
        .filter_map(|after| after.strip_prefix(['u', 'U']))
        .any(|after| begins_with_hex(after, 4))
}

fn begins_with_hex(text: &str, digits: usize) -> bool {
    let bytes = text.as_bytes().get(..digits);
    bytes.is_some_and(|bytes| bytes.iter().all(u8::is_ascii_hexdigit))
}

/// The doubt that a header raises by naming another method or path. Servers that keep headers in variables cannot tell `_`
/// from `-`.
pub(super) fn override_header(headers: &HeaderMap) -> Option<Doubt> {
    let is = |name: &str, known: &str| {
        let name = name
            .bytes()
            .map(|byte| if byte == b'_' { b'-' } else { byte });
        name.eq(known.bytes())
    };
    headers.keys().find_map(|name| {
        let one_of = |known: &[&str]| known.iter().any(|known| is(name.as_str(), known));
        if one_of(&METHOD_HEADERS) {
            Some(Doubt::MethodHeader)
        } else if one_of(&PATH_HEADERS) {
            Some(Doubt::PathHeader)
        } else {
            None
        }
    })
}
