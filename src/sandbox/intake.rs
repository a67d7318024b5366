//! Reads a request's body to its end: counts it, digests it, keeps a bounded part, and tells the journal.
//!
//! Also when it breaks off, or whoever waited for it is gone: what has come is recorded all the same.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::digest::{EMPTY, Sha256};
use super::journal::{BODY_KEPT_MAX, Received};
use super::listen::Connection;
use super::shared::Shared;

/// A body that has ended.
pub(super) struct Content {
    /// The first bytes, as many as were to be kept.
    pub(super) kept: Bytes,
    pub(super) length: u64,
    pub(super) sha256: String,
    pub(super) complete: bool,
}

impl Content {
    pub(super) fn none() -> Self {
        Self {
            kept: Bytes::new(),
            length: 0,
            sha256: EMPTY.to_owned(),
            complete: true,
        }
    }

    /// All of it was kept.
    pub(super) fn whole(&self) -> bool {
        self.complete && self.kept.len() as u64 == self.length
    }
}

/// How a body is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    /// Bytes to keep for whoever answers.
    pub(super) keep_max: usize,
    /// Reset the connection once so many bytes have come.
    pub(super) reset_after: Option<u64>,
}

struct Intake {
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    sequence: u64,
    sha256: Sha256,
    length: u64,
    kept: Vec<u8>,
    trailers: Vec<(String, String)>,
    complete: bool,
    recorded: bool,
}

/// Reads `body`, that of the request numbered `sequence`.
pub(super) async fn read(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    sequence: u64,
    mut body: Incoming,
    reading: Reading,
) -> Content {
    if body.is_end_stream() {
        return Content::none();
    }
    let mut intake = Intake {
        shared,
        connection,
        sequence,
        sha256: Sha256::new(),
        length: 0,
        kept: Vec::new(),
        trailers: Vec::new(),
        complete: false,
        recorded: false,
    };
    let keep_max = reading.keep_max.max(BODY_KEPT_MAX);
    loop {
        if reading
            .reset_after
            .is_some_and(|bytes| intake.length >= bytes)
        {
            intake.connection.lever.reset();
            std::future::pending::<()>().await;
        }
        match body.frame().await {
            None => break intake.complete = true,
            Some(Err(_)) => break,
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => intake.take(&data, keep_max),
                Err(frame) => intake.take_trailers(frame.trailers_ref()),
            },
        }
    }
    intake.finish()
}

impl Intake {
    fn take(&mut self, data: &Bytes, keep_max: usize) {
        self.sha256.update(data);
        self.length += data.len() as u64;
        let room = keep_max.saturating_sub(self.kept.len()).min(data.len());
        if let Some(start) = data.get(..room) {
            self.kept.extend_from_slice(start);
        }
    }

    fn finish(&mut self) -> Content {
        self.recorded = true;
        if self.complete {
            self.connection.tap.expect_head();
        }
        let kept = Bytes::from(std::mem::take(&mut self.kept));
        // A slice would keep the whole buffer alive for as long as the journal remembers.
        let head = kept
            .get(..BODY_KEPT_MAX)
            .map_or_else(|| kept.clone(), Bytes::copy_from_slice);
        let sha256 = self.sha256.hex();
        let received = Received {
            length: self.length,
            sha256: sha256.clone(),
            head,
            trailers: std::mem::take(&mut self.trailers),
            complete: self.complete,
        };
        self.shared.journal.received(self.sequence, received);
        Content {
            kept,
            length: self.length,
            sha256,
            complete: self.complete,
        }
    }

    fn take_trailers(&mut self, trailers: Option<&http::HeaderMap>) {
        for (name, value) in trailers.into_iter().flatten() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            self.trailers.push((name.to_string(), value));
        }
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        if !self.recorded {
            self.finish();
        }
    }
}
