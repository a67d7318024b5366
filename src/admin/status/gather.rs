//! Puts together what there is to tell: who there is, what each token's cell says, what the metrics counted, and what was seen.
//! Asks nobody outside, and reads no token.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use super::Sources;
use super::model::{
    Account, Api, Bucket, Call, Client, Configuration, Error, LastCall, Latency, Login,
    MintFailure, Moment, Noted, Rests, Scope, Scopes, SharedState, Status, Tenant, Token,
    WouldRefuse,
};
use super::summary::summary;
use crate::admin::health::Refused;
use crate::ledger::{self, ClientView, TenantView, View};
use crate::metrics::{self, Reading};
use crate::policy::Posture;
use crate::policy::scopes::{Observed, least};
use crate::token::{Failure, Held, MintError, Standing};

/// Accounts of one tenant that are listed.
const ACCOUNTS_MAX: usize = 200;
/// Further faults are in the log.
const FAULTS_MAX: usize = 50;
/// APIs that a tenant may have calls for.
const APIS: [&str; 3] = ["rest", "soap", "auth"];

/// What there is to tell at this moment.
pub(super) fn gather(sources: &Sources<'_>, now: SystemTime) -> Status {
    let seen = sources.ledger.recent_view(Instant::now());
    let reading = sources.metrics.read();
    let roll = (sources.roll)();
    let called = called(&seen);
    let tenants = roll.tenants.into_iter().map(|tenant| {
        let seen = seen.tenants.get(&tenant.name).cloned().unwrap_or_default();
        let calls = called.get(&tenant.name).map(Vec::as_slice);
        let calls = calls.unwrap_or_default();
        of_tenant(sources, tenant, (seen, calls), &reading, now)
    });
    let tenants: Vec<_> = tenants.collect();
    let clients = roll.clients.into_iter().map(|client| {
        let seen = seen.clients.get(&client.name).cloned().unwrap_or_default();
        of_client(client, seen, sources.in_force_since)
    });
    let not_ready_because = sources.health.not_ready_because();
    let mut status = Status {
        version: env!("CARGO_PKG_VERSION"),
        at: Moment(now),
        started_at: Moment(sources.started_at),
        summary: super::model::Summary::empty(),
        ready: not_ready_because.is_none(),
        not_ready_because,
        draining: sources.health.is_draining(),
        configuration: configuration(sources.health.refused()),
        shared_state: roll.is_shared.then(|| SharedState {
            up: sources.metrics.shared_state_up.get() == 1,
        }),
        tenants,
        clients: clients.collect(),
        errors: seen.errors.iter().cloned().map(of_error).collect(),
    };
    status.summary = summary(&status);
    status
}

/// What each tenant was called for, by whichever client.
fn called(seen: &View) -> HashMap<String, Vec<String>> {
    let mut called: HashMap<String, Vec<String>> = HashMap::new();
    for call in seen.clients.values().flat_map(|client| &client.calls) {
        let calls = called.entry(call.tenant.clone()).or_default();
        calls.push(call.call.clone());
    }
    called
}

fn configuration(refused: Option<Refused>) -> Configuration {
    let Some(Refused { at, mut faults }) = refused else {
        return Configuration {
            in_force: true,
            refused_at: None,
            faults: Vec::new(),
            faults_left_out: 0,
        };
    };
    let faults_left_out = faults.len().saturating_sub(FAULTS_MAX);
    faults.truncate(FAULTS_MAX);
    Configuration {
        in_force: false,
        refused_at: Some(Moment(at)),
        faults,
        faults_left_out,
    }
}

