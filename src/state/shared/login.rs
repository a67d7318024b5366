//! One login as replicas share it. Whoever is going to spend its refresh token marks it first, by compare-and-swap; the mark
//! keeps everybody else from sending the same one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::spending::{Mark, may_spend};
use super::{Name, Shared, SharedError, random_name, scripts, sealed};
use crate::secret::Secret;

/// A mark is dated anew so often while its owner waits for the answer.
const HOLD_INTERVAL: Duration = Duration::from_secs(1);
/// What was marked is sent within this, or not at all: others respect a mark for much longer.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
/// A write that could not be made is tried again after this, and then less and less often,
const WRITE_PAUSE_SHORTEST: Duration = Duration::from_millis(200);
/// but never less often than this while Redis is there.
const WRITE_PAUSE_LONGEST: Duration = Duration::from_secs(3);

/// What keeps a refresh token from being written is told so often.
const TELL_INTERVAL: Duration = Duration::from_secs(60);

const LEAF: &str = "login";

/// What a login reads as: sealed bytes, version, and the mark, at a time by Redis's clock, and the generation.
type Told = (Vec<u8>, u64, String, u64, String, u64, u64);

/// What is kept of a login.
pub struct LoginRecord {
    /// As it was written; `None`: nobody has logged in.
    pub content: Option<Secret>,
    /// Whether its refresh token may be sent: nobody else is about to.
    pub may_be_spent: bool,
    version: u64,
    generation: u64,
}

/// One refresh token on its way.
pub struct Spend {
    shared: Arc<Shared>,
    key: String,
    version: u64,
    /// Tells this refresh token from those before and after it.
    generation: u64,
    is_marked: AtomicBool,
}

/// What is written of a login.
enum Change {
    /// Somebody has logged in.
    New,
    /// The refresh token of this generation has a successor.
    Next(u64),
    /// It has been refused.
    End(u64),
}

impl Shared {
    /// What is kept of a login now.
    pub async fn read_login(&self, name: Name) -> Result<LoginRecord, SharedError> {
        let key = name.key(LEAF);
        let mut invocation = scripts::READ_LOGIN.prepare_invoke();
        invocation.key(&key);
        let (bytes, version, spender, since_ms, written, now_ms, generation): Told =
            self.link.ask("read_login", &key, &invocation).await?;
        let is_written = written == "1";
        let mark = (!spender.is_empty()).then_some(Mark {
            spender,
            since_ms,
            is_written,
        });
        let content = if bytes.is_empty() {
            None
        } else {
            let opened = sealed::open(self.keys(), &key, 0, &bytes);
            Some(opened.map_err(Self::fault(&key))?.0)
        };
        Ok(LoginRecord {
            content,
            may_be_spent: may_spend(
                mark.as_ref(),
                &self.process,
                now_ms,
                self.link.connected_ms(),
            ),
            version,
            generation,
        })
    }

    /// Prepares to spend what was read.
    #[must_use]
    pub fn spend(self: &Arc<Self>, name: Name, read: &LoginRecord) -> Spend {
        Spend {
            shared: Arc::clone(self),
            key: name.key(LEAF),
            version: read.version,
            generation: read.generation,
            is_marked: AtomicBool::new(false),
        }
    }

    /// Somebody has logged in: whatever was kept makes room. Goes on while Redis is away. What else keeps it from being written
    /// is told, because somebody waits who can log in again.
    pub async fn write_login(&self, name: Name, content: &Secret) -> Result<(), SharedError> {
        let key = name.key(LEAF);
        self.write_to_the_end(&key, content, Change::New)
            .await
            .map(drop)
    }

    /// A refresh token that is not written is lost, so nothing that Redis says ends this, but for a new login.
    async fn write_to_the_end(
        &self,
        key: &str,
        content: &Secret,
        change: Change,
    ) -> Result<bool, SharedError> {
        let bytes = sealed::seal(self.keys(), key, 0, content);
        let bytes = bytes.map_err(Self::fault(key))?;
        let (what, of) = match change {
            Change::New => ("new", random_name()),
            Change::Next(generation) => ("next", generation.to_string()),
            Change::End(generation) => ("end", generation.to_string()),
        };
        let mut pause = WRITE_PAUSE_SHORTEST;
        let mut told: Option<Instant> = None;
        loop {
            let mut invocation = scripts::WRITE_LOGIN.prepare_invoke();
            invocation
                .key(key)
                .arg(&bytes)
                .arg(&self.process)
                .arg(what)
                .arg(&of);
            let error = match self.link.ask("write_login", key, &invocation).await {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            let is_new = matches!(change, Change::New);
            if is_new && !matches!(error, SharedError::Away(_)) {
                return Err(error);
            }
            if told.is_none_or(|told| told.elapsed() >= TELL_INTERVAL) {
                tracing::error!(
                    cause = %error,
                    "a new refresh token is in memory alone, because Redis (state.redis_url) does not take it; until it is written, no token is minted with it"
                );
                told = Some(Instant::now());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(WRITE_PAUSE_LONGEST);
            self.link.up().await;
        }
    }
}

impl Spend {
    /// Marks the login, just before its refresh token is sent. `false`: another replica was faster, or it took too long; do
    /// not send.
    pub async fn mark(&self) -> Result<bool, SharedError> {
        let began = Instant::now();
        let mut invocation = scripts::MARK_LOGIN.prepare_invoke();
        invocation
            .key(&self.key)
            .arg(self.version)
            .arg(&self.shared.process);
        let link = &self.shared.link;
        let marked: u64 = link.ask("mark_login", &self.key, &invocation).await?;
        self.is_marked.store(marked == 1, Ordering::Relaxed);
        Ok(marked == 1 && began.elapsed() < SEND_TIMEOUT)
    }

    /// Dates the mark anew for as long as this is polled. Before there is one, an older mark of this process is left alone:
    /// to date that anew would be a change to what was read, and [`mark`](Self::mark) would fail for it.
    pub async fn hold(&self) -> Infallible {
        loop {
            tokio::time::sleep(HOLD_INTERVAL).await;
            if self.is_marked.load(Ordering::Relaxed) {
                self.tend("hold").await;
            }
        }
    }

    /// The refresh token was not taken, and may be sent by anybody.
    pub async fn clear(&self) {
        self.tend("clear").await;
    }

    async fn tend(&self, what: &str) {
        let mut invocation = scripts::TEND_MARK.prepare_invoke();
        invocation
            .key(&self.key)
            .arg(&self.shared.process)
            .arg(what);
        let link = &self.shared.link;
        let _away: Result<u64, _> = link.ask("tend_login", &self.key, &invocation).await;
    }

    /// The successor has come. Goes on until it is written. `false`: what was spent is not what is kept any more, somebody has
    /// logged in or gone on with it.
    pub async fn renew(&self, content: &Secret) -> Result<bool, SharedError> {
        self.write(content, Change::Next(self.generation)).await
    }

    /// The refresh token has been refused, and the login has ended. The same otherwise.
    pub async fn end(&self, content: &Secret) -> Result<bool, SharedError> {
        self.write(content, Change::End(self.generation)).await
    }

    async fn write(&self, content: &Secret, change: Change) -> Result<bool, SharedError> {
        let shared = &self.shared;
        shared.write_to_the_end(&self.key, content, change).await
    }
}
