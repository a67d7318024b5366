//! Room for bodies that are held, over the whole process. Given out whole or not at all, so that no two wait for each other.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::Notify;

/// What is left of `max_buffered_size`.
pub(in crate::proxy) struct Budget {
    size_max: usize,
    used: AtomicUsize,
    gauge: IntGauge,
    /// Tells who waits that room was given back.
    freed: Notify,
}

impl Budget {
    pub(in crate::proxy) fn new(size_max: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self {
            size_max,
            used: AtomicUsize::new(0),
            gauge,
            freed: Notify::new(),
        })
    }

    /// Room for `size` bytes, all or nothing; given back when the reservation is dropped.
    pub(in crate::proxy) fn reserve(budget: &Arc<Self>, size: usize) -> Option<Reservation> {
        let fits = |used: usize| used.checked_add(size).filter(|sum| *sum <= budget.size_max);
        budget
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .ok()?;
        budget.gauge.add(i64::try_from(size).unwrap_or(i64::MAX));
        Some(Reservation {
            budget: Arc::clone(budget),
            size,
        })
    }

    fn give_back(&self, size: usize) {
        self.used.fetch_sub(size, Ordering::Relaxed);
        self.gauge.sub(i64::try_from(size).unwrap_or(i64::MAX));
        self.freed.notify_waiters();
    }

    /// The same, waiting for others to give room back, but not for longer than `patience`.
    pub(in crate::proxy) async fn reserve_within(
        budget: &Arc<Self>,
        size: usize,
        patience: Duration,
    ) -> Option<Reservation> {
        if size > budget.size_max {
            return None;
        }
        let waiting = async {
            loop {
                let mut freed = pin!(budget.freed.notified());
                // Listening begins before the look, so that nothing given back in between is missed.
                freed.as_mut().enable();
                if let Some(reservation) = Self::reserve(budget, size) {
                    return reservation;
                }
                freed.await;
            }
        };
        tokio::time::timeout(patience, waiting).await.ok()
    }
}

/// Reserved room.
pub(in crate::proxy) struct Reservation {
    budget: Arc<Budget>,
    size: usize,
}

impl Reservation {
    /// Gives back what is beyond `size`.
    pub(in crate::proxy) fn shrink(&mut self, size: usize) {
        let back = self.size.saturating_sub(size);
        self.size -= back;
        self.budget.give_back(back);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give_back(self.size);
    }
}
