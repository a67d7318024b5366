//! What is kept beside the code: the reference. `BLESS=1 cargo test` writes it anew.

use std::path::Path;
use std::{env, fs};

use super::super::table::{OBJECTS, ROUTES};
use super::*;

#[test]
fn the_policy_reference_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy.md");
    let text = reference();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "docs/policy.md is stale: run BLESS=1 cargo test documents"
    );
}

#[test]
fn the_policy_reference_tells_every_row_and_every_doubt() {
    let text = reference();
    for row in ROUTES {
        assert!(
            text.contains(&format!("| `{} {}` |", row.method, row.path)),
            "{}",
            row.path
        );
        assert!(!row.source.contains('|'), "{}", row.source);
    }
    for row in OBJECTS {
        assert!(text.contains(&format!(
            "| {} | `{}` |",
            row.operation.name(),
            row.object_type
        )));
        assert!(!row.source.is_empty());
    }
    for doubt in Doubt::ALL {
        assert!(text.contains(doubt.words()), "{doubt:?}");
    }
}
