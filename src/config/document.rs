//! The file: TOML with the line of everything, so that each fault has its place. Unknown keys end here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Depth;
use super::expand::{self, ExpandError};
use super::fault::{Faults, Origin};
use super::key_path::KeyPath;
use super::keys::{self, Key};
use super::layers::Values;
use super::suggest;
use super::value::Raw;

/// A file's text.
pub(super) struct Document {
    pub(super) path: Arc<Path>,
    pub(super) text: String,
}

impl Document {
    /// The variables that its strings ask for, in whatever key.
    pub(super) fn variables(&self) -> BTreeSet<String> {
        let (root, _errors) = DeTable::parse_recoverable(&self.text);
        let mut names = BTreeSet::new();
        let mut open: Vec<&DeValue<'_>> = values_of(root.get_ref()).collect();
        while let Some(value) = open.pop() {
            match value {
                DeValue::String(text) => names.extend(expand::variables(text)),
                DeValue::Array(items) => open.extend(items.iter().map(Spanned::get_ref)),
                DeValue::Table(table) => open.extend(values_of(table)),
                _ => {}
            }
        }
        names
    }
}

fn values_of<'t, 'd>(table: &'t DeTable<'d>) -> impl Iterator<Item = &'t DeValue<'d>> {
    table.values().map(Spanned::get_ref)
}

/// Reads what the file gives into `values`.
pub(super) fn read(
    document: &Document,
    environment: &BTreeMap<String, String>,
    depth: Depth,
    values: &mut Values,
    faults: &mut Faults,
) {
    let (root, errors) = DeTable::parse_recoverable(&document.text);
    let mut walk = Walk {
        document,
        environment,
        depth,
        broken: BTreeSet::new(),
        values,
        faults,
    };
    for error in &errors {
        walk.syntax(error);
    }
    walk.table(&KeyPath::default(), root.get_ref());
}

struct Walk<'a> {
    document: &'a Document,
    environment: &'a BTreeMap<String, String>,
    depth: Depth,
    /// Lines that are no TOML. What was made out on them is not worth a second fault.
    broken: BTreeSet<usize>,
    values: &'a mut Values,
    faults: &'a mut Faults,
}

impl Walk<'_> {
    /// The message alone: the library's full report quotes the line, and a secret may stand on it.
    fn syntax(&mut self, error: &toml::de::Error) {
        let start = error.span().map_or(0, |span| span.start);
        let line = self.line(start);
        self.values.is_partial = true;
        if self.broken.insert(line) {
            let origin = self.origin(start);
            let what = format!("is no TOML: {}", error.message());
            let instead = r#"write key = "value", with text in quotes"#;
            self.faults.add(Some(origin), "", what, instead);
        }
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.document.text.as_bytes().get(..offset);
        let newlines = before.map_or(0, |before| {
            before.iter().filter(|byte| **byte == b'\n').count()
        });
        newlines + 1
    }

    fn origin(&self, offset: usize) -> Origin {
        Origin::File {
            path: Arc::clone(&self.document.path),
            line: self.line(offset),
        }
    }

    fn fault(&mut self, origin: Origin, path: &KeyPath, what: &str, instead: String) {
        let Origin::File { line, .. } = &origin else {
            return;
        };
        if !self.broken.contains(line) {
            self.faults.add(Some(origin), path, what, instead);
        }
    }

    fn table(&mut self, path: &KeyPath, table: &DeTable<'_>) {
        for (name, value) in table {
            let origin = self.origin(name.span().start);
            self.entry(path.child(name.get_ref()), origin, value.get_ref());
        }
    }

    fn entry(&mut self, path: KeyPath, origin: Origin, value: &DeValue<'_>) {
        if let Some(key) = keys::find(&path) {
            self.leaf(path, key, origin, value);
        } else if keys::is_array_of_tables(&path) {
            match value {
                DeValue::Array(items) if items.iter().all(|item| item.get_ref().is_table()) => {
                    for (index, item) in items.iter().enumerate() {
                        self.item(&path, index, item);
                    }
                }
                _ => {
                    let instead = suggest::table_instead(&path, true);
                    self.fault(origin, &path, "must be an array of tables", instead);
                }
            }
        } else if keys::is_table(&path) {
            if let DeValue::Table(table) = value {
                self.values.note_table(path.clone(), origin);
                self.table(&path, table);
            } else {
                let instead = suggest::table_instead(&path, false);
                self.fault(origin, &path, "must be a table", instead);
            }
        } else {
            let instead = suggest::instead_of(&path);
            self.fault(origin, &path, "is not known", instead);
        }
    }

    fn item(&mut self, array: &KeyPath, index: usize, item: &Spanned<DeValue<'_>>) {
        if let DeValue::Table(table) = item.get_ref() {
            let path = array.item(index);
            let origin = self.origin(item.span().start);
            self.values.note_table(path.clone(), origin);
            self.table(&path, table);
        }
    }

    fn leaf(&mut self, path: KeyPath, key: &'static Key, origin: Origin, value: &DeValue<'_>) {
        if matches!(&origin, Origin::File { line, .. } if self.broken.contains(line)) {
            self.values.spoil(path, origin);
            return;
        }
        match self.raw(&path, &origin, value) {
            Some(raw) => self.values.accept(path, key, raw, origin, self.faults),
            None => self.values.spoil(path, origin),
        }
    }

    fn raw(&mut self, path: &KeyPath, origin: &Origin, value: &DeValue<'_>) -> Option<Raw> {
        Some(match value {
            DeValue::String(text) => return self.text(path, origin, text),
            DeValue::Integer(number) => {
                match i128::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Raw::Number(number),
                    Err(_) => Raw::Other("a number beyond all bounds"),
                }
            }
            DeValue::Boolean(flag) => Raw::Flag(*flag),
            DeValue::Array(items) => {
                let raws: Vec<_> = items
                    .iter()
                    .map(|item| {
                        let origin = self.origin(item.span().start);
                        let raw = self.raw(path, &origin, item.get_ref())?;
                        Some((raw, origin))
                    })
                    .collect();
                Raw::List(raws.into_iter().collect::<Option<_>>()?)
            }
            DeValue::Float(float) => match float.as_str().parse() {
                Ok(number) => Raw::Fraction(number),
                Err(_) => Raw::Other("a decimal number"),
            },
            DeValue::Datetime(_) => Raw::Other("a date"),
            DeValue::Table(_) => Raw::Other("a table"),
        })
    }

    fn text(&mut self, path: &KeyPath, origin: &Origin, text: &str) -> Option<Raw> {
        let (what, instead) = match expand::expand(text, self.environment) {
            Ok(expanded) => {
                return Some(Raw::Text {
                    text: expanded.text,
                    bare: expanded.substituted,
                });
            }
            Err(ExpandError::Unset(_)) if self.depth == Depth::Syntax => return None,
            Err(ExpandError::Unset(name)) => (
                format!("the variable {name} is not set"),
                format!("set it, or write ${{{name}:-default}}"),
            ),
            Err(ExpandError::Unclosed) => (
                "a ${ has no }".to_owned(),
                "write ${NAME}, or $$ for a dollar".to_owned(),
            ),
            Err(ExpandError::NoName) => (
                "what stands between ${ and } is no variable's name".to_owned(),
                "write ${NAME}, or $$ for a dollar".to_owned(),
            ),
        };
        self.fault(origin.clone(), path, &what, instead);
        None
    }
}
