//! What arrived at the sandbox tenant, in order of arrival: the record that tests assert on.
//!
//! Never decides anything, and never grows without bound.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde::Serialize;

use super::digest;
use super::face::Face;
use super::soap::SoapEntry;

/// Entries that are kept; the oldest go first.
const ENTRIES_MAX: usize = 200_000;
/// The newest entries, whose bodies are kept up to [`BODY_KEPT_MAX`].
const ENTRIES_WITH_BODIES: usize = 1_000;
/// Bytes kept of a body while its entry is among the newest.
pub(super) const BODY_KEPT_MAX: usize = 64 * 1024;
/// Bytes kept of a body afterwards.
const BODY_AGED_MAX: usize = 4 * 1024;

/// One request as it arrived, and what was answered.
///
/// It is there from the moment when the head arrived; `status` and the body's fields follow.
#[derive(Debug, Clone, Serialize)]
pub struct Entry {
    /// Counts from 1 over all faces, in order of arrival; clearing the journal does not start anew.
    pub sequence: u64,
    /// Milliseconds from the tenant's start to the arrival of the head.
    pub at_ms: u64,
    /// The face that was called.
    pub face: Face,
    /// Which connection, counted from 1 over all faces.
    pub connection: u64,
    /// The TLS server name that the connection asked for.
    pub server_name: Option<String>,
    /// The request method.
    pub method: String,
    /// The request target exactly as it stood on the wire.
    pub target: String,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: &'static str,
    /// Names in their wire case and values, in order of arrival.
    ///
    /// For pipelined requests the wire is not seen; then names are lower case and grouped.
    pub headers: Vec<(String, String)>,
    /// Trailers of a chunked request body, names in lower case.
    pub trailers: Vec<(String, String)>,
    /// Bytes of the body that arrived.
    pub body_length: u64,
    /// SHA-256 of the bytes that arrived, in lower-case hex.
    pub body_sha256: String,
    /// The first 64 KiB of the body, or 4 KiB once a thousand newer entries have come.
    #[serde(serialize_with = "lossy")]
    pub body: Bytes,
    /// The body came to its proper end.
    pub complete: bool,
    /// The account of the token that came along, whether that still counts or not.
    pub account: Option<u64>,
    /// The token was alive.
    pub token_valid: bool,
    /// What came as a SOAP message; none on the other faces, and for what is no envelope.
    pub soap: Option<SoapEntry>,
    /// What was answered; none while that is open, and for connections that were reset instead.
    pub status: Option<u16>,
    /// What a correct proxy must never send, told in words; such requests are answered 400, or with a SOAP Fault.
    pub faults: Vec<String>,
}

impl Entry {
    /// The values of every header of that name, in order.
    #[must_use]
    pub fn header_values(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The value of the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The target without its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The kept part of the body as text.
    #[must_use]
    pub fn body_text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn lossy<S: serde::Serializer>(body: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(body))
}

/// What is known of a request when its head has arrived.
pub(super) struct Arrival {
    pub(super) face: Face,
    pub(super) connection: u64,
    pub(super) server_name: Option<String>,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) version: &'static str,
    pub(super) headers: Vec<(String, String)>,
    pub(super) faults: Vec<String>,
    pub(super) account: Option<u64>,
    pub(super) token_valid: bool,
    pub(super) bodiless: bool,
}

/// What is known of a SOAP message when it has been read.
#[derive(Default)]
pub(super) struct Message {
    /// None if it is no envelope.
    pub(super) entry: Option<SoapEntry>,
    /// The account of its token, whether that still counts or not.
    pub(super) account: Option<u64>,
    pub(super) token_valid: bool,
    /// To be added to those that are known already.
    pub(super) faults: Vec<String>,
}

/// What is known of a body when it has ended, or broken off.
pub(super) struct Received {
    pub(super) length: u64,
    pub(super) sha256: String,
    pub(super) head: Bytes,
    pub(super) trailers: Vec<(String, String)>,
    pub(super) complete: bool,
}

