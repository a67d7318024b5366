//! The audit record: every call and every refusal, one line each, and no call where it cannot be written.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tempfile::TempDir;

use sfmc_auth_proxy::audit::{OnError, Settings};

use crate::harness::{EMEA, Stage, until};
use crate::identities::{ECHO, basic, two_clients};

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn written(file: &Path, count: usize) -> Vec<Value> {
    until("the lines are written", async || lines(file).len() >= count).await;
    lines(file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_and_refusals_are_recorded_with_who_and_what() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = Settings {
        file: file.clone(),
        on_error: OnError::Continue,
    };
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            two_clients(resolved);
            resolved.audit = Some(audit);
        },
    )
    .await;
    let envelope = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><RetrieveRequestMsg \
                    xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>List</ObjectType><Properties>ID\
                    </Properties></RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>";
    let soap = Request::post("/Service.asmx")
        .header("content-type", "text/xml")
        .header("soapaction", "Retrieve")
        .header("authorization", basic("newsletter", "news-secret"))
        .header("x-request-id", "mine-1")
        .body(Bytes::from(envelope))
        .unwrap();
    assert_eq!(stage.send(soap).await.status, 200);
    assert_eq!(stage.get(&format!("{ECHO}?secret=query")).await.status, 401);
    let lines = written(&file, 2).await;
    let (call, refusal) = (&lines[0], &lines[1]);
    for (name, value) in [
        ("client", "newsletter"),
        ("tenant", "acme"),
        ("account", "emea"),
        ("api", "soap"),
        ("operation", "Retrieve"),
        ("route", "/Service.asmx"),
        ("request_id", "mine-1"),
    ] {
        assert_eq!(call[name], value, "{call}");
    }
    assert_eq!(call["account_id"], EMEA);
    assert_eq!(call["object_types"], serde_json::json!(["List"]));
    assert_eq!(
        (&refusal["status"], &refusal["error"]),
        (&401.into(), &"client_unauthenticated".into())
    );
    assert!(
        call["audit_id"].as_str().unwrap().len() == 32 && call["audit_id"] != refusal["audit_id"]
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("news-secret") && !text.contains("secret=query"));
    fs::rename(&file, folder.path().join("audit.1")).unwrap();
    stage.proxy.reopen_audit();
    stage.get(ECHO).await;
    assert_eq!(
        written(&file, 1).await.len(),
        1,
        "a new file after the old one was moved"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_recorded_is_not_called() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let audit = Settings {
        file: file.clone(),
        on_error: OnError::Refuse,
    };
    let stage = Stage::with(|_tenant| {}, |resolved| resolved.audit = Some(audit)).await;
    assert_eq!(
        stage.get(ECHO).await.status,
        200,
        "nothing is known of the disk yet"
    );
    until("calls are refused", async || {
        stage.get(ECHO).await.status == 503
    })
    .await;
    let sent = stage.received().len();
    let refused = stage.get(ECHO).await;
    assert_eq!(refused.code(), "audit_unavailable");
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(stage.received().len(), sent);
    fs::remove_file(&file).unwrap();
    stage.proxy.reopen_audit();
    until("calls go on", async || stage.get(ECHO).await.status == 200).await;
    let lines = written(&file, 2).await;
    let recorded = |line: &&Value| line["status"] == 200;
    assert!(
        lines.iter().filter(recorded).count() >= sent,
        "nothing that was called is missing"
    );
}
