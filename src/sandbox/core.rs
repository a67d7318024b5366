//! The core face: what an org of core Salesforce serves at its My Domain, and logins at the hosts that all orgs share.
//!
//! Tokens of Marketing Cloud mean nothing here, and core tokens nothing there.

mod assertion;
mod exchange;
mod rest;
mod soap;
mod token;
mod userinfo;

#[cfg(test)]
mod assertion_tests;
#[cfg(test)]
mod tests;

use http::Method;
use serde_json::json;

pub use assertion::KeyError;
pub(super) use assertion::public_key;

use super::answer::{self, Answer};
use super::consent;
use super::settings::LOGIN_HOSTS;
use super::visit::Visit;

/// The org's id in its older form, which begins every token.
pub(super) const ORGANISATION_ID_SHORT: &str = "00D000000000001";
/// The org's id.
const ORGANISATION_ID: &str = "00D000000000001EAA";
/// The id of the user whom tokens act for.
const USER_ID: &str = "005000000000001AAA";

/// Whether a request for that path counts as a token request.
pub(super) fn is_token_path(path: &str) -> bool {
    matches!(path, "/services/oauth2/token" | "/services/a360/token")
}

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let path = visit.parts.uri.path().to_owned();
    let method = visit.parts.method.clone();
    if let Some(rest) = path.strip_prefix("/services/oauth2/") {
        let content = visit.content().await;
        return match (method, rest) {
            (Method::POST, "token") => token::answer(visit, &content),
            (Method::GET, "authorize") => consent::ask(visit),
            (Method::POST, "authorize/decision") => consent::decide(visit, &content),
            (Method::GET, "userinfo") => userinfo::answer(visit),
            _ => answer::whole(404, "text/plain", "Not Found"),
        };
    }
    if at_login_host(visit) {
        visit.drain().await;
        return answer::whole(404, "text/plain", "This host serves logins only.");
    }
    if path == "/services/a360/token" {
        let content = visit.content().await;
        return exchange::answer(visit, &content);
    }
    if let Some(rest) = path.strip_prefix("/services/Soap/") {
        let content = visit.content().await;
        return soap::answer(visit, rest, &content);
    }
    match path.strip_prefix("/services/data") {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest::answer(visit, rest).await,
        _ => {
            visit.drain().await;
            answer::whole(404, "text/plain", "Not Found")
        }
    }
}

/// Whether the request is for a host that all orgs share.
fn at_login_host(visit: &Visit) -> bool {
    let host = visit.head.values("host").next().unwrap_or_default();
    let name = host.split(':').next().unwrap_or_default();
    LOGIN_HOSTS
        .iter()
        .any(|login| name.eq_ignore_ascii_case(login))
}

/// An error as REST says it: a list of one.
fn fault(status: u16, code: &str, message: &str) -> Answer {
    answer::json(status, &json!([{"message": message, "errorCode": code}]))
}

/// An error as the token endpoints say it.
fn oauth(error: &str, description: &str) -> Answer {
    let body = json!({"error": error, "error_description": description});
    let mut answer = answer::json(400, &body);
    answer::set_header(&mut answer, "cache-control", "no-store");
    answer
}

/// What REST says to a token that it does not accept.
pub(super) fn refused() -> Answer {
    fault(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

/// The error that goes with a status that a script asked for.
pub(super) fn error(path: &str, status: u16) -> Answer {
    if is_token_path(path) {
        let error = match status {
            ..400 => return answer::json(status, &json!({})),
            500.. => "server_error",
            429 => "temporarily_unavailable",
            _ => "invalid_grant",
        };
        let mut answer = oauth(error, "Said because a script wanted it.");
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
        return answer;
    }
    if path.starts_with("/services/Soap/") {
        return soap::scripted(status);
    }
    match status {
        success if success < 400 => answer::json(status, &json!({})),
        401 => refused(),
        403 => fault(
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
        ),
        404 => fault(404, "NOT_FOUND", "The requested resource does not exist"),
        503 => fault(503, "SERVER_UNAVAILABLE", "Server is unavailable"),
        500.. => fault(status, "UNKNOWN_EXCEPTION", "An unexpected error occurred"),
        _ => fault(status, "JSON_PARSER_ERROR", "The request is not understood"),
    }
}
