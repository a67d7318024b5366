//! What one client called: the last calls in a ring whose texts are written over, and the distinct ones.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::gone::Gone;
use super::scopes::Uses;
use super::seen::Seen;
use super::text::kept;
use super::{
    CALLS_MAX, Call, CallName, LAST_CALLS_MAX, OBJECT_TYPES_MAX, WOULD_REFUSE_MAX, object_type,
};

/// One client's calls.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) last: Vec<Last>,
    /// The place of the oldest once the ring is full.
    next: usize,
    pub(super) distinct: Seen<Distinct>,
    /// Distinct ones that had to make room.
    pub(super) gone: Gone,
    pub(super) would_refuse: Seen<Refusable>,
    /// The most object types that one envelope had beyond what is remembered: at least so many calls are left out.
    pub(super) types_left_out: usize,
    /// Calls that no policy would let through, because it is unclear what they do.
    pub(super) unclear: Uses,
    /// Calls whose envelopes name other accounts than the one that they are for.
    pub(super) names_accounts: Uses,
}

/// A call that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) at: Option<SystemTime>,
    pub(super) tenant: Option<String>,
    pub(super) account: Option<String>,
    pub(super) api: Option<&'static str>,
    pub(super) method: String,
    pub(super) route: Option<String>,
    pub(super) operation: Option<&'static str>,
    pub(super) object_type: Option<String>,
    pub(super) status: u16,
    pub(super) duration: Duration,
}

/// A kind of call.
#[derive(Clone)]
pub(super) struct Distinct {
    pub(super) tenant: Arc<str>,
    pub(super) account: Arc<str>,
    pub(super) call: Arc<str>,
}

/// A kind of call that would be refused.
#[derive(Clone)]
pub(super) struct Refusable {
    pub(super) code: &'static str,
    pub(super) call: Arc<str>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            last: Vec::new(),
            next: 0,
            distinct: Seen::new(CALLS_MAX),
            gone: Gone::default(),
            would_refuse: Seen::new(WOULD_REFUSE_MAX),
            types_left_out: 0,
            unclear: Uses::default(),
            names_accounts: Uses::default(),
        }
    }
}

impl Calls {
    pub(super) fn note(&mut self, call: &Call<'_>, hashing: &RandomState) {
        self.note_last(call);
        if let (true, Some(tenant)) = (call.permitted, call.tenant) {
            self.note_permitted(call, tenant, hashing);
        }
        if let Some(code) = call.would_refuse {
            each_name(call, |name| {
                let key = hashing.hash_one((code, name));
                self.would_refuse.note(key, call.at, || Refusable {
                    code,
                    call: kept(&name.to_string()),
                });
            });
        }
    }

    /// Forgets the calls of tenants that are not there any more.
    pub(super) fn keep(&mut self, is_there: impl Fn(&str) -> bool) {
        self.distinct.keep(|distinct| is_there(&distinct.tenant));
        self.gone.keep(&is_there);
        self.last
            .retain(|last| last.tenant.as_deref().is_none_or(&is_there));
        // The oldest comes first again.
        self.last.sort_by_key(|last| last.at);
        self.next = 0;
    }

    fn note_permitted(&mut self, call: &Call<'_>, tenant: &str, hashing: &RandomState) {
        let account = call.account.unwrap_or_default();
        let beyond = call.object_types.len().saturating_sub(OBJECT_TYPES_MAX);
        let left_out = beyond + call.object_types_left_out;
        self.types_left_out = self.types_left_out.max(left_out);
        if call.unclear {
            self.unclear.note(call.at, || example(call));
        }
        if call.names_accounts {
            self.names_accounts.note(call.at, || example(call));
        }
        each_name(call, |name| {
            let key = hashing.hash_one((tenant, account, name));
            self.gone.is_there(key);
            let gone = self.distinct.note(key, call.at, || Distinct {
                tenant: tenant.into(),
                account: account.into(),
                call: kept(&name.to_string()),
            });
            if let Some((key, gone)) = gone {
                self.gone.add(key, gone.tenant);
            }
        });
    }

    fn note_last(&mut self, call: &Call<'_>) {
        if self.last.len() < LAST_CALLS_MAX {
            self.last.push(Last::default());
            self.next = self.last.len() - 1;
        }
        if let Some(place) = self.last.get_mut(self.next) {
            place.write(call);
        }
        self.next = (self.next + 1) % LAST_CALLS_MAX;
    }
}

impl Last {
    /// Writes over what stood here, in the space that it had.
    fn write(&mut self, call: &Call<'_>) {
        self.at = Some(call.at);
        write_over(&mut self.tenant, call.tenant);
        write_over(&mut self.account, call.account);
        self.api = call.api;
        self.method.clear();
        self.method.push_str(call.method);
        let route = call.operation.is_none().then_some(call.route);
        write_over(&mut self.route, route);
        self.operation = call.operation;
        let object = call.object_types.first().map(|object| object_type(object));
        write_over(&mut self.object_type, object.as_deref());
        self.status = call.status;
        self.duration = call.duration;
    }
}

fn write_over(place: &mut Option<String>, text: Option<&str>) {
    match (place.as_mut(), text) {
        (Some(place), Some(text)) => {
            place.clear();
            place.push_str(text);
        }
        (None, Some(text)) => *place = Some(text.to_owned()),
        (_, None) => *place = None,
    }
}

/// A call with several object types is one of each, and one without a type if an object of it says none.
fn each_name(call: &Call<'_>, mut told: impl FnMut(CallName<'_>)) {
    let Some(operation) = call.operation else {
        return told(CallName::Rest(call.method, call.route));
    };
    if call.object_types.is_empty() || call.untyped_objects {
        told(CallName::Soap(operation, None));
    }
    for object in call.object_types.iter().take(OBJECT_TYPES_MAX) {
        told(CallName::Soap(operation, Some(&object_type(object))));
    }
}

/// The call by its first object type, for an example.
pub(super) fn example(call: &Call<'_>) -> Box<str> {
    let object = call.object_types.first().map(|object| object_type(object));
    let name = match call.operation {
        None => CallName::Rest(call.method, call.route),
        Some(operation) => CallName::Soap(operation, object.as_deref()),
    };
    kept(&name.to_string())
}
