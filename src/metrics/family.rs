//! The one table of all families, in the order of the reference: name, kind, labels, help, and what the values of their labels
//! mean. Holds no number.

use super::label::{self, Value};

/// What kind of numbers a family has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Grows, and begins anew at zero with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in classic buckets with these upper bounds, in seconds.
    Histogram(&'static [f64]),
}

impl Kind {
    /// As Prometheus calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// One family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name without the prefix.
    pub name: &'static str,
    /// What kind of numbers it has.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// One sentence, as a scrape shows it.
    pub help: &'static str,
    /// What else the reference says of it; may be empty.
    pub note: &'static str,
    /// Labels that have the same few values everywhere, and what each means.
    pub values: &'static [(&'static str, &'static [Value])],
}

impl Family {
    const fn noting(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    const fn telling(self, values: &'static [(&'static str, &'static [Value])]) -> Self {
        Self { values, ..self }
    }
}

const fn family(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family {
        name,
        kind,
        labels,
        help,
        note: "",
        values: &[],
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    family(name, Kind::Counter, labels, help)
}

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Family {
    family(name, Kind::Gauge, labels, help)
}

/// A call, in seconds. The lowest bounds are for answers of the proxy's own; 0.1 to 1 is where the vendor answers; 120 and 300
/// are the timeouts for a body that stands still and for the head of an answer, so that what ran into one lies above its bound.
const CALL_BUCKETS: &[f64] = &[
    0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0, 120.0, 300.0,
];
/// One token request, in seconds: 10 is what one attempt may take, 15 what a mint with all its attempts may.
const TOKEN_BUCKETS: &[f64] = &[
    0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 15.0,
];

const fn seconds(
    name: &'static str,
    buckets: &'static [f64],
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    family(name, Kind::Histogram(buckets), labels, help)
}

pub(super) const REQUESTS_TOTAL: Family = counter(
    "requests_total",
    &["tenant", "account", "api", "operation", "client", "method", "code"],
    "Requests, by the status code that the caller got.",
)
.noting("Counted when the last byte of the answer is gone. `tenant`, `account` and `api` are empty where a request was refused before they were known.");
pub(super) const REQUEST_DURATION_SECONDS: Family = seconds(
    "request_duration_seconds",
    CALL_BUCKETS,
    &["tenant", "api"],
    "From a request's head to the end of its answer.",
)
.noting("Both bodies are part of it, so that a slow caller shows here and not in `upstream_duration_seconds`.");
pub(super) const UPSTREAM_DURATION_SECONDS: Family = seconds(
    "upstream_duration_seconds",
    CALL_BUCKETS,
    &["tenant", "api"],
    "From a request leaving for the tenant to the head of the answer.",
)
.noting("One observation for each attempt that was answered. The request's body is part of it, the answer's is not.");
pub(super) const REQUESTS_IN_FLIGHT: Family = gauge(
    "requests_in_flight",
    &[],
    "Requests whose answer has not ended.",
);
pub(super) const REPLAYS_TOTAL: Family = counter(
    "replays_total",
    &["tenant", "api", "outcome"],
    "Requests sent again after a refusal.",
)
.telling(&[("outcome", &label::REPLAY_OUTCOMES)]);
pub(super) const REFUSALS_TOTAL: Family = counter(
    "refusals_total",
    &["tenant", "api", "cause"],
    "Answers that refused a token.",
)
.noting("What `cause` tells is what became of the refusal.")
.telling(&[("cause", &label::REFUSAL_CAUSES)]);
pub(super) const TOKEN_REQUESTS_TOTAL: Family = counter(
    "token_requests_total",
    &["tenant", "account", "grant", "outcome"],
    "Calls to the token endpoint.",
)
.noting("A mint may take three.")
.telling(&[
    ("grant", &label::GRANTS),
    ("outcome", &label::TOKEN_OUTCOMES),
]);
pub(super) const TOKEN_REQUEST_DURATION_SECONDS: Family = seconds(
    "token_request_duration_seconds",
    TOKEN_BUCKETS,
    &["tenant"],
    "How long a call to the token endpoint took.",
);
pub(super) const TOKEN_EXPIRY_TIMESTAMP_SECONDS: Family = gauge(
    "token_expiry_timestamp_seconds",
    &["tenant", "account"],
    "When the present token expires; 0 without one.",
)
.noting("A time that has passed is no fault by itself: nobody renews the token of an account that nobody calls.");
pub(super) const TOKEN_RENEWAL_DUE_TIMESTAMP_SECONDS: Family = gauge(
    "token_renewal_due_timestamp_seconds",
    &["tenant", "account"],
    "From when on a call has the present token renewed; 0 without one.",
)
.noting("`refresh_before` ahead of the expiry, at most a quarter of the token's life.");
pub(super) const TOKEN_RENEWAL_WANTED_TIMESTAMP_SECONDS: Family = gauge(
    "token_renewal_wanted_timestamp_seconds",
    &["tenant", "account"],
    "When a call last found the token due for renewal, or none; 0 if never.",
)
.noting("Later than `token_renewal_due_timestamp_seconds` by more than a mint takes: the account is in use, and its token is not renewed. An idle account never gets there.");
pub(super) const THROTTLED_TOTAL: Family = counter(
    "throttled_total",
    &["tenant", "api"],
    "Answers that met the vendor's rate limit.",
);
pub(super) const ERRORS_TOTAL: Family = counter(
    "errors_total",
    &["reason"],
    "The proxy's own errors, by code.",
)
.noting("`reason` is a code of [errors.md](errors.md).");
pub(super) const WOULD_BE_REFUSALS_TOTAL: Family = counter(
    "would_be_refusals_total",
    &["client", "reason"],
    "Calls that a client's policy would have refused, had it not been set to observe.",
)
.noting("`reason` is the code of [errors.md](errors.md) that the call would have got.");
pub(super) const BUFFERED_BYTES: Family = gauge(
    "buffered_bytes",
    &[],
    "Bytes of request bodies held for a replay.",
);
pub(super) const BUFFERED_MAX_BYTES: Family = gauge(
    "buffered_max_bytes",
    &[],
    "How many bytes of request bodies may be held.",
)
.noting("`limits.max_buffered_size`, or a quarter of the process's memory limit if that is less.");
pub(super) const CONNECTIONS: Family =
    gauge("connections", &["listener"], "Open client connections.")
        .noting("`listener` is the address that it is bound to.");
pub(super) const CONNECTIONS_MAX: Family = gauge(
    "connections_max",
    &[],
    "How many client connections may be open.",
)
.noting(
    "`limits.max_connections`, for all listeners together. Further callers wait to be accepted.",
);
pub(super) const CONFIG_LAST_RELOAD_SUCCESSFUL: Family = gauge(
    "config_last_reload_successful",
    &[],
    "Whether the last reading of the configuration was good.",
);
pub(super) const CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS: Family = gauge(
    "config_last_reload_success_timestamp_seconds",
    &[],
    "When the configuration was last read well.",
);
pub(super) const TENANT_READY: Family = gauge(
    "tenant_ready",
    &["tenant"],
    "Whether the tenant has had a token.",
)
.noting("Since the process began: it never goes back to 0.");
pub(super) const CLIENT_SECRET_IN_USE: Family = gauge(
    "client_secret_in_use",
    &["tenant", "secret"],
    "Which client secret the token endpoint took last.",
)
.noting("Not there for tenants without a secret.")
.telling(&[("secret", &label::CLIENT_SECRETS)]);
pub(super) const CLIENT_AUTHENTICATIONS_TOTAL: Family = counter(
    "client_authentications_total",
    &["client", "secret"],
    "Secrets of clients that were right, by their place in the client's list.",
)
.noting("`secret` counts from 1. Not there without `[clients]`.");
pub(super) const LOGIN_VALID: Family = gauge(
    "login_valid",
    &["tenant", "account"],
    "Whether a user's login yields tokens, or somebody has to log in.",
)
.noting("`account` is empty for the login that serves all accounts without one of their own. Not there before a token was asked for that shows it.");
pub(super) const SHARED_STATE_CONFIGURED: Family = gauge(
    "shared_state_configured",
    &[],
    "Whether state is meant to be shared with other replicas.",
)
.noting("1 where there is `state.redis_url`.");
pub(super) const SHARED_STATE_UP: Family = gauge(
    "shared_state_up",
    &[],
    "Whether state is shared with other replicas now.",
)
.noting("Also 0 where nothing is shared.");
pub(super) const SHARED_STATE_ERRORS_TOTAL: Family = counter(
    "shared_state_errors_total",
    &["operation"],
    "Questions that Redis did not answer, or not in time.",
)
.telling(&[("operation", &label::SHARED_OPERATIONS)]);
pub(super) const AUDIT_FAILING: Family = gauge(
    "audit_failing",
    &[],
    "Whether the audit log cannot be written now.",
)
.noting("Also 0 without `[audit]`. Lines wait in memory meanwhile; with `on_error = \"refuse\"` calls are refused.");
pub(super) const AUDIT_LINES_LOST_TOTAL: Family = counter(
    "audit_lines_lost_total",
    &[],
    "Lines of the audit log that were lost for want of room.",
);
pub(super) const SPANS_EXPORTED_TOTAL: Family = counter(
    "spans_exported_total",
    &[],
    "Spans that the OpenTelemetry collector has taken.",
)
.noting("Stays 0 where no collector is named: [tracing.md](tracing.md).");
pub(super) const SPANS_DROPPED_TOTAL: Family = counter(
    "spans_dropped_total",
    &["reason"],
    "Spans that did not reach the OpenTelemetry collector.",
)
.telling(&[("reason", &label::SPAN_LOSSES)]);
pub(super) const BUILD_INFO: Family =
    gauge("build_info", &["version"], "The version that runs.").noting("Always 1.");

/// All families of the proxy's own.
pub const FAMILIES: [Family; 32] = [
    REQUESTS_TOTAL,
    REQUEST_DURATION_SECONDS,
    UPSTREAM_DURATION_SECONDS,
    REQUESTS_IN_FLIGHT,
    REPLAYS_TOTAL,
    REFUSALS_TOTAL,
    TOKEN_REQUESTS_TOTAL,
    TOKEN_REQUEST_DURATION_SECONDS,
    TOKEN_EXPIRY_TIMESTAMP_SECONDS,
    TOKEN_RENEWAL_DUE_TIMESTAMP_SECONDS,
    TOKEN_RENEWAL_WANTED_TIMESTAMP_SECONDS,
    THROTTLED_TOTAL,
    ERRORS_TOTAL,
    WOULD_BE_REFUSALS_TOTAL,
    BUFFERED_BYTES,
    BUFFERED_MAX_BYTES,
    CONNECTIONS,
    CONNECTIONS_MAX,
    CONFIG_LAST_RELOAD_SUCCESSFUL,
    CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS,
    TENANT_READY,
    CLIENT_SECRET_IN_USE,
    CLIENT_AUTHENTICATIONS_TOTAL,
    LOGIN_VALID,
    SHARED_STATE_CONFIGURED,
    SHARED_STATE_UP,
    SHARED_STATE_ERRORS_TOTAL,
    AUDIT_FAILING,
    AUDIT_LINES_LOST_TOTAL,
    SPANS_EXPORTED_TOTAL,
    SPANS_DROPPED_TOTAL,
    BUILD_INFO,
];
