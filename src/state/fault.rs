//! What can be wrong with state, in words that say what to do. Never quotes what is kept.

use std::io;

/// What is wrong with a file of the state directory, or with the directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The key that sealed it is not among those given.
    #[error(
        "is sealed under the key {wanted}, which is not given (given: {given}); give that key after the one that is to seal \
         from now on, or move the file away and log in again"
    )]
    KeyNotGiven {
        /// The fingerprint of the key that sealed it.
        wanted: String,
        /// The fingerprints of those given.
        given: String,
    },
    /// It is whole, but of another slot.
    #[error(
        "belongs to another tenant or account: files were swapped or renamed; call it {0} again, or move it away and log in \
         again"
    )]
    OtherSlot(String),
    /// Its end is missing.
    #[error("is cut short; put a whole copy in its place, or move it away and log in again")]
    Truncated,
    /// Its seal is broken.
    #[error(
        "is damaged or was altered; put a good copy in its place, or move it away and log in again"
    )]
    Damaged,
    /// Something else stands under its name.
    #[error("is no state of this proxy; move it away, or name another state directory")]
    Foreign,
    /// A later release wrote it.
    #[error(
        "has the format version {0}, of which this release knows nothing; run a later release, or move the file away and log \
         in again"
    )]
    LaterVersion(u32),
    /// Another kind of file.
    #[error("is no regular file; move it away")]
    NoRegularFile,
    /// The system does not let us read.
    #[error("cannot be read ({0}); let the user whom the proxy runs as read it")]
    Unreadable(String),
    /// The system does not let us write.
    #[error("cannot be written ({cause}); {advice}")]
    Unwritable {
        /// The system's word.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// A file that is open to others.
    #[error(
        "is open to others (mode {0:03o}); chmod 600 it, and log in again if others had access"
    )]
    OpenFile(u32),
    /// A directory that is open to others.
    #[error(
        "is open to others (mode {0:03o}); chmod 700 it, or name a directory in it that is not there yet, to have it made"
    )]
    OpenDirectory(u32),
    /// Not a directory.
    #[error("is no directory; name one, or a place where one can be made")]
    NoDirectory,
    /// Another process has the directory.
    #[error("is held by {0}; stop that, or name a directory for each of the two")]
    Held(String),
    /// No lock to be had here.
    #[error("cannot be locked ({0}); name a directory on a file system that has locks")]
    NoLock(String),
    /// The slot's file cannot be opened, so it is not written over.
    #[error("is not written over, for it may be of use to somebody: move it away. It {0}")]
    NotOverwritten(Box<Fault>),
    /// The slot has a name that no file can have.
    #[error("is no name for a state file: a tenant's name is made of a-z, 0-9 and -")]
    NoName,
    /// More than a file takes.
    #[error("would be longer than 64 KiB, which no login is")]
    TooLong,
    /// No nonce to be had.
    #[error("cannot be sealed: the system gives no random bytes")]
    NoRandomBytes,
}

impl Fault {
    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self::Unreadable(error.to_string())
    }

    pub(super) fn unwritable(error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::PermissionDenied => {
                "let the user whom the proxy runs as write there, or name another directory"
            }
            io::ErrorKind::ReadOnlyFilesystem => "mount a volume there that can be written",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there",
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                "put the directory back, or name one that can be made"
            }
            _ => "look after the disk, or name another directory",
        };
        Self::Unwritable {
            cause: error.to_string(),
            advice,
        }
    }
}
