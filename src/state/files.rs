//! The files on the disk: who may see them, what a crash has left of them, and writes that a crash cannot undo.
//!
//! A new file is written beside the old one, as `acme.login.new`, and takes its name when it is whole. Never changes a file
//! that is not one of ours and open.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use super::sealed::{self, FILE_SIZE_MAX, Opened};
use super::{Fault, Settings, Slot, StateError, Step};
use crate::secret::Secret;

const NEW: &str = ".new";
const DIRECTORY_MODE: u32 = 0o700;
const SET_GROUP: u32 = 0o2000;

/// Only the owner has to do with them.
pub(super) const FILE_MODE: u32 = 0o600;

/// The files of one directory, which is there.
#[derive(Debug)]
pub(super) struct Files {
    settings: Settings,
    on_step: fn(Step),
    /// Whether the directory was given to a group on purpose.
    is_shared: bool,
}

/// What is in a directory, by its names.
pub(super) struct Names {
    /// Those that have a file, or what may be one.
    pub(super) slots: BTreeSet<Slot>,
    foreign: Vec<PathBuf>,
}

/// What a write that did not come to its end has left.
enum Leftover {
    Nothing,
    /// A part, of which nobody was told that it is kept.
    Part,
    Whole(Opened),
}

impl Files {
    /// Looks at the directory itself.
    pub(super) fn new(settings: Settings, on_step: fn(Step)) -> Result<Self, StateError> {
        let directory = &settings.directory;
        let found =
            fs::metadata(directory).map_err(|error| fault(directory, Fault::unreadable(&error)))?;
        if !found.is_dir() {
            return Err(fault(directory, Fault::NoDirectory));
        }
        // A volume that a cluster hands to a group is another user's, or marked so that files in it get that group; the
        // files that we made there are given to the group too when the volume is mounted anew.
        let is_shared = !is_own(found.uid()) || found.mode() & SET_GROUP != 0;
        if is_open_to_others(found.mode(), is_shared) {
            let mode = found.mode() & 0o777;
            return Err(fault(directory, Fault::OpenDirectory(mode)));
        }
        Ok(Self {
            settings,
            on_step,
            is_shared,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.settings.directory
    }

    /// All names.
    pub(super) fn names(&self) -> Result<Names, StateError> {
        let unreadable = |error: io::Error| fault(self.directory(), Fault::unreadable(&error));
        let mut names = Names {
            slots: BTreeSet::new(),
            foreign: Vec::new(),
        };
        for entry in fs::read_dir(self.directory()).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let name = name.to_string_lossy();
            match Slot::of_file_name(name.strip_suffix(NEW).unwrap_or(&name)) {
                Some(slot) => {
                    names.slots.insert(slot);
                }
                None if name.ends_with(".login") => {
                    names.foreign.push(self.directory().join(&*name));
                }
                None => {}
            }
        }
        names.foreign.sort();
        Ok(names)
    }

    /// Opens each file, changes none. Its slots, or all that is wrong.
    pub(super) fn look(&self) -> Result<BTreeSet<Slot>, Vec<StateError>> {
        let names = self.names().map_err(|error| vec![error])?;
        let mut faults: Vec<_> = names
            .foreign
            .iter()
            .map(|path| fault(path, Fault::Foreign))
            .collect();
        for slot in &names.slots {
            faults.extend(self.opened(&self.path(slot), slot).err());
            faults.extend(self.leftover(slot).err());
        }
        if faults.is_empty() {
            Ok(names.slots)
        } else {
            Err(faults)
        }
    }

    /// Puts what a crash has left in its place, and seals under the first key what is under another.
    pub(super) fn put_in_order(&self, slot: &Slot) -> Result<(), StateError> {
        match self.current(slot)? {
            Some(opened) if opened.key != self.settings.keys.first() => {
                self.write(slot, opened.sequence.saturating_add(1), &opened.content)?;
                let (file, key) = (self.path(slot), self.settings.keys.first());
                tracing::info!(file = %file.display(), from = %opened.key, to = %key, "state sealed under the first key");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is in a slot. A newer file that a crash or a failed write has left beside it takes its place first.
    pub(super) fn current(&self, slot: &Slot) -> Result<Option<Opened>, StateError> {
        let (path, new) = (self.path(slot), self.new_path(slot));
        if !slot.is_nameable() {
            return Err(fault(&path, Fault::NoName));
        }
        let current = self.opened(&path, slot)?;
        match self.leftover(slot)? {
            Leftover::Nothing => return Ok(current),
            Leftover::Whole(opened)
                if current
                    .as_ref()
                    .is_none_or(|current| current.sequence < opened.sequence) =>
            {
                File::open(&new)
                    .and_then(|file| file.sync_all())
                    .and_then(|()| fs::rename(&new, &path))
                    .and_then(|()| sync_directory(self.directory()))
                    .map_err(|error| fault(&new, Fault::unwritable(&error)))?;
                tracing::info!(file = %path.display(), "the end of an interrupted write was made up for");
                return Ok(Some(opened));
            }
            Leftover::Part | Leftover::Whole(_) => {}
        }
        fs::remove_file(&new).map_err(|error| fault(&new, Fault::unwritable(&error)))?;
        tracing::info!(file = %new.display(), "what an interrupted write had left was removed");
        Ok(current)
    }

    /// Writes a slot's file so that whoever opens it, whenever, finds the old content or the new.
    pub(super) fn write(
        &self,
        slot: &Slot,
        sequence: u64,
        content: &Secret,
    ) -> Result<(), StateError> {
        let path = self.path(slot);
        let bytes = sealed::seal(&self.settings.keys, slot, sequence, content)
            .map_err(|what| fault(&path, what))?;
        self.replace(slot, &bytes)
            .map_err(|error| fault(&path, Fault::unwritable(&error)))
    }

    fn replace(&self, slot: &Slot, bytes: &[u8]) -> io::Result<()> {
        let new = self.new_path(slot);
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&new)?;
        (self.on_step)(Step::Created);
        let synced = file.write_all(bytes).and_then(|()| {
            (self.on_step)(Step::Written);
            file.sync_all()
        });
        if let Err(error) = synced {
            // On a full disk the part would be in the way; if it cannot go now, the next look at the slot removes it.
            let _ = fs::remove_file(&new);
            return Err(error);
        }
        (self.on_step)(Step::Synced);
        // From here on a failure leaves the new file whole, for the next look to put it in its place.
        fs::rename(&new, self.path(slot))?;
        (self.on_step)(Step::Renamed);
        sync_directory(self.directory())?;
        (self.on_step)(Step::DirectorySynced);
        Ok(())
    }

    fn leftover(&self, slot: &Slot) -> Result<Leftover, StateError> {
        match self.opened(&self.new_path(slot), slot) {
            Ok(None) => Ok(Leftover::Nothing),
            Ok(Some(opened)) => Ok(Leftover::Whole(opened)),
            Err(StateError {
                what: Fault::Truncated | Fault::Damaged,
                ..
            }) => Ok(Leftover::Part),
            Err(error) => Err(error),
        }
    }

    fn opened(&self, path: &Path, slot: &Slot) -> Result<Option<Opened>, StateError> {
        let bytes = self.bytes(path).map_err(|what| fault(path, what))?;
        bytes
            .map(|bytes| sealed::open(&self.settings.keys, slot, &bytes))
            .transpose()
            .map_err(|what| fault(path, what))
    }

    fn bytes(&self, path: &Path) -> Result<Option<Vec<u8>>, Fault> {
        let Some(file) = regular_file(path)? else {
            return Ok(None);
        };
        let found = file.metadata().map_err(|error| Fault::unreadable(&error))?;
        if is_open_to_others(found.mode(), self.is_shared || !is_own(found.uid())) {
            return Err(Fault::OpenFile(found.mode() & 0o777));
        }
        let mut bytes = Vec::new();
        let size_max = u64::try_from(FILE_SIZE_MAX).unwrap_or(u64::MAX);
        file.take(size_max.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| Fault::unreadable(&error))?;
        Ok(Some(bytes))
    }

    fn path(&self, slot: &Slot) -> PathBuf {
        self.directory().join(slot.file_name())
    }

    fn new_path(&self, slot: &Slot) -> PathBuf {
        self.directory().join(slot.file_name() + NEW)
    }
}

/// Makes a directory, and lasting.
pub(super) fn make(directory: &Path) -> Result<(), StateError> {
    if directory.exists() {
        return Ok(());
    }
    let missing: Vec<_> = directory
        .ancestors()
        .take_while(|ancestor| !is_here(ancestor) && !ancestor.exists())
        .collect();
    let made = DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory);
    made.and_then(|()| {
        let mut parents = missing.iter().filter_map(|made| made.parent());
        parents.try_for_each(sync_directory)
    })
    .map_err(|error| fault(directory, Fault::unwritable(&error)))
}

/// Whether a directory is not there but can be made.
pub(super) fn is_to_be_made(directory: &Path) -> Result<bool, StateError> {
    if directory.exists() {
        return Ok(false);
    }
    let existing = directory
        .ancestors()
        .skip(1)
        .find(|ancestor| is_here(ancestor) || ancestor.exists());
    match existing {
        Some(existing) if !is_here(existing) && !existing.is_dir() => {
            Err(fault(existing, Fault::NoDirectory))
        }
        existing => check_writable(existing.unwrap_or(directory)).map(|()| true),
    }
}

/// Whether this process could make files in a directory.
pub(super) fn check_writable(directory: &Path) -> Result<(), StateError> {
    rustix::fs::access(here(directory), Access::WRITE_OK.union(Access::EXEC_OK))
        .map_err(|error| fault(directory, Fault::unwritable(&error.into())))
}

/// Says of which file it is.
pub(super) fn fault(file: &Path, what: Fault) -> StateError {
    StateError {
        file: file.display().to_string(),
        what,
    }
}

/// A FIFO's opening would wait for a writer, so it is asked what it is first.
fn regular_file(path: &Path) -> Result<Option<File>, Fault> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if !found.is_file() => return Err(Fault::NoRegularFile),
        Ok(_regular) => File::open(path),
        Err(error) => Err(error),
    };
    match found {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::unreadable(&error)),
    }
}

/// The group counts as others unless the file was given to it.
fn is_open_to_others(mode: u32, is_shared: bool) -> bool {
    mode & 0o007 != 0 || (!is_shared && mode & 0o070 != 0)
}

fn is_own(user: u32) -> bool {
    user == rustix::process::geteuid().as_raw()
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(here(directory))?.sync_all()
}

/// The parent of a relative path of one part is nothing, which stands for the working directory.
fn is_here(directory: &Path) -> bool {
    directory.as_os_str().is_empty()
}

fn here(directory: &Path) -> &Path {
    if is_here(directory) {
        Path::new(OsStr::new("."))
    } else {
        directory
    }
}
