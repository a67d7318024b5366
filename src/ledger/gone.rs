//! Which entries had to make room and have not come back: each once, however often it came and went. Beyond its bound it
//! counts no further, and so never too many.

use std::collections::HashMap;
use std::sync::Arc;

use super::GONE_MAX;

/// Entries that are gone, by their keys; with the tenant of each, so that they can be forgotten with it.
#[derive(Clone, Default)]
pub(super) struct Gone(HashMap<u64, Arc<str>>);

impl Gone {
    /// This one had to make room.
    pub(super) fn add(&mut self, key: u64, tenant: Arc<str>) {
        if self.0.len() < GONE_MAX {
            self.0.insert(key, tenant);
        }
    }

    /// This one is there, perhaps again.
    pub(super) fn is_there(&mut self, key: u64) {
        if !self.0.is_empty() {
            self.0.remove(&key);
        }
    }

    /// Forgets those of the tenants that are not there any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|_key, tenant| is_there(tenant));
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        self.0.keys().copied()
    }
}
