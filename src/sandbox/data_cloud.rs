//! The Data Cloud face: queries and the like below `/api/v1` and `/api/v2`, with a token of an exchange.
//!
//! A core token is not accepted here, as a Data Cloud token is accepted nowhere else.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::plumbing;
use super::visit::Visit;

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let Some(bearer) = visit.lawful_bearer() else {
        visit.drain().await;
        return refused();
    };
    let path = visit.parts.uri.path().to_owned();
    if let Some(rest) = path.strip_prefix("/api/v1/sandbox/") {
        return Box::pin(plumbing::answer(visit, &bearer, rest)).await;
    }
    let content = visit.content().await;
    if !content.whole() {
        return error(400, "Bad Request", "The body did not arrive whole.");
    }
    let dataspace = bearer
        .scopes
        .iter()
        .find_map(|scope| scope.strip_prefix("dataspace:"));
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (visit.parts.method.as_str(), segments.as_slice()) {
        ("POST", ["api", "v1" | "v2", "query"]) => query(&content.kept, dataspace),
        ("GET", ["api", "v1", "metadata"]) => {
            answer::json(200, &json!({"metadata": [], "dataspace": dataspace}))
        }
        ("GET", ["api", "v1", "profile" | "insight" | "segments", ..]) => {
            answer::json(200, &json!({"data": [], "done": true}))
        }
        ("POST", ["api", "v1", "ingest", "sources", _source, _object]) => {
            visit.shared.count_write();
            answer::json(202, &json!({"accepted": true}))
        }
        _ => error(404, "Not Found", "There is no such resource."),
    }
}

fn query(body: &[u8], dataspace: Option<&str>) -> Answer {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    if body.get("sql").and_then(Value::as_str).is_none() {
        return error(400, "Bad Request", "The body has no sql.");
    }
    answer::json(
        200,
        &json!({
            "data": [["1"]],
            "done": true,
            "rowCount": 1,
            "metadata": {"one": {"placeInOrder": 0, "type": "VARCHAR"}},
            "dataspace": dataspace,
        }),
    )
}

/// What a token gets that is not accepted.
pub(super) fn refused() -> Answer {
    error(
        401,
        "Unauthorized",
        "The access token is invalid or expired.",
    )
}

/// The error that goes with a status that a script asked for.
pub(super) fn scripted(status: u16) -> Answer {
    match status {
        401 => refused(),
        _ => error(status, "Error", "Said because a script wanted it."),
    }
}

fn error(status: u16, error: &str, message: &str) -> Answer {
    answer::json(status, &json!({"error": error, "message": message}))
}
