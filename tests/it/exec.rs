//! `exec` on the real binary: what the command gets and what becomes of it, its signals and exit codes, what it reaches with
//! URLs that are hard-coded, and that nothing stays behind.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sfmc_auth_proxy::sandbox::{self, Face};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{EMEA, PARENT, tenant_settings};
use crate::process::{binary, configuration, has_program};

/// A tenant, a configuration for it, and a directory for temporary files that the test can look into.
struct Scene {
    tenant: sandbox::Tenant,
    folder: TempDir,
    temporary: TempDir,
}

impl Scene {
    async fn new(more: &str) -> Self {
        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let folder = configuration(&tenant, more);
        let temporary = TempDir::new().unwrap();
        Self {
            tenant,
            folder,
            temporary,
        }
    }

    /// `exec` with these arguments.
    fn exec(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command
            .arg("exec")
            .args(arguments)
            .current_dir(self.folder.path())
            .env("TMPDIR", self.temporary.path())
            .stdin(Stdio::null());
        command
    }

    /// A command's end; nothing of it may be left behind.
    fn run(&self, arguments: &[&str]) -> Output {
        let output = self.exec(arguments).output().unwrap();
        self.nothing_is_left();
        output
    }

    fn nothing_is_left(&self) {
        let left: Vec<_> = fs::read_dir(self.temporary.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The URL of assets as an application has it hard-coded.
    fn assets(&self) -> String {
        let host = self.tenant.settings().vendor_host(Face::Rest);
        format!("https://{host}/asset/v1/content/assets")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_is_the_commands() {
    let scene = Scene::new("").await;
    let plain = scene.folder.path().join("plain");
    fs::write(&plain, "no program").unwrap();
    for (command, code) in [
        (&["true"][..], 0),
        (&["sh", "-c", "exit 7"], 7),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
        (&["sh", "-c", "kill -KILL $$"], 128 + 9),
        (&["./plain"], 126),
        (&["/"], 126),
        (&["./missing"], 127),
        (&["no-such-command-anywhere"], 127),
    ] {
        let arguments = [&["--"], command].concat();
        let output = scene.run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{command:?}: {}",
            complained(&output)
        );
        if !(126..=127).contains(&code) {
            assert_eq!(complained(&output), "", "stderr is the command's own");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_proxys_own_failure_is_125_and_the_command_does_not_run() {
    let scene = Scene::new("").await;
    for (arguments, words) in [
        (&["nope", "--", "echo", "ran"][..], "there are: acme"),
        (&["acme:nope", "--", "echo", "ran"], "emea (510001235)"),
        (&["--config", "none.toml", "--", "echo", "ran"], "none.toml"),
        (&["--mode", "most", "--", "echo", "ran"], "read_only"),
        (
            &["--attach", "http://127.0.0.1:1", "--", "echo", "ran"],
            "cannot be asked",
        ),
        (
            &["--attach", "https://127.0.0.1:1", "--", "echo", "ran"],
            "http only",
        ),
        (&["echo", "ran"], "Usage"),
        (&[], "Usage"),
    ] {
        let output = scene.run(arguments);
        assert_eq!(output.status.code(), Some(125), "{arguments:?}");
        assert!(
            complained(&output).contains(words),
            "{arguments:?}: {}",
            complained(&output)
        );
        assert_eq!(said(&output), "");
    }
    let mut command = scene.exec(&["--", "echo", "ran"]);
    let output = command.env("TMPDIR", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(complained(&output).contains("TMPDIR"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_of_the_same_configuration_may_be_what_the_surroundings_lead_through() {
    let scene = Scene::new("").await;
    let mut command = scene.exec(&["--", "echo", "ran"]);
    command.env("SFMC_AUTH_PROXY_LISTEN_HTTP", "127.0.0.1:7362");
    command.env("HTTPS_PROXY", "http://127.0.0.1:7362");
    let output = command.output().unwrap();
    assert_eq!(said(&output), "ran\n", "{}", complained(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_gives_no_token_keeps_no_command_from_running() {
    let scene = Scene::new("").await;
    fs::write(scene.folder.path().join("secret"), "wrong").unwrap();
    let output = scene.run(&["--", "sh", "-c", "echo ran; exit 3"]);
    assert_eq!(output.status.code(), Some(3), "{}", complained(&output));
    assert_eq!(said(&output), "ran\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_environment_leads_through_the_proxy_and_gives_no_secret_away() {
    let scene = Scene::new("[log]\nlevel = \"${MY_LEVEL}\"").await;
    let output = scene
        .exec(&["--", "env"])
        .envs([
            ("MY_LEVEL", "error"),
            ("SFMC_CLIENT_SECRET", "leaked"),
            ("SFMC_AUTH_PROXY_DRAIN", "leaked"),
            ("NO_PROXY", "leaked"),
            ("no_proxy", "leaked"),
            ("UNRELATED", "stays"),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let text = said(&output);
    let value = |name: &str| {
        let lines = text.lines();
        lines
            .filter_map(|line| line.split_once('='))
            .find_map(|(found, value)| (found == name).then(|| value.to_owned()))
    };
    assert!(
        !text.contains("leaked") && value("MY_LEVEL").is_none(),
        "{text}"
    );
    assert_eq!(value("UNRELATED").as_deref(), Some("stays"));
    let proxy = value("HTTPS_PROXY").unwrap();
    assert!(proxy.starts_with("http://exec:") && proxy.contains("@127.0.0.1:"));
    for same in ["HTTP_PROXY", "http_proxy", "https_proxy"] {
        assert_eq!(value(same).as_deref(), Some(proxy.as_str()), "{same}");
    }
    let (_user, address) = proxy.split_once('@').unwrap();
    assert_eq!(
        value("SFMC_AUTH_PROXY_URL").unwrap(),
        format!("http://{address}")
    );
    assert!(
        value("SFMC_AUTH_PROXY_TOKEN")
            .unwrap()
            .starts_with("sfmc-auth-proxy.")
    );
    assert_eq!(value("NODE_USE_ENV_PROXY").as_deref(), Some("1"));
    let bundle = value("SSL_CERT_FILE").unwrap();
    assert!(Path::new(&bundle).starts_with(scene.temporary.path()));
    for same in [
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ] {
        assert_eq!(value(same), Some(bundle.clone()), "{same}");
    }
    assert!(
        value("JAVA_TOOL_OPTIONS")
            .unwrap()
            .contains("-Djavax.net.ssl.trustStore=")
    );
    scene.nothing_is_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_for_the_command_is_for_its_user_alone() {
    let scene = Scene::new("").await;
    let script = "stat -c %a \"$(dirname \"$SSL_CERT_FILE\")\"";
    let output = scene.run(&["--", "sh", "-c", script]);
    assert_eq!(said(&output), "700\n");
}

/// A command that says what it was told, and its `exec`.
fn listening(scene: &Scene) -> (Child, BufReader<std::process::ChildStdout>) {
    let script = "for s in TERM HUP INT QUIT USR1 USR2; do trap \"echo $s\" $s; done; echo ready; \
                  n=0; while [ $n -lt 600 ] && ! [ -e over ]; do sleep 0.05; n=$((n + 1)); done; exit 9";
    let mut child = scene
        .exec(&["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, lines)
}

/// Whether these tests run under `nohup`, or in the background of a script, or the like, which a command inherits.
fn is_ignored(name: &str) -> bool {
    // By their numbers, which these have everywhere.
    let Some(bit) = ["HUP", "INT", "QUIT"].iter().position(|one| *one == name) else {
        return false;
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut masks = status
        .lines()
        .filter_map(|line| line.strip_prefix("SigIgn:"));
    masks.any(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| (mask >> bit) & 1 == 1))
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signals_are_passed_on_and_the_command_is_waited_for() {
    let scene = Scene::new("").await;
    let (mut child, mut lines) = listening(&scene);
    // TERM twice: whoever was told is waited for all the same.
    for name in ["TERM", "TERM", "HUP", "INT", "QUIT", "USR1", "USR2"] {
        if is_ignored(name) {
            eprintln!("left out: {name}, which whoever started this run wants to be ignored");
            continue;
        }
        signal(&child, name);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), name);
    }
    assert!(child.try_wait().unwrap().is_none());
    fs::write(scene.folder.path().join("over"), "").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(9));
    let mut complaints = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut complaints).unwrap();
    assert_eq!(complaints, "");
    scene.nothing_is_left();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_was_ignored_before_stays_ignored() {
    if !Path::new("/proc/self/status").exists() {
        return;
    }
    let scene = Scene::new("").await;
    let exec = format!(
        "trap '' HUP; exec '{}' exec -- grep SigIgn /proc/self/status",
        env!("CARGO_BIN_EXE_sfmc-auth-proxy")
    );
    let output = Command::new("sh")
        .args(["-c", &exec])
        .current_dir(scene.folder.path())
        .env("TMPDIR", scene.temporary.path())
        .output()
        .unwrap();
    let text = said(&output);
    let mask = text.trim().rsplit(char::is_whitespace).next().unwrap();
    let mask = u64::from_str_radix(mask, 16).unwrap();
    assert_eq!(mask & 1, 1, "{text}{}", complained(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_leaves_somebody_behind_is_not_waited_for() {
    let scene = Scene::new("").await;
    let output = scene.run(&[
        "--",
        "sh",
        "-c",
        "sleep 600 >/dev/null 2>&1 & echo $!; exit 4",
    ]);
    assert_eq!(output.status.code(), Some(4));
    let alive = Command::new("kill").arg(said(&output).trim()).status();
    assert!(alive.unwrap().success(), "it was still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_reaches_the_tenant_by_its_hard_coded_host() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    let url = scene.assets();
    for (selection, account) in [(None, PARENT), (Some("acme:emea"), EMEA)] {
        let rest = [
            "--",
            "curl",
            "-sSf",
            "-D",
            "-",
            "-o",
            "/dev/null",
            url.as_str(),
        ];
        let arguments: Vec<_> = selection.into_iter().chain(rest).collect();
        let output = scene.run(&arguments);
        assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
        let head = said(&output).to_ascii_lowercase();
        assert!(head.contains(&format!("sfmc-account: {account}")), "{head}");
    }
    let entries = scene.tenant.journal();
    let calls = entries.iter().filter(|entry| entry.face == Face::Rest);
    assert_eq!(calls.count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_reaches_the_tenant_by_its_hard_coded_host() {
    if !has_program("python3") {
        return;
    }
    let scene = Scene::new("").await;
    let script = format!(
        "import urllib.request as r\na = r.urlopen('{}')\nprint(a.status, a.headers['Sfmc-Account'])",
        scene.assets()
    );
    let output = scene.run(&["--", "python3", "-c", &script]);
    assert_eq!(
        said(&output),
        format!("200 {PARENT}\n"),
        "{}",
        complained(&output)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_listener_wants_the_password_or_the_token() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    let script = "c() { curl -s -o /dev/null -w '%{http_code} %{http_connect}\\n' \"$@\"; }; u=$SFMC_AUTH_PROXY_URL
        c --noproxy '*' $u/asset/v1/content/assets
        c -x $u $1
        c --noproxy '*' -H \"Authorization: Bearer $SFMC_AUTH_PROXY_TOKEN\" $u/asset/v1/content/assets
        c $u/asset/v1/content/assets
        exit 0";
    let output = scene.run(&["--", "sh", "-c", script, "sh", &scene.assets()]);
    assert_eq!(
        said(&output),
        "401 000\n000 407\n200 000\n200 000\n",
        "{}",
        complained(&output)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mode_holds_for_hard_coded_hosts_as_well() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    let url = scene.assets();
    let output = scene.run(&[
        "--mode",
        "read_only",
        "--",
        "curl",
        "-sS",
        "-H",
        "Content-Type: application/json",
        "-d",
        "{}",
        &url,
    ]);
    assert!(said(&output).contains("write_blocked"), "{}", said(&output));
    let entries = scene.tenant.journal();
    assert!(entries.iter().all(|entry| entry.face != Face::Rest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_hosts_are_tunnelled_through_the_surrounding_proxy() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    let egress = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = egress.local_addr().unwrap();
    let seen = tokio::spawn(async move {
        let (mut stream, _from) = egress.accept().await.unwrap();
        let mut head = [0; 1024];
        let read = stream.read(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 403 No\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let mut command = scene.exec(&["--", "curl", "-s", "https://other.example/"]);
    command.env("HTTPS_PROXY", format!("http://{address}"));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap());
    let head = tokio::time::timeout(Duration::from_secs(30), seen).await;
    let head = head.unwrap().unwrap();
    assert!(head.starts_with("CONNECT other.example:443 "), "{head}");
    assert!(!head.contains("exec"), "our own password stays here");
    assert_ne!(output.await.unwrap().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_is_reached_through_the_proxy_too() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    let url = format!("{}/state", scene.tenant.control_url().trim_end_matches('/'));
    let output = scene.run(&["--", "curl", "-sSf", &url]);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attached_commands_share_a_running_proxy() {
    if !has_program("curl") {
        return;
    }
    let scene = Scene::new("").await;
    // Another exec's proxy is one that runs, has a client, and answers CONNECT.
    let script = "cp \"$SSL_CERT_FILE\" roots.pem; echo \"$HTTP_PROXY\"; while ! [ -e over ]; do sleep 0.05; done";
    let mut outer = scene
        .exec(&["--", "sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(outer.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let url = url.trim();
    let roots = scene.folder.path().join("roots.pem");
    let roots = roots.to_str().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let attached = |more: &[&str]| {
        let arguments = [&["--attach", url, "--ca-file", roots], more].concat();
        let mut command = scene.exec(&arguments);
        command.current_dir(elsewhere.path()).output().unwrap()
    };
    let assets = scene.assets();
    let curl = ["--", "curl", "-sS", "-D", "-", assets.as_str()];
    let output = attached(&[&["acme:emea"], &curl[..]].concat());
    let head = said(&output).to_ascii_lowercase();
    assert!(
        head.contains(&format!("sfmc-account: {EMEA}")),
        "{head}{}",
        complained(&output)
    );
    assert_eq!(complained(&output), "");
    let post = [
        "--mode",
        "read_only",
        "--",
        "curl",
        "-sS",
        "-d",
        "{}",
        assets.as_str(),
    ];
    assert!(
        said(&attached(&post)).contains("write_blocked"),
        "the mode holds inside a CONNECT"
    );
    assert_eq!(
        attached(&["--", "sh", "-c", "exit 6"]).status.code(),
        Some(6)
    );
    let refused = attached(&["acme:9", "--", "echo", "ran"]);
    assert_eq!(
        (refused.status.code(), said(&refused).as_str()),
        (Some(125), "")
    );
    assert!(complained(&refused).contains("Account 9 of tenant acme"));
    let mut wrong = scene.exec(&["--attach", &url.replace('@', "x@"), "--", "echo", "ran"]);
    let wrong = wrong.output().unwrap();
    assert_eq!(
        (wrong.status.code(), said(&wrong).as_str()),
        (Some(125), "")
    );
    assert!(complained(&wrong).contains("answers 401"));
    fs::write(scene.folder.path().join("over"), "").unwrap();
    assert_eq!(outer.wait().unwrap().code(), Some(0));
    scene.nothing_is_left();
}

#[test]
fn ca_says_what_to_write_where_there_is_none() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("sfmc-auth-proxy.toml"),
        "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"id\"\nclient_secret = \"s\"\n",
    )
    .unwrap();
    let output = crate::process::run(&["ca"], &[], folder.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(complained(&output).contains("[intercept]"));
    assert_eq!(said(&output), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn java_reads_its_trust_store() {
    if !has_program("keytool") {
        return;
    }
    let scene = Scene::new("").await;
    let script = "store=${JAVA_TOOL_OPTIONS##*-Djavax.net.ssl.trustStore=}; unset JAVA_TOOL_OPTIONS; \
                  exec keytool -list -rfc -keystore \"$store\" -storepass changeit";
    let output = scene.run(&["--", "sh", "-c", script]);
    assert!(output.status.success(), "{}", complained(&output));
    let said = said(&output);
    let count = said.matches("BEGIN CERTIFICATE").count();
    assert!(count > 50, "{said}");
}
