//! REST of core Salesforce below `/services/data`: exactly one live core token, then the few routes that tests need.
//!
//! Keeps nothing of what is written but how often something was.

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::fault;
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::form;
use crate::sandbox::plumbing;
use crate::sandbox::rest::query;
use crate::sandbox::visit::Visit;

/// Answers a call to what stands after `/services/data`.
pub(super) async fn answer(visit: &mut Visit, path: &str) -> Answer {
    // The list of versions is there for everyone.
    if matches!(path, "" | "/") && visit.parts.method == Method::GET {
        visit.drain().await;
        let versions =
            json!([{"label": "Summer '24", "url": "/services/data/v61.0", "version": "61.0"}]);
        return answer::json(200, &versions);
    }
    let Some(bearer) = visit.lawful_bearer() else {
        visit.drain().await;
        return super::refused();
    };
    let (version, rest) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or_default();
    if !is_version(version) {
        visit.drain().await;
        return missing();
    }
    if let Some(rest) = rest.strip_prefix("sandbox/") {
        return Box::pin(plumbing::answer(visit, &bearer, rest)).await;
    }
    let content = visit.content().await;
    if !content.whole() {
        return fault(400, "JSON_PARSER_ERROR", "The body did not arrive whole");
    }
    let segments: Vec<&str> = rest.split('/').collect();
    match (visit.parts.method.as_str(), segments.as_slice()) {
        ("GET", ["query"]) => select(visit),
        ("GET", ["limits"]) => {
            let limits = json!({"DailyApiRequests": {"Max": 15_000, "Remaining": 14_998}});
            answer::json(200, &limits)
        }
        ("POST", ["sobjects", _object]) => create(visit, &content.kept),
        _ => missing(),
    }
}

/// `v61.0` and its kin.
fn is_version(text: &str) -> bool {
    let number = text
        .strip_prefix('v')
        .and_then(|text| text.strip_suffix(".0"));
    number.is_some_and(|number| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn missing() -> Answer {
    fault(404, "NOT_FOUND", "The requested resource does not exist")
}

fn select(visit: &Visit) -> Answer {
    let query = query(visit.parts.uri.query());
    let statement = query.iter().find(|(key, _)| key == "q");
    let Some((_, statement)) = statement.filter(|(_, text)| !text.is_empty()) else {
        return fault(400, "MALFORMED_QUERY", "unexpected token: '<EOF>'");
    };
    let object = statement
        .split_ascii_whitespace()
        .skip_while(|word| !word.eq_ignore_ascii_case("from"))
        .nth(1)
        .unwrap_or("Account");
    let url = format!("/services/data/v61.0/sobjects/{object}/001000000000001AAA");
    let record = json!({"attributes": {"type": object, "url": url}, "Id": "001000000000001AAA"});
    answer::json(
        200,
        &json!({"totalSize": 1, "done": true, "records": [record]}),
    )
}

fn create(visit: &Visit, body: &[u8]) -> Answer {
    let media_type = form::media_type(visit.parts.headers.get(CONTENT_TYPE));
    if !media_type.eq_ignore_ascii_case("application/json") {
        let words = "Content-Type is not application/json";
        return fault(415, "UNSUPPORTED_MEDIA_TYPE", words);
    }
    let Ok(Value::Object(_)) = serde_json::from_slice(body) else {
        return fault(400, "JSON_PARSER_ERROR", "The body is no JSON object");
    };
    let id = format!("001{:012}AAA", visit.shared.count_write());
    answer::json(201, &json!({"id": id, "success": true, "errors": []}))
}
