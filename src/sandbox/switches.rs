//! What nobody outside knows for certain about Marketing Cloud and its neighbours, as switches.
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
    /// Users consent without being asked: `/v2/authorize` and its sibling on the core face redirect at once.
    pub auto_consent: bool,
    /// What a login answers as `tssd`; whether it is always there is unknown.
    pub tssd: Tssd,
    /// What the auth face makes of PKCE, of which the vendor's documentation is silent.
    pub pkce: Pkce,
    /// How long a code lives; five minutes by the documentation, fewer for tests.
    pub code_lifetime_ms: u64,
    /// How long a refresh token lives; 30 days by the documentation.
    pub refresh_lifetime_seconds: u64,
    /// The auth face gives another refresh token at each use, and the old one is spent; otherwise it says the same one again.
    ///
    /// Source: every SDK overwrites what it has when one is returned; whether the vendor enforces it is unknown.
    pub refresh_rotation: bool,
    /// A spent refresh token stays good until its successor is first used, as some servers do.
    pub rotation_grace: bool,
    /// The core face gives another refresh token at each use.
    pub core_refresh_rotation: bool,
    /// The core face refuses a refresh that comes while another with the same token has just come; the token stays good.
    ///
    /// Source: segmentio/action-destinations 2300.
    pub core_concurrent_refresh_fails: bool,
    /// How long after a refresh another one counts as concurrent.
    pub core_concurrent_refresh_ms: u64,
    /// The user has approved the connected app; otherwise assertions are refused with `user hasn't approved this consumer`.
    pub core_approved: bool,
    /// The status of a dead token at the core face's userinfo; REST says 401 in any case.
    pub core_userinfo_refusal_status: u16,
    /// A core token is refused everywhere once it has been exchanged for one of Data Cloud.
    ///
    /// Source: the vendor's own Python connector revokes it then.
    pub exchange_revokes_core: bool,
    /// The status of Account Engagement's error 184.
    ///
    /// Source: 400 and 401 were seen (segmentio/action-destinations 2306).
    pub account_engagement_refusal_status: u16,
    /// The code of Account Engagement's error for a missing or wrong business unit: seen as 49, and later as 201.
    pub account_engagement_unit_code: u64,
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
            auto_consent: false,
            tssd: Tssd::Own,
            pkce: Pkce::Verified,
            code_lifetime_ms: 300_000,
            refresh_lifetime_seconds: 30 * 24 * 3_600,
            refresh_rotation: true,
            rotation_grace: false,
            core_refresh_rotation: false,
            core_concurrent_refresh_fails: false,
            core_concurrent_refresh_ms: 1_000,
            core_approved: true,
            core_userinfo_refusal_status: 403,
            exchange_revokes_core: true,
            account_engagement_refusal_status: 401,
            account_engagement_unit_code: 201,
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
        "auto_consent",
        "tssd",
        "pkce",
        "code_lifetime_ms",
        "refresh_lifetime_seconds",
        "refresh_rotation",
        "rotation_grace",
        "core_refresh_rotation",
        "core_concurrent_refresh_fails",
        "core_concurrent_refresh_ms",
        "core_approved",
        "core_userinfo_refusal_status",
        "exchange_revokes_core",
        "account_engagement_refusal_status",
        "account_engagement_unit_code",
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

/// What a login says as `tssd`, the subdomain that the user belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tssd {
    /// The tenant's own subdomain.
    Own,
    /// Nothing.
    Absent,
    /// `{"named": "…"}`: this, true or not.
    Named(String),
}

/// What the auth face makes of a `code_challenge`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pkce {
    /// The code is good only with its verifier.
    Verified,
    /// Challenge and verifier are passed over, as unknown parameters are.
    Ignored,
    /// Either is an `invalid_request`.
    Refused,
}
