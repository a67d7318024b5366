//! A canary secret is planted and searched for in everything that the proxy says: logs, metrics, answers, `print-config`,
//! `check`, and the ways in which all of these go wrong.

use std::fs;

use http::Request;
use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Client, tenant_settings};
use crate::process::{Process, configuration, run};

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
    let mut process = Process::start(folder.path(), &[], &[]).await;
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
    process.signal("TERM");
    process.ended().await;
    assert_clean("an answer", &said, &seen);
    assert_clean("a metric", &metrics, &seen);
    assert_clean("health", &ready, &seen);
    assert_clean("the log", &process.log_text(), &seen);
    assert!(
        process.log_text().contains("\"msg\":\"request\""),
        "the log was looked at"
    );
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
