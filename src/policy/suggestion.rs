//! The smallest allow list and the strictest mode for calls that were seen, by their masked names.
//!
//! Pure functions over names as logs and records have them. Errs to the side of the calls: everything that was seen stays allowed.
//! What it allows beside that is of the same service root, method and effect.

mod rest;
mod soap;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{Effect, Mode};

/// What was made of calls that were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// The patterns, each once, in an order that does not change.
    pub allow: Vec<String>,
    /// The strictest mode that lets all of that through.
    pub mode: Mode,
    /// Those patterns that cover what sends and what does not, so that it is not known whether anything was sent.
    pub may_send: Vec<String>,
    /// Those patterns that cover every object type of an operation, because a call named none.
    pub every_type: Vec<String>,
    /// Names of which no pattern can be made that is narrow enough.
    pub left_out: Vec<String>,
}

/// Makes a suggestion of names such as `GET /asset/v1/content` and `SOAP Retrieve List`. A path has at most three segments, and
/// one with three may have gone on.
#[must_use]
pub fn suggest<'a>(calls: impl IntoIterator<Item = &'a str>) -> Suggestion {
    let mut routes = BTreeSet::new();
    let mut objects = BTreeSet::new();
    let mut left_out = BTreeSet::new();
    for call in calls {
        if let Some(object) = call.strip_prefix("SOAP ").and_then(soap::read) {
            objects.insert(object);
        } else if let Some(route) = rest::read(call) {
            routes.insert(route);
        } else {
            left_out.insert(call.to_owned());
        }
    }
    let routes = rest::least(routes);
    let objects = soap::least(&objects);
    let effects = routes
        .iter()
        .map(rest::Route::gravest)
        .chain(objects.iter().map(soap::Object::effect));
    let mode = match effects.max() {
        None | Some(Effect::Read) => Mode::ReadOnly,
        Some(Effect::Write) => Mode::NoSend,
        Some(Effect::Send) => Mode::Full,
    };
    let texts = |routes: &mut dyn Iterator<Item = &rest::Route>| -> Vec<String> {
        routes.map(ToString::to_string).collect()
    };
    let every_type = objects.iter().filter(|object| object.is_of_every_type());
    Suggestion {
        allow: routes
            .iter()
            .map(ToString::to_string)
            .chain(objects.iter().map(ToString::to_string))
            .collect(),
        mode,
        may_send: texts(&mut routes.iter().filter(|route| route.may_send())),
        every_type: every_type.map(ToString::to_string).collect(),
        left_out: left_out.into_iter().collect(),
    }
}
