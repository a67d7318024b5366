//! Paths of an allow list, made of masked routes. Reads are merged with reads and writes with writes where all is of one root,
//! version and method; what may send is never merged.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::policy::Effect;
use crate::policy::pattern::Segment;
use crate::policy::span::{gravest_of_route, least_of_route};

/// Segments that a masked route has at most: with so many, the path may have gone on.
const SEGMENTS_MAX: usize = 3;
/// Segments that merged routes have in common: the service root and its version.
const COMMON_SEGMENTS: usize = 2;
/// What stands for an id in a masked route.
const MASK: &str = "{id}";
/// Longest method or segment that is taken over.
const WORD_LENGTH_MAX: usize = 60;

/// One pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Route {
    /// Each segment's text; `None` for any one.
    segments: Vec<Option<String>>,
    /// Whether any number of further segments may follow.
    goes_on: bool,
    method: String,
}

/// The pattern of a masked route; `None` where its service root is not known, or a part of it is none that masks leave.
pub(super) fn read(call: &str) -> Option<Route> {
    let (method, path) = call.split_once(' ')?;
    let is_method = is_word(method) && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_method || !path.starts_with('/') {
        return None;
    }
    let mut segments = Vec::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        segments.push(match segment {
            MASK => None,
            _ if is_word(segment) || is_version(segment) => Some(segment.to_owned()),
            _ => return None,
        });
    }
    // A pattern that begins with a joker would reach every service.
    if segments.first().is_some_and(Option::is_none) || segments.len() > SEGMENTS_MAX {
        return None;
    }
    Some(Route {
        goes_on: segments.len() == SEGMENTS_MAX,
        segments,
        method: method.to_owned(),
    })
}

fn is_word(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= WORD_LENGTH_MAX && text.bytes().all(letters)
}

fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix(['v', 'V']).unwrap_or_default();
    matches!(digits.len(), 1 | 2) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The fewest patterns that cover these, by path.
pub(super) fn least(routes: BTreeSet<Route>) -> Vec<Route> {
    let mut groups: BTreeMap<Route, Vec<Route>> = BTreeMap::new();
    let mut alone = BTreeSet::new();
    for route in routes {
        match route.merged() {
            Some(merged) => groups.entry(merged).or_default().push(route),
            None => drop(alone.insert(route)),
        }
    }
    for (merged, parts) in groups {
        // One effect for all: a merged pattern never reaches farther than the gravest of its parts.
        let is_alike = |part: &Route| part.gravest() == merged.gravest();
        if parts.len() > 1 && parts.iter().all(is_alike) {
            alone.insert(merged);
        } else {
            alone.extend(parts);
        }
    }
    let all: Vec<Route> = alone.into_iter().collect();
    let is_needed = |route: &Route| {
        !all.iter()
            .any(|other| other != route && other.covers(route))
    };
    let needed = all.iter().filter(|route| is_needed(route));
    needed.cloned().collect()
}

impl Route {
    /// The gravest that a call of this pattern does.
    pub(super) fn gravest(&self) -> Effect {
        gravest_of_route(&self.method, &self.pattern())
    }

    /// Whether some calls of this pattern send and others do not.
    pub(super) fn may_send(&self) -> bool {
        self.gravest() == Effect::Send
            && least_of_route(&self.method, &self.pattern()) != Effect::Send
    }

    /// What this and others below the same root and version would become.
    fn merged(&self) -> Option<Self> {
        let common = self.segments.get(..COMMON_SEGMENTS)?;
        let is_literal = common.iter().all(Option::is_some);
        if !self.goes_on || !is_literal || self.gravest() == Effect::Send {
            return None;
        }
        Some(Self {
            segments: common.to_vec(),
            goes_on: true,
            method: self.method.clone(),
        })
    }

    /// Whether every call of another pattern is one of this.
    fn covers(&self, other: &Self) -> bool {
        let by_method =
            self.method == other.method || (self.method == "GET" && other.method == "HEAD");
        let is_long_enough = if self.goes_on {
            other.segments.len() >= self.segments.len()
        } else {
            other.segments.len() == self.segments.len() && !other.goes_on
        };
        let mut both = self.segments.iter().zip(&other.segments);
        by_method && is_long_enough && both.all(|(own, their)| own.is_none() || own == their)
    }

    fn pattern(&self) -> Vec<Segment> {
        let segments = self.segments.iter().map(|segment| match segment {
            Some(text) => Segment::Literal(text.clone()),
            None => Segment::One,
        });
        segments
            .chain(self.goes_on.then_some(Segment::Any))
            .collect()
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.method)?;
        for segment in &self.segments {
            write!(formatter, "/{}", segment.as_deref().unwrap_or("*"))?;
        }
        match (self.goes_on, self.segments.is_empty()) {
            (true, _) => formatter.write_str("/**"),
            (false, true) => formatter.write_str("/"),
            (false, false) => Ok(()),
        }
    }
}
