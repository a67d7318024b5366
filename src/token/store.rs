//! One cell per key holds a token's life and the one mint in flight; a mint runs whole in a task of its own.
//!
//! The key is endpoint, client id, account and scope: two tenants that name the same package share a token, two accounts
//! never do, nor two tenants whose tokens are users', or of core Salesforce. No lock is ever held over the network, and a present, fresh token is had without any lock at all.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::life::{Attempt, Because, Cure, Life, Wanted};
use super::rest::Route;
use super::tally::Tally;
use super::{AccessToken, AuthorizationCode, Endpoint, Mid, MintError, Minted, Stage};
use crate::clock::Now;
use crate::metrics::{Metrics, epoch_seconds};

/// One mint: at most so many calls,
const ATTEMPTS_MAX: u32 = 3;
/// within this time,
const MINT_TIMEOUT: Duration = Duration::from_secs(15);
/// none of which may take longer than this.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Why a request gets no token.
#[derive(Debug, Clone)]
pub struct Unavailable {
    /// What the last mint met.
    pub error: MintError,
    /// When it is worth asking again.
    pub retry_after: Duration,
}

/// What becomes of a refused request.
#[derive(Debug)]
pub enum AfterRefusal {
    /// Send it again, once, with this token.
    Replay(Arc<AccessToken>),
    /// Give the refusal to the caller.
    Deliver(Because),
    /// There is no token to be had.
    Unavailable(Unavailable),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    auth_url: String,
    client_id: String,
    account: Option<Mid>,
    scope: Option<String>,
    /// The tenant's name, where the package alone does not tell whose tokens these are.
    tenant: Option<String>,
}

/// All cells.
pub struct TokenStore {
    cells: Cache<Key, Arc<Account>>,
    runtime: Handle,
    metrics: Arc<Metrics>,
    forced_mints_max: u32,
}

impl TokenStore {
    /// Mints run on `runtime`, detached from whoever asks. Live cells are never evicted: `accounts_max` is the number of
    /// accounts that the configuration can admit.
    #[must_use]
    pub fn new(
        runtime: Handle,
        metrics: Arc<Metrics>,
        accounts_max: u64,
        forced_mints_max: u32,
    ) -> Self {
        Self {
            cells: Cache::new(accounts_max),
            runtime,
            metrics,
            forced_mints_max,
        }
    }

    /// The cell of this account at this endpoint. The labels are for metrics and logs; the first caller's stay.
    #[must_use]
    pub fn account(
        &self,
        endpoint: &Arc<Endpoint>,
        account: Option<Mid>,
        labels: Labels,
    ) -> Arc<Account> {
        let settings = endpoint.settings();
        let key = Key {
            auth_url: settings
                .auth_url
                .to_string()
                .trim_end_matches('/')
                .to_ascii_lowercase(),
            client_id: settings.client_id.clone(),
            account,
            scope: settings.scope.clone(),
            tenant: Some(labels.tenant.clone()).filter(|_| !endpoint.is_shareable()),
        };
        self.cells.get_with(key, || {
            Arc::new(Account {
                endpoint: Arc::clone(endpoint),
                account,
                labels,
                current: ArcSwapOption::empty(),
                awaits_acceptance: AtomicBool::new(false),
                state: Mutex::new(State {
                    life: Life::new(settings.refresh_before, self.forced_mints_max),
                    flight: None,
                }),
                runtime: self.runtime.clone(),
                metrics: Arc::clone(&self.metrics),
            })
        })
    }
}

/// How an account is called in metrics and logs.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The tenant's name.
    pub tenant: String,
    /// The account's name, `default` or `other`.
    pub account: String,
}

/// One account's token.
pub struct Account {
    endpoint: Arc<Endpoint>,
    account: Option<Mid>,
    labels: Labels,
    current: ArcSwapOption<AccessToken>,
    awaits_acceptance: AtomicBool,
    state: Mutex<State>,
    runtime: Handle,
    metrics: Arc<Metrics>,
}

struct State {
    life: Life,
    flight: Option<watch::Receiver<Option<Minted>>>,
}

