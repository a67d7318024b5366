//! One cell per key holds a token's life and the one mint in flight; a mint runs whole in a task of its own.
//!
//! The key is endpoint, client id, grant, account and scope: two tenants that name the same package share a token, two accounts
//! never do, nor two tenants whose tokens are users', or of core Salesforce. No lock is ever held over the network, and a present, fresh token is had without any lock at all.

mod alone;
mod shared;
mod shown;
mod standing;
mod traced;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use moka::sync::Cache;
use tokio::runtime::Handle;
use tokio::sync::watch;

use self::shared::Cell;
use super::flight::{Landing, broken_off, landing};
use super::life::{Attempt, Because, Cure, Life, Wanted};
use super::package::{Key, Packages};
use super::recent::Recent;
use super::rest::Route;
use super::standing::Failure;
use super::succession::{Labels, Succession, Terms};
use super::tally;
use super::{AccessToken, AuthorizationCode, Endpoint, Mid, MintError, Minted, Stage};
use crate::clock::Now;
use crate::metrics::Metrics;
use crate::spans::{Context, Span, Tracer};
use crate::state::Shared;

/// One mint, whatever it takes: so long at most.
const MINT_TIMEOUT: Duration = Duration::from_secs(15);

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

/// All cells.
pub struct TokenStore {
    cells: Cache<Key, Arc<Account>>,
    runtime: Handle,
    metrics: Arc<Metrics>,
    forced_mints_max: u32,
    succession: Succession,
    shared: Option<Arc<Shared>>,
    tracer: Option<Arc<Tracer>>,
    packages: Packages,
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
            succession: Succession::default(),
            shared: None,
            tracer: None,
            packages: Packages::default(),
        }
    }

    /// A store for the next configuration, in which accounts that stay have the cells that they have here.
    #[must_use]
    pub fn next(&self, accounts_max: u64, forced_mints_max: u32) -> Self {
        let cells = self.cells.iter();
        let cells = cells.map(|(key, account)| ((*key).clone(), account));
        let succession = Succession::of(cells.collect());
        let (runtime, metrics) = (self.runtime.clone(), Arc::clone(&self.metrics));
        Self {
            succession,
            shared: self.shared.clone(),
            tracer: self.tracer.clone(),
            ..Self::new(runtime, metrics, accounts_max, forced_mints_max)
        }
    }

    /// The configuration that this store was made for is in force from now on.
    pub fn take_over(&self) {
        self.succession.complete(self.forced_mints_max);
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
        let key = self.packages.key(endpoint, &labels.tenant, account);
        let terms = Terms {
            endpoint: Arc::clone(endpoint),
            labels: Arc::new(labels),
        };
        if let Some(known) = self.cells.get(&key) {
            return known;
        }
        if let Some(kept) = self.succession.take(&key, &terms) {
            self.cells.insert(key, Arc::clone(&kept));
            return kept;
        }
        let shared = self.shared.as_ref();
        let cell = || shared.map(|shared| Cell::new(shared, &key, self.forced_mints_max));
        self.cells.get_with_by_ref(&key, || {
            Arc::new(Account {
                terms: ArcSwap::from_pointee(terms),
                account,
                current: ArcSwapOption::empty(),
                awaits_acceptance: AtomicBool::new(false),
                state: Mutex::new(State {
                    life: Life::new(settings.refresh_before, self.forced_mints_max),
                    flight: None,
                    last_error: None,
                    span: None,
                }),
                recent: Arc::new(Mutex::new(Recent::new(Now::read().monotonic))),
                cell: cell(),
                runtime: self.runtime.clone(),
                metrics: Arc::clone(&self.metrics),
                tracer: self.tracer.clone(),
            })
        })
    }
}

/// One account's token.
pub struct Account {
    terms: ArcSwap<Terms>,
    account: Option<Mid>,
    current: ArcSwapOption<AccessToken>,
    awaits_acceptance: AtomicBool,
    state: Mutex<State>,
    recent: Arc<Mutex<Recent>>,
    /// The same token as other replicas see it.
    cell: Option<Cell>,
    runtime: Handle,
    metrics: Arc<Metrics>,
    tracer: Option<Arc<Tracer>>,
}

struct State {
    life: Life,
    flight: Option<watch::Receiver<Option<Minted>>>,
    last_error: Option<Failure>,
    /// Of the mint in flight.
    span: Option<Span>,
}

impl State {
    /// There is another token now, so that what the last mint met is over.
    fn got_over(&mut self) {
        if let Some(failure) = &mut self.last_error {
            failure.over = true;
        }
    }

    /// The credentials have changed: that others were refused says nothing of them.
    fn forget_rejection(&mut self) {
        self.life.forget_rejection();
        self.last_error
            .take_if(|failure| matches!(failure.error, MintError::Rejected { .. }));
    }
}

