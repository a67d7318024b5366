//! Who may do more than look at health and metrics: whoever has the admin token. Judges; answers nobody.
//!
//! The contract wants the token only from a listener that is bound beyond loopback. Where one is configured it is wanted on
//! loopback as well: whoever went to the trouble of making a token means it, and a token that nothing asks for is a trap.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{hmac, rand};

use crate::secret::Secret;

/// So many wrong tokens at once,
const GUESSES_MAX: u32 = 10;
/// and one more each time that this passes.
const GUESS_INTERVAL: Duration = Duration::from_secs(6);
/// Addresses whose guesses are counted apart; all further ones share a count.
const PEERS_MAX: usize = 256;

/// The rule of one listener.
pub(super) struct Gate {
    rule: Rule,
    guesses: Mutex<HashMap<Option<IpAddr>, Guesses>>,
}

enum Rule {
    Open,
    /// Beyond loopback, and no token is configured.
    Shut,
    Token(Box<Known>),
}

/// The token's tag under a key of this process: comparing tags tells nothing of how alike two texts are.
struct Known {
    key: hmac::Key,
    tag: hmac::Tag,
}

#[derive(Clone, Copy)]
struct Guesses {
    wrong: f64,
    at: Instant,
}

/// What a presented token is worth.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    Wrong,
    /// Wrong, and too many were from there. In so many seconds another one is answered as `Wrong`.
    TooMany(u64),
}

/// What is wanted of whoever has shown nothing yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Nothing,
    Token,
    /// A configuration with a token in it.
    Configuration,
}

impl Gate {
    /// The rule for a listener that is bound to this address.
    pub(super) fn new(bound: SocketAddr, token: Option<&Secret>) -> Result<Self, Unspecified> {
        let rule = match token {
            Some(token) => {
                let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?;
                let tag = hmac::sign(&key, token.expose().as_bytes());
                Rule::Token(Box::new(Known { key, tag }))
            }
            None if bound.ip().to_canonical().is_loopback() => Rule::Open,
            None => Rule::Shut,
        };
        let guesses = Mutex::default();
        Ok(Self { rule, guesses })
    }

    /// What is wanted of strangers.
    pub(super) fn wanted(&self) -> Wanted {
        match self.rule {
            Rule::Open => Wanted::Nothing,
            Rule::Shut => Wanted::Configuration,
            Rule::Token(_) => Wanted::Token,
        }
    }

    /// Whether this token, or none, is what the rule was made with.
    pub(super) fn is_for(&self, token: Option<&Secret>) -> bool {
        match (&self.rule, token) {
            (Rule::Token(known), Some(token)) => {
                let token = token.expose().as_bytes();
                hmac::verify(&known.key, token, known.tag.as_ref()).is_ok()
            }
            (Rule::Token(_), None) | (_, Some(_)) => false,
            (Rule::Open | Rule::Shut, None) => true,
        }
    }

    /// Judges a token that this address presents.
    pub(super) fn judge(&self, presented: &str, peer: IpAddr, now: Instant) -> Verdict {
        let Rule::Token(known) = &self.rule else {
            return Verdict::Wrong;
        };
        // First, so that nobody's wrong tokens keep the owner out: from behind an ingress all have one address.
        if hmac::verify(&known.key, presented.as_bytes(), known.tag.as_ref()).is_ok() {
            return Verdict::Right;
        }
        let mut all = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_peer, guesses| guesses.left(now) > 0.0);
        let own = Some(network(peer));
        let counted = own.filter(|_own| all.contains_key(&own) || all.len() < PEERS_MAX);
        let wrong = all.get(&counted).map_or(0.0, |guesses| guesses.left(now));
        if wrong + 1.0 > f64::from(GUESSES_MAX) {
            let over = wrong + 1.0 - f64::from(GUESSES_MAX);
            let wait = GUESS_INTERVAL.mul_f64(over);
            return Verdict::TooMany(wait.as_secs() + 1);
        }
        let wrong = wrong + 1.0;
        all.insert(counted, Guesses { wrong, at: now });
        Verdict::Wrong
    }
}

impl Guesses {
    /// How many of them still count.
    fn left(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        (self.wrong - passed.as_secs_f64() / GUESS_INTERVAL.as_secs_f64()).max(0.0)
    }
}

/// One IPv6 customer has all addresses of a /64.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        ip => ip,
    }
}