impl Account {
    /// A token to use now. `replayable` tells whether the request could be sent again if the token died on its way.
    pub async fn current(
        self: &Arc<Self>,
        replayable: bool,
    ) -> Result<Arc<AccessToken>, Unavailable> {
        let now = Now::read();
        let refresh_before = self.endpoint.settings().refresh_before;
        if let Some(token) = &*self.current.load()
            && token.stage(now, refresh_before, replayable) == Stage::Fresh
        {
            return Ok(Arc::clone(token));
        }
        let (flight, held) = {
            let mut state = self.state();
            let wanted = state.life.wanted(now, replayable);
            match wanted {
                Wanted::Use(token) => return Ok(token),
                Wanted::UseAndMint(token) => {
                    self.take_off(&mut state);
                    return Ok(token);
                }
                Wanted::Refuse(error, retry_after) => {
                    return Err(Unavailable { error, retry_after });
                }
                Wanted::MintAndWait => (self.take_off(&mut state), state.life.current().cloned()),
                Wanted::Wait => (self.join(&mut state), state.life.current().cloned()),
            }
        };
        match landing(flight).await {
            Ok(token) => Ok(token),
            Err(error) => {
                match held.filter(|token| token.remaining(Now::read()) > Duration::ZERO) {
                    Some(token) => Ok(token),
                    None => Err(self.unavailable(error)),
                }
            }
        }
    }

    /// The tenant refused this token: another one, if there may be one. The refused token is the witness: if it is no
    /// longer the current one nothing needs to be minted, and fifty refusals of one token cost one mint.
    pub async fn replace(
        self: &Arc<Self>,
        refused: &AccessToken,
        route: Route,
        attempt: Attempt,
        replayable: bool,
    ) -> AfterRefusal {
        let flight = {
            let mut state = self.state();
            let cure =
                state
                    .life
                    .refused(Now::read(), refused.number(), route, attempt, replayable);
            self.awaits_acceptance.store(true, Ordering::Relaxed);
            match cure {
                Cure::Replay(token) => return AfterRefusal::Replay(token),
                Cure::Deliver(because) => return AfterRefusal::Deliver(because),
                Cure::Refuse(error, retry_after) => {
                    return AfterRefusal::Unavailable(Unavailable { error, retry_after });
                }
                Cure::MintAndWait => self.take_off(&mut state),
                Cure::Wait => self.join(&mut state),
            }
        };
        if !replayable {
            return AfterRefusal::Deliver(Because::NotReplayable);
        }
        match landing(flight).await {
            Ok(token) => AfterRefusal::Replay(token),
            Err(error) => AfterRefusal::Unavailable(self.unavailable(error)),
        }
    }

    /// The tenant accepted this token on this route. Costs nothing unless something rests.
    pub fn accepted(&self, token: &AccessToken, route: Route) {
        if !self.awaits_acceptance.load(Ordering::Relaxed) {
            return;
        }
        let mut state = self.state();
        state.life.accepted(token.number(), route);
        let awaits = state.life.awaits_acceptance() || state.flight.is_some();
        self.awaits_acceptance.store(awaits, Ordering::Relaxed);
    }

    /// A user has logged in: what that yielded becomes a token and, durable before the token is used, a refresh token. Goes
    /// on to its end whatever becomes of the asker, since the code is spent.
    pub async fn log_in(self: &Arc<Self>, code: AuthorizationCode) -> Result<(), MintError> {
        let account = Arc::clone(self);
        let redeeming = self.runtime.spawn(async move {
            let tally = account.tally();
            let token = account.endpoint.redeem(&code, account.account, &tally);
            let token = Arc::new(token.await?);
            tracing::info!(
                tenant = account.labels.tenant,
                account = account.labels.account,
                expires_in_s = token.lifetime.as_secs(),
                "logged in"
            );
            let mut state = account.state();
            state.life.adopted(Arc::clone(&token));
            account.show(token);
            Ok(())
        });
        redeeming
            .await
            .unwrap_or_else(|_panicked| Err(broken_off()))
    }

    /// Waits until no refresh token of this account's tenant is under way.
    pub async fn settle(&self) {
        self.endpoint.settle().await;
    }

    /// Where its tokens come from.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The account's member id.
    #[must_use]
    pub fn mid(&self) -> Option<Mid> {
        self.account
    }

