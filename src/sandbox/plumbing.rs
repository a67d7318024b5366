//! Routes below `/sandbox/`, for tests of the plumbing: echoes, long bodies, odd statuses and headers, slowness.
//!
//! No counterpart at the vendor; a live token is needed all the same.

use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use hyper::ext::ReasonPhrase;
use serde_json::json;

use super::answer::{self, Answer};
use super::digest;
use super::ledger::Bearer;
use super::payload::{Payload, Step};
use super::rest;
use super::visit::Visit;

/// Answers a call to what stands after `/sandbox/`.
pub(super) async fn answer(visit: &mut Visit, bearer: &Bearer, path: &str) -> Answer {
    let query = Query(rest::query(visit.parts.uri.query()));
    let (route, rest) = path.split_once('/').unwrap_or((path, ""));
    if route == "upload" {
        return upload(visit, &query).await;
    }
    let content = visit.content().await;
    match route {
        "echo" => answer::json(
            200,
            &json!({
                "method": visit.parts.method.as_str(),
                "target": visit.head.target,
                "headers": visit.head.headers,
                "length": content.length,
                "sha256": content.sha256,
                "complete": content.complete,
                "account": bearer.business_unit(),
                "body": String::from_utf8_lossy(content.kept.get(..4096).unwrap_or(&content.kept)),
            }),
        ),
        "bytes" => bytes(rest, &query),
        "status" => status(visit, rest, &query),
        "slow" => slow(&query).await,
        "gzip" => gzip(),
        "reason" => reason(&query),
        "headers" => headers(&query),
        "always401" => visit.refused(),
        _ => answer::not_found(),
    }
}

struct Query(Vec<(String, String)>);

impl Query {
    fn text(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.text(key).and_then(|value| value.parse().ok())
    }

    fn flag(&self, key: &str) -> bool {
        self.text(key).is_some_and(|value| value != "0")
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }
}

fn status_code(text: &str) -> Option<u16> {
    text.parse().ok().filter(|code| (200..=599).contains(code))
}

/// `?early=STATUS` answers before the body is read; `&close=1` then never reads it.
async fn upload(visit: &mut Visit, query: &Query) -> Answer {
    let Some(early) = query.text("early") else {
        let content = visit.drain().await;
        let body = json!({
            "length": content.length,
            "sha256": content.sha256,
            "complete": content.complete,
        });
        return answer::json(200, &body);
    };
    let Some(status) = status_code(early) else {
        return answer::invalid(10_001, "early is no status.");
    };
    let mut answer = answer::json(status, &json!({"early": true}));
    if query.flag("close") {
        visit.leave_body();
        answer::set_header(&mut answer, "connection", "close");
    } else {
        visit.drain_beside();
    }
    answer
}

/// `?chunked=1` without Content-Length, `?trailers=1` with the checksum at the end.
fn bytes(length: &str, query: &Query) -> Answer {
    let Ok(length) = length.parse() else {
        return answer::invalid(10_001, "The length is no number.");
    };
    let trailers = query.flag("trailers");
    let payload = Payload::pattern(length, !query.flag("chunked"), trailers);
    let mut answer = answer::bare(200, payload);
    answer::set_header(
        &mut answer,
        CONTENT_TYPE.as_str(),
        "application/octet-stream",
    );
    if trailers {
        answer::set_header(&mut answer, "trailer", "X-Checksum");
    }
    answer
}

/// Any status; a redirect points at this tenant's own absolute URL unless `?location=` says otherwise.
fn status(visit: &Visit, code: &str, query: &Query) -> Answer {
    let Some(code) = status_code(code) else {
        return answer::invalid(10_001, "The code is no status from 200 to 599.");
    };
    let mut answer = match code {
        204 | 304 => answer::bare(code, Payload::empty()),
        _ => answer::json(code, &json!({"status": code})),
    };
    let own = format!("{}sandbox/echo", visit.shared.url(visit.face()));
    match query.text("location") {
        Some(location) => answer::set_header(&mut answer, "location", location),
        None if matches!(code, 201 | 301 | 302 | 303 | 307 | 308) => {
            answer::set_header(&mut answer, "location", &own);
        }
        None => {}
    }
    answer
}

/// The head comes after `?ms=`; with `?then=`, the second half of the body so many milliseconds after the first.
async fn slow(query: &Query) -> Answer {
    tokio::time::sleep(Duration::from_millis(query.number("ms").unwrap_or(0))).await;
    let (first, second) = (r#"{"slow": "#, "true}");
    let steps = match query.number("then") {
        None => vec![Step::Send(first.into()), Step::Send(second.into())],
        Some(pause) => vec![
            Step::Send(first.into()),
            Step::Wait(Duration::from_millis(pause)),
            Step::Send(second.into()),
        ],
    };
    let mut answer = answer::bare(200, Payload::steps(steps));
    answer::set_header(&mut answer, CONTENT_TYPE.as_str(), "application/json");
    let length = HeaderValue::from(first.len() + second.len());
    answer.headers_mut().insert(CONTENT_LENGTH, length);
    answer
}

fn gzip() -> Answer {
    let body = digest::gzip(br#"{"compressed": true}"#);
    let mut answer = answer::whole(200, "application/json", body);
    answer
        .headers_mut()
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer
}

/// `?phrase=` as the reason phrase, `?status=` beside it.
fn reason(query: &Query) -> Answer {
    let status = query.text("status").and_then(status_code).unwrap_or(200);
    let phrase = query.text("phrase").unwrap_or("Quite Fine");
    let mut answer = answer::json(status, &json!({"phrase": phrase}));
    match ReasonPhrase::try_from(phrase.as_bytes()) {
        Ok(phrase) => {
            answer.extensions_mut().insert(phrase);
            answer
        }
        Err(_) => answer::invalid(10_001, "That cannot stand in a status line."),
    }
}

/// Hop-by-hop headers and cookies; `?count=N` more of them, `?header=Name:Value` (repeatable) any other.
fn headers(query: &Query) -> Answer {
    let mut answer = answer::json(200, &json!({}));
    *answer.status_mut() = StatusCode::OK;
    let fixed = [
        ("connection", "X-Hop"),
        ("x-hop", "for this connection only"),
        ("keep-alive", "timeout=5, max=1000"),
        ("upgrade", "h2c"),
        ("proxy-authenticate", "Basic realm=\"upstream\""),
        ("x-many", "first"),
        ("x-many", "second"),
        ("set-cookie", "one=1; Path=/"),
        ("set-cookie", "two=2; Path=/"),
    ];
    for (name, value) in fixed {
        let (name, value) = (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        answer.headers_mut().append(name, value);
    }
    for number in 0..query.number("count").unwrap_or(0).min(10_000) {
        answer::set_header(
            &mut answer,
            &format!("x-number-{number}"),
            &number.to_string(),
        );
    }
    for header in query.all("header") {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let name = HeaderName::from_bytes(name.trim().as_bytes());
        let value = HeaderValue::from_bytes(value.trim().as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            answer.headers_mut().append(name, value);
        }
    }
    answer
}
