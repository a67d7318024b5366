//! What is written, and what is made of it: tables of input and expected faults, so that the inside may change.

mod clients;
mod collector;
mod contract;
mod depth;
mod documents;
mod doors;
mod egress;
mod faults;
mod kinds;
mod layers;
mod logins;
mod machine;
mod meaning;
mod places;
mod reload;
mod scopes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::document::Document;
use super::*;

/// A tenant with nothing to complain of: five lines.
const TENANT: &str =
    "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"id\"\nclient_secret = \"s3cret\"\n\n";

/// Sources with this environment and nothing else.
fn sources(environment: &[(&str, &str)]) -> Sources {
    let environment: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Sources {
        environment,
        working_directory: PathBuf::from("/nonexistent"),
        ..Sources::default()
    }
}

/// Everything that is found in a text, as `line: key: what; instead`.
fn found(text: &str, environment: &[(&str, &str)], depth: Depth) -> Faults {
    let document = Document {
        path: Path::new("sfmc-auth-proxy.toml").into(),
        text: text.to_owned(),
    };
    let mut faults = Faults::default();
    review(
        &sources(environment),
        Some(&document),
        depth,
        &mut faults,
        None,
    );
    faults
}

fn lines(faults: &Faults) -> Vec<String> {
    let line = |fault: &Fault| fault.to_string().replace("sfmc-auth-proxy.toml:", "");
    faults.faults.iter().map(line).collect()
}

/// What is wrong with these lines, where a tenant follows them.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let text = format!("{text}\n{TENANT}");
    assert_eq!(lines(&found(&text, &[], Depth::Whole)), expected, "{text}");
}

/// What is wrong with these lines of a tenant; the first of them is line 6.
#[track_caller]
fn check_tenant(text: &str, expected: &[&str]) {
    let text = format!("{TENANT}{text}");
    assert_eq!(lines(&found(&text, &[], Depth::Whole)), expected, "{text}");
}

/// What these lines of a tenant that has nothing else amount to; the first of them is line 2.
#[track_caller]
fn check_bare_tenant(text: &str, expected: &[&str]) {
    let text = format!("[tenants.acme]\n{text}");
    assert_eq!(lines(&found(&text, &[], Depth::Whole)), expected, "{text}");
}

/// The settings of a text that is fine.
#[track_caller]
fn resolve(text: &str) -> Resolved {
    match with_text(&sources(&[]), text) {
        Ok(resolved) => resolved,
        Err(faults) => panic!("{faults}\n{text}"),
    }
}
