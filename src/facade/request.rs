//! A token request as SDKs write it: JSON or form, the older names or the newer ones.

use std::fmt;

use serde_json::{Map, Value};

use super::Face;
use crate::secret::Secret;

const CLIENT_CREDENTIALS: &str = "client_credentials";
const REFRESH_TOKEN: &str = "refresh_token";
/// Grants that core Salesforce takes without a browser. None of what they carry goes anywhere.
const OF_CORE: [&str; 4] = [
    CLIENT_CREDENTIALS,
    REFRESH_TOKEN,
    "password",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];
const OF_EXCHANGE: &str = "urn:salesforce:grant-type:external:cdp";

/// What of a token request counts here.
#[derive(Clone, Default)]
pub struct Request {
    /// A name and a secret, if both were given, or a name alone with an empty secret.
    pub client: Option<(String, Secret)>,
    /// A refresh token, or whatever token is to be exchanged or revoked: one of ours says who is asking.
    pub refresh_token: Option<Secret>,
    /// The account that is asked for: a member id or a name.
    pub account: Option<String>,
    /// The scopes that are asked for, space separated.
    pub scope: Option<String>,
    /// The grant is `refresh_token`, whose answer carries another one.
    pub renews: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Request")
            .field("account", &self.account)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}

/// Why a token request is none. Quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// Neither a JSON object nor a form.
    #[error(
        "The body is neither a JSON object nor a form. Send grant_type, client_id and client_secret as the vendor documents it."
    )]
    Malformed,
    /// A field that is neither text nor number.
    #[error("The field {0} is not text. Send it as the vendor documents it.")]
    Field(&'static str),
    /// No `grant_type`.
    #[error("There is no grant_type. Send grant_type=client_credentials.")]
    NoGrant,
    /// A grant that is the proxy's business.
    #[error(
        "The proxy logs in to the tenant itself: ask it with grant_type=client_credentials, and with no code of the tenant's."
    )]
    Grant,
}

/// Reads one.
///
/// # Errors
///
/// What cannot be read, or asks for another grant.
pub fn read(face: Face, content_type: &str, body: &[u8]) -> Result<Request, RequestError> {
    let fields = fields(content_type, body)?;
    let text = |name: &'static str| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(RequestError::Field(name)),
    };
    let names = match face {
        Face::Current | Face::Core => ["client_id", "client_secret", "refresh_token"],
        Face::Exchange => ["client_id", "client_secret", "subject_token"],
        Face::Revocation => ["client_id", "client_secret", "token"],
        Face::Legacy | Face::Retired => ["clientId", "clientSecret", "refreshToken"],
    };
    let [id, secret, refresh] = names;
    let renews = match grant(face, text("grant_type")?)? {
        Some(grant) => grant == REFRESH_TOKEN,
        None => false,
    };
    let secret = text(secret)?.unwrap_or_default();
    Ok(Request {
        client: text(id)?.map(|id| (id, Secret::new(secret))),
        refresh_token: text(refresh)?.map(Secret::new),
        account: text("account_id")?,
        scope: text("scope")?,
        renews,
    })
}

/// The grant, where this endpoint has any and takes this one.
fn grant(face: Face, given: Option<String>) -> Result<Option<String>, RequestError> {
    let taken: &[&str] = match face {
        Face::Current => &[CLIENT_CREDENTIALS, REFRESH_TOKEN],
        Face::Core => &OF_CORE,
        Face::Exchange => &[OF_EXCHANGE],
        Face::Legacy | Face::Retired | Face::Revocation => return Ok(None),
    };
    let given = given.ok_or(RequestError::NoGrant)?;
    if !taken.contains(&given.as_str()) {
        return Err(RequestError::Grant);
    }
    Ok(Some(given))
}

fn fields(content_type: &str, body: &[u8]) -> Result<Map<String, Value>, RequestError> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_form = media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded");
    // Some tools send JSON under a form's name, because that is their default.
    let starts_as_json = body
        .iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_some_and(|byte| *byte == b'{');
    if starts_as_json {
        let fields: Value =
            serde_json::from_slice(body).map_err(|_quotes| RequestError::Malformed)?;
        return match fields {
            Value::Object(fields) => Ok(fields),
            _ => Err(RequestError::Malformed),
        };
    }
    if !is_form && !media_type.is_empty() {
        return Err(RequestError::Malformed);
    }
    let pairs = form_urlencoded::parse(body);
    Ok(pairs
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect())
}
