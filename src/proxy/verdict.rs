//! What an answer says of its token, and what the caller is told beside the tenant's own words.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::soap::fault;
use crate::token::Because;

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// What an answer says of the token that its request had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The tenant looked past it.
    Accepted,
    /// The tenant does not accept it.
    Refused,
    /// Accepted, but what it grants is not enough.
    NotPermitted,
    /// Nothing: too many calls.
    Throttled,
    /// Nothing: the tenant is busy or broken, or the call was.
    Unknown,
}

/// By the status alone, as REST has it.
pub(super) fn by_status(status: StatusCode) -> Verdict {
    match status {
        StatusCode::UNAUTHORIZED => Verdict::Refused,
        StatusCode::TOO_MANY_REQUESTS => Verdict::Throttled,
        StatusCode::REQUEST_TIMEOUT | StatusCode::PROXY_AUTHENTICATION_REQUIRED => Verdict::Unknown,
        status if status.is_server_error() => Verdict::Unknown,
        _ => Verdict::Accepted,
    }
}

/// By the Fault first and the status second, as SOAP has it.
pub(super) fn by_fault(status: StatusCode, said: fault::Verdict) -> Verdict {
    match said {
        fault::Verdict::Refusal(_) => Verdict::Refused,
        fault::Verdict::Throttled => Verdict::Throttled,
        fault::Verdict::PermissionDenied => Verdict::NotPermitted,
        fault::Verdict::OtherFault if status != StatusCode::UNAUTHORIZED => Verdict::Unknown,
        fault::Verdict::OtherFault | fault::Verdict::NotAFault | fault::Verdict::NeedMore => {
            by_status(status)
        }
    }
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
pub(super) fn advice(
    verdict: Verdict,
    status: StatusCode,
    because: Option<Because>,
) -> Option<&'static str> {
    Some(match (verdict, because) {
        (Verdict::Refused, Some(Because::RouteRests | Because::ReplayRefused)) => {
            "missing scope? a fresh token was refused on this route too; compare the package's scopes with what the call needs"
        }
        (Verdict::Refused, Some(Because::AccountRests)) => {
            "the last fresh token has not been accepted anywhere yet; missing scope, or the package is disabled?"
        }
        (Verdict::Refused, Some(Because::BudgetSpent)) => {
            "refusals have caused too many token requests of late (limits.max_forced_mints); missing scope?"
        }
        (Verdict::Refused, Some(Because::NotReplayable)) => {
            "the token was refused and the body cannot be sent twice (limits.max_replay_size); a new token is on its way, send again"
        }
        (Verdict::Refused, None) => "the token was refused",
        (Verdict::Throttled, _) if status == StatusCode::TOO_MANY_REQUESTS => {
            "the tenant's rate limit was met; wait as Retry-After says"
        }
        (Verdict::Throttled, _) => {
            "the tenant throttles SOAP calls; make fewer at a time and wait before the next"
        }
        (Verdict::NotPermitted, _) => {
            "the package lacks the scope, or its user the permission, for this object in this account"
        }
        (Verdict::Accepted | Verdict::Unknown, _) => match status {
            StatusCode::FORBIDDEN => {
                "the package lacks the scope, or the account lacks the permission or feature"
            }
            StatusCode::NOT_FOUND => {
                "no such route or object in this account; right business unit?"
            }
            StatusCode::BAD_REQUEST => "the tenant found the request invalid; its body says what",
            _ => return None,
        },
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
