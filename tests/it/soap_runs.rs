//! SOAP promises, whole: many calls on a dead token, a long Retrieve across expiries, the large answer, the sandbox's own eye on
//! every envelope.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use sfmc_auth_proxy::sandbox::{Entry, Face, Script, SoapFault, Tenant};

use crate::harness::{Answer, Client, EMEA, PARENT, Stage, tenant_settings, until};
use crate::process::{Process, configuration};

fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}

fn retrieve(object_type: &str, more: &str) -> String {
    let property = if object_type == "Subscriber" {
        "SubscriberKey"
    } else {
        "ID"
    };
    envelope(&format!(
        "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>{more}\
         <ObjectType>{object_type}</ObjectType><Properties>{property}</Properties></RetrieveRequest></RetrieveRequestMsg>"
    ))
}

fn create(numbers: Range<u32>) -> String {
    let objects: String = numbers
        .map(|number| {
            format!(
                "<Objects xsi:type=\"Subscriber\"><EmailAddress>{number}@example.com</EmailAddress>\
                 <SubscriberKey>{number}</SubscriberKey></Objects>"
            )
        })
        .collect();
    envelope(&format!(
        "<CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options/>{objects}</CreateRequest>"
    ))
}

fn call(action: &str, text: String) -> Request<Bytes> {
    Request::post("/Service.asmx")
        .header("content-type", "text/xml; charset=utf-8")
        .header("soapaction", action)
        .body(text.into())
        .unwrap()
}

fn soap_calls(stage: &Stage) -> Vec<Arc<Entry>> {
    let journal = stage.tenant.journal().into_iter();
    journal.filter(|entry| entry.face == Face::Soap).collect()
}

fn text_of(answer: &Answer, name: &str) -> String {
    let text = answer.text();
    let document = roxmltree::Document::parse(&text).unwrap();
    let node = document
        .descendants()
        .find(|node| node.tag_name().name() == name);
    node.and_then(|node| node.text())
        .unwrap_or_default()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_calls_on_a_revoked_token_cost_one_mint() {
    let stage = Arc::new(Stage::new().await);
    let first = call("Retrieve", retrieve("List", ""));
    assert_eq!(text_of(&stage.send(first).await, "OverallStatus"), "OK");
    stage.tenant.revoke_all();
    let mints = stage.tenant.mints();
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let stage = Arc::clone(&stage);
            tokio::spawn(
                async move { stage.send(call("Create", create(number..number + 1))).await },
            )
        })
        .collect();
    for call in calls {
        let answer = call.await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(text_of(&answer, "OverallStatus"), "OK", "{}", answer.text());
    }
    assert_eq!(stage.tenant.mints() - mints, 1);
    let calls = soap_calls(&stage);
    let accepted: Vec<_> = calls
        .iter()
        .filter(|entry| entry.status == Some(200))
        .filter_map(|entry| entry.soap.as_ref())
        .filter(|soap| soap.operation.as_deref() == Some("CreateRequest"))
        .map(|soap| soap.body_element_sha256.clone())
        .collect();
    let different: std::collections::BTreeSet<_> = accepted.iter().collect();
    assert_eq!(
        (accepted.len(), different.len()),
        (100, 100),
        "each accepted once"
    );
    assert!(
        calls.iter().all(|entry| entry.faults.is_empty()),
        "{calls:?}"
    );
    until("room given back", async || {
        stage.metric("sfmc_auth_proxy_buffered_bytes").await == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_pages_across_expiries_and_no_error() {
    let stage = Stage::with(
        |tenant| {
            tenant.lifetime = Duration::from_secs(2);
            tenant.switches.soap_page_size = 10;
        },
        |_resolved| {},
    )
    .await;
    // Beside the five that the tenant has anyway.
    let created = stage.send(call("Create", create(0..595))).await;
    assert_eq!(text_of(&created, "OverallStatus"), "OK");
    // Each page takes as long as one of the vendor's may, so that the run outlives several tokens.
    stage
        .tenant
        .script(Script::delay(Face::Soap, Duration::from_millis(100)).times(60));
    let mut client = stage.client().await;
    let (mut pages, mut rows, mut request_id) = (0, 0, String::new());
    loop {
        let more = if request_id.is_empty() {
            String::new()
        } else {
            format!("<ContinueRequest>{request_id}</ContinueRequest>")
        };
        let text = retrieve("Subscriber", &more);
        let answer = client.send(call("Retrieve", text)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        pages += 1;
        rows += answer.text().matches("<Results").count();
        request_id = text_of(&answer, "RequestID");
        match text_of(&answer, "OverallStatus").as_str() {
            "MoreDataAvailable" => {}
            "OK" => break,
            other => panic!("page {pages}: {other}"),
        }
    }
    assert_eq!((pages, rows), (60, 600));
    assert!(stage.tenant.mints() >= 3, "several tokens ended meanwhile");
    let calls = soap_calls(&stage);
    assert!(calls.iter().all(|entry| entry.faults.is_empty()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_the_sandbox_is_cured_and_nothing_else() {
    let stage = Stage::new().await;
    let call = || call("Retrieve", retrieve("List", ""));
    assert_eq!(stage.send(call()).await.status, 200);
    for (fault, sent) in [
        (SoapFault::TokenExpired, 2),
        (SoapFault::LoginFailed, 2),
        (SoapFault::Outage, 1),
        (SoapFault::Throttled, 1),
        (SoapFault::Client, 1),
        (SoapFault::MissingAction, 1),
    ] {
        let before = soap_calls(&stage).len();
        stage.tenant.script(Script::fault(fault));
        let answer = stage.send(call()).await;
        let cured = sent == 2;
        assert_eq!(
            answer.status.as_u16(),
            if cured { 200 } else { 500 },
            "{fault:?}"
        );
        assert_eq!(soap_calls(&stage).len() - before, sent, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_account_is_the_one_selected() {
    let stage = Stage::new().await;
    for (path, account) in [
        ("/Service.asmx", PARENT),
        ("/@acme:emea/Service.asmx", EMEA),
    ] {
        let mut request = call("Retrieve", retrieve("List", ""));
        *request.uri_mut() = path.parse().unwrap();
        let answer = stage.send(request).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("sfmc-account"), account.to_string());
        let calls = soap_calls(&stage);
        assert_eq!(calls.last().unwrap().account, Some(account));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_result_of_a_hundred_megabytes_streams_in_bounded_memory() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    let answer = client
        .begin(call("Retrieve", retrieve("SandboxRows[102400]", "")))
        .await;
    assert_eq!(answer.status(), 200);
    let mut body = answer.into_body();
    let (mut size, mut last) = (0, Bytes::new());
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.unwrap().into_data() {
            size += data.len();
            last = data;
        }
    }
    assert!(size > 100 << 20, "{size}");
    assert!(last.ends_with(b"Envelope>"), "to its last byte");
    let peak = process.peak_memory_kib();
    eprintln!("peak memory of the process: {peak} KiB");
    assert!(peak < 64 << 10, "{peak} KiB");
}
