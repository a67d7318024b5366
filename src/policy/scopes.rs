//! Which scope of an installed package a call needs, by a kept table, and where that is said.
//!
//! Pure functions over a call. Advice alone hangs on them: no call is ever held back for a scope, and what the table does not
//! know is said to be unknown.

mod example;
mod least;
mod objects;
mod reference;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use http::Method;

use super::path;
use crate::soap::envelope::{Dialect, Envelope};

pub use least::{Least, Observed, least};
pub use reference::reference;

use objects::OBJECTS;
use routes::{ROOTS, Route};

/// How well it is known that a call needs a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// It follows from the names of scopes and calls, and nobody has said it of this call.
    Inferred,
    /// Somebody has tried it and told.
    Seen,
    /// The vendor says so.
    Documented,
}

impl Certainty {
    /// Its name in the reference.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Inferred => "inferred",
            Self::Seen => "seen",
            Self::Documented => "documented",
        }
    }
}

/// The scopes that a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// The one that it is known by.
    pub scope: &'static str,
    /// Others, of which any does as well as `scope`.
    pub or: &'static [&'static str],
    /// Those that it needs beside it.
    pub and: &'static [&'static str],
    /// How well that is known.
    pub certainty: Certainty,
    /// Where it is said.
    pub source: &'static str,
}

/// What is known of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// The table has no row for it.
    Unknown,
    /// The vendor says that any token will do.
    Nothing,
    /// These scopes.
    Scopes(&'static Need),
}

impl Needs {
    /// The scopes, where any are known.
    #[must_use]
    pub fn known(self) -> Option<&'static Need> {
        match self {
            Self::Scopes(need) => Some(need),
            Self::Unknown | Self::Nothing => None,
        }
    }
}

impl Need {
    const fn new(certainty: Certainty, scope: &'static str, source: &'static str) -> Self {
        Self {
            scope,
            or: &[],
            and: &[],
            certainty,
            source,
        }
    }

    /// The scope that a call counts under, where the token has these: of several that do as well, one that is there.
    #[must_use]
    pub fn counted(&self, granted: Option<&str>) -> &'static str {
        if self.or.is_empty() {
            return self.scope;
        }
        self.alternatives()
            .find(|scope| granted.is_some_and(|granted| has(granted, scope)))
            .unwrap_or(self.scope)
    }

    /// The first scope that is needed and not among these.
    #[must_use]
    pub fn lacking(&self, granted: &str) -> Option<&'static str> {
        if !self.alternatives().any(|scope| has(granted, scope)) {
            return Some(self.scope);
        }
        self.and.iter().copied().find(|scope| !has(granted, scope))
    }

    /// Those that are needed beside the scope, as far as the token has them. There are two at most, so that all of them stand side by
    /// side, whichever they are.
    #[must_use]
    pub fn beside(&self, granted: Option<&str>) -> &'static [&'static str] {
        let mut and = self.and;
        let Some(granted) = granted else {
            return and;
        };
        while let [first, others @ ..] = and
            && !has(granted, first)
        {
            and = others;
        }
        while let [others @ .., last] = and
            && !has(granted, last)
        {
            and = others;
        }
        and
    }

    /// Every scope that is named here.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.alternatives().chain(self.and.iter().copied())
    }

    fn alternatives(&self) -> impl Iterator<Item = &'static str> {
        [self.scope].into_iter().chain(self.or.iter().copied())
    }
}

/// Whether a scope is in a list as token responses have it, separated by spaces. Asked on every call, of lists that may have all
/// scopes that there are, and so by a search instead of name by name.
fn has(granted: &str, scope: &str) -> bool {
    let bytes = granted.as_bytes();
    let is_edge = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    granted.match_indices(scope).any(|(start, _scope)| {
        let before = start.checked_sub(1).and_then(|place| bytes.get(place));
        is_edge(before) && is_edge(bytes.get(start + scope.len()))
    })
}

/// What a REST call needs. The path is raw and without query.
#[must_use]
pub fn of_route(method: &Method, path: &str) -> Needs {
    let method = match method.as_str() {
        // A server makes the answer to HEAD as it makes that to GET.
        "HEAD" => "GET",
        method => method,
    };
    if is_user_info(method, path::segments(path)) {
        return Needs::Nothing;
    }
    row(method, path).map_or(Needs::Unknown, |(_root, row)| row.needs())
}

/// The path of the row that a call is of. GET stands for HEAD.
pub(super) fn template(method: &str, path: &str) -> Option<String> {
    let (root, row) = row(method, path)?;
    Some(format!("/{root}/{}", row.path))
}

/// The row that a call is of, and its root.
fn row(method: &str, path: &str) -> Option<(&'static str, &'static Route)> {
    let mut segments = path::segments(path);
    let root = segments.next()?;
    let (root, rows) = ROOTS
        .iter()
        .find(|(name, _rows)| name.eq_ignore_ascii_case(root))?;
    let mut rows = rows.iter();
    let row = rows.find(|row| row.method == method && row.fits(segments.clone()))?;
    Some((root, row))
}

/// What a token stands for, which the auth host tells whoever has it.
fn is_user_info<'a>(method: &str, segments: impl Iterator<Item = &'a str>) -> bool {
    method == "GET" && segments.eq(["v2", "userinfo"])
}

/// What an envelope for Marketing Cloud needs. Of several object types, the first that these scopes do not suffice for.
#[must_use]
pub fn of_envelope(envelope: &Envelope, granted: Option<&str>) -> Needs {
    if envelope.dialect() != Dialect::MarketingCloud {
        return Needs::Unknown;
    }
    let Some(operation) = envelope.operation() else {
        return Needs::Unknown;
    };
    let mut found = Needs::Unknown;
    for object_type in envelope.object_types() {
        let Some(need) = of_object(operation.name(), object_type) else {
            continue;
        };
        if granted.is_some_and(|granted| need.lacking(granted).is_some()) {
            return Needs::Scopes(need);
        }
        if found == Needs::Unknown {
            found = Needs::Scopes(need);
        }
    }
    found
}

/// What an operation on objects of a type needs.
fn of_object(operation: &str, object_type: &str) -> Option<&'static Need> {
    // Rows of a data extension are asked for as `DataExtensionObject[key]`.
    let bare = object_type.split('[').next().unwrap_or_default();
    let row = OBJECTS
        .iter()
        .find(|row| row.operations.contains(&operation) && row.is_of(bare));
    row.map(|row| &row.need)
}

/// Every scope that the table names.
#[must_use]
pub fn scopes_named() -> BTreeSet<&'static str> {
    let routes = ROOTS.iter().flat_map(|(_root, rows)| rows.iter());
    let routes = routes.filter_map(|row| row.need.as_ref());
    let objects = OBJECTS.iter().map(|row| &row.need);
    routes.chain(objects).flat_map(Need::names).collect()
}
