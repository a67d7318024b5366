//! What stands between those who write lines and the thread that writes the file. Never holds its lock over the disk.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Gauges, OnError};

/// Lines that may wait; with `refuse`, calls are refused when three quarters of it are taken.
pub(super) const LINES_MAX: u64 = 8192;
/// With `refuse`, calls that were in flight by then are still recorded: room for more of them than there are connections.
pub(super) const LINES_MAX_IN_FLIGHT: u64 = 65_536;
const REFUSED_FROM: u64 = LINES_MAX / 4 * 3;
/// From this many bytes on, a write takes no further line.
const BATCH_SIZE_MAX: usize = 256 * 1024;
/// Losses are told of no more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// What the writing thread is to do next.
pub(super) struct Work {
    /// Open the file again by name.
    pub(super) reopen: bool,
    /// Write these.
    pub(super) lines: Vec<String>,
}

pub(super) struct Queue {
    on_error: OnError,
    gauges: Gauges,
    state: Mutex<State>,
    /// The writing thread waits for something to do.
    work: Condvar,
    /// Whoever flushes waits for the writing thread.
    progress: Condvar,
    /// Follows from the state; beside it, so that a call's question costs no lock.
    refuses: AtomicBool,
}

#[derive(Default)]
struct State {
    lines: VecDeque<String>,
    /// Lines that ever came in, and those of them that have gone out; in between is what memory holds.
    queued: u64,
    written: u64,
    lost: u64,
    told: u64,
    told_at: Option<Instant>,
    failing: bool,
    reopen: bool,
    ended: bool,
    /// The writing thread waits and nobody has woken it.
    idle: bool,
}

impl State {
    fn waiting(&self) -> u64 {
        self.queued - self.written
    }

    fn untold(&mut self) -> Option<u64> {
        let untold = self.lost - self.told;
        self.told = self.lost;
        (untold > 0).then_some(untold)
    }

    fn untold_if_due(&mut self) -> Option<u64> {
        if self.told_at.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
            return None;
        }
        let untold = self.untold()?;
        self.told_at = Some(Instant::now());
        Some(untold)
    }
}

/// For those who write lines.
impl Queue {
    pub(super) fn new(on_error: OnError, gauges: Gauges) -> Self {
        Self {
            on_error,
            gauges,
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
            refuses: AtomicBool::new(false),
        }
    }

    pub(super) fn admits(&self) -> bool {
        !self.refuses.load(Ordering::Acquire)
    }

    /// Takes a line, if there is room; tells how many were lost when it is time to tell that.
    pub(super) fn put(&self, line: String) -> Option<u64> {
        // A newline in JSON stands between values only, so a blank says the same.
        let line = if line.contains('\n') {
            line.replace('\n', " ")
        } else {
            line
        };
        let room = match self.on_error {
            OnError::Continue => LINES_MAX,
            OnError::Refuse => LINES_MAX + LINES_MAX_IN_FLIGHT,
        };
        let mut state = self.state();
        if state.waiting() >= room {
            state.lost += 1;
            self.gauges.lines_lost.inc();
            return state.untold_if_due();
        }
        state.lines.push_back(line);
        state.queued += 1;
        self.settle(&state);
        let idle = mem::take(&mut state.idle);
        drop(state);
        if idle {
            self.work.notify_one();
        }
        None
    }

    pub(super) fn reopen(&self) {
        self.state().reopen = true;
        self.work.notify_one();
    }

    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let state = self.state();
        let last = state.queued;
        let (state, _timeout) = self
            .progress
            .wait_timeout_while(state, timeout, |state| state.written < last)
            .unwrap_or_else(PoisonError::into_inner);
        state.written >= last
    }

    /// Nothing will be queued any more: the thread writes what it can still write and ends.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.work.notify_one();
    }

    pub(super) fn waiting(&self) -> u64 {
        self.state().waiting()
    }

    pub(super) fn lost(&self) -> u64 {
        self.state().lost
    }

    /// Lines whose loss has not been told of.
    pub(super) fn untold(&self) -> Option<u64> {
        self.state().untold()
    }

    fn settle(&self, state: &State) {
        let refuses =
            self.on_error == OnError::Refuse && (state.failing || state.waiting() >= REFUSED_FROM);
        self.refuses.store(refuses, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the writing thread.
impl Queue {
    /// Waits for something to do; `None` at the end. A thread that has not done with what it took is given no more lines.
    pub(super) fn next(&self, unfinished: bool) -> Option<Work> {
        let mut state = self.state();
        loop {
            let reopen = mem::take(&mut state.reopen);
            if unfinished || reopen || !state.lines.is_empty() {
                let lines = if unfinished {
                    Vec::new()
                } else {
                    first(&mut state.lines)
                };
                return Some(Work { reopen, lines });
            }
            if state.ended {
                return None;
            }
            state.idle = true;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle = false;
        }
    }

    /// So many lines were written; tells whether that ended a time of failures.
    pub(super) fn wrote(&self, lines: u64) -> bool {
        let mut state = self.state();
        state.written += lines;
        let recovered = state.failing && state.waiting() == 0;
        if recovered {
            state.failing = false;
            self.gauges.failing.set(0);
        }
        self.settle(&state);
        drop(state);
        self.progress.notify_all();
        recovered
    }

    pub(super) fn failed(&self) {
        let mut state = self.state();
        state.failing = true;
        self.gauges.failing.set(1);
        self.settle(&state);
    }

    /// Waits before another attempt, but for a wish to reopen; false if there is to be none.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let (state, _timeout) = self
            .work
            .wait_timeout_while(self.state(), pause, |state| !state.reopen && !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
        !state.ended
    }

    /// Lines whose loss has not been told of, when it is time to.
    pub(super) fn untold_if_due(&self) -> Option<u64> {
        self.state().untold_if_due()
    }
}

fn first(lines: &mut VecDeque<String>) -> Vec<String> {
    let mut size = 0;
    let count = lines
        .iter()
        .take_while(|line| {
            let fits = size < BATCH_SIZE_MAX;
            size += line.len() + 1;
            fits
        })
        .count();
    lines.drain(..count).collect()
}
