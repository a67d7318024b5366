//! Where a client's secret is written, for those who tell somebody else. Never what it is.

use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::document::Document;
use super::expand;
use super::fault::{Faults, Origin};
use super::key_path::KeyPath;
use super::source::Sources;
use super::value::Value;
use super::{Depth, gather};

/// Where a client's secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// The client has none: it is known by certificate or by its listener.
    Nowhere,
    /// In this file, after its one line end.
    File(PathBuf),
    /// In this environment variable of the proxy.
    Variable(String),
    /// In the configuration itself, at this place.
    Configuration(Origin),
}

/// Where the secret of this client is; of several the first.
#[must_use]
pub fn secret_place(sources: &Sources, client: &str) -> SecretPlace {
    let mut faults = Faults::default();
    let document = sources.document(&mut faults);
    let values = gather(sources, document.as_ref(), Depth::Whole, &mut faults, None);
    let table = KeyPath::of("clients").child(client);
    if let Some(given) = values.get(&table.child("secret_file"))
        && let Value::List(items) = &given.value
        && let Some(first) = items.first()
    {
        return SecretPlace::File(sources.path(&first.text, &first.origin));
    }
    match values.get(&table.child("secret")) {
        Some(given) => match document.and_then(|document| variable(&document, client)) {
            Some(variable) => SecretPlace::Variable(variable),
            None => SecretPlace::Configuration(given.origin.clone()),
        },
        None => SecretPlace::Nowhere,
    }
}

/// The one variable that the secret is, if it is nothing else.
fn variable(document: &Document, client: &str) -> Option<String> {
    let (root, _errors) = DeTable::parse_recoverable(&document.text);
    let mut value = root.get_ref().get("clients")?.get_ref();
    for name in [client, "secret"] {
        let DeValue::Table(table) = value else {
            return None;
        };
        value = table.get(name)?.get_ref();
    }
    let DeValue::String(text) = value else {
        return None;
    };
    let inside = text.strip_prefix("${")?.strip_suffix('}')?;
    let names = expand::variables(text);
    let is_alone = !inside.contains(['$', '}']);
    names.into_iter().next().filter(|_| is_alone)
}
