//! The first thing that the page and the JSON say: how it goes, what is wrong, and what to do. Says that all is well only where
//! nothing speaks against it.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::time::Duration;

use super::model::{
    Account, Client, Error, Finding, Login, Moment, State, Status, Summary, Tenant,
};
use super::words::{grouped, plural};
use crate::admin::health::WAITING_FOR_REDIS;

/// What was met within this time counts as present.
const LATELY: Duration = Duration::from_secs(15 * 60);
/// Findings that are told.
const FINDINGS_MAX: usize = 12;
const REACH_REDIS: &str = "See to it that the proxy reaches state.redis_url.";

impl Summary {
    /// Before anything is known.
    pub(super) fn empty() -> Self {
        Self {
            state: State::Well,
            line: String::new(),
            findings: Vec::new(),
            findings_left_out: 0,
        }
    }
}

/// Sums it up.
pub(super) fn summary(status: &Status) -> Summary {
    let mut findings = of_process(status);
    for tenant in &status.tenants {
        findings.extend(of_tenant(tenant, status.at));
    }
    findings.extend(of_errors(
        "No tenant",
        status.errors.iter(),
        "#errors",
        status.at,
    ));
    let clients = status.clients.iter();
    findings.extend(clients.filter_map(|client| of_client(client, status.at)));
    // The graver ones first, and each kind by the names of tenants and clients.
    findings.sort_by_key(|finding| Reverse(finding.state));
    let state = findings
        .first()
        .map_or(State::Well, |finding| finding.state);
    let line = line(status, &findings);
    let findings_left_out = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    Summary {
        state,
        line,
        findings,
        findings_left_out,
    }
}

/// Tenants in the order of the page: what is told first has to be among those that are shown.
pub(super) fn tenants(status: &Status) -> Vec<&Tenant> {
    let findings = |tenant: &Tenant| of_tenant(tenant, status.at);
    gravest_first(&status.tenants, findings)
}

/// Clients in the order of the page.
pub(super) fn clients(status: &Status) -> Vec<&Client> {
    let finding = |client: &Client| of_client(client, status.at).into_iter().collect();
    gravest_first(&status.clients, finding)
}

/// Those of which graver things are told first, and else as they come.
fn gravest_first<T>(all: &[T], findings: impl Fn(&T) -> Vec<Finding>) -> Vec<&T> {
    let mut sorted: Vec<&T> = all.iter().collect();
    sorted.sort_by_cached_key(|one| {
        let findings = findings(one).into_iter();
        Reverse(findings.map(|finding| finding.state).max())
    });
    sorted
}

/// Whether this is something wrong at present.
pub(super) fn counts(error: &Error, now: Moment) -> bool {
    is_present(error.at, now) && !is_ordinary(error)
}

/// What a healthy application is told as well, which asks whether something is there before it makes it.
fn is_ordinary(error: &Error) -> bool {
    error.code.is_none() && error.operation.is_none() && matches!(error.status, 400 | 404)
}

fn is_present(at: Moment, now: Moment) -> bool {
    now.0.duration_since(at.0).unwrap_or(Duration::ZERO) <= LATELY
}

fn line(status: &Status, findings: &[Finding]) -> String {
    let failing = findings
        .iter()
        .filter(|finding| finding.state == State::Failing)
        .count();
    let other = findings.len() - failing;
    match (failing, other) {
        (0, 0) => all_is_well(status),
        (0, other) => format!(
            "{}{} attention.",
            if tokens(status) > 0 {
                "Tokens are at hand; "
            } else {
                ""
            },
            plural(other, "thing needs", "things need")
        ),
        (failing, 0) => format!("{}.", plural(failing, "thing fails", "things fail")),
        (failing, other) => format!(
            "{}, and {} attention.",
            plural(failing, "thing fails", "things fail"),
            plural(other, "more needs", "more need")
        ),
    }
}

/// Tokens that are held.
fn tokens(status: &Status) -> usize {
    let accounts = status.tenants.iter().flat_map(|tenant| &tenant.accounts);
    accounts.filter(|account| account.token.is_some()).count()
}

