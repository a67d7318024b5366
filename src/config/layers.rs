//! Default, file, environment, flag: later ones win, and every value keeps its origin. Says what is wrong with each value
//! by itself; how values fit together is for `resolve`.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{Faults, Origin};
use super::key_path::{KeyPath, Step};
use super::keys::{self, ENVIRONMENT_PREFIX, KEYS, Key, SWITCHES};
use super::reload::is_fixed;
use super::source::{DATA_HOME_VARIABLE, Flag, Sources};
use super::suggest;
use super::value::{Raw, Value};

/// Names that are ours, but no keys of the file.
const OTHER_NAMES: [&str; 3] = [
    "SFMC_AUTH_PROXY_CONFIG",
    "SFMC_AUTH_PROXY_URL",
    "SFMC_AUTH_PROXY_TOKEN",
];

/// A value and where it came from.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

/// All values, each of its key's kind.
#[derive(Default)]
pub(super) struct Values {
    given: BTreeMap<KeyPath, Given>,
    tables: BTreeMap<KeyPath, Origin>,
    /// Given, but of no use: a fault says why, or only the syntax was to be checked.
    spoiled: BTreeMap<KeyPath, Origin>,
    /// The file could not be read as TOML, so that a key which seems to be missing may be there.
    pub(super) is_partial: bool,
}

impl Values {
    pub(super) fn get(&self, path: &KeyPath) -> Option<&Given> {
        self.given.get(path)
    }

    /// Everything that was given or has a default.
    pub(super) fn all(&self) -> impl Iterator<Item = (&KeyPath, &Given)> {
        self.given.iter()
    }

    /// Leaves those keys alone that hold until the process ends.
    pub(super) fn retain_fixed(&mut self) {
        self.given
            .retain(|path, _given| is_fixed(&path.to_string()));
        self.tables
            .retain(|path, _origin| is_fixed(&format!("{path}.")));
        self.spoiled.clear();
    }

    /// Puts those keys back to what they were, whatever is written for them now.
    pub(super) fn put_back(&mut self, fixed: &Self) {
        self.given
            .retain(|path, _given| !is_fixed(&path.to_string()));
        self.tables
            .retain(|path, _origin| !is_fixed(&format!("{path}.")));
        let given = fixed.given.iter();
        self.given
            .extend(given.map(|(path, given)| (path.clone(), given.clone())));
        let tables = fixed.tables.iter();
        self.tables
            .extend(tables.map(|(path, origin)| (path.clone(), origin.clone())));
    }

    /// Whether a key was given, though it may be of no use.
    pub(super) fn is_given(&self, path: &KeyPath) -> bool {
        self.given.contains_key(path) || self.spoiled.contains_key(path)
    }

    pub(super) fn is_spoiled(&self, path: &KeyPath) -> bool {
        self.spoiled.contains_key(path)
    }

    pub(super) fn spoil(&mut self, path: KeyPath, origin: Origin) {
        self.spoiled.insert(path, origin);
    }

    /// Where a key was given, of use or not; where a table begins.
    pub(super) fn origin(&self, path: &KeyPath) -> Option<&Origin> {
        let given = self.given.get(path).map(|given| &given.origin);
        given
            .or_else(|| self.spoiled.get(path))
            .or_else(|| self.tables.get(path))
    }

    pub(super) fn note_table(&mut self, path: KeyPath, origin: Origin) {
        self.tables.insert(path, origin);
    }

    /// Whether a table was opened, or a key of it given.
    pub(super) fn has_table(&self, table: &KeyPath) -> bool {
        self.tables.contains_key(table) || !self.below(table).is_empty()
    }

    fn below(&self, parent: &KeyPath) -> BTreeSet<&Step> {
        let given = self.given.keys();
        given
            .chain(self.tables.keys())
            .chain(self.spoiled.keys())
            .filter_map(|path| path.below(parent))
            .collect()
    }

    /// The names below a path, in alphabetical order.
    pub(super) fn names(&self, parent: &KeyPath) -> Vec<String> {
        let name = |step: &Step| match step {
            Step::Key(name) => Some(name.clone()),
            Step::Index(_) => None,
        };
        self.below(parent).into_iter().filter_map(name).collect()
    }

    /// The places of an array of tables.
    pub(super) fn places(&self, array: &KeyPath) -> Vec<usize> {
        let index = |step: &Step| match step {
            Step::Index(index) => Some(*index),
            Step::Key(_) => None,
        };
        self.below(array).into_iter().filter_map(index).collect()
    }

    /// Takes a value, unless it is wrong.
    pub(super) fn accept(
        &mut self,
        path: KeyPath,
        key: &'static Key,
        raw: Raw,
        origin: Origin,
        faults: &mut Faults,
    ) {
        let read = Value::read(key.kind, raw, &origin)
            .map_err(|complaint| (complaint.what, complaint.instead));
        match read {
            Ok(value) => {
                self.given.insert(path, Given { value, origin });
            }
            Err((what, instead)) => {
                faults.add(Some(origin.clone()), &path, what, instead);
                self.spoiled.insert(path, origin);
            }
        }
    }

