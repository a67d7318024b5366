//! What passes from one configuration to the next: an account that both have keeps its cell, with its token, its rests and its
//! budget. Changes no cell before the new configuration is in force.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Endpoint;
use super::package::Key;
use super::store::Account;

/// How an account is called in metrics and logs.
#[derive(Debug, Clone)]
pub struct Labels {
    /// The tenant's name.
    pub tenant: String,
    /// The account's name, `default` or `other`.
    pub account: String,
}

/// What a change of the configuration may change of an account.
#[derive(Clone)]
pub(super) struct Terms {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) labels: Arc<Labels>,
}

/// The cells of the configuration before, while the next one takes from them.
#[derive(Default)]
pub(super) struct Succession(Mutex<Parts>);

#[derive(Default)]
struct Parts {
    left: HashMap<Key, Arc<Account>>,
    taken: Vec<(Arc<Account>, Terms)>,
}

impl Succession {
    pub(super) fn of(cells: HashMap<Key, Arc<Account>>) -> Self {
        let taken = Vec::new();
        Self(Mutex::new(Parts { left: cells, taken }))
    }

    /// The cell that this account had before. The new terms are noted, and hold once all of it is in force.
    pub(super) fn take(&self, key: &Key, terms: &Terms) -> Option<Arc<Account>> {
        let mut parts = self.parts();
        let account = parts.left.remove(key)?;
        parts.taken.push((Arc::clone(&account), terms.clone()));
        Some(account)
    }

    /// The new configuration is in force. What nobody took is forgotten.
    pub(super) fn complete(&self, forced_mints_max: u32) {
        let Parts { taken, .. } = std::mem::take(&mut *self.parts());
        for (account, terms) in taken {
            account.go_on(terms, forced_mints_max);
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
