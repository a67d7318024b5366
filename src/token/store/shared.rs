//! Minting where replicas share: what another one has is taken over, and one at a time mints.
//!
//! Runs on the mint's own task alone: no request that has a token at hand ever waits for Redis. Without Redis each replica
//! mints by itself, but spends no refresh token.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::{Account, Labels, MINT_TIMEOUT, TokenStore, Unavailable};
use crate::clock::Now;
use crate::state::{Entered, Entry, Lease, Name, Shared, SharedError, Wish};
use crate::token::package::Key;
use crate::token::{AccessToken, GrantType, MintError, Minted};

/// While another replica mints, it is looked after it in pauses of this length at least,
const PAUSE_SHORTEST_MS: u64 = 50;
/// and at most of this.
const PAUSE_LONGEST_MS: u64 = 250;
/// A mint that nobody may make alone waits for Redis to come back for this long.
const BACK_TIMEOUT: Duration = Duration::from_secs(5);
/// While Redis has never been reached, it is worth asking again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An account's token as other replicas see it.
pub(super) struct Cell {
    shared: Arc<Shared>,
    name: Name,
    forced_mints_max: u32,
    /// The newest generation that was seen here.
    generation: AtomicU64,
}

impl Cell {
    pub(super) fn new(shared: &Arc<Shared>, key: &Key, forced_mints_max: u32) -> Self {
        Self {
            shared: Arc::clone(shared),
            name: key.name(),
            forced_mints_max,
            generation: AtomicU64::new(0),
        }
    }

    /// Nothing is minted before Redis has been reached once, since it may hold a token. Callers wait for that just after
    /// the start, and are refused at once later.
    pub(super) async fn has_begun(&self) -> Result<(), Unavailable> {
        if self.shared.has_begun().await {
            return Ok(());
        }
        let cause = "this proxy waits for Redis (state.redis_url), which has not been reached yet";
        Err(Unavailable {
            error: MintError::NotShared {
                cause: cause.to_owned(),
            },
            retry_after: RETRY_AFTER,
        })
    }

    fn known(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    fn saw(&self, generation: u64) {
        self.generation.fetch_max(generation, Ordering::Relaxed);
    }
}

impl TokenStore {
    /// The same, with what replicas share.
    #[must_use]
    pub fn sharing(self, shared: Option<Arc<Shared>>) -> Self {
        Self { shared, ..self }
    }

    /// Whether it shares anything.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }
}

impl Account {
    /// One mint, with the other replicas where there are any.
    pub(in crate::token) async fn mint(&self) -> Minted {
        let deadline = Instant::now() + MINT_TIMEOUT;
        match &self.cell {
            None => self.mint_alone(deadline).await,
            Some(cell) => self.mint_shared(cell, deadline).await,
        }
    }

