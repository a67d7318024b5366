//! Tenants that a user has to log in for: whether a login is kept. What is kept is never read out, let alone spent.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{DATE, HOST};
use http_body_util::Full;
use tokio::time::timeout;

use super::super::{Code, Finding, Settings, Subject, clock};
use crate::clock::Now;
use crate::state::{self, Directory, Fault, Slot};
use crate::upstream::{Destination, Upstream};

/// More of the front page than this is not waited for.
const PAGE_SIZE_MAX: usize = 1 << 20;

/// Our clock against that of the auth host, by its front page: there is no token request to go by.
pub(super) async fn clock(
    upstream: &Upstream,
    destination: &Destination,
    limit: Duration,
) -> Finding {
    let request = Request::get("/").header(HOST, destination.authority());
    let Ok(request) = request.body(Full::new(Bytes::new())) else {
        return Finding::left_out("the auth host cannot be asked for its time");
    };
    let sent = Now::read();
    let asking = upstream.send_alone(destination, request, PAGE_SIZE_MAX);
    let Ok(Ok(answer)) = timeout(limit, asking).await else {
        return Finding::left_out("the auth host does not say what time it is");
    };
    let date = answer
        .headers()
        .get(DATE)
        .and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    clock::judge(date, sent, Now::read())
}

/// Whether a login is kept that this account's tokens can come from.
pub(super) fn kept(settings: &Settings, subject: &Subject) -> Finding {
    let tenant = &subject.tenant.name;
    if settings.is_shared {
        return Finding::left_out(
            "the logins are on Redis (state.redis_url): sfmc_auth_proxy_login_valid in the metrics of a replica tells whether this \
             one is good",
        );
    }
    let Some(state) = &settings.state else {
        return Finding::left_out(
            "a user logs in for this tenant, and without [state] the login is in a running proxy's memory alone",
        );
    };
    let unusable = |error: &state::StateError| {
        let message = "the state directory cannot be used";
        let fix = "what is wrong and what to do stands under cause";
        Finding::failed(Code::StateFault, message, fix).because(error.to_string())
    };
    if let Some(error) = state::inspect(state).first() {
        return unusable(error);
    }
    let slots = if state.directory.exists() {
        match Directory::open(state.clone()).map(|directory| directory.slots()) {
            Ok(Ok(slots)) => slots,
            Ok(Err(error)) => return unusable(&error),
            Err(errors) => {
                let held = errors.iter().find_map(|error| match &error.what {
                    Fault::Held(holder) => Some(holder),
                    _ => None,
                });
                return match (held, errors.first()) {
                    (Some(holder), _) => Finding::left_out(format!(
                        "{holder} holds the logins: sfmc_auth_proxy_login_valid in its metrics tells whether this one is good"
                    )),
                    (None, Some(error)) => unusable(error),
                    (None, None) => Finding::left_out("the state directory says nothing"),
                };
            }
        }
    } else {
        Vec::new()
    };
    let slot = |account| Slot {
        tenant: tenant.clone(),
        account,
    };
    if slots.contains(&slot(None)) || slots.contains(&slot(subject.account)) {
        return Finding::ok(
            "a login is kept; it is not tried, because that would spend its refresh token",
        );
    }
    Finding::failed(
        Code::LoginNeeded,
        "nobody has logged in for this tenant",
        format!(
            "run `sfmc-auth-proxy login {tenant}`, or open /login/{tenant} on the running proxy's admin listener"
        ),
    )
}
