//! `/platform/v1`: what a token stands for, and the tenant's endpoints as absolute URLs.
//!
//! The one place of the REST face whose bodies name the tenant's own hosts.

use http::Method;
use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::face::Face;
use super::rest::Call;
use super::shared::Shared;

/// Answers a call to what stands after `/platform/v1`.
pub(super) fn answer(call: &Call<'_>, rest: &[&str]) -> Answer {
    if call.method != Method::GET {
        return answer::not_found();
    }
    match rest {
        ["tokenContext"] => answer::json(200, &token_context(call)),
        ["endpoints"] => {
            let items = [
                endpoint(call.shared, "rest"),
                endpoint(call.shared, "restAuth"),
                endpoint(call.shared, "soap"),
            ];
            let items: Vec<Value> = items.into_iter().flatten().collect();
            answer::json(
                200,
                &json!({"count": items.len(), "page": 1, "pageSize": 50, "items": items}),
            )
        }
        ["endpoints", kind] => endpoint(call.shared, kind)
            .map_or_else(answer::not_found, |body| answer::json(200, &body)),
        _ => answer::not_found(),
    }
}

fn endpoint(shared: &Shared, kind: &str) -> Option<Value> {
    let url = match kind {
        "rest" => shared.url(Face::Rest),
        "restAuth" => shared.url(Face::Auth),
        "soap" => format!("{}Service.asmx", shared.url(Face::Soap)),
        _ => return None,
    };
    Some(json!({"type": kind, "url": url}))
}

fn token_context(call: &Call<'_>) -> Value {
    let settings = &call.shared.settings;
    let scopes: Vec<&str> = call.bearer.scopes.iter().map(String::as_str).collect();
    json!({
        "requestor": {"id": call.bearer.account + 1, "name": "sandbox app user"},
        "organization": {
            "id": call.bearer.account,
            "enterpriseId": settings.accounts.first(),
            "stackKey": "S50",
            "region": "NA1",
        },
        "user": {"id": call.bearer.account + 1, "culture": "en-US", "timezone": "America/Chicago"},
        "application": {"id": settings.client_id, "name": "Sandbox package"},
        "permissions": scopes,
        "expires_in": call.bearer.remaining.as_secs(),
    })
}
