//! What a key is: its kind, its default. The keys themselves stand in `table`.
//!
//! Everything that has to know all keys goes by this one table: unknown keys, environment variables, `print-config`, the
//! JSON Schema and the reference.

mod table;

use super::key_path::KeyPath;

pub(super) use table::{KEYS, SECTIONS};

/// What kind of value a key takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text that is not empty.
    Text,
    /// Text that nobody may see.
    Secret,
    /// A file's or directory's path.
    Path,
    /// One file's path, or several.
    Paths,
    /// A URL.
    Url,
    /// Where to listen.
    Address,
    /// Several addresses.
    Addresses,
    /// Several texts.
    Texts,
    /// Several words, as a list or as one text.
    Words,
    /// `system`, or name servers, as a list or as one text.
    Servers,
    /// `env`, `none` or a URL, in which a password may stand.
    Proxy,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// true or false.
    Flag,
    /// A whole number within bounds.
    Count { min: u64, max: u64 },
    /// A span of time; `zero` tells whether none at all makes sense.
    Duration { zero: bool },
    /// A number of bytes within bounds.
    Size { min: u64, max: u64 },
    /// A share of all, from 0 to 1.
    Share,
    /// A member id, as number or numeric text.
    Mid,
    /// A member id or an account's name.
    Account,
    /// Several of those.
    Accounts,
}

/// One key of the configuration.
#[derive(Debug)]
pub(super) struct Key {
    /// Its path, with `*` for names and `[]` for places in an array of tables.
    pub(super) pattern: &'static str,
    pub(super) kind: Kind,
    /// As an environment variable would give it.
    pub(super) default: Option<&'static str>,
    /// One line for the reference.
    pub(super) doc: &'static str,
}

impl Key {
    /// The last part of the pattern.
    pub(super) fn leaf(&self) -> &'static str {
        self.pattern.rsplit('.').next().unwrap_or(self.pattern)
    }

    /// The pattern of the table that the key stands in; empty at the top.
    pub(super) fn table(&self) -> &'static str {
        self.pattern.rsplit_once('.').map_or("", |(table, _)| table)
    }

    /// Whether the key's path holds a name or a place, so that it is a key for each of several things.
    pub(super) fn is_repeated(&self) -> bool {
        self.pattern
            .split('.')
            .any(|part| matches!(part, "*" | "[]"))
    }

    /// The environment variable that sets the key.
    pub(super) fn environment_name(&self) -> Option<String> {
        if self.is_repeated() {
            return None;
        }
        let path = self.pattern.replace('.', "_").to_ascii_uppercase();
        Some(format!("{ENVIRONMENT_PREFIX}{path}"))
    }
}

/// What the names of all our environment variables begin with.
pub(super) const ENVIRONMENT_PREFIX: &str = "SFMC_AUTH_PROXY_";

/// Tables that switch something on by being there. Their keys have defaults only then.
pub(super) const SWITCHES: [&str; 1] = ["intercept"];

/// The key at a path.
pub(super) fn find(path: &KeyPath) -> Option<&'static Key> {
    KEYS.iter().find(|key| path.fits(key.pattern))
}

/// Whether any key lies below a path.
pub(super) fn is_table(path: &KeyPath) -> bool {
    KEYS.iter().any(|key| path.leads_to(key.pattern))
}

/// Whether a path holds an array of tables.
pub(super) fn is_array_of_tables(path: &KeyPath) -> bool {
    is_table(path) && is_table(&path.item(0))
}
