//! The configuration read again: what is taken for a change, what waits for a restart, and when a file may be believed.

use std::fs;
use std::path::Path;

use super::*;
use crate::config::keys::{KEYS, Key};
use crate::config::reload::FIXED;
use crate::secret::Secret;

const TEXT: &str =
    "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret_file = \"secret\"\n";

fn reloadable(folder: &Path) -> Reloadable {
    fs::write(folder.join("c.toml"), TEXT).unwrap();
    fs::write(folder.join("secret"), "first-secret-0123456789").unwrap();
    Reloadable::new(Sources {
        file: Some("c.toml".into()),
        working_directory: folder.to_owned(),
        ..Sources::default()
    })
}

fn rewrite(folder: &Path, text: &str) {
    fs::write(folder.join("c.toml"), text).unwrap();
}

#[test]
fn a_change_is_told_by_its_keys_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut reloadable = reloadable(folder.path());
    assert!(!reloadable.has_changed());
    assert!(matches!(reloadable.read(false), Read::Same));
    assert!(matches!(reloadable.read(true), Read::New(_)), "asked for");
    fs::write(folder.path().join("secret"), "other-secret-0123456789").unwrap();
    assert!(reloadable.has_changed());
    let Read::New(resolved) = reloadable.read(false) else {
        panic!("a new one");
    };
    let secret = resolved.proxy.tenants[0].endpoint.client_secrets.first();
    assert_eq!(Secret::expose(secret.unwrap()), "other-secret-0123456789");
    let secret_file = "tenants.acme.client_secret_file".to_owned();
    assert_eq!(reloadable.changes(), (vec![secret_file], vec![]));
    reloadable.accept();
    assert!(!reloadable.has_changed());
    assert_eq!(reloadable.changes(), (vec![], vec![]));
    // To the letter the same, from another hour.
    fs::write(folder.path().join("secret"), "other-secret-0123456789").unwrap();
    assert!(matches!(reloadable.read(false), Read::Same));
}

#[test]
fn what_waits_for_a_restart_keeps_its_value_and_is_told_until_it_is_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut reloadable = reloadable(folder.path());
    let other = "[limits]\nworkers = 7\nmax_headers = 100\n[admin]\nlisten = \"127.0.0.1:1\"\n\
                 [state]\ndir = \"state\"\n";
    rewrite(folder.path(), &format!("{other}{TEXT}"));
    for _reading in 0..2 {
        let Read::New(resolved) = reloadable.read(true) else {
            panic!("a new one");
        };
        assert_eq!(resolved.server.headers_max, 100);
        assert_ne!(resolved.server.workers, 7);
        assert_eq!(resolved.admin.listen.port(), 7363);
        assert!(resolved.state.is_none());
        let (_changed, fixed) = reloadable.changes();
        assert_eq!(fixed, ["admin.listen", "limits.workers", "state.dir"]);
        reloadable.accept();
    }
    rewrite(folder.path(), TEXT);
    assert!(matches!(reloadable.read(false), Read::New(_)));
    let changed = vec!["limits.max_headers".to_owned()];
    assert_eq!(reloadable.changes(), (changed, vec![]));
}

#[test]
fn a_refused_reading_changes_nothing_and_a_mended_one_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let mut reloadable = reloadable(folder.path());
    rewrite(folder.path(), &TEXT.replace("\"secret\"", "\"nowhere\""));
    assert!(matches!(reloadable.read(false), Read::Refused(_)));
    assert!(matches!(reloadable.read(false), Read::Same), "told once");
    // What is missing is watched as well.
    assert!(!reloadable.has_changed());
    fs::write(folder.path().join("nowhere"), "third-secret-0123456789").unwrap();
    assert!(reloadable.has_changed());
    assert!(matches!(reloadable.read(false), Read::New(_)));
    rewrite(folder.path(), "[tenants");
    assert!(matches!(reloadable.read(false), Read::Refused(_)));
    fs::remove_file(folder.path().join("c.toml")).unwrap();
    assert!(matches!(reloadable.read(false), Read::Refused(_)));
}

#[test]
fn keys_that_need_a_restart_are_keys_and_documented() {
    let text = include_str!("../../../docs/reload.md");
    for fixed in FIXED {
        let is_one = |key: &Key| key.pattern == *fixed || key.pattern.starts_with(fixed);
        assert!(KEYS.iter().any(is_one), "{fixed}");
        let named = match fixed.strip_suffix('.') {
            Some(table) => format!("`[{table}]`"),
            None => format!("`{fixed}`"),
        };
        assert!(text.contains(&named), "docs/reload.md lacks {named}");
    }
}
