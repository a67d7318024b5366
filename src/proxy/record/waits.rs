//! What a request waited for, and what is said of it where it took long, was refused or failed. Decides nothing.

use std::time::Duration;

use super::{Details, Record};

/// How long a request has waited for what. All attempts together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    /// For a token.
    pub(super) token: Duration,
    /// For a connection to the tenant.
    pub(super) connect: Duration,
    /// From then on for the head of the answer; the sending of the request's body is in it.
    pub(super) head: Duration,
    /// From the beginning to the head of the answer to the caller.
    pub(super) answered: Option<Duration>,
}

impl Waits {
    /// From the head of the answer to its end.
    pub(super) fn body(&self, took: Duration) -> Duration {
        let answered = self.answered.unwrap_or(took);
        took.saturating_sub(answered)
    }

    /// The longest of them, in words.
    fn longest(&self, took: Duration) -> String {
        let waits = [
            (self.token, "a token"),
            (self.connect, "a connection to the tenant"),
            (self.head, "the head of the tenant's answer"),
            (self.body(took), "the answer's body to reach the caller"),
        ];
        let longest = waits.into_iter().max_by_key(|(wait, _what)| *wait);
        let (wait, what) = longest.unwrap_or_default();
        format!("waited {} of {} for {what}", in_words(wait), in_words(took))
    }
}

fn in_words(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{}ms", duration.as_millis())
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

impl Record {
    /// So long was waited for a token.
    pub(in crate::proxy) fn waited_for_token(&self, wait: Duration) {
        // Most have one at hand, and need no lock to say so.
        if wait >= Duration::from_millis(1) {
            self.details().waits.token += wait;
        }
    }

    /// An attempt has ended after so long, with an answer or without.
    pub(super) fn attempted(&self, details: &mut Details, took: Duration) {
        let connect = self.progress.connected_after().min(took);
        details.waits.connect += connect;
        details.waits.head += took.saturating_sub(connect);
    }

    /// An attempt has ended without an answer.
    pub(in crate::proxy) fn upstream_failed(&self, took: Duration) {
        let mut details = self.details();
        self.attempted(&mut details, took);
    }
}

impl Details {
    /// Everything that led to what the caller got, outermost first.
    pub(super) fn causes(&mut self, took: Duration, is_slow: bool) -> Option<String> {
        let mut causes: Vec<String> = Vec::new();
        if let Some(refusal) = self.refusal {
            causes.extend(refusal_words(refusal).map(str::to_owned));
        }
        if let Some(outcome) = self.replay {
            causes.push(outcome.to_owned());
        }
        causes.extend(self.cause.take());
        if is_slow {
            causes.push(self.waits.longest(took));
        }
        (!causes.is_empty()).then(|| causes.join(": "))
    }
}

/// What became of a refusal, by the metric's word for it.
fn refusal_words(cause: &str) -> impl Iterator<Item = &'static str> {
    let refused = "the tenant refused the token";
    let words = match cause {
        "not_permitted" => [
            Some("the tenant took the token, but does not permit this"),
            None,
        ],
        "replayed" => [Some(refused), Some("sent again with another")],
        "route_rests" => [
            Some(refused),
            Some("not sent again, since a fresh one was refused on this route of late"),
        ],
        "account_rests" => [
            Some(refused),
            Some("not sent again, since the last fresh one has not been accepted anywhere yet"),
        ],
        "budget_spent" => [
            Some(refused),
            Some("not sent again, since limits.max_forced_mints is spent"),
        ],
        "not_replayable" => [
            Some(refused),
            Some("not sent again, since the body was not kept"),
        ],
        _ => [Some(refused), None],
    };
    words.into_iter().flatten()
}
