//! The objects that one business unit has beside its rows: subscribers, lists, emails and the like, in memory.
//!
//! Knows neither XML nor who may do what.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use super::kind::Kind;
use super::retrieve::Cursor;
use crate::sandbox::digest::random_uuid;

/// Cursors that one business unit keeps; beyond them all are dropped, and their next pages refused.
const CURSORS_MAX: usize = 1_000;
/// Subscribers that each business unit has from the start.
const SUBSCRIBERS_AT_START: u64 = 5;
/// The first number of an object.
const FIRST_ID: u64 = 1_000;

/// An object: texts by property, dots for nesting. A property that is not there is null.
pub(in crate::sandbox) type Object = BTreeMap<String, String>;

/// What one business unit has.
#[derive(Default)]
pub(in crate::sandbox) struct Objects {
    kinds: BTreeMap<&'static str, Vec<Object>>,
    /// The primary key columns of data extensions, by external key.
    columns: BTreeMap<String, Vec<String>>,
    cursors: HashMap<String, Cursor>,
    last_id: u64,
}

impl Objects {
    /// What business unit `id` has from the start; `extension` is the external key of its data extension, whose rows
    /// are told apart by `column`.
    pub(in crate::sandbox) fn at_start(id: u64, extension: &str, column: &str) -> Self {
        let mut objects = Self {
            last_id: FIRST_ID,
            ..Self::default()
        };
        let text = |text: &str| text.replace('#', &id.to_string());
        let mut add = |kind: &str, properties: &[(&str, &str)]| {
            if let Some(kind) = Kind::named(kind) {
                let properties = properties.iter();
                let object = properties.map(|(name, value)| ((*name).to_owned(), text(value)));
                objects.add(kind, object.collect());
            }
        };
        for number in 1..=SUBSCRIBERS_AT_START {
            let key = format!("#-{number}");
            let address = format!("subscriber-{number}@#.example.com");
            let status = if number == 1 {
                "Unsubscribed"
            } else {
                "Active"
            };
            let properties = [
                ("SubscriberKey", key.as_str()),
                ("EmailAddress", &address),
                ("Status", status),
                ("EmailTypePreference", "HTML"),
            ];
            add("Subscriber", &properties);
        }
        let list = [("ListName", "All Subscribers"), ("CustomerKey", "list-#")];
        add("List", &list);
        let email = [
            ("Name", "Welcome to #"),
            ("CustomerKey", "email-#"),
            ("Subject", "Tom & Jerry <wave>"),
            ("HTMLBody", "<p>Hello & welcome</p>"),
        ];
        add("Email", &email);
        let definition = [
            ("Name", "Order confirmation"),
            ("CustomerKey", "triggered-#"),
            ("TriggeredSendStatus", "Active"),
        ];
        add("TriggeredSendDefinition", &definition);
        let unit = [
            ("ID", "#"),
            ("CustomerKey", "#"),
            ("Name", "Business unit #"),
        ];
        add("BusinessUnit", &unit);
        let name = [("Name", extension), ("CustomerKey", extension)];
        add("DataExtension", &name);
        objects.set_columns(extension, vec![column.to_owned()]);
        objects
    }

    /// The objects of a type, oldest first.
    pub(super) fn of(&self, kind: &Kind) -> &[Object] {
        self.kinds.get(kind.name).map_or(&[], Vec::as_slice)
    }

    /// The object that `given` names by its number, its identifier or a key of its type.
    pub(super) fn find(&mut self, kind: &Kind, given: &Object) -> Option<&mut Object> {
        let place = self.place(kind, given)?;
        self.kinds.get_mut(kind.name)?.get_mut(place)
    }

    /// Takes the object away that `given` names.
    pub(super) fn remove(&mut self, kind: &Kind, given: &Object) -> Option<Object> {
        let place = self.place(kind, given)?;
        Some(self.kinds.get_mut(kind.name)?.remove(place))
    }

    /// Stores an object under the next number, and gives it back as stored.
    pub(super) fn add(&mut self, kind: &'static Kind, mut object: Object) -> Object {
        self.last_id += 1;
        let (id, made) = (self.last_id.to_string(), now());
        let mut usual = vec![
            ("ID", id),
            ("ObjectID", random_uuid()),
            ("CreatedDate", made.clone()),
            ("ModifiedDate", made),
        ];
        if kind.keys.contains(&"CustomerKey") {
            usual.push(("CustomerKey", random_uuid()));
        }
        if kind.name == "Subscriber" {
            usual.push(("Status", "Active".to_owned()));
            let address = object.get("EmailAddress").cloned().unwrap_or_default();
            usual.push(("SubscriberKey", address));
        }
        for (name, value) in usual {
            object.entry(name.to_owned()).or_insert(value);
        }
        self.kinds
            .entry(kind.name)
            .or_default()
            .push(object.clone());
        object
    }

    pub(super) fn columns(&self, extension: &str) -> Option<&[String]> {
        self.columns.get(extension).map(Vec::as_slice)
    }

    pub(super) fn set_columns(&mut self, extension: &str, columns: Vec<String>) {
        self.columns.insert(extension.to_owned(), columns);
    }

    pub(super) fn drop_columns(&mut self, extension: &str) {
        self.columns.remove(extension);
    }

    pub(super) fn cursor(&self, request_id: &str) -> Option<&Cursor> {
        self.cursors.get(request_id)
    }

    /// Keeps where a Retrieve goes on; none: it is at its end.
    pub(super) fn keep_cursor(&mut self, request_id: &str, cursor: Option<Cursor>) {
        match cursor {
            None => {
                self.cursors.remove(request_id);
            }
            Some(cursor) => {
                if self.cursors.len() >= CURSORS_MAX && !self.cursors.contains_key(request_id) {
                    self.cursors.clear();
                }
                self.cursors.insert(request_id.to_owned(), cursor);
            }
        }
    }

    fn place(&self, kind: &Kind, given: &Object) -> Option<usize> {
        let mut names = ["ID", "ObjectID"].iter().chain(kind.keys);
        let (name, value) = names.find_map(|name| Some((*name, given.get(*name)?)))?;
        self.of(kind)
            .iter()
            .position(|object| object.get(name).is_some_and(|own| own == value))
    }
}

/// The time as the vendor's answers write it.
pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}
