//! How a tenant's tokens are minted, with what each grant needs: a secret, a browser's way back, or a key that signs.

use std::net::SocketAddr;
use std::sync::Arc;

use super::authority::SANDBOX_LOGIN_HOST;
use super::shape::{GrantWord, KindWord, Shape};
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::config::resolve::url::{base_url, checked};
use crate::config::resolve::{Review, complain, files};
use crate::config::value::{Complaint, Value};
use crate::secret::Secret;
use crate::token::{GrantType, SigningKey, is_loopback};

/// Where the admin listener takes a browser back.
const CALLBACK: &str = "/oauth/callback";
const AUDIENCE: &str = "https://login.salesforce.com";
const SANDBOX_AUDIENCE: &str = "https://test.salesforce.com";

/// A grant with the client secrets that go with it: none, one, or one and the next. `None` if a fault was found, or nothing was to be read.
pub(super) fn grant(
    review: &mut Review<'_>,
    table: &KeyPath,
    shape: Shape,
    admin: Option<SocketAddr>,
) -> Option<(GrantType, Vec<Secret>)> {
    match shape.grant {
        Some(GrantWord::ClientCredentials) => {
            let secret = files::secret(review, table, "client_secret");
            let next = next_secret(review, table);
            Some((GrantType::ClientCredentials, with_next(secret?, next?)))
        }
        Some(GrantWord::AuthorizationCode) => authorization_code(review, table, shape.kind, admin),
        Some(GrantWord::JwtBearer) => Some((jwt_bearer(review, table)?, Vec::new())),
        None => {
            // Whether they are needed is not known.
            let _secret = files::optional_secret(review, table, "client_secret");
            let _next = files::optional_secret(review, table, "client_secret_next");
            None
        }
    }
}

fn authorization_code(
    review: &mut Review<'_>,
    table: &KeyPath,
    kind: Option<KindWord>,
    admin: Option<SocketAddr>,
) -> Option<(GrantType, Vec<Secret>)> {
    let secret = files::optional_secret(review, table, "client_secret");
    let next = next_secret(review, table);
    let redirect_uri = redirect_uri(review, table, admin);
    let pkce_path = table.child("pkce");
    let pkce = match review.value(&pkce_path) {
        Some(Value::Flag(pkce)) => *pkce,
        _ if review.values.is_spoiled(&pkce_path) => return None,
        _ => kind?.is_core(),
    };
    if matches!(secret, Some(None)) && !pkce {
        let path = table.child("client_secret");
        let origin = review.origin(table);
        let words = "is not given, and without PKCE nothing else binds a login to this proxy: whoever sees the code at \
                     the redirect URI can have the user's token; use a web app's package with its secret, or pkce = \
                     true where the vendor takes it";
        review.warn(origin.as_ref(), &path, words);
    }
    let grant_type = GrantType::AuthorizationCode {
        redirect_uri: redirect_uri?,
        pkce,
    };
    let secret = secret?.map(|(hidden, _path, _origin)| hidden.secret);
    let next = next?;
    let secrets = secret.map_or_else(Vec::new, |secret| with_next(secret, next));
    Some((grant_type, secrets))
}

/// The secret that takes the present one's place in a rotation; the inner `None` says that there is none.
fn next_secret(review: &mut Review<'_>, table: &KeyPath) -> Option<Option<Secret>> {
    let found = files::optional_secret(review, table, "client_secret_next")?;
    let Some((hidden, path, origin)) = found else {
        return Some(None);
    };
    let places = ["client_secret", "client_secret_file"].map(|leaf| table.child(leaf));
    let has_present = places.iter().any(|place| review.values.is_given(place));
    if !has_present && !review.values.is_partial {
        let what = "takes the place of client_secret, and that is not given";
        let instead = format!("call it {}", path.leaf().replacen("_next", "", 1));
        let origin = Some(origin);
        review.faults.add(origin, &path, what, instead);
        return None;
    }
    Some(Some(hidden.secret))
}

fn with_next(secret: Secret, next: Option<Secret>) -> Vec<Secret> {
    [Some(secret), next].into_iter().flatten().collect()
}

