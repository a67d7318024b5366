//! Overdue connections: each socket notes when it moved, and one sweep a second per worker ends those that did not.
//!
//! There is no timer per connection or per request here, so an idle connection costs a few words.

use std::pin::Pin;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use std::{fmt, io};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;

use crate::clock::uptime_milliseconds;

/// Why a connection is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// A request's head began and did not end in time.
    Head,
    /// No request came.
    Idle,
    /// The peer took no byte of what we had to write.
    Write,
}

impl fmt::Display for Overdue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Head => "the request head did not arrive in time",
            Self::Idle => "no request came",
            Self::Write => "the peer stopped reading",
        })
    }
}

/// How long a connection may be in each state.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Without any request.
    pub idle: Duration,
    /// With bytes to write that the peer does not take.
    pub write: Duration,
}

impl Patience {
    /// How often to look, so that a limit is overrun by a tenth at most, and by a second at most.
    #[must_use]
    pub fn interval(&self) -> Duration {
        (self.head.min(self.idle).min(self.write) / 10)
            .clamp(Duration::from_millis(10), Duration::from_secs(1))
    }
}

/// What one socket did last. Times are [`uptime_milliseconds`]; 0 means "not so".
#[derive(Debug, Default)]
pub struct Activity {
    busy: AtomicU32,
    idle_since: AtomicU64,
    head_since: AtomicU64,
    write_blocked_since: AtomicU64,
}

impl Activity {
    /// A connection that has just been opened.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let activity = Self::default();
        activity
            .idle_since
            .store(uptime_milliseconds(), Ordering::Relaxed);
        Arc::new(activity)
    }

    /// Holds the connection busy (not idle, not in a head) until the guard is dropped.
    pub fn busy(self: &Arc<Self>) -> BusyGuard {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.head_since.store(0, Ordering::Relaxed);
        BusyGuard(Arc::clone(self))
    }

    /// What is overdue at this moment, if anything.
    #[must_use]
    pub fn overdue(&self, now_milliseconds: u64, patience: &Patience) -> Option<Overdue> {
        let passed = |since: &AtomicU64, limit: Duration| {
            let since = since.load(Ordering::Relaxed);
            since != 0 && u128::from(now_milliseconds.saturating_sub(since)) >= limit.as_millis()
        };
        if passed(&self.write_blocked_since, patience.write) {
            return Some(Overdue::Write);
        }
        if self.busy.load(Ordering::Relaxed) > 0 {
            return None;
        }
        if passed(&self.head_since, patience.head) {
            return Some(Overdue::Head);
        }
        if self.head_since.load(Ordering::Relaxed) == 0 && passed(&self.idle_since, patience.idle) {
            return Some(Overdue::Idle);
        }
        None
    }

    /// What was read so far was no request's head, but a handshake that is over: the connection idles from now on.
    pub fn settle(&self) {
        self.head_since.store(0, Ordering::Relaxed);
        self.idle_since
            .store(uptime_milliseconds(), Ordering::Relaxed);
    }

    fn note_read(&self) {
        if self.busy.load(Ordering::Relaxed) == 0 && self.head_since.load(Ordering::Relaxed) == 0 {
            self.head_since
                .store(uptime_milliseconds(), Ordering::Relaxed);
        }
    }

    fn note_write(&self, blocked: bool) {
        let since = self.write_blocked_since.load(Ordering::Relaxed);
        if blocked && since == 0 {
            self.write_blocked_since
                .store(uptime_milliseconds(), Ordering::Relaxed);
        } else if !blocked && since != 0 {
            self.write_blocked_since.store(0, Ordering::Relaxed);
        }
    }
}

/// Keeps a connection from counting as idle.
#[derive(Debug)]
pub struct BusyGuard(Arc<Activity>);

impl Drop for BusyGuard {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.head_since.store(0, Ordering::Relaxed);
            self.0
                .idle_since
                .store(uptime_milliseconds(), Ordering::Relaxed);
        }
    }
}

/// A socket that notes what it does in its [`Activity`].
#[derive(Debug)]
pub struct Watched<S> {
    socket: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    /// Watches a socket.
    pub fn new(socket: S, activity: Arc<Activity>) -> Self {
        Self { socket, activity }
    }

    /// The socket itself.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// The socket itself again.
    pub fn into_inner(self) -> S {
        self.socket
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.socket).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.note_read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.activity.note_write(polled.is_pending());
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.activity.note_write(polled.is_pending());
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.socket).poll_flush(context);
        self.activity.note_write(polled.is_pending());
        polled
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// The connections of one worker that a sweep looks at, each with what its owner wants to remember of it.
#[derive(Debug)]
pub struct Watchlist<T> {
    entries: Mutex<Vec<Entry<T>>>,
}

#[derive(Debug)]
struct Entry<T> {
    activity: Arc<Activity>,
    task: AbortHandle,
    of: T,
}

impl<T> Default for Watchlist<T> {
    fn default() -> Self {
        Self {
            entries: Mutex::new(Vec::new()),
        }
    }
}

impl<T> Watchlist<T> {
    /// Puts a connection's task on the list; a sweep takes it off when it has ended.
    pub fn add(&self, activity: Arc<Activity>, task: AbortHandle, of: T) {
        let mut entries = self.entries();
        // Between two sweeps short connections pile up; this keeps the list in proportion to the live ones.
        if entries.len() == entries.capacity() {
            entries.retain(|entry| !entry.task.is_finished());
        }
        entries.push(Entry { activity, task, of });
    }

    /// Takes ended tasks off the list and ends overdue ones; tells the reason of each.
    pub fn sweep(&self, patience: &Patience) -> Vec<Overdue> {
        let now = uptime_milliseconds();
        let mut ended = Vec::new();
        self.entries().retain(|entry| {
            if entry.task.is_finished() {
                return false;
            }
            let Some(reason) = entry.activity.overdue(now, patience) else {
                return true;
            };
            entry.task.abort();
            ended.push(reason);
            false
        });
        ended
    }

    /// What the owner remembered, as `look` sees it; the list is not held while the result is used.
    pub fn map<R>(&self, mut look: impl FnMut(&T) -> R) -> Vec<R> {
        self.entries().iter().map(|entry| look(&entry.of)).collect()
    }

    /// Ends those connections whose owner's memory of them says so.
    pub fn end(&self, mut holds: impl FnMut(&T) -> bool) {
        self.entries().retain(|entry| {
            let ends = holds(&entry.of);
            if ends {
                entry.task.abort();
            }
            !ends
        });
    }

    /// Ends every connection on the list.
    pub fn end_all(&self) {
        for entry in self.entries().drain(..) {
            entry.task.abort();
        }
    }

    fn entries(&self) -> MutexGuard<'_, Vec<Entry<T>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
