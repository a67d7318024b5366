//! The `login` command as a child process: with a browser that comes back, and with a pasted address.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sfmc_auth_proxy::sandbox::Tenant;
use tempfile::TempDir;

use super::free_port;
use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, binary, configuration, run};
use crate::replicas::server::Redis;

const STATE: &str = "[state]\ndir = \"state\"\nkey_file = \"key\"\n";

/// A configuration whose tenant takes logins that come back to this port.
fn folder(tenant: &Tenant, port: u16, more: &str) -> TempDir {
    let folder = configuration(tenant, more);
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let redirect_uri = format!("http://127.0.0.1:{port}/oauth/callback");
    let grant = format!(
        "account_id = 510001234\ngrant = \"authorization_code\"\npkce = true\nredirect_uri = \"{redirect_uri}\""
    );
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("account_id = 510001234", &grant)).unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").unwrap();
    tenant.set_redirect_uris(&[&redirect_uri]);
    folder
}

/// A running `login`, and the address that it printed. Killed when dropped.
struct Login {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    url: String,
}

impl Login {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = binary()
            .arg("login")
            .args(arguments)
            .current_dir(folder)
            .env("BROWSER", "/nonexistent/browser")
            .env("PATH", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut url = String::new();
        while !url.starts_with("http") {
            url.clear();
            if stdout.read_line(&mut url).unwrap() == 0 {
                let mut said = String::new();
                let stderr = child.stderr.as_mut().unwrap();
                stderr.read_to_string(&mut said).unwrap();
                panic!("no address: {said}");
            }
        }
        Self {
            child,
            stdin,
            stdout,
            url: url.trim_end().to_owned(),
        }
    }

    fn paste(&mut self, text: &str) {
        writeln!(self.stdin, "{text}").unwrap();
    }

    /// Exit code, stdout from here on, and stderr.
    fn end(mut self) -> (i32, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        let stderr = self.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        let code = self.child.wait().unwrap().code().unwrap();
        (code, out, err)
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_for_replicas_serves_those_that_run_already() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let state = format!(
        "[state]\nredis_url = \"{}\"\nkey_file = \"key\"\n",
        redis.url()
    );
    let folder = folder(&tenant, free_port(), &state);
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut login = Login::start(folder.path(), &["acme", "--no-browser"]);
    let location = tenant.authorize(&login.url).unwrap();
    login.paste(&location);
    let (code, out, err) = login.end();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("The login is kept on Redis"), "{out}");
    until("the replica has found it", async || {
        let mut client = Client::connect(process.address).await;
        client.get("/sandbox/echo").await.status == 200
    })
    .await;
    // Nobody has told it the code, or a token.
    assert_eq!(tenant.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pasted_address_logs_in_and_a_proxy_started_later_has_the_login() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let folder = folder(&tenant, free_port(), STATE);
    let mut login = Login::start(folder.path(), &["acme", "--no-browser"]);
    let location = tenant.authorize(&login.url).unwrap();
    login.paste("");
    login.paste("what was that again?");
    login.paste(&format!("  '{location}' "));
    let (code, out, err) = login.end();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Logged in: acme (account 510001234)"), "{out}");
    assert!(err.contains("no answer to a login"), "{err}");
    let asked = location.split_once('?').unwrap().1;
    for secret in asked.split('&').filter_map(|pair| pair.split_once('=')) {
        if secret.0 == "code" {
            assert!(!out.contains(secret.1) && !err.contains(secret.1));
        }
    }
    let process = Process::start(folder.path(), &[], &[]).await;
    let answer = Client::connect(process.address)
        .await
        .get("/sandbox/echo")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_that_comes_back_gets_the_same_page() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let port = free_port();
    let folder = folder(&tenant, port, STATE);
    let login = Login::start(folder.path(), &["acme:emea"]);
    let location = tenant.authorize(&login.url).unwrap();
    let target = &location[location.find("/oauth/callback").unwrap()..];
    let mut client = Client::connect(([127, 0, 0, 1], port).into()).await;
    let foreign = format!("/oauth/callback?code=c&state={}", "A".repeat(43));
    let page = client.get(&foreign).await;
    assert_eq!(page.status, 400, "which is waited past");
    assert_eq!(client.get("/metrics").await.status, 404);
    let page = client.get(target).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("acme:emea") && page.text().contains("kept across restarts"));
    let style = client.get("/style.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    let (code, out, err) = login.end();
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("Logged in: acme:emea (account 510001235)"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denied_login_fails_with_the_words() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let folder = folder(&tenant, free_port(), STATE);
    let mut login = Login::start(folder.path(), &["acme", "--no-browser"]);
    let location = tenant.deny(&login.url).unwrap();
    login.paste(&location);
    let (code, out, err) = login.end();
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("the login was declined"), "{err}");
    assert!(err.contains("choose Allow"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_login_says_so_by_its_exit_code() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let folder = folder(&tenant, free_port(), STATE);
    let login = Login::start(folder.path(), &["acme", "--no-browser"]);
    let pid = login.child.id().to_string();
    let sent = Command::new("kill").args(["-s", "INT", &pid]).status();
    assert!(sent.unwrap().success());
    let (code, _out, err) = login.end();
    assert_eq!((code, err.as_str()), (130, "interrupted\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_state_directory_only_a_running_proxy_can_log_in() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let port = free_port();
    let folder = folder(&tenant, port, "");
    let admin = format!("127.0.0.1:{port}");
    let environment = [("SFMC_AUTH_PROXY_ADMIN_LISTEN", admin.as_str())];
    let arguments = ["login", "acme:emea", "--no-browser"];
    let alone = run(&arguments, &environment, folder.path());
    let said = String::from_utf8_lossy(&alone.stderr);
    assert_eq!(alone.status.code(), Some(2), "{said}");
    assert!(
        said.contains("lost at once") && said.contains("state.dir"),
        "{said}"
    );
    let _process = Process::start(folder.path(), &["--admin-listen", &admin], &[]).await;
    let beside = run(&arguments, &environment, folder.path());
    let said = String::from_utf8_lossy(&beside.stdout);
    assert_eq!(beside.status.code(), Some(0), "{said}");
    assert!(
        said.contains(&format!("http://{admin}/login/acme?account=510001235\n")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_holds_the_state_directory_does_the_login_itself() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let port = free_port();
    let folder = folder(&tenant, port, STATE);
    let admin = format!("127.0.0.1:{port}");
    let _process = Process::start(folder.path(), &["--admin-listen", &admin], &[]).await;
    let environment = [("SFMC_AUTH_PROXY_ADMIN_LISTEN", admin.as_str())];
    let beside = run(
        &["login", "acme", "--no-browser"],
        &environment,
        folder.path(),
    );
    let said = String::from_utf8_lossy(&beside.stdout);
    assert_eq!(beside.status.code(), Some(0), "{said}");
    assert!(
        said.contains(&format!("http://{admin}/login/acme\n")),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_needs_no_login_says_so() {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let ended = run(&["login", "acme"], &[], folder.path());
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("acme needs no login"), "{said}");
    let ended = run(&["login", "acmee"], &[], folder.path());
    assert_eq!(ended.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("did you mean \"acme\"?"), "{said}");
}