    /// The environment's layer.
    pub(super) fn add_environment(
        &mut self,
        environment: &BTreeMap<String, String>,
        faults: &mut Faults,
    ) {
        let ours: BTreeMap<String, &'static Key> = KEYS
            .iter()
            .filter_map(|key| Some((key.environment_name()?, key)))
            .collect();
        let mut services = Vec::new();
        for (name, value) in environment {
            // Compose files and charts pass on variables that are set to nothing.
            if !name.starts_with(ENVIRONMENT_PREFIX)
                || value.is_empty()
                || OTHER_NAMES.contains(&name.as_str())
            {
                continue;
            }
            if let Some(key) = ours.get(name) {
                let origin = Origin::Environment(name.clone());
                self.accept_bare(key, value, origin, faults);
            } else if is_service_name(name) {
                services.push(name.as_str());
            } else {
                // The common prefix would make everything look near.
                let bare = |name: &str| name.replacen(ENVIRONMENT_PREFIX, "", 1);
                let known: Vec<String> = ours.keys().map(|name| bare(name)).collect();
                let near = suggest::nearest(&bare(name), known.iter().map(String::as_str));
                let advice = near.map_or_else(String::new, |near| {
                    format!("; did you mean {ENVIRONMENT_PREFIX}{near}?")
                });
                faults.warn(format!(
                    "the variable {name} is not known and is ignored{advice}"
                ));
            }
        }
        if !services.is_empty() {
            faults.warn(format!(
                "variables that Kubernetes sets for a service of our name are ignored: {}",
                services.join(", ")
            ));
        }
    }

    /// The command line's layer. What is given several times makes a list.
    pub(super) fn add_flags(&mut self, flags: &[Flag], faults: &mut Faults) {
        let mut together: Vec<(&Flag, String)> = Vec::new();
        for flag in flags {
            match together.iter_mut().find(|(first, _)| first.key == flag.key) {
                Some((_, values)) => {
                    values.push(',');
                    values.push_str(&flag.value);
                }
                None => together.push((flag, flag.value.clone())),
            }
        }
        for (flag, value) in together {
            if let Some(key) = KEYS.iter().find(|key| key.pattern == flag.key) {
                self.accept_bare(key, &value, Origin::Flag(flag.name), faults);
            }
        }
    }

    fn accept_bare(&mut self, key: &'static Key, text: &str, origin: Origin, faults: &mut Faults) {
        let path = KeyPath::of(key.pattern);
        self.accept(path, key, Raw::bare(text), origin, faults);
    }

    /// The local CA is kept where the desktop's convention has such things, if it is kept at all.
    pub(super) fn add_data_directory(&mut self, sources: &Sources, faults: &mut Faults) {
        let path = KeyPath::of("intercept.ca_dir");
        let home = sources.data_home();
        if let (true, false, Some(home), Some(key)) = (
            self.has_table(&path.parent()),
            self.is_given(&path),
            home,
            keys::find(&path),
        ) {
            let text = home.join("sfmc-auth-proxy/ca").display().to_string();
            let origin = Origin::Environment(DATA_HOME_VARIABLE.to_owned());
            self.accept(path, key, Raw::bare(&text), origin, faults);
        }
    }

    /// The lowest layer, last: for every key that nobody gave.
    pub(super) fn add_defaults(&mut self, faults: &mut Faults) {
        for key in KEYS {
            let Some(default) = key.default else { continue };
            if SWITCHES.contains(&key.table()) && !self.has_table(&KeyPath::of(key.table())) {
                continue;
            }
            for path in self.places_of(key) {
                if !self.is_given(&path) {
                    self.accept(path, key, Raw::bare(default), Origin::Default, faults);
                }
            }
        }
    }

    /// The paths of a key: one, or one for each name or place that there is.
    fn places_of(&self, key: &Key) -> Vec<KeyPath> {
        if let Some((table, leaf)) = key.pattern.split_once(".*.") {
            let table = KeyPath::of(table);
            let names = self.names(&table);
            let path = |name: &String| table.child(name).child(leaf);
            names.iter().map(path).collect()
        } else if let Some((array, leaf)) = key.pattern.split_once(".[].") {
            let array = KeyPath::of(array);
            let places = self.places(&array);
            let path = |place: &usize| array.item(*place).child(leaf);
            places.iter().map(path).collect()
        } else {
            vec![KeyPath::of(key.pattern)]
        }
    }
}

/// `…_SERVICE_HOST`, `…_PORT`, `…_PORT_7362_TCP_ADDR`. No setting of ours looks like that.
fn is_service_name(name: &str) -> bool {
    let after_port = name.rsplit_once("_PORT_").map(|(_, rest)| rest);
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_PORT")
        || name.contains("_SERVICE_PORT_")
        || after_port.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
}
