//! Rest and budget: what keeps a refusal that no fresh token cures from minting for ever.
//!
//! Pure bookkeeping over time that comes in as an argument; never mints and never sleeps.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_secs(30);
const LONGEST: Duration = Duration::from_secs(600);
/// Routes of one account that are remembered; the one whose rest ended longest ago makes room.
const ROUTES_MAX: usize = 256;
const BUDGET_REFILL: Duration = Duration::from_secs(60);

/// A kind of call, coarse enough to be counted: for REST the method and the first three path segments, for SOAP the operation
/// and the types of its objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route(u64);

impl Route {
    /// The route of a REST call. `path` is raw and without query.
    #[must_use]
    pub fn rest(method: &str, path: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        ("rest", method).hash(&mut hasher);
        for segment in path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .take(3)
        {
            segment.hash(&mut hasher);
        }
        Self(hasher.finish())
    }

    /// The route of a SOAP call.
    #[must_use]
    pub fn soap<'a>(operation: &str, object_types: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hasher = DefaultHasher::new();
        ("soap", operation).hash(&mut hasher);
        for object_type in object_types {
            object_type.hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

#[derive(Debug, Clone, Copy)]
struct Resting {
    until: Instant,
    length: Duration,
}

/// Which routes rest, and whether the whole account does.
#[derive(Debug, Default)]
pub(super) struct Rests {
    routes: HashMap<Route, Resting>,
    account: Option<Resting>,
}

impl Rests {
    /// A fresh token was refused on this route: it rests, twice as long as the time before.
    pub(super) fn route_refused_fresh(&mut self, route: Route, now: Instant) {
        let length = match self.routes.get(&route) {
            // Refusals that were on their way together are one.
            Some(resting) if now < resting.until => return,
            Some(resting) => (resting.length * 2).min(LONGEST),
            None => SHORTEST,
        };
        if self.routes.len() >= ROUTES_MAX && !self.routes.contains_key(&route) {
            let oldest = self
                .routes
                .iter()
                .min_by_key(|(_route, resting)| resting.until)
                .map(|(route, _resting)| *route);
            if let Some(oldest) = oldest {
                self.routes.remove(&oldest);
            }
        }
        self.routes.insert(
            route,
            Resting {
                until: now + length,
                length,
            },
        );
    }

    /// A forced mint succeeded: the account rests until something accepts the token. `widely` tells whether the token it
    /// replaced was refused on two or more routes; then a rest that nothing ended grows.
    pub(super) fn account_forced(&mut self, widely: bool, now: Instant) {
        let length = match self.account {
            Some(resting) if widely => (resting.length * 2).min(LONGEST),
            Some(resting) => resting.length,
            None => SHORTEST,
        };
        self.account = Some(Resting {
            until: now + length,
            length,
        });
    }

    pub(super) fn accepted(&mut self, route: Route, by_current_token: bool) {
        self.routes.remove(&route);
        if by_current_token {
            self.account = None;
        }
    }

    pub(super) fn route_rests(&self, route: Route, now: Instant) -> bool {
        self.routes
            .get(&route)
            .is_some_and(|resting| now < resting.until)
    }

    pub(super) fn account_rests(&self, now: Instant) -> bool {
        self.account.is_some_and(|resting| now < resting.until)
    }

    /// How much rests, and for how long.
    pub(super) fn resting(&self, now: Instant) -> super::Resting {
        let left = |resting: &Resting| resting.until.checked_duration_since(now);
        let routes: Vec<_> = self.routes.values().filter_map(left).collect();
        super::Resting {
            account: self.account.as_ref().and_then(left),
            routes: routes.len(),
            routes_for: routes.into_iter().max().unwrap_or_default(),
        }
    }

    /// Whether an acceptance could change anything.
    pub(super) fn anything(&self) -> bool {
        self.account.is_some() || !self.routes.is_empty()
    }
}

/// Mints that refusals may cause: a full purse at first, one back a minute.
#[derive(Debug)]
pub(super) struct Budget {
    full: u32,
    left: u32,
    counted_from: Option<Instant>,
}

impl Budget {
    pub(super) fn new(full: u32) -> Self {
        Self {
            full,
            left: full,
            counted_from: None,
        }
    }

    /// Another limit holds from now on.
    pub(super) fn adjust(&mut self, full: u32) {
        let spent = self.full.saturating_sub(self.left);
        self.full = full;
        self.left = full.saturating_sub(spent);
    }

    /// Takes one if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.refill(now);
        if self.left == 0 {
            return false;
        }
        if self.left == self.full {
            self.counted_from = Some(now);
        }
        self.left -= 1;
        true
    }

    fn refill(&mut self, now: Instant) {
        let Some(from) = self.counted_from else {
            return;
        };
        let back = now.saturating_duration_since(from).as_secs() / BUDGET_REFILL.as_secs();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(back).min(self.full);
        self.counted_from = (self.left < self.full).then(|| from + BUDGET_REFILL * back);
    }
}
