//! What holds for the log of this process at the moment: what is configured, or for a time something else. Nothing here writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use tracing::Level;

use super::Settings;

/// Asked with every request, and so without a lock: the bits of a share from 0 to 1.
static SAMPLE: AtomicU64 = AtomicU64::new(1.0_f64.to_bits());
/// In milliseconds; 0 is never.
static SLOW: AtomicU64 = AtomicU64::new(0);
static CHANGE_LEVEL: OnceLock<ChangeLevel> = OnceLock::new();
static HELD: Mutex<Held> = Mutex::new(Held {
    configured: None,
    change: None,
    changes: 0,
});

type ChangeLevel = Box<dyn Fn(Level) + Send + Sync>;

struct Held {
    configured: Option<Configured>,
    change: Option<Changed>,
    /// How many there have been.
    changes: u64,
}

#[derive(Clone, Copy, PartialEq)]
struct Configured {
    level: Level,
    sample: f64,
    slow: Duration,
}

struct Changed {
    change: Change,
    until: SystemTime,
}

/// What is to hold for a time; what is left out stays as it is configured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Least severe level that is written.
    pub level: Option<Level>,
    /// The share of ordinary requests that is written.
    pub sample: Option<f64>,
}

/// What holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InForce {
    /// Least severe level that is written.
    pub level: Level,
    /// The share of ordinary requests that is written.
    pub sample: f64,
    /// When that ends, where it holds for a time.
    pub until: Option<SystemTime>,
}

/// The log has been started with these settings; `change_level` makes another level hold.
pub(super) fn start(settings: &Settings, change_level: impl Fn(Level) + Send + Sync + 'static) {
    // Whoever started logging comes first.
    let _set = CHANGE_LEVEL.set(Box::new(change_level));
    configure(settings);
}

/// Other settings hold from now on. A change that was made for a time goes on, unless they say something new.
pub fn configure(settings: &Settings) {
    let configured = Configured {
        level: settings.level,
        sample: settings.sample,
        slow: settings.slow,
    };
    let mut held = held();
    if held.configured.replace(configured) != Some(configured) {
        held.change = None;
        held.apply();
    }
}

/// Makes this hold for a time. Tells the number of the change, with which it is to be ended.
pub fn change_for(change: Change, time: Duration) -> u64 {
    let mut held = held();
    let until = SystemTime::now() + time;
    held.change = Some(Changed { change, until });
    held.changes += 1;
    held.apply();
    held.changes
}

/// What is configured holds again, unless there has been another change since the one of this number. Tells whether this
/// has changed anything.
pub fn end_change(number: u64) -> bool {
    let mut held = held();
    let is_last = held.changes == number && held.change.take().is_some();
    if is_last {
        held.apply();
    }
    is_last
}

/// What holds now.
#[must_use]
pub fn in_force() -> InForce {
    held().in_force()
}

/// The share of ordinary requests that is written.
#[must_use]
pub fn sample() -> f64 {
    f64::from_bits(SAMPLE.load(Ordering::Relaxed))
}

/// Whether a request that took so long is a slow one.
#[must_use]
pub fn is_slow(took: Duration) -> bool {
    let slow = SLOW.load(Ordering::Relaxed);
    slow > 0 && took >= Duration::from_millis(slow)
}

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Held {
    fn in_force(&self) -> InForce {
        let configured = self.configured.unwrap_or(Configured {
            level: Level::INFO,
            sample: 1.0,
            slow: Duration::ZERO,
        });
        let change = self.change.as_ref();
        InForce {
            level: change
                .and_then(|changed| changed.change.level)
                .unwrap_or(configured.level),
            sample: change
                .and_then(|changed| changed.change.sample)
                .unwrap_or(configured.sample),
            until: change.map(|changed| changed.until),
        }
    }

    fn apply(&self) {
        let InForce { level, sample, .. } = self.in_force();
        let slow = self.configured.map_or(Duration::ZERO, |known| known.slow);
        let slow = u64::try_from(slow.as_millis()).unwrap_or(u64::MAX);
        SAMPLE.store(sample.to_bits(), Ordering::Relaxed);
        SLOW.store(slow, Ordering::Relaxed);
        if let Some(change_level) = CHANGE_LEVEL.get() {
            change_level(level);
        }
    }
}
