//! The token endpoints that clients see: SDKs get a placeholder that only means something here, and addresses of the proxy.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::server::Address;

use crate::harness::{APAC, Answer, Client, EMEA, PARENT, Stage};

const ECHO: &str = "/sandbox/echo";

fn token_request(path: &str, body: &Value) -> Request<Bytes> {
    Request::post(path)
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_string()))
        .unwrap()
}

fn credentials() -> Value {
    json!({"grant_type": "client_credentials", "client_id": "of-the-tenant", "client_secret": "a-real-secret"})
}

fn with_bearer(path: &str, token: &str) -> Request<Bytes> {
    Request::get(path)
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::new())
        .unwrap()
}

fn account(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["account"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_sdk_gets_a_placeholder_and_the_proxys_addresses() {
    let stage = Stage::new().await;
    let base = format!("http://{}/", stage.address());
    for path in ["/v2/token", "//v2/token", "/V2/Token"] {
        let answer = stage.send(token_request(path, &credentials())).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(
            answer
                .header("content-type")
                .starts_with("application/json")
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let told = answer.json();
        assert_eq!(told["token_type"], "Bearer");
        assert!(told["expires_in"].as_u64().unwrap() > 300);
        assert!(told["scope"].is_string());
        assert_eq!(told["rest_instance_url"], base.as_str());
        assert_eq!(told["soap_instance_url"], base.as_str());
        let token = told["access_token"].as_str().unwrap();
        assert!(token.len() <= 512 && !token.contains("a-real-secret"));
        assert_eq!(account(&stage.send(with_bearer(ECHO, token)).await), PARENT);
    }
    let received = stage.received();
    assert!(!received.is_empty());
    for entry in &received {
        let bearer = entry.header("authorization").unwrap();
        assert!(bearer.starts_with("Bearer ") && !bearer.contains("sfmc-auth-proxy"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_and_the_older_endpoints_are_answered_in_their_shape() {
    let stage = Stage::new().await;
    let form = Request::post("/v2/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from_static(
            b"grant_type=client_credentials&client_id=x&client_secret=y&account_id=510001236&scope=email_read",
        ))
        .unwrap();
    let told = stage.send(form).await.json();
    assert_eq!(told["scope"], "email_read");
    let token = told["access_token"].as_str().unwrap();
    assert_eq!(account(&stage.send(with_bearer(ECHO, token)).await), APAC);
    let old = json!({"clientId": "x", "clientSecret": "y", "accessType": "offline", "refreshToken": "from-salesforce"});
    for path in [
        "/v1/requestToken",
        "/v1/requestToken?legacy=1",
        "/provisioning/v1/tenants/7/requestToken",
    ] {
        let answer = stage.send(token_request(path, &old)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let told = answer.json();
        assert!(told["expiresIn"].as_u64().unwrap() > 300);
        for name in ["accessToken", "legacyToken", "refreshToken"] {
            let token = told[name].as_str().unwrap();
            assert_eq!(account(&stage.send(with_bearer(ECHO, token)).await), PARENT);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reason_phrase_is_ok() {
    let stage = Stage::new().await;
    let body = credentials().to_string();
    let said = stage
        .speak(
            format!(
                "POST /v2/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            )
            .as_bytes(),
        )
        .await;
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selection_lives_on_in_the_placeholder_and_the_addresses() {
    let stage = Stage::new().await;
    let base = format!("http://{}/", stage.address());
    let mut asked = credentials();
    asked["account_id"] = json!(EMEA);
    for (path, body, prefix, expected) in [
        ("/v2/token", &asked, format!("@acme:{EMEA}/"), EMEA),
        (
            "/@acme:apac/v2/token",
            &credentials(),
            format!("@acme:{APAC}/"),
            APAC,
        ),
        ("/@acme/v2/token", &credentials(), String::new(), PARENT),
    ] {
        let told = stage.send(token_request(path, body)).await.json();
        assert_eq!(told["rest_instance_url"], format!("{base}{prefix}"));
        let token = told["access_token"].as_str().unwrap();
        for path in [ECHO.to_owned(), format!("/{prefix}sandbox/echo")] {
            assert_eq!(
                account(&stage.send(with_bearer(&path, token)).await),
                expected,
                "{path}"
            );
        }
        let by_query = format!("{ECHO}?$q=1&access_token={token}&z");
        assert_eq!(account(&stage.get(&by_query).await), expected);
        let sent = stage.received().last().unwrap().target.clone();
        assert_eq!(sent, "/sandbox/echo?$q=1&z");
    }
    let told = stage.send(token_request("/v2/token", &asked)).await.json();
    let token = told["access_token"].as_str().unwrap();
    let at_odds = stage
        .send(with_bearer("/@acme:apac/sandbox/echo", token))
        .await;
    assert_eq!(
        (at_odds.status.as_u16(), at_odds.code().as_str()),
        (400, "ambiguous_selection")
    );
    asked["account_id"] = json!("510009999");
    let refused = stage.send(token_request("/v2/token", &asked)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "account_not_allowed")
    );
    assert_eq!(refused.json()["error"], "unauthorized_client");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listeners_addresses_need_no_selection() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
            resolved.server.listeners.push(address);
            resolved.proxy.listeners.push(ListenerSelection {
                tenant: Some("acme".to_owned()),
                account: Some(APAC),
                ..ListenerSelection::default()
            });
        },
    )
    .await;
    let Address::Tcp(apac) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let mut client = Client::connect(apac).await;
    let told = client
        .send(token_request("/v2/token", &credentials()))
        .await
        .json();
    assert_eq!(told["rest_instance_url"], format!("http://{apac}/"));
    let token = told["access_token"].as_str().unwrap();
    assert_eq!(account(&client.send(with_bearer(ECHO, token)).await), APAC);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_url_is_what_callers_are_told() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.public_url = Some("https://gateway.example:8443".to_owned()),
    )
    .await;
    let told = stage
        .send(token_request("/v2/token", &credentials()))
        .await
        .json();
    assert_eq!(told["soap_instance_url"], "https://gateway.example:8443/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_endpoint_of_the_tenants_is_asked_for_a_client() {
    let stage = Stage::new().await;
    stage.get(ECHO).await;
    let before = stage.tenant.token_requests();
    for _again in 0..20 {
        stage.send(token_request("/v2/token", &credentials())).await;
    }
    assert_eq!(stage.tenant.token_requests(), before);
    let journal = stage.tenant.journal();
    assert!(
        journal
            .iter()
            .all(|entry| !format!("{entry:?}").contains("a-real-secret"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_token_request_is_refused_in_the_vendors_words() {
    let stage = Stage::new().await;
    let grant = json!({"grant_type": "authorization_code", "code": "x", "client_id": "a"});
    for (request, status, error) in [
        (token_request("/v2/token", &grant), 400, "invalid_request"),
        (
            token_request("/v2/token", &json!({})),
            400,
            "invalid_request",
        ),
        (
            Request::post("/v2/token")
                .body(Bytes::from(vec![b'x'; 70_000]))
                .unwrap(),
            413,
            "server_error",
        ),
    ] {
        let answer = stage.send(request).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        let told = answer.json();
        assert_eq!(told["error"], error);
        assert!(!told["error_description"].as_str().unwrap().is_empty());
        assert!(answer.header("proxy-status").contains("error="));
    }
    let answer = stage.get("/v2/token").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
    let answer = stage.get("/v2/authorize?client_id=x").await;
    assert_eq!(answer.code(), "destination_not_allowed");
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn userinfo_is_asked_with_the_real_token() {
    let stage = Stage::new().await;
    let answer = stage
        .send(with_bearer("/@acme:emea/v2/userinfo", "x"))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["organization"]["member_id"], EMEA);
    assert_eq!(answer.header("sfmc-account"), EMEA.to_string());
    let changed = stage.send(token_request("/v2/userinfo", &json!({}))).await;
    assert_eq!(
        (changed.status.as_u16(), changed.header("allow")),
        (405, "GET, HEAD")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_url_inside_the_path_leads_to_its_tenant() {
    let stage = Stage::new().await;
    let subdomain = stage.tenant.settings().subdomain.clone();
    let host = |api: &str| format!("{subdomain}.{api}.marketingcloudapis.com");
    for path in [
        format!("/https://{}/v2/token", host("auth")),
        format!("/https:/{}/v2/token", host("AUTH")),
        format!("/@acme/https://{}:443/v2/token", host("auth")),
    ] {
        let answer = stage.send(token_request(&path, &credentials())).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let told = answer.json();
        assert_eq!(
            told["rest_instance_url"],
            format!("http://{}/", stage.address()),
            "the tenant's own host would lead past the proxy"
        );
    }
    let retired = format!("/https://{}/v1/requestToken?legacy=1", host("auth"));
    let answer = stage.send(token_request(&retired, &json!({}))).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.json()["errorcode"]),
        (400, &json!(10_007))
    );
    let legacy = "/https://auth.exacttargetapis.com/v1/requestToken?legacy=1";
    let answer = stage.send(token_request(legacy, &json!({}))).await;
    assert!(answer.json()["legacyToken"].is_string());
    let rest = format!("/https://{}/sandbox/echo?a=%2F", host("rest"));
    assert_eq!(account(&stage.get(&rest).await), PARENT);
    assert_eq!(
        stage.received().last().unwrap().target,
        "/sandbox/echo?a=%2F"
    );
    for foreign in [
        "/https://evil.example/sandbox/echo",
        "/https://mcother.rest.marketingcloudapis.com/sandbox/echo",
        "/http://169.254.169.254/latest/meta-data",
    ] {
        let answer = stage.get(foreign).await;
        assert_eq!(answer.code(), "destination_not_allowed", "{foreign}");
    }
    assert_eq!(stage.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_in_answers_name_the_proxy_and_nothing_else_changes() {
    let stage = Stage::new().await;
    let base = format!("http://{}", stage.address());
    let told = stage.get("//platform/v1/endpoints/soap").await.json();
    assert_eq!(
        told,
        json!({"type": "soap", "url": format!("{base}/Service.asmx")})
    );
    let all = stage.get("/@acme:emea/platform/v1/endpoints").await;
    let length: usize = all.header("content-length").parse().unwrap();
    assert_eq!(length, all.body.len());
    let urls: Vec<_> = all.json()["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["url"].as_str().unwrap().to_owned())
        .collect();
    let selected = format!("{base}/@acme:{EMEA}");
    assert_eq!(
        urls,
        [
            format!("{selected}/"),
            format!("{selected}/"),
            format!("{selected}/Service.asmx")
        ]
    );
}

fn second_tenant(resolved: &mut Resolved) {
    let mut beta = resolved.proxy.tenants[0].clone();
    beta.name = "beta".to_owned();
    beta.default_account = Some(EMEA);
    resolved.proxy.tenants.push(beta);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tenants_on_one_host_are_never_guessed_between() {
    let stage = Stage::with(|_tenant| {}, second_tenant).await;
    let subdomain = stage.tenant.settings().subdomain.clone();
    let path = format!("/https://{subdomain}.rest.marketingcloudapis.com{ECHO}");
    assert_eq!(stage.get(&path).await.code(), "ambiguous_selection");
    let answer = stage.get(&format!("/@beta{path}")).await;
    assert_eq!(account(&answer), EMEA);
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            second_tenant(resolved);
            resolved.proxy.default_tenant = Some("beta".to_owned());
        },
    )
    .await;
    assert_eq!(account(&stage.get(&path).await), EMEA);
}
