//! Errors, merged where they are the same but for their time. The oldest makes room.

use std::sync::Arc;
use std::time::SystemTime;

use super::text::kept;
use super::{Call, ERRORS_MAX, Trouble, object_type};

/// What makes two errors the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) account: Option<Arc<str>>,
    pub(super) api: Option<&'static str>,
    pub(super) client: Arc<str>,
    pub(super) method: Arc<str>,
    /// Where there is no operation.
    pub(super) route: Option<Arc<str>>,
    pub(super) operation: Option<&'static str>,
    pub(super) object_type: Option<Arc<str>>,
    pub(super) status: u16,
    pub(super) code: Option<&'static str>,
}

/// One error, however often it was met.
#[derive(Debug, Clone)]
pub(super) struct Met {
    pub(super) key: Key,
    pub(super) times: u64,
    pub(super) last: SystemTime,
    pub(super) what: Arc<str>,
    pub(super) fix: Arc<str>,
}

/// The errors of one tenant, or of none.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors(Vec<Met>);

impl Key {
    fn of(call: &Call<'_>, trouble: &Trouble) -> Self {
        let object = call.object_types.first();
        Self {
            account: call.account.map(Arc::from),
            api: call.api,
            client: call.client.into(),
            method: call.method.into(),
            route: call.operation.is_none().then(|| call.route.into()),
            operation: call.operation,
            object_type: object.map(|object| Arc::from(&*object_type(object))),
            status: call.status,
            code: trouble.code,
        }
    }
}

impl Errors {
    pub(super) fn note(&mut self, call: &Call<'_>, trouble: &Trouble) {
        self.add(Met {
            key: Key::of(call, trouble),
            times: 1,
            last: call.at,
            what: kept(&trouble.what),
            fix: kept(&trouble.fix),
        });
    }

    /// Adds one that may be known already.
    pub(super) fn add(&mut self, met: Met) {
        let Self(known) = self;
        if let Some(same) = known.iter_mut().find(|known| known.key == met.key) {
            let times = same.times + met.times;
            if met.last >= same.last {
                *same = met;
            }
            same.times = times;
            return;
        }
        if known.len() >= ERRORS_MAX {
            let places = known.iter().enumerate();
            let oldest = places.min_by_key(|(_place, known)| known.last);
            if let Some((place, oldest)) = oldest.map(|(place, known)| (place, known.last)) {
                if oldest > met.last {
                    return;
                }
                known.swap_remove(place);
            }
        }
        known.push(met);
    }

    pub(super) fn all(&self) -> &[Met] {
        &self.0
    }

    /// The newest first.
    pub(super) fn into_sorted(self) -> Vec<Met> {
        let Self(mut all) = self;
        all.sort_by(|one, other| {
            other
                .last
                .cmp(&one.last)
                .then_with(|| one.key.cmp(&other.key))
        });
        all
    }
}