    /// How the account is called in metrics and logs.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unavailable(&self, error: MintError) -> Unavailable {
        // The mint has just failed, so the cool-down that it began tells when to come again.
        Unavailable {
            error,
            retry_after: self.state().life.cooldown_left(Now::read()),
        }
    }

    /// Starts the mint that `life` has just decided on.
    fn take_off(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Minted>> {
        let (landed, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        let landing = Landing {
            account: Arc::clone(self),
            landed,
            done: false,
        };
        self.runtime.spawn(landing.fly());
        flight
    }

    fn join(self: &Arc<Self>, state: &mut State) -> watch::Receiver<Option<Minted>> {
        match &state.flight {
            Some(flight) => flight.clone(),
            // `life` says that a mint is in flight, so there is one; were there none, this starts it.
            None => self.take_off(state),
        }
    }

    async fn mint(&self) -> Minted {
        let deadline = tokio::time::Instant::now() + MINT_TIMEOUT;
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let limit = deadline.min(tokio::time::Instant::now() + ATTEMPT_TIMEOUT);
            let outcome = self.attempt(limit).await;
            let Err(MintError::Unavailable { retry_after, .. }) = &outcome else {
                return outcome.map(Arc::new);
            };
            let wait = retry_after.unwrap_or_else(|| pause.mul_f64(0.5 + fastrand::f64()));
            if attempt == ATTEMPTS_MAX || tokio::time::Instant::now() + wait >= deadline {
                return outcome.map(Arc::new);
            }
            tokio::time::sleep(wait).await;
            pause *= 4;
            attempt += 1;
        }
    }

    async fn attempt(&self, deadline: tokio::time::Instant) -> Result<AccessToken, MintError> {
        let started = Now::read().monotonic;
        let tally = self.tally();
        let outcome = self.endpoint.fetch(self.account, &tally, deadline).await;
        let duration_ms = started.elapsed().as_millis();
        let Labels { tenant, account } = &self.labels;
        match &outcome {
            Ok(token) => tracing::info!(
                tenant,
                account,
                duration_ms,
                expires_in_s = token.lifetime.as_secs(),
                "token minted"
            ),
            // Told when it ended, and to everyone who calls.
            Err(error @ MintError::LoginNeeded { .. }) => {
                tracing::debug!(tenant, account, error = %error, "token not minted");
            }
            Err(error) => {
                tracing::warn!(tenant, account, duration_ms, error = %error, "token not minted");
            }
        }
        outcome
    }

    fn tally(&self) -> Tally {
        Tally::new(Arc::clone(&self.metrics), self.labels.clone())
    }

    /// The token that is used from now on.
    fn show(&self, token: Arc<AccessToken>) {
        let Labels { tenant, account } = &self.labels;
        self.metrics
            .token_expiry_timestamp_seconds
            .with_label_values(&[tenant, account])
            .set(epoch_seconds(token.expires_at()));
        self.metrics
            .tenant_ready
            .with_label_values(&[tenant])
            .set(1);
        self.current.store(Some(token));
    }
}

async fn landing(mut flight: watch::Receiver<Option<Minted>>) -> Minted {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => match &*outcome {
            Some(minted) => minted.clone(),
            None => Err(broken_off()),
        },
        Err(_closed) => Err(broken_off()),
    }
}

fn broken_off() -> MintError {
    MintError::Unavailable {
        cause: "the mint was broken off".to_owned(),
        retry_after: None,
    }
}

/// Sees to it that a mint ends for everyone, even if its task is dropped or panics.
struct Landing {
    account: Arc<Account>,
    landed: watch::Sender<Option<Minted>>,
    done: bool,
}

impl Landing {
    async fn fly(mut self) {
        let outcome = self.account.mint().await;
        self.land(outcome);
    }

    fn land(&mut self, outcome: Minted) {
        self.done = true;
        let account = &self.account;
        let mut state = account.state();
        state.life.minted(Now::read(), &outcome);
        state.flight = None;
        if let Ok(token) = &outcome {
            account.show(Arc::clone(token));
        }
        drop(state);
        self.landed.send_replace(Some(outcome));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            self.land(Err(broken_off()));
        }
    }
}
