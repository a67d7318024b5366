//! `POST /services/oauth2/token`: four grants, forms only, and errors in core Salesforce's own words.
//!
//! Never says when a token ends, as the vendor does not.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::{ORGANISATION_ID, USER_ID, assertion, at_login_host, oauth};
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::digest::{self, random_text};
use crate::sandbox::face::Face;
use crate::sandbox::form::{self, Fields};
use crate::sandbox::intake::Content;
use crate::sandbox::ledger::{Order, core_token_text};
use crate::sandbox::logins::{Asked, CodeFault, RefreshFault, Rotation};
use crate::sandbox::shared::{Shared, joined};
use crate::sandbox::switches::Switches;
use crate::sandbox::visit::Visit;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Either of these scopes means that a refresh token is wanted.
const OFFLINE: [&str; 2] = ["refresh_token", "offline_access"];

/// Code and words of an error.
pub(super) type Refusal = (&'static str, &'static str);

/// A token request as its grants see it.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) switches: &'a Switches,
    pub(super) fields: &'a Fields,
    my_domain: bool,
}

/// Answers one call.
pub(super) fn answer(visit: &Visit, content: &Content) -> Answer {
    match judge(visit, content) {
        Ok(token) => {
            let mut answer = answer::json(200, &visit.shared.minted(Face::Core, token));
            answer::set_header(&mut answer, "cache-control", "no-store");
            answer
        }
        Err((error, description)) => oauth(error, description),
    }
}

fn judge(visit: &Visit, content: &Content) -> Result<Map<String, Value>, Refusal> {
    let media_type = form::media_type(visit.parts.headers.get(CONTENT_TYPE));
    if !content.whole() || !media_type.eq_ignore_ascii_case(form::MEDIA_TYPE) {
        return Err(("invalid_request", "the body must be a whole form"));
    }
    let accept = visit.parts.headers.get(ACCEPT);
    let accepts = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    if !accepts.contains("json") && !accepts.contains("*/*") {
        return Err(("invalid_request", "only JSON is answered here"));
    }
    let fields = form::fields(&content.kept)
        .map_err(|_words| ("invalid_request", "a parameter is given more than once"))?;
    let call = Call {
        shared: &visit.shared,
        switches: &visit.switches,
        fields: &fields,
        my_domain: !at_login_host(visit),
    };
    if call.text("scope").is_some() {
        return Err(("invalid_request", "scope parameter not supported"));
    }
    match call.text("grant_type") {
        None => Err(("invalid_request", "missing required parameter: grant_type")),
        Some("client_credentials") => client_credentials(&call),
        Some("authorization_code") => code(&call),
        Some("refresh_token") => refresh(&call),
        Some(JWT_BEARER) => jwt_bearer(&call),
        Some(_) => Err(("unsupported_grant_type", "grant type not supported")),
    }
}

fn client_credentials(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    if !call.my_domain {
        return Err(("invalid_grant", "request not supported on this domain"));
    }
    call.check_client()?;
    if call.shared.logins().public_package {
        return Err(("invalid_grant", "no client credentials user enabled"));
    }
    // A token without a user's login has no refresh token, and says nothing of it.
    let mut scopes = call.granted();
    scopes.retain(|scope| !OFFLINE.contains(&scope.as_str()));
    Ok(call.mint(scopes, None))
}

fn code(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    call.check_client()?;
    let code = call.needed("code", "missing required parameter: code")?;
    let redirect_uri = call.needed("redirect_uri", "missing required parameter: redirect_uri")?;
    // Held to the end, so that a second use of the code finds the login that it has to end.
    let mut logins = call.shared.logins();
    let asked = match logins.redeem(code, Face::Core) {
        Ok(asked) => asked,
        Err(fault) => {
            drop(logins);
            return Err(code_refusal(call, fault));
        }
    };
    if asked.redirect_uri != redirect_uri {
        let words = "redirect_uri must match configuration";
        return Err(("redirect_uri_mismatch", words));
    }
    check_verifier(call, &asked)?;
    let family = logins.begin(Face::Core, 0, asked.scopes.clone());
    logins.bind(code, family);
    let offline = OFFLINE.iter().any(|scope| asked.scopes.contains(*scope));
    let mut answer = call.mint(asked.scopes, Some(family));
    if offline {
        let refresh_token = logins.give(family, call.refresh_lifetime());
        answer.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    Ok(answer)
}

fn code_refusal(call: &Call<'_>, fault: CodeFault) -> Refusal {
    if let CodeFault::Used(Some(family)) = fault {
        call.shared.end_family(family);
    }
    match fault {
        CodeFault::Unknown => ("invalid_grant", "invalid authorization code"),
        CodeFault::Expired | CodeFault::Used(_) => ("invalid_grant", "expired authorization code"),
    }
}

fn check_verifier(call: &Call<'_>, asked: &Asked) -> Result<(), Refusal> {
    match (&asked.challenge, call.text("code_verifier")) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(("invalid_request", "code_verifier without code_challenge")),
        (Some(challenge), Some(verifier)) if digest::answers_challenge(verifier, challenge) => {
            Ok(())
        }
        _ => Err(("invalid_grant", "invalid code verifier")),
    }
}

