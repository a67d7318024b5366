//! What an answer says of its token, and what the caller is told beside the tenant's own words.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::soap::envelope::Dialect;
use crate::soap::fault::{self, Refusal};
use crate::soap::refusal::Wording;
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

/// By what the body says, where the status alone does not tell.
pub(super) fn by_body(status: StatusCode, wording: Wording, refuses: bool) -> Verdict {
    match (wording, status) {
        _ if refuses => Verdict::Refused,
        // The org's own code has run and said so: what it has done must not be done again.
        (Wording::Apex, StatusCode::UNAUTHORIZED) => Verdict::Unknown,
        _ => by_status(status),
    }
}

/// By the Fault first and the status second, as SOAP has it.
pub(super) fn by_fault(status: StatusCode, said: fault::Verdict, dialect: Dialect) -> Verdict {
    let said = match said {
        // Words of the other API.
        fault::Verdict::Refusal(refusal) if dialect_of(refusal) != dialect => {
            fault::Verdict::OtherFault
        }
        said => said,
    };
    match said {
        fault::Verdict::Refusal(_) => Verdict::Refused,
        // Core Salesforce says it in a Fault alone; whatever else has this status comes from a class of the org.
        _ if dialect == Dialect::Core && status == StatusCode::UNAUTHORIZED => Verdict::Unknown,
        fault::Verdict::Throttled => Verdict::Throttled,
        fault::Verdict::PermissionDenied => Verdict::NotPermitted,
        fault::Verdict::OtherFault if status != StatusCode::UNAUTHORIZED => Verdict::Unknown,
        fault::Verdict::OtherFault | fault::Verdict::NotAFault | fault::Verdict::NeedMore => {
            by_status(status)
        }
    }
}

/// In whose answers a refusal is one.
fn dialect_of(refusal: Refusal) -> Dialect {
    match refusal {
        Refusal::TokenExpired | Refusal::LoginFailed => Dialect::MarketingCloud,
        Refusal::InvalidSession => Dialect::Core,
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

/// A stable word for what an answer says of its token, where that is worth one.
pub(super) fn code(verdict: Verdict, because: Option<Because>) -> Option<&'static str> {
    match (verdict, because) {
        (Verdict::Refused, Some(because)) => Some(cause(because)),
        (Verdict::Refused, None) => Some("refused"),
        (Verdict::NotPermitted, _) => Some("not_permitted"),
        (Verdict::Throttled, _) => Some("throttled"),
        (Verdict::Accepted | Verdict::Unknown, _) => None,
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
            StatusCode::UNAUTHORIZED => {
                "code of the org answered so, and not the org's login; it is not sent again, because it may have taken effect"
            }
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