fn of_tenant(
    sources: &Sources<'_>,
    tenant: ledger::Tenant,
    (seen, calls): (TenantView, &[String]),
    reading: &Reading,
    now: SystemTime,
) -> Tenant {
    let name = tenant.name.as_str();
    let metrics = sources.metrics;
    let is_logged_in = tenant.takes_login && metrics.login(name, "") == Some(true);
    let all = tenant.accounts.len();
    let standings = tenant.accounts.iter();
    let standings = standings.map(|account| (account, account.token.standing()));
    let listed: Vec<_> = standings
        .filter(|(account, standing)| {
            account.is_default || standing.token.is_some() || standing.last_error.is_some()
        })
        .collect();
    let accounts_without_token = all - listed.len();
    let granted = listed.iter().find_map(|(_account, standing)| {
        let scopes = standing.token.as_ref()?.scopes.as_ref()?;
        Some(scopes.split(' ').map(str::to_owned).collect())
    });
    let listed = listed.into_iter().map(|(account, standing)| {
        let logged_in_to = is_logged_in.then_some(name);
        of_account(account, standing, logged_in_to, now)
    });
    let accounts: Vec<_> = listed.collect();
    // Tenants with the same client and account share a token, and metrics call it by the first of them.
    let holds_one = accounts.iter().any(|account| account.token.is_some());
    let ready = holds_one || metrics.tenant_ready.with_label_values(&[name]).get() == 1;
    let has_login = is_logged_in || ready;
    let login = tenant
        .takes_login
        .then(|| login(&tenant, &accounts, has_login));
    let (accounts, accounts_left_out) = first(accounts);
    Tenant {
        ready,
        login,
        apis: APIS
            .into_iter()
            .filter_map(|api| of_api(reading, name, api))
            .collect(),
        scopes: scopes(&tenant, granted, &seen, calls),
        accounts_without_token,
        accounts_left_out,
        accounts,
        errors: seen.errors.into_iter().map(of_error).collect(),
        kind: tenant.kind,
        grant: tenant.grant,
        client_secret: tenant.client_secret,
        name: tenant.name,
    }
}

/// Those that are told, and how many are not. What fails or rests comes first, and so is the last to be left out.
pub(super) fn first(mut accounts: Vec<Account>) -> (Vec<Account>, usize) {
    let rests = |account: &Account| account.rests.as_ref()?.account_seconds;
    accounts.sort_by_key(|account| (account.failure().is_none(), rests(account).is_none()));
    let left_out = accounts.len().saturating_sub(ACCOUNTS_MAX);
    accounts.truncate(ACCOUNTS_MAX);
    (accounts, left_out)
}

/// How it is with logins, as far as that is known: what is kept of them is read with the first call that needs it.
fn login(tenant: &ledger::Tenant, accounts: &[Account], has_login: bool) -> Login {
    let is_lacking = accounts
        .iter()
        .any(|account| account.wants_login().is_some());
    let mut cells = tenant.accounts.iter();
    if is_lacking {
        Login::Needed
    } else if has_login {
        Login::Valid
    } else if cells.any(|account| account.token.forgets_logins()) {
        Login::Needed
    } else {
        Login::Unknown
    }
}

/// `logged_in_to`: the tenant's own login is good, for all accounts that have none of their own.
fn of_account(
    account: &ledger::Account,
    standing: Standing,
    logged_in_to: Option<&str>,
    now: SystemTime,
) -> Account {
    let rests = standing.rests;
    let is_resting = rests.account.is_some() || rests.routes > 0;
    Account {
        name: account.name.clone(),
        account_id: account.mid,
        default: account.is_default,
        token: standing.token.map(|token| of_token(&token, now)),
        mints_last_20_minutes: standing.minted,
        failed_mints_last_20_minutes: standing.failed,
        rests: is_resting.then(|| Rests {
            account_seconds: rests.account.map(|left| left.as_secs()),
            routes: rests.routes,
            routes_seconds: rests.routes_for.as_secs(),
        }),
        cooldown_seconds: standing.cooldown.as_secs(),
        last_error: standing
            .last_error
            .map(|failure| of_failure(failure, logged_in_to)),
    }
}

fn of_failure(failure: Failure, logged_in_to: Option<&str>) -> MintFailure {
    let Failure { at, error, over } = failure;
    let (what, fix) = (error.what(), error.fix());
    let login = match error {
        MintError::LoginNeeded { place, .. } => Some(place),
        _ => None,
    };
    let is_there = login.is_some() && login.as_deref() == logged_in_to;
    MintFailure {
        at: Moment(at),
        what,
        fix,
        over: over || is_there,
        login,
    }
}

fn of_token(token: &Held, now: SystemTime) -> Token {
    let age = now.duration_since(token.obtained).unwrap_or(Duration::ZERO);
    Token {
        obtained_at: Moment(token.obtained),
        age_seconds: age.as_secs(),
        expires_at: Moment(token.expires),
        expires_in_seconds: token.remaining.as_secs(),
    }
}

fn of_api(reading: &Reading, tenant: &str, api: &'static str) -> Option<Api> {
    let calls = reading.get(&(tenant.to_owned(), api.to_owned()))?;
    Some(Api {
        api,
        calls: calls.calls,
        refusals: calls.refusals,
        replays: calls.replays,
        throttled: calls.throttled,
        latency: of_latency(&calls.latency),
    })
}

