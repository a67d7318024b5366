//! Calls of the control API that are about users' logins.
//!
//! Does nothing that a test could not do in-process.

use http::Method;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{done, read, refusal};
use crate::sandbox::answer::{self, Answer};
use crate::sandbox::core;
use crate::sandbox::face::Face;
use crate::sandbox::shared::Shared;
use crate::sandbox::tenant;

/// Answers a call that is not one of the others.
pub(super) fn call(
    shared: &Shared,
    parts: &Parts,
    body: Map<String, Value>,
) -> Result<Answer, Box<Answer>> {
    match (&parts.method, parts.uri.path()) {
        (&Method::POST, "/authorize") => {
            let order: AuthorizeOrder = read(body, &["url", "deny"])?;
            let location = tenant::decide(shared, &order.url, !order.deny)
                .map_err(|error| refusal(400, &error.to_string()))?;
            return Ok(answer::json(200, &json!({"location": location})));
        }
        (&Method::POST, "/refresh-tokens") => {
            let order: RefreshTokenOrder = read(body, &["face", "account", "scopes"])?;
            let face = order.face.unwrap_or(Face::Auth).issuer();
            if face == Face::DataCloud {
                return Err(refusal(400, "face is auth or core."));
            }
            let scopes: Vec<&str> = order.scopes.iter().map(String::as_str).collect();
            let token = tenant::issue(shared, face, order.account, &scopes);
            return Ok(answer::json(200, &json!({"refresh_token": token})));
        }
        (&Method::POST, "/codes/expire") => shared.logins().expire_codes(),
        (&Method::POST, "/logins/end") => shared.logins().end_all(),
        (&Method::PUT, "/redirect-uris") => {
            let order: RedirectOrder = read(body, &["redirect_uris"])?;
            shared.logins().redirect_uris = order.redirect_uris;
        }
        (&Method::PUT, "/package") => {
            let order: PackageOrder = read(body, &["public"])?;
            shared.logins().public_package = order.public;
        }
        (&Method::PUT, "/jwt-public-key") => {
            let order: KeyOrder = read(body, &["pem"])?;
            let key = core::public_key(&order.pem);
            let key = key.map_err(|error| refusal(400, &error.to_string()))?;
            shared.logins().jwt_public_key = Some(key);
        }
        _ => return Err(refusal(404, "No such call; GET / lists them.")),
    }
    Ok(done())
}

#[derive(Deserialize)]
struct AuthorizeOrder {
    url: String,
    #[serde(default)]
    deny: bool,
}

#[derive(Deserialize)]
struct RefreshTokenOrder {
    face: Option<Face>,
    account: Option<u64>,
    #[serde(default)]
    scopes: Vec<String>,
}

#[derive(Deserialize)]
struct RedirectOrder {
    redirect_uris: Vec<String>,
}

#[derive(Deserialize)]
struct PackageOrder {
    public: bool,
}

#[derive(Deserialize)]
struct KeyOrder {
    pem: String,
}
