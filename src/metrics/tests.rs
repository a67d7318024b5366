//! The reference beside the code, the table behind the registry, and which series go when the configuration changes.
//! `BLESS=1 cargo test` writes the reference anew.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use super::*;

#[test]
fn the_reference_is_fresh_and_tells_every_family_and_value() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = reference();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "docs/metrics.md is stale: run BLESS=1 cargo test --lib metrics::"
    );
    for family in FAMILIES {
        assert!(text.contains(&format!("### `{}`", family.name)));
        for (label, values) in family.values {
            assert!(family.labels.contains(label), "{label} of {}", family.name);
            for (name, meaning) in *values {
                assert!(text.contains(&format!("| `{name}` | {meaning} |")));
                assert!(!meaning.contains('|'), "{meaning}");
            }
        }
    }
}

#[test]
fn every_family_is_named_as_its_kind_asks_for() {
    let mut names = BTreeSet::new();
    for family in FAMILIES {
        assert!(names.insert(family.name), "{} is there twice", family.name);
        let is_total = family.name.ends_with("_total");
        assert_eq!(is_total, family.kind == Kind::Counter, "{}", family.name);
        assert!(family.help.ends_with('.'), "{}", family.name);
        if let Kind::Histogram(bounds) = family.kind {
            assert!(family.name.ends_with("_seconds"), "{}", family.name);
            assert!(bounds.is_sorted_by(|one, next| one < next));
        }
    }
}

#[test]
fn what_is_not_retained_is_gone_from_every_family_and_the_rest_stays() {
    let metrics = Metrics::new().unwrap();
    for tenant in ["stays", "goes"] {
        for account in ["default", "goes-too"] {
            let labels = [tenant, account, "rest", "asset", "anonymous", "GET", "200"];
            metrics.requests_total.with_label_values(&labels).inc();
            let labels = [tenant, account];
            metrics
                .token_expiry_timestamp_seconds
                .with_label_values(&labels);
        }
        let labels = [tenant, "rest"];
        metrics
            .request_duration_seconds
            .with_label_values(&labels)
            .observe(1.0);
        metrics.tenant_ready.with_label_values(&[tenant]).set(1);
    }
    metrics
        .client_authentications_total
        .with_label_values(&["goes-as-well", "1"]);
    metrics
        .would_be_refusals_total
        .with_label_values(&["goes-as-well", "policy_denied"]);
    metrics.retain(|series| {
        series.tenant != Some("goes")
            && series.account != Some("goes-too")
            && series.client != Some("goes-as-well")
    });
    let text = String::from_utf8(metrics.render()).unwrap();
    assert!(!text.contains("\"goes"), "{text}");
    for kept in [
        "requests_total{account=\"default\",",
        "request_duration_seconds_count{api=\"rest\",tenant=\"stays\"} 1",
        "tenant_ready{tenant=\"stays\"} 1",
        "token_expiry_timestamp_seconds{account=\"default\",tenant=\"stays\"} 0",
    ] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
}
