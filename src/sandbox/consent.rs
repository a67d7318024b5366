//! Where users are asked whether an application may act for them: `/v2/authorize`, and its sibling on the core face.
//!
//! Sends a browser nowhere but to a registered redirect_uri; what is wrong before that is known gets a page.

mod page;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use http::header::CONTENT_TYPE;

use super::answer::{self, Answer};
use super::face::Face;
use super::form::{self, Fields};
use super::intake::Content;
use super::logins::Asked;
use super::shared::Shared;
use super::switches::{Pkce, Tssd};
use super::visit::Visit;

/// The length of an S256 challenge: 32 bytes in base64 without padding.
const CHALLENGE_LENGTH: usize = 43;

/// What a browser gets.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The question, for the consent of that id.
    Question(String, Box<Asked>),
    /// Back to the application.
    Redirect(String),
    /// Nothing can be asked: code and words.
    Fault(&'static str, String),
}

/// Answers `GET …/authorize`.
pub(super) fn ask(visit: &Visit) -> Answer {
    let query = visit.parts.uri.query().unwrap_or_default();
    let mut outcome = begin(&visit.shared, visit.face(), query);
    if visit.switches.auto_consent
        && let Outcome::Question(consent, _) = &outcome
    {
        outcome = conclude(&visit.shared, visit.face(), consent, true);
    }
    answer(visit, &outcome, 302)
}

/// Answers the form of the page.
pub(super) fn decide(visit: &Visit, content: &Content) -> Answer {
    let media_type = form::media_type(visit.parts.headers.get(CONTENT_TYPE));
    if !content.whole() || !media_type.eq_ignore_ascii_case(form::MEDIA_TYPE) {
        let fault = Outcome::Fault("invalid_request", "The form did not arrive.".to_owned());
        return answer(visit, &fault, 303);
    }
    let outcome = match form::fields(&content.kept) {
        Err(words) => Outcome::Fault("invalid_request", words),
        Ok(fields) => {
            let field = |key| fields.get(key).map(String::as_str).unwrap_or_default();
            match field("decision") {
                decision @ ("allow" | "deny") => conclude(
                    &visit.shared,
                    visit.face(),
                    field("consent"),
                    decision == "allow",
                ),
                _ => Outcome::Fault("invalid_request", "Allow or deny?".to_owned()),
            }
        }
    };
    answer(visit, &outcome, 303)
}

fn answer(visit: &Visit, outcome: &Outcome, redirect_status: u16) -> Answer {
    let mut answer = match outcome {
        Outcome::Question(consent, asked) => {
            let action = format!("{}/decision", visit.parts.uri.path());
            let client_id = &visit.shared.settings.client_id;
            page::answer(200, page::question(&action, consent, client_id, asked))
        }
        Outcome::Fault(error, words) => page::answer(400, page::fault(error, words)),
        Outcome::Redirect(location) => {
            let mut answer = page::answer(redirect_status, String::new());
            answer::set_header(&mut answer, "location", location);
            answer
        }
    };
    answer::set_header(&mut answer, "cache-control", "no-store");
    answer
}

/// Judges an authorize request.
pub(super) fn begin(shared: &Shared, face: Face, query: &str) -> Outcome {
    let fields = match form::fields(query.as_bytes()) {
        Ok(fields) => fields,
        Err(words) => return Outcome::Fault("invalid_request", words),
    };
    let field = |key| fields.get(key).map(String::as_str).unwrap_or_default();
    if field("client_id") != shared.settings.client_id {
        let error = if face == Face::Core {
            "invalid_client_id"
        } else {
            "invalid_client"
        };
        return Outcome::Fault(error, "client identifier invalid".to_owned());
    }
    let redirect_uri = field("redirect_uri");
    let registered = shared
        .logins()
        .redirect_uris
        .iter()
        .any(|known| known == redirect_uri);
    if !registered {
        let words = "redirect_uri must match configuration".to_owned();
        return Outcome::Fault("redirect_uri_mismatch", words);
    }
    match judge(shared, face, &fields) {
        Ok(asked) => {
            let consent = shared.logins().ask(asked.clone());
            Outcome::Question(consent, Box::new(asked))
        }
        Err((error, words)) => refused(redirect_uri, error, &words, fields.get("state")),
    }
}

