//! One process at a time. The lock ends with the process, however that ends; the file stays, and says who has or had it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process;

use super::files::{FILE_MODE, fault};
use super::{Fault, StateError};

const NAME: &str = "lock";
const HOLDER_SIZE_MAX: u64 = 300;

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would do, but for a program that is just being started and has not let go of our files yet.
        let _ = self.0.unlock();
    }
}

/// Locks a directory.
pub(super) fn take(directory: &Path) -> Result<Lock, StateError> {
    let path = directory.join(NAME);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(|error| fault(&path, Fault::unwritable(&error)))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(fault(directory, Fault::Held(holder(&file)))),
        Err(TryLockError::Error(error)) => {
            return Err(fault(directory, Fault::NoLock(error.to_string())));
        }
    }
    let mut lock = Lock(file);
    lock.0
        .set_len(0)
        .and_then(|()| lock.0.write_all(own_name().as_bytes()))
        .map_err(|error| fault(&path, Fault::unwritable(&error)))?;
    Ok(lock)
}

/// With the host's name, because in a container every proxy is process 1.
fn own_name() -> String {
    let host = rustix::system::uname();
    format!(
        "process {} on {}",
        process::id(),
        host.nodename().to_string_lossy()
    )
}

fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(HOLDER_SIZE_MAX).read_to_string(&mut text);
    if read.is_err() || !text.starts_with("process ") || text.contains(char::is_control) {
        return "another process".to_owned();
    }
    text
}
