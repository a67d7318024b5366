//! The README's login, followed to the letter: its configuration, its commands, and a real browser for the part of its reader.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use sfmc_auth_proxy::sandbox;
use tempfile::TempDir;

use super::browser::Browser;
use super::free_port;
use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, binary, undisturbed};

const README: &str = include_str!("../../../README.md");

/// The blocks of the section, of one language.
fn block(language: &str) -> &'static str {
    let (_, section) = README.split_once("## Calls as a user").unwrap();
    let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
    block.split("```").next().unwrap()
}

/// The configuration as it is written there, with this tenant's names, and what only a simulated tenant needs.
fn write(folder: &TempDir, tenant: &sandbox::Tenant) {
    let settings = tenant.settings();
    let simulated = format!(
        "[tenants.acme]\nauth_url = \"{}\"\ntrusted_hosts = [\"{}\", \"{}\"]\nca_file = \"ca.pem\"",
        tenant.auth_url(),
        tenant.rest_authority(),
        tenant.soap_authority(),
    );
    let text = block("toml")
        .replace("[tenants.acme]", &simulated)
        .replace("mc1234567890abcdefghijklmnop", &settings.subdomain)
        .replace("your-client-id", &settings.client_id);
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("sfmc-auth-proxy.toml", &text);
    write("client-secret", &settings.client_secret);
    write("ca.pem", tenant.ca_pem());
    // What the command opens, for the browser that this test has.
    let opener = "#!/bin/sh\nprintf '%s' \"$1\" > address.new && mv address.new address\n";
    write("opener", opener);
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path().join("opener"), mode).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_login_is_followed_in_a_browser() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = TempDir::new().unwrap();
    write(&folder, &tenant);
    let admin = format!("127.0.0.1:{}", free_port());
    tenant.set_redirect_uris(&[&format!("http://{admin}/oauth/callback")]);
    let environment = [
        ("SFMC_AUTH_PROXY_ADMIN_LISTEN", admin.as_str()),
        ("SFMC_AUTH_PROXY_LISTEN_HTTP", "127.0.0.1:0"),
    ];
    let lines: Vec<&str> = block("sh").lines().collect();
    let [key, login] = lines.as_slice() else {
        panic!("two commands: {lines:?}");
    };
    let mut shell = undisturbed("sh");
    let made = shell.args(["-c", key]).current_dir(folder.path()).status();
    assert!(made.unwrap().success());
    let words = login.strip_prefix("sfmc-auth-proxy ").unwrap().split(' ');
    let mut command: Command = binary();
    let mut child = command
        .args(words)
        .envs(environment)
        .env("BROWSER", folder.path().join("opener"))
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = folder.path().join("address");
    until("an address", async || address.exists()).await;
    browser.open(&fs::read_to_string(&address).unwrap()).await;
    browser.click("button[value=allow]").await;
    browser
        .arrived(&format!("http://{admin}/oauth/callback"))
        .await;
    let page = browser.text().await;
    assert!(page.contains("Logged in"), "{page}");
    until("its end", async || child.try_wait().unwrap().is_some()).await;
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let process = Process::start(folder.path(), &[], &environment).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get("/sandbox/echo").await.status, 200);
    browser.end().await;
}
