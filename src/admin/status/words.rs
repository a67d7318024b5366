//! Numbers, times and calls as people read them. Pure functions.

use std::time::{Duration, SystemTime};

use super::model::{Error, LastCall, Moment};
use crate::admin::page::Markup;

/// `1 tenant`, `2 tenants`.
pub(super) fn plural(count: usize, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{count} {word}")
}

/// `1 234 567`, with spaces that do not break.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `45 s`, `12 min`, `3 h`, `5 d`.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `12 ms`, `1.4 s`.
pub(super) fn milliseconds(number: Option<f64>) -> String {
    match number {
        None => "–".to_owned(),
        Some(number) if number < 10.0 => format!("{number:.1} ms"),
        Some(number) if number < 1_000.0 => format!("{number:.0} ms"),
        Some(number) => format!("{:.1} s", number / 1_000.0),
    }
}

/// How long ago it was, with the moment itself for machines and for whoever points at it.
pub(super) fn ago(content: Markup, at: Moment, now: Moment) -> Markup {
    let age = since(at.0, now.0).as_secs();
    let moment = at.text();
    let content = content
        .raw("<time datetime=\"")
        .text(&moment)
        .raw("\" title=\"")
        .text(&moment)
        .raw("\">");
    let content = match age {
        0..=1 => content.raw("just now"),
        _ => content.text(&span(age)).raw(" ago"),
    };
    content.raw("</time>")
}

fn since(at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or(Duration::ZERO)
}

/// The call by its short name.
fn call(
    method: &str,
    route: Option<&str>,
    operation: Option<&str>,
    object_type: Option<&str>,
) -> String {
    match (operation, object_type) {
        (Some(operation), Some(object)) => format!("SOAP {operation} {object}"),
        (Some(operation), None) => format!("SOAP {operation}"),
        (None, _) => format!("{method} {}", route.unwrap_or("/")),
    }
}

impl Error {
    /// The call that met it.
    pub(super) fn call(&self) -> String {
        let (route, object) = (self.route.as_deref(), self.object_type.as_deref());
        call(&self.method, route, self.operation, object)
    }
}

impl LastCall {
    /// The call.
    pub(super) fn call(&self) -> String {
        let (route, object) = (self.route.as_deref(), self.object_type.as_deref());
        call(&self.method, route, self.operation, object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(number), text);
        }
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 min"),
            (7_200, "2 h"),
            (172_800, "2 d"),
        ] {
            assert_eq!(span(seconds), text);
        }
        for (number, text) in [
            (None, "–"),
            (Some(1.26), "1.3 ms"),
            (Some(99.5), "100 ms"),
            (Some(1_449.0), "1.4 s"),
        ] {
            assert_eq!(milliseconds(number), text);
        }
    }
}
