//! What replicas share on Redis or Valkey: access tokens that end by themselves, one lease for each mint, and logins.
//!
//! Knows nothing of what it keeps: sealed bytes come in and go out. Every question is bounded, and fails at once while Redis
//! is away. Never writes over what is newer, nor over what is sealed under a key that is not given.

mod cell;
mod complaint;
mod link;
mod login;
mod scripts;
mod sealed;
mod spending;
mod url;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::{Fault, Keys};
use crate::metrics::Metrics;
use link::Link;

pub use cell::{Entered, Entry, Lease, Wish};
pub use login::{LoginRecord, Spend};
pub use url::{RedisUrl, RedisUrlError};

/// Who asks so soon after the start waits for the first connection.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// What every name of ours begins with.
const PREFIX: &str = "sfmc-auth-proxy:";

/// Where state is shared, and under which keys.
#[derive(Clone)]
pub struct SharedSettings {
    /// The server.
    pub url: RedisUrl,
    /// The first seals, each opens.
    pub keys: Keys,
    /// Roots to trust beyond the system's, where the URL asks for TLS.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

/// Why nothing can be shared now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// It is not reached, or does not answer in time.
    #[error("Redis (state.redis_url) is away: {0}")]
    Away(String),
    /// The other replicas have another key.
    #[error("the other replicas at this Redis (state.redis_url) have another state.key")]
    Foreign,
    /// What is there cannot be opened, or ours cannot be sealed.
    #[error("what Redis (state.redis_url) holds under {name} cannot be used: {what}")]
    Fault {
        /// Its name there.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// What one thing is called in Redis: a digest of whatever tells it from others.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name([u8; 16]);

impl Name {
    /// The name of what these parts tell, in their order; a missing part is not an empty one.
    #[must_use]
    pub fn of(parts: &[Option<&str>]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            context.update(&length.to_be_bytes());
            context.update(part.unwrap_or_default().as_bytes());
        }
        let whole = context.finish();
        Self(whole.as_ref().first_chunk().copied().unwrap_or_default())
    }

    /// The whole name. The braces keep all that belongs together on one node of a cluster.
    fn key(self, leaf: &str) -> String {
        let number = u128::from_be_bytes(self.0);
        format!("{PREFIX}{{{number:032x}}}:{leaf}")
    }
}

/// What replicas share. The connection is opened and kept in the background for as long as this lives.
pub struct Shared {
    link: Arc<Link>,
    /// This process, to others: random, and new with each start.
    process: String,
    started: Instant,
    keeping: AbortHandle,
}

impl Shared {
    /// Begins to connect, on the current runtime; waits for nothing. `tls` is for a URL that asks for it.
    #[must_use]
    pub fn start(
        settings: SharedSettings,
        tls: Option<Arc<ClientConfig>>,
        metrics: Arc<Metrics>,
    ) -> Arc<Self> {
        let link = Arc::new(Link::new(settings, tls, metrics));
        let keeping = tokio::spawn(Arc::clone(&link).keep()).abort_handle();
        Arc::new(Self {
            link,
            process: random_name(),
            started: Instant::now(),
            keeping,
        })
    }

    /// Whether Redis has ever been reached.
    #[must_use]
    pub fn has_been_reached(&self) -> bool {
        self.link.has_been_reached()
    }

    /// Whether Redis has ever been reached. In the first seconds this waits for it.
    pub async fn has_begun(&self) -> bool {
        let by = self.started + START_TIMEOUT;
        self.has_been_reached() || timeout_at(by, self.reached()).await.is_ok()
    }

    /// Waits until it has.
    pub async fn reached(&self) {
        self.link.reached().await;
    }

    /// Waits until it is reached now.
    pub async fn up(&self) {
        self.link.up().await;
    }

    fn fault(name: &str) -> impl FnOnce(Fault) -> SharedError {
        let name = name.to_owned();
        move |fault| {
            let what = words(&fault);
            SharedError::Fault { name, what }
        }
    }

    fn keys(&self) -> &Keys {
        &self.link.settings().keys
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

impl fmt::Debug for SharedSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SharedSettings({}, {:?})", self.url, self.keys)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Shared({})", self.link.settings().url)
    }
}

/// What is wrong with a value, where it is in no file.
fn words(fault: &Fault) -> String {
    match fault {
        Fault::KeyNotGiven { wanted, given } => {
            format!("it is sealed under the key {wanted}, which is not given (given: {given})")
        }
        Fault::TooLong => "it would be too long".to_owned(),
        Fault::NoRandomBytes => "the system gives no random bytes".to_owned(),
        _damaged => "it is damaged, or was not written by this release of the proxy".to_owned(),
    }
}

/// Tells holders apart; guards nothing.
fn random_name() -> String {
    format!("{:032x}", fastrand::u128(..))
}
