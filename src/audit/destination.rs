//! Where the lines go, as it is open: by which name, and whether the name still leads to it. Never truncates, and never
//! waits for whoever may read.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{io, mem};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

/// Only the owner reads who called what.
const MODE: u32 = 0o600;

/// Why the audit log could not be opened, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the audit log {}: {cause}; {advice}", .file.display())]
pub struct OpenError {
    /// The file as configured.
    pub file: PathBuf,
    /// The system's word.
    pub cause: io::Error,
    advice: &'static str,
}

impl OpenError {
    fn new(file: &Path, cause: io::Error) -> Self {
        let advice = if Errno::from_io_error(&cause) == Some(Errno::NXIO) {
            "start the program that reads it first"
        } else {
            match cause.kind() {
                io::ErrorKind::IsADirectory => "name a file in this directory",
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                    "make the directory that it is to be in"
                }
                io::ErrorKind::PermissionDenied => {
                    "let the user whom the proxy runs as write there, or name another file"
                }
                io::ErrorKind::ReadOnlyFilesystem => "mount a volume there that can be written",
                _ => "name another file",
            }
        };
        Self {
            file: file.to_owned(),
            cause,
            advice,
        }
    }

    pub(super) fn no_thread(file: &Path, cause: io::Error) -> Self {
        Self {
            file: file.to_owned(),
            cause,
            advice: "allow the process one more thread",
        }
    }
}

/// An open file, FIFO or device.
pub(super) struct Destination {
    pub(super) file: File,
    /// Device and inode of a regular file; the rest cannot be rotated.
    identity: Option<(u64, u64)>,
    /// How long it was when a write failed, to be gone on with.
    stopped_at: Option<u64>,
    /// Nothing has been written since it was opened.
    fresh: bool,
}

impl Destination {
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        Self::try_open(path).map_err(|cause| OpenError::new(path, cause))
    }

    fn try_open(path: &Path) -> io::Result<Self> {
        let regular = match fs::metadata(path) {
            Ok(found) => is_regular(&found)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => return Err(error),
        };
        let mut options = OpenOptions::new();
        // Without NONBLOCK the opening of a FIFO would wait for a reader.
        let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits();
        options
            .append(true)
            .mode(MODE)
            .custom_flags(flags.cast_signed());
        let file = if regular {
            // Reading is for the last byte only; where it is not allowed, appending will do.
            match options.clone().create(true).read(true).open(path) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    options.create(true).open(path)?
                }
                opened => opened?,
            }
        } else {
            options.open(path)?
        };
        // Writing may wait: it has a thread of its own.
        fcntl_setfl(&file, fcntl_getfl(&file)?.difference(OFlags::NONBLOCK))?;
        let found = file.metadata()?;
        Ok(Self {
            identity: is_regular(&found)?.then(|| identity(&found)),
            file,
            stopped_at: None,
            fresh: true,
        })
    }

    /// Whether the file has been renamed away or deleted: the name leads to nothing, or to another file.
    pub(super) fn is_left_by(&self, path: &Path) -> bool {
        match (self.identity, fs::metadata(path)) {
            (None, _) => false,
            (Some(own), Ok(found)) => own != identity(&found),
            (Some(_), Err(error)) => error.kind() == io::ErrorKind::NotFound,
        }
    }

    /// Whether the last line has no end. What cannot be read might be torn.
    pub(super) fn is_torn(&self) -> bool {
        if self.identity.is_none() {
            return false;
        }
        match self.length() {
            None => true,
            Some(0) => false,
            Some(length) => {
                let mut last = [0];
                let read = self.file.read_exact_at(&mut last, length - 1);
                read.is_err() || last != [b'\n']
            }
        }
    }

    /// Whether what is to be written next does not simply follow what was written last: the file has just been opened, or
    /// was written or emptied by somebody else while it was full.
    pub(super) fn has_changed(&mut self) -> bool {
        let stopped_at = self.stopped_at.take();
        let fresh = mem::take(&mut self.fresh);
        fresh || (stopped_at.is_some() && stopped_at != self.length())
    }

    /// Whether writing can go on where it failed. A full disk has kept what it took; after any other failure, or where
    /// what was written has gone to somebody, it is better to open again by name.
    pub(super) fn stands_after(&mut self, error: &io::Error) -> bool {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        );
        self.stopped_at = self.length();
        full && self.identity.is_some() && self.stopped_at.is_some()
    }

    fn length(&self) -> Option<u64> {
        self.file.metadata().ok().map(|found| found.len())
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Whether it is a regular file, where a FIFO or a character device would do as well; an error for what would not.
fn is_regular(found: &Metadata) -> io::Result<bool> {
    let kind = found.file_type();
    if kind.is_dir() {
        Err(io::ErrorKind::IsADirectory.into())
    } else if kind.is_file() {
        Ok(true)
    } else if kind.is_fifo() || kind.is_char_device() {
        Ok(false)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "neither a file nor a FIFO nor a character device",
        ))
    }
}
