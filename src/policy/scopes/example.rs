//! What a call needs of which only its masked name is left, as logs and records have it: `GET /asset/v1/content` or
//! `SOAP Retrieve List`. What such a name leaves open stays open.

use super::routes::{ROOTS, Route};
use super::{Need, is_user_info, of_object, path};

/// Segments that a masked path has at most.
const SEGMENTS_MAX: usize = 3;
/// What stands for an id in it.
const MASK: &str = "{id}";

/// What is known of the calls of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Example {
    /// No row of the table can be theirs.
    Unknown,
    /// Rows that need different scopes can: each of these, or nothing.
    Vague(Vec<&'static Need>),
    /// They need these, or nothing.
    Known(Option<&'static Need>),
}

/// What the calls of this name need.
pub(super) fn of_example(call: &str) -> Example {
    let mut words = call.split_ascii_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return Example::Unknown;
    };
    if first == "SOAP" {
        let need = words.next().and_then(|name| of_object(second, name));
        return need.map_or(Example::Unknown, |need| Example::Known(Some(need)));
    }
    let method = if first == "HEAD" { "GET" } else { first };
    of_masked(method, second)
}

fn of_masked(method: &str, masked: &str) -> Example {
    let segments: Vec<&str> = path::segments(masked).collect();
    if is_user_info(method, segments.iter().copied()) {
        return Example::Known(None);
    }
    let Some((root, below)) = segments.split_first() else {
        return Example::Unknown;
    };
    let rows = ROOTS
        .iter()
        .find(|(name, _rows)| name.eq_ignore_ascii_case(root));
    let rows = rows.map_or(&[][..], |(_name, rows)| rows);
    let goes_on = segments.len() >= SEGMENTS_MAX;
    let needs = rows
        .iter()
        .filter(|row| row.method == method && may_be(row, below, goes_on))
        .map(|row| row.need.as_ref());
    let needs: Vec<Option<&'static Need>> = needs.collect();
    let Some(first) = needs.first().copied() else {
        return Example::Unknown;
    };
    let names = |need: Option<&'static Need>| need.map(|need| (need.scope, need.and));
    if needs.iter().all(|need| names(*need) == names(first)) {
        Example::Known(first)
    } else {
        Example::Vague(needs.into_iter().flatten().collect())
    }
}

/// Whether a path that was masked so may be of a row. `goes_on`: there may have been more of it.
fn may_be(row: &Route, below: &[&str], goes_on: bool) -> bool {
    let mut own = row.path.split('/');
    for segment in below {
        match own.next() {
            Some("**") => return true,
            Some("*") => {}
            Some(literal) if *segment != MASK && literal.eq_ignore_ascii_case(segment) => {}
            _ => return false,
        }
    }
    goes_on || matches!(own.next(), None | Some("**"))
}
