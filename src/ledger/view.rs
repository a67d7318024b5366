//! All shards as one, for whoever looks. The bounds hold here too: what goes beyond them is left out, and told where it counts.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::calls::{Calls, Last};
use super::errors::{Errors, Met};
use super::scopes::{ScopeSeen, Uses};
use super::shard::Tenant;
use super::{CALLS_MAX, LAST_CALLS_MAX, WOULD_REFUSE_MAX};

/// What was seen lately.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// By tenant.
    pub tenants: BTreeMap<String, TenantView>,
    /// By client.
    pub clients: BTreeMap<String, ClientView>,
    /// Errors that belong to no tenant, the newest first.
    pub errors: Vec<Error>,
}

/// What was seen of one tenant.
#[derive(Debug, Clone, Default)]
pub struct TenantView {
    /// Errors, the newest first.
    pub errors: Vec<Error>,
    /// Scopes, by name.
    pub scopes: BTreeMap<&'static str, ScopeView>,
}

/// What was seen of one client.
#[derive(Debug, Clone, Default)]
pub struct ClientView {
    /// Its last calls, the newest first.
    pub last_calls: Vec<LastCall>,
    /// Distinct calls, by tenant, account and name.
    pub calls: Vec<DistinctCall>,
    /// Distinct calls that are not among them, because there were too many: at least so many.
    pub calls_left_out: u64,
    /// Calls that its policy would refuse.
    pub would_refuse: Vec<WouldRefuse>,
    /// Calls that any policy would refuse, because it is unclear what they do, and one of them.
    pub unclear: Option<(Count, String)>,
    /// Calls whose envelopes name other accounts than the one that they are for, and one of them.
    pub names_accounts: Option<(Count, String)>,
}

/// One error, however often it was met.
#[derive(Debug, Clone)]
pub struct Error {
    /// When it was met last,
    pub at: SystemTime,
    /// and how often.
    pub times: u64,
    /// The account, as metrics call it.
    pub account: Option<String>,
    /// The API.
    pub api: Option<&'static str>,
    /// Who called.
    pub client: String,
    /// The method.
    pub method: String,
    /// The masked path, of what is not SOAP.
    pub route: Option<String>,
    /// The SOAP operation.
    pub operation: Option<&'static str>,
    /// The type of the envelope's first object.
    pub object_type: Option<String>,
    /// The status that the caller got.
    pub status: u16,
    /// A stable word, if there is one.
    pub code: Option<&'static str>,
    /// What happened.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// One call that was made.
#[derive(Debug, Clone)]
pub struct LastCall {
    /// When it ended.
    pub at: SystemTime,
    /// The tenant, if it came so far.
    pub tenant: Option<String>,
    /// Its account.
    pub account: Option<String>,
    /// The API.
    pub api: Option<&'static str>,
    /// The method.
    pub method: String,
    /// The masked path, of what is not SOAP.
    pub route: Option<String>,
    /// The SOAP operation.
    pub operation: Option<&'static str>,
    /// The type of the envelope's first object.
    pub object_type: Option<String>,
    /// The status that the caller got.
    pub status: u16,
    /// How long it took.
    pub duration: Duration,
}

/// A kind of call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistinctCall {
    /// The tenant.
    pub tenant: String,
    /// Its account.
    pub account: String,
    /// As an `allow` pattern would name it.
    pub call: String,
    /// How often, and when last.
    pub count: Count,
}

/// A kind of call that a client's policy would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldRefuse {
    /// What it would be refused with.
    pub code: &'static str,
    /// As an `allow` pattern would name it.
    pub call: String,
    /// How often, and when last.
    pub count: Count,
}

/// How often something was seen, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// When last.
    pub last: SystemTime,
}

/// What was seen of one scope.
#[derive(Debug, Clone)]
pub struct ScopeView {
    /// Calls that the tenant let through, and one of them.
    pub accepted: Option<(Count, String)>,
    /// Calls for which the tenant said that it is missing, and one of them.
    pub missing: Option<(Count, String)>,
}

/// Shards that are being put together.
#[derive(Default)]
pub(super) struct Gathering {
    tenants: BTreeMap<Arc<str>, (Errors, BTreeMap<&'static str, ScopeSeen>)>,
    clients: BTreeMap<Arc<str>, Client>,
    errors: Errors,
}

#[derive(Default)]
struct Client {
    last: Vec<Last>,
    calls: BTreeMap<[Arc<str>; 3], Count>,
    would_refuse: BTreeMap<(&'static str, Arc<str>), Count>,
    /// Keys of the distinct calls that some shard has,
    there: HashSet<u64>,
    /// and of those that had to make room in some.
    gone: HashSet<u64>,
    types_left_out: usize,
    unclear: Uses,
    names_accounts: Uses,
}

impl Gathering {
    pub(super) fn add_tenant(&mut self, name: Arc<str>, seen: &Tenant) {
        let (errors, scopes) = self.tenants.entry(name).or_default();
        for met in seen.errors.all() {
            errors.add(met.clone());
        }
        for (scope, seen) in &seen.scopes.0 {
            let scope = scopes.entry(scope).or_default();
            scope.accepted.add(&seen.accepted);
            scope.missing.add(&seen.missing);
        }
    }

