//! `scopes` against a running proxy: what its tokens were granted, what calls used and missed, and the smallest list for them.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, configuration, run};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_proxy_tells_which_scopes_were_used_and_missed() {
    let scopes = ["saved_content_read", "data_extensions_read", "sms_send"];
    let (_tenant, folder, process) = granting(&scopes).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get("/asset/v1/content/assets").await.status, 200);
    let write = Request::post("/asset/v1/content/assets")
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    assert_eq!(client.send(write).await.status, 403);
    until("both calls are noted", async || {
        told(&process, &folder)["missing"] != json!([])
    })
    .await;
    let told = told(&process, &folder);
    assert_eq!(
        told["granted"],
        json!(["data_extensions_read", "saved_content_read", "sms_send"])
    );
    let names = |key: &str| -> Vec<String> {
        let all = told[key].as_array().unwrap().iter();
        all.map(|one| one["scope"].as_str().unwrap().to_owned())
            .collect()
    };
    // Of two scopes that do as well, the one that the token has counts.
    assert_eq!(names("used"), ["saved_content_read"]);
    assert_eq!(names("missing"), ["saved_content_write"]);
    assert_eq!(told["used"][0]["example"], "GET /asset/v1/content");
    assert_eq!(
        told["unneeded"],
        json!(["data_extensions_read", "sms_send"])
    );
    assert_eq!(
        told["scope"],
        json!(["saved_content_read", "saved_content_write"])
    );
}

/// One call may need several scopes; none of them is told as unneeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_that_a_call_needs_beside_others_count_as_used() {
    let scopes = ["journeys_read", "list_and_subscribers_read", "sms_send"];
    let (_tenant, _folder, process) = granting(&scopes).await;
    let mut client = Client::connect(process.address).await;
    let event = Request::post("/interaction/v1/events")
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap();
    assert_ne!(client.send(event).await.status, 403);
    let mut admin = Client::connect(process.admin).await;
    let mut scopes = Value::Null;
    until("the call is noted", async || {
        let status = admin.get("/status.json").await.text();
        let status: Value = serde_json::from_str(&status).unwrap();
        scopes = status["tenants"][0]["scopes"].clone();
        scopes["used"] != json!([])
    })
    .await;
    let used = scopes["used"].as_array().unwrap().iter();
    let used: Vec<_> = used.map(|one| one["scope"].as_str().unwrap()).collect();
    assert_eq!(used, ["journeys_read", "list_and_subscribers_read"]);
    assert_eq!(scopes["unneeded"], json!(["sms_send"]));
}

/// What `scopes acme --json` prints.
fn told(process: &Process, folder: &TempDir) -> Value {
    let url = format!("http://{}", process.admin);
    let arguments = ["scopes", "acme", "--json", "--url", &url];
    let output = run(&arguments, &[], folder.path());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A tenant whose package grants these, and a proxy before it.
async fn granting(scopes: &[&str]) -> (sandbox::Tenant, TempDir, Process) {
    let mut settings = tenant_settings();
    settings.scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
    let tenant = sandbox::Tenant::start(settings).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    (tenant, folder, process)
}

fn post(path: &str, media_type: &str, body: &'static str) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", media_type)
        .header("soapaction", "Create")
        .body(Bytes::from_static(body.as_bytes()))
        .unwrap()
}

/// The table says that an event needs two scopes. A tenant that took one with the first alone is right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_that_no_token_has_was_not_used() {
    let (_tenant, folder, process) = granting(&["journeys_read", "sms_send"]).await;
    let mut client = Client::connect(process.address).await;
    let event = post("/interaction/v1/events", "application/json", "{}");
    assert_ne!(client.send(event).await.status, 403);
    until("the call is noted", async || {
        told(&process, &folder)["used"] != json!([])
    })
    .await;
    let told = told(&process, &folder);
    assert_eq!(told["used"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["scope"], json!(["journeys_read"]));
    assert_eq!(told["lacking"], json!([]));
    assert_eq!(told["unneeded"], json!(["sms_send"]));
}

/// A job that was throttled, and one envelope with objects of two types.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_of_which_no_answer_told_are_on_the_list() {
    let scopes = [
        "data_extensions_write",
        "list_and_subscribers_write",
        "saved_content_read",
    ];
    let (tenant, folder, process) = granting(&[&scopes[..], &["sms_send"]].concat()).await;
    tenant.script(Script {
        face: Some(Face::Rest),
        status: Some(429),
        ..Script::default()
    });
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get("/asset/v1/content/assets").await.status, 429);
    let create = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                  xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Body><CreateRequest \
                  xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Objects i:type=\"DataExtensionObject\"/><Objects \
                  i:type=\"Subscriber\"/></CreateRequest></s:Body></s:Envelope>";
    client.send(post("/Service.asmx", "text/xml", create)).await;
    until("both calls are noted", async || {
        told(&process, &folder)["scope"] == json!(scopes)
    })
    .await;
    let told = told(&process, &folder);
    assert_eq!(told["unneeded"], json!(["sms_send"]), "{told}");
    // And so does the status page.
    let mut admin = Client::connect(process.admin).await;
    let status: Value = serde_json::from_str(&admin.get("/status.json").await.text()).unwrap();
    assert_eq!(
        status["tenants"][0]["scopes"]["unneeded"], told["unneeded"],
        "{status}"
    );
    let by_table = told["by_table"].as_array().unwrap();
    assert!(by_table.contains(&json!("saved_content_read")), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_no_scope_is_not_unknown() {
    let (_tenant, folder, process) = granting(&["saved_content_read"]).await;
    let mut client = Client::connect(process.address).await;
    for path in [
        "/etframework.wsdl",
        "/v2/userinfo",
        "/asset/v1/content/assets",
    ] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    until("the calls are noted", async || {
        told(&process, &folder)["used"] != json!([])
    })
    .await;
    assert_eq!(told(&process, &folder)["unknown"], json!([]));
}
