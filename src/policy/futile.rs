//! Patterns that can match nothing, and why: for warnings while the configuration is checked. Never refuses one.

use super::effect::of_object;
use super::path::is_dots;
use super::pattern::{Covers, Segment};
use super::span::least_of_route;
use super::table::{CORE, OBJECTS, ROOTS};
use super::{Effect, Mode, Pattern};
use crate::soap::envelope::Operation;

/// Methods that a call may have.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Why no call that `mode` lets through can ever match this pattern; `None` where one may.
#[must_use]
pub fn futile(pattern: &Pattern, mode: Mode) -> Option<String> {
    match &pattern.covers {
        Covers::Rest { method, segments } => futile_method(method)
            .or_else(|| segments.iter().find_map(futile_segment))
            .or_else(|| futile_root(segments))
            .or_else(|| futile_mode(least_of_route(method, segments), mode)),
        Covers::Soap {
            operation,
            object_type,
        } => {
            // Of core Salesforce: its objects are not told apart, so that there is no type to be wrong about.
            let core = CORE
                .iter()
                .find(|row| Some(row.name) == operation.as_deref());
            if let Some(row) = core {
                return match object_type {
                    Some(_) => Some(format!(
                        "operations of core Salesforce are matched without object types: write `SOAP {}`",
                        row.name
                    )),
                    None => futile_mode(row.effect, mode),
                };
            }
            let operation = match operation {
                Some(name) => match Operation::all().find(|known| known.name() == name) {
                    Some(known) => Some(known),
                    None => return Some(unknown_operation(name)),
                },
                None => None,
            };
            let object_type = object_type.as_deref();
            object_type
                .and_then(|name| futile_type(operation, name))
                .or_else(|| futile_mode(least_of_objects(operation, object_type), mode))
        }
    }
}

fn futile_method(method: &str) -> Option<String> {
    if method == "*" || METHODS.contains(&method) {
        return None;
    }
    Some(match nearest(method, METHODS) {
        Some(near) => format!("`{method}` is no method: did you mean {near}?"),
        None => format!("`{method}` is no method: known are {}", METHODS.join(", ")),
    })
}

fn futile_segment(segment: &Segment) -> Option<String> {
    let Segment::Literal(text) = segment else {
        return None;
    };
    if text.is_empty() {
        return Some("empty segments are merged before matching: write `/` for `//`".to_owned());
    }
    if text.contains(['?', '#']) {
        return Some("only the path is matched: leave out what begins with `?` or `#`".to_owned());
    }
    if text.contains('\\') {
        return Some("calls with a backslash are always held back: write `/`".to_owned());
    }
    if text.contains('%') {
        let words =
            "the decoded path has to match too, and has no escapes: write `*` for that segment";
        return Some(words.to_owned());
    }
    if is_dots(text) {
        return Some("calls with dot segments are always held back: leave them out".to_owned());
    }
    None
}

/// Letter case does not count here: the tenant takes either, and a caller may write either.
fn futile_root(segments: &[Segment]) -> Option<String> {
    let Some(Segment::Literal(root)) = segments.first() else {
        return None;
    };
    // `/v2/userinfo` of the auth host is no REST service, but is judged as one.
    let is_known = |known: &str| known.eq_ignore_ascii_case(root);
    if ROOTS.iter().any(|known| is_known(known)) || is_known("v2") {
        return None;
    }
    Some(match nearest(root, ROOTS) {
        Some(near) => {
            format!("no REST service of the vendor is called `{root}`: did you mean `{near}`?")
        }
        None => format!(
            "no REST service of the vendor is called `{root}`: known are {}",
            ROOTS.join(", ")
        ),
    })
}

fn unknown_operation(name: &str) -> String {
    let known: Vec<&str> = Operation::all().map(Operation::name).collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("`{name}` is no SOAP operation: did you mean `{near}`?"),
        None => format!(
            "`{name}` is no SOAP operation: known are {}",
            known.join(", ")
        ),
    }
}

/// Rows are asked for as `DataExtensionObject[key]`, and changed as `DataExtensionObject`.
fn futile_type(operation: Option<Operation>, object_type: &str) -> Option<String> {
    let operation = operation?;
    let asks = matches!(
        operation,
        Operation::Retrieve | Operation::Describe | Operation::Query
    );
    let name = operation.name();
    match object_type.split_once('[') {
        None if asks && object_type == "DataExtensionObject" => Some(format!(
            "{name} names the data extension too: write `DataExtensionObject[*]` or its key for `*`"
        )),
        Some((bare, _key)) if !asks => Some(format!(
            "the type of an object has no brackets in {name}: write `{bare}`"
        )),
        _ => None,
    }
}

fn futile_mode(least: Effect, mode: Mode) -> Option<String> {
    if mode.permits(least) {
        return None;
    }
    let does = match least {
        Effect::Send => "sends",
        Effect::Read | Effect::Write => "writes",
    };
    Some(format!(
        "every call that it matches {does}, which mode `{}` holds back",
        mode.name()
    ))
}

/// The mildest effect among all calls of an operation with a type that a pattern names.
fn least_of_objects(operation: Option<Operation>, object_type: Option<&str>) -> Effect {
    let rows = OBJECTS
        .iter()
        .filter(|row| operation.is_none_or(|operation| operation == row.operation));
    let of = |row: &super::table::Object| match object_type {
        Some(name) if !name.contains('*') => of_object(row.operation, name),
        _ => row.effect,
    };
    rows.map(of).min().unwrap_or(Effect::Send)
}

/// The candidate nearest to a word, if any is near enough to be a slip of the pen.
fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let distance_max = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, _candidate)| *distance <= distance_max)
        .min_by_key(|(distance, _candidate)| *distance)
        .map(|(_distance, candidate)| candidate)
}
