//! A canary secret is planted and searched for in everything that the proxy says: logs, metrics, answers, `print-config`,
//! `check`, and the ways in which all of these go wrong.

use std::fs;

use http::Request;
use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Client, tenant_settings};
use crate::identities::basic;
use crate::process::{Process, configuration, run};
use crate::spans::Collector;

const CANARY: &str = "canary-Zq7+&%=\"\\é-secret";
const QUERY: &str = "canary-in-the-query";

async fn tenant() -> sandbox::Tenant {
    let settings = sandbox::Settings {
        client_secret: CANARY.to_owned(),
        ..tenant_settings()
    };
    sandbox::Tenant::start(settings).await.unwrap()
}

/// No form in which the secret could have slipped through.
fn assert_clean(what: &str, text: &str, tokens: &[String]) {
    for form in [CANARY, "canary-Zq7", "Zq7%2B", QUERY] {
        assert!(!text.contains(form), "{what} holds {form}:\n{text}");
    }
    for token in tokens {
        assert!(
            !text.contains(token.as_str()),
            "{what} holds an access token:\n{text}"
        );
        let middle = token.split('.').nth(1).unwrap();
        assert!(
            !text.contains(middle),
            "{what} holds part of an access token:\n{text}"
        );
    }
}

/// Every token that the tenant has received.
fn tokens(tenant: &sandbox::Tenant) -> Vec<String> {
    let bearers = tenant
        .journal()
        .into_iter()
        .filter_map(|entry| entry.header("authorization").map(str::to_owned));
    let mut tokens: Vec<_> = bearers
        .map(|bearer| bearer.trim_start_matches("Bearer ").to_owned())
        .collect();
    tokens.dedup();
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_proxy_says_holds_a_secret() {
    let tenant = tenant().await;
    let folder = configuration(&tenant, "[log]\nlevel = \"trace\"");
    let collector = Collector::start(&[]).await;
    let endpoint = format!("http://{}", collector.address);
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=canary-of-the-collector",
        ),
    ];
    let mut process = Process::start(folder.path(), &[], &environment).await;
    let changed = Request::post("/log?level=info&for=1h").body("").unwrap();
    let changed = Client::connect(process.admin).await.send(changed).await;
    assert_eq!(changed.status, 200);
    // The level at which everything is said may be reached by a running process too.
    let changed = Request::post("/log?level=trace&for=1h").body("").unwrap();
    let changed = Client::connect(process.admin).await.send(changed).await;
    assert_eq!(changed.json()["level"], "trace");
    let mut client = Client::connect(process.address).await;
    let mut said = String::new();
    let mut call = async |client: &mut Client, target: &str| {
        let request = Request::get(format!("{target}?access_token={QUERY}&x={QUERY}"))
            .header("authorization", format!("Bearer {QUERY}"));
        let answer = client.send(request.body(Vec::new()).unwrap()).await;
        said.push_str(&format!("{} {:?}\n", answer.status, answer.headers));
        if answer.header("content-type") == "application/problem+json" {
            said.push_str(&answer.text());
        }
    };
    call(&mut client, "/asset/v1/content/assets").await;
    tenant.revoke_all();
    call(&mut client, "/asset/v1/content/assets").await;
    call(&mut client, "/sandbox/always401/x").await;
    call(&mut client, "/@nobody/x").await;
    tenant.script(Script::reset(Face::Rest).times(1));
    call(&mut client, "/asset/v1/content/assets").await;
    // Ends the rest of the account, so that the next refusal asks for a token again.
    call(&mut client, "/asset/v1/content/assets").await;
    let seen = tokens(&tenant);
    assert!(seen.len() >= 2, "{seen:?}");

    // An endpoint that says everything it was told.
    let echo = format!(
        "{{\"error\":\"invalid_client\",\"error_description\":\"no {} \"}}",
        CANARY.replace('\\', "\\\\").replace('"', "\\\"")
    );
    let echo: serde_json::Value = serde_json::from_str(&echo).unwrap();
    tenant.script(Script::status(Face::Auth, 401).times(100).body(echo));
    tenant.revoke_all();
    call(&mut client, "/asset/v1/content/assets").await;
    assert!(said.contains("token_rejected"), "{said}");

    let metrics = Client::connect(process.admin)
        .await
        .get("/metrics")
        .await
        .text();
    let ready = Client::connect(process.admin)
        .await
        .get("/readyz?verbose")
        .await
        .text();
    let status = Client::connect(process.admin).await.get("/").await.text();
    let json = Client::connect(process.admin)
        .await
        .get("/status.json")
        .await
        .text();
    process.signal("TERM");
    process.ended().await;
    assert!(status.contains("acme"), "{status}");
    assert!(
        json.contains("refuses this proxy (401 invalid_client"),
        "{json}"
    );
    assert_clean("the status page", &status, &seen);
    assert_clean("the status in JSON", &json, &seen);
    assert_clean("an answer", &said, &seen);
    assert_clean("a metric", &metrics, &seen);
    assert_clean("health", &ready, &seen);
    assert_clean("the log", &process.log_text(), &seen);
    for what in ["\"msg\":\"request\"", "\"level\":\"trace\""] {
        assert!(process.log_text().contains(what), "the log was looked at");
    }
    assert!(!process.log_text().contains("canary-of-the-collector"));
    let mut spans = 0;
    for (_headers, body) in collector.posted() {
        let text = String::from_utf8_lossy(&body);
        assert_clean("a span", &text, &seen);
        spans += text.matches("http.request.method").count();
    }
    assert!(spans >= 10, "the spans were looked at: {spans}");
}

