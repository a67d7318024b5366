//! Which scopes the calls of one tenant need, and what the tenant said of each. There are as many as the table of scopes has.

use std::collections::HashMap;
use std::time::SystemTime;

use super::Said;

/// What was seen of one scope.
#[derive(Debug, Clone, Default)]
pub(super) struct ScopeSeen {
    pub(super) accepted: Uses,
    pub(super) missing: Uses,
}

/// How often, when last, and by which call.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) calls: u64,
    pub(super) last: Option<SystemTime>,
    pub(super) example: Box<str>,
}

/// The scopes of one tenant.
#[derive(Debug, Default)]
pub(super) struct Scopes(pub(super) HashMap<&'static str, ScopeSeen>);

impl Scopes {
    pub(super) fn note(
        &mut self,
        scope: &'static str,
        said: Said,
        at: SystemTime,
        example: impl FnOnce() -> Box<str>,
    ) {
        let seen = self.0.entry(scope).or_default();
        let uses = match said {
            Said::Accepted => &mut seen.accepted,
            Said::Missing => &mut seen.missing,
        };
        uses.note(at, example);
    }
}

impl Uses {
    pub(super) fn note(&mut self, at: SystemTime, example: impl FnOnce() -> Box<str>) {
        if self.calls == 0 {
            self.example = example();
        }
        self.calls += 1;
        self.last = self.last.max(Some(at));
    }

    pub(super) fn add(&mut self, other: &Self) {
        if other.last > self.last {
            self.example.clone_from(&other.example);
        }
        self.calls += other.calls;
        self.last = self.last.max(other.last);
    }
}
