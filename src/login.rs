//! Logins of users through a browser: what was begun, and what came back. Speaks no HTTP and sends nothing itself; what a
//! browser brings back is never logged.

mod attempts;
mod error;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::token::{Account, AuthorizationCode, GrantType, Mid};

use attempts::{Attempt, Attempts};
use error::QUOTED_MAX;
pub use error::{LoginError, printable};

/// A code has up to 512 characters; whatever is longer than this is no answer of a login.
const QUERY_SIZE_MAX: usize = 8 << 10;
/// State and verifier have so many random bytes.
const RANDOM_SIZE: usize = 32;

/// A tenant whose tokens need a login.
pub struct Tenant {
    /// The account that a login is for where none is named.
    pub default: Option<Arc<Account>>,
    /// Names of accounts, and their member ids.
    pub names: HashMap<String, Mid>,
    /// Accounts by member id.
    pub accounts: HashMap<Mid, Arc<Account>>,
}

impl Tenant {
    /// One of its accounts: what is the tenant's is the same in each.
    fn any(&self) -> Option<&Arc<Account>> {
        let any = self.accounts.iter().min_by_key(|(mid, _account)| **mid);
        self.default.as_ref().or(any.map(|(_mid, account)| account))
    }
}

/// All logins of this process.
#[derive(Default)]
pub struct Desk {
    tenants: HashMap<String, Tenant>,
    are_kept: bool,
    attempts: Arc<Mutex<Attempts>>,
}

/// What a login is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The tenant's name.
    pub tenant: String,
    /// As the account was named; `None`: the tenant's default.
    pub account: Option<String>,
    /// Its member id.
    pub mid: Option<Mid>,
    /// Whether it is a tenant of core Salesforce, whose refresh tokens last otherwise.
    pub is_core: bool,
    /// Where the browser comes back to.
    pub redirect_uri: Uri,
}

/// Why a browser's answer has not become a login.
#[derive(Debug)]
pub struct Failed {
    /// What the login was for; `None` where the answer belongs to no login of ours.
    pub place: Option<Place>,
    /// What happened.
    pub error: LoginError,
}

impl Desk {
    /// A desk for these tenants, by name. `are_kept`: logins outlive the process.
    #[must_use]
    pub fn new(tenants: HashMap<String, Tenant>, are_kept: bool) -> Self {
        Self {
            tenants,
            are_kept,
            attempts: Arc::default(),
        }
    }

    /// A desk for other tenants, at which logins end that were begun at this one.
    #[must_use]
    pub fn next(&self, tenants: HashMap<String, Tenant>, are_kept: bool) -> Self {
        Self {
            tenants,
            are_kept,
            attempts: Arc::clone(&self.attempts),
        }
    }