fn of_latency(latency: &metrics::Latency) -> Latency {
    let milliseconds = |part| {
        let seconds = latency.quantile(part)?;
        Some((seconds * 1e5).round() / 1e2)
    };
    Latency {
        count: latency.count,
        p50_ms: milliseconds(0.5),
        p90_ms: milliseconds(0.9),
        p99_ms: milliseconds(0.99),
        buckets: latency
            .buckets
            .iter()
            .map(|(bound, count)| Bucket {
                le_seconds: *bound,
                count: *count,
            })
            .collect(),
    }
}

fn scopes(
    tenant: &ledger::Tenant,
    granted: Option<Vec<String>>,
    seen: &TenantView,
    calls: &[String],
) -> Scopes {
    let read = |uses: &Option<(ledger::Count, String)>, scope| {
        let (count, example) = uses.as_ref()?;
        Some(Scope {
            scope,
            calls: count.times,
            last: Moment(count.last),
            example: example.clone(),
        })
    };
    let all = seen.scopes.iter();
    let used: Vec<_> = all
        .clone()
        .filter_map(|(scope, view)| read(&view.accepted, scope))
        .collect();
    // One that was accepted since is not missing.
    let last = |uses: &Option<(ledger::Count, String)>| uses.as_ref().map(|(count, _)| count.last);
    let missing: Vec<_> = all
        .filter(|(_scope, view)| last(&view.missing) > last(&view.accepted))
        .filter_map(|(scope, view)| read(&view.missing, scope))
        .collect();
    let has = granted.as_ref().or(tenant.scopes_asked.as_ref());
    // Before anything was seen, nothing can be said; and core Salesforce has scopes that no single call needs.
    let has = has.filter(|_| !used.is_empty() && !tenant.is_core);
    let unneeded = has.map(|has| {
        let names = |scopes: &[Scope]| -> Vec<String> {
            scopes.iter().map(|scope| scope.scope.to_owned()).collect()
        };
        let least = least(&Observed {
            granted: Some(has),
            used: &names(&used),
            missing: &names(&missing),
            calls,
            renews_logins: tenant.takes_login,
        });
        least.unneeded
    });
    Scopes {
        unneeded: unneeded.unwrap_or_default(),
        asked: tenant.scopes_asked.clone(),
        granted,
        used,
        missing,
    }
}

fn of_error(error: ledger::Error) -> Error {
    Error {
        at: Moment(error.at),
        times: error.times,
        account: error.account,
        api: error.api,
        client: error.client,
        method: error.method,
        route: error.route,
        operation: error.operation,
        object_type: error.object_type,
        status: error.status,
        code: error.code,
        what: error.what,
        fix: error.fix,
    }
}

/// What its policy would refuse is told while that is the question, and of the policy that is in force.
fn of_client(client: ledger::Client, seen: ClientView, in_force_since: SystemTime) -> Client {
    let observes = client.policy == Posture::Observe;
    let last_calls = seen.last_calls.into_iter().map(|call| LastCall {
        at: Moment(call.at),
        tenant: call.tenant,
        account: call.account,
        api: call.api,
        method: call.method,
        route: call.route,
        operation: call.operation,
        object_type: call.object_type,
        status: call.status,
        duration_ms: (call.duration.as_secs_f64() * 1e5).round() / 1e2,
    });
    let would_refuse = seen.would_refuse.into_iter();
    let would_refuse = would_refuse
        .filter(|refusal| observes && refusal.count.last >= in_force_since)
        .map(|refusal| WouldRefuse {
            code: refusal.code,
            call: refusal.call,
            times: refusal.count.times,
            last: Moment(refusal.count.last),
        });
    let mut would_refuse: Vec<_> = would_refuse.collect();
    would_refuse.sort_by_key(|refusal| std::cmp::Reverse(refusal.last));
    let calls = seen.calls.into_iter().map(|call| Call {
        tenant: call.tenant,
        account: call.account,
        call: call.call,
        times: call.count.times,
        last: Moment(call.count.last),
    });
    Client {
        name: client.name,
        policy: client.policy.name(),
        default_tenant: client.default_tenant,
        default_accounts: client.default_accounts,
        last_calls: last_calls.collect(),
        would_refuse,
        calls: calls.collect(),
        calls_left_out: seen.calls_left_out,
        unclear: seen.unclear.map(of_noted),
        names_accounts: seen.names_accounts.map(of_noted),
    }
}

fn of_noted((count, example): (ledger::Count, String)) -> Noted {
    Noted {
        calls: count.times,
        last: Moment(count.last),
        example,
    }
}