fn all_is_well(status: &Status) -> String {
    let apis = status.tenants.iter().flat_map(|tenant| &tenant.apis);
    let calls: u64 = apis.map(|api| api.calls).sum();
    let mut errors = status.tenants.iter().flat_map(|tenant| &tenant.errors);
    // There are no others: it would not be well.
    let has_ordinary = errors.any(|error| is_present(error.at, status.at));
    format!(
        "All is well: {}, {}{} since the start, and no failure in the last 15 minutes{}.",
        plural(status.tenants.len(), "tenant", "tenants"),
        match tokens(status) {
            0 => String::new(),
            tokens => format!("{} at hand, ", plural(tokens, "token", "tokens")),
        },
        match calls {
            1 => "1 call".to_owned(),
            calls => format!("{} calls", grouped(calls)),
        },
        if has_ordinary {
            " but answers of 400 and 404"
        } else {
            ""
        }
    )
}

fn of_process(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    if status.draining {
        findings.push(attention(
            "The proxy is stopping: what is under way ends, and nothing new is taken.".to_owned(),
            "Nothing is to be done, if it was meant.".to_owned(),
            String::new(),
        ));
    } else if let Some(reason) = status.not_ready_because {
        findings.push(not_ready(reason));
    }
    let configuration = &status.configuration;
    if let Some(at) = configuration.refused_at {
        let faults = configuration.faults.len() + configuration.faults_left_out;
        findings.push(attention(
            format!(
                "The configuration that was read at {} is refused ({}), and the one before stays in force.",
                at.text(),
                plural(faults, "fault", "faults")
            ),
            "Correct what is listed below; it is read again by itself.".to_owned(),
            "#configuration".to_owned(),
        ));
    }
    let shared = status.shared_state.as_ref();
    // What waits for it at the start says so already.
    let is_told = status.not_ready_because == Some(WAITING_FOR_REDIS);
    if shared.is_some_and(|shared| !shared.up) && !is_told {
        findings.push(attention(
            "Redis does not answer: each replica goes on with what it has, and no refresh token is spent.".to_owned(),
            REACH_REDIS.to_owned(),
            String::new(),
        ));
    }
    findings
}

fn not_ready(reason: &str) -> Finding {
    let (fix, link) = if reason == WAITING_FOR_REDIS {
        (REACH_REDIS, None)
    } else {
        (
            "What keeps a tenant from its token is told below, with what to do.",
            Some("#tenants".to_owned()),
        )
    };
    Finding {
        state: State::Failing,
        what: format!("The proxy is not ready: {reason}."),
        fix: fix.to_owned(),
        link,
    }
}

fn of_tenant(tenant: &Tenant, now: Moment) -> Vec<Finding> {
    let name = &tenant.name;
    let anchor = format!("#tenant-{name}");
    let mut findings = Vec::new();
    if tenant.login == Some(Login::Needed) {
        findings.push(of_login(tenant));
    }
    let failing = tenant.accounts.iter();
    let failing = failing.filter(|account| account.failure().is_some());
    let failing = failing.filter(|account| account.wants_login().is_none());
    let (lacking, renewing): (Vec<_>, Vec<_>) =
        failing.partition(|account| account.token.is_none());
    findings.extend(of_mints(State::Failing, "no token for", name, &lacking));
    let words = "the token could not be renewed for";
    findings.extend(of_mints(State::Attention, words, name, &renewing));
    // What has failed for want of a token is told by its cause, as long as that lasts.
    let wants_token = tenant.login == Some(Login::Needed) || !lacking.is_empty();
    for account in &tenant.accounts {
        let rests = account.rests.as_ref();
        if let Some(seconds) = rests.and_then(|rests| rests.account_seconds) {
            findings.push(attention(
                format!(
                    "{name}: refusals of {} ask for no new token for {seconds} s, because none has accepted the last one yet.",
                    account.name
                ),
                "Look at the errors below: a missing scope or a disabled package is the usual cause.".to_owned(),
                anchor.clone(),
            ));
        }
    }
    let missing = tenant.scopes.missing.iter();
    for scope in missing.filter(|scope| is_present(scope.last, now)) {
        findings.push(attention(
            format!(
                "{name}: {} was refused, and needs the scope {}, as far as is known.",
                scope.example, scope.scope
            ),
            "Give it to the installed package; new tokens have it within 5 minutes. If it is there, its user lacks the permission."
                .to_owned(),
            anchor.clone(),
        ));
    }
    let for_want_of_token = |error: &&Error| {
        wants_token && matches!(error.code, Some("token_unavailable" | "token_rejected"))
    };
    let errors = tenant.errors.iter();
    let errors = errors.filter(|error| !for_want_of_token(error));
    findings.extend(of_errors(name, errors, &anchor, now));
    findings
}