    /// The tenants that take a login, by name.
    #[must_use]
    pub fn tenants(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.tenants.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    /// The accounts of a tenant that have a name, by name.
    #[must_use]
    pub fn accounts(&self, tenant: &str) -> Vec<&str> {
        let tenant = self.tenants.get(tenant);
        let names = tenant.map(|tenant| tenant.names.keys().map(String::as_str));
        let mut names: Vec<_> = names.into_iter().flatten().collect();
        names.sort_unstable();
        names
    }

    /// Whether logins outlive the process.
    #[must_use]
    pub fn are_kept(&self) -> bool {
        self.are_kept
    }

    /// Where browsers come back to, for all tenants.
    pub fn redirect_uris(&self) -> impl Iterator<Item = Uri> {
        let accounts = self.tenants.values().filter_map(Tenant::any);
        accounts.filter_map(|account| redirect_uri(account))
    }

    /// What a login at this tenant and account would be for. Case does not count.
    pub fn place(&self, tenant: &str, account: Option<&str>) -> Result<Place, LoginError> {
        self.find(tenant, account).map(|(place, _account)| place)
    }

    /// Begins a login, and says where to send the browser. Only the same session can finish it.
    pub fn begin(
        &self,
        tenant: &str,
        account: Option<&str>,
        session: Option<u64>,
        now: Instant,
    ) -> Result<String, LoginError> {
        let (place, account) = self.find(tenant, account)?;
        let state = random_text()?;
        let verifier = match account.endpoint().settings().grant_type {
            GrantType::AuthorizationCode { pkce: true, .. } => Some(random_text()?),
            _ => None,
        };
        // RFC 7636: the challenge is made of the verifier's text.
        let challenge = verifier
            .as_ref()
            .map(|verifier| URL_SAFE_NO_PAD.encode(sha256(verifier)));
        let url = account
            .endpoint()
            .authorize_url(&state, challenge.as_deref())
            .ok_or_else(|| LoginError::Tenant {
                tenant: place.tenant.clone(),
            })?;
        let attempt = Attempt {
            state: sha256(&state),
            place,
            account,
            verifier: verifier.map(|verifier| Secret::new(verifier.as_str())),
            session,
            begun: now,
        };
        self.attempts().add(attempt, now);
        Ok(url)
    }

    /// Takes the query of the address that a browser came back to, and redeems what it brings. Each answer is good once.
    pub async fn finish(
        &self,
        query: &str,
        session: Option<u64>,
        now: Instant,
    ) -> Result<Place, Failed> {
        let foreign = |error| Failed { place: None, error };
        let answer = Answer::read(query).map_err(foreign)?;
        let attempt = self.attempts().take(&answer.state, now);
        let Some(attempt) = attempt else {
            return Err(foreign(LoginError::Unknown));
        };
        finish(attempt, answer, session).await
    }

    /// Waits until no login is on its way into the state directory.
    pub async fn settle(&self) {
        let tenants = self.tenants.values();
        for account in tenants.filter_map(Tenant::any) {
            account.settle().await;
        }
    }

    fn find(&self, name: &str, account: Option<&str>) -> Result<(Place, Arc<Account>), LoginError> {
        let name = name.to_ascii_lowercase();
        let account = account.map(str::to_ascii_lowercase);
        let unknown = || LoginError::Tenant {
            tenant: printable(&name, QUOTED_MAX),
        };
        let tenant = self.tenants.get(&name).ok_or_else(unknown)?;
        let found = match &account {
            // Without a default one, any will do: a login that names none serves them all.
            None => tenant.any(),
            Some(text) => {
                let named = tenant.names.get(text).copied();
                let mid = named.or_else(|| text.parse().ok());
                mid.and_then(|mid| tenant.accounts.get(&mid))
            }
        };
        let Some(found) = found else {
            return Err(LoginError::Account {
                tenant: name.clone(),
                account: account
                    .as_deref()
                    .map(|account| printable(account, QUOTED_MAX)),
                known: self.accounts(&name).join(", "),
            });
        };
        let named = account.is_some() || tenant.default.is_some();
        let mid = found.mid().filter(|_| named);
        // A member id is called by its name, where it has one.
        let mut names = tenant.names.iter();
        let named = names.find(|(_name, named)| Some(**named) == mid);
        let place = Place {
            redirect_uri: redirect_uri(found).ok_or_else(unknown)?,
            account: account.map(|text| named.map_or(text, |(name, _mid)| name.clone())),
            tenant: name,
            mid,
            is_core: found.endpoint().settings().kind.is_core(),
        };
        Ok((place, Arc::clone(found)))
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Place {
    /// `acme`, or `acme:emea`: as commands and paths name it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.account {
            Some(account) => write!(formatter, "{}:{account}", self.tenant),
            None => formatter.write_str(&self.tenant),
        }
    }
}

/// What a browser brought back.
struct Answer {
    state: [u8; digest::SHA256_OUTPUT_LEN],
    code: Option<Secret>,
    error: Option<String>,
    description: String,
    tssd: Option<String>,
}

impl Answer {
    fn read(query: &str) -> Result<Self, LoginError> {
        if query.len() > QUERY_SIZE_MAX {
            return Err(LoginError::Malformed);
        }
        let mut values: HashMap<Cow<'_, str>, Cow<'_, str>> = HashMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            // RFC 6749, 3.1: no parameter comes twice, and one without a value counts as left out.
            if !value.is_empty() && values.insert(name, value).is_some() {
                return Err(LoginError::Malformed);
            }
        }
        let mut take = |name: &str| values.remove(name).map(Cow::into_owned);
        Ok(Self {
            state: sha256(&take("state").ok_or(LoginError::Malformed)?),
            code: take("code").map(Secret::new),
            error: take("error"),
            description: take("error_description").unwrap_or_default(),
            tssd: take("tssd"),
        })
    }
}

async fn finish(attempt: Attempt, answer: Answer, session: Option<u64>) -> Result<Place, Failed> {
    let place = attempt.place;
    // An answer that a stranger's login has yielded, put before somebody else's browser, would log the proxy in as the
    // stranger.
    let redeemed = if attempt.session == session {
        // A login that names no account is for all that have none of their own.
        let whole_tenant = place.account.is_none();
        redeem(&attempt.account, attempt.verifier, answer, whole_tenant).await
    } else {
        Err(LoginError::OtherSession)
    };
    let tenant = place.tenant.as_str();
    let labels = attempt.account.labels();
    let account = labels.account.as_str();
    match redeemed {
        Ok(()) => Ok(place),
        Err(error) => {
            tracing::warn!(tenant, account, error = %error, "a login has failed");
            let place = Some(place);
            Err(Failed { place, error })
        }
    }
}

async fn redeem(
    account: &Arc<Account>,
    verifier: Option<Secret>,
    answer: Answer,
    whole_tenant: bool,
) -> Result<(), LoginError> {
    if let Some(error) = &answer.error {
        return Err(LoginError::denied(error, &answer.description));
    }
    let code = AuthorizationCode {
        code: answer.code.ok_or(LoginError::Malformed)?,
        verifier,
        tssd: answer.tssd,
        whole_tenant,
    };
    // It goes on though the browser goes away.
    let logged_in = account.log_in(code).await;
    logged_in.map_err(LoginError::NotRedeemed)
}

fn redirect_uri(account: &Account) -> Option<Uri> {
    match &account.endpoint().settings().grant_type {
        GrantType::AuthorizationCode { redirect_uri, .. } => redirect_uri.parse().ok(),
        _ => None,
    }
}

fn random_text() -> Result<Zeroizing<String>, LoginError> {
    let mut bytes = Zeroizing::new([0; RANDOM_SIZE]);
    rand::fill(bytes.as_mut()).map_err(|_unspecified| LoginError::Random)?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(&bytes[..])))
}

fn sha256(text: &str) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    bytes.copy_from_slice(digest.as_ref());
    bytes
}
