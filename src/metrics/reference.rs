//! The reference of all metrics, as Markdown. It is written from the table of families, and a test sees that the copy in
//! `docs/` is not stale.

use std::fmt::Write;

use super::family::{FAMILIES, Family, Kind};
use super::label;
use super::{PREFIX, label::Value};

const HEAD: &str = "\
# Metrics

Written by a test from the table of families in `src/metrics/family.rs` and the values in `src/metrics/label.rs`; change it
there: `BLESS=1 cargo test --lib metrics::` writes this page anew.

`/metrics` of the admin listener (`admin.listen`) answers in Prometheus' text format, to whoever can reach it, without a token.
Nothing in it is secret: no path, no id of an account, no token. [alerts.md](alerts.md) says what to do when one of the rules in
`charts/sfmc-auth-proxy/rules/alerts.yaml` fires; `charts/sfmc-auth-proxy/dashboards/` has dashboards for Grafana.

```yaml
scrape_configs:
  - job_name: sfmc-auth-proxy
    scrape_interval: 15s
    static_configs:
      - targets: [\"127.0.0.1:7363\"]
```

## What holds for all

- Every series whose labels are known beforehand is there from the first scrape, at zero, so that `increase()` sees the first
  event. A family shows once one of its labels has a value: without `[clients]`, say, there is none to count by.
- The number of series is bounded by the configuration: by tenants, accounts, clients and listeners, not by callers. Of one
  tenant's accounts the first 500 by name have a label of their own.
- When a tenant, an account or a client leaves the configuration, its series go. A call of theirs that ends later brings its
  own back until the next change.
- Each replica has its own numbers. Sum counters over replicas; of `token_*` gauges look at each.
- Names, units (seconds, bytes) and suffixes are those of Prometheus' conventions; `promtool check metrics` has no complaint.

## Buckets

Histograms have classic buckets. Native histograms would be finer and fewer series, but come in the protobuf format alone, which
the library that writes this page's metrics does not speak for them; and what reads `/metrics` by hand, or is no Prometheus,
understands classic ones. Bounds stand where a question is asked:

- up to 0.01 s: answers that the proxy gives by itself (a token at its own endpoint, a refusal). More than a few milliseconds
  there is a busy machine.
- 0.1 to 1 s, at steps of about a half: where the vendor answers nearly all calls. A quantile is off by less than a step.
- 120 and 300 s: `timeouts.body_stall` and `timeouts.response_head` by default. A call that ran into one lies above the bound.
- for token requests 10 and 15 s: what one attempt, and a mint with all its attempts, may take.

One histogram costs as many series as it has bounds, and three: with the three APIs, both call histograms have
BOUNDS series a tenant.

## Labels

| label | is |
|---|---|
| `tenant` | the name in `[tenants.NAME]` |
| `account` | the name in `[tenants.NAME.accounts]`; `default` for an `account_id` without one; `other` for accounts without a label of their own |
| `api` | APIS |
| `operation` | for SOAP the operation, for REST the first segment of the path if the vendor has such an API; else `other` |
| `client` | the name in `[clients.NAME]`; `anonymous` without `[clients]`, and for who showed no credentials |
| `method` | `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS`; else `other` |
| `code` | the status that the caller got; 499 if it left before the answer began |
";

const TAIL: &str = "
## Of the process

From the system, without the prefix, as Prometheus' own clients have them (Linux only): `process_cpu_seconds_total`,
`process_max_fds`, `process_open_fds`, `process_resident_memory_bytes`, `process_start_time_seconds`, `process_threads`,
`process_virtual_memory_bytes`.
";

/// The reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let apis = label::APIS.iter();
    let apis: Vec<_> = apis
        .map(|(name, meaning)| format!("`{name}`: {meaning}"))
        .collect();
    let mut text = HEAD
        .replace("APIS", &apis.join("; "))
        .replace("BOUNDS", &call_series().to_string());
    text.push_str("\n## Families\n\nAll begin with `");
    text.push_str(PREFIX);
    text.push_str("_`.\n");
    for family in &FAMILIES {
        section(&mut text, family);
    }
    text.push_str(TAIL);
    text
}

/// How many series the histograms of calls have for each tenant.
fn call_series() -> usize {
    let by_api = FAMILIES
        .iter()
        .filter(|family| family.labels.contains(&"api"));
    let series = by_api.filter_map(|family| match family.kind {
        Kind::Histogram(bounds) => Some((bounds.len() + 3) * label::APIS.len()),
        Kind::Counter | Kind::Gauge => None,
    });
    series.sum()
}

fn section(text: &mut String, family: &Family) {
    let labels = match family.labels {
        [] => String::new(),
        labels => format!(" by {}", listed(labels)),
    };
    let _written = write!(
        text,
        "\n### `{}`\n\n{}{labels}. {}",
        family.name,
        family.kind.name(),
        family.help
    );
    for sentence in [family.note].into_iter().filter(|note| !note.is_empty()) {
        let _written = write!(text, " {sentence}");
    }
    text.push('\n');
    if let Kind::Histogram(bounds) = family.kind {
        let bounds: Vec<_> = bounds.iter().map(ToString::to_string).collect();
        let _written = writeln!(text, "\nBounds: {}.", bounds.join(", "));
    }
    for (label, values) in family.values {
        table(text, label, values);
    }
}

fn table(text: &mut String, label: &str, values: &[Value]) {
    let _written = writeln!(text, "\n| `{label}` | means |\n|---|---|");
    for (name, meaning) in values {
        let _written = writeln!(text, "| `{name}` | {meaning} |");
    }
}

fn listed(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
