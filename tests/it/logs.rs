//! Access log lines, in JSON and in readable text.

use http::Request;
use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Client, tenant_settings};
use crate::process::{Process, binary, configuration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_json_object_a_request() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = Request::post("/@acme:emea/contacts/v1/contacts?q=1")
        .header("x-request-id", "line-1")
        .header("traceparent", trace);
    let answer = client
        .send(
            request
                .header("content-type", "application/json")
                .body("{}")
                .unwrap(),
        )
        .await;
    let line = process.logged(|line| line["request_id"] == "line-1").await;
    assert_eq!(line["msg"], "request");
    assert_eq!(line["level"], "info");
    assert!(line["ts"].as_str().unwrap().ends_with('Z'));
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(
        (line["tenant"].as_str(), line["account"].as_str()),
        (Some("acme"), Some("emea"))
    );
    assert_eq!(
        (line["api"].as_str(), line["operation"].as_str()),
        (Some("rest"), Some("contacts"))
    );
    assert_eq!(
        (line["method"].as_str(), line["route"].as_str()),
        (Some("POST"), Some("/contacts/v1/contacts"))
    );
    assert_eq!(line["client"], "anonymous");
    assert_eq!(
        line["status"].as_u64(),
        Some(u64::from(answer.status.as_u16()))
    );
    assert_eq!(line["upstream_status"], line["status"]);
    assert_eq!(line["bytes_in"], 2);
    assert_eq!(line["bytes_out"].as_u64(), Some(answer.body.len() as u64));
    assert_eq!(line["replayed"], false);
    assert!(line["duration_ms"].as_f64().unwrap() >= line["upstream_ms"].as_f64().unwrap());
    tenant.revoke_all();
    client
        .send(
            Request::get("/asset/v1/content/assets/123/file?secret=1")
                .header("x-request-id", "line-2")
                .body("")
                .unwrap(),
        )
        .await;
    let line = process.logged(|line| line["request_id"] == "line-2").await;
    assert_eq!(
        (line["route"].as_str(), line["replayed"].as_bool()),
        (Some("/asset/v1/content"), Some(true))
    );
    client
        .send(
            Request::get("/hub/v1/key:ABC-1/rowset")
                .header("x-request-id", "line-3")
                .body("")
                .unwrap(),
        )
        .await;
    let line = process.logged(|line| line["request_id"] == "line-3").await;
    assert_eq!(line["route"], "/hub/v1/{id}", "ids are masked");
    client
        .send(
            Request::get("/@nobody/x")
                .header("x-request-id", "line-4")
                .body("")
                .unwrap(),
        )
        .await;
    let line = process.logged(|line| line["request_id"] == "line-4").await;
    assert_eq!(
        (line["error"].as_str(), line["status"].as_u64()),
        (Some("unknown_tenant"), Some(404))
    );
    assert!(line.get("upstream_status").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn or_one_readable_line() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let taken = process.address;
    // A second instance on the same address ends at once, in words.
    let output = binary()
        .args([
            "run",
            "--log-format",
            "text",
            "--listen",
            &taken.to_string(),
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().last().unwrap();
    assert!(last.contains(" ERROR cannot listen on "), "{said}");
    assert!(!last.starts_with('{'), "{said}");
    process.signal("TERM");
    assert!(process.ended().await.success());
}

/// A line by its request's id.
async fn line_of(process: &mut Process, id: &str) -> serde_json::Value {
    process.logged(|line| line["request_id"] == id).await
}

async fn get(client: &mut Client, target: &str, id: &str) -> u16 {
    let request = Request::get(target).header("x-request-id", id);
    let answer = client.send(request.body("").unwrap()).await;
    answer.status.as_u16()
}

const PATH: &str = "/asset/v1/content/assets";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_of_ordinary_requests_and_all_others() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    // None at all would do as well, but for the line of which the share is to be seen.
    let folder = configuration(&tenant, "[log]\nsample = 0.2");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    for number in 0..200 {
        let id = format!("ordinary-{number}");
        assert_eq!(get(&mut client, PATH, &id).await, 200);
    }
    tenant.revoke_all();
    assert_eq!(get(&mut client, PATH, "replayed").await, 200);
    tenant.script(Script::status(Face::Rest, 429));
    assert_eq!(get(&mut client, PATH, "throttled").await, 429);
    tenant.script(Script::status(Face::Rest, 500));
    assert_eq!(get(&mut client, PATH, "broken").await, 500);
    assert_eq!(get(&mut client, "/@nobody/x", "own").await, 404);
    for id in ["replayed", "throttled", "broken", "own"] {
        let line = line_of(&mut process, id).await;
        assert!(line.get("sample").is_none(), "{line}");
    }
    let lines = process.lines();
    let is_ordinary = |line: &&serde_json::Value| {
        let id = line["request_id"].as_str().unwrap_or_default();
        id.starts_with("ordinary-")
    };
    let sampled: Vec<_> = lines.iter().filter(is_ordinary).collect();
    // The odds against none or all of 200 are beyond any doubt.
    assert!(
        !sampled.is_empty() && sampled.len() < 200,
        "{}",
        sampled.len()
    );
    assert!(sampled.iter().all(|line| line["sample"] == 0.2));
    let metrics = Client::connect(process.admin).await.get("/metrics").await;
    let counted: f64 = metrics
        .text()
        .lines()
        .filter(|line| line.starts_with("sfmc_auth_proxy_requests_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert!(
        (counted - 204.0).abs() < 0.5,
        "metrics count all: {counted}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_request_says_what_it_waited_for() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[log]\nslow = \"300ms\"\nsample = 0");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(get(&mut client, PATH, "quick").await, 200);
    let delayed = |face| Script {
        face: Some(face),
        delay_ms: 500,
        ..Script::default()
    };
    tenant.script(delayed(Face::Rest));
    assert_eq!(get(&mut client, PATH, "head").await, 200);
    let line = line_of(&mut process, "head").await;
    assert_eq!(line["msg"], "slow request");
    assert_eq!(line["level"], "warn");
    let milliseconds = |line: &serde_json::Value, name: &str| line[name].as_f64().unwrap();
    assert!(milliseconds(&line, "head_ms") >= 400.0, "{line}");
    for quick in ["token_wait_ms", "connect_ms", "body_ms"] {
        assert!(
            milliseconds(&line, quick) < milliseconds(&line, "head_ms"),
            "{line}"
        );
    }
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.ends_with(" for the head of the tenant's answer"),
        "{cause}"
    );
    assert!(line.get("sample").is_none());
    // A mint that takes long, after a refusal.
    tenant.revoke_all();
    tenant.script(delayed(Face::Auth));
    assert_eq!(get(&mut client, PATH, "token").await, 200);
    let line = line_of(&mut process, "token").await;
    assert!(milliseconds(&line, "token_wait_ms") >= 400.0, "{line}");
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.starts_with(
            "the tenant refused the token: sent again with another: accepted: waited "
        ) && cause.ends_with(" for a token"),
        "{cause}"
    );
    assert!(
        process
            .lines()
            .iter()
            .all(|line| line["request_id"] != "quick")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_says_what_led_to_it() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(get(&mut client, PATH, "fine").await, 200);
    assert!(line_of(&mut process, "fine").await.get("cause").is_none());
    tenant.revoke_all();
    assert_eq!(get(&mut client, PATH, "replayed").await, 200);
    let line = line_of(&mut process, "replayed").await;
    assert_eq!(
        line["cause"],
        "the tenant refused the token: sent again with another: accepted"
    );
    tenant.script(Script::reset(Face::Rest));
    assert_eq!(get(&mut client, PATH, "broken").await, 502);
    let line = line_of(&mut process, "broken").await;
    let cause = line["cause"].as_str().unwrap();
    // What happened, and the library's and the system's words for it.
    assert!(
        cause.contains(" broke before an answer: connection error: "),
        "{cause}"
    );
    assert!(cause.matches(": ").count() >= 2, "{cause}");
    // A refusal whose cure fails says both.
    tenant.revoke_all();
    let refusal =
        serde_json::json!({"error": "invalid_client", "error_description": "no such client"});
    tenant.script(Script::status(Face::Auth, 401).body(refusal));
    assert_eq!(get(&mut client, PATH, "rejected").await, 502);
    let line = line_of(&mut process, "rejected").await;
    let cause = line["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("the tenant refused the token: "),
        "{cause}"
    );
    assert!(cause.contains("invalid_client"), "{cause}");
}
