//! Browsers' sessions: in memory, of a bounded number, ending by themselves. Only digests of their ids are held.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};
use zeroize::Zeroizing;

use crate::secret::{SECURE_SESSION_COOKIE, SESSION_COOKIE};

/// A session that nobody uses ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// And so does every session, a working day after it began.
const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);
pub(super) const SESSIONS_MAX: usize = 256;
/// Cookies of other names are skipped; no browser sends more of ours than this.
const COOKIES_MAX: usize = 8;

/// All sessions.
pub(super) struct Sessions {
    key: hmac::Key,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    sessions: HashMap<Digest, Session>,
    last_number: u64,
}

type Digest = [u8; digest::SHA256_OUTPUT_LEN];

struct Session {
    number: u64,
    is_signed_in: bool,
    begun: Instant,
    seen: Instant,
}

/// A browser's session, as that browser holds it.
pub(super) struct Ticket {
    id: Zeroizing<String>,
    /// Tells this session from every other of this process, and is no secret.
    pub(super) number: u64,
    /// Whether it has shown the admin token.
    pub(super) is_signed_in: bool,
    is_secure: bool,
}

impl Sessions {
    pub(super) fn new() -> Result<Self, Unspecified> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &rand::SystemRandom::new())?;
        let held = Mutex::default();
        Ok(Self { key, held })
    }

    /// The session of whoever sent these headers.
    pub(super) fn find(&self, headers: &HeaderMap, now: Instant) -> Option<Ticket> {
        let mut held = self.held();
        held.forget_old(now);
        let mut presented = cookies(headers).take(COOKIES_MAX);
        presented.find_map(|(is_secure, id)| {
            let session = held.sessions.get_mut(&digest_of(id))?;
            session.seen = now;
            Some(Ticket {
                id: Zeroizing::new(id.to_owned()),
                number: session.number,
                is_signed_in: session.is_signed_in,
                is_secure,
            })
        })
    }

    /// A new session, for a cookie that travels over https alone where `is_secure`.
    pub(super) fn begin(
        &self,
        is_signed_in: bool,
        is_secure: bool,
        now: Instant,
    ) -> Result<Ticket, Unspecified> {
        let number = self.held().next_number();
        self.insert(number, is_signed_in, is_secure, now)
    }

    fn insert(
        &self,
        number: u64,
        is_signed_in: bool,
        is_secure: bool,
        now: Instant,
    ) -> Result<Ticket, Unspecified> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut())?;
        let id = Zeroizing::new(URL_SAFE_NO_PAD.encode(&bytes[..]));
        let mut held = self.held();
        held.forget_old(now);
        held.make_room();
        let session = Session {
            number,
            is_signed_in,
            begun: now,
            seen: now,
        };
        held.sessions.insert(digest_of(&id), session);
        Ok(Ticket {
            id,
            number,
            is_signed_in,
            is_secure,
        })
    }

    /// A new id in place of the old one, which is dead from now on: whoever knew the old one has lost the session. What it has
    /// begun, as a login in another tab, goes on, unless it is worth more from now on.
    pub(super) fn rotate(
        &self,
        ticket: &Ticket,
        is_signed_in: bool,
        now: Instant,
    ) -> Result<Ticket, Unspecified> {
        self.held().sessions.remove(&digest_of(&ticket.id));
        if is_signed_in == ticket.is_signed_in {
            self.insert(ticket.number, is_signed_in, ticket.is_secure, now)
        } else {
            self.begin(is_signed_in, ticket.is_secure, now)
        }
    }

    /// What a form of this session has to carry.
    pub(super) fn form_token(&self, ticket: &Ticket) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, ticket.id.as_bytes()))
    }

    /// Whether a form carries it; in constant time.
    pub(super) fn is_form_token(&self, ticket: &Ticket, presented: &str) -> bool {
        let tag = URL_SAFE_NO_PAD.decode(presented).unwrap_or_default();
        hmac::verify(&self.key, ticket.id.as_bytes(), &tag).is_ok()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The same, for a cookie that travels over https alone if `is_secure`, or if its cookie did before.
    pub(super) fn secured(self, is_secure: bool) -> Self {
        Self {
            is_secure: self.is_secure || is_secure,
            ..self
        }
    }

    /// The value of `Set-Cookie`. Lax, not Strict: a login comes back from the vendor's site, and has to bring the session.
    pub(super) fn cookie(&self) -> Option<HeaderValue> {
        let (name, secure) = if self.is_secure {
            (SECURE_SESSION_COOKIE, "; Secure")
        } else {
            (SESSION_COOKIE, "")
        };
        let id = self.id.as_str();
        let cookie = Zeroizing::new(format!(
            "{name}={id}; HttpOnly; SameSite=Lax; Path=/{secure}"
        ));
        let mut value = HeaderValue::from_str(&cookie).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl Held {
    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn forget_old(&mut self, now: Instant) {
        self.sessions.retain(|_id, session| {
            now.saturating_duration_since(session.seen) < IDLE_TIMEOUT
                && now.saturating_duration_since(session.begun) < LIFETIME
        });
    }

    /// The session that was used least lately gives way; one that has signed in only if all have.
    fn make_room(&mut self) {
        if self.sessions.len() < SESSIONS_MAX {
            return;
        }
        let sessions = self.sessions.iter();
        let least = sessions.min_by_key(|(_id, session)| (session.is_signed_in, session.seen));
        if let Some(id) = least.map(|(id, _session)| *id) {
            self.sessions.remove(&id);
        }
    }
}

/// Ids in cookies of ours, and whether they came by the name that only https can set.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (bool, &str)> {
    let all = headers.get_all(COOKIE).iter();
    let pairs = all
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'));
    pairs.filter_map(|pair| match pair.trim().split_once('=')? {
        (SESSION_COOKIE, id) => Some((false, id)),
        (SECURE_SESSION_COOKIE, id) => Some((true, id)),
        _ => None,
    })
}

fn digest_of(id: &str) -> Digest {
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, id.as_bytes()).as_ref());
    bytes
}
