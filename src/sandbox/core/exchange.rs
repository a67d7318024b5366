//! `POST /services/a360/token`: a core token is exchanged for one of Data Cloud.
//!
//! Takes the core token from the form alone, and no secret with it.

use std::collections::BTreeSet;

use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::oauth;
use super::token::Refusal;
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::face::Face;
use crate::sandbox::form::{self, Fields};
use crate::sandbox::intake::Content;
use crate::sandbox::ledger::{Order, data_cloud_token_text};
use crate::sandbox::visit::Visit;

const GRANT: &str = "urn:salesforce:grant-type:external:cdp";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Answers one call.
pub(super) fn answer(visit: &Visit, content: &Content) -> Answer {
    if visit.parts.method != http::Method::POST {
        return answer::whole(405, "text/plain", "Only POST is served here.");
    }
    match exchange(visit, content) {
        Ok(token) => {
            let mut answer = answer::json(200, &visit.shared.minted(Face::DataCloud, token));
            answer::set_header(&mut answer, "cache-control", "no-store");
            answer
        }
        Err((error, description)) => oauth(error, description),
    }
}

fn exchange(visit: &Visit, content: &Content) -> Result<Map<String, Value>, Refusal> {
    let media_type = form::media_type(visit.parts.headers.get(CONTENT_TYPE));
    if !content.whole() || !media_type.eq_ignore_ascii_case(form::MEDIA_TYPE) {
        return Err(("invalid_request", "the body must be a whole form"));
    }
    let fields = form::fields(&content.kept)
        .map_err(|_words| ("invalid_request", "a parameter is given more than once"))?;
    let text = |key: &str| fields.get(key).map(String::as_str).unwrap_or_default();
    if text("grant_type") != GRANT {
        return Err(("unsupported_grant_type", "grant type not supported"));
    }
    if fields.contains_key("client_secret") {
        return Err(("invalid_request", "an exchange comes without a secret"));
    }
    if text("subject_token_type") != ACCESS_TOKEN {
        return Err(("invalid_request", "invalid subject_token_type"));
    }
    let dataspace = dataspace(visit, &fields)?;
    let subject = text("subject_token");
    let mut ledger = visit.shared.ledger();
    let core = ledger
        .look_up(subject)
        .filter(|bearer| bearer.alive && bearer.issuer == Face::Core)
        .ok_or(("invalid_grant", "subject token is invalid or expired"))?;
    if !core.scopes.iter().any(|scope| scope.starts_with("cdp_")) {
        return Err(("invalid_scope", "the subject token has no cdp scope"));
    }
    let order = Order {
        issuer: Face::DataCloud,
        account: 0,
        scopes: BTreeSet::from([format!("dataspace:{dataspace}")]),
        family: None,
    };
    let token = ledger.mint(data_cloud_token_text(), order);
    if visit.switches.exchange_revokes_core {
        ledger.revoke_one(subject);
    }
    let lifetime = *Face::DataCloud.of(&ledger.lifetimes);
    let answer = [
        ("access_token", json!(token)),
        // Without a scheme, as the vendor has it.
        (
            "instance_url",
            json!(visit.shared.authority(Face::DataCloud)),
        ),
        ("token_type", json!("Bearer")),
        (
            "issued_token_type",
            json!("urn:ietf:params:oauth:token-type:jwt"),
        ),
        ("expires_in", json!(lifetime.as_secs())),
    ];
    Ok(answer
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect())
}

fn dataspace<'a>(visit: &Visit, fields: &'a Fields) -> Result<&'a str, Refusal> {
    let dataspace = fields.get("dataspace").map_or("default", String::as_str);
    let known = &visit.shared.settings.dataspaces;
    if known.iter().any(|name| name == dataspace) {
        Ok(dataspace)
    } else {
        Err(("invalid_request", "invalid dataspace"))
    }
}
