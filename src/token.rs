//! Access tokens: what they are, where they come from, and how long they live.
//!
//! A token and the instance it may be sent to come from one and the same token response and never part again.

mod assertion;
mod endpoint;
mod flight;
mod instance;
mod kind;
mod life;
mod login;
mod package;
mod recent;
mod rest;
mod scopes;
mod standing;
mod store;
mod succession;
mod tally;
mod wire;
mod words;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, Uri};

use crate::clock::Now;
use crate::secret::Secret;

pub use endpoint::{Endpoint, Examination, Seen};
pub use instance::{Domain, InstanceLock, InstanceUrl, TrustedHost, is_loopback};
pub use kind::{AuthorizationCode, GrantType, Kind, SigningKey};
pub use life::{Attempt, Because};
pub use rest::Route;
pub use scopes::Scopes;
pub use standing::{Failure, Held, Resting, Standing};
pub use store::{Account, AfterRefusal, TokenStore, Unavailable};
pub use succession::Labels;

/// A business unit's member id.
pub type Mid = u64;

/// Where and with what a tenant's tokens are minted.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// What kind of tenant it is.
    pub kind: Kind,
    /// How its tokens are minted.
    pub grant_type: GrantType,
    /// The auth base, as `https://SUB.auth.marketingcloudapis.com/`; plain http only for loopback.
    pub auth_url: Uri,
    /// The client id of the installed package, or of the connected app.
    pub client_id: String,
    /// Its secret, and behind it the next one if there is one already; empty for a public package, and where a key signs
    /// instead.
    pub client_secrets: Vec<Secret>,
    /// Scopes to ask for, space separated; `None` asks for all that the package grants.
    pub scope: Option<String>,
    /// Renew this long before expiry.
    pub refresh_before: Duration,
    /// How long a token lives whose response does not say it, as those of core Salesforce.
    pub token_lifetime: Duration,
    /// Which instance URLs are believed.
    pub lock: InstanceLock,
}

/// One access token, immutable: the secret, the instances it is for, and when it ends.
pub struct AccessToken {
    number: u64,
    secret: Secret,
    bearer: HeaderValue,
    instances: Instances,
    lifetime: Duration,
    expires_monotonic: Instant,
    expires_wall: SystemTime,
    scopes: Option<Scopes>,
}

/// Where a token may be sent: what its own token response named, and the endpoint that gave it.
#[derive(Debug, Clone)]
pub struct Instances {
    /// For REST calls.
    pub rest: InstanceUrl,
    /// For SOAP calls.
    pub soap: InstanceUrl,
    /// The auth host, which tells what the token stands for.
    pub auth: InstanceUrl,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl AccessToken {
    /// A token whose life counts from `sent`, the moment its request left. `None` if no header can carry the text.
    #[must_use]
    pub fn new(
        secret: &Secret,
        instances: Instances,
        sent: Now,
        lifetime: Duration,
    ) -> Option<Self> {
        Self::of_another(secret, instances, sent, lifetime, lifetime)
    }

    /// A token that has lived already, elsewhere: `remaining` counts from `asked`, of a whole `lifetime`.
    pub(crate) fn of_another(
        secret: &Secret,
        instances: Instances,
        asked: Now,
        remaining: Duration,
        lifetime: Duration,
    ) -> Option<Self> {
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", secret.expose())).ok()?;
        bearer.set_sensitive(true);
        let expires = asked.after(remaining);
        Some(Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            secret: secret.clone(),
            bearer,
            instances,
            lifetime,
            expires_monotonic: expires.monotonic,
            expires_wall: expires.wall,
            scopes: None,
        })
    }

    /// The same with the scopes that its token response names.
    #[must_use]
    pub(crate) fn granting(self, scopes: Option<Scopes>) -> Self {
        Self { scopes, ..self }
    }

    /// The scopes that its token response named, separated by spaces; `None` if it named none.
    #[must_use]
    pub fn granted_scopes(&self) -> Option<&str> {
        self.scopes.as_deref()
    }

    /// Tells this token from every other of this process; says nothing about its text.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The token itself, for an envelope.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// The value of `Authorization`, marked sensitive.
    #[must_use]
    pub fn bearer(&self) -> &HeaderValue {
        &self.bearer
    }

