//! The life cycle of one account's token as a pure state machine: events and both clocks come in, decisions go out.
//!
//! Opens no socket, starts no task, reads no clock. `store` does what is decided here.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::rest::{Budget, Rests, Route};
use super::standing::Resting;
use super::{AccessToken, MintError, Minted, Stage};
use crate::clock::Now;

const COOLDOWN_SHORTEST: Duration = Duration::from_secs(1);
const COOLDOWN_LONGEST: Duration = Duration::from_secs(30);
/// Even an endpoint that asks for days is asked again after the vendor's own window of 20 minutes.
const RETRY_AFTER_LONGEST: Duration = Duration::from_secs(20 * 60);

/// Whether a refused request was already a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The caller's own request.
    First,
    /// Its one replay.
    Replay,
}

/// Why a refusal is delivered instead of being cured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// A fresh token was refused on this route before: a scope is probably missing.
    RouteRests,
    /// The last token that a refusal brought was accepted nowhere yet.
    AccountRests,
    /// Refusals have caused too many mints of late.
    BudgetSpent,
    /// The body cannot be sent a second time.
    NotReplayable,
    /// The replay was refused too.
    ReplayRefused,
}

/// What a request gets that asks for a token.
#[derive(Debug)]
pub(super) enum Wanted {
    /// This token.
    Use(Arc<AccessToken>),
    /// This token, and a renewal is to be started.
    UseAndMint(Arc<AccessToken>),
    /// The outcome of the mint in flight.
    Wait,
    /// The outcome of a mint that is to be started.
    MintAndWait,
    /// Nothing before this moment.
    Refuse(MintError, Duration),
}

/// What becomes of a refusal.
#[derive(Debug)]
pub(super) enum Cure {
    /// The request goes out again with this token.
    Replay(Arc<AccessToken>),
    /// A mint is in flight that will tell.
    Wait,
    /// A mint is to be started that will tell.
    MintAndWait,
    /// The refusal goes to the caller.
    Deliver(Because),
    /// The token is refused and no other is to be had before this moment.
    Refuse(MintError, Duration),
}

#[derive(Debug)]
struct Cooldown {
    until: Instant,
    error: MintError,
}

#[derive(Debug, Clone, Copy)]
enum Cause {
    Need,
    Refusal { route: Route, widely: bool },
}

/// One account's token and all that is remembered about it.
#[derive(Debug)]
pub(super) struct Life {
    refresh_before: Duration,
    current: Option<Arc<AccessToken>>,
    minting: Option<Cause>,
    cooldown: Option<Cooldown>,
    cooldown_length: Duration,
    rests: Rests,
    budget: Budget,
    /// The first route that refused the current token, and whether a second one did.
    refused_on: Option<(Route, bool)>,
    /// The current token was minted because this route refused the one before, and has not accepted this one yet.
    minted_for: Option<Route>,
}

impl Life {
    pub(super) fn new(refresh_before: Duration, forced_mints_max: u32) -> Self {
        Self {
            refresh_before,
            current: None,
            minting: None,
            cooldown: None,
            cooldown_length: Duration::ZERO,
            rests: Rests::default(),
            budget: Budget::new(forced_mints_max),
            refused_on: None,
            minted_for: None,
        }
    }

    /// Other settings hold from now on.
    pub(super) fn adjust(&mut self, refresh_before: Duration, forced_mints_max: u32) {
        self.refresh_before = refresh_before;
        self.budget.adjust(forced_mints_max);
    }

    /// The credentials have changed: that others were refused holds nobody up any more.
    pub(super) fn forget_rejection(&mut self) {
        let is_rejection =
            |cooldown: &Cooldown| matches!(cooldown.error, MintError::Rejected { .. });
        if self.cooldown.as_ref().is_some_and(is_rejection) {
            self.cooldown = None;
        }
    }

    /// A request asks for a token.
    pub(super) fn wanted(&mut self, now: Now, replayable: bool) -> Wanted {
        let held = self
            .current
            .clone()
            .map(|token| (token.stage(now, self.refresh_before, replayable), token));
        match held {
            Some((Stage::Fresh, token)) => Wanted::Use(token),
            Some((Stage::Renewable, token)) => {
                if self.may_mint(now).is_ok() {
                    self.start(Cause::Need, Wanted::UseAndMint(token))
                } else {
                    Wanted::Use(token)
                }
            }
            Some((Stage::Closing, token)) => match self.may_mint(now) {
                Ok(()) => self.start(Cause::Need, Wanted::MintAndWait),
                Err(Some(_cooling)) => Wanted::Use(token),
                Err(None) => Wanted::Wait,
            },
            Some((Stage::Over, _)) | None => match self.may_mint(now) {
                Ok(()) => self.start(Cause::Need, Wanted::MintAndWait),
                Err(Some((error, wait))) => Wanted::Refuse(error, wait),
                Err(None) => Wanted::Wait,
            },
        }
    }

    /// The tenant refused `token` on this route.
    pub(super) fn refused(
        &mut self,
        now: Now,
        token: u64,
        route: Route,
        attempt: Attempt,
        replayable: bool,
    ) -> Cure {
        let current = self
            .current
            .clone()
            .filter(|current| current.remaining(now) > Duration::ZERO);
        let is_current = current
            .as_ref()
            .is_none_or(|current| current.number() == token);
        if is_current {
            self.refused_on = match self.refused_on {
                None => Some((route, false)),
                Some((first, more)) => Some((first, more || first != route)),
            };
        }
        if attempt == Attempt::Replay {
            self.rests.route_refused_fresh(route, now.monotonic);
            return Cure::Deliver(Because::ReplayRefused);
        }
        let current_is_over = current.is_none();
        if let Some(current) = current.filter(|_| !is_current) {
            return if replayable {
                Cure::Replay(current)
            } else {
                Cure::Deliver(Because::NotReplayable)
            };
        }
        let cure = if current_is_over {
            self.replace_over(now)
        } else {
            self.force(now, route)
        };
        match cure {
            Cure::Wait | Cure::Refuse(..) if !replayable => Cure::Deliver(Because::NotReplayable),
            cure => cure,
        }
    }