fn refresh(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    call.check_client()?;
    let missing = "missing required parameter: refresh_token";
    let refresh_token = call.needed("refresh_token", missing)?;
    // Held to the end, so that no token is minted for a login that has just been ended.
    let mut logins = call.shared.logins();
    let span = Duration::from_millis(call.switches.core_concurrent_refresh_ms);
    if logins.concurrent(refresh_token, span) && call.switches.core_concurrent_refresh_fails {
        return Err(("invalid_grant", "expired authorization code"));
    }
    let family = match logins.family(refresh_token, Face::Core) {
        Ok(family) => family,
        Err(fault) => {
            drop(logins);
            if let RefreshFault::Reused(family) = fault {
                call.shared.end_family(family);
            }
            return Err(("invalid_grant", "expired access/refresh token"));
        }
    };
    let rotation = Rotation::new(
        call.switches.core_refresh_rotation,
        call.switches.rotation_grace,
    );
    let next = logins.refreshed(refresh_token, call.refresh_lifetime(), rotation);
    let mut answer = call.mint(family.scopes, Some(family.id));
    if let Some(next) = next {
        answer.insert("refresh_token".to_owned(), json!(next));
    }
    Ok(answer)
}

fn jwt_bearer(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    if call.text("client_secret").is_some() {
        return Err(("invalid_request", "an assertion comes without a secret"));
    }
    let assertion = call.needed("assertion", "missing required parameter: assertion")?;
    assertion::check(call.shared, assertion)?;
    if !call.switches.core_approved {
        return Err(("invalid_grant", "user hasn't approved this consumer"));
    }
    let mut scopes = call.granted();
    scopes.retain(|scope| !OFFLINE.contains(&scope.as_str()));
    Ok(call.mint(scopes, None))
}

impl Call<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.fields.get(key).map(String::as_str)
    }

    fn needed(&self, key: &str, missing: &'static str) -> Result<&str, Refusal> {
        self.text(key).ok_or(("invalid_request", missing))
    }

    fn check_client(&self) -> Result<(), Refusal> {
        let missing = "missing required parameter: client_id";
        if self.needed("client_id", missing)? != self.shared.settings.client_id {
            return Err(("invalid_client_id", "client identifier invalid"));
        }
        let public = self.shared.logins().public_package;
        let right = match self.text("client_secret") {
            None => public,
            Some(secret) => !public && secret == self.shared.ledger().client_secret,
        };
        right
            .then_some(())
            .ok_or(("invalid_client", "invalid client credentials"))
    }

    fn granted(&self) -> BTreeSet<String> {
        self.shared.settings.core_scopes.iter().cloned().collect()
    }

    fn refresh_lifetime(&self) -> Duration {
        Duration::from_secs(self.switches.refresh_lifetime_seconds)
    }

    fn mint(&self, scopes: BTreeSet<String>, family: Option<u64>) -> Map<String, Value> {
        let scope = joined(&scopes);
        let order = Order {
            issuer: Face::Core,
            account: 0,
            scopes,
            family,
        };
        let token = self.shared.ledger().mint(core_token_text(), order);
        let core = self.shared.url(Face::Core);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let issued_at = now.unwrap_or(Duration::ZERO).as_millis().to_string();
        let answer = [
            ("access_token", json!(token)),
            ("instance_url", json!(core.trim_end_matches('/'))),
            ("id", json!(format!("{core}id/{ORGANISATION_ID}/{USER_ID}"))),
            ("issued_at", json!(issued_at)),
            ("signature", json!(format!("{}=", random_text(43)))),
            ("token_type", json!("Bearer")),
            ("scope", json!(scope)),
        ];
        answer
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}
