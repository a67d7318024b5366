//! Entries that are counted under a key, at most so many; the one that was seen longest ago makes room.
//!
//! A key is a keyed hash of what the entry is called, so that a known one is found without building its name.

use std::collections::HashMap;
use std::time::SystemTime;

/// Counted entries.
#[derive(Clone)]
pub(super) struct Seen<T> {
    entries: HashMap<u64, Counted<T>>,
    entries_max: usize,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Counted<T> {
    pub(super) what: T,
    pub(super) times: u64,
    pub(super) last: SystemTime,
}

impl<T> Seen<T> {
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            entries_max,
        }
    }

    /// Counts one more; `what` is built for a new entry alone. Gives back the entry that had to make room for it.
    pub(super) fn note(
        &mut self,
        key: u64,
        at: SystemTime,
        what: impl FnOnce() -> T,
    ) -> Option<(u64, T)> {
        if let Some(known) = self.entries.get_mut(&key) {
            known.times += 1;
            known.last = known.last.max(at);
            return None;
        }
        let is_full = self.entries.len() >= self.entries_max;
        let gone = if is_full { self.make_room() } else { None };
        let counted = Counted {
            what: what(),
            times: 1,
            last: at,
        };
        self.entries.insert(key, counted);
        gone
    }

    fn make_room(&mut self) -> Option<(u64, T)> {
        let entries = self.entries.iter();
        let oldest = entries.min_by_key(|(_key, counted)| counted.last);
        let key = oldest.map(|(key, _counted)| *key)?;
        let counted = self.entries.remove(&key)?;
        Some((key, counted.what))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Counted<T>> {
        self.entries.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        self.entries.keys().copied()
    }

    /// Forgets the entries of which this does not hold.
    pub(super) fn keep(&mut self, holds: impl Fn(&T) -> bool) {
        self.entries.retain(|_key, counted| holds(&counted.what));
    }
}