    pub(super) fn add_client(&mut self, name: Arc<str>, calls: Calls) {
        self.clients.entry(name).or_default().add(calls);
    }

    pub(super) fn add_errors(&mut self, errors: &Errors) {
        for met in errors.all() {
            self.errors.add(met.clone());
        }
    }

    pub(super) fn finish(self) -> View {
        let tenants = self.tenants.into_iter().map(|(name, (errors, scopes))| {
            let scopes = scopes.into_iter();
            let view = TenantView {
                errors: read(errors),
                scopes: scopes
                    .map(|(name, seen)| (name, ScopeView::of(seen)))
                    .collect(),
            };
            (name.to_string(), view)
        });
        let clients = self.clients.into_iter();
        View {
            tenants: tenants.collect(),
            clients: clients
                .map(|(name, client)| (name.to_string(), client.finish()))
                .collect(),
            errors: read(self.errors),
        }
    }
}

impl Client {
    fn add(&mut self, calls: Calls) {
        self.last.extend(calls.last);
        self.there.extend(calls.distinct.keys());
        self.gone.extend(calls.gone.keys());
        self.unclear.add(&calls.unclear);
        self.names_accounts.add(&calls.names_accounts);
        self.types_left_out = self.types_left_out.max(calls.types_left_out);
        for counted in calls.distinct.entries() {
            let what = &counted.what;
            let key = [&what.tenant, &what.account, &what.call].map(Clone::clone);
            count(&mut self.calls, key, counted.times, counted.last);
        }
        for counted in calls.would_refuse.entries() {
            let key = (counted.what.code, counted.what.call.clone());
            count(&mut self.would_refuse, key, counted.times, counted.last);
        }
    }

    fn finish(mut self) -> ClientView {
        self.last.sort_by_key(|last| std::cmp::Reverse(last.at));
        self.last.truncate(LAST_CALLS_MAX);
        let gone = self.gone.difference(&self.there).count();
        let beyond = newest(&mut self.calls, CALLS_MAX);
        newest(&mut self.would_refuse, WOULD_REFUSE_MAX);
        let calls = self.calls.into_iter();
        let would_refuse = self.would_refuse.into_iter();
        ClientView {
            last_calls: self.last.into_iter().filter_map(LastCall::of).collect(),
            calls: calls
                .map(|([tenant, account, call], count)| DistinctCall {
                    tenant: tenant.to_string(),
                    account: account.to_string(),
                    call: call.to_string(),
                    count,
                })
                .collect(),
            calls_left_out: wide(gone + self.types_left_out) + beyond,
            unclear: self.unclear.read(),
            names_accounts: self.names_accounts.read(),
            would_refuse: would_refuse
                .map(|((code, call), count)| WouldRefuse {
                    code,
                    call: call.to_string(),
                    count,
                })
                .collect(),
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, Count>, key: K, times: u64, last: SystemTime) {
    let known = counts.entry(key).or_insert(Count { times: 0, last });
    known.times += times;
    known.last = known.last.max(last);
}

/// Leaves the newest `max`, and tells how many went.
fn newest<K: Ord>(counts: &mut BTreeMap<K, Count>, max: usize) -> u64 {
    let beyond = counts.len().saturating_sub(max);
    if beyond > 0 {
        let mut times: Vec<_> = counts.values().map(|count| count.last).collect();
        times.sort_unstable();
        let mut to_go = beyond;
        if let Some(limit) = times.get(beyond - 1).copied() {
            counts.retain(|_key, count| {
                let goes = to_go > 0 && count.last <= limit;
                to_go -= usize::from(goes);
                !goes
            });
        }
    }
    wide(beyond)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn read(errors: Errors) -> Vec<Error> {
    errors.into_sorted().into_iter().map(Error::of).collect()
}

fn text(name: Option<Arc<str>>) -> Option<String> {
    name.map(|name| name.to_string())
}

impl Error {
    fn of(met: Met) -> Self {
        let key = met.key;
        Self {
            at: met.last,
            times: met.times,
            account: text(key.account),
            api: key.api,
            client: key.client.to_string(),
            method: key.method.to_string(),
            route: text(key.route),
            operation: key.operation,
            object_type: text(key.object_type),
            status: key.status,
            code: key.code,
            what: met.what.to_string(),
            fix: met.fix.to_string(),
        }
    }
}

impl LastCall {
    fn of(last: Last) -> Option<Self> {
        Some(Self {
            at: last.at?,
            tenant: last.tenant,
            account: last.account,
            api: last.api,
            method: last.method,
            route: last.route,
            operation: last.operation,
            object_type: last.object_type,
            status: last.status,
            duration: last.duration,
        })
    }
}

impl ScopeView {
    fn of(seen: ScopeSeen) -> Self {
        Self {
            accepted: seen.accepted.read(),
            missing: seen.missing.read(),
        }
    }
}

impl Uses {
    fn read(self) -> Option<(Count, String)> {
        let last = self.last?;
        let count = Count {
            times: self.calls,
            last,
        };
        Some((count, String::from(self.example)))
    }
}