/// Logins that are lacking, as one finding.
fn of_login(tenant: &Tenant) -> Finding {
    let name = tenant.name.as_str();
    let accounts = tenant.accounts.iter();
    let places: BTreeSet<_> = accounts.filter_map(Account::wants_login).collect();
    let others = match places.len().saturating_sub(1) {
        0 => String::new(),
        count => format!(
            " So it is with {}.",
            plural(count, "more login", "more logins")
        ),
    };
    // The tenant's own is the first by its name.
    let place = places.first().copied().unwrap_or(name);
    let account = place.split_once(':').map(|(_tenant, account)| account);
    let page = match account {
        Some(account) => format!("/login/{name}?account={account}"),
        None => format!("/login/{name}"),
    };
    Finding {
        state: State::Failing,
        what: format!("{place}: somebody has to log in.{others}"),
        fix: format!("Log in at {page}, or with `sfmc-auth-proxy login {place}`."),
        link: Some(page),
    }
}

/// Accounts whose last mint failed, as one finding.
fn of_mints(state: State, words: &str, tenant: &str, accounts: &[&Account]) -> Option<Finding> {
    let (first, more) = accounts.split_first()?;
    let error = first.last_error.as_ref()?;
    let others = match more.len() {
        0 => String::new(),
        count => format!(" and {}", plural(count, "more account", "more accounts")),
    };
    Some(Finding {
        state,
        what: format!("{tenant}: {words} {}{others}. {}", first.name, error.what),
        fix: error.fix.clone(),
        link: Some(format!("#tenant-{tenant}")),
    })
}

/// Errors that were met lately, as one finding.
fn of_errors<'a>(
    place: &str,
    errors: impl Iterator<Item = &'a Error>,
    link: &str,
    now: Moment,
) -> Option<Finding> {
    let mut present = errors.filter(|error| counts(error, now));
    let newest = present.next()?;
    let count = 1 + present.count();
    Some(attention(
        format!(
            "{place}: {} in the last 15 minutes. The last: {}, with {}.",
            plural(count, "kind of call failed", "kinds of calls failed"),
            newest.call(),
            newest.status
        ),
        newest.fix.clone(),
        link.to_owned(),
    ))
}

/// Calls that were met lately and that the policy of this client would refuse, as one finding.
fn of_client(client: &Client, now: Moment) -> Option<Finding> {
    let calls = client.would_refuse.iter();
    let present: Vec<_> = calls.filter(|call| is_present(call.last, now)).collect();
    let newest = present.iter().max_by_key(|call| call.last)?;
    let name = &client.name;
    Some(attention(
        format!(
            "Client {name} makes {} that its policy would refuse, as {}.",
            plural(present.len(), "kind of call", "kinds of calls"),
            newest.call
        ),
        format!(
            "Allow what it needs before policy = \"enforce\": `sfmc-auth-proxy suggest {name}`."
        ),
        format!("#client-{name}"),
    ))
}

fn attention(what: String, fix: String, link: String) -> Finding {
    Finding {
        state: State::Attention,
        what,
        fix,
        link: Some(link).filter(|link| !link.is_empty()),
    }
}
