//! The auth face: `/v2/token`, the consent page at `/v2/authorize`, and `/v2/userinfo`.
//!
//! Grants are judged below; what a token is stands in the ledger, what a login is in the logins.

mod grant;
mod login;
mod refusal;
mod userinfo;

#[cfg(test)]
mod refresh_tests;
#[cfg(test)]
mod tests;

use http::Method;
use http::header::CONTENT_TYPE;

use super::answer::{self, Answer};
use super::consent;
use super::visit::Visit;
use refusal::Refusal;

/// Whether a request for that path counts as a token request.
pub(super) fn is_token_path(path: &str) -> bool {
    path.trim_start_matches('/') == "v2/token"
}

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let content = visit.content().await;
    let path = visit.parts.uri.path().trim_start_matches('/').to_owned();
    let switches = &visit.switches;
    match (visit.parts.method.clone(), path.as_str()) {
        (Method::POST, "v2/token") if !content.whole() => {
            Refusal::request("The body did not arrive whole.").answer(switches)
        }
        (Method::POST, "v2/token") => {
            let fields = grant::fields(visit.parts.headers.get(CONTENT_TYPE), &content.kept);
            fields
                .and_then(|fields| grant::answer(&visit.shared, switches, &fields))
                .unwrap_or_else(|refusal| refusal.answer(switches))
        }
        (_, "v2/token") => answer::vendor(405, "Method Not Allowed", 0),
        (Method::GET, "v2/authorize") => consent::ask(visit),
        (Method::POST, "v2/authorize/decision") => consent::decide(visit, &content),
        // An enhanced package must not ask here.
        (Method::POST, "v1/requestToken") => {
            answer::vendor(400, "Enhanced package: use /v2/token", 10_007)
        }
        (Method::GET, "v2/userinfo") => userinfo::answer(visit),
        _ => answer::not_found(),
    }
}
