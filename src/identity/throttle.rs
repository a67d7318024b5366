//! Slows guessing down. A right credential never waits; the more wrong ones there were of late, the longer each next one
//! does. Reads no clock.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many wrong ones at once cost nothing: somebody may have mistyped a secret in a few places.
const FREE: f64 = 8.0;
/// Their number halves in this time.
const HALF_LIFE: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(25);
const DELAY_MAX: Duration = Duration::from_secs(2);

/// The wrong credentials of late.
#[derive(Debug, Default)]
pub struct Throttle {
    recent: Mutex<Option<(f64, Instant)>>,
}

impl Throttle {
    /// Notes a wrong credential, and says how long its answer is held back.
    #[must_use]
    pub fn failed(&self, now: Instant) -> Duration {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let before = recent.map_or(0.0, |(count, at)| {
            let halvings =
                now.saturating_duration_since(at).as_secs_f64() / HALF_LIFE.as_secs_f64();
            count * (-halvings).exp2()
        });
        let count = before + 1.0;
        *recent = Some((count, now));
        if count <= FREE {
            return Duration::ZERO;
        }
        FIRST_DELAY
            .mul_f64((count - FREE).min(16.0).exp2())
            .min(DELAY_MAX)
    }
}
