//! Faults on order: the next answers of a face, as a test wants them.
//!
//! Never touches sockets; it says what shall happen, and the visit makes it so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::face::Face;
use super::soap::SoapFault;
use super::switches::ErrorShape;

/// What the next matching requests get.
///
/// A script without `status`, `body` and `fault` leaves the answer as it would have been, and only delays, cuts or resets it.
/// Scripts are looked at in the order they were given; the first that matches is used up by one. A request that is
/// refused for its Host or its headers uses up none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// Only requests on this face; none: on any.
    pub face: Option<Face>,
    /// Only requests with this method.
    pub method: Option<String>,
    /// Only requests whose raw target starts so.
    pub path_prefix: Option<String>,
    /// Matching requests that pass untouched before the script begins.
    pub skip: u64,
    /// How many requests it is for; 1 by default.
    pub count: u64,
    /// The status to answer. Without a body there comes the one that the face has for that status.
    pub status: Option<u16>,
    /// The body to answer: a string goes as it stands, anything else as JSON.
    pub body: Option<Value>,
    /// Headers to add to the answer; they replace those of the same name.
    pub headers: BTreeMap<String, String>,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// Wait this long before the answer, or the reset.
    pub delay_ms: u64,
    /// Reset the connection: instead of an answer, or with `truncate_after` once so many bytes of its body are out.
    pub reset: bool,
    /// Reset the connection as soon as so many bytes of the request's body have come; 0 resets at the head.
    pub reset_after_request_bytes: Option<u64>,
    /// Break the answer's body off after so many bytes: the connection closes without a proper end.
    pub truncate_after: Option<u64>,
    /// The error shape of the body that goes with `status`.
    pub error_shape: Option<ErrorShape>,
    /// The SOAP Fault to answer, with its usual status unless `status` says another.
    pub fault: Option<SoapFault>,
    /// Answer at once, while the request's body is still coming; needs `status`, `body` or `fault`.
    pub early: bool,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            face: None,
            method: None,
            path_prefix: None,
            skip: 0,
            count: 1,
            status: None,
            body: None,
            headers: BTreeMap::new(),
            retry_after: None,
            delay_ms: 0,
            reset: false,
            reset_after_request_bytes: None,
            truncate_after: None,
            error_shape: None,
            fault: None,
            early: false,
        }
    }
}

impl Script {
    /// The keys in JSON.
    pub(super) const KEYS: &[&str] = &[
        "face",
        "method",
        "path_prefix",
        "skip",
        "count",
        "status",
        "body",
        "headers",
        "retry_after",
        "delay_ms",
        "reset",
        "reset_after_request_bytes",
        "truncate_after",
        "error_shape",
        "fault",
        "early",
    ];

    /// The next request on `face` gets `status`.
    #[must_use]
    pub fn status(face: Face, status: u16) -> Self {
        Self {
            face: Some(face),
            status: Some(status),
            ..Self::default()
        }
    }

    /// The next request on the SOAP face gets that Fault.
    #[must_use]
    pub fn fault(fault: SoapFault) -> Self {
        Self {
            face: Some(Face::Soap),
            fault: Some(fault),
            ..Self::default()
        }
    }

    /// The next request on `face` gets its answer this much later.
    #[must_use]
    pub fn delay(face: Face, delay: Duration) -> Self {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self {
            face: Some(face),
            delay_ms,
            ..Self::default()
        }
    }

    /// The next request on `face` gets a reset instead of an answer.
    #[must_use]
    pub fn reset(face: Face) -> Self {
        Self {
            face: Some(face),
            reset: true,
            ..Self::default()
        }
    }

    /// The same for `count` requests.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// The same only for targets that start with `prefix`.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.path_prefix = Some(prefix.to_owned());
        self
    }

    /// The same with that body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Value>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// It answers by itself, whatever the face would have said.
    pub(super) fn answers(&self) -> bool {
        self.status.is_some() || self.body.is_some() || self.fault.is_some()
    }

    fn matches(&self, face: Face, method: &str, target: &str) -> bool {
        self.face.is_none_or(|wanted| wanted == face)
            && self
                .method
                .as_deref()
                .is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self
                .path_prefix
                .as_deref()
                .is_none_or(|prefix| target.starts_with(prefix))
    }
}

/// The scripts that are not used up.
#[derive(Default)]
pub(super) struct Scripts(Vec<Script>);

impl Scripts {
    pub(super) fn add(&mut self, script: Script) {
        if script.count > 0 {
            self.0.push(script);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What waits, with the counts that are left.
    pub(super) fn waiting(&self) -> &[Script] {
        &self.0
    }

    /// Uses up one turn of the first script that matches.
    pub(super) fn take(&mut self, face: Face, method: &str, target: &str) -> Option<Script> {
        let place = self
            .0
            .iter()
            .position(|script| script.matches(face, method, target))?;
        let script = self.0.get_mut(place)?;
        if script.skip > 0 {
            script.skip -= 1;
            return None;
        }
        script.count -= 1;
        let taken = script.clone();
        if taken.count == 0 {
            self.0.remove(place);
        }
        Some(taken)
    }
}
