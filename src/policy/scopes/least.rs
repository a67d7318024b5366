//! The smallest list of scopes for what was seen, and which of those granted nothing asked for. Knows nothing of what was not
//! seen: whoever prints this says for how long calls were watched.

use std::collections::BTreeSet;

use super::example::{Example, of_example};
use super::{Need, has};

/// What was seen of one tenant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Observed<'a> {
    /// The scopes that its tokens have; `None` where no token response has told.
    pub granted: Option<&'a [String]>,
    /// Those that calls needed and had.
    pub used: &'a [String],
    /// Those that calls needed and were refused without.
    pub missing: &'a [String],
    /// Names of the calls, as `GET /asset/v1/content` or `SOAP Retrieve List`.
    pub calls: &'a [String],
    /// Whether refresh tokens are needed, so that `offline` is.
    pub renews_logins: bool,
}

/// What follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Least {
    /// The smallest list that covers what was seen, by name.
    pub scope: Vec<String>,
    /// Those granted that it does without, by name.
    pub unneeded: Vec<String>,
    /// Those on the list that were not seen themselves, but are needed beside others.
    pub beside: Vec<String>,
    /// Those on the list of which no answer has told, because no call came through that would have: the table alone says so.
    pub by_table: Vec<String>,
    /// Those on the list that the tokens do not have, where it is known what these have.
    pub lacking: Vec<String>,
    /// Calls of which the table does not know what they need, or which of several scopes.
    pub unknown: Vec<String>,
}

/// What marks a tenant's tokens as renewable.
const OFFLINE: &str = "offline";

/// A list in the making.
struct List<'a> {
    /// What the tokens have, as a token response has it.
    granted: Option<&'a str>,
    missing: &'a [String],
    scope: BTreeSet<&'a str>,
    beside: BTreeSet<&'a str>,
    by_table: BTreeSet<&'a str>,
}

/// Makes out the smallest list.
#[must_use]
pub fn least(observed: &Observed<'_>) -> Least {
    let granted = observed.granted.map(|granted| granted.join(" "));
    let mut list = List {
        granted: granted.as_deref(),
        missing: observed.missing,
        scope: observed
            .used
            .iter()
            .chain(observed.missing)
            .map(String::as_str)
            .collect(),
        beside: BTreeSet::new(),
        by_table: BTreeSet::new(),
    };
    let mut needs: Vec<&'static Need> = Vec::new();
    let mut vague: Vec<(&String, Vec<&'static Need>)> = Vec::new();
    let mut unknown = BTreeSet::new();
    for call in observed.calls {
        match of_example(call) {
            Example::Unknown => drop(unknown.insert(call.clone())),
            Example::Known(need) => needs.extend(need),
            Example::Vague(any) => vague.push((call, any)),
        }
    }
    // Those that leave no choice come first, and settle the choices of others.
    needs.sort_by_key(|need| need.or.len());
    for need in needs {
        list.add(need);
    }
    let mut undecided = BTreeSet::new();
    for (call, any) in vague {
        if !any.iter().all(|need| list.suffices(need)) {
            unknown.insert(call.clone());
            undecided.extend(any.into_iter().flat_map(Need::names));
        }
    }
    if observed.renews_logins && !list.scope.is_empty() && list.scope.insert(OFFLINE) {
        list.beside.insert(OFFLINE);
    }
    let has_it = |name: &str| list.scope.contains(name) || undecided.contains(name);
    let unneeded = observed.granted.unwrap_or_default().iter();
    let unneeded: BTreeSet<&str> = unneeded
        .map(String::as_str)
        .filter(|name| !has_it(name))
        .filter(|name| *name != OFFLINE || !observed.renews_logins)
        .collect();
    let lacking = list.scope.iter().copied();
    let lacking: BTreeSet<&str> = lacking.filter(|name| !list.may_have(name)).collect();
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Least {
        unneeded: owned(unneeded),
        lacking: owned(lacking),
        scope: owned(list.scope),
        beside: owned(list.beside),
        by_table: owned(list.by_table),
        unknown: unknown.into_iter().collect(),
    }
}

impl List<'_> {
    /// Whether the tokens have this scope, or nobody knows.
    fn may_have(&self, name: &str) -> bool {
        self.granted.is_none_or(|granted| has(granted, name))
    }

    /// Adds what calls need that were seen. What the tokens lack is on the list only if a call missed it: whatever came
    /// through without it did not need it.
    fn add(&mut self, need: &'static Need) {
        let is_listed = need.alternatives().any(|name| self.scope.contains(name));
        let counted = need.counted(self.granted);
        // Not used and not missed: the calls of this need were throttled or failed, or shared an envelope with others.
        if !is_listed && self.may_have(counted) {
            self.scope.insert(counted);
            self.by_table.insert(counted);
        }
        let mut names = need.alternatives();
        let was_missed = names.any(|name| self.missing.iter().any(|missed| missed == name));
        for name in need.and {
            if (was_missed || self.may_have(name)) && self.scope.insert(name) {
                self.beside.insert(name);
            }
        }
    }

    /// Whether a call of this need finds all that it may use on the list.
    fn suffices(&self, need: &Need) -> bool {
        let listed = |name: &str| self.scope.contains(name);
        let mut and = need.and.iter();
        need.alternatives().any(listed) && and.all(|name| listed(name) || !self.may_have(name))
    }
}
