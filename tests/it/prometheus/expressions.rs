//! The expressions of dashboards and rules, and what they name. Looks for names alone; whether an expression is one is
//! Prometheus' to say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// Labels that a scrape or a cluster adds, or that histograms have by themselves.
pub const ADDED: [&str; 4] = ["instance", "job", "le", "namespace"];

/// One expression, and where it stands.
#[derive(Debug)]
pub struct Expression {
    pub place: String,
    pub text: String,
}

/// The expressions of a dashboard's panels and annotations, as Grafana sends them for all tenants.
pub fn of_dashboard(file: &Path) -> Vec<Expression> {
    let board = dashboard(file);
    let mut found = Vec::new();
    let panels = board["panels"].as_array().unwrap();
    let annotations = board["annotations"]["list"].as_array().unwrap();
    for panel in panels.iter().chain(annotations) {
        let targets = panel["targets"].as_array().into_iter().flatten();
        for target in targets.chain([panel]) {
            if let Some(text) = target["expr"].as_str() {
                found.push(Expression {
                    place: format!("{}: {} {}", file.display(), panel["title"], panel["name"]),
                    text: filled_in(text),
                });
            }
        }
    }
    assert!(found.len() > 10, "{} has no expressions", file.display());
    found
}

pub fn dashboard(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Every `label_values(metric, label)` of a dashboard's variables, as metric with selector and label.
pub fn variables(board: &Value) -> Vec<(String, String)> {
    let variables = board["templating"]["list"].as_array().unwrap();
    let queries = variables
        .iter()
        .filter_map(|variable| variable["query"]["query"].as_str());
    let parts = queries.map(|query| {
        let inner = query.strip_prefix("label_values(").unwrap();
        let inner = inner.strip_suffix(')').unwrap();
        let (metric, label) = inner.rsplit_once(", ").unwrap();
        (filled_in(metric), label.to_owned())
    });
    parts.collect()
}

fn filled_in(text: &str) -> String {
    let text = text.replace("$__rate_interval", "1m");
    let text = ["$tenant", "$account", "$instance"]
        .iter()
        .fold(text, |text, variable| text.replace(variable, ".*"));
    assert!(!text.contains('$'), "an unknown variable: {text}");
    text
}

/// The metrics that an expression names, each with the labels that its selector names.
pub fn metrics(text: &str) -> Vec<(String, BTreeSet<String>)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let (name, after) = word(&rest[start..]);
        let is_metric = ["sfmc_auth_proxy_", "process_"]
            .iter()
            .any(|prefix| name.starts_with(prefix));
        rest = after;
        if !is_metric {
            continue;
        }
        let selector = after
            .strip_prefix('{')
            .and_then(|inner| Some(inner.split_once('}')?.0));
        found.push((name.to_owned(), labels(selector.unwrap_or_default())));
    }
    found
}

/// The labels that an expression groups or matches by.
pub fn grouped(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in ["by (", "on (", "without (", "ignoring ("] {
        for after in text.split(word).skip(1) {
            let inner = after.split_once(')').unwrap().0;
            found.extend(inner.split(',').map(|label| label.trim().to_owned()));
        }
    }
    found
}

fn labels(selector: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (place, part) in selector.split('"').enumerate() {
        // Outside of quotes there are names and operators.
        if place % 2 == 0 {
            let names = part.split(|letter: char| !is_name(letter));
            found.extend(names.filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
    found
}

fn word(text: &str) -> (&str, &str) {
    let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
    text.split_at(end)
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}
