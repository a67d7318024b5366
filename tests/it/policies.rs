//! What calls may do: modes of tenant, client, listener and placeholder, and allow lists, on REST and SOAP. What is held back
//! never reaches the tenant.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::policy::{AllowList, Mode, Pattern};

use crate::harness::{APAC, Answer, EMEA, PARENT, Stage};
use crate::identities::{basic, client};

const SEND: &str = "/messaging/v1/email/messages/key1";
const PARTNER: &str = "http://exacttarget.com/wsdl/partnerAPI";

fn call(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from_static(b"{}")).unwrap()
}

fn soap(action: &str, body: &str) -> Request<Bytes> {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:p=\"{PARTNER}\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    Request::post("/Service.asmx")
        .header("content-type", "text/xml")
        .header("soapaction", action)
        .body(Bytes::from(envelope))
        .unwrap()
}

fn retrieve(object: &str, more: &str) -> String {
    format!(
        "<p:RetrieveRequestMsg><p:RetrieveRequest>{more}<p:ObjectType>{object}</p:ObjectType><p:Properties>ID</p:Properties>\
         </p:RetrieveRequest></p:RetrieveRequestMsg>"
    )
}

fn create(object: &str) -> String {
    format!(
        "<p:CreateRequest><p:Objects i:type=\"p:{object}\"><p:Name>x</p:Name></p:Objects></p:CreateRequest>"
    )
}

/// What the tenant got of calls, REST and SOAP.
fn calls(stage: &Stage) -> usize {
    let journal = stage.tenant.journal();
    journal
        .iter()
        .filter(|entry| entry.face != sfmc_auth_proxy::sandbox::Face::Auth)
        .count()
}

