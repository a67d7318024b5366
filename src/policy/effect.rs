//! Whether a call reads, writes or sends: what the table says, and the stricter answer where it says nothing.

use http::{HeaderMap, Method};

use super::path;
use super::table::{CORE, OBJECTS, READING, ROUTES, SENDING_ROOTS};
use super::{Call, Effect};
use crate::soap::envelope::{Agreement, Dialect, Envelope, Operation};

/// Methods of which it is known that they are not another name for POST.
const CHANGING: [&str; 3] = ["PUT", "PATCH", "DELETE"];

/// What a call does at the tenant; where that is in doubt, the gravest that it could be.
#[must_use]
pub fn effect(call: &Call<'_>) -> Effect {
    match call {
        Call::Rest {
            method,
            path,
            headers,
        } => rest(method, path, headers),
        Call::Soap(envelope) => soap(envelope),
    }
}

fn rest(method: &Method, raw: &str, headers: &HeaderMap) -> Effect {
    let method = method.as_str().to_ascii_uppercase();
    if path::override_header(headers).is_some() {
        return Effect::Send;
    }
    let Ok(decoded) = path::decode(raw) else {
        return if READING.contains(&method.as_str()) {
            Effect::Read
        } else {
            Effect::Send
        };
    };
    let softened = path::segments(&decoded)
        .map(path::softened)
        .filter(|segment| !segment.is_empty());
    of_route(&method, path::segments(raw))
        .max(of_route(&method, path::segments(&decoded)))
        .max(of_route(&method, softened))
}

/// What a method does to a path in one reading. The method is in upper case.
pub(super) fn of_route<'a>(
    method: &str,
    segments: impl Iterator<Item = &'a str> + Clone,
) -> Effect {
    let mut fitting = ROUTES.iter().filter(|route| route.fits(segments.clone()));
    // A server makes the answer to HEAD as it makes that to GET.
    let as_row = if method == "HEAD" { "GET" } else { method };
    if let Some(route) = fitting.clone().find(|route| route.method == as_row) {
        return route.effect;
    }
    if READING.contains(&method) {
        return Effect::Read;
    }
    // Where one method sends, another one that changes something is not trusted to do less.
    if fitting.any(|route| route.effect == Effect::Send) {
        return Effect::Send;
    }
    let mut segments = segments;
    match segments.next() {
        Some(root) if !CHANGING.contains(&method) => of_root(root),
        _ => Effect::Write,
    }
}

/// What a POST does below a root, for all that the table does not know.
fn of_root(root: &str) -> Effect {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let sends = SENDING_ROOTS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(root));
    if sends || !root.bytes().all(is_plain) {
        Effect::Send
    } else {
        Effect::Write
    }
}

fn soap(envelope: &Envelope) -> Effect {
    if envelope.dialect() == Dialect::Core {
        return core(envelope);
    }
    let Some(operation) = envelope.operation() else {
        return Effect::Send;
    };
    if envelope.agreement() == Agreement::Disagrees {
        return Effect::Send;
    }
    let types = envelope.object_types();
    let by_type = matches!(operation, Operation::Create | Operation::Update);
    if by_type && (types.is_empty() || envelope.has_untyped_objects()) {
        return Effect::Send;
    }
    let of_types = types.iter().map(|name| of_object(operation, name)).max();
    of_types.unwrap_or_else(|| of_object(operation, ""))
}

/// An operation of core Salesforce, or of an Apex class, of which nothing is known.
fn core(envelope: &Envelope) -> Effect {
    if envelope.agreement() == Agreement::Disagrees {
        return Effect::Send;
    }
    let name = envelope.core_operation().unwrap_or_default();
    let row = CORE.iter().find(|row| row.name == name);
    row.map_or(Effect::Write, |row| row.effect)
}

/// What an operation does with objects of a type.
pub(super) fn of_object(operation: Operation, object_type: &str) -> Effect {
    let row = OBJECTS
        .iter()
        .find(|row| row.operation == operation && row.fits(object_type));
    row.map_or(Effect::Send, |row| row.effect)
}
