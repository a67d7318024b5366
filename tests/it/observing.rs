//! A client's policy that only observes: what it would refuse arrives once and is recorded; what anybody else refuses, is refused.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use sfmc_auth_proxy::audit;
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::policy::{Mode, Pattern, Posture};
use sfmc_auth_proxy::sandbox::{self, Face};

use crate::harness::{Answer, Client, EMEA, PARENT, Stage, tenant_settings, until};
use crate::identities::{basic, client};
use crate::process::{Process, configuration, run};

const ASSETS: &str = "/asset/v1/content/assets";

/// A client that may read assets, and what its policy is set to.
fn newsletter(resolved: &mut Resolved, policy: Posture) {
    let mut newsletter = client("newsletter", "news-secret", &[PARENT]);
    let pattern = Pattern::parse("GET /asset/v1/**").unwrap();
    newsletter.grant.allow = Some([pattern].into_iter().collect());
    newsletter.grant.policy = policy;
    resolved.proxy.clients = vec![newsletter];
}

fn call(method: &str, path: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", basic("newsletter", "news-secret"))
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}

/// What arrived at the tenant, of any kind of call.
fn arrived(stage: &Stage) -> usize {
    let journal = stage.tenant.journal();
    let calls = journal.iter().filter(|entry| entry.face != Face::Auth);
    calls.count()
}

async fn would_be(stage: &Stage, reason: &str) -> f64 {
    let labels = format!("client=\"newsletter\",reason=\"{reason}\"");
    let family = "sfmc_auth_proxy_would_be_refusals_total";
    stage.metric(&format!("{family}{{{labels}}}")).await
}

fn code(answer: &Answer) -> (u16, String) {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), code)
}

async fn records(file: &Path, count: usize) -> Vec<Value> {
    let read = || -> Vec<Value> {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    until("the records are written", async || read().len() >= count).await;
    read()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_would_refuse_arrives_once_and_is_recorded() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = audit::Settings {
        file: file.clone(),
        on_error: audit::OnError::Continue,
    };
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            newsletter(resolved, Posture::Observe);
            resolved.audit = Some(audit);
        },
    )
    .await;
    let page = stage.admin("/metrics").await.text();
    for reason in ["policy_denied", "send_blocked", "write_blocked"] {
        let series = format!(
            "sfmc_auth_proxy_would_be_refusals_total{{client=\"newsletter\",reason=\"{reason}\"}} 0"
        );
        assert!(page.contains(&series), "from the first scrape: {series}");
    }
    let answer = stage.send(call("DELETE", "/hub/v1/campaigns/1")).await;
    assert_eq!(
        code(&answer).1,
        "",
        "the tenant's own answer: {}",
        answer.text()
    );
    assert_eq!(arrived(&stage), 1, "once");
    assert_eq!(stage.send(call("GET", ASSETS)).await.status, 200);
    assert_eq!(would_be(&stage, "policy_denied").await, 1.0);
    assert_eq!(would_be(&stage, "write_blocked").await, 0.0);
    let refused = stage.metric("sfmc_auth_proxy_errors_total{reason=\"policy_denied\"}");
    assert_eq!(refused.await, 0.0, "nothing was refused");
    let records = records(&file, 2).await;
    assert_eq!(records[0]["would_refuse"], "policy_denied");
    assert_eq!(records[0]["error"], Value::Null);
    assert_eq!(records[1]["would_refuse"], Value::Null, "on the list");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_holds_lets_nothing_arrive() {
    let enforce = |resolved: &mut Resolved| newsletter(resolved, Posture::Enforce);
    let stage = Stage::with(|_tenant| {}, enforce).await;
    let answer = stage.send(call("DELETE", "/hub/v1/campaigns/1")).await;
    assert_eq!(code(&answer), (403, "policy_denied".to_owned()));
    assert_eq!(arrived(&stage), 0);
    assert_eq!(would_be(&stage, "policy_denied").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_own_mode_is_observed_and_that_of_others_holds() {
    let own_mode = |resolved: &mut Resolved| {
        newsletter(resolved, Posture::Observe);
        resolved.proxy.clients[0].grant.mode = Mode::ReadOnly;
        resolved.proxy.tenants[0].mode = Mode::NoSend;
    };
    let stage = Stage::with(|_tenant| {}, own_mode).await;
    let written = stage.send(call("POST", ASSETS)).await;
    assert_eq!(code(&written).1, "");
    assert_eq!(arrived(&stage), 1);
    assert_eq!(would_be(&stage, "write_blocked").await, 1.0);
    // The tenant's mode is not the client's policy.
    let sent = stage
        .send(call("POST", "/messaging/v1/email/messages/k"))
        .await;
    assert_eq!(code(&sent), (403, "send_blocked".to_owned()));
    // Nor are the accounts that it may use.
    let elsewhere = format!("/@acme:{EMEA}{ASSETS}");
    let answer = stage.send(call("GET", &elsewhere)).await;
    assert_eq!(code(&answer), (403, "account_not_allowed".to_owned()));
    // Nor what a token was restricted to that it was handed.
    let request = Request::post("/v2/token")
        .header("content-type", "application/json")
        .header("sfmc-mode", "read_only")
        .body(Bytes::from(
            json!({"grant_type": "client_credentials", "client_id": "newsletter", "client_secret": "news-secret"})
                .to_string(),
        ));
    let told = stage.send(request.unwrap()).await.json();
    let mut narrowed = call("DELETE", "/asset/v1/content/assets/1");
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    narrowed
        .headers_mut()
        .insert("authorization", bearer.parse().unwrap());
    let answer = stage.send(narrowed).await;
    assert_eq!(code(&answer), (403, "write_blocked".to_owned()));
    assert_eq!(arrived(&stage), 1, "nothing of these was sent");
    assert_eq!(would_be(&stage, "send_blocked").await, 0.0);
    assert_eq!(stage.tenant.sends().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_makes_an_observed_policy_hold_and_the_log_told_of_it() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let more = "[clients.newsletter]\nsecret = \"news-secret-0123456789\"\nallow = [\"GET /asset/v1/**\"]\npolicy = \"observe\"\n";
    let folder = configuration(&tenant, more);
    let check = run(&["check"], &[], folder.path());
    let said = String::from_utf8_lossy(&check.stderr).into_owned()
        + &String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success(), "{said}");
    assert!(
        said.contains("clients.newsletter.policy: lets through what mode and allow"),
        "{said}"
    );
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let address = process.address;
    let delete = async || {
        let mut request = call("DELETE", "/hub/v1/campaigns/1");
        let known = basic("newsletter", "news-secret-0123456789");
        let headers = request.headers_mut();
        headers.insert("authorization", known.parse().unwrap());
        Client::connect(address).await.send(request).await
    };
    let answer = delete().await;
    assert_eq!(code(&answer).1, "", "{}", answer.text());
    let line = process
        .logged(|line| line["would_refuse"] == "policy_denied")
        .await;
    assert_eq!(
        (&line["client"], &line["method"]),
        (&json!("newsletter"), &json!("DELETE"))
    );
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("\"observe\"", "\"enforce\"")).unwrap();
    process.signal("HUP");
    until("the policy holds", async || delete().await.status == 403).await;
    let arrived = tenant.journal().len();
    assert_eq!(code(&delete().await), (403, "policy_denied".to_owned()));
    assert_eq!(tenant.journal().len(), arrived);
}