fn code(answer: &Answer) -> (u16, String) {
    let text = answer.text();
    let found = [
        "send_blocked",
        "write_blocked",
        "policy_denied",
        "account_not_allowed",
    ]
    .into_iter()
    .find(|code| text.contains(code));
    (answer.status.as_u16(), found.unwrap_or_default().to_owned())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_send_holds_sends_back_and_nothing_else() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.tenants[0].mode = Mode::NoSend,
    )
    .await;
    for path in [
        SEND,
        "//messaging/v1/email/messages/key1",
        "/%6dessaging/v1/x",
        "/Messaging/v1/x",
        "/interaction/v1/events",
    ] {
        let answer = stage.send(call("POST", path, &[])).await;
        assert_eq!(code(&answer), refused(403, "send_blocked"), "{path}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            detail.contains("acme") && detail.contains(&PARENT.to_string()),
            "{detail}"
        );
    }
    for (action, body) in [
        ("Create", create("TriggeredSend")),
        (
            "Perform",
            "<p:PerformRequestMsg><p:Action>start</p:Action></p:PerformRequestMsg>".to_owned(),
        ),
    ] {
        let answer = stage.send(soap(action, &body)).await;
        assert_eq!(code(&answer), refused(500, "send_blocked"), "{action}");
    }
    assert_eq!(calls(&stage), 0, "nothing was sent");
    assert_eq!(stage.tenant.sends().len(), 0);
    assert_eq!(stage.get("/asset/v1/content/assets").await.status, 200);
    let written = stage
        .send(call("POST", "/asset/v1/content/assets", &[]))
        .await;
    assert_eq!(code(&written).1, "", "writes pass");
    let created = stage.send(soap("Create", &create("Subscriber"))).await;
    assert_eq!(created.status, 200);
    assert_eq!(calls(&stage), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_only_reads() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.listeners[0].mode = Mode::ReadOnly,
    )
    .await;
    for (method, path) in [
        ("POST", "/asset/v1/content/assets"),
        ("DELETE", "/asset/v1/content/assets/1"),
        ("PATCH", "/asset/v1/content/assets/query"),
        ("POST", SEND),
        ("PUT", "/unheard/of"),
    ] {
        let answer = stage.send(call(method, path, &[])).await;
        assert_eq!(
            code(&answer),
            refused(403, "write_blocked"),
            "{method} {path}"
        );
    }
    let overridden = call(
        "GET",
        "/asset/v1/content/assets",
        &[("x-http-method-override", "DELETE")],
    );
    assert_eq!(
        code(&stage.send(overridden).await),
        refused(403, "policy_denied")
    );
    for (action, body) in [
        ("Delete", "<p:DeleteRequest/>".to_owned()),
        ("Create", create("Subscriber")),
    ] {
        let answer = stage.send(soap(action, &body)).await;
        assert_eq!(code(&answer), refused(500, "write_blocked"), "{action}");
    }
    let at_odds = stage.send(soap("Retrieve", &create("Subscriber"))).await;
    assert_eq!(at_odds.status, 500);
    assert!(!code(&at_odds).1.is_empty());
    assert_eq!(calls(&stage), 0);
    assert_eq!(stage.get("/asset/v1/content/assets").await.status, 200);
    assert_eq!(
        stage
            .send(soap("Retrieve", &retrieve("List", "")))
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placeholder_can_be_narrower_than_its_client() {
    let stage = Stage::new().await;
    let request = Request::post("/v2/token")
        .header("content-type", "application/json")
        .header("sfmc-mode", "read_only")
        .body(Bytes::from_static(
            b"{\"grant_type\":\"client_credentials\"}",
        ))
        .unwrap();
    let told = stage.send(request).await.json();
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let as_told = [("authorization", bearer.as_str())];
    let answer = stage
        .send(call("POST", "/asset/v1/content/assets", &as_told))
        .await;
    assert_eq!(code(&answer), refused(403, "write_blocked"));
    assert_eq!(calls(&stage), 0);
    let answer = stage
        .send(call("GET", "/asset/v1/content/assets", &as_told))
        .await;
    assert_eq!(answer.status, 200);
}

fn allowing(patterns: &[&str]) -> impl FnOnce(&mut Resolved) {
    let list: AllowList = patterns
        .iter()
        .map(|text| Pattern::parse(text).unwrap())
        .collect();
    move |resolved| {
        let mut newsletter = client("newsletter", "news-secret", &[EMEA, APAC]);
        newsletter.grant.allow = Some(list);
        resolved.proxy.clients = vec![newsletter];
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allow_list_cannot_be_slipped_by() {
    let patterns = [
        "GET /asset/v1/**",
        "SOAP Retrieve List",
        "SOAP Retrieve DataExtensionObject[*]",
    ];
    let stage = Stage::with(|_tenant| {}, allowing(&patterns)).await;
    let newsletter = basic("newsletter", "news-secret");
    let known = [("authorization", newsletter.as_str())];
    for (method, path) in [
        ("POST", "/asset/v1/content/assets"),
        ("GET", "/contacts/v1/x"),
        ("GET", "/asset/v1/../../contacts/v1/x"),
        ("GET", "/asset/v1/%2e%2e/%2e%2e/contacts/v1/x"),
        ("GET", "/asset/v1/%252e%252e/x"),
        ("GET", "/asset/v1/..%2f..%2fcontacts"),
        ("GET", "/asset/v1/..%5c..%5ccontacts"),
        ("GET", "/Asset/v1/x"),
        ("GET", "/asset%2Fv2/x"),
    ] {
        let answer = stage.send(call(method, path, &known)).await;
        assert_eq!(
            code(&answer),
            refused(403, "policy_denied"),
            "{method} {path}"
        );
    }
    let with_secret = |mut request: Request<Bytes>| {
        request
            .headers_mut()
            .insert("authorization", newsletter.parse().unwrap());
        request
    };
    for body in [
        retrieve("Subscriber", ""),
        retrieve("List", "<p:ObjectType>Subscriber</p:ObjectType>"),
        create("List"),
    ] {
        let action = if body.contains("Create") {
            "Create"
        } else {
            "Retrieve"
        };
        let answer = stage.send(with_secret(soap(action, &body))).await;
        assert_eq!(code(&answer), refused(500, "policy_denied"), "{body}");
    }
    for accounts in [
        format!("<p:ClientIDs><p:ClientID>{PARENT}</p:ClientID></p:ClientIDs>"),
        "<p:QueryAllAccounts>true</p:QueryAllAccounts>".to_owned(),
    ] {
        let answer = stage
            .send(with_secret(soap("Retrieve", &retrieve("List", &accounts))))
            .await;
        assert_eq!(
            code(&answer),
            refused(500, "account_not_allowed"),
            "{accounts}"
        );
    }
    assert_eq!(calls(&stage), 0);
    for (method, path) in [
        ("GET", "/asset/v1/content/assets"),
        ("GET", "//asset/v1/content/assets"),
        ("HEAD", "/asset/v1/content/assets"),
    ] {
        let answer = stage.send(call(method, path, &known)).await;
        assert_eq!(code(&answer).1, "", "{method} {path}: {}", answer.text());
    }
    let own = format!("<p:ClientIDs><p:ClientID>{APAC}</p:ClientID></p:ClientIDs>");
    for body in [
        retrieve("List", ""),
        retrieve("List", &own),
        retrieve("DataExtensionObject[sandbox-orders]", ""),
    ] {
        let answer = stage.send(with_secret(soap("Retrieve", &body))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let wsdl = stage.send(call("GET", "/etframework.wsdl", &known)).await;
    assert_eq!(wsdl.status, 200, "what describes the operations is public");
    let changed = stage.send(call("PUT", "/Service.asmx", &known)).await;
    assert_eq!(code(&changed), refused(403, "policy_denied"));
    assert_eq!(calls(&stage), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_policy_odd_paths_pass_as_they_are() {
    let stage = Stage::new().await;
    let odd = "/asset/v1/%2e%2e/..//x;y";
    stage
        .send(call("POST", odd, &[("x-http-method-override", "PUT")]))
        .await;
    let received = stage.received();
    assert_eq!(received[0].target, odd);
    assert_eq!(received[0].header("x-http-method-override"), Some("PUT"));
    assert_eq!(json!(received.len()), json!(1));
}