impl Account {
    /// A token to use now. `replayable` tells whether the request could be sent again if the token died on its way; a mint
    /// that it starts is traced below `asker`.
    pub async fn current(
        self: &Arc<Self>,
        replayable: bool,
        asker: Option<Context>,
    ) -> Result<Arc<AccessToken>, Unavailable> {
        let now = Now::read();
        let refresh_before = self.terms.load().endpoint.settings().refresh_before;
        if let Some(token) = &*self.current.load()
            && token.stage(now, refresh_before, replayable) == Stage::Fresh
        {
            return Ok(Arc::clone(token));
        }
        self.wants_another(now);
        if let Some(cell) = &self.cell {
            cell.has_begun().await?;
        }
        let (flight, held) = {
            let mut state = self.state();
            let wanted = state.life.wanted(now, replayable);
            match wanted {
                Wanted::Use(token) => return Ok(token),
                Wanted::UseAndMint(token) => {
                    self.take_off(&mut state, asker);
                    return Ok(token);
                }
                Wanted::Refuse(error, retry_after) => {
                    return Err(Unavailable { error, retry_after });
                }
                Wanted::MintAndWait => (
                    self.take_off(&mut state, asker),
                    state.life.current().cloned(),
                ),
                Wanted::Wait => (self.join(&mut state, asker), state.life.current().cloned()),
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
        asker: Option<Context>,
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
                Cure::MintAndWait => self.take_off(&mut state, asker),
                Cure::Wait => self.join(&mut state, asker),
            }
        };
        if !replayable {
            return AfterRefusal::Deliver(Because::NotReplayable);
        }
        match landing(flight).await {
            // The budget that replicas share is spent, so that nothing was minted.
            Ok(token) if token.number() == refused.number() => {
                AfterRefusal::Deliver(Because::BudgetSpent)
            }
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
            let endpoint = account.endpoint();
            let token = endpoint.redeem(&code, account.account, &tally);
            let token = Arc::new(token.await?);
            let labels = account.labels();
            tracing::info!(
                tenant = labels.tenant,
                account = labels.account,
                expires_in_s = token.lifetime.as_secs(),
                "logged in"
            );
            account.share(&token).await;
            let mut state = account.state();
            state.life.adopted(Arc::clone(&token));
            state.got_over();
            account.show(token);
            Ok(())
        });
        redeeming
            .await
            .unwrap_or_else(|_panicked| Err(broken_off()))
    }

    /// Waits until no refresh token of this account's tenant is under way.
    pub async fn settle(&self) {
        self.endpoint().settle().await;
    }

    /// Where its tokens come from.
    #[must_use]
    pub fn endpoint(&self) -> Arc<Endpoint> {
        Arc::clone(&self.terms.load().endpoint)
    }

    /// The account's member id.
    #[must_use]
    pub fn mid(&self) -> Option<Mid> {
        self.account
    }

    /// How the account is called in metrics and logs.
    #[must_use]
    pub fn labels(&self) -> Arc<Labels> {
        Arc::clone(&self.terms.load().labels)
    }

    /// A new configuration holds. The present token serves until it expires, whatever has changed; a refusal of the
    /// credentials before says nothing of the new ones.
    pub(super) fn go_on(&self, terms: Terms, forced_mints_max: u32) {
        let mut state = self.state();
        let refresh_before = terms.endpoint.settings().refresh_before;
        let before = self.terms.swap(Arc::new(terms));
        // Metrics may call it by another name.
        if let Some(token) = state.life.current() {
            self.show(Arc::clone(token));
        }
        state.life.adjust(refresh_before, forced_mints_max);
        if self.endpoint().has_other_credentials(&before.endpoint) {
            state.forget_rejection();
        }
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
    fn take_off(
        self: &Arc<Self>,
        state: &mut State,
        asker: Option<Context>,
    ) -> watch::Receiver<Option<Minted>> {
        state.span = self.span_of_mint(asker);
        let (landed, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        let landing = Landing::new(Arc::clone(self), landed);
        self.runtime.spawn(landing.fly());
        flight
    }

    fn join(
        self: &Arc<Self>,
        state: &mut State,
        asker: Option<Context>,
    ) -> watch::Receiver<Option<Minted>> {
        match &state.flight {
            Some(flight) => flight.clone(),
            // `life` says that a mint is in flight, so there is one; were there none, this starts it.
            None => self.take_off(state, asker),
        }
    }

    /// The mint has ended that began with this endpoint.
    pub(super) fn land(&self, endpoint: &Endpoint, outcome: &Minted) {
        let (mut state, now) = (self.state(), Now::read());
        let before = state.life.current().map(|token| token.number());
        state.life.minted(now, outcome);
        state.flight = None;
        match outcome {
            Ok(token) => {
                drop(state.span.take());
                // The one from before comes back where replicas have no refusals left: that mends nothing.
                if before != Some(token.number()) {
                    state.got_over();
                }
                self.show(Arc::clone(token));
            }
            Err(error) => {
                if let Some(mut span) = state.span.take() {
                    span.failed(tally::word(error));
                }
                state.last_error = Some(Failure::new(error.clone(), now));
            }
        }
        if self.endpoint().has_other_credentials(endpoint) {
            state.forget_rejection();
        }
    }
}