/// The client's own secret, a guess at it, and what the proxy hands out for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_the_proxy_says_holds_a_clients_secret() {
    const OURS: &str = "canary-of-the-client-0123456789";
    const GUESS: &str = "canary-of-a-guess";
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let more = format!(
        "[clients.newsletter]\nsecret = \"{OURS}\"\nallow = [\"GET /asset/v1/**\"]\n[intercept]\nca_dir = \"ca\"\n[audit]\nfile = \
         \"audit.jsonl\"\n[log]\nlevel = \"trace\""
    );
    let folder = configuration(&tenant, &more);
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    let right = basic("newsletter", OURS);
    let wrong = basic("newsletter", GUESS);
    let body = |secret: &str| {
        format!("grant_type=client_credentials&client_id=newsletter&client_secret={secret}")
    };
    let asks = |secret: &str| {
        let request = Request::post("/v2/token");
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(body(secret).into_bytes()).unwrap()
    };
    let told = client.send(asks(OURS)).await.json();
    let placeholder = told["access_token"].as_str().unwrap().to_owned();
    let with = |name: &str, value: &str, path: &str| {
        let request = Request::get(path).header(name, value);
        request.body(Vec::new()).unwrap()
    };
    let path = "/asset/v1/content/assets";
    let envelope = format!(
        "<E xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\"><Header><s:Security xmlns:s=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
         <s:UsernameToken><s:Username>newsletter</s:Username><s:Password>{GUESS}</s:Password></s:UsernameToken></s:Security></Header></E>"
    );
    let mut said = String::new();
    for request in [
        asks(GUESS),
        with("authorization", &right, path),
        with("authorization", &wrong, path),
        with("proxy-authorization", &right, "/contacts/v1/x"),
        with("authorization", &format!("Bearer {placeholder}"), path),
        with("authorization", &format!("Bearer {placeholder}x"), path),
        with("x", "y", &format!("{path}?access_token={placeholder}")),
        with("authorization", &right, "http://example.com/"),
        Request::post("/Service.asmx")
            .body(envelope.into_bytes())
            .unwrap(),
        Request::post("/v2/token")
            .body(format!("{{{OURS}").into_bytes())
            .unwrap(),
    ] {
        let answer = client.send(request).await;
        said.push_str(&format!(
            "{} {:?}\n{}\n",
            answer.status,
            answer.headers,
            answer.text()
        ));
    }
    let metrics = Client::connect(process.admin)
        .await
        .get("/metrics")
        .await
        .text();
    process.signal("TERM");
    process.ended().await;
    let audit = fs::read_to_string(folder.path().join("audit.jsonl")).unwrap();
    assert!(audit.lines().count() >= 11, "{audit}");
    let printed = run(&["print-config"], &[], folder.path());
    let printed = String::from_utf8(printed.stdout).unwrap();
    let seen = tokens(&tenant);
    for (what, text) in [
        ("an answer", &said),
        ("a metric", &metrics),
        ("the log", &process.log_text()),
        ("the audit record", &audit),
        ("print-config", &printed),
    ] {
        assert_clean(what, text, &seen);
        for form in [OURS, GUESS, &right[6..], &wrong[6..], &placeholder] {
            assert!(!text.contains(form), "{what} holds {form}:\n{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_do_not_print_it_either() {
    let tenant = tenant().await;
    let folder = configuration(&tenant, "");
    let inline = configuration(&tenant, "");
    let file = inline.path().join("sfmc-auth-proxy.toml");
    // A secret in the file itself, beside a fault and with a typing error in its key.
    for (from, to) in [
        (
            "client_secret_file = \"secret\"",
            format!("client_secret = '{CANARY}'"),
        ),
        (
            "client_secret_file = \"secret\"",
            format!("client_secrt = '{CANARY}'"),
        ),
        (
            "client_secret_file = \"secret\"",
            format!("client_secret = ['{CANARY}']"),
        ),
        (
            "client_secret_file = \"secret\"",
            format!("client_secret = '{CANARY}"),
        ),
        (
            "client_secret_file = \"secret\"",
            format!("client_secret = '{CANARY}'\nmode = 7"),
        ),
        (
            "client_secret_file = \"secret\"",
            format!("client_secret = '{CANARY} ${{UNSET_VARIABLE}}'"),
        ),
    ] {
        let text = fs::read_to_string(folder.path().join("sfmc-auth-proxy.toml"))
            .unwrap()
            .replace(from, &to);
        fs::write(&file, text).unwrap();
        for command in ["check", "print-config"] {
            let output = run(&[command], &[], inline.path());
            let said = [output.stdout, output.stderr].concat();
            assert_clean(command, &String::from_utf8_lossy(&said), &[]);
            assert!(!said.is_empty(), "{command} said nothing");
        }
    }
    let output = run(
        &["print-config"],
        &[("SFMC_AUTH_PROXY_LOG_LEVEL", "warn")],
        folder.path(),
    );
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8(output.stdout).unwrap();
    assert_clean("print-config", &said, &[]);
    assert!(said.contains("level = \"warn\""), "{said}");
    assert!(
        said.contains("SFMC_AUTH_PROXY_LOG_LEVEL"),
        "each value has its origin:\n{said}"
    );
}
