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
    assert_eq!(found, [refused("state.redis_url"),]);
    assert_eq!(
        faults.warnings,
        [
            "sfmc-auth-proxy.toml:10: listen.tls: is of no use, because no listener speaks TLS; name its address in listen.https"
        ]
    );
}

#[test]
fn other_values_than_todays_are_refused_by_name() {
    let before = found(CONTRACT, &[], Depth::Syntax).faults.len();
    for (from, to, expected) in [
        (
            "quit = false",
            "quit = true",
            "admin.quit: `quit = true` is not part of this version; write quit = false, or leave it out",
        ),
        (
            "kind = \"marketing_cloud\"",
            "kind = \"pardot\"",
            "tenants.acme.kind: \"pardot\" is not one of the words for it; write \"marketing_cloud\" or \"salesforce\" or \"data_cloud\" or \"account_engagement\"",
        ),
        (
            "grant = \"client_credentials\"",
            "grant = \"jwt_bearer\"",
            "tenants.acme.grant: is not for kind = \"marketing_cloud\": the vendor offers no public contract for it; write grant = \"client_credentials\" or \"authorization_code\"",
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
    for line in CONTRACT.lines() {
        let later = ["redis_url"].iter().any(|key| line.starts_with(key));
        if !later {
            text.push_str(line);
            text.push('\n');
        }
    }
    assert_eq!(lines(&found(&text, &[], Depth::Syntax)), [""; 0]);
    let environment = [("SFMC_CLIENT_ID", "id"), ("HOME", "/nonexistent")];
    let whole = lines(&found(&text, &environment, Depth::Whole));
    let absent =
        |fault: &&String| fault.contains("does not exist") || fault.contains("is no directory");
    assert_eq!(
        (whole.len(), whole.iter().filter(absent).count()),
        (10, 10),
        "the files that are not there: {whole:?}"
    );
}
