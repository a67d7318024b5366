//! What was seen lately, for people who look after the proxy: errors with words, who calls what, and which scopes that took.
//!
//! In memory and bounded. Never holds a secret, a query, a body or an id of a path: paths come in masked, names of objects are
//! masked here. What went wrong is told in the words that the caller got.
//! Decides nothing. A request waits for a reader no longer than it takes to copy what was seen of one client or tenant.

mod calls;
mod errors;
mod gone;
mod roll;
mod scopes;
mod seen;
mod shard;
mod text;
mod view;

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::hash::RandomState;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

pub use roll::{Account, Client, Roll, Tenant};
pub use text::{CallName, object_type};
pub use view::{
    ClientView, Count, DistinctCall, Error, LastCall, ScopeView, TenantView, View, WouldRefuse,
};

use shard::Shard;

/// Errors of one tenant that are remembered, and as many that belong to none.
pub const ERRORS_MAX: usize = 50;
/// Last calls of one client.
pub const LAST_CALLS_MAX: usize = 10;
/// Distinct calls of one client.
pub const CALLS_MAX: usize = 300;
/// Distinct calls of one client that had to make room and are still told apart, by each of the threads' shards.
pub const GONE_MAX: usize = 1_000;
/// Distinct calls of one client that its policy would refuse.
pub const WOULD_REFUSE_MAX: usize = 100;
/// Object types of one envelope that are remembered, and count as calls of their own.
pub const OBJECT_TYPES_MAX: usize = 64;
/// Whoever looks again so soon sees the same.
const VIEW_LASTS: Duration = Duration::from_secs(1);
/// Threads do not wait for each other as long as there are no more than this.
const SHARDS: usize = 4;

/// The client of a proxy that has no `[clients]`.
pub const ANYONE: &str = "anonymous";

/// One finished request.
#[derive(Debug)]
pub struct Call<'a> {
    /// When it ended.
    pub at: SystemTime,
    /// How long it took.
    pub duration: Duration,
    /// The tenant, if it came so far,
    pub tenant: Option<&'a str>,
    /// and its account, as metrics call it.
    pub account: Option<&'a str>,
    /// The API, if it came so far.
    pub api: Option<&'static str>,
    /// Who called.
    pub client: &'a str,
    /// The method, of a fixed list.
    pub method: &'a str,
    /// The path's first segments, ids masked.
    pub route: &'a str,
    /// The SOAP operation; `None`: no envelope was read.
    pub operation: Option<&'static str>,
    /// The types of the envelope's objects.
    pub object_types: &'a [String],
    /// How many more it had.
    pub object_types_left_out: usize,
    /// Whether it has an object that says no type.
    pub untyped_objects: bool,
    /// The status that the caller got.
    pub status: u16,
    /// Whether the client may make this call.
    pub permitted: bool,
    /// The code that the call would have got if the client's policy were enforced.
    pub would_refuse: Option<&'static str>,
    /// Whether what it would do cannot be told for certain, so that no policy lets it through.
    pub unclear: bool,
    /// Whether its envelope names other accounts than the one that it is for.
    pub names_accounts: bool,
    /// The scopes that the call needs, where they are known and the tenant said something of them.
    pub scopes: Option<Scopes>,
    /// What went wrong, if something did.
    pub trouble: Option<Trouble>,
}

/// The scopes that a call needs, and what the tenant said of them.
#[derive(Debug, Clone, Copy)]
pub struct Scopes {
    /// The one that it counts under.
    pub scope: &'static str,
    /// Those that it needs beside that one.
    pub beside: &'static [&'static str],
    /// What the tenant said of all of them.
    pub said: Said,
}

impl Scopes {
    /// This one is missing; of others nothing was said.
    #[must_use]
    pub fn missing(scope: &'static str) -> Self {
        Self {
            scope,
            beside: &[],
            said: Said::Missing,
        }
    }
}

/// What the tenant's answer says of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It let the call through.
    Accepted,
    /// It is missing.
    Missing,
}

/// What went wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// A stable word: an error's code, or what became of a refusal; `None`: the status says all.
    pub code: Option<&'static str>,
    /// What happened.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// All that was seen lately.
///
/// The bound, in each of four shards: for each configured client 10 last calls, 300 distinct ones, 1,000 keys of
/// such that had to make room, and 100 that would be refused;
/// for each tenant 50 errors and one entry for each scope of the table; and 50 errors without a tenant. No text in an entry is
/// longer than 400 bytes. A busy client comes to some 100 KiB in all shards, a tenant with nothing but errors to some 200 KiB.
/// What was told last is held beside that, and is no more than one shard's share.
pub struct Ledger {
    shards: [Mutex<Shard>; SHARDS],
    hashing: RandomState,
    /// What was told last, and when.
    told: Mutex<Option<(Instant, Arc<View>)>>,
}

thread_local! {
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

impl Default for Ledger {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            hashing: RandomState::new(),
            told: Mutex::default(),
        }
    }
}

impl Ledger {
    /// Notes a finished request. Costs two short look-ups under a lock that threads share by four, and allocates nothing for a
    /// call that is known.
    pub fn note(&self, call: &Call<'_>) {
        self.own().note(call, &self.hashing);
    }

    /// Forgets tenants and clients that this does not name. Errors that belong to no tenant stay.
    pub fn keep(&self, roll: &Roll) {
        for shard in &self.shards {
            lock(shard).keep(roll);
        }
        *lock(&self.told) = None;
    }

    /// All of it, the newest first. A shard is locked for one entry after the other, whose names are shared and not copied; they
    /// are put together without any lock.
    #[must_use]
    pub fn view(&self) -> View {
        let mut view = view::Gathering::default();
        for shard in &self.shards {
            let names = lock(shard).names();
            for name in names.tenants {
                let Some(seen) = lock(shard).tenant(&name) else {
                    continue;
                };
                view.add_tenant(name, &seen);
            }
            for name in names.clients {
                let Some(calls) = lock(shard).clients.get(&name).cloned() else {
                    continue;
                };
                view.add_client(name, calls);
            }
            let errors = lock(shard).errors.clone();
            view.add_errors(&errors);
        }
        view.finish()
    }

    /// The same as it was a second ago at most, so that many who look cost no more than one.
    #[must_use]
    pub fn recent_view(&self, now: Instant) -> Arc<View> {
        let mut told = lock(&self.told);
        if let Some((at, view)) = &*told
            && now.saturating_duration_since(*at) < VIEW_LASTS
        {
            return Arc::clone(view);
        }
        let view = Arc::new(self.view());
        *told = Some((now, Arc::clone(&view)));
        view
    }

    /// This thread's shard.
    fn own(&self) -> MutexGuard<'_, Shard> {
        let number = SHARD.with(|own| {
            own.get().unwrap_or_else(|| {
                let number = THREADS.fetch_add(1, Ordering::Relaxed);
                own.set(Some(number));
                number
            })
        });
        let [first, ..] = &self.shards;
        lock(self.shards.get(number % SHARDS).unwrap_or(first))
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
