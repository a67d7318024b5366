//! What nobody outside knows for certain about Marketing Cloud, as switches.
//!
//! Never a place for what is documented: that is simply how the tenant behaves.

use serde::{Deserialize, Serialize};

/// How the tenant behaves where the public sources are silent or disagree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Switches {
    /// A 401 of the REST face carries `WWW-Authenticate: Bearer … error="invalid_token"`.
    ///
    /// Source: the npm package fuel-rest retries only when it does; whether the vendor sends it is unknown.
    pub www_authenticate: bool,
    /// A new token kills the earlier ones of the same client and account.
    ///
    /// Source: help article 000230262, told of the v1 endpoint; for v2 unknown.
    pub one_token_per_client: bool,
    /// The status of `invalid_client`: 401, or 400 as RFC 6749 also allows.
    ///
    /// Source: the npm package sfmc-sdk expects 401.
    pub bad_client_status: u16,
    /// What a token request gets whose `account_id` is no business unit of the enterprise; unknown.
    pub unknown_account: UnknownAccount,
    /// The shape of errors on the auth face.
    ///
    /// Source: both were seen on the same host (OAuth in sfmc-sdk, the other in tap-exacttarget issue 35).
    pub token_errors: ErrorShape,
    /// What a request gets whose Host is not this face; whether the vendor's names resolve at all then is unknown.
    pub wrong_host: WrongHost,
    /// What a token without the scope of a route gets.
    ///
    /// Source: the mcecli endpoint notes saw both, by route.
    pub missing_scope: MissingScope,
    /// Answers of the REST and SOAP faces are gzipped for callers that accept it; whether the vendor compresses is
    /// unknown.
    pub gzip: bool,
    /// The status of the Fault `Token Expired`.
    ///
    /// Source: 500 in a fixture of the npm package sfmc-sdk, which reads the Fault whatever the status.
    pub soap_expired_status: u16,
    /// The text of the Fault for credentials that are not known.
    ///
    /// Source: seen as `Login Failed` and `Login failed`.
    pub soap_login_failed: String,
    /// The text of the Fault for too many calls; only its status, 500, is documented.
    pub soap_throttled: String,
    /// A SOAP 1.2 caller gets Faults in the shape of SOAP 1.2; otherwise all get that of 1.1. Unknown.
    pub soap_12_faults: bool,
    /// Objects of one page of a Retrieve, and the most that a caller can ask for.
    ///
    /// Source: 2,500 in the documentation; fewer for tests of paging.
    pub soap_page_size: usize,
    /// Every operation on objects is answered 200 with `Error: API Permission Failed. …`, whatever scopes a token has.
    pub soap_permission_failed: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            www_authenticate: false,
            one_token_per_client: false,
            bad_client_status: 401,
            unknown_account: UnknownAccount::InvalidRequest,
            token_errors: ErrorShape::Oauth,
            wrong_host: WrongHost::Misdirected,
            missing_scope: MissingScope::ByRoute,
            gzip: false,
            soap_expired_status: 500,
            soap_login_failed: "Login Failed".to_owned(),
            soap_throttled: "The API rate limit is exceeded.".to_owned(),
            soap_12_faults: true,
            soap_page_size: 2_500,
            soap_permission_failed: false,
        }
    }
}

impl Switches {
    /// The keys in JSON.
    pub(super) const KEYS: &[&str] = &[
        "www_authenticate",
        "one_token_per_client",
        "bad_client_status",
        "unknown_account",
        "token_errors",
        "wrong_host",
        "missing_scope",
        "gzip",
        "soap_expired_status",
        "soap_login_failed",
        "soap_throttled",
        "soap_12_faults",
        "soap_page_size",
        "soap_permission_failed",
    ];
}

/// The two error shapes of the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// `{error, error_description, error_uri}`
    Oauth,
    /// `{message, errorcode, documentation}`
    Vendor,
}

/// Answers to a token request for an unknown account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnknownAccount {
    /// 400 `invalid_request`
    InvalidRequest,
    /// 401 `invalid_client`
    InvalidClient,
    /// 401 `unauthorized_client`
    UnauthorizedClient,
}

/// Answers to a request for another host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WrongHost {
    /// 421
    Misdirected,
    /// 404
    NotFound,
    /// Served as if nothing were wrong; the journal still tells.
    Serve,
}

/// Answers to a live token that lacks the scope of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingScope {
    /// 401 `Not Authorized` below `/hub`, 403 elsewhere.
    ByRoute,
    /// 401 `Not Authorized` everywhere.
    NotAuthorized,
    /// 403 `Insufficient privileges` everywhere.
    Forbidden,
}