/// The journal; shared by all faces.
pub(super) struct Journal {
    start: Instant,
    entries: Mutex<Entries>,
}

struct Entries {
    next: u64,
    kept: VecDeque<Arc<Entry>>,
}

impl Journal {
    pub(super) fn new() -> Self {
        let entries = Entries {
            next: 1,
            kept: VecDeque::new(),
        };
        Self {
            start: Instant::now(),
            entries: Mutex::new(entries),
        }
    }

    /// Milliseconds since the tenant started.
    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Records a request whose head has arrived, and numbers it.
    pub(super) fn arrive(&self, arrival: Arrival) -> u64 {
        let body_sha256 = if arrival.bodiless {
            digest::EMPTY.to_owned()
        } else {
            String::new()
        };
        let mut entry = Entry {
            sequence: 0,
            at_ms: self.now_ms(),
            face: arrival.face,
            connection: arrival.connection,
            server_name: arrival.server_name,
            method: arrival.method,
            target: arrival.target,
            version: arrival.version,
            headers: arrival.headers,
            trailers: Vec::new(),
            body_length: 0,
            body_sha256,
            body: Bytes::new(),
            complete: arrival.bodiless,
            account: arrival.account,
            token_valid: arrival.token_valid,
            soap: None,
            status: None,
            faults: arrival.faults,
        };
        let mut entries = self.lock();
        entry.sequence = entries.next;
        entries.next += 1;
        let sequence = entry.sequence;
        entries.kept.push_back(Arc::new(entry));
        if entries.kept.len() > ENTRIES_MAX {
            entries.kept.pop_front();
        }
        entries.age();
        sequence
    }

    /// Adds what came as the body of request `sequence`.
    pub(super) fn received(&self, sequence: u64, received: Received) {
        self.change(sequence, |entry| {
            entry.body_length = received.length;
            entry.body_sha256 = received.sha256;
            entry.body = received.head;
            entry.trailers = received.trailers;
            entry.complete = received.complete;
        });
    }

    /// Adds what request `sequence` said as a SOAP message, whose token counts in place of any in the head.
    pub(super) fn understood(&self, sequence: u64, message: Message) {
        self.change(sequence, |entry| {
            entry.soap = message.entry;
            entry.account = message.account;
            entry.token_valid = message.token_valid;
            entry.faults.extend(message.faults);
        });
    }

    /// Adds what was answered to request `sequence`.
    pub(super) fn answered(&self, sequence: u64, status: u16) {
        self.change(sequence, |entry| entry.status = Some(status));
    }

    /// Entries with a sequence number above `since`, oldest first.
    pub(super) fn since(&self, since: u64) -> Vec<Arc<Entry>> {
        let entries = self.lock();
        let from = entries
            .kept
            .partition_point(|entry| entry.sequence <= since);
        entries.kept.range(from..).cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.lock().kept.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.lock().kept.len()
    }

    fn change(&self, sequence: u64, change: impl FnOnce(&mut Entry)) {
        let mut entries = self.lock();
        let first = entries
            .kept
            .front()
            .map_or(sequence, |entry| entry.sequence);
        let place = sequence
            .checked_sub(first)
            .and_then(|place| usize::try_from(place).ok());
        if let Some(entry) = place.and_then(|place| entries.kept.get_mut(place))
            && entry.sequence == sequence
        {
            change(Arc::make_mut(entry));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Shortens the body of the one entry that has just left the newest.
    fn age(&mut self) {
        let Some(place) = self.kept.len().checked_sub(ENTRIES_WITH_BODIES + 1) else {
            return;
        };
        if let Some(entry) = self.kept.get_mut(place)
            && let Some(start) = entry.body.get(..BODY_AGED_MAX)
        {
            // A slice would keep the whole buffer alive.
            let start = Bytes::copy_from_slice(start);
            Arc::make_mut(entry).body = start;
        }
    }
}
