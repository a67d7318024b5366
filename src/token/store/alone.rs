//! One mint at the tenant's token endpoint, without asking anybody else: a few attempts, and what is logged of each.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Account, Labels};
use crate::clock::Now;
use crate::token::{AccessToken, MintError, Minted};

/// One mint: at most so many calls,
const ATTEMPTS_MAX: u32 = 3;
/// none of which may take longer than this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl Account {
    pub(super) async fn mint_alone(&self, deadline: Instant) -> Minted {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let limit = deadline.min(Instant::now() + ATTEMPT_TIMEOUT);
            let outcome = self.attempt(limit).await;
            let Err(MintError::Unavailable { retry_after, .. }) = &outcome else {
                return outcome.map(Arc::new);
            };
            let wait = retry_after.unwrap_or_else(|| pause.mul_f64(0.5 + fastrand::f64()));
            if attempt == ATTEMPTS_MAX || Instant::now() + wait >= deadline {
                return outcome.map(Arc::new);
            }
            tokio::time::sleep(wait).await;
            pause *= 4;
            attempt += 1;
        }
    }

    async fn attempt(&self, deadline: Instant) -> Result<AccessToken, MintError> {
        let started = Now::read().monotonic;
        let tally = self.tally_of_mint();
        let outcome = self.endpoint().fetch(self.account, &tally, deadline).await;
        let duration_ms = started.elapsed().as_millis();
        let labels = self.labels();
        let Labels { tenant, account } = &*labels;
        match &outcome {
            Ok(token) => tracing::info!(
                tenant,
                account,
                duration_ms,
                expires_in_s = token.lifetime.as_secs(),
                "token minted"
            ),
            // Told when it ended, or by the other replica, and to everyone who calls.
            Err(error @ (MintError::LoginNeeded { .. } | MintError::Busy)) => {
                tracing::debug!(tenant, account, error = %error, "token not minted");
            }
            Err(error) => {
                tracing::warn!(tenant, account, duration_ms, error = %error, "token not minted");
            }
        }
        outcome
    }
}
