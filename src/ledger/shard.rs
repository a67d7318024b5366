//! What some of the threads have noted. Knows no lock.

use std::collections::HashMap;
use std::hash::RandomState;
use std::sync::Arc;

use super::calls::{Calls, example};
use super::errors::Errors;
use super::roll::Roll;
use super::scopes::Scopes;
use super::{ANYONE, Call};

/// One shard.
#[derive(Default)]
pub(super) struct Shard {
    pub(super) tenants: HashMap<Arc<str>, Tenant>,
    pub(super) clients: HashMap<Arc<str>, Calls>,
    /// Errors that belong to no tenant.
    pub(super) errors: Errors,
}

/// What was seen of one tenant.
#[derive(Default)]
pub(super) struct Tenant {
    pub(super) errors: Errors,
    pub(super) scopes: Scopes,
}

/// Of whom something was seen.
pub(super) struct Names {
    pub(super) tenants: Vec<Arc<str>>,
    pub(super) clients: Vec<Arc<str>>,
}

impl Shard {
    pub(super) fn names(&self) -> Names {
        Names {
            tenants: self.tenants.keys().cloned().collect(),
            clients: self.clients.keys().cloned().collect(),
        }
    }

    /// A copy of what was seen of that tenant.
    pub(super) fn tenant(&self, name: &str) -> Option<Tenant> {
        let seen = self.tenants.get(name)?;
        Some(Tenant {
            errors: seen.errors.clone(),
            scopes: Scopes(seen.scopes.0.clone()),
        })
    }

    pub(super) fn note(&mut self, call: &Call<'_>, hashing: &RandomState) {
        with_entry(&mut self.clients, call.client, |calls| {
            calls.note(call, hashing)
        });
        if call.trouble.is_none() && call.scopes.is_none() {
            return;
        }
        match call.tenant {
            Some(name) => with_entry(&mut self.tenants, name, |tenant| tenant.note(call)),
            None => {
                if let Some(trouble) = &call.trouble {
                    self.errors.note(call, trouble);
                }
            }
        }
    }

    pub(super) fn keep(&mut self, roll: &Roll) {
        self.tenants.retain(|tenant, _seen| roll.has_tenant(tenant));
        self.clients
            .retain(|client, _seen| client.as_ref() == ANYONE || roll.has_client(client));
        for calls in self.clients.values_mut() {
            calls.keep(|tenant| roll.has_tenant(tenant));
        }
    }
}

impl Tenant {
    fn note(&mut self, call: &Call<'_>) {
        if let Some(scopes) = call.scopes {
            for scope in [&scopes.scope].into_iter().chain(scopes.beside) {
                self.scopes
                    .note(scope, scopes.said, call.at, || example(call));
            }
        }
        if let Some(trouble) = &call.trouble {
            self.errors.note(call, trouble);
        }
    }
}

/// Does this with the entry of that name. A name that is known is not copied.
fn with_entry<T: Default>(map: &mut HashMap<Arc<str>, T>, name: &str, act: impl FnOnce(&mut T)) {
    if let Some(known) = map.get_mut(name) {
        return act(known);
    }
    let mut new = T::default();
    act(&mut new);
    map.insert(name.into(), new);
}
