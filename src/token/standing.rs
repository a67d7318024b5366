//! How one account's token stands at a moment, for people to look at. Holds no token, and decides nothing.

use std::time::{Duration, SystemTime};

use super::{AccessToken, Account, MintError, Scopes};
use crate::clock::Now;

/// What there is to know of an account's token, but the token itself.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The present token, if it has not ended.
    pub token: Option<Held>,
    /// Tokens that the endpoint has given to this process within 20 minutes.
    pub minted: u32,
    /// Token requests of this process within 20 minutes that brought none.
    pub failed: u32,
    /// What rests after refusals.
    pub rests: Resting,
    /// No mint is begun before this has passed; zero: one may be begun.
    pub cooldown: Duration,
    /// What the last mint that failed met.
    pub last_error: Option<Failure>,
}

/// A token's life, without the token.
#[derive(Debug, Clone)]
pub struct Held {
    /// When it was asked for.
    pub obtained: SystemTime,
    /// When it ends by the wall clock.
    pub expires: SystemTime,
    /// What is left by the stricter of both clocks.
    pub remaining: Duration,
    /// What its token response says that it is for; `None`: it does not say.
    pub scopes: Option<Scopes>,
}

/// What of an account rests, so that refusals mint nothing meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resting {
    /// How long the whole account still does.
    pub account: Option<Duration>,
    /// How many routes do,
    pub routes: usize,
    /// and how long the last of them still does.
    pub routes_for: Duration,
}

/// A mint that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// When it ended.
    pub at: SystemTime,
    /// What it met.
    pub error: MintError,
    /// A token has been had since, from wherever.
    pub over: bool,
}

impl Held {
    /// `None` if the token has ended.
    pub(super) fn of(token: &AccessToken, now: Now) -> Option<Self> {
        let remaining = token.remaining(now);
        let obtained = token.expires_wall.checked_sub(token.lifetime)?;
        (remaining > Duration::ZERO).then(|| Self {
            obtained,
            expires: token.expires_wall,
            remaining,
            scopes: token.scopes.clone(),
        })
    }
}

impl Failure {
    /// One that has just been met.
    pub(super) fn new(error: MintError, now: Now) -> Self {
        let at = now.wall;
        Self {
            at,
            error,
            over: false,
        }
    }
}

impl Account {
    /// How it stands now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing_at(Now::read())
    }

    /// Whether logins end with the process, so that there is none before somebody logs in.
    #[must_use]
    pub fn forgets_logins(&self) -> bool {
        self.endpoint().forgets_logins()
    }
}
