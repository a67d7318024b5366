//! The configuration again, while it is in force: which files it is made from, whether they have changed, which keys have other
//! values, and which of those wait for a restart. Tells keys, never values, and never takes half of a change.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use super::document::Document;
use super::fault::{Faults, Origin};
use super::key_path::KeyPath;
use super::layers::Values;
use super::source::{Sources, read_file};
use super::value::{LIKENESS, Value};
use super::{Depth, Resolved, gather, resolved_with};

/// Keys that hold from start to end: what they say is built once. A name that ends in a dot stands for its table.
pub(super) const FIXED: &[&str] = &[
    "admin.listen",
    "audit.",
    "limits.max_buffered_size",
    "limits.max_connections",
    "limits.workers",
    "log.format",
    "state.",
    "timeouts.connect",
    "upstream.proxy",
    "upstream.resolve_with",
];
/// Larger than any file that is named is allowed to be.
const FILE_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// Whether a key holds until the process ends.
pub(super) fn is_fixed(key: &str) -> bool {
    let fits = |fixed: &&str| key == *fixed || (fixed.ends_with('.') && key.starts_with(*fixed));
    FIXED.iter().any(fits)
}

/// What files look like from outside; nothing where there is none.
type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What was read: for each key a number that is equal for equal values and says nothing else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Inputs {
    likenesses: BTreeMap<String, u64>,
    files: BTreeSet<PathBuf>,
}

/// A configuration that is in force, and can be read again.
pub struct Reloadable {
    sources: Sources,
    in_force: Inputs,
    /// As it was read last, whether it was taken or refused.
    read: Inputs,
    stamps: Stamps,
    fixed: Values,
}

/// What came of a reading.
pub enum Read {
    /// What was read before.
    Same,
    /// It changed while it was read.
    Unsteady,
    /// It cannot be used.
    Refused(Faults),
    /// It can be used.
    New(Box<Resolved>),
}

/// The files as a whole look like this at one moment.
#[derive(PartialEq, Eq)]
pub struct Look(Stamps);

impl Reloadable {
    /// What these sources say now is about to be in force. To be made before that is read, so that no change is missed.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let (inputs, mut values) = inputs(&sources);
        values.retain_fixed();
        Self {
            stamps: look(&inputs.files),
            read: inputs.clone(),
            in_force: inputs,
            fixed: values,
            sources,
        }
    }

    /// Whether a file looks other than when it was read.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.look().0 != self.stamps
    }

    /// How the files look now.
    #[must_use]
    pub fn look(&self) -> Look {
        Look(look(self.stamps.keys()))
    }

    /// Reads all of it. Keys that wait for a restart have the value that is in force. `is_asked`: it is read even though it
    /// says what it said before.
    pub fn read(&mut self, is_asked: bool) -> Read {
        let (before, _values) = inputs(&self.sources);
        let files: BTreeSet<_> = before.files.union(&self.in_force.files).cloned().collect();
        let stamps = look(&files);
        let read = self.resolve();
        let (after, _values) = inputs(&self.sources);
        if before != after || stamps != look(&files) {
            return Read::Unsteady;
        }
        self.stamps = stamps;
        let is_same = after.likenesses == self.read.likenesses;
        self.read = after;
        match read {
            _ if is_same && !is_asked => Read::Same,
            Ok(resolved) => Read::New(Box::new(resolved)),
            Err(faults) => Read::Refused(faults),
        }
    }

    fn resolve(&self) -> Result<Resolved, Faults> {
        let mut faults = Faults::default();
        let document = self.sources.document(&mut faults);
        resolved_with(&self.sources, document.as_ref(), faults, Some(&self.fixed))
    }

    /// The keys that what was read last has other values for: those that change at once, and those that wait for a restart.
    #[must_use]
    pub fn changes(&self) -> (Vec<String>, Vec<String>) {
        let (before, after) = (&self.in_force.likenesses, &self.read.likenesses);
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed = keys.into_iter().filter(|key| {
            // The text as such is no key.
            !key.is_empty() && before.get(*key) != after.get(*key)
        });
        let (fixed, free) = changed.cloned().partition(|key| is_fixed(key));
        (free, fixed)
    }

    /// What was read last is in force.
    pub fn accept(&mut self) {
        let mut in_force = self.read.clone();
        in_force.likenesses.retain(|key, _likeness| !is_fixed(key));
        let before = self.in_force.likenesses.iter();
        let fixed = before.filter(|(key, _likeness)| is_fixed(key));
        let fixed: Vec<_> = fixed
            .map(|(key, likeness)| (key.clone(), *likeness))
            .collect();
        in_force.likenesses.extend(fixed);
        self.in_force = in_force;
    }
}

fn look<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> Stamps {
    let stamp = |file: &PathBuf| {
        // Of what links lead to: a link that leads elsewhere leads to another inode.
        let metadata = std::fs::metadata(file).ok()?;
        Some(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    };
    let files = files.into_iter();
    files.map(|file| (file.clone(), stamp(file))).collect()
}

/// What everything looks like, and the values themselves.
fn inputs(sources: &Sources) -> (Inputs, Values) {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Whole, &mut faults, None);
    let mut inputs = Inputs {
        likenesses: BTreeMap::new(),
        files: sources.places().into_iter().collect(),
    };
    if let Some(Document { text, .. }) = &document {
        let likeness = LIKENESS.hash_one(text);
        inputs.likenesses.insert(String::new(), likeness);
    }
    for (path, given) in values.all() {
        let files = named_files(sources, path, &given.value, &given.origin);
        let contents = files.iter().map(|file| read_file(file, FILE_SIZE_MAX));
        let contents: Vec<_> = contents.collect();
        let likeness = likeness(&given.value, &contents);
        inputs.likenesses.insert(path.to_string(), likeness);
        inputs.files.extend(files);
    }
    (inputs, values)
}

/// The files that a key names for what is in them.
fn named_files(sources: &Sources, path: &KeyPath, value: &Value, origin: &Origin) -> Vec<PathBuf> {
    if !path.leaf().ends_with("_file") {
        return Vec::new();
    }
    match value {
        Value::Text(text) => vec![sources.path(text, origin)],
        Value::List(items) => {
            let items = items.iter();
            items
                .map(|item| sources.path(&item.text, &item.origin))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn likeness(value: &Value, contents: &[Result<Vec<u8>, String>]) -> u64 {
    let of_value = value.likeness();
    let mut hasher = LIKENESS.build_hasher();
    (of_value, contents).hash(&mut hasher);
    std::hash::Hasher::finish(&hasher)
}
