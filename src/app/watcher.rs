//! Looks after the configuration's files in a thread of its own, and proposes what it reads when they have changed. Looks at
//! each file once a second instead of asking the kernel for news: that sees a swapped link, a file that was renamed over, a
//! bind mount and a network file system alike.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::config::{Faults, Read, Reloadable, Resolved};

/// How often files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);
/// A file that still moves is not read.
const QUIET: Duration = Duration::from_millis(300);
/// But not for ever: what comes after this many moments of unrest is read all the same, and judged.
const UNREST_MAX: usize = 20;

/// What has been read, and where to say whether it holds.
pub(super) struct Proposal {
    pub(super) read: Result<Box<Resolved>, Faults>,
    /// The keys that have other values, and those of them that need a restart.
    pub(super) changed: Vec<String>,
    pub(super) need_restart: Vec<String>,
    /// Told `true` when it is in force.
    pub(super) verdict: SyncSender<bool>,
}

/// Makes the watcher read at once.
pub(super) struct Nudge(Sender<()>);

impl Nudge {
    pub(super) fn read_now(&self) {
        // Without a watcher there is nothing to read.
        let _gone = self.0.send(());
    }
}

/// Starts watching. It ends when what is returned is dropped.
pub(super) fn start(reloadable: Reloadable) -> std::io::Result<(Nudge, mpsc::Receiver<Proposal>)> {
    let (nudge, nudges) = channel();
    let (propose, proposals) = mpsc::channel(1);
    let watcher = Watcher {
        reloadable,
        nudges,
        propose,
    };
    std::thread::Builder::new()
        .name("configuration".to_owned())
        .spawn(move || watcher.watch())?;
    Ok((Nudge(nudge), proposals))
}

struct Watcher {
    reloadable: Reloadable,
    nudges: Receiver<()>,
    propose: mpsc::Sender<Proposal>,
}

impl Watcher {
    fn watch(mut self) {
        loop {
            let is_asked = match self.nudges.recv_timeout(INTERVAL) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Several signals at once ask for one reading.
            while self.nudges.try_recv().is_ok() {}
            if !is_asked && (!self.reloadable.has_changed() || !self.has_come_to_rest()) {
                continue;
            }
            if self.read(is_asked).is_none() {
                return;
            }
        }
    }

    /// Waits until the files do not change any more. `false`: nobody wants to know any more.
    fn has_come_to_rest(&mut self) -> bool {
        for _moment in 0..UNREST_MAX {
            let before = self.reloadable.look();
            if let Err(RecvTimeoutError::Disconnected) = self.nudges.recv_timeout(QUIET) {
                return false;
            }
            if self.reloadable.look() == before {
                break;
            }
        }
        true
    }

    /// Reads and proposes. `None`: nobody wants to know any more.
    fn read(&mut self, is_asked: bool) -> Option<()> {
        for _attempt in 0..UNREST_MAX {
            let read = match self.reloadable.read(is_asked) {
                Read::Unsteady => {
                    std::thread::sleep(QUIET);
                    continue;
                }
                Read::Same => return Some(()),
                Read::Refused(faults) => Err(faults),
                Read::New(resolved) => Ok(resolved),
            };
            let (verdict, judged) = sync_channel(1);
            let (changed, need_restart) = self.reloadable.changes();
            let proposal = Proposal {
                read,
                changed,
                need_restart,
                verdict,
            };
            self.propose.blocking_send(proposal).ok()?;
            if judged.recv().ok()? {
                self.reloadable.accept();
            }
            return Some(());
        }
        // It is looked at again in a second.
        Some(())
    }
}
