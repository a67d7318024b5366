//! How many tokens an account was given of late, and how often its endpoint gave none: counts by the minute, in a fixed space.
//!
//! Time comes in as an argument. Nothing is decided by it.

use std::time::{Duration, Instant};

/// What is counted reaches back so many minutes, as the vendor's own limit on token requests does.
const MINUTES: u64 = 20;

/// The counts of the last twenty minutes, the present minute included.
#[derive(Debug)]
pub(super) struct Recent {
    begun: Instant,
    /// The minute that each place was last used in, and what was counted in it.
    minutes: [Minute; MINUTES as usize],
    /// The tenant's login was asked for a token last, and yielded none.
    pub(super) lacks_login: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    number: u64,
    minted: u32,
    failed: u32,
}

impl Recent {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            begun: now,
            minutes: [Minute::default(); MINUTES as usize],
            lacks_login: false,
        }
    }

    /// One token request has ended.
    pub(super) fn note(&mut self, minted: bool, now: Instant) {
        let number = self.number(now);
        let place = usize::try_from(number % MINUTES).unwrap_or_default();
        let Some(minute) = self.minutes.get_mut(place) else {
            return;
        };
        if minute.number != number {
            *minute = Minute {
                number,
                ..Minute::default()
            };
        }
        let count = if minted {
            &mut minute.minted
        } else {
            &mut minute.failed
        };
        *count = count.saturating_add(1);
    }

    /// Tokens that were had, and requests that brought none.
    pub(super) fn counts(&self, now: Instant) -> (u32, u32) {
        let present = self.number(now);
        let alive = self
            .minutes
            .iter()
            .filter(|minute| minute.number + MINUTES > present);
        alive.fold((0, 0), |(minted, failed): (u32, u32), minute| {
            (
                minted.saturating_add(minute.minted),
                failed.saturating_add(minute.failed),
            )
        })
    }

    /// Minutes are numbered from the first use on.
    fn number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.begun).as_secs() / Duration::from_secs(60).as_secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_older_than_twenty_minutes_does_not_count() {
        let begun = Instant::now();
        let mut recent = Recent::new(begun);
        assert_eq!(recent.counts(begun), (0, 0));
        recent.note(true, begun);
        recent.note(true, begun + MINUTE);
        recent.note(false, begun + 10 * MINUTE);
        assert_eq!(recent.counts(begun + 19 * MINUTE), (2, 1));
        assert_eq!(recent.counts(begun + 20 * MINUTE), (1, 1));
        assert_eq!(recent.counts(begun + 21 * MINUTE), (0, 1));
        assert_eq!(recent.counts(begun + 30 * MINUTE), (0, 0));
        // A place that is used again begins at one.
        recent.note(true, begun + 41 * MINUTE);
        assert_eq!(recent.counts(begun + 41 * MINUTE), (1, 0));
        assert_eq!(recent.counts(begun + 400 * MINUTE), (0, 0));
    }
}
