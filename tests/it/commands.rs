//! The binary as a user meets it: exit codes, one's own tenant from the environment, the sample, signals, completion.

mod playground;
mod signals;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use http::Request;
use sfmc_auth_proxy::sandbox::{self, Face, Script};
use tempfile::TempDir;

use crate::harness::{Client, tenant_settings, until};
use crate::process::{
    Process, configuration, has_program, own_tenant, own_tenant_lines, run, undisturbed,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

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

/// Lines in a shell, with what is pasted into the first, where the program is as `cargo run --release` leaves it.
fn typed(lines: &str, pasted: &str, environment: &[(&str, &str)], folder: &Path) -> Output {
    let built = folder.join("target/release");
    fs::create_dir_all(&built).unwrap();
    symlink(
        env!("CARGO_BIN_EXE_sfmc-auth-proxy"),
        built.join("sfmc-auth-proxy"),
    )
    .unwrap();
    let mut shell = undisturbed("sh")
        .args(["-e", "-c", lines])
        .envs(environment.iter().copied())
        .env("HOME", "/nonexistent")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut keyboard = shell.stdin.take().unwrap();
    keyboard.write_all(pasted.as_bytes()).unwrap();
    drop(keyboard);
    shell.wait_with_output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_tenant_needs_a_few_lines() {
    let folder = TempDir::new().unwrap();
    // No test calls the vendor, so that what is seen ends at an egress proxy that is not there.
    let mut environment = own_tenant();
    environment.insert("SFMC_AUTH_PROXY_UPSTREAM_PROXY", "http://127.0.0.1:1");
    // The ports of the README may be taken on the machine that tests; the lines themselves are the README's.
    environment.insert("SFMC_AUTH_PROXY_LISTEN_HTTP", "127.0.0.1:0");
    environment.insert("SFMC_AUTH_PROXY_ADMIN_LISTEN", "127.0.0.1:0");
    let environment: Vec<_> = environment.into_iter().collect();
    let looked = typed(
        &own_tenant_lines(),
        "a secret\n",
        &environment,
        folder.path(),
    );
    let secret = fs::metadata(folder.path().join("client-secret")).unwrap();
    assert_eq!(secret.permissions().mode() & 0o777, 0o600);
    let said = String::from_utf8_lossy(&looked.stdout);
    assert_eq!(looked.status.code(), Some(1), "{looked:?}");
    for words in ["tenant default", "FAIL", "fix:"] {
        assert!(said.contains(words), "{words}: {said}");
    }
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
    // What is seen is that the call was taken, routed, and answered in words.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn allowed_hosts_are_the_admin_listeners_too() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let hosts = [(
        "SFMC_AUTH_PROXY_LISTEN_ALLOWED_HOSTS",
        "gateway,gateway-admin.marketing.svc",
    )];
    let mut process = Process::start(folder.path(), &[], &hosts).await;
    let mut client = Client::connect(process.admin).await;
    for (host, status) in [
        ("gateway-admin.marketing.svc:7363", 200),
        ("Gateway", 200),
        ("marketing.svc", 421),
    ] {
        let request = Request::get("/livez").header("host", host);
        let answer = client.send(request.body(Vec::new()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}");
    }
    process.signal("TERM");
    process.ended().await;
}

/// The script is what the shell's own completion takes: bash is asked what it makes of a line.
#[test]
fn bash_completes_commands_and_options() {
    if !has_program("bash") {
        return;
    }
    let folder = TempDir::new().unwrap();
    let script = run(&["completions", "bash"], &[], folder.path());
    assert_eq!(script.status.code(), Some(0));
    let file = folder.path().join("completion.bash");
    fs::write(&file, script.stdout).unwrap();
    // What bash does when the tab key is pressed, and what it would offer.
    let pressed = r#"
        source "$1"; shift
        COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        completion=$(complete -p sfmc-auth-proxy); name=${completion##*-F }; name=${name%% *}
        "$name" sfmc-auth-proxy "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    for (words, expected) in [
        (&["sn"][..], &["snippet"][..]),
        (&["ru"], &["run"]),
        (&["snippet", "--cl"], &["--client"]),
        (&["snippet", "php-s"], &["php-soap"]),
        (&["completions", "z"], &["zsh"]),
        (&["exec", "--mo"], &["--mode"]),
    ] {
        let output = Command::new("bash")
            .args(["--norc", "-c", pressed, "bash"])
            .arg(&file)
            .arg("sfmc-auth-proxy")
            .args(words)
            .output()
            .unwrap();
        let offered = String::from_utf8(output.stdout).unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            offered.lines().collect::<Vec<_>>(),
            expected,
            "{words:?}: {errors}"
        );
    }
}

/// Other shells say at least whether it is a script of theirs.
#[test]
fn other_shells_can_read_their_completions() {
    let folder = TempDir::new().unwrap();
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = run(&["completions", shell], &[], folder.path());
        assert_eq!(script.status.code(), Some(0), "{shell}");
        let text = String::from_utf8(script.stdout).unwrap();
        assert!(text.contains("snippet"), "{shell}");
        let there = Command::new(shell).arg("--version").output();
        if matches!(shell, "zsh" | "fish") && there.is_ok() {
            let file = folder.path().join(shell);
            fs::write(&file, text).unwrap();
            let read = Command::new(shell).arg("-n").arg(&file).output().unwrap();
            assert!(
                read.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&read.stderr)
            );
        }
    }
}

#[test]
fn manual_pages_are_written_and_groff_finds_nothing_wrong() {
    let folder = TempDir::new().unwrap();
    let pages = folder.path().join("man/man1");
    let written = run(&["man", pages.to_str().unwrap()], &[], folder.path());
    assert_eq!(written.status.code(), Some(0));
    let names: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let has = |name: &str| names.iter().any(|page| page.ends_with(name));
    assert!(
        has("sfmc-auth-proxy.1")
            && has("sfmc-auth-proxy-run.1")
            && has("sfmc-auth-proxy-snippet.1")
    );
    let main = run(&["man"], &[], folder.path()).stdout;
    assert!(fs::read(pages.join("sfmc-auth-proxy.1")).unwrap() == main);
    if !has_program("groff") {
        return;
    }
    for page in &names {
        let output = Command::new("groff")
            .args(["-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=100n"])
            .arg(page)
            .output()
            .unwrap();
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.success() && complaints.is_empty(),
            "{page:?}: {complaints}"
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("EXIT STATUS") && text.contains("EXAMPLES"),
            "{page:?}: {text}"
        );
        if page.ends_with("sfmc-auth-proxy.1") {
            for part in [
                "ENVIRONMENT",
                "SFMC_AUTH_PROXY_ADMIN_LISTEN",
                "SFMC_CLIENT_SECRET_FILE",
                "FILES",
                "130",
                "sfmc-auth-proxy-snippet(1)",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
        }
    }
    let elsewhere = folder.path().join("a file");
    fs::write(&elsewhere, "").unwrap();
    let refused = run(&["man", elsewhere.to_str().unwrap()], &[], folder.path());
    assert_eq!(refused.status.code(), Some(1));
}
