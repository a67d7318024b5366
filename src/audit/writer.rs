//! The thread that writes the file. Never gives up on a line that it has taken: it writes, or waits and tries again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, mem};

use super::batch::Batch;
use super::destination::{Destination, OpenError};
use super::queue::Queue;
use super::tell_lost;

/// Between a failed attempt and the next.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The name is looked at no more often than this, to see whether it still leads to the open file.
const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// A failure that lasts is told of no more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{0}")]
    Write(io::Error),
}

pub(super) struct Writer {
    path: PathBuf,
    queue: Arc<Queue>,
    /// `None` after a failure that it did not survive.
    open: Option<Destination>,
    /// The file is to be opened again by name.
    stale: bool,
    batch: Option<Batch>,
    /// When the name was last seen to lead to the open file.
    looked_at: Option<Instant>,
    /// The present failure has been told of.
    told: bool,
    told_at: Option<Instant>,
}

impl Writer {
    pub(super) fn new(path: PathBuf, open: Destination, queue: Arc<Queue>) -> Self {
        Self {
            path,
            queue,
            open: Some(open),
            stale: false,
            batch: None,
            looked_at: Some(Instant::now()),
            told: false,
            told_at: None,
        }
    }

    /// Writes until the end of the queue.
    pub(super) fn run(&mut self) {
        loop {
            let unfinished = self.batch.is_some() || self.open.is_none();
            let Some(work) = self.queue.next(unfinished) else {
                return;
            };
            self.stale |= work.reopen;
            if !work.lines.is_empty() {
                self.batch = Some(Batch::new(&work.lines));
            }
            match self.attempt() {
                Ok(()) => self.succeeded(),
                Err(failure) => {
                    self.queue.failed();
                    self.tell(&failure);
                    // The file may be moved to make room.
                    self.looked_at = None;
                    if !self.queue.pause(RETRY_PAUSE) {
                        return;
                    }
                }
            }
        }
    }

    fn attempt(&mut self) -> Result<(), Failure> {
        self.leave_if_left();
        let stale = mem::take(&mut self.stale);
        let mut open = match self.open.take() {
            Some(open) if !stale => open,
            former => self.open_after(former)?,
        };
        if let Some(batch) = &mut self.batch {
            if open.has_changed() {
                batch.begin_line_again(open.is_torn());
            }
            if let Err(error) = batch.write_to(&mut open.file) {
                self.open = open.stands_after(&error).then_some(open);
                return Err(Failure::Write(error));
            }
        }
        self.open = Some(open);
        Ok(())
    }

    /// Opens before the former is closed: the reader of a FIFO would take it for the end if no writer were left.
    fn open_after(&mut self, former: Option<Destination>) -> Result<Destination, OpenError> {
        self.looked_at = Some(Instant::now());
        let opened = Destination::open(&self.path);
        drop(former);
        opened
    }

    /// Notices that the file was renamed away or deleted.
    fn leave_if_left(&mut self) {
        let Some(open) = &self.open else { return };
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOKED_EVERY) {
            return;
        }
        self.looked_at = Some(Instant::now());
        if open.is_left_by(&self.path) {
            tracing::info!(file = %self.path.display(), "the audit log was moved or deleted; it is begun anew");
            self.stale = true;
        }
    }

    fn succeeded(&mut self) {
        let lines = self.batch.take().map_or(0, |batch| batch.lines());
        if self.queue.wrote(lines) && mem::take(&mut self.told) {
            tracing::info!(file = %self.path.display(), "the audit log is written again");
        }
        if let Some(lost) = self.queue.untold_if_due() {
            tell_lost(&self.path, lost);
        }
    }

    fn tell(&mut self, failure: &Failure) {
        if self.told_at.is_some_and(|at| at.elapsed() < TOLD_EVERY) {
            return;
        }
        self.told = true;
        self.told_at = Some(Instant::now());
        tracing::error!(
            file = %self.path.display(),
            cause = %failure,
            waiting = self.queue.waiting(),
            "the audit log cannot be written; lines wait in memory and are tried again"
        );
    }
}