/// As the package has it, to the letter.
fn redirect_uri(
    review: &mut Review<'_>,
    table: &KeyPath,
    admin: Option<SocketAddr>,
) -> Option<String> {
    let path = table.child("redirect_uri");
    if let Some(text) = review.text(&path) {
        return checked(review, &path, Some(callback(text)))?;
    }
    if review.values.is_given(&path) {
        return None;
    }
    // Without the admin listener's address there is a fault already.
    let admin = admin?;
    let why = if !admin.ip().to_canonical().is_loopback() {
        "admin.listen is beyond loopback"
    } else if admin.port() == 0 {
        "admin.listen takes any free port"
    } else {
        return Some(format!("http://{admin}{CALLBACK}"));
    };
    if !review.values.is_partial {
        let what = format!("is missing, and cannot be made up, because {why}");
        let instead = format!(
            "write redirect_uri = \"https://…{CALLBACK}\", the URL of the admin listener as browsers know it, and register \
             it with the package to the letter"
        );
        let origin = review.origin(table);
        review.faults.add(origin, &path, what, instead);
    }
    None
}

fn callback(text: &str) -> Result<String, Complaint> {
    let (uri, host) = base_url(text)?;
    if uri.scheme_str() == Some("http") && !is_loopback(&host) {
        return complain(
            format!("{} would bring codes back in clear", shown(text)),
            "write https://; http is for loopback alone",
        );
    }
    if !uri.path().ends_with(CALLBACK) {
        return complain(
            format!(
                "{} does not end in {CALLBACK}, where codes are taken",
                shown(text)
            ),
            format!(
                "write \"{}{CALLBACK}\", and register it with the package",
                text.trim_end_matches('/')
            ),
        );
    }
    Ok(text.to_owned())
}

fn jwt_bearer(review: &mut Review<'_>, table: &KeyPath) -> Option<GrantType> {
    let key = signing_key(review, table);
    let subject = subject(review, table);
    let audience_path = table.child("jwt_audience");
    let audience = review.text(&audience_path);
    let read = |text: &str| base_url(text).map(|_url| text.to_owned());
    let audience = checked(review, &audience_path, audience.map(read));
    let implied = implied_audience(review, table);
    Some(GrantType::JwtBearer {
        key: Arc::new(key?),
        subject: subject?,
        audience: audience?.unwrap_or_else(|| implied.to_owned()),
    })
}

fn implied_audience(review: &Review<'_>, table: &KeyPath) -> &'static str {
    let subdomain = review.text(&table.child("subdomain")).unwrap_or_default();
    let url = review.text(&table.child("auth_url")).unwrap_or_default();
    let host = base_url(url).map(|(_uri, host)| host).unwrap_or_default();
    if subdomain.to_ascii_lowercase().ends_with(".sandbox") || host == SANDBOX_LOGIN_HOST {
        SANDBOX_AUDIENCE
    } else {
        AUDIENCE
    }
}

fn subject(review: &mut Review<'_>, table: &KeyPath) -> Option<String> {
    let path = table.child("jwt_subject");
    let Some(name) = review.text(&path) else {
        let instead = "write jwt_subject = \"integration@acme.example\", the name of the user that calls are made as";
        review.missing(table, "jwt_subject", instead);
        return None;
    };
    if name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        review.fault(&path, "holds white space", "write the user's name alone");
        return None;
    }
    Some(name.to_owned())
}

fn signing_key(review: &mut Review<'_>, table: &KeyPath) -> Option<SigningKey> {
    const INSTEAD: &str = "give the key that goes with the connected app's certificate, as PEM";
    let (inline, file) = files::places(review, table, "jwt_key")?;
    if let Some(Value::Secret(hidden)) = review.value(&inline) {
        return match SigningKey::from_pem(hidden.secret.expose().as_bytes()) {
            Ok(key) => Some(key),
            Err(why) => {
                review.fault(&inline, why, INSTEAD);
                None
            }
        };
    }
    if !review.values.is_given(&file) {
        let instead = "write jwt_key_file = \"/run/secrets/….pem\", or jwt_key = \"${NAME}\"";
        review.missing(table, "jwt_key", instead);
    }
    files::pem(review, &file, SigningKey::from_pem, INSTEAD)
}
