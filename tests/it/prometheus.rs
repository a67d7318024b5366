//! What watches the proxy, judged by what reads it: the shipped rules and dashboards, with promtool and with a real Prometheus
//! that scrapes the real binary.

mod expressions;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use sfmc_auth_proxy::metrics::{FAMILIES, Kind, PREFIX};
use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Answer, Client, tenant_settings, until};
use crate::identities::basic;
use crate::process::{Process, configuration, has_program, undisturbed};
use expressions::{ADDED, Expression, of_dashboard};
use server::Prometheus;

const ECHO: &str = "/@acme/sandbox/echo";

fn in_tree(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn rules() -> PathBuf {
    in_tree("charts/sfmc-auth-proxy/rules/alerts.yaml")
}

fn dashboards() -> Vec<PathBuf> {
    let folder = fs::read_dir(in_tree("charts/sfmc-auth-proxy/dashboards")).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The names of all alerts, in their order.
fn alerts() -> Vec<String> {
    let text = fs::read_to_string(rules()).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "));
    let names: Vec<_> = names.map(str::to_owned).collect();
    assert!(names.len() > 20, "{names:?}");
    names
}

fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let ran = undisturbed("promtool")
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn every_alert_is_told_of_tested_and_judged() {
    let told = fs::read_to_string(in_tree("docs/alerts.md")).unwrap();
    let sections = told.lines().filter_map(|line| line.strip_prefix("## "));
    let sections: Vec<_> = sections.map(str::to_owned).collect();
    assert_eq!(sections, alerts(), "docs/alerts.md has a section for each");
    for part in told.split("\n## ").skip(1) {
        for word in ["**Means**: ", "**Callers see**: ", "**Do**: ", "**Do**:\n"] {
            let either = word.starts_with("**Do**") && part.contains("**Do**:");
            assert!(either || part.contains(word), "{word} in {part}");
        }
    }
    let tests = ["alerts_test.yaml", "alerts_over_days_test.yaml"];
    let tests = tests.map(|name| in_tree("tests/data/prometheus").join(name));
    let tests = tests.map(|file| fs::read_to_string(file).unwrap()).concat();
    let text = fs::read_to_string(rules()).unwrap();
    for name in alerts() {
        let fires = format!("alertname=\"{name}\",alertstate=\"firing\"");
        assert!(tests.contains(&fires), "no test sees {name} fire");
        let link = format!("runbook: docs/alerts.md#{}\n", name.to_lowercase());
        assert!(text.contains(&link), "{name} has no {link}");
    }
    let count = |what: &str| text.matches(what).count();
    let severities = count("severity: critical\n") + count("severity: warning\n");
    for (what, found) in [
        ("severity", severities),
        ("summary", count(" summary: \"")),
        ("description", count(" description: \"")),
    ] {
        assert_eq!(found, alerts().len(), "{what} of each");
    }
}

#[test]
fn the_rules_fire_when_they_should_and_not_otherwise() {
    if !has_program("promtool") {
        return;
    }
    promtool(&["check", "rules"], &[rules()]);
    let folder = in_tree("tests/data/prometheus");
    let tests = ["alerts_test.yaml", "alerts_over_days_test.yaml"];
    promtool(&["test", "rules"], &tests.map(|name| folder.join(name)));
}

#[test]
fn every_expression_of_a_dashboard_is_one() {
    if !has_program("promtool") {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let mut text = "groups:\n  - name: dashboards\n    rules:\n".to_owned();
    let expressions = dashboards()
        .into_iter()
        .flat_map(|file| of_dashboard(&file));
    for (
        number,
        Expression {
            text: expression, ..
        },
    ) in expressions.enumerate()
    {
        // A JSON string is a YAML string.
        let expression = Value::from(expression);
        text.push_str(&format!(
            "      - record: dashboard:{number}\n        expr: {expression}\n"
        ));
    }
    let file = folder.path().join("dashboards.yaml");
    fs::write(&file, text).unwrap();
    promtool(&["check", "rules"], &[file]);
}

#[test]
fn dashboards_are_fit_to_be_loaded() {
    let mut uids = BTreeSet::new();
    for file in dashboards() {
        let board = expressions::dashboard(&file);
        assert!(board["id"].is_null(), "an id is the database's to give");
        assert!(uids.insert(board["uid"].as_str().unwrap().to_owned()));
        let variables = board["templating"]["list"].as_array().unwrap();
        let names: Vec<_> = variables
            .iter()
            .map(|variable| variable["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["datasource", "tenant", "account", "instance"]);
        let mut places = BTreeSet::new();
        for panel in board["panels"].as_array().unwrap() {
            let place = &panel["gridPos"];
            let at = (place["y"].as_u64().unwrap(), place["x"].as_u64().unwrap());
            assert!(places.insert(at), "two panels at one place: {panel}");
            assert!(at.1 + place["w"].as_u64().unwrap() <= 24, "{panel}");
            if panel["type"] == "row" {
                continue;
            }
            assert!(!panel["title"].as_str().unwrap().is_empty());
            assert!(
                !panel["description"].as_str().unwrap().is_empty(),
                "{panel}"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string());
        }
    }
}

/// One tenant under three names: `acme` is in order, of `beta` id and secret are wrong, and to `users` nobody has logged in.
struct Scene {
    tenant: sandbox::Tenant,
    folder: tempfile::TempDir,
    process: Process,
}

impl Scene {
    async fn new() -> Self {
        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let folder = configuration(&tenant, "");
        let file = folder.path().join("sfmc-auth-proxy.toml");
        let text = fs::read_to_string(&file).unwrap();
        let table = &text[text.find("[tenants.acme]").unwrap()..];
        let named = |name: &str| table.replace("tenants.acme", &format!("tenants.{name}"));
        // Another package: tenants that name the same one share its tokens.
        let id = &tenant.settings().client_id;
        let beta = named("beta").replace("\"secret\"", "\"wrong\"");
        let beta = beta.replace(&format!("\"{id}\""), "\"another-package\"");
        let users = named("users").replace(
            "subdomain",
            "grant = \"authorization_code\"\nredirect_uri = \"http://127.0.0.1:7363/oauth/callback\"\nsubdomain",
        );
        let client = "[clients.newsletter]\nsecret = \"news-secret\"\ntenants = [\"acme\", \"beta\"]\naccounts = [\"510001234\", \"emea\"]\n";
        fs::write(folder.path().join("wrong"), "wrong\n").unwrap();
        fs::write(&file, [&text, &beta, &users, client].concat()).unwrap();
        let process = Process::start(folder.path(), &[], &[]).await;
        Self {
            tenant,
            folder,
            process,
        }
    }

    async fn get(&self, target: &str) -> Answer {
        let mut client = Client::connect(self.process.address).await;
        let request =
            Request::get(target).header("authorization", basic("newsletter", "news-secret"));
        client.send(request.body(Bytes::new()).unwrap()).await
    }

    /// A little of all that can happen.
    async fn play(&self) {
        for _call in 0..3 {
            assert_eq!(self.get(ECHO).await.status, 200);
        }
        self.tenant.revoke_all();
        assert_eq!(self.get(ECHO).await.status, 200, "a refusal that is cured");
        assert_eq!(self.get("/@acme/sandbox/status/429").await.status, 429);
        self.tenant
            .script(Script::status(Face::Rest, 401).times(2).below("/hub/v1"));
        let hub = "/@acme/hub/v1/dataevents";
        assert_eq!(self.get(hub).await.status, 401, "one that is not");
        self.tenant
            .script(Script::status(Face::Rest, 401).below("/hub/v1"));
        assert_eq!(self.get(hub).await.status, 401, "its route rests");
        self.tenant
            .script(Script::reset(Face::Rest).below("/sandbox/echo"));
        assert_eq!(self.get(ECHO).await.status, 502, "unreachable");
        assert_eq!(self.get("/@beta/sandbox/echo").await.status, 502);
        assert_eq!(self.get("/@beta:emea/sandbox/echo").await.status, 502);
        let file = self.folder.path().join("sfmc-auth-proxy.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("account_id", "acount_id")).unwrap();
        self.process.signal("HUP");
    }
}

/// What `data` of the API lists under this name.
fn listed<'a>(data: &'a Value, name: &str) -> &'a [Value] {
    data[name].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_takes_everything_in_and_alerts_for_the_tenant_that_is_broken() {
    let scene = Scene::new().await;
    let Some(prometheus) = Prometheus::start(scene.process.admin).await else {
        return;
    };
    until("a first scrape", async || {
        let build = prometheus.query("sfmc_auth_proxy_build_info").await;
        build.len() == 1
    })
    .await;
    scene.play().await;
    alerts_come(&prometheus).await;
    the_target_is_up(&prometheus).await;
    every_rule_is_healthy(&prometheus).await;
    every_family_is_there(&prometheus).await;
    expressions_name_what_there_is(&prometheus).await;
}

/// Pending is enough: how long each waits is tested by promtool.
async fn alerts_come(prometheus: &Prometheus) {
    let expected = [
        ("SfmcAuthProxyCredentialsRejected", "beta"),
        ("SfmcAuthProxyLoginNeeded", "users"),
        ("SfmcAuthProxyNoToken", "beta"),
        ("SfmcAuthProxyNoToken", "users"),
        ("SfmcAuthProxyRefusalsNotCured", "acme"),
        ("SfmcAuthProxyReloadFailed", ""),
        ("SfmcAuthProxyScopeMissing", "acme"),
        ("SfmcAuthProxyTenantNotReady", "beta"),
        ("SfmcAuthProxyTenantNotReady", "users"),
        ("SfmcAuthProxyThrottled", "acme"),
        ("SfmcAuthProxyUpstreamUnreachable", ""),
    ];
    let expected: BTreeSet<_> = expected
        .into_iter()
        .map(|(name, tenant)| (name.to_owned(), tenant.to_owned()))
        .collect();
    let mut last = Value::Null;
    let mut seen = BTreeSet::new();
    until("the alerts are there", async || {
        last = prometheus.api("alerts", &[]).await;
        let alerts = listed(&last, "alerts").iter();
        let text = |alert: &Value, label: &str| {
            let value = alert["labels"][label].as_str();
            value.unwrap_or_default().to_owned()
        };
        seen = alerts
            .map(|alert| (text(alert, "alertname"), text(alert, "tenant")))
            .collect();
        seen.is_superset(&expected)
    })
    .await;
    assert_eq!(seen, expected, "and no other");
    for alert in listed(&last, "alerts") {
        for (name, annotation) in alert["annotations"].as_object().unwrap() {
            let text = annotation.as_str().unwrap();
            let broken = text.contains("error expanding") || text.contains("<no value>");
            assert!(!broken, "{name}: {text}");
        }
    }
}

async fn the_target_is_up(prometheus: &Prometheus) {
    let targets = prometheus.api("targets", &[]).await;
    let [target] = listed(&targets, "activeTargets") else {
        panic!("{targets}");
    };
    assert_eq!(
        (&target["health"], &target["lastError"]),
        (&"up".into(), &"".into())
    );
    let down = prometheus
        .query("up == 0 or min_over_time(up[5m]) == 0")
        .await;
    assert!(down.is_empty(), "no scrape has failed: {down:?}");
}

async fn every_rule_is_healthy(prometheus: &Prometheus) {
    let mut told = Value::Null;
    until("every rule is evaluated", async || {
        told = prometheus.api("rules", &[]).await;
        let groups = listed(&told, "groups").iter();
        let mut rules = groups.flat_map(|group| listed(group, "rules"));
        rules.all(|rule| rule["health"] != "unknown")
    })
    .await;
    let groups = listed(&told, "groups").iter();
    let rules: Vec<_> = groups.flat_map(|group| listed(group, "rules")).collect();
    let names = rules.iter().map(|rule| rule["name"].as_str().unwrap());
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert_eq!(names, alerts().into_iter().collect());
    assert_eq!(rules.len(), names.len());
    for rule in rules {
        assert_eq!(rule["health"], "ok", "{rule}");
        assert!(rule["lastError"].is_null(), "{rule}");
    }
}

/// The labels of each family, as Prometheus has them.
async fn labels_of(prometheus: &Prometheus, name: &str) -> BTreeSet<String> {
    let series = prometheus.api("series", &[("match[]", name)]).await;
    let series = series.as_array().unwrap().iter();
    let labels = series.flat_map(|one| one.as_object().unwrap().keys().cloned());
    labels.filter(|label| label != "__name__").collect()
}

async fn every_family_is_there(prometheus: &Prometheus) {
    let metadata = prometheus.api("metadata", &[]).await;
    for family in FAMILIES {
        let name = format!("{PREFIX}_{}", family.name);
        let [told] = listed(&metadata, &name) else {
            panic!("{name}: {metadata}");
        };
        assert_eq!(told["type"], family.kind.name(), "{name}");
        assert_eq!(told["help"], family.help, "{name}");
        let name = match family.kind {
            Kind::Histogram(_) => format!("{name}_count"),
            Kind::Counter | Kind::Gauge => name,
        };
        let labels = labels_of(prometheus, &name).await;
        let own: Vec<_> = labels
            .iter()
            .filter(|label| !ADDED.contains(&label.as_str()))
            .collect();
        let mut expected = family.labels.to_vec();
        expected.sort_unstable();
        if family.name == "login_valid" {
            // Empty for a login that serves all accounts, and Prometheus keeps no empty label.
            expected.retain(|label| *label != "account");
        }
        assert_eq!(own, expected, "{name}");
    }
}

/// Each metric that rules and dashboards name is one of this scrape, and has the labels that they select and group by.
async fn expressions_name_what_there_is(prometheus: &Prometheus) {
    let rules = prometheus.api("rules", &[]).await;
    let rules = listed(&rules, "groups")
        .iter()
        .flat_map(|group| listed(group, "rules"));
    let mut all: Vec<_> = rules
        .map(|rule| Expression {
            place: rule["name"].as_str().unwrap().to_owned(),
            text: rule["query"].as_str().unwrap().to_owned(),
        })
        .collect();
    for file in dashboards() {
        all.extend(of_dashboard(&file));
        for (metric, label) in expressions::variables(&expressions::dashboard(&file)) {
            all.push(Expression {
                place: format!("a variable of {}", file.display()),
                text: format!("count by ({label}) ({metric})"),
            });
        }
    }
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut looked_at = 0;
    for Expression { place, text } in &all {
        // An error is a failure; most have nothing to tell in so short a time.
        prometheus.query(text).await;
        let mut grouped = expressions::grouped(text);
        for (metric, selected) in expressions::metrics(text) {
            if !known.contains_key(&metric) {
                let labels = labels_of(prometheus, &metric).await;
                assert!(!labels.is_empty(), "{place}: there is no {metric}");
                known.insert(metric.clone(), labels);
            }
            let labels = &known[&metric];
            let has = |label: &String| {
                labels.contains(label) || (metric.ends_with("login_valid") && label == "account")
            };
            for label in &selected {
                assert!(has(label), "{place}: {metric} has no {label}");
            }
            grouped.retain(|label| !has(label));
            looked_at += 1;
        }
        grouped.retain(|label| !ADDED.contains(&label.as_str()));
        assert!(grouped.is_empty(), "{place}: nothing has {grouped:?}");
    }
    assert!(looked_at > 100, "only {looked_at} names were found");
    let unseen = FAMILIES.iter().filter(|family| {
        let name = format!("{PREFIX}_{}", family.name);
        let histogram = format!("{name}_bucket");
        !known.contains_key(&name) && !known.contains_key(&histogram)
    });
    let unseen: Vec<_> = unseen.map(|family| family.name).collect();
    assert!(unseen.is_empty(), "on no dashboard, in no rule: {unseen:?}");
}
