//! The real binary as a child process: started with a configuration file, watched through its log, stopped by signal.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use sfmc_auth_proxy::sandbox;

use crate::harness::PATIENCE;

const README: &str = include_str!("../../README.md");

/// The binary under test.
pub fn binary() -> Command {
    let mut command = undisturbed(env!("CARGO_BIN_EXE_sfmc-auth-proxy"));
    command
        .env("HOME", "/nonexistent")
        .env_remove("XDG_CONFIG_HOME");
    command
}

/// Any program. What the machine happens to have set must not reach a test.
pub fn undisturbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _value) in std::env::vars() {
        if name.starts_with("SFMC_") || name.to_ascii_lowercase().ends_with("_proxy") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
pub fn run(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Output {
    binary()
        .args(arguments)
        .envs(environment.iter().copied())
        .current_dir(folder)
        .output()
        .unwrap()
}

/// A configuration file for this sandbox, in a folder of its own with the secret and the CA beside it.
pub fn configuration(tenant: &sandbox::Tenant, more: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    let settings = tenant.settings();
    fs::write(
        folder.path().join("secret"),
        format!("{}\n", settings.client_secret),
    )
    .unwrap();
    fs::write(folder.path().join("ca.pem"), tenant.ca_pem()).unwrap();
    let text = format!(
        r#"
[listen]
http = ["127.0.0.1:0"]

[admin]
listen = "127.0.0.1:0"

[tenants.acme]
subdomain = "{}"
client_id = "{}"
client_secret_file = "secret"
auth_url = "{}"
trusted_hosts = ["{}", "{}"]
ca_file = "ca.pem"
account_id = 510001234

[tenants.acme.accounts]
emea = 510001235
{more}
"#,
        settings.subdomain,
        settings.client_id,
        tenant.auth_url().trim_end_matches('/'),
        tenant.rest_authority(),
        tenant.soap_authority(),
    );
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    folder
}

/// A running proxy process. Killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    pub address: SocketAddr,
    pub admin: SocketAddr,
}

impl Process {
    /// Starts `run` in this folder and waits until it listens.
    pub async fn start(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        // Of its own, whatever else runs in the same folder.
        static LOGS: AtomicU32 = AtomicU32::new(0);
        let log = folder.join(format!("log-{}", LOGS.fetch_add(1, Ordering::Relaxed)));
        let file = fs::File::create(&log).unwrap();
        let child = binary()
            .arg("run")
            .args(["--log-format", "json"])
            .args(arguments)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        let mut process = Self {
            child,
            log,
            address: ([127, 0, 0, 1], 0).into(),
            admin: ([127, 0, 0, 1], 0).into(),
        };
        process.address = process.logged_address("listening").await;
        process.admin = process.logged_address("admin listening").await;
        process
    }

    async fn logged_address(&mut self, message: &str) -> SocketAddr {
        self.logged(|line| line["msg"] == message).await["address"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// The first log line for which this holds; waits for it.
    pub async fn logged(
        &mut self,
        holds: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(line) = self.lines().into_iter().find(&holds) {
                return line;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "not logged; ended {ended:?}:\n{}",
                self.log_text()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every whole line of the log; each must be JSON.
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let text = self.log_text();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|_error| panic!("not JSON: {line}"))
            })
            .collect()
    }

    pub fn log_text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The most memory that the process has held so far.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// How many descriptors it has open, and how many threads it has.
    pub fn holdings(&self) -> (usize, usize) {
        let count = |what: &str| {
            let folder = format!("/proc/{}/{what}", self.child.id());
            fs::read_dir(folder).unwrap().count()
        };
        (count("fd"), count("task"))
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "did not end:\n{}",
                self.log_text()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}

/// Whether a program is there; where the run demands tools, its absence is a failure, else it is said aloud.
pub fn has_program(name: &str) -> bool {
    has(name, Command::new(name).arg("--version"), |_status| true)
}

/// The same of a part of a program, which this command looks for.
pub fn has_part(name: &str, look: &mut Command) -> bool {
    has(name, look, |status| status.success())
}

fn has(name: &str, look: &mut Command, says_so: impl Fn(ExitStatus) -> bool) -> bool {
    let looked = look.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = looked.is_ok_and(says_so);
    if !there {
        assert!(
            std::env::var_os("SFMC_TEST_REQUIRE_TOOLS").is_none(),
            "{name} is required and not installed"
        );
        eprintln!("skipped: {name} is not installed");
    }
    there
}

/// The environment of one's own tenant, from the README's lines; its secret's file is in the working directory.
pub fn own_tenant() -> BTreeMap<&'static str, &'static str> {
    let lines = README
        .lines()
        .filter_map(|line| line.strip_prefix("export "));
    let pairs = lines.flat_map(|line| line.split(' '));
    pairs
        .map(|pair| pair.split_once('=').unwrap())
        .filter(|(name, _value)| name.starts_with("SFMC_"))
        .collect()
}

/// What the README has one type for one's own tenant, up to the first look at it.
pub fn own_tenant_lines() -> String {
    let (_, section) = README.split_once("**Your own tenant.**").unwrap();
    let (section, _) = section.split_once("**A script").unwrap();
    let mut lines = String::new();
    let mut inside = false;
    for line in section.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if inside && line != "sfmc-auth-proxy run" {
            lines.push_str(line);
            lines.push('\n');
        } else if inside {
            break;
        }
    }
    lines
}
