//! The status page and `/status.json`: what they tell after real calls, to whom, and that nothing from outside becomes markup.

mod logins;
mod pictures;
mod reload;
mod summed;
mod told;

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use sfmc_auth_proxy::sandbox::{Face, Script};
use sfmc_auth_proxy::secret::Secret;

use crate::harness::{Client, PATIENCE, Stage, until};

const ROWS: &str = "/data/v1/customobjectdata/key/Orders/rowset";

/// What `/status.json` says.
async fn status(stage: &Stage) -> Value {
    let answer = stage.admin("/status.json").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// What it says once this holds: a call is noted when its last byte is out.
async fn status_with(stage: &Stage, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let seen = status(stage).await;
        if holds(&seen) {
            return seen;
        }
        let is_over = tokio::time::Instant::now() > deadline;
        assert!(!is_over, "never happened: {what}: {seen:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn tenant<'a>(status: &'a Value, name: &str) -> &'a Value {
    let tenants = status["tenants"].as_array().unwrap();
    let found = tenants.iter().find(|tenant| tenant["name"] == name);
    found.unwrap_or_else(|| panic!("no tenant {name}: {status}"))
}

fn account<'a>(status: &'a Value, name: &str) -> &'a Value {
    let accounts = tenant(status, "acme")["accounts"].as_array().unwrap();
    let found = accounts.iter().find(|account| account["name"] == name);
    found.unwrap_or_else(|| panic!("no account {name}: {status}"))
}

fn client<'a>(status: &'a Value, name: &str) -> &'a Value {
    let clients = status["clients"].as_array().unwrap();
    let found = clients.iter().find(|client| client["name"] == name);
    found.unwrap_or_else(|| panic!("no client {name}: {status}"))
}

fn errors(status: &Value) -> &[Value] {
    tenant(status, "acme")["errors"].as_array().unwrap()
}

async fn ready(stage: &Stage) {
    until("ready", async || stage.admin("/readyz").await.status == 200).await;
}

fn soap(operation: &str, body: &str) -> Request<Bytes> {
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    Request::post("/Service.asmx")
        .header("content-type", "text/xml")
        .header("soapaction", operation)
        .body(envelope.into())
        .unwrap()
}