    /// Where REST calls with this token go.
    #[must_use]
    pub fn rest(&self) -> &InstanceUrl {
        &self.instances.rest
    }

    /// Where SOAP calls with this token go.
    #[must_use]
    pub fn soap(&self) -> &InstanceUrl {
        &self.instances.soap
    }

    /// Where to ask what this token stands for.
    #[must_use]
    pub fn auth(&self) -> &InstanceUrl {
        &self.instances.auth
    }

    /// When it ends by the wall clock.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_wall
    }

    /// From when on a call has it renewed, by the wall clock.
    #[must_use]
    pub fn renewable_from(&self, refresh_before: Duration) -> SystemTime {
        let before_end = self.renewed_before_end(refresh_before);
        let from = self.expires_wall.checked_sub(before_end);
        from.unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn renewed_before_end(&self, refresh_before: Duration) -> Duration {
        refresh_before.min(self.lifetime / 4)
    }

    /// What is left of its life by the stricter of both clocks; zero when it is over.
    #[must_use]
    pub fn remaining(&self, now: Now) -> Duration {
        let monotonic = self
            .expires_monotonic
            .saturating_duration_since(now.monotonic);
        let wall = self
            .expires_wall
            .duration_since(now.wall)
            .unwrap_or(Duration::ZERO);
        monotonic.min(wall)
    }

    /// How it may be used at this moment.
    #[must_use]
    pub fn stage(&self, now: Now, refresh_before: Duration, replayable: bool) -> Stage {
        let remaining = self.remaining(now);
        if remaining > self.renewed_before_end(refresh_before) {
            return Stage::Fresh;
        }
        // A call that leaves in the last moments may arrive with a dead token; one that cannot be replayed must not.
        let reserve = if replayable {
            Duration::from_secs(2).min(self.lifetime / 20)
        } else {
            Duration::from_secs(10).min(self.lifetime / 10)
        };
        if remaining > reserve {
            Stage::Renewable
        } else if remaining > Duration::ZERO {
            Stage::Closing
        } else {
            Stage::Over
        }
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "AccessToken(number {})", self.number)
    }
}

/// Where in its life a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Use it.
    Fresh,
    /// Use it, and see to the next one.
    Renewable,
    /// Rather wait for the next one.
    Closing,
    /// Never use it again.
    Over,
}

/// Why a mint yielded no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The endpoint says that the request itself is wrong: id, secret, grant, account or scope.
    #[error("the token endpoint refused the request: {status} {error}: {description}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// OAuth's `error`, or the vendor's `errorcode`.
        error: String,
        /// OAuth's `error_description`, or the vendor's `message`.
        description: String,
    },
    /// The endpoint could not be reached, or has trouble of its own.
    #[error("the token endpoint is not available: {cause}")]
    Unavailable {
        /// What happened.
        cause: String,
        /// How long the endpoint asked us to stay away.
        retry_after: Option<Duration>,
    },
    /// A user has to log in first, or again.
    #[error("{}", match ended { Some(why) => format!("the login of {place} has ended: {why}"), None => format!("nobody has logged in to {place} yet") })]
    LoginNeeded {
        /// What to log in to, as `login` takes it: `acme`, or `acme:510001235`.
        place: String,
        /// Why the last login has ended; `None`: there was none.
        ended: Option<String>,
    },
    /// A login that could not be renewed, and is not kept.
    #[error(
        "the login gave no refresh token, so that it could not be renewed: it lacks the scope for one (offline; of core \
         Salesforce refresh_token)"
    )]
    NoRefreshToken,
    /// What replicas share is needed, and not at hand.
    #[error("{cause}")]
    NotShared {
        /// What for, and why not.
        cause: String,
    },
    /// Another replica is about to have one; ask again in a moment.
    #[error("another replica is minting, and has no token yet")]
    Busy,
    /// The token response names an instance that is not the tenant's.
    #[error(
        "the tenant names {host} as a host of its own, which is neither below its subdomain nor in trusted_hosts"
    )]
    Untrusted {
        /// The host and port it names, or what is wrong with the URL.
        host: String,
    },
}

/// What an installed mint shares with everyone who waited for it.
pub type Minted = Result<Arc<AccessToken>, MintError>;
