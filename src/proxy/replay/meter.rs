//! Watches a request's body as it passes: how much, when last, whose turn it is, and whether it stands still.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::time::{Instant, Sleep};

use super::BoxError;
use crate::clock::uptime_milliseconds;
use crate::server::Connection;
use crate::watch::BusyGuard;

/// How far a request has come, as everyone who waits for it may ask.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Progress {
    bytes: AtomicU64,
    /// When the present attempt began, and when its head was handed to a connection.
    begun: AtomicU64,
    left: AtomicU64,
    last_moved: AtomicU64,
    /// The head was handed to a connection.
    leaving: AtomicBool,
    /// The body has wholly been handed on.
    body_ended: AtomicBool,
    /// The body's next bytes are the caller's to send.
    callers_turn: AtomicBool,
    /// The caller's body broke off or stood still.
    caller_failed: AtomicBool,
    stalled: AtomicBool,
}

impl Progress {
    /// For a request without a body, which has left as soon as its head has.
    pub(in crate::proxy) fn new(has_body: bool) -> Arc<Self> {
        let progress = Self::default();
        progress.body_ended.store(!has_body, Ordering::Relaxed);
        Arc::new(progress)
    }

    /// The head is being handed to a connection.
    pub(in crate::proxy) fn leave(&self) {
        self.touch();
        self.left
            .store(self.last_moved.load(Ordering::Relaxed), Ordering::Relaxed);
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// A second attempt begins: until its head leaves, nothing of it has left.
    pub(in crate::proxy) fn start_again(&self) {
        self.leaving.store(false, Ordering::Relaxed);
        self.begun.store(uptime_milliseconds(), Ordering::Relaxed);
    }

    /// How long the present attempt has waited for a connection.
    pub(in crate::proxy) fn connected_after(&self) -> Duration {
        let until = if self.is_leaving() {
            self.left.load(Ordering::Relaxed)
        } else {
            uptime_milliseconds()
        };
        Duration::from_millis(until.saturating_sub(self.begun.load(Ordering::Relaxed)))
    }

    /// Bytes of body taken from the caller so far.
    pub(in crate::proxy) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether anything may have left.
    pub(in crate::proxy) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Whether head and body have been handed on to their last byte.
    pub(in crate::proxy) fn has_left(&self) -> bool {
        self.is_leaving() && self.body_ended.load(Ordering::Relaxed)
    }

    /// Whether the next move is the caller's.
    pub(in crate::proxy) fn is_callers_turn(&self) -> bool {
        !self.has_left() && self.callers_turn.load(Ordering::Relaxed)
    }

    /// Whether the caller's body broke off.
    pub(in crate::proxy) fn has_caller_failed(&self) -> bool {
        self.caller_failed.load(Ordering::Relaxed)
    }

    /// Whether it did so by standing still.
    pub(in crate::proxy) fn has_stalled(&self) -> bool {
        self.stalled.load(Ordering::Relaxed)
    }

    /// How long ago anything moved.
    pub(in crate::proxy) fn quiet_for(&self) -> Duration {
        Duration::from_millis(
            uptime_milliseconds().saturating_sub(self.last_moved.load(Ordering::Relaxed)),
        )
    }

    /// Something moved.
    pub(super) fn touch(&self) {
        self.last_moved
            .store(uptime_milliseconds(), Ordering::Relaxed);
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the caller's body stood still")]
struct Stalled;

/// The watch over one body.
pub(in crate::proxy) struct Meter {
    progress: Arc<Progress>,
    connection: Arc<Connection>,
    stall_timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    _busy: BusyGuard,
}

impl Meter {
    pub(in crate::proxy) fn new(
        progress: Arc<Progress>,
        connection: Arc<Connection>,
        stall_timeout: Duration,
    ) -> Self {
        let busy = connection.busy();
        Self {
            progress,
            connection,
            stall_timeout,
            sleep: None,
            _busy: busy,
        }
    }

    /// Passes on what polling the body gave, and notes it.
    pub(super) fn watch(
        &mut self,
        context: &mut Context<'_>,
        polled: Poll<Option<Result<Frame<Bytes>, hyper::Error>>>,
        ended: bool,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = polled else {
            self.progress.callers_turn.store(true, Ordering::Relaxed);
            return if self.stands_still(context) {
                Poll::Ready(Some(Err(self.fail(Box::new(Stalled)))))
            } else {
                Poll::Pending
            };
        };
        self.progress.callers_turn.store(false, Ordering::Relaxed);
        self.progress.touch();
        self.sleep = None;
        if ended || frame.is_none() {
            self.progress.body_ended.store(true, Ordering::Relaxed);
        }
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                let size = frame.data_ref().map_or(0, Bytes::len);
                self.progress
                    .bytes
                    .fetch_add(u64::try_from(size).unwrap_or(u64::MAX), Ordering::Relaxed);
                Some(Ok(frame))
            }
            Some(Err(error)) => Some(Err(self.fail(Box::new(error)))),
            None => None,
        })
    }

    fn stands_still(&mut self, context: &mut Context<'_>) -> bool {
        let limit = self.stall_timeout;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        let over = sleep.as_mut().poll(context).is_ready();
        if over {
            self.progress.stalled.store(true, Ordering::Relaxed);
        }
        over
    }

    fn fail(&self, error: BoxError) -> BoxError {
        self.progress.caller_failed.store(true, Ordering::Relaxed);
        error
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if !self.progress.body_ended.load(Ordering::Relaxed) {
            self.connection.request_was_left_unread();
        }
    }
}
