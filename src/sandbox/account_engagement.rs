//! The Account Engagement face: version 4 in JSON and XML, and version 5, with a core token and a business unit.
//!
//! Which of its error shapes it takes depends on the path alone, as at the vendor.

use serde_json::json;

use super::answer::{self, Answer};
use super::plumbing;
use super::rest::query;
use super::visit::Visit;

const XML: &str = "text/xml; charset=utf-8";
/// The scope that a core token needs.
const SCOPE: &str = "pardot_api";
const UNIT: &str = "pardot-business-unit-id";

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let bearer = visit
        .lawful_bearer()
        .filter(|bearer| bearer.has_any(&[SCOPE]));
    let Some(bearer) = bearer else {
        visit.drain().await;
        return refused(visit);
    };
    if !names_the_unit(visit) {
        visit.drain().await;
        let code = visit.switches.account_engagement_unit_code;
        let words =
            "The Pardot-Business-Unit-Id header is missing or names no business unit of this org";
        return error(visit, 400, code, words);
    }
    let path = visit.parts.uri.path().to_owned();
    if let Some(rest) = path.strip_prefix("/api/v5/sandbox/") {
        return Box::pin(plumbing::answer(visit, &bearer, rest)).await;
    }
    let content = visit.content().await;
    if !content.whole() {
        return error(visit, 400, 10, "The body did not arrive whole");
    }
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match (visit.parts.method.as_str(), segments.as_slice()) {
        ("GET" | "POST", ["api", _object, "version", "4", "do", "query"]) => listed(visit),
        ("GET", ["api", "v5", "objects", _object]) => {
            answer::json(200, &json!({"nextPageToken": null, "values": []}))
        }
        ("POST", ["api", "v5", "objects", _object]) => {
            let id = visit.shared.count_write();
            answer::json(201, &json!({"id": id}))
        }
        _ => error(visit, 404, 1, "There is no such object or action"),
    }
}

/// Whether the business unit is named, once.
fn names_the_unit(visit: &Visit) -> bool {
    let units: Vec<&str> = visit.head.values(UNIT).collect();
    units == [visit.shared.settings.business_unit_id.as_str()]
}

fn listed(visit: &Visit) -> Answer {
    if shape(visit) == Shape::Xml {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rsp stat=\"ok\" version=\"1.0\"><result>\
                    <total_results>0</total_results></result></rsp>";
        return answer::whole(200, XML, body);
    }
    let result = json!({
        "@attributes": {"stat": "ok", "version": 1},
        "result": {"total_results": 0},
    });
    answer::json(200, &result)
}

/// What a token gets that is not accepted.
pub(super) fn refused(visit: &Visit) -> Answer {
    let status = visit.switches.account_engagement_refusal_status;
    let words = "access_token is invalid, unknown, or malformed";
    error(visit, status, 184, words)
}

/// The error that goes with a status that a script asked for.
pub(super) fn scripted(visit: &Visit, status: u16) -> Answer {
    match status {
        401 => refused(visit),
        429 => error(
            visit,
            429,
            122,
            "You have exceeded your concurrent request limit",
        ),
        _ => error(visit, status, 1, "Said because a script wanted it"),
    }
}

#[derive(PartialEq, Eq)]
enum Shape {
    VersionFive,
    Json,
    Xml,
}

fn shape(visit: &Visit) -> Shape {
    if visit.parts.uri.path().starts_with("/api/v5/") {
        return Shape::VersionFive;
    }
    let query = query(visit.parts.uri.query());
    let json = query
        .iter()
        .any(|(key, value)| key == "format" && value == "json");
    if json { Shape::Json } else { Shape::Xml }
}

fn error(visit: &Visit, status: u16, code: u64, words: &str) -> Answer {
    match shape(visit) {
        Shape::VersionFive => answer::json(status, &json!({"code": code, "message": words})),
        Shape::Json => answer::json(
            status,
            &json!({
                "@attributes": {"stat": "fail", "version": 1, "err_code": code},
                "err": words,
            }),
        ),
        Shape::Xml => {
            let body = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rsp stat=\"fail\" version=\"1.0\">\
                 <err code=\"{code}\">{words}</err></rsp>"
            );
            answer::whole(status, XML, body)
        }
    }
}
