//! What `/status.json` tells, and the page from the same. docs/status.schema.json holds its shape. Never holds a secret.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

/// A moment, written as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) SystemTime);

impl Moment {
    pub(super) fn text(self) -> String {
        humantime::format_rfc3339_millis(self.0).to_string()
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// All of it.
#[derive(Serialize)]
pub(super) struct Status {
    pub(super) version: &'static str,
    pub(super) at: Moment,
    pub(super) started_at: Moment,
    pub(super) summary: Summary,
    pub(super) ready: bool,
    pub(super) not_ready_because: Option<&'static str>,
    pub(super) draining: bool,
    pub(super) configuration: Configuration,
    pub(super) shared_state: Option<SharedState>,
    pub(super) tenants: Vec<Tenant>,
    pub(super) clients: Vec<Client>,
    pub(super) errors: Vec<Error>,
}

/// How it stands, in a word, a line, and what to do.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) state: State,
    pub(super) line: String,
    pub(super) findings: Vec<Finding>,
    pub(super) findings_left_out: usize,
}

/// How well it goes. The graver one is the greater one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Well,
    Attention,
    Failing,
}

/// One thing that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) state: State,
    pub(super) what: String,
    pub(super) fix: String,
    /// Where on the admin listener to go on.
    pub(super) link: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Configuration {
    pub(super) in_force: bool,
    pub(super) refused_at: Option<Moment>,
    pub(super) faults: Vec<String>,
    pub(super) faults_left_out: usize,
}

#[derive(Serialize)]
pub(super) struct SharedState {
    pub(super) up: bool,
}

#[derive(Serialize)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) grant: &'static str,
    pub(super) ready: bool,
    pub(super) login: Option<Login>,
    pub(super) client_secret: Option<&'static str>,
    pub(super) accounts: Vec<Account>,
    pub(super) accounts_without_token: usize,
    pub(super) accounts_left_out: usize,
    pub(super) apis: Vec<Api>,
    pub(super) scopes: Scopes,
    pub(super) errors: Vec<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Login {
    Valid,
    Needed,
    /// No account has asked for a token yet.
    Unknown,
}

#[derive(Serialize)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) account_id: Option<u64>,
    pub(super) default: bool,
    pub(super) token: Option<Token>,
    pub(super) mints_last_20_minutes: u32,
    pub(super) failed_mints_last_20_minutes: u32,
    pub(super) rests: Option<Rests>,
    /// No mint is begun before so many seconds have passed.
    pub(super) cooldown_seconds: u64,
    pub(super) last_error: Option<MintFailure>,
}

#[derive(Serialize)]
pub(super) struct Token {
    pub(super) obtained_at: Moment,
    pub(super) age_seconds: u64,
    pub(super) expires_at: Moment,
    pub(super) expires_in_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct Rests {
    pub(super) account_seconds: Option<u64>,
    pub(super) routes: usize,
    pub(super) routes_seconds: u64,
}

#[derive(Serialize)]
pub(super) struct MintFailure {
    pub(super) at: Moment,
    pub(super) what: String,
    pub(super) fix: String,
    /// A token has been had since, or the login that was lacking is there.
    pub(super) over: bool,
    /// What somebody has to log in to, if that is what was lacking.
    #[serde(skip)]
    pub(super) login: Option<String>,
}

impl Tenant {
    /// Whether a token is missing that should be there: without a default account there is none before the first call.
    pub(super) fn lacks_token(&self) -> bool {
        let mut accounts = self.accounts.iter();
        let is_awaited = accounts.any(|account| account.default || account.failure().is_some());
        !self.ready && (is_awaited || self.login == Some(Login::Needed))
    }
}

impl Account {
    /// Why it gets no new token, as long as that lasts.
    pub(super) fn failure(&self) -> Option<&MintFailure> {
        self.last_error.as_ref().filter(|failure| !failure.over)
    }

    /// What somebody has to log in to before it gets a new token.
    pub(super) fn wants_login(&self) -> Option<&str> {
        self.failure()?.login.as_deref()
    }
}

#[derive(Serialize)]
pub(super) struct Api {
    pub(super) api: &'static str,
    pub(super) calls: u64,
    pub(super) refusals: u64,
    pub(super) replays: u64,
    pub(super) throttled: u64,
    pub(super) latency: Latency,
}

#[derive(Serialize)]
pub(super) struct Latency {
    pub(super) count: u64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p90_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) buckets: Vec<Bucket>,
}

/// How many calls took no longer than this.
#[derive(Serialize)]
pub(super) struct Bucket {
    pub(super) le_seconds: f64,
    pub(super) count: u64,
}

#[derive(Serialize)]
pub(super) struct Scopes {
    pub(super) asked: Option<Vec<String>>,
    pub(super) granted: Option<Vec<String>>,
    pub(super) used: Vec<Scope>,
    pub(super) missing: Vec<Scope>,
    pub(super) unneeded: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Scope {
    pub(super) scope: &'static str,
    pub(super) calls: u64,
    pub(super) last: Moment,
    pub(super) example: String,
}

#[derive(Serialize)]
pub(super) struct Error {
    pub(super) at: Moment,
    pub(super) times: u64,
    pub(super) account: Option<String>,
    pub(super) api: Option<&'static str>,
    pub(super) client: String,
    pub(super) method: String,
    pub(super) route: Option<String>,
    pub(super) operation: Option<&'static str>,
    pub(super) object_type: Option<String>,
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
    pub(super) what: String,
    pub(super) fix: String,
}

#[derive(Serialize)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) policy: &'static str,
    pub(super) default_tenant: Option<String>,
    pub(super) default_accounts: BTreeMap<String, String>,
    pub(super) last_calls: Vec<LastCall>,
    pub(super) would_refuse: Vec<WouldRefuse>,
    pub(super) calls: Vec<Call>,
    pub(super) calls_left_out: u64,
    pub(super) unclear: Option<Noted>,
    pub(super) names_accounts: Option<Noted>,
}

/// Calls of one kind, and one of them.
#[derive(Serialize)]
pub(super) struct Noted {
    pub(super) calls: u64,
    pub(super) last: Moment,
    pub(super) example: String,
}

#[derive(Serialize)]
pub(super) struct LastCall {
    pub(super) at: Moment,
    pub(super) tenant: Option<String>,
    pub(super) account: Option<String>,
    pub(super) api: Option<&'static str>,
    pub(super) method: String,
    pub(super) route: Option<String>,
    pub(super) operation: Option<&'static str>,
    pub(super) object_type: Option<String>,
    pub(super) status: u16,
    pub(super) duration_ms: f64,
}

#[derive(Serialize)]
pub(super) struct WouldRefuse {
    pub(super) code: &'static str,
    pub(super) call: String,
    pub(super) times: u64,
    pub(super) last: Moment,
}

#[derive(Serialize)]
pub(super) struct Call {
    pub(super) tenant: String,
    pub(super) account: String,
    pub(super) call: String,
    pub(super) times: u64,
    pub(super) last: Moment,
}
