//! Room for recorded bodies, over the whole process. Never waits: there is room, or there is not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::IntGauge;

/// What is left of `max_buffered_size`.
pub(in crate::proxy) struct Budget {
    size_max: usize,
    used: AtomicUsize,
    gauge: IntGauge,
}

impl Budget {
    pub(in crate::proxy) fn new(size_max: usize, gauge: IntGauge) -> Arc<Self> {
        Arc::new(Self {
            size_max,
            used: AtomicUsize::new(0),
            gauge,
        })
    }

    /// Room for `size` bytes, all or nothing; given back when the reservation is dropped.
    pub(super) fn reserve(budget: &Arc<Self>, size: usize) -> Option<Reservation> {
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
}

/// Reserved room.
pub(super) struct Reservation {
    budget: Arc<Budget>,
    size: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.size, Ordering::Relaxed);
        self.budget
            .gauge
            .sub(i64::try_from(self.size).unwrap_or(i64::MAX));
    }
}
