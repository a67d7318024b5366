//! What calls a pattern of a path may match, and how grave the mildest and the gravest of them are. Never looks at one call.

use std::collections::BTreeSet;

use super::Effect;
use super::effect::of_route;
use super::path;
use super::pattern::Segment;
use super::table::{READING, ROUTES, Route};

/// What stands for jokers where some segment has to: a word that is nowhere in the table.
const ANY_WORD: &str = "x";

/// The mildest effect among all calls that a pattern may match.
pub(super) fn least_of_route(method: &str, pattern: &[Segment]) -> Effect {
    if method == "*" || READING.contains(&method) {
        return Effect::Read;
    }
    let of_rows = ROUTES
        .iter()
        .filter(|row| row.method == method && meets(pattern, &parse_row(row.path)))
        .map(|row| row.effect);
    of_rows
        .chain(of_others(method, pattern))
        .min()
        .unwrap_or(Effect::Send)
}

/// The gravest effect among all calls that a pattern of one method may match.
pub(super) fn gravest_of_route(method: &str, pattern: &[Segment]) -> Effect {
    let of_row = |row: &Route| {
        let words = path::segments(row.path).map(|segment| match segment {
            "*" | "**" => ANY_WORD,
            literal => literal,
        });
        of_route(method, words.collect::<Vec<_>>().into_iter())
    };
    // A row of another method counts as well: where one sends, others are not trusted.
    let of_rows = ROUTES
        .iter()
        .filter(|row| meets(pattern, &parse_row(row.path)))
        .map(of_row);
    of_rows
        .chain(of_others(method, pattern))
        .max()
        .unwrap_or(Effect::Send)
}

/// The effects of some paths that no row may know.
fn of_others(method: &str, pattern: &[Segment]) -> impl Iterator<Item = Effect> {
    (0..=2).map(move |depth| {
        let words = pattern.iter().flat_map(|segment| match segment {
            Segment::Any => vec![ANY_WORD; depth],
            Segment::One => vec![ANY_WORD],
            Segment::Literal(text) => vec![text.as_str()],
        });
        of_route(method, words.collect::<Vec<_>>().into_iter())
    })
}

fn parse_row(path: &str) -> Vec<Segment> {
    path::segments(path)
        .map(|segment| match segment {
            "**" => Segment::Any,
            "*" => Segment::One,
            literal => Segment::Literal(literal.to_owned()),
        })
        .collect()
}

/// Whether some path matches both. Walks both at once, remembering only how far into each it may have come.
fn meets(one: &[Segment], other: &[Segment]) -> bool {
    let mut open = vec![(0, 0)];
    let mut seen = BTreeSet::new();
    while let Some((left, right)) = open.pop() {
        if !seen.insert((left, right)) {
            continue;
        }
        match (one.get(left), other.get(right)) {
            (None, None) => return true,
            (this, that) => {
                if this == Some(&Segment::Any) {
                    open.push((left + 1, right));
                    open.extend(that.map(|_swallowed| (left, right + 1)));
                }
                if that == Some(&Segment::Any) {
                    open.push((left, right + 1));
                    open.extend(this.map(|_swallowed| (left + 1, right)));
                }
                if let (Some(this), Some(that)) = (this, that)
                    && same(this, that)
                {
                    open.push((left + 1, right + 1));
                }
            }
        }
    }
    false
}

fn same(one: &Segment, other: &Segment) -> bool {
    match (one, other) {
        (Segment::Literal(one), Segment::Literal(other)) => one.eq_ignore_ascii_case(other),
        _ => true,
    }
}
