//! The file that the contract shows: every key is known. It names two places for logins, of which one has to go.

use super::*;

const CONTRACT: &str = include_str!("contract.toml");

/// The contract's file with one line in another's place.
fn with(from: &str, to: &str) -> String {
    assert!(CONTRACT.contains(from), "{from}");
    CONTRACT.replace(from, to)
}

#[test]
fn every_key_is_known_and_logins_are_kept_in_one_place() {
    let faults = found(CONTRACT, &[], Depth::Syntax);
    let found: Vec<String> = faults
        .faults
        .iter()
        .map(|fault| fault.to_string().split_once(": ").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        found,
        [
            "state.dir: dir and redis_url are both given; keep one of them: logins are on Redis, or in a directory".to_owned(),
        ]
    );
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
fn with_one_place_for_logins_it_is_fine() {
    let lines_of_it = CONTRACT.lines();
    let kept: Vec<&str> = lines_of_it
        .filter(|line| !line.starts_with("redis_url"))
        .collect();
    let text = kept.join("\n");
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
