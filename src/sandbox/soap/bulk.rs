//! Very long answers: `SandboxRows[n]` retrieves n rows of one KiB each, made while they are sent.
//!
//! No counterpart at the vendor, whose pages end at 2,500 objects; never holds more than one chunk.

use std::fmt::Write as _;

use bytes::Bytes;

use super::operation::{Content, Said};
use super::retrieve;
use crate::sandbox::digest::random_uuid;

/// Bytes of one row, tags and all.
const ROW_SIZE: usize = 1_024;
/// Rows of one chunk.
const CHUNK_ROWS: u64 = 64;
const ROW_START: &str = "<Results xsi:type=\"DataExtensionObject\"><PartnerKey xsi:nil=\"true\"/>\
    <ObjectID xsi:nil=\"true\"/><Type>DataExtensionObject</Type><Properties>\
    <Property><Name>number</Name><Value>";
const ROW_MIDDLE: &str = "</Value></Property><Property><Name>filler</Name><Value>";
const ROW_END: &str = "</Value></Property></Properties></Results>";

/// The n of `SandboxRows[n]`.
pub(super) fn count(object_type: &str) -> Option<u64> {
    let inner = object_type.strip_prefix("SandboxRows[")?;
    inner.strip_suffix(']')?.parse().ok()
}

/// An answer of that many rows, in one page.
pub(super) fn answer(count: u64) -> Said {
    let start = Bytes::from(retrieve::opening("OK", &random_uuid()));
    let chunks = (0..count.div_ceil(CHUNK_ROWS)).map(move |chunk| {
        let first = chunk * CHUNK_ROWS;
        rows(first, (first + CHUNK_ROWS).min(count))
    });
    Said {
        overall: "OK".to_owned(),
        content: Content::Streamed(Box::new(std::iter::once(start).chain(chunks))),
    }
}

fn rows(first: u64, end: u64) -> Bytes {
    let mut out = String::new();
    for number in first..end {
        let before = out.len();
        let _ = write!(out, "{ROW_START}{number:020}{ROW_MIDDLE}");
        let filled = out.len() - before + ROW_END.len();
        out.push_str(&"x".repeat(ROW_SIZE.saturating_sub(filled)));
        out.push_str(ROW_END);
    }
    Bytes::from(out)
}