    async fn mint_shared(&self, cell: &Cell, deadline: Instant) -> Minted {
        let mut is_forced = self.state().life.is_forced();
        let back_by = Instant::now() + BACK_TIMEOUT;
        loop {
            let wish = Wish {
                known: cell.known(),
                refresh_before: self.endpoint().settings().refresh_before,
                forced_mints_max: is_forced.then_some(cell.forced_mints_max),
            };
            let minted = match cell.shared.enter(cell.name, wish).await {
                Ok(Entered::Newer(entry)) => match self.adopt(cell, &entry) {
                    Ok(token) => return Ok(token),
                    Err(error) => {
                        let cause =
                            format!("a token of another replica is of no use here: {error}");
                        return self.mint_apart(cause, deadline).await;
                    }
                },
                Ok(Entered::Leased(lease)) => {
                    let minted = self.mint_leased(cell, &lease, is_forced, deadline).await;
                    // That is paid for, however often it takes, unless nobody could be asked yet.
                    is_forced &= matches!(minted, Err(MintError::Busy));
                    minted
                }
                Ok(Entered::Busy) => Err(MintError::Busy),
                Ok(Entered::BudgetSpent) => match self.state().life.current().cloned() {
                    Some(held) if held.remaining(Now::read()) > Duration::ZERO => return Ok(held),
                    _over => {
                        is_forced = false;
                        Err(MintError::Busy)
                    }
                },
                Err(error) => {
                    let is_away = matches!(error, SharedError::Away(_));
                    match self.mint_apart(error.to_string(), deadline).await {
                        Err(MintError::NotShared { .. })
                            if is_away && is_back(&cell.shared, back_by).await =>
                        {
                            Err(MintError::Busy)
                        }
                        minted => minted,
                    }
                }
            };
            let pause = fastrand::u64(PAUSE_SHORTEST_MS..=PAUSE_LONGEST_MS);
            let pause = Duration::from_millis(pause);
            let is_busy = matches!(minted, Err(MintError::Busy));
            if !is_busy || Instant::now() + pause >= deadline {
                return minted;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Mints without the others, unless that could end a login for all of them.
    async fn mint_apart(&self, cause: String, deadline: Instant) -> Minted {
        let takes_login = matches!(
            self.endpoint().settings().grant_type,
            GrantType::AuthorizationCode { .. }
        );
        if takes_login {
            let cause = format!(
                "no refresh token is spent, because another replica might spend the same: {cause}"
            );
            return Err(MintError::NotShared { cause });
        }
        let Labels { tenant, account } = &*self.labels();
        tracing::debug!(tenant, account, cause, "minting alone");
        self.mint_alone(deadline).await
    }

    /// `is_paid`: for a refusal, of which there are so many.
    async fn mint_leased(
        &self,
        cell: &Cell,
        lease: &Lease,
        is_paid: bool,
        deadline: Instant,
    ) -> Minted {
        let minted = tokio::select! {
            minted = self.mint_alone(deadline) => minted,
            never = lease.hold() => match never {},
        };
        match minted {
            Ok(token) => Ok(self.publish(cell, lease, token).await),
            Err(error) => {
                let refund = is_paid && matches!(error, MintError::Busy);
                lease.release(refund).await;
                Err(error)
            }
        }
    }

    /// Gives a token to all; the one to use, which is another if that is newer.
    async fn publish(
        &self,
        cell: &Cell,
        lease: &Lease,
        token: Arc<AccessToken>,
    ) -> Arc<AccessToken> {
        let Labels { tenant, account } = &*self.labels();
        let written = match self.endpoint().written(&token) {
            Ok(written) => written,
            Err(_unwritable) => return token,
        };
        let remaining = token.remaining(Now::read());
        // It may be there although the answer is lost, and must not come back then as somebody else's.
        cell.saw(lease.generation());
        match lease.publish(&written, token.lifetime, remaining).await {
            Ok(None) => {}
            Ok(Some(entry)) => {
                if let Ok(newer) = self.adopt(cell, &entry)
                    && newer.remaining(Now::read()) > remaining
                {
                    return newer;
                }
            }
            Err(error) => {
                tracing::debug!(tenant, account, cause = %error, "a token is not shared");
            }
        }
        token
    }

    fn adopt(&self, cell: &Cell, entry: &Entry) -> Minted {
        let token = self
            .endpoint()
            .restored(&entry.content, entry.asked, entry.remaining)?;
        cell.saw(entry.generation);
        let Labels { tenant, account } = &*self.labels();
        tracing::info!(
            tenant,
            account,
            expires_in_s = entry.remaining.as_secs(),
            "token of another replica taken over"
        );
        if matches!(
            self.endpoint().settings().grant_type,
            GrantType::AuthorizationCode { .. }
        ) {
            self.tally().login_of_another();
        }
        Ok(Arc::new(token))
    }

    /// A token that came by a login, for all.
    pub(super) async fn share(&self, token: &Arc<AccessToken>) {
        let Some(cell) = &self.cell else {
            return;
        };
        if let Ok(lease) = cell.shared.fence(cell.name, cell.known()).await {
            self.publish(cell, &lease, Arc::clone(token)).await;
        }
    }
}

/// Waits a little for Redis to come back, as after a restart.
async fn is_back(shared: &Shared, by: Instant) -> bool {
    Instant::now() < by && tokio::time::timeout_at(by, shared.up()).await.is_ok()
}
