//! The two grants that come from a user's login: its code, and its refresh tokens.
//!
//! What was used up once ends the whole login when it comes again.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::grant::Call;
use super::refusal::Refusal;
use crate::sandbox::digest;
use crate::sandbox::face::Face;
use crate::sandbox::logins::{Asked, CodeFault, RefreshFault, Rotation};
use crate::sandbox::switches::{Pkce, Switches};

/// The scope without which no refresh token is given.
const OFFLINE: &str = "offline";

/// `grant_type=authorization_code`
pub(super) fn code(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    call.check_client()?;
    let code = call.needed("code")?;
    let redirect_uri = call.needed("redirect_uri")?;
    // Held to the end, so that a second use of the code finds the login that it has to end.
    let mut logins = call.shared.logins();
    let asked = match logins.redeem(code, Face::Auth) {
        Ok(asked) => asked,
        Err(fault) => {
            drop(logins);
            return Err(code_refusal(call, fault));
        }
    };
    if asked.redirect_uri != redirect_uri {
        let description = "The redirect_uri is not that of the authorize request.";
        return Err(Refusal::grant(description));
    }
    check_verifier(call, &asked)?;
    let account = call.account(None)?;
    let scopes = call.scopes(&asked.scopes)?;
    let family = logins.begin(Face::Auth, account, scopes.clone());
    logins.bind(code, family);
    let offline = scopes.contains(OFFLINE);
    let mut answer = call.shared.mint(account, scopes, Some(family));
    if offline {
        let refresh_token = logins.give(family, refresh_lifetime(call.switches));
        answer.insert("refresh_token".to_owned(), json!(refresh_token));
    }
    Ok(answer)
}

fn code_refusal(call: &Call<'_>, fault: CodeFault) -> Refusal {
    Refusal::grant(match fault {
        CodeFault::Unknown => "The authorization code is not known.",
        CodeFault::Expired => "The authorization code has expired.",
        CodeFault::Used(family) => {
            if let Some(family) = family {
                call.shared.end_family(family);
            }
            "The authorization code has been used."
        }
    })
}

fn check_verifier(call: &Call<'_>, asked: &Asked) -> Result<(), Refusal> {
    let verifier = call.text("code_verifier")?;
    if call.switches.pkce == Pkce::Ignored {
        return Ok(());
    }
    match (&asked.challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::request(
            "code_verifier is sent, but the authorize request had no code_challenge.",
        )),
        (Some(_), None) => Err(Refusal::request("code_verifier is missing.")),
        (Some(challenge), Some(verifier)) if digest::answers_challenge(verifier, challenge) => {
            Ok(())
        }
        _ => Err(Refusal::grant("The code_verifier does not match.")),
    }
}

/// `grant_type=refresh_token`
pub(super) fn refresh(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    call.check_client()?;
    let refresh_token = call.needed("refresh_token")?;
    // Held to the end, so that no token is minted for a login that has just been ended.
    let mut logins = call.shared.logins();
    let family = match logins.family(refresh_token, Face::Auth) {
        Ok(family) => family,
        Err(fault) => {
            drop(logins);
            return Err(refresh_refusal(call, fault));
        }
    };
    let account = call.account(Some(family.account))?;
    let scopes = call.scopes(&family.scopes)?;
    let rotation = Rotation::new(call.switches.refresh_rotation, call.switches.rotation_grace);
    let lifetime = refresh_lifetime(call.switches);
    let next = logins.refreshed(refresh_token, lifetime, rotation);
    let mut answer = call.shared.mint(account, scopes, Some(family.id));
    let next = next.unwrap_or_else(|| refresh_token.to_owned());
    answer.insert("refresh_token".to_owned(), json!(next));
    Ok(answer)
}

fn refresh_refusal(call: &Call<'_>, fault: RefreshFault) -> Refusal {
    if let RefreshFault::Reused(family) = fault {
        call.shared.end_family(family);
    }
    // One text for all, so that nobody tells by it what a token once was.
    Refusal::grant("The refresh token is invalid, expired or revoked.")
}

fn refresh_lifetime(switches: &Switches) -> Duration {
    Duration::from_secs(switches.refresh_lifetime_seconds)
}
