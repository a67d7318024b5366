//! Spans that have ended and wait for being sent. Bounded; nobody ever waits to put one in, and the one who takes them out is
//! woken when there is a batch, not with each of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Ended;
use crate::metrics::Metrics;

/// The queue.
pub struct Queue {
    held: Mutex<Vec<Ended>>,
    size_max: usize,
    batch_size: usize,
    is_due: Notify,
    metrics: Arc<Metrics>,
}

impl Queue {
    /// Holds `size_max` spans, and asks for being emptied when there are `batch_size`.
    #[must_use]
    pub fn new(size_max: usize, batch_size: usize, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            held: Mutex::default(),
            size_max,
            batch_size: batch_size.clamp(1, size_max.max(1)),
            is_due: Notify::new(),
            metrics,
        })
    }

    /// Puts a span in, or drops it where there is no room.
    pub(super) fn push(&self, span: Ended) {
        let size = {
            let mut held = self.held();
            if held.len() >= self.size_max {
                drop(held);
                self.dropped("queue_full", 1);
                return;
            }
            held.push(span);
            held.len()
        };
        if size == self.batch_size {
            self.is_due.notify_one();
        }
    }

    /// Waits until there is a whole batch.
    pub async fn is_due(&self) {
        self.is_due.notified().await;
    }

    /// Takes out one batch, the oldest first; empty if there is nothing.
    #[must_use]
    pub fn take(&self) -> Vec<Ended> {
        let mut held = self.held();
        let size = held.len().min(self.batch_size);
        held.drain(..size).collect()
    }

    /// So many spans have not been sent, for this reason.
    pub fn dropped(&self, reason: &'static str, count: usize) {
        self.metrics
            .spans_dropped_total
            .with_label_values(&[reason])
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// So many spans have been sent.
    pub fn exported(&self, count: usize) {
        self.metrics
            .spans_exported_total
            .inc_by(u64::try_from(count).unwrap_or(u64::MAX));
    }

    fn held(&self) -> MutexGuard<'_, Vec<Ended>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
