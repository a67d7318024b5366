//! The binary as a user meets it: exit codes, one's own tenant from the environment, the sample, signals, the sandbox.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use sfmc_auth_proxy::sandbox::{self, Face, Script};
use tempfile::TempDir;

use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, binary, configuration, has_program, own_tenant, run};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The `sandbox` command and the README's own-tenant lines use the default ports, which one process can have at a time.
static DEFAULT_PORTS: Mutex<()> = Mutex::new(());

#[test]
fn usage_and_configuration_errors_exit_with_2() {
    let folder = TempDir::new().unwrap();
    for arguments in [
        vec!["nonsense"],
        vec!["run", "--nonsense"],
        vec!["check"],
        vec!["run"],
        vec!["check", "--config", "missing.toml"],
    ] {
        let output = run(&arguments, &[], folder.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?} says why");
        assert!(
            output.stdout.is_empty(),
            "{arguments:?}: stdout is for results"
        );
    }
    let later = run(&["snippet"], &[], folder.path());
    assert_eq!(later.status.code(), Some(2));
    let said = String::from_utf8_lossy(&later.stderr).into_owned();
    assert!(said.contains("not part of this version"), "{said}");
    let version = run(&["--version"], &[], folder.path());
    assert!(version.status.success());
    assert!(String::from_utf8_lossy(&version.stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_sample_configuration_is_fine() {
    for command in [
        vec![
            "check",
            "--config",
            "config/sfmc-auth-proxy.toml",
            "--syntax-only",
        ],
        vec!["print-config", "--config", "config/sfmc-auth-proxy.toml"],
    ] {
        let output = run(&command, &[], Path::new(ROOT));
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!output.stdout.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_tenant_needs_four_lines() {
    let folder = TempDir::new().unwrap();
    let secret = folder.path().join("sfmc-client-secret");
    fs::write(&secret, "a secret\n").unwrap();
    let environment = own_tenant(&secret);
    let mut environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    // The ports of the README may be taken on the machine that tests; the lines themselves are the README's.
    environment.push(("SFMC_AUTH_PROXY_LISTEN_HTTP", "127.0.0.1:0"));
    environment.push(("SFMC_AUTH_PROXY_ADMIN_LISTEN", "127.0.0.1:0"));
    let process = Process::start(folder.path(), &[], &environment).await;
    assert_eq!(
        Client::connect(process.admin)
            .await
            .get("/livez")
            .await
            .status,
        200
    );
    let answer = Client::connect(process.address)
        .await
        .get("/asset/v1/content/assets?$pageSize=1")
        .await;
    // This machine reaches no Salesforce, so what is seen is that the call was taken, routed, and answered in words.
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (503, "token_unavailable")
    );
    assert_eq!(answer.json()["tenant"], "default");
    assert!(!answer.header("retry-after").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_drains_and_exits_0() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    tenant.script(Script::delay(Face::Rest, Duration::from_millis(500)));
    let mut client = Client::connect(process.address).await;
    let call = tokio::spawn(async move { client.get("/asset/v1/content/assets").await });
    until("the call is under way", async || {
        tenant
            .journal()
            .iter()
            .any(|entry| entry.face == Face::Rest)
    })
    .await;
    process.signal("TERM");
    assert_eq!(call.await.unwrap().status, 200, "a call in flight ends");
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_opens_the_audit_file_anew_and_ends_nothing() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[audit]\nfile = \"audit.jsonl\"");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get("/sandbox/echo").await.status, 200);
    let file = folder.path().join("audit.jsonl");
    let written = || {
        fs::read_to_string(&file)
            .unwrap_or_default()
            .lines()
            .count()
    };
    until("the call is recorded", async || written() == 1).await;
    fs::rename(&file, folder.path().join("audit.jsonl.1")).unwrap();
    process.signal("HUP");
    until("the signal is seen", async || {
        let lines = process.lines();
        lines
            .iter()
            .any(|line| line["msg"] == "audit file opened anew")
    })
    .await;
    assert_eq!(client.get("/sandbox/echo").await.status, 200);
    until("a new file has the next call", async || written() == 1).await;
    process.signal("TERM");
    assert_eq!(process.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unready_but_serving_during_the_drain_delay() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[shutdown]\ndrain_delay = \"60s\"");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let (address, admin) = (process.address, process.admin);
    until("ready", async || {
        Client::connect(admin).await.get("/readyz").await.status == 200
    })
    .await;
    process.signal("TERM");
    until("unready", async || {
        Client::connect(admin).await.get("/readyz").await.status == 503
    })
    .await;
    assert_eq!(
        Client::connect(address)
            .await
            .get("/asset/v1/content/assets")
            .await
            .status,
        200
    );
    process.signal("INT");
    assert_eq!(
        process.ended().await.code(),
        Some(130),
        "a second signal ends it at once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_instance_on_one_address_is_refused() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let second = run(
        &["run", "--listen", &process.address.to_string()],
        &[],
        folder.path(),
    );
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        said.contains(&process.address.to_string()) && said.contains("listens there already"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthcheck_asks_the_admin_listener() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let admin = process.admin.to_string();
    until("ready", async || {
        run(
            &["healthcheck", "--admin-listen", &admin],
            &[],
            folder.path(),
        )
        .status
        .code()
            == Some(0)
    })
    .await;
    process.signal("TERM");
    process.ended().await;
    assert_eq!(
        run(
            &["healthcheck", "--admin-listen", &admin],
            &[],
            folder.path()
        )
        .status
        .code(),
        Some(1)
    );
}

#[test]
fn the_sandbox_plays_its_story_and_exits_0() {
    let _ports = DEFAULT_PORTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    let output = run(&["sandbox", "--exit"], &[], folder.path());
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for part in [
        "GET http://127.0.0.1:7362/asset",
        "Authorization: Bearer ",
        "It gets 200",
        "401",
        "Token calls for that: 1.",
        "500 Token Expired",
        "It gets 200 OK, OverallStatus OK.",
        "<fueloauth xmlns=\"http://exacttarget.com\">eyJ",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn the_sandbox_stays_up_and_its_curl_lines_work_as_printed() {
    if !has_program("curl") {
        return;
    }
    let _ports = DEFAULT_PORTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    let mut child = binary()
        .arg("sandbox")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ran = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(command) = line.trim().strip_prefix("curl ") {
            // `-f` makes curl fail where the answer is an error.
            let output = Command::new("sh")
                .args(["-ec", &format!("curl -f {command}")])
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{line}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            ran += 1;
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    let stopped = Command::new("kill")
        .args(["-s", "INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(stopped.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(ran >= 4, "{ran} curl lines");
}
