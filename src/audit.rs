//! The audit log: one JSON object a line, appended to a file, a FIFO or a device by a thread of its own. Never blocks
//! whoever writes a line, never rewrites what is in the file, and never loses a line without saying so.
//!
//! Lines that cannot be written wait in memory and are tried again. What happens when there are too many of them is the
//! operator's choice, [`OnError`]. A line counts as written when the system has taken it; nothing is synced to the disk.

mod batch;
mod destination;
mod line;
mod queue;
mod writer;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};

pub use destination::OpenError;
pub use line::Line;

use destination::Destination;
use queue::Queue;
use writer::Writer;

/// How long the end of the last handle waits for lines that are still to be written.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// What becomes of calls while the audit log cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// They go on. At the bound of the queue lines are lost, counted, and told of in the log.
    Continue,
    /// They are refused until all that happened before has been written.
    Refuse,
}

/// Where the audit log goes.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A file, made if it is not there; or a FIFO or a character device, such as `/dev/stdout`.
    pub file: PathBuf,
    /// What becomes of calls that cannot be recorded.
    pub on_error: OnError,
}

/// What is measured of the writing.
#[derive(Debug, Clone)]
pub struct Gauges {
    /// 1 while the file cannot be written.
    pub failing: IntGauge,
    /// Lines that were lost for want of room.
    pub lines_lost: IntCounter,
}

/// An audit log that is open. Its end waits up to two seconds for what is still to be written.
pub struct Audit {
    file: PathBuf,
    queue: Arc<Queue>,
}

impl Audit {
    /// Opens the file for appending, made with mode 0600 if it is not there, and starts the thread that writes it.
    pub fn open(settings: &Settings, gauges: Gauges) -> Result<Arc<Self>, OpenError> {
        let file = settings.file.clone();
        let open = Destination::open(&file)?;
        let queue = Arc::new(Queue::new(settings.on_error, gauges));
        let mut writer = Writer::new(file.clone(), open, Arc::clone(&queue));
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writer.run())
            .map_err(|cause| OpenError::no_thread(&file, cause))?;
        Ok(Arc::new(Self { file, queue }))
    }

    /// Whether calls may go on. With [`OnError::Refuse`] they may not from a failed write until everything is written,
    /// nor while so much waits that calls in flight need the rest of the room. A call that is refused for this is not
    /// to be written either: the room is for those that were let in.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.queue.admits()
    }

    /// Queues one line, a whole JSON object. Returns at once, whatever the disk does.
    pub fn write(&self, line: String) {
        if let Some(lost) = self.queue.put(line) {
            tell_lost(&self.file, lost);
        }
    }

    /// Opens the file again by name and lets the former one go, as after a rotation. Returns before it is done.
    pub fn reopen(&self) {
        self.queue.reopen();
    }

    /// Waits until every line that is queued now has been written; tells whether that came within the timeout. Blocks
    /// the thread.
    #[must_use]
    pub fn flush(&self, timeout: Duration) -> bool {
        self.queue.flush(timeout)
    }

    /// How many lines have been lost since the start because there was no room for them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.flush(END_TIMEOUT) {
            tracing::error!(file = %self.file.display(), lost = self.queue.waiting(), "audit lines are lost: the file did not take them before the end");
        }
        self.queue.end();
        if let Some(lost) = self.queue.untold() {
            tell_lost(&self.file, lost);
        }
    }
}

fn tell_lost(file: &Path, lost: u64) {
    tracing::warn!(file = %file.display(), lost, "audit lines were lost: they came faster than the file takes them");
}
