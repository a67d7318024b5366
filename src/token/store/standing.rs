//! How an account stands, for those who look after the proxy. Decides nothing, and asks nobody.

use std::sync::PoisonError;

use super::Account;
use crate::clock::Now;
use crate::token::standing::{Held, Standing};

impl Account {
    /// How it stands at this moment.
    pub(in crate::token) fn standing_at(&self, now: Now) -> Standing {
        let (minted, failed) = {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.counts(now.monotonic)
        };
        let state = self.state();
        Standing {
            token: state.life.current().and_then(|token| Held::of(token, now)),
            minted,
            failed,
            rests: state.life.resting(now),
            cooldown: state.life.cooldown_left(now),
            last_error: state.last_error.clone(),
        }
    }
}
