//! The smallest list of scopes for what was seen, and which of those granted nothing asked for. Knows nothing of what was not
//! seen: whoever prints this says for how long calls were watched.

use std::collections::BTreeSet;

use super::example::{Example, of_example};

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
    /// Calls of which the table does not know what they need.
    pub unknown: Vec<String>,
}

/// What marks a tenant's tokens as renewable.
const OFFLINE: &str = "offline";

/// Makes out the smallest list.
#[must_use]
pub fn least(observed: &Observed<'_>) -> Least {
    let mut scope: BTreeSet<&str> = observed
        .used
        .iter()
        .chain(observed.missing)
        .map(String::as_str)
        .collect();
    let mut beside = BTreeSet::new();
    let mut unknown = BTreeSet::new();
    for call in observed.calls {
        match of_example(call) {
            Example::Unknown => drop(unknown.insert(call.clone())),
            // Whatever it counted under is among those used or missed already.
            Example::Known(Some(need)) if need.alternatives().any(|name| scope.contains(name)) => {
                beside.extend(need.and.iter().filter(|name| !scope.contains(*name)));
            }
            Example::Known(_) | Example::Vague => {}
        }
    }
    scope.extend(&beside);
    let wants_offline = observed.renews_logins && !scope.is_empty();
    if wants_offline && scope.insert(OFFLINE) {
        beside.insert(OFFLINE);
    }
    let granted = observed.granted.unwrap_or_default().iter();
    let unneeded: BTreeSet<&str> = granted
        .map(String::as_str)
        .filter(|name| !scope.contains(name))
        .filter(|name| *name != OFFLINE || !observed.renews_logins)
        .collect();
    let owned = |names: BTreeSet<&str>| names.into_iter().map(str::to_owned).collect();
    Least {
        unneeded: owned(unneeded),
        scope: owned(scope),
        beside: owned(beside),
        unknown: unknown.into_iter().collect(),
    }
}
