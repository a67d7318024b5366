//! Time as an argument: monotonic and wall clock read together, and a cheap count of milliseconds for bookkeeping.
//!
//! Decides nothing; whoever decides by time takes a [`Now`].

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// One reading of both clocks. The monotonic one may stand still while a machine sleeps, the wall clock may be set back;
/// whoever asks "is it over?" asks both.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The monotonic clock.
    pub monotonic: Instant,
    /// The wall clock.
    pub wall: SystemTime,
}

impl Now {
    /// Reads both clocks.
    #[must_use]
    pub fn read() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// The same moment, later by `duration` on both clocks.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self {
            monotonic: self.monotonic + duration,
            wall: self.wall + duration,
        }
    }
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since this process first asked; never 0, so that 0 can stand for "not set".
#[must_use]
pub fn uptime_milliseconds() -> u64 {
    u64::try_from(START.elapsed().as_millis())
        .unwrap_or(u64::MAX)
        .saturating_add(1)
}