fn refused(redirect_uri: &str, error: &str, words: &str, state: Option<&String>) -> Outcome {
    let mut pairs = vec![("error", error), ("error_description", words)];
    pairs.extend(state.map(|state| ("state", state.as_str())));
    Outcome::Redirect(with_query(redirect_uri, &pairs))
}

/// What comes back by redirect when it is wrong.
fn judge(shared: &Shared, face: Face, fields: &Fields) -> Result<Asked, (&'static str, String)> {
    let request = |words: &str| ("invalid_request", words.to_owned());
    match fields.get("response_type").map(String::as_str) {
        Some("code") => {}
        None => return Err(request("response_type is missing.")),
        Some(_) => {
            let words = "The response_type must be code.".to_owned();
            return Err(("unsupported_response_type", words));
        }
    }
    let state = fields
        .get("state")
        .filter(|state| !state.is_empty())
        .ok_or_else(|| request("state is missing."))?;
    Ok(Asked {
        face,
        redirect_uri: fields.get("redirect_uri").cloned().unwrap_or_default(),
        scopes: scopes(shared.settings.granted(face), fields.get("scope"))?,
        state: state.clone(),
        challenge: challenge(shared, face, fields).map_err(request)?,
    })
}

fn scopes(
    granted: &[String],
    wanted: Option<&String>,
) -> Result<BTreeSet<String>, (&'static str, String)> {
    let Some(wanted) = wanted else {
        return Ok(granted.iter().cloned().collect());
    };
    let mut scopes = BTreeSet::new();
    for scope in wanted.split_ascii_whitespace() {
        if !granted.iter().any(|known| known == scope) {
            let words = format!("The scope {scope} is unknown or not granted.");
            return Err(("invalid_scope", words));
        }
        scopes.insert(scope.to_owned());
    }
    Ok(scopes)
}

fn challenge(shared: &Shared, face: Face, fields: &Fields) -> Result<Option<String>, &'static str> {
    let pkce = match face {
        Face::Core => Pkce::Verified,
        _ => shared.switches().pkce,
    };
    let challenge = fields.get("code_challenge");
    let method = fields.get("code_challenge_method").map(String::as_str);
    match (pkce, challenge, method) {
        (Pkce::Ignored, _, _) | (_, None, None) => Ok(None),
        (Pkce::Refused, _, _) => Err("code_challenge is not known."),
        (_, None, Some(_)) => Err("code_challenge is missing."),
        (_, Some(challenge), Some("S256")) => {
            let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if challenge.len() == CHALLENGE_LENGTH && challenge.bytes().all(lawful) {
                Ok(Some(challenge.clone()))
            } else {
                Err("code_challenge is not one of method S256.")
            }
        }
        (_, Some(_), _) => Err("The code_challenge_method must be S256."),
    }
}

/// What follows from the user's decision.
pub(super) fn conclude(shared: &Shared, face: Face, consent: &str, allowed: bool) -> Outcome {
    let asked = shared.logins().decided(consent);
    let Some(asked) = asked.filter(|asked| asked.face == face) else {
        let words = "This question has been answered, or was never asked.".to_owned();
        return Outcome::Fault("invalid_request", words);
    };
    if !allowed {
        let words = "end-user denied authorization";
        return refused(
            &asked.redirect_uri,
            "access_denied",
            words,
            Some(&asked.state),
        );
    }
    let switches = shared.switches();
    let (redirect_uri, state) = (asked.redirect_uri.clone(), asked.state.clone());
    let lifetime = Duration::from_millis(switches.code_lifetime_ms);
    let code = shared.logins().code(asked, lifetime);
    let mut pairs = vec![("code", code.as_str()), ("state", state.as_str())];
    match &switches.tssd {
        _ if face == Face::Core => {}
        Tssd::Own => pairs.push(("tssd", &shared.settings.subdomain)),
        Tssd::Absent => {}
        Tssd::Named(subdomain) => pairs.push(("tssd", subdomain)),
    }
    Outcome::Redirect(with_query(&redirect_uri, &pairs))
}

fn with_query(url: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{}", query.finish())
}
