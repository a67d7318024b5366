//! A body of known pieces on its way out.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::Progress;

/// What is still to be sent, and whom to tell that it moves.
pub(in crate::proxy) struct Pieces {
    pieces: VecDeque<Bytes>,
    left: u64,
    progress: Arc<Progress>,
}

impl Pieces {
    /// `length` is the sum of all pieces' lengths.
    pub(in crate::proxy) fn new(
        pieces: VecDeque<Bytes>,
        length: u64,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            pieces,
            left: length,
            progress,
        }
    }

    pub(super) fn next(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(length);
        self.progress.touch();
        Some(piece)
    }

    pub(super) fn is_over(&self) -> bool {
        self.pieces.is_empty()
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }
}
