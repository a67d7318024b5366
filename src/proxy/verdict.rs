//! What an answer says of its token.

use http::StatusCode;

use crate::soap::envelope::Dialect;
use crate::soap::fault::{self, Refusal};
use crate::soap::refusal::Wording;
use crate::token::Because;

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
