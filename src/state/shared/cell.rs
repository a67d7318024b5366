//! One account's access token as replicas share it, and the lease under which one of them mints the next.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::{Name, Shared, SharedError, random_name, scripts, sealed};
use crate::clock::Now;
use crate::secret::Secret;

/// A holder that is stopped or dead has lost its lease after this.
const LEASE: Duration = Duration::from_secs(3);
/// One that lives holds it for longer, so often.
const HOLD_INTERVAL: Duration = Duration::from_secs(1);

/// What a mint asks of the others first.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The newest generation that has been seen here: only a newer one is of use.
    pub known: u64,
    /// Renew this long before a token ends, or in the last quarter of its life: what is older than that is of no use.
    pub refresh_before: Duration,
    /// The mint is for a refusal, of which all replicas together may have so many; one comes back each minute.
    pub forced_mints_max: Option<u32>,
}

/// What comes of asking.
pub enum Entered {
    /// Another replica has minted: use that.
    Newer(Entry),
    /// Mint, then publish.
    Leased(Lease),
    /// Another replica is minting.
    Busy,
    /// Refusals have caused too many mints of late.
    BudgetSpent,
}

/// A token of another replica.
pub struct Entry {
    /// Grows with each mint.
    pub generation: u64,
    /// As it was published.
    pub content: Secret,
    /// How long it lives from `asked`, by Redis's clock.
    pub remaining: Duration,
    /// Before the question left.
    pub asked: Now,
}

/// The right to mint, for as long as it is held.
pub struct Lease {
    shared: Arc<Shared>,
    name: Name,
    holder: String,
    fence: u64,
}

/// What a script tells: a word, a number, milliseconds, sealed bytes.
type Told = (String, u64, i64, Vec<u8>);

impl Shared {
    /// A newer token, or the lease to mint one, or neither.
    pub async fn enter(self: &Arc<Self>, name: Name, wish: Wish) -> Result<Entered, SharedError> {
        let token = name.key("token");
        let holder = random_name();
        let asked = Now::read();
        let budget = wish.forced_mints_max.map_or(-1, i64::from);
        let mut invocation = scripts::ENTER.prepare_invoke();
        invocation
            .key(&token)
            .key(name.key("lock"))
            .key(name.key("fence"))
            .key(name.key("forced"))
            .arg(wish.known)
            .arg(milliseconds(wish.refresh_before))
            .arg(&holder)
            .arg(milliseconds(LEASE))
            .arg(budget);
        let (word, number, left_ms, bytes): Told =
            self.link.ask("enter", &token, &invocation).await?;
        Ok(match word.as_str() {
            "newer" => Entered::Newer(self.entry(&token, number, left_ms, &bytes, asked)?),
            "leased" => Entered::Leased(Lease {
                shared: Arc::clone(self),
                name,
                holder,
                fence: number,
            }),
            "spent" => Entered::BudgetSpent,
            _ => Entered::Busy,
        })
    }

    /// The right to publish a token that came by a login, whoever is minting.
    pub async fn fence(self: &Arc<Self>, name: Name, known: u64) -> Result<Lease, SharedError> {
        let key = name.key("fence");
        let mut invocation = scripts::FENCE.prepare_invoke();
        invocation.key(&key).arg(known);
        let fence = self.link.ask("enter", &key, &invocation).await?;
        Ok(Lease {
            shared: Arc::clone(self),
            name,
            holder: random_name(),
            fence,
        })
    }

    fn entry(
        &self,
        token: &str,
        generation: u64,
        left_ms: i64,
        bytes: &[u8],
        asked: Now,
    ) -> Result<Entry, SharedError> {
        let opened = sealed::open(self.keys(), token, generation, bytes);
        let (content, _newest) = opened.map_err(Self::fault(token))?;
        Ok(Entry {
            generation,
            content,
            remaining: Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)),
            asked,
        })
    }
}

impl Lease {
    /// The generation of what is minted under this lease.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.fence
    }

    /// Holds the lease for as long as this is polled. That it is lost is found out when what was minted is published.
    pub async fn hold(&self) -> Infallible {
        let lock = self.name.key("lock");
        loop {
            tokio::time::sleep(HOLD_INTERVAL).await;
            let mut invocation = scripts::HOLD.prepare_invoke();
            invocation
                .key(&lock)
                .arg(&self.holder)
                .arg(milliseconds(LEASE));
            let _away: Result<u64, _> = self.shared.link.ask("hold", &lock, &invocation).await;
        }
    }

    /// Gives what was minted to all and the lease back. What is there instead, if it is newer.
    pub async fn publish(
        &self,
        content: &Secret,
        lifetime: Duration,
        remaining: Duration,
    ) -> Result<Option<Entry>, SharedError> {
        let token = self.name.key("token");
        let bytes = sealed::seal(self.shared.keys(), &token, self.fence, content);
        let bytes = bytes.map_err(Shared::fault(&token))?;
        let asked = Now::read();
        let mut invocation = scripts::PUBLISH.prepare_invoke();
        invocation
            .key(&token)
            .key(self.name.key("lock"))
            .arg(self.fence)
            .arg(bytes)
            .arg(milliseconds(lifetime))
            .arg(milliseconds(remaining).max(1))
            .arg(&self.holder);
        let (word, number, left_ms, bytes): Told =
            self.shared.link.ask("publish", &token, &invocation).await?;
        if word == "written" {
            return Ok(None);
        }
        let entry = self.shared.entry(&token, number, left_ms, &bytes, asked)?;
        Ok(Some(entry))
    }

    /// Gives the lease back with nothing minted, and with `refund` what a refusal has paid for it, because nobody was asked. One
    /// that cannot be given back ends by itself.
    pub async fn release(&self, refund: bool) {
        let lock = self.name.key("lock");
        let mut invocation = scripts::RELEASE.prepare_invoke();
        invocation
            .key(&lock)
            .key(self.name.key("forced"))
            .arg(&self.holder)
            .arg(u8::from(refund));
        let _away: Result<u64, _> = self.shared.link.ask("release", &lock, &invocation).await;
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