    /// The token's life has ended anyway: what comes next is no forced mint.
    fn replace_over(&mut self, now: Now) -> Cure {
        match self.may_mint(now) {
            Ok(()) => {
                self.minting = Some(Cause::Need);
                Cure::MintAndWait
            }
            Err(None) => Cure::Wait,
            Err(Some((error, wait))) => Cure::Refuse(error, wait),
        }
    }

    fn force(&mut self, now: Now, route: Route) -> Cure {
        if self.minted_for == Some(route) {
            self.rests.route_refused_fresh(route, now.monotonic);
        }
        if self.rests.route_rests(route, now.monotonic) {
            return Cure::Deliver(Because::RouteRests);
        }
        match self.may_mint(now) {
            Err(None) => Cure::Wait,
            _ if self.rests.account_rests(now.monotonic) => Cure::Deliver(Because::AccountRests),
            Err(Some((error, wait))) => Cure::Refuse(error, wait),
            Ok(()) if !self.budget.take(now.monotonic) => Cure::Deliver(Because::BudgetSpent),
            Ok(()) => {
                let widely = self.refused_on.is_some_and(|(_first, more)| more);
                self.minting = Some(Cause::Refusal { route, widely });
                Cure::MintAndWait
            }
        }
    }

    /// The tenant accepted `token` on this route.
    pub(super) fn accepted(&mut self, token: u64, route: Route) {
        let by_current = self.is_current(token);
        self.rests.accepted(route, by_current);
        if by_current && self.minted_for == Some(route) {
            self.minted_for = None;
        }
    }

    /// Whether `accepted` could change anything.
    pub(super) fn awaits_acceptance(&self) -> bool {
        self.minted_for.is_some() || self.rests.anything()
    }

    /// The mint in flight has ended.
    pub(super) fn minted(&mut self, now: Now, outcome: &Minted) {
        let cause = self.minting.take();
        match outcome {
            // The budget that all replicas share is spent.
            Ok(token) if self.is_current(token.number()) => {}
            Ok(token) => {
                self.current = Some(Arc::clone(token));
                self.cooldown = None;
                self.cooldown_length = Duration::ZERO;
                self.minted_for = None;
                // A refusal may have joined a mint that began for another reason; what counts is what the token before met.
                if let Some(Cause::Refusal { route, widely }) = cause {
                    let widely = widely || self.refused_on.is_some_and(|(_first, more)| more);
                    self.rests.account_forced(widely, now.monotonic);
                    self.minted_for = Some(route);
                }
                self.refused_on = None;
            }
            Err(error) => {
                let length = self.next_cooldown(error);
                self.cooldown = Some(Cooldown {
                    until: now.monotonic + length,
                    error: error.clone(),
                });
            }
        }
    }

    /// A token that came by another way than a mint: a login.
    pub(super) fn adopted(&mut self, token: Arc<AccessToken>) {
        self.current = Some(token);
        self.cooldown = None;
        self.cooldown_length = Duration::ZERO;
        self.minted_for = None;
        self.refused_on = None;
    }

    fn next_cooldown(&mut self, error: &MintError) -> Duration {
        match error {
            MintError::Unavailable { retry_after, .. } => {
                self.cooldown_length =
                    (self.cooldown_length * 2).clamp(COOLDOWN_SHORTEST, COOLDOWN_LONGEST);
                self.cooldown_length
                    .max(retry_after.unwrap_or_default().min(RETRY_AFTER_LONGEST))
            }
            // Found out without asking the tenant: the next call may come right after the login, or the other's token.
            MintError::LoginNeeded { .. }
            | MintError::NoRefreshToken
            | MintError::NotShared { .. }
            | MintError::Busy => COOLDOWN_SHORTEST,
            MintError::Rejected { .. } | MintError::Untrusted { .. } => COOLDOWN_LONGEST,
        }
    }

    /// Whether the mint in flight is for a refusal.
    pub(super) fn is_forced(&self) -> bool {
        matches!(self.minting, Some(Cause::Refusal { .. }))
    }

    /// How long the cool-down still lasts.
    pub(super) fn cooldown_left(&self, now: Now) -> Duration {
        self.cooldown.as_ref().map_or(Duration::ZERO, |cooldown| {
            cooldown.until.saturating_duration_since(now.monotonic)
        })
    }

    fn is_current(&self, token: u64) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|current| current.number() == token)
    }

    /// What rests after refusals.
    pub(super) fn resting(&self, now: Now) -> Resting {
        self.rests.resting(now.monotonic)
    }

    /// The present token, whatever its stage.
    pub(super) fn current(&self) -> Option<&Arc<AccessToken>> {
        self.current.as_ref()
    }

    /// `Err(None)`: one is in flight already. `Err(Some)`: not before the cool-down ends.
    fn may_mint(&self, now: Now) -> Result<(), Option<(MintError, Duration)>> {
        if self.minting.is_some() {
            return Err(None);
        }
        match &self.cooldown {
            Some(cooldown) if now.monotonic < cooldown.until => Err(Some((
                cooldown.error.clone(),
                cooldown.until.saturating_duration_since(now.monotonic),
            ))),
            _ => Ok(()),
        }
    }

    fn start(&mut self, cause: Cause, wanted: Wanted) -> Wanted {
        self.minting = Some(cause);
        wanted
    }
}
