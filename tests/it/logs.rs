//! Access log lines, in JSON and in readable text.

use http::Request;
use sfmc_auth_proxy::sandbox;

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
