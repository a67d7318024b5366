//! The token endpoints that clients see: what an SDK asks, and what it is answered in the vendor's shape.
//!
//! Pure: reads and writes bytes. What an SDK sends here is never forwarded, and what it gets is never a token of the tenant.

mod request;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use request::{Request, RequestError, read};

/// What `expires_in` says: as real tenants do. Placeholders do not expire; asking again costs nobody anything.
const EXPIRES_IN: u32 = 1079;
/// The same of the older endpoint, as the vendor documents it.
const LEGACY_EXPIRES_IN: u32 = 3600;
/// The same of Data Cloud.
const EXCHANGE_EXPIRES_IN: u32 = 7200;
/// What core signs its answers with takes its client secret: this is the base64 of 32 bytes that sign nothing.
const NO_SIGNATURE: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
/// Where the vendor's answers point to.
const ERROR_URI: &str = "https://developer.salesforce.com/docs";

/// Which of the vendor's token endpoints is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Face {
    /// `/v2/token`
    Current,
    /// `/v1/requestToken` and `/provisioning/v1/tenants/*/requestToken`
    Legacy,
    /// `/v1/requestToken` on the tenant's own auth host, where the vendor sends enhanced packages on to `/v2/token`.
    Retired,
    /// `/services/oauth2/token` of core Salesforce.
    Core,
    /// `/services/oauth2/revoke` of core Salesforce: what is handed out here has nothing behind it that could be revoked.
    Revocation,
    /// `/services/a360/token`, where a token of core Salesforce becomes one of Data Cloud.
    Exchange,
}

impl Face {
    /// Whether its answers and errors have Marketing Cloud's shape.
    #[must_use]
    pub fn is_of_marketing_cloud(self) -> bool {
        matches!(self, Self::Current | Self::Legacy | Self::Retired)
    }
}

/// What a client is handed.
#[derive(Debug)]
pub struct Granted<'a> {
    /// The placeholder.
    pub token: &'a str,
    /// Where REST calls go, with a slash at the end.
    pub rest_instance_url: String,
    /// Where SOAP calls go, with a slash at the end.
    pub soap_instance_url: String,
    /// When, in milliseconds since 1970.
    pub issued_at: u128,
    /// Space separated.
    pub scope: String,
    /// The client asked with a refresh token and expects another one.
    pub renewed: bool,
}

#[derive(Serialize)]
struct CurrentAnswer<'a> {
    access_token: &'a str,
    token_type: &'a str,
    expires_in: u32,
    scope: &'a str,
    rest_instance_url: &'a str,
    soap_instance_url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
}

/// C# fails where one of these is missing, so that all are there.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LegacyAnswer<'a> {
    access_token: &'a str,
    expires_in: u32,
    legacy_token: &'a str,
    refresh_token: &'a str,
    scope: &'a str,
    #[serde(rename = "rest_instance_url")]
    rest_instance_url: &'a str,
    #[serde(rename = "soap_instance_url")]
    soap_instance_url: &'a str,
}

#[derive(Serialize)]
struct CoreAnswer<'a> {
    access_token: &'a str,
    instance_url: &'a str,
    id: String,
    token_type: &'a str,
    issued_at: String,
    signature: &'a str,
    scope: &'a str,
}

#[derive(Serialize)]
struct ExchangeAnswer<'a> {
    access_token: &'a str,
    instance_url: &'a str,
    token_type: &'a str,
    issued_token_type: &'a str,
    expires_in: u32,
}

/// The body of a token answer, as JSON; nothing where nothing is said.
#[must_use]
pub fn answer(face: Face, granted: &Granted<'_>) -> Vec<u8> {
    let (rest_instance_url, soap_instance_url) =
        (&granted.rest_instance_url, &granted.soap_instance_url);
    let written = match face {
        Face::Current | Face::Retired => serde_json::to_vec(&CurrentAnswer {
            access_token: granted.token,
            token_type: "Bearer",
            expires_in: EXPIRES_IN,
            scope: &granted.scope,
            rest_instance_url,
            soap_instance_url,
            refresh_token: granted.renewed.then_some(granted.token),
        }),
        Face::Revocation => Ok(Vec::new()),
        Face::Core => serde_json::to_vec(&CoreAnswer::of(granted)),
        Face::Exchange => serde_json::to_vec(&ExchangeAnswer::of(granted)),
        Face::Legacy => serde_json::to_vec(&LegacyAnswer {
            access_token: granted.token,
            expires_in: LEGACY_EXPIRES_IN,
            legacy_token: granted.token,
            refresh_token: granted.token,
            scope: &granted.scope,
            rest_instance_url,
            soap_instance_url,
        }),
    };
    // Texts and numbers: there is nothing in it that could fail.
    written.unwrap_or_default()
}

impl<'a> CoreAnswer<'a> {
    fn of(granted: &'a Granted<'_>) -> Self {
        let instance_url = granted.rest_instance_url.trim_end_matches('/');
        let scope = granted.scope.as_str();
        Self {
            access_token: granted.token,
            instance_url,
            // Says who the token stands for, as the vendor's does; which user and organisation that is, is not known here.
            id: format!("{instance_url}/services/oauth2/userinfo"),
            token_type: "Bearer",
            issued_at: granted.issued_at.to_string(),
            signature: NO_SIGNATURE,
            scope: if scope.is_empty() { "api" } else { scope },
        }
    }
}

impl<'a> ExchangeAnswer<'a> {
    fn of(granted: &'a Granted<'_>) -> Self {
        let instance_url = granted.rest_instance_url.trim_end_matches('/');
        let without_scheme = instance_url.split_once("://");
        Self {
            access_token: granted.token,
            instance_url: without_scheme.map_or(instance_url, |(_scheme, rest)| rest),
            token_type: "Bearer",
            issued_token_type: "urn:ietf:params:oauth:token-type:jwt",
            expires_in: EXCHANGE_EXPIRES_IN,
        }
    }
}

/// The vendor's words for an error of the proxy's own: what SDKs look for, beside the proxy's fields.
#[derive(Debug, Serialize)]
pub struct VendorError<'a> {
    /// OAuth's name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<&'a str>,
    /// Where to read on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<&'static str>,
    /// The older endpoint's name for what happened.
    pub message: &'a str,
    /// The older endpoint's number.
    pub errorcode: u32,
    /// Where to read on, for the older endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<&'static str>,
}

/// An error in the words of the REST API.
#[must_use]
pub fn plain_error(detail: &str) -> VendorError<'_> {
    VendorError {
        error: None,
        error_description: None,
        error_uri: None,
        message: detail,
        // The vendor's own APIs use 0 where there is no more to say.
        errorcode: 0,
        documentation: None,
    }
}

/// An error in the words of this face. `status` is the HTTP status that goes with it.
#[must_use]
pub fn vendor_error(face: Face, status: u16, detail: &str) -> VendorError<'_> {
    let oauth = match status {
        401 => "invalid_client",
        403 => "unauthorized_client",
        400 => "invalid_request",
        _ => "server_error",
    };
    let (message, errorcode) = match (face, status) {
        (Face::Retired, 400) => (detail, 10_007),
        (Face::Legacy | Face::Retired, 401) => ("Unauthorized", 1),
        _ => (detail, 0),
    };
    let in_words_of_oauth = face == Face::Current || !face.is_of_marketing_cloud();
    VendorError {
        error: in_words_of_oauth.then_some(oauth),
        error_description: in_words_of_oauth.then_some(detail),
        error_uri: (face == Face::Current).then_some(ERROR_URI),
        message,
        errorcode,
        documentation: face.is_of_marketing_cloud().then_some(ERROR_URI),
    }
}
