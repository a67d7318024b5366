//! Rows of data extensions as objects, and back; they are the same rows that the REST face writes and reads.
//!
//! Texts only: a number that REST wrote is seen as its digits.

use serde_json::{Map, Value};

use super::objects::Object;
use crate::sandbox::records::Account;

/// Something is known of that data extension.
pub(super) fn exists(account: &Account, extension: &str) -> bool {
    account.extensions.contains_key(extension) || account.objects.columns(extension).is_some()
}

/// All rows, in the order of their keys.
pub(super) fn of(account: &Account, extension: &str) -> Vec<Object> {
    let rows = account.extensions.get(extension);
    rows.into_iter()
        .flat_map(|rows| rows.values())
        .map(|row| {
            let columns = ["keys", "values"].into_iter();
            columns
                .filter_map(|part| row.get(part)?.as_object())
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?)))
                .collect()
        })
        .collect()
}

/// The primary key columns: as they were declared, or as the first row has them.
fn columns(account: &Account, extension: &str) -> Option<Vec<String>> {
    if let Some(columns) = account.objects.columns(extension) {
        return Some(columns.to_vec());
    }
    let first = account.extensions.get(extension)?.values().next()?;
    let keys = first.get("keys")?.as_object()?;
    Some(keys.keys().cloned().collect())
}

/// What a write would do.
pub(super) struct Target {
    keys: Value,
    values: Map<String, Value>,
}

impl Target {
    /// Tells the key columns of a row from the others; an error if one is missing.
    pub(super) fn new(account: &Account, extension: &str, given: &Object) -> Result<Self, String> {
        let columns = columns(account, extension)
            .ok_or_else(|| format!("The data extension {extension} does not exist."))?;
        let missing = columns.iter().find(|column| !given.contains_key(*column));
        if let Some(column) = missing {
            return Err(format!("A value for the primary key {column} is missing."));
        }
        let (mut keys, mut values) = (Map::new(), Map::new());
        for (name, value) in given {
            let part = if columns.contains(name) {
                &mut keys
            } else {
                &mut values
            };
            part.insert(name.clone(), Value::from(value.as_str()));
        }
        Ok(Self {
            keys: Value::Object(keys),
            values,
        })
    }

    pub(super) fn exists(&self, account: &Account, extension: &str) -> bool {
        let rows = account.extensions.get(extension);
        rows.is_some_and(|rows| rows.contains_key(&self.keys.to_string()))
    }

    /// Writes the row; columns that are not named stay as they are.
    pub(super) fn write(&self, account: &mut Account, extension: &str) {
        let old = account.extensions.get(extension);
        let old = old.and_then(|rows| rows.get(&self.keys.to_string())?.get("values")?.as_object());
        let mut values = old.cloned().unwrap_or_default();
        values.extend(self.values.clone());
        account.put_row(extension, &self.keys, &Value::Object(values));
    }

    pub(super) fn delete(&self, account: &mut Account, extension: &str) {
        if let Some(rows) = account.extensions.get_mut(extension) {
            rows.remove(&self.keys.to_string());
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
