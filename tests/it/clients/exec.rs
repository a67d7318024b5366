//! Commands with the vendor's URLs in their code, run by `exec`: what each runtime makes of the environment that it sets.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Field, NAME, SECRET, driver, has_program, node, python, run, told};
use crate::harness::{EMEA, PARENT};
use crate::identities::ECHO;
use crate::process::has_part;

/// `exec`, a runtime and its driver.
fn exec(field: &Field, runtime: impl AsRef<Path>, driver: impl AsRef<Path>) -> Command {
    let mut command = field.exec(&[]);
    command.arg(runtime.as_ref()).arg(driver.as_ref());
    command.args([field.subdomain(), &field.control()]);
    command
}

/// What most drivers tell: the account before and after the token was revoked, and the body that went with the second call.
fn check(field: &Field, told: &Value, sent: &str) {
    assert_eq!(*told, json!({"accounts": [PARENT, PARENT], "sent": sent}));
    assert!(field.tenant.mints() >= 3, "the revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_needs_nothing() {
    let Some(python) = python() else {
        return;
    };
    let field = Field::of_clients().await;
    let mut command = field.exec(&["acme:emea", "--mode", "read_only"]);
    command.arg(python).arg(driver("exec_client.py"));
    command.args([field.subdomain(), &field.control()]);
    let told = told(command).await;
    let expected = json!({
        "urllib": EMEA,
        "requests": EMEA,
        "httpx": EMEA,
        "base_url": EMEA,
        "written": 403,
        "left": ["SFMC_AUTH_PROXY_TOKEN", "SFMC_AUTH_PROXY_URL"],
    });
    assert_eq!(told, expected);
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_needs_nothing() {
    if !has_program("curl") {
        return;
    }
    let field = Field::of_clients().await;
    let mut command = field.exec(&[]);
    command.args(["curl", "-q", "-sS", &field.url("rest", ECHO)]);
    assert_eq!(told(command).await["account"], PARENT);
    let mut command = field.exec(&[]);
    command.args(["curl", "-q", "-sS", "-f"]);
    command.arg(field.url("rest", "/no/such/route"));
    assert_eq!(run(command).await.status.code(), Some(22), "it is curl's");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_proxy_serves_as_well_for_those_whom_it_knows() {
    if !has_program("curl") {
        return;
    }
    let field = Field::of_clients().await;
    let attached = |secret: &str| {
        let running = format!("http://{NAME}:{secret}@{}", field.process.address);
        let mut command = field.exec(&["--attach", &running]);
        command.args(["curl", "-q", "-sS", &field.url("rest", ECHO)]);
        command
    };
    for _once_with_a_dead_token in 0..2 {
        assert_eq!(told(attached(SECRET)).await["account"], EMEA);
        field.tenant.revoke_all();
    }
    assert_eq!(run(attached("wrong")).await.status.code(), Some(125));
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phps_curl_needs_nothing_and_its_soap_client_four_options() {
    let mut look = Command::new("php");
    let extensions = "exit(extension_loaded('soap') && extension_loaded('curl') ? 0 : 1);";
    look.args(["-r", extensions]);
    if !has_program("php") || !has_part("PHP's extension soap or curl", &mut look) {
        return;
    }
    let field = Field::of_clients().await;
    let told = told(exec(&field, "php", driver("exec_client.php"))).await;
    assert_eq!(told, json!({"curl": PARENT, "soap": "OK"}));
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axios_needs_nothing() {
    let Some(folder) = node("axios", &["axios@1.21.1"], "exec_axios.mjs") else {
        return;
    };
    let field = Field::of_clients().await;
    let told = told(exec(&field, "node", folder.join("exec_axios.mjs"))).await;
    check(&field, &told, r#"{"from":"axios"}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_fetch_needs_nothing_from_24_on() {
    // Older ones do not look at the environment.
    let Some(folder) = node("node-24", &["node@24"], "exec_fetch.mjs") else {
        return;
    };
    let field = Field::of_clients().await;
    let node = folder.join("node_modules/.bin/node");
    let told = told(exec(&field, node, folder.join("exec_fetch.mjs"))).await;
    check(&field, &told, "from fetch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ruby_needs_nothing() {
    if !has_program("ruby") {
        return;
    }
    let field = Field::of_clients().await;
    let told = told(exec(&field, "ruby", driver("exec_client.rb"))).await;
    check(&field, &told, "from ruby");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_jdks_clients_need_an_authenticator() {
    let mut look = Command::new("java");
    look.args(["--describe-module", "jdk.compiler"]);
    if !has_program("java") || !has_part("a JDK", &mut look) {
        return;
    }
    let field = Field::of_clients().await;
    let told = told(exec(&field, "java", driver("ExecClient.java"))).await;
    assert_eq!(told, json!({"without": 407, "with": 200, "older": 200}));
    field.check_journal();
}