fn retrieve(object: &str) -> Request<Bytes> {
    soap(
        "Retrieve",
        &format!(
            "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>{object}\
             </ObjectType><Properties>ID</Properties></RetrieveRequest></RetrieveRequestMsg>"
        ),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_json_has_the_shape_of_its_schema() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let schema = include_str!("../../docs/status.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let must_fit = |status: &Value| {
        let errors: Vec<_> = validator
            .iter_errors(status)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}\n{status}");
    };
    must_fit(&status(&stage).await);
    stage.get("/asset/v1/content/assets").await;
    stage.get("/nowhere/at/all").await;
    stage.get("/@nobody/x").await;
    stage.send(retrieve("DataExtensionObject[Orders]")).await;
    stage
        .tenant
        .script(Script::status(Face::Auth, 401).times(3));
    stage.get("/@acme:emea/asset/v1/content/assets").await;
    stage.get("/sandbox/always401/x").await;
    stage
        .proxy
        .refused(vec!["tenants.acme.mode: is not known".to_owned()]);
    let full = status_with(&stage, "all of it", |status| {
        client(status, "anonymous")["last_calls"]
            .as_array()
            .unwrap()
            .len()
            == 6
    })
    .await;
    must_fit(&full);
    assert_eq!(full["configuration"]["in_force"], false);
    assert_eq!(full["summary"]["state"], "failing", "emea has no token");
    // The schema says no to something.
    let mut wrong = full.clone();
    wrong["tenants"][0]["accounts"][0]["token"] = json!({"secret": "x"});
    assert!(!validator.is_valid(&wrong));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_may_not_look_sees_nothing() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.admin.listen = "0.0.0.0:0".parse().unwrap();
            resolved.admin.token = Some(Secret::new("the admin token"));
        },
    )
    .await;
    let mut admin = stage.proxy.admin();
    admin.set_ip([127, 0, 0, 1].into());
    let get = async |target: &str, headers: &[(&str, &str)]| {
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::new()).unwrap();
        Client::connect(admin).await.send(request).await
    };
    let right = ("authorization", "Bearer the admin token");
    for target in ["/", "/status.json", "/status.json?refresh=10"] {
        for headers in [vec![], vec![("authorization", "Bearer wrong")]] {
            let answer = get(target, &headers).await;
            assert_eq!(answer.status, 401, "{target}");
            assert!(!answer.text().contains("acme"), "{}", answer.text());
        }
        assert_eq!(get(target, &[right]).await.status, 200, "{target}");
        for foreign in ["https://evil.example", "null"] {
            let answer = get(target, &[right, ("origin", foreign)]).await;
            assert_eq!(answer.status, 403, "{target} from {foreign}");
        }
        let answer = get(target, &[right, ("host", "evil.example")]).await;
        assert_eq!(answer.status, 421, "{target}");
        let request = Request::post(target).header(right.0, right.1);
        let request = request.body(Bytes::new()).unwrap();
        let answer = Client::connect(admin).await.send(request).await;
        assert_eq!(answer.status, 405, "{target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_needs_no_script_and_refreshes_only_if_asked() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let page = stage.admin("/").await;
    assert_eq!(
        page.header("content-security-policy"),
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    assert_eq!(page.header("cache-control"), "no-store");
    let text = page.text();
    for never in ["<script", "<style", " style=", " onclick", "http-equiv"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
    assert!(
        text.contains("<h2 id=\"summary\">All is well: 1 tenant, 1 token at hand"),
        "{text}"
    );
    for heading in [
        "<h1>sfmc-auth-proxy</h1>",
        "<h3>acme</h3>",
        "<caption>Accounts and their tokens</caption>",
        "scope=\"col\"",
        "<time datetime=\"20",
    ] {
        assert!(text.contains(heading), "{heading}: {text}");
    }
    let text = stage.admin("/?refresh=10").await.text();
    assert!(
        text.contains("<meta http-equiv=\"refresh\" content=\"10\">"),
        "{text}"
    );
    assert!(
        text.contains("href=\"/\">Stop refreshing"),
        "it can be turned off"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_markup_never_reaches_the_page_as_markup() {
    const MARKUP: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let stage = Stage::new().await;
    ready(&stage).await;
    let with = |name: &str, value: &str, path: &str| {
        Request::get(path)
            .header(name, value)
            .body(Bytes::new())
            .unwrap()
    };
    // In a header and in a path of the client's.
    stage.send(with("sfmc-tenant", MARKUP, "/x")).await;
    stage.send(with("sfmc-account", "<b>1</b>", "/x")).await;
    stage.get("/%3Cscript%3E/'x'/y").await;
    stage
        .send(retrieve("&lt;script&gt;alert(3)&lt;/script&gt;"))
        .await;
    // In what the tenant says.
    let refusal = json!({"error": MARKUP, "error_description": MARKUP});
    stage
        .tenant
        .script(Script::status(Face::Auth, 400).body(refusal));
    stage.get("/@acme:emea/x").await;
    stage
        .tenant
        .script(Script::status(Face::Rest, 403).body(json!({"message": MARKUP})));
    stage.get(ROWS).await;
    let seen = status_with(&stage, "noted", |status| {
        client(status, "anonymous")["last_calls"]
            .as_array()
            .unwrap()
            .len()
            == 6
    })
    .await;
    let page = stage.admin("/").await.text();
    for never in ["<script", "<img", "<b>1", "alert(3)"] {
        assert!(!page.contains(never), "{never}: {page}");
    }
    assert!(
        page.contains("&lt;script&gt;alert(1)"),
        "it is told all the same: {page}"
    );
    assert!(
        account(&seen, "emea")["last_error"]["what"]
            .as_str()
            .unwrap()
            .contains(MARKUP)
    );
    let text = seen.to_string();
    assert!(
        text.contains("/{id}/{id}/y"),
        "ids and what is no word are masked: {text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_and_no_secret_is_told_whatever_an_endpoint_says_back() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let settings = stage.tenant.settings();
    let secret = settings.client_secret.clone();
    let (rest, soap) = (stage.tenant.rest_authority(), stage.tenant.soap_authority());
    // A token response that says the client's secret and the token itself among the scopes.
    stage
        .tenant
        .script(Script::status(Face::Auth, 200).body(json!({
            "access_token": "canary.of.a.token",
            "expires_in": 1079,
            "scope": format!("email_read {secret} canary.of.a.token offline"),
            "rest_instance_url": format!("https://{rest}/"),
            "soap_instance_url": format!("https://{soap}/"),
        })));
    stage
        .get("/@acme:emea/sandbox/echo?access_token=canary-in-a-query")
        .await;
    let echo = json!({"error": "invalid_client", "error_description": format!("no {secret}")});
    stage
        .tenant
        .script(Script::status(Face::Auth, 401).times(9).body(echo));
    stage
        .get("/@acme:apac/sandbox/echo?q=canary-in-a-query")
        .await;
    let seen = status_with(&stage, "noted", |status| {
        client(status, "anonymous")["last_calls"]
            .as_array()
            .unwrap()
            .len()
            == 2
            && tenant(status, "acme")["accounts"].as_array().unwrap().len() == 3
    })
    .await;
    assert!(!account(&seen, "apac")["last_error"].is_null(), "{seen}");
    let page = stage.admin("/").await.text();
    let bearers = stage.received();
    let bearers = bearers
        .iter()
        .filter_map(|entry| entry.header("authorization"));
    let bearers: Vec<_> = bearers
        .map(|bearer| bearer.trim_start_matches("Bearer ").to_owned())
        .collect();
    assert!(
        bearers.contains(&"canary.of.a.token".to_owned()),
        "{bearers:?}"
    );
    for text in [seen.to_string(), page] {
        for never in bearers
            .iter()
            .map(String::as_str)
            .chain([secret.as_str(), "canary"])
        {
            assert!(!text.contains(never), "{never}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_of_an_allowed_host_pass_behind_tls_and_their_session_is_for_tls_alone() {
    const NAME: &str = "admin.example.com";
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.admin.token = Some(Secret::new("the admin token"));
            resolved.admin.allowed_hosts = vec![NAME.to_owned()];
        },
    )
    .await;
    // As something in front asks that ends TLS and leaves the name as it was.
    let connect = async || Client::connect(stage.proxy.admin()).await;
    let page = Request::get("/sign-in").header("host", NAME);
    let page = page.header("accept", "text/html").body(Bytes::new());
    let page = connect().await.send(page.unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let (cookie, form_token) = page.session();
    let sign_in = async |origin: &str| {
        let request = Request::post("/sign-in")
            .header("host", NAME)
            .header("origin", origin)
            .header("sec-fetch-site", "same-origin")
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        let form = format!("form_token={form_token}&token=the+admin+token");
        connect()
            .await
            .send(request.body(Bytes::from(form)).unwrap())
            .await
    };
    for foreign in [
        "https://evil.example",
        "https://admin.example.com:8443",
        "null",
    ] {
        assert_eq!(sign_in(foreign).await.status, 403, "{foreign}");
    }
    let answer = sign_in("https://admin.example.com").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let signed_in = answer.header("set-cookie").to_owned();
    assert!(
        signed_in.starts_with("__Host-") && signed_in.contains("; Secure"),
        "{signed_in}"
    );
    let session = signed_in.split(';').next().unwrap();
    let request = Request::get("/status.json").header("host", NAME);
    let request = request.header("cookie", session).body(Bytes::new());
    assert_eq!(connect().await.send(request.unwrap()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_of_many_object_types_is_a_call_of_each_and_what_is_beyond_is_counted() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let objects: String = (0..70)
        .map(|number| format!("<Objects xsi:type=\"Type{number}\"/>"))
        .collect();
    let create = format!(
        "<CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{objects}</CreateRequest>"
    );
    stage.send(soap("Create", &create)).await;
    let seen = status_with(&stage, "noted", |status| {
        client(status, "anonymous")["last_calls"][0]["operation"] == "Create"
    })
    .await;
    let anonymous = client(&seen, "anonymous");
    assert_eq!(anonymous["calls"].as_array().unwrap().len(), 64);
    assert_eq!(anonymous["calls_left_out"], 6);
}
