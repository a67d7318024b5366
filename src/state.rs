//! What outlives the process: one sealed file per tenant and account in the state directory, or what replicas share on Redis.
//!
//! Knows nothing of what it keeps: bytes come in and go out. Never writes over a file that it cannot open, never takes a file
//! for another's, and never returns from a write that a crash could undo. That an older copy of the same file was put back it
//! cannot tell.

mod fault;
mod files;
mod keys;
mod lock;
mod sealed;
mod shared;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use fault::Fault;
use files::Files;
pub use keys::Keys;
use lock::Lock;
pub use shared::{
    Entered, Entry, Lease, LoginRecord, Name, RedisUrl, RedisUrlError, Shared, SharedError,
    SharedSettings, Spend, Wish,
};

use crate::secret::Secret;

const TENANT_SIZE_MAX: usize = 63;

/// Where state is kept, and under which keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The directory; made if it is not there.
    pub directory: PathBuf,
    /// The first seals, each opens.
    pub keys: Keys,
}

/// What keeps logins, and shares tokens where they are shared.
#[derive(Debug, Clone, Default)]
pub enum Keeper {
    /// Nothing outlives the process.
    #[default]
    Memory,
    /// Logins are kept in this directory.
    Directory(Arc<Directory>),
    /// Logins and access tokens are on Redis.
    Shared(Arc<Shared>),
}

impl Keeper {
    /// Whether what is kept outlives the process.
    #[must_use]
    pub fn outlives(&self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Whether both keep in the same place.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Memory, Self::Memory) => true,
            (Self::Directory(one), Self::Directory(other)) => Arc::ptr_eq(one, other),
            (Self::Shared(one), Self::Shared(other)) => Arc::ptr_eq(one, other),
            _different => false,
        }
    }

    /// What is shared with other replicas, if anything is.
    #[must_use]
    pub fn shared(&self) -> Option<&Arc<Shared>> {
        match self {
            Self::Shared(shared) => Some(shared),
            Self::Memory | Self::Directory(_) => None,
        }
    }
}

/// What one file is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot {
    /// The tenant's name, `a-z 0-9 -`.
    pub tenant: String,
    /// The account's member id; `None`: the tenant itself.
    pub account: Option<u64>,
}

impl Slot {
    /// `acme.login`, `acme@510001235.login`.
    fn file_name(&self) -> String {
        let tenant = &self.tenant;
        match self.account {
            None => format!("{tenant}.login"),
            Some(account) => format!("{tenant}@{account}.login"),
        }
    }

    /// The slot of a file's name; `None` if it is not the name of one, to the letter.
    fn of_file_name(name: &str) -> Option<Self> {
        let stem = name.strip_suffix(".login")?;
        let slot = match stem.split_once('@') {
            None => Self {
                tenant: stem.to_owned(),
                account: None,
            },
            Some((tenant, account)) => Self {
                tenant: tenant.to_owned(),
                account: Some(account.parse().ok()?),
            },
        };
        (slot.is_nameable() && slot.file_name() == name).then_some(slot)
    }

    /// Whether its name can stand in a file's, and leads nowhere else.
    fn is_nameable(&self) -> bool {
        let plain = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-');
        (1..=TENANT_SIZE_MAX).contains(&self.tenant.len()) && self.tenant.bytes().all(plain)
    }
}

/// Why state cannot be had or kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {what}")]
pub struct StateError {
    /// The file or directory.
    pub file: String,
    /// What is wrong, and what to do.
    pub what: Fault,
}

impl StateError {
    /// What is not written because of what was found, where that is the reason.
    fn of_a_write(self) -> Self {
        let what = match self.what {
            what @ (Fault::NoName | Fault::Unwritable { .. }) => what,
            what => Fault::NotOverwritten(Box::new(what)),
        };
        Self {
            file: self.file,
            what,
        }
    }
}

/// What has just been done of a write. A process may end after each, and loses nothing that was kept before; from `Written`
/// on, what is new is found again too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is an empty file beside the slot's.
    Created,
    /// All bytes were given to the system.
    Written,
    /// They are on the disk.
    Synced,
    /// The new file has taken the slot's name.
    Renamed,
    /// So it has on the disk.
    DirectorySynced,
}

/// The state directory, held by this process alone. Its methods wait for the disk.
#[derive(Debug)]
pub struct Directory {
    files: Files,
    /// One write at a time, and none beside a reader that puts a leftover in its place.
    using: Mutex<()>,
    _lock: Lock,
}

impl Directory {
    /// Opens the directory and looks at every file in it. All faults at once; if there are any, no file has been touched.
    /// What a crash has left is put in its place, and what an older key sealed is sealed under the first.
    pub fn open(settings: Settings) -> Result<Self, Vec<StateError>> {
        Self::open_watched(settings, |_step| {})
    }

    /// The same, and tells each step of each write, for tests that stop the process there.
    pub fn open_watched(settings: Settings, on_step: fn(Step)) -> Result<Self, Vec<StateError>> {
        files::make(&settings.directory).map_err(|error| vec![error])?;
        let files = Files::new(settings, on_step).map_err(|error| vec![error])?;
        let lock = lock::take(files.directory()).map_err(|error| vec![error])?;
        let slots = files.look()?;
        let faults: Vec<_> = slots
            .iter()
            .filter_map(|slot| files.put_in_order(slot).err())
            .collect();
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            files,
            using: Mutex::new(()),
            _lock: lock,
        })
    }

    /// What is kept in a slot.
    pub fn read(&self, slot: &Slot) -> Result<Option<Secret>, StateError> {
        let _using = self.using();
        let current = self.files.current(slot)?;
        Ok(current.map(|opened| opened.content))
    }

    /// Keeps this in a slot; when it returns, a crash does not lose it any more. After an error the slot has what was in it
    /// before, or this.
    pub fn write(&self, slot: &Slot, content: &Secret) -> Result<(), StateError> {
        self.write_over(slot, content, |_there| true).map(drop)
    }

    /// The same, if what is there may make room. Whether it did.
    pub fn write_over(
        &self,
        slot: &Slot,
        content: &Secret,
        may_go: impl FnOnce(&Secret) -> bool,
    ) -> Result<bool, StateError> {
        let _using = self.using();
        let current = self.files.current(slot).map_err(StateError::of_a_write)?;
        if current
            .as_ref()
            .is_some_and(|there| !may_go(&there.content))
        {
            return Ok(false);
        }
        let sequence = current.map_or(0, |opened| opened.sequence);
        self.files
            .write(slot, sequence.saturating_add(1), content)?;
        Ok(true)
    }

    /// The slots in which something is kept, in order.
    pub fn slots(&self) -> Result<Vec<Slot>, StateError> {
        let _using = self.using();
        Ok(self.files.names()?.slots.into_iter().collect())
    }

    fn using(&self) -> MutexGuard<'_, ()> {
        self.using.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `Directory::open` would find wrong now. Writes nothing, and needs no lock: another process may hold it.
#[must_use]
pub fn inspect(settings: &Settings) -> Vec<StateError> {
    let looked = match files::is_to_be_made(&settings.directory) {
        Ok(true) => return Vec::new(),
        Ok(false) => Files::new(settings.clone(), |_step| {}).map_err(|error| vec![error]),
        Err(error) => Err(vec![error]),
    };
    let faults = looked.and_then(|files| {
        files::check_writable(files.directory()).map_err(|error| vec![error])?;
        files.look()
    });
    faults.err().unwrap_or_default()
}

#[cfg(test)]
mod tests;
