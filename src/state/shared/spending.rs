//! Whether a login may be spent now, as a pure function: Redis's clock comes in as an argument.
//!
//! A refresh token is spent by being sent. Whoever is going to send one marks it before; a mark of somebody else is respected
//! until it is certain that no answer will be written any more.

use std::time::Duration;

/// How long somebody else's mark is respected after it was dated last. Its owner dates it anew each second while it lives.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long the access token that came with a successor is waited for.
const SETTLING: Duration = Duration::from_secs(1);

/// Somebody is spending a login, or was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// Who: a random name for each process.
    pub(super) spender: String,
    /// When it was dated last, in ms by Redis's clock.
    pub(super) since_ms: u64,
    /// The successor is there: the access token that came with it follows, and will do for others too.
    pub(super) is_written: bool,
}

/// Whether `me` may send the refresh token. Times are in ms by Redis's clock. Before this connection began the owner may have
/// been cut off from Redis as we were, with the answer in its hands, so that time does not count.
pub(super) fn may_spend(mark: Option<&Mark>, me: &str, now_ms: u64, connected_ms: u64) -> bool {
    mark.is_none_or(|mark| {
        let (from_ms, patience) = if mark.is_written {
            (mark.since_ms, SETTLING)
        } else {
            (mark.since_ms.max(connected_ms), PATIENCE)
        };
        let waited = Duration::from_millis(now_ms.saturating_sub(from_ms));
        mark.spender == me || waited >= patience
    })
}
