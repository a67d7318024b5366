//! The reference of all keys, as Markdown. It is written from the table of keys, and a test sees that the copy in `docs/`
//! is not stale.

use std::fmt::Write;

use super::keys::{KEYS, Key, Kind, SECTIONS};
use super::suggest;
use super::value::size_text;

const HEAD: &str = "\
# Configuration

Written by a test from the table of keys in `src/config/keys/table.rs`; change it there.
`config/sfmc-auth-proxy.toml` is a sample with comments, `config/schema.json` the JSON Schema.

One TOML file: `--config FILE`, else `$SFMC_AUTH_PROXY_CONFIG`, else the first of `./sfmc-auth-proxy.toml`,
`$XDG_CONFIG_HOME/sfmc-auth-proxy/config.toml` (`~/.config` without that variable) and `/etc/sfmc-auth-proxy/config.toml`.
A flag wins over the environment, the environment over the file, the file over the default. `sfmc-auth-proxy print-config`
shows what holds and where it comes from; `sfmc-auth-proxy check` finds everything that is wrong, at once.

- `${VAR}` and `${VAR:-default}` expand inside the file's strings, `$$` is a dollar. A variable that is not set is a fault.
- Durations are written `\"500ms\"`, `\"90s\"`, `\"2h\"`, sizes `\"64KiB\"`, `\"4MiB\"`.
- A relative path starts at the configuration file's directory, `~/` is the home directory.
- In an environment variable, a list is separated by commas; a variable that is set to nothing counts as unset.

## Without a file

`SFMC_SUBDOMAIN`, `SFMC_CLIENT_ID` and `SFMC_CLIENT_SECRET` (or `SFMC_CLIENT_SECRET_FILE`) make one tenant called `default`;
`SFMC_ACCOUNT_ID`, `SFMC_ACCOUNTS=\"emea=510001235,apac=510001236\"` and `SFMC_SCOPE` add to it. They also do where a file has no
tenant; where it has one, they only serve `${…}`.
";

/// The reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    for (table, doc) in SECTIONS {
        section(&mut text, table, doc);
    }
    text
}

/// Every environment variable that sets a key, and what the key is for, as Markdown.
#[must_use]
pub fn variables() -> Vec<(String, &'static str)> {
    let named = KEYS
        .iter()
        .filter_map(|key| Some((key.environment_name()?, key.doc)));
    named.collect()
}

fn section(text: &mut String, table: &str, doc: &str) {
    let title = match table {
        "" => "Top level".to_owned(),
        _ => format!("`{}`", suggest::header(table)),
    };
    let _written = writeln!(text, "\n## {title}\n\n{doc}\n");
    for key in KEYS.iter().filter(|key| key.table() == table) {
        let name = if key.leaf() == "*" {
            "NAME"
        } else {
            key.leaf()
        };
        let kind = match key.kind {
            Kind::Choice(words) => one_of(words),
            kind => kind_text(kind),
        };
        let _written = write!(text, "- **`{name}`**: {kind}. {}", key.doc);
        if key.default.is_some() {
            let _written = write!(text, " Default: `{}`.", default(key));
        }
        if let Some(variable) = key.environment_name() {
            let _written = write!(text, " `{variable}`");
        }
        text.push('\n');
    }
}

fn default(key: &Key) -> String {
    let text = key.default.unwrap_or_default();
    match key.kind {
        Kind::Flag | Kind::Count { .. } | Kind::Share | Kind::Mid => text.to_owned(),
        Kind::Addresses | Kind::Texts | Kind::Words => {
            let items = text.split(',').filter(|item| !item.is_empty());
            let items: Vec<String> = items.map(|item| format!("{item:?}")).collect();
            format!("[{}]", items.join(", "))
        }
        _ => format!("{text:?}"),
    }
}

fn one_of(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word:?}`")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

fn kind_text(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Choice(_) => "text".to_owned(),
        Kind::Secret => "secret text".to_owned(),
        Kind::Path => "path".to_owned(),
        Kind::Paths => "path, or list of paths".to_owned(),
        Kind::Url => "URL".to_owned(),
        Kind::Address => "address".to_owned(),
        Kind::Addresses => "list of addresses".to_owned(),
        Kind::Texts => "list of text".to_owned(),
        Kind::Servers => "text, or list of text".to_owned(),
        Kind::Proxy => "text".to_owned(),
        Kind::Words => "list of text, or one text with spaces".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Count { min, max } => format!("number, {min} to {max}"),
        Kind::Duration { zero: true } => "duration".to_owned(),
        Kind::Duration { zero: false } => "duration above zero".to_owned(),
        Kind::Size { min, max } => format!("size, {} to {}", size_text(min), size_text(max)),
        Kind::Share => "number, 0 to 1".to_owned(),
        Kind::Mid => "member id, as number or text".to_owned(),
        Kind::Account => "name or member id".to_owned(),
        Kind::Accounts => "list of names or member ids".to_owned(),
    }
}
