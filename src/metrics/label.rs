//! The values of labels that have few, and what each means. What is shown at zero and what the reference says both come from
//! here.

/// A label's value, and what it means.
pub type Value = (&'static str, &'static str);

/// The values alone.
pub fn names(values: &'static [Value]) -> impl Iterator<Item = &'static str> {
    values.iter().map(|(name, _meaning)| *name)
}

/// `api`.
pub const APIS: [Value; 3] = [
    ("rest", "every call that is not another API's"),
    ("soap", "envelopes, and what describes SOAP"),
    (
        "auth",
        "token requests, which the proxy answers itself, and `/v2/userinfo`",
    ),
];

/// `outcome` of a replay.
pub const REPLAY_OUTCOMES: [Value; 3] = [
    (
        "accepted",
        "the tenant took the other token: the refusal is cured",
    ),
    (
        "refused",
        "a fresh token was refused as well; the caller got the refusal",
    ),
    ("failed", "no answer came, or it broke off"),
];

/// `cause` of a refusal.
pub const REFUSAL_CAUSES: [Value; 7] = [
    (
        "replayed",
        "the call went out once more, see `replays_total`",
    ),
    (
        "route_rests",
        "a fresh token was refused on this route before: a scope is probably missing",
    ),
    (
        "account_rests",
        "the last token that a refusal brought was accepted nowhere yet",
    ),
    (
        "budget_spent",
        "refusals have caused too many mints of late (`limits.max_forced_mints`)",
    ),
    (
        "not_replayable",
        "the body could not be sent twice (`limits.max_replay_size`)",
    ),
    (
        "token_unavailable",
        "no other token was to be had; the caller got the proxy's error",
    ),
    (
        "not_permitted",
        "the token is good, but what it grants is not enough (SOAP says so in a Fault)",
    ),
];

/// `outcome` of a token request.
pub const TOKEN_OUTCOMES: [Value; 4] = [
    ("ok", "a token came"),
    (
        "rejected",
        "the endpoint says that id, secret, grant, account or scope is wrong",
    ),
    (
        "unavailable",
        "the endpoint was not reached, did not answer in time, or has trouble of its own",
    ),
    ("untrusted", "the token came with a foreign instance"),
];

/// `grant`.
pub const GRANTS: [Value; 5] = [
    ("client_credentials", "the package's own id and secret"),
    ("jwt_bearer", "an assertion signed with the tenant's key"),
    ("authorization_code", "a user has just logged in"),
    ("refresh_token", "a login from before is renewed"),
    (
        "token_exchange",
        "core Salesforce's token for one of Data Cloud",
    ),
];

/// `secret` of a tenant.
pub const CLIENT_SECRETS: [Value; 2] = [
    ("current", "`client_secret`"),
    ("next", "`client_secret_next`"),
];

/// `operation` on shared state.
pub const SHARED_OPERATIONS: [Value; 8] = [
    ("enter", "may I mint, or is there a token?"),
    ("hold", "my lease lasts on"),
    ("mark_login", "a refresh token is about to leave"),
    ("publish", "here is a token"),
    ("read_login", "which login is there?"),
    ("release", "I have no token, and the next may mint"),
    ("tend_login", "a refresh token may still be on its way"),
    ("write_login", "here is a login"),
];

/// `reason` of a span that was not sent.
pub const SPAN_LOSSES: [Value; 3] = [
    ("queue_full", "there was no room for it"),
    ("not_exported", "the collector gave no answer that counts"),
    ("rejected", "the collector refused it"),
];
