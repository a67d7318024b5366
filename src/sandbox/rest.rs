//! The REST face: exactly one live Bearer token, then the routes.
//!
//! A route sees the token's account and scopes, never the token.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use serde_json::Value;

use super::answer::{self, Answer};
use super::digest::percent_decoded;
use super::intake::Content;
use super::ledger::Bearer;
use super::shared::Shared;
use super::switches::{MissingScope, Switches};
use super::visit::Visit;
use super::{asset, message, platform, plumbing, row};

/// One call with a live token, its body read.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) switches: &'a Switches,
    pub(super) method: &'a Method,
    pub(super) query: Vec<(String, String)>,
    pub(super) bearer: &'a Bearer,
    pub(super) content: &'a Content,
    content_type: &'a [u8],
}

/// Answers one request.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let path = visit.parts.uri.path().trim_start_matches('/').to_owned();
    let Some(bearer) = visit.lawful_bearer() else {
        visit.drain().await;
        return refused(&visit.switches);
    };
    if let Some(rest) = path.strip_prefix("sandbox/") {
        return Box::pin(plumbing::answer(visit, &bearer, rest)).await;
    }
    let content = visit.content().await;
    if !content.complete {
        return answer::vendor(400, "The body broke off.", 10_000);
    }
    if !content.whole() {
        return answer::vendor(413, "The body is longer than this tenant reads.", 10_000);
    }
    let call = Call {
        shared: &visit.shared,
        switches: &visit.switches,
        method: &visit.parts.method,
        query: query(visit.parts.uri.query()),
        bearer: &bearer,
        content: &content,
        content_type: visit
            .parts
            .headers
            .get(CONTENT_TYPE)
            .map_or(&[], HeaderValue::as_bytes),
    };
    let segments: Vec<String> = path.split('/').map(percent_decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["asset", "v1", "content", "assets", rest @ ..] => asset::answer(&call, rest),
        ["hub", "v1", "dataevents", key, "rowset"] => row::upsert(&call, key),
        ["data", "v1", "customobjectdata", kind, key, "rowset"] => row::page(&call, kind, key),
        [
            "messaging",
            "v1",
            channel @ ("email" | "sms" | "push"),
            "messages",
            rest @ ..,
        ] => message::send(&call, channel, rest),
        ["contacts", "v1", "contacts"] => message::contact(&call),
        ["platform", "v1", rest @ ..] => platform::answer(&call, rest),
        _ => answer::not_found(),
    }
}

/// The answer to a token that is not accepted.
pub(super) fn refused(switches: &Switches) -> Answer {
    let mut answer = answer::not_authorized();
    if switches.www_authenticate {
        let challenge = r#"Bearer realm="example.com", error="invalid_token", error_description="The access token expired""#;
        answer::set_header(&mut answer, "www-authenticate", challenge);
    }
    answer
}

/// How a group of routes says that a scope is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// As if the token were bad.
    NotAuthorized,
    /// In so many words.
    Forbidden,
}

impl Call<'_> {
    /// The refusal of a token that has none of these scopes.
    pub(super) fn lacks(&self, scopes: &[&str], manner: Manner) -> Option<Answer> {
        if self.bearer.has_any(scopes) {
            return None;
        }
        let manner = match self.switches.missing_scope {
            MissingScope::ByRoute => manner,
            MissingScope::NotAuthorized => Manner::NotAuthorized,
            MissingScope::Forbidden => Manner::Forbidden,
        };
        Some(match manner {
            Manner::NotAuthorized => refused(self.switches),
            Manner::Forbidden => answer::vendor(
                403,
                "Insufficient privileges to perform this action.",
                20_002,
            ),
        })
    }

    /// The body as JSON, or the answer to one that is none, or does not say that it is.
    pub(super) fn json(&self) -> Result<Value, Box<Answer>> {
        let media_type = self.content_type.split(|byte| *byte == b';').next();
        let media_type = media_type.unwrap_or_default().trim_ascii();
        if !media_type.eq_ignore_ascii_case(b"application/json") {
            return Err(Box::new(answer::vendor(415, "Unsupported Media Type", 0)));
        }
        serde_json::from_slice(&self.content.kept).map_err(|error| {
            Box::new(answer::invalid(
                10_001,
                &format!("The body is no JSON: {error}."),
            ))
        })
    }

    /// A number in the query; missing or odd ones are `usual`.
    pub(super) fn number(&self, key: &str, usual: usize) -> usize {
        let value = self.query.iter().find(|(name, _)| name == key);
        value
            .and_then(|(_, value)| value.parse().ok())
            .filter(|number| *number > 0)
            .unwrap_or(usual)
    }
}

/// The pairs of a query, decoded.
pub(super) fn query(query: Option<&str>) -> Vec<(String, String)> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}
