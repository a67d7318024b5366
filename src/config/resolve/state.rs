//! `[state]`: where logins are kept, or what replicas share, and under which keys. Looks at the directory that is there, and
//! makes none; asks no Redis.

use rustls_pki_types::CertificateDer;

use super::tenant::Tenant;
use super::{Review, files};
use crate::config::Depth;
use crate::config::key_path::KeyPath;
use crate::state::{Keys, RedisUrl, Settings, SharedSettings, inspect};
use crate::token::is_loopback;

const KEY_INSTEAD: &str = "make one with `head -c 32 /dev/urandom | base64`, put it into a file, and write key_file = \
                           \"…\" in [state]";

/// What is kept in a directory, or else what is shared.
pub(super) type State = (Option<Settings>, Option<SharedSettings>);

/// Nothing at all says that nothing is kept; `None` that a fault was found, or nothing was to be read.
pub(super) fn state(review: &mut Review<'_>, tenants: &[Tenant]) -> Option<State> {
    let table = KeyPath::of("state");
    if !review.values.has_table(&table) {
        without(review, &table, tenants);
        return Some((None, None));
    }
    let keys = keys(review, &table);
    let path = table.child("dir");
    if is_shared(review, &table) {
        let shared = shared(review, &table);
        if review.values.is_given(&path) {
            let instead = "keep one of them: logins are on Redis, or in a directory";
            review.fault(&path, "dir and redis_url are both given", instead);
            return None;
        }
        let (url, extra_roots) = shared?;
        let shared = SharedSettings {
            url,
            keys: keys?,
            extra_roots,
        };
        return Some((None, Some(shared)));
    }
    let Some(text) = review.text(&path) else {
        let instead = "write dir = \"/var/lib/sfmc-auth-proxy\", or leave [state] out";
        lacking(review, &table, "dir", instead);
        return None;
    };
    let origin = review.origin(&path)?;
    let settings = Settings {
        directory: review.sources.path(text, &origin),
        keys: keys?,
    };
    if review.depth == Depth::Whole {
        for error in inspect(&settings) {
            let words = error.to_string();
            let (what, instead) = in_two(&words, "name another directory");
            review.fault(&path, what, instead);
        }
    }
    Some((Some(settings), None))
}

fn is_shared(review: &Review<'_>, table: &KeyPath) -> bool {
    ["redis_url", "redis_url_file", "ca_file"]
        .iter()
        .any(|leaf| review.values.is_given(&table.child(leaf)))
}

/// The server, and whom to trust there.
fn shared(
    review: &mut Review<'_>,
    table: &KeyPath,
) -> Option<(RedisUrl, Vec<CertificateDer<'static>>)> {
    let roots = files::certificates(review, &table.child("ca_file"));
    let found = files::optional_secret(review, table, "redis_url")?;
    let Some((hidden, path, origin)) = found else {
        let file = table.child("redis_url_file");
        if !review.values.is_given(&file) {
            let instead = "write redis_url = \"rediss://…\", or leave ca_file out";
            review.missing(table, "redis_url", instead);
        }
        return None;
    };
    let url = match RedisUrl::parse(&hidden.secret) {
        Ok(url) => url,
        Err(error) => {
            let instead = "write redis_url = \"rediss://USER:PASSWORD@HOST:PORT/DATABASE\"";
            let faults = &mut review.faults;
            faults.add(Some(origin), &path, error.to_string(), instead);
            return None;
        }
    };
    if url.has_password() && !url.tls() && !is_loopback(url.host()) {
        let words = "shows a password without TLS, to everyone on the way; write rediss://, if the server speaks it";
        review.warn(Some(&origin), &path, words);
    }
    Some((url, roots?))
}

fn without(review: &mut Review<'_>, table: &KeyPath, tenants: &[Tenant]) {
    let names: Vec<&str> = tenants
        .iter()
        .filter(|tenant| tenant.takes_login)
        .map(|tenant| tenant.name.as_str())
        .collect();
    let (of_them, their) = match names.as_slice() {
        [] => return,
        [only] => (format!("tenant {only}"), "its"),
        _ => (format!("the tenants {}", names.join(", ")), "their"),
    };
    let words = format!(
        "is not there, so that {of_them} will need {their} logins anew after every restart; write dir = \
         \"/var/lib/sfmc-auth-proxy\" and key_file = \"…\" in [state]"
    );
    review.warn(None, table, words);
}

/// Notes that the table, or whatever of it was given, lacks a key.
fn lacking(review: &mut Review<'_>, table: &KeyPath, leaf: &str, instead: &str) {
    let path = table.child(leaf);
    if review.values.is_partial || review.values.is_given(&path) {
        return;
    }
    let others = [
        "dir",
        "key",
        "key_file",
        "redis_url",
        "redis_url_file",
        "ca_file",
    ];
    let origin = review.origin(table).or_else(|| {
        others
            .iter()
            .find_map(|other| review.origin(&table.child(other)))
    });
    review.faults.add(origin, &path, "is missing", instead);
}

fn keys(review: &mut Review<'_>, table: &KeyPath) -> Option<Keys> {
    let found = files::secrets(review, table, "key")?;
    if found.is_empty() {
        lacking(review, table, "key", KEY_INSTEAD);
        return None;
    }
    let texts: Vec<_> = found
        .iter()
        .map(|(hidden, _path, _origin)| hidden.secret.clone())
        .collect();
    match Keys::new(&texts) {
        Ok(keys) => Some(keys),
        Err((index, what)) => {
            if let Some((_hidden, path, origin)) = found.into_iter().nth(index) {
                let (what, instead) = in_two(&what, KEY_INSTEAD);
                review.faults.add(Some(origin), &path, what, instead);
            }
            None
        }
    }
}

/// What is wrong, and what to do about it.
fn in_two<'a>(words: &'a str, general: &'a str) -> (&'a str, &'a str) {
    words.split_once("; ").unwrap_or((words, general))
}
