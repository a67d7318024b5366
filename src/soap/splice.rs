//! From edits to pieces: what stays of a document as slices of it, and what is written between them.
//!
//! Never copies what stays, and knows nothing of SOAP.

use std::borrow::Cow;

use bytes::Bytes;

use super::encoding::Document;
use super::xml::{Span, escape};

/// A part of the text that goes, and what comes in its place. Of no length, it only adds.
#[derive(Debug, Clone)]
pub(super) struct Edit {
    pub(super) removed: Span,
    pub(super) written: Vec<Written>,
}

impl Edit {
    pub(super) fn cut(removed: Span) -> Self {
        let written = Vec::new();
        Self { removed, written }
    }
}

/// One thing that is written.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// The token, escaped.
    Token,
    /// The endpoint's URL, escaped.
    Url,
    /// ASCII, as it is.
    Markup(&'static str),
    /// Any text, escaped.
    Text(String),
    /// Another part of the same document.
    Copy(Span),
}

/// One piece of a document to be written.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Bytes(Bytes),
    Token,
    Url,
}

/// Applies edits that do not overlap, in whatever order.
pub(super) fn splice(
    received: &Bytes,
    document: &Document<'_>,
    mut edits: Vec<Edit>,
) -> Vec<Piece> {
    // What only adds comes before what begins there and goes.
    edits.sort_by_key(|edit| (edit.removed.start, edit.removed.end));
    let places = Places::of(document, &edits);
    let mut pieces = Vec::with_capacity(2 * edits.len() + 1);
    let mut from = 0;
    for edit in edits {
        let removed = places.find(edit.removed);
        keep(&mut pieces, received, Span::new(from, removed.start));
        from = removed.end;
        for written in edit.written {
            let piece = match written {
                Written::Token => Piece::Token,
                Written::Url => Piece::Url,
                Written::Copy(span) => {
                    keep(&mut pieces, received, places.find(span));
                    continue;
                }
                Written::Markup(markup) => {
                    Piece::Bytes(document.encoding.encode(Cow::Borrowed(markup)))
                }
                Written::Text(text) => Piece::Bytes(document.encoding.encode(escape(&text))),
            };
            pieces.push(piece);
        }
    }
    keep(&mut pieces, received, Span::new(from, received.len()));
    pieces
}

fn keep(pieces: &mut Vec<Piece>, received: &Bytes, span: Span) {
    if !span.is_empty() && span.end <= received.len() {
        pieces.push(Piece::Bytes(received.slice(span.start..span.end)));
    }
}

/// Places of the text that the edits name, and where they are in what was received.
struct Places {
    positions: Vec<usize>,
    places: Vec<usize>,
}

impl Places {
    fn of(document: &Document<'_>, edits: &[Edit]) -> Self {
        let mut positions = Vec::with_capacity(2 * edits.len());
        let mut note = |span: Span| positions.extend([span.start, span.end]);
        for edit in edits {
            note(edit.removed);
            for written in &edit.written {
                if let Written::Copy(span) = written {
                    note(*span);
                }
            }
        }
        positions.sort_unstable();
        positions.dedup();
        let places = document.places(&positions);
        Self { positions, places }
    }

    fn find(&self, span: Span) -> Span {
        let place = |position| {
            let found = self.positions.binary_search(&position).ok();
            found
                .and_then(|index| self.places.get(index))
                .copied()
                .unwrap_or(0)
        };
        Span::new(place(span.start), place(span.end))
    }
}
