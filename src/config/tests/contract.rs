//! The file that the contract shows: every key is known, and what a later version brings is refused by its name.

use super::*;

const CONTRACT: &str = include_str!("contract.toml");

/// The contract's file with one line in another's place.
fn with(from: &str, to: &str) -> String {
    assert!(CONTRACT.contains(from), "{from}");
    CONTRACT.replace(from, to)
}

#[test]
fn every_key_is_known_and_later_ones_are_refused_by_name() {
    let faults = found(CONTRACT, &[], Depth::Syntax);
    let refused = |key: &str| format!("{key}: `{key}` is not part of this version; leave it out");
    let found: Vec<String> = faults
        .faults
        .iter()
        .map(|fault| fault.to_string().split_once(": ").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        found,
        [
            refused("listen.tls"),
            refused("listener[0].client"),
            refused("admin.token_file"),
            refused("tenants.acme.client_secret_next_file"),
            refused("clients"),
            refused("intercept"),
            "upstream.proxy: `proxy = \"env\"` is not part of this version; write proxy = \"none\", or leave it out".to_owned(),
            refused("state"),
            refused("audit"),
        ]
    );
    assert_eq!(faults.warnings, [""; 0]);
}

#[test]
fn other_values_than_todays_are_refused_by_name() {
    let before = found(CONTRACT, &[], Depth::Syntax).faults.len();
    for (from, to, expected) in [
        (
            "https = []",
            "https = [\"127.0.0.1:1\"]",
            "listen.https: `https = [\"127.0.0.1:1\"]` is not part of this version; write https = [], or leave it out",
        ),
        (
            "answer_urls = \"proxy\"",
            "answer_urls = \"as_called\"",
            "listener[0].answer_urls: `answer_urls = \"as_called\"` is not part of this version; write answer_urls = \"proxy\", or leave it out",
        ),
        (
            "quit = false",
            "quit = true",
            "admin.quit: `quit = true` is not part of this version; write quit = false, or leave it out",
        ),
        (
            "kind = \"marketing_cloud\"",
            "kind = \"data_cloud\"",
            "tenants.acme.kind: `kind = \"data_cloud\"` is not part of this version; write kind = \"marketing_cloud\", or leave it out",
        ),
        (
            "kind = \"marketing_cloud\"",
            "kind = \"pardot\"",
            "tenants.acme.kind: \"pardot\" is not one of the words for it; write \"marketing_cloud\"",
        ),
        (
            "grant = \"client_credentials\"",
            "grant = \"jwt_bearer\"",
            "tenants.acme.grant: `grant = \"jwt_bearer\"` is not part of this version; write grant = \"client_credentials\", or leave it out",
        ),
        (
            "mode = \"full\"",
            "mode = \"read_only\"",
            "tenants.acme.mode: `mode = \"read_only\"` is not part of this version; write mode = \"full\", or leave it out",
        ),
        (
            "resolve_with = \"system\"",
            "resolve_with = \"10.0.0.10:53\"",
            "upstream.resolve_with: `resolve_with = \"10.0.0.10:53\"` is not part of this version; write resolve_with = \"system\", or leave it out",
        ),
        (
            "max_client_requests = 0",
            "max_client_requests = 5",
            "limits.max_client_requests: `max_client_requests = 5` is not part of this version; write max_client_requests = 0, or leave it out",
        ),
    ] {
        let faults = found(&with(from, to), &[], Depth::Syntax);
        let hit = faults
            .faults
            .iter()
            .any(|fault| fault.to_string().ends_with(&format!(": {expected}")));
        assert!(hit && faults.faults.len() == before + 1, "{to}: {faults}");
    }
}

#[test]
fn what_is_left_without_the_later_keys_is_fine() {
    let mut text = String::new();
    let mut skipping = false;
    for line in CONTRACT.lines() {
        if line.starts_with('[') {
            skipping = [
                "[listen.tls]",
                "[clients.",
                "[intercept]",
                "[state]",
                "[audit]",
            ]
            .iter()
            .any(|table| line.starts_with(table));
        }
        let later = [
            "client = ",
            "token_file",
            "client_secret_next",
            "proxy = \"env\"",
        ]
        .iter()
        .any(|key| line.starts_with(key));
        if !skipping && !later {
            text.push_str(line);
            text.push('\n');
        }
    }
    assert_eq!(lines(&found(&text, &[], Depth::Syntax)), [""; 0]);
    let whole = lines(&found(&text, &[("SFMC_CLIENT_ID", "id")], Depth::Whole));
    assert_eq!(
        whole.len(),
        2,
        "the two files that are not there: {whole:?}"
    );
}
