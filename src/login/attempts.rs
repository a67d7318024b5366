//! Logins that were begun and have not come back: a bounded number, each for ten minutes and for one answer. Reads no clock,
//! and holds no state in clear.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::SHA256_OUTPUT_LEN;

use super::Place;
use crate::secret::Secret;
use crate::token::Account;

/// The vendor's code lives five minutes; so long again for the password and the second factor before.
pub(super) const LIFETIME: Duration = Duration::from_secs(600);
/// At once; the oldest gives way, so that whoever begins now can finish.
pub(super) const ATTEMPTS_MAX: usize = 64;
/// Of one session, so that one browser does not push all others out.
pub(super) const SESSION_ATTEMPTS_MAX: usize = 8;

/// A login that was begun.
pub(super) struct Attempt {
    /// The digest of its state.
    pub(super) state: [u8; SHA256_OUTPUT_LEN],
    pub(super) place: Place,
    pub(super) account: Arc<Account>,
    pub(super) verifier: Option<Secret>,
    /// The browser's session, where there is one.
    pub(super) session: Option<u64>,
    pub(super) begun: Instant,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Attempts(Vec<Attempt>);

impl Attempts {
    pub(super) fn add(&mut self, attempt: Attempt, now: Instant) {
        self.forget_old(now);
        let own = |held: &&Attempt| held.session == attempt.session;
        if self.0.iter().filter(own).count() >= SESSION_ATTEMPTS_MAX {
            let oldest = self.0.iter().position(|held| own(&held));
            oldest.map(|oldest| self.0.remove(oldest));
        }
        if self.0.len() >= ATTEMPTS_MAX {
            self.0.remove(0);
        }
        self.0.push(attempt);
    }

    /// Takes the attempt with this state away. How long that takes says nothing about any state: each is compared whole.
    pub(super) fn take(
        &mut self,
        state: &[u8; SHA256_OUTPUT_LEN],
        now: Instant,
    ) -> Option<Attempt> {
        self.forget_old(now);
        let mut found = None;
        for (index, attempt) in self.0.iter().enumerate() {
            if verify_slices_are_equal(&attempt.state, state).is_ok() {
                found = Some(index);
            }
        }
        found.map(|index| self.0.remove(index))
    }

    fn forget_old(&mut self, now: Instant) {
        self.0
            .retain(|attempt| now.saturating_duration_since(attempt.begun) < LIFETIME);
    }
}
