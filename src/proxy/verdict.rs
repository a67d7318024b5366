//! Deliver, or refused? And what the caller is told beside the tenant's own words.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::token::Because;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Whether the tenant's answer says that the token is not accepted.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    status == StatusCode::UNAUTHORIZED
}

/// Whether it shows that the token was accepted: the tenant looked past it. A busy or broken tenant shows nothing.
pub(super) fn is_acceptance(status: StatusCode) -> bool {
    !is_refusal(status)
        && !status.is_server_error()
        && !matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED
        )
}

/// The metric's word for why a refusal reached the caller.
pub(super) fn cause(because: Because) -> &'static str {
    match because {
        Because::RouteRests => "route_rests",
        Because::AccountRests => "account_rests",
        Because::BudgetSpent => "budget_spent",
        Because::NotReplayable => "not_replayable",
        Because::ReplayRefused => "replay_refused",
    }
}

/// The likely cause of an answer that is no success, in words that do not change.
pub(super) fn advice(status: StatusCode, because: Option<Because>) -> Option<&'static str> {
    Some(match (status, because) {
        (StatusCode::UNAUTHORIZED, Some(Because::RouteRests | Because::ReplayRefused)) => {
            "missing scope? a fresh token was refused on this route too; compare the package's scopes with what the call needs"
        }
        (StatusCode::UNAUTHORIZED, Some(Because::AccountRests)) => {
            "the last fresh token has not been accepted anywhere yet; missing scope, or the package is disabled?"
        }
        (StatusCode::UNAUTHORIZED, Some(Because::BudgetSpent)) => {
            "refusals have caused too many token requests of late (limits.max_forced_mints); missing scope?"
        }
        (StatusCode::UNAUTHORIZED, Some(Because::NotReplayable)) => {
            "the token was refused and the body cannot be sent twice (limits.max_replay_size); a new token is on its way, send again"
        }
        (StatusCode::UNAUTHORIZED, None) => "the token was refused",
        (StatusCode::FORBIDDEN, _) => {
            "the package lacks the scope, or the account lacks the permission or feature"
        }
        (StatusCode::NOT_FOUND, _) => {
            "no such route or object in this account; right business unit?"
        }
        (StatusCode::BAD_REQUEST, _) => "the tenant found the request invalid; its body says what",
        (StatusCode::TOO_MANY_REQUESTS, _) => {
            "the tenant's rate limit was met; wait as Retry-After says"
        }
        _ => return None,
    })
}

/// Puts the advice into the answer's `Proxy-Status`.
pub(super) fn annotate(headers: &mut HeaderMap, status: StatusCode, advice: &str) {
    let text = format!(
        "sfmc-auth-proxy; received-status={}; details=\"{advice}\"",
        status.as_u16()
    );
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(PROXY_STATUS, value);
    }
}
