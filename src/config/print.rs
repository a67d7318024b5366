//! The effective configuration, as TOML, each value with its origin. Secrets stay out.

use std::fmt::Write;

use super::fault::{Origin, without_credentials, without_user};
use super::key_path::{KeyPath, Step, key_text};
use super::keys::{KEYS, Kind};
use super::layers::{Given, Values};
use super::value::{Value, size_text};

/// Everything that is set, table by table.
pub(super) fn effective(values: &Values) -> String {
    let mut entries: Vec<(Order, &KeyPath, &Given)> = values
        .all()
        .map(|(path, given)| (order(path), path, given))
        .collect();
    entries.sort_by(|left, right| left.0.cmp(&right.0).then_with(|| left.1.cmp(right.1)));
    let mut text = String::new();
    let mut table = KeyPath::default();
    for (_, path, given) in entries {
        let parent = path.parent();
        if parent != table {
            let _written = writeln!(text, "\n{}", header(&parent));
            table = parent;
        }
        let kind = KEYS
            .iter()
            .find(|key| path.fits(key.pattern))
            .map(|key| key.kind);
        let _written = writeln!(
            text,
            "{} = {}  # {}",
            key_text(path.leaf()),
            value_text(kind.unwrap_or(Kind::Text), &given.value),
            origin_text(&given.origin),
        );
    }
    text
}

/// Tables stand in the order of the reference, each name's and place's together.
type Order = (usize, Option<Step>, usize);

fn order(path: &KeyPath) -> Order {
    let top = path.steps().first();
    let section = KEYS.iter().position(
        |key| matches!(top, Some(Step::Key(name)) if key.pattern.split('.').next() == Some(name)),
    );
    let inner = (path.steps().len() > 2)
        .then(|| path.steps().get(1).cloned())
        .flatten();
    let place = KEYS.iter().position(|key| path.fits(key.pattern));
    (
        section.unwrap_or(usize::MAX),
        inner,
        place.unwrap_or(usize::MAX),
    )
}

fn header(table: &KeyPath) -> String {
    match table.steps().split_last() {
        Some((Step::Index(_), _)) => format!("[[{}]]", table.parent()),
        _ => format!("[{table}]"),
    }
}

fn origin_text(origin: &Origin) -> String {
    origin.to_string().replace(char::is_control, " ")
}

/// A value as the file would have it.
pub(super) fn value_text(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Size { .. }, Value::Number(bytes)) => quoted(&size_text(*bytes)),
        (Kind::Proxy, Value::Text(text)) => quoted(&without_credentials(text)),
        (_, Value::Number(_) | Value::Flag(_) | Value::Share(_)) => value.plain(),
        (_, Value::Text(text)) => quoted(&without_user(text)),
        (_, Value::Secret(_) | Value::Duration(_)) => quoted(&value.plain()),
        (Kind::Paths | Kind::Servers, Value::List(items)) if items.len() == 1 => {
            quoted(&value.plain())
        }
        (_, Value::List(items)) => {
            let items: Vec<String> = items.iter().map(|item| quoted(&item.text)).collect();
            format!("[{}]", items.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
