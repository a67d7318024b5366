//! Real clients, unmodified and as their registries give them, through a real proxy process to the sandbox. Each changes at
//! most one setting or one variable of its environment. Skipped, with the reason, where a runtime or its registry is missing.

mod core;
mod environment;
mod exec;
mod sdks;
mod soap;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sfmc_auth_proxy::sandbox::Tenant;
use tempfile::TempDir;

use crate::harness::tenant_settings;
use crate::process::{Process, binary, configuration, has_program, undisturbed};

/// A client of the proxy, whose accounts are EMEA, its default, and APAC.
pub const NAME: &str = "newsletter";
pub const SECRET: &str = "0f6tWm8vKqXc2RyB7uZsJ4nEaHd9LpG1";
const USERNAME: &str = "API_User@example.com";
/// A token that a client brings along from elsewhere.
const OF_ELSEWHERE: &str = "of-long-ago";

/// What is under test, with a page size that makes paging show.
pub struct Field {
    pub tenant: Tenant,
    pub process: Process,
    pub folder: TempDir,
}

impl Field {
    pub async fn new(more: &str) -> Self {
        let mut settings = tenant_settings();
        settings.switches.soap_page_size = 10;
        let tenant = Tenant::start(settings).await.unwrap();
        let folder = configuration(&tenant, more);
        let process = Process::start(folder.path(), &[], &[]).await;
        Self {
            tenant,
            process,
            folder,
        }
    }

    /// Whoever can reach the proxy may call.
    pub async fn of_anyone() -> Self {
        Self::new("").await
    }

    /// Only a client of the proxy may call; all ways in are open.
    async fn of_clients() -> Self {
        let more = format!(
            r#"apac = 510001236

[clients.{NAME}]
secret = "{SECRET}"
usernames = ["{USERNAME}"]
accounts = ["emea", "apac"]

[intercept]
ca_dir = "local ca"

[[listener]]
address = "127.0.0.1:0"
https = true

[[listener]]
address = "127.0.0.1:0"
answer_urls = "as_called"
"#
        );
        Self::new(&more).await
    }

    fn proxy(&self) -> String {
        format!("http://{}/", self.process.address)
    }

    fn control(&self) -> String {
        let control = self.tenant.control_url();
        format!("{}/", control.trim_end_matches('/'))
    }

    /// The addresses of `listen.http`, and of the listeners that speak TLS and that keep URLs as called.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let lines = self.process.lines();
        lines
            .iter()
            .filter(|line| line["msg"] == "listening")
            .map(|line| line["address"].as_str().unwrap().parse().unwrap())
            .collect()
    }

    pub fn subdomain(&self) -> &str {
        &self.tenant.settings().subdomain
    }

    /// The URL that stands in the code of a client that knows nothing of a proxy.
    fn url(&self, api: &str, path: &str) -> String {
        format!(
            "https://{}.{api}.marketingcloudapis.com{path}",
            self.subdomain()
        )
    }

    /// The certificate of the proxy's local CA.
    fn authority(&self) -> PathBuf {
        self.folder.path().join("local ca/ca.pem")
    }

    /// `sfmc-auth-proxy exec … --`, to be followed by the command.
    fn exec(&self, arguments: &[&str]) -> Command {
        let mut command = binary();
        command.arg("exec").args(arguments).arg("--");
        command.current_dir(self.folder.path());
        command
    }

    /// The tenant took or refused nothing in a way that only a wrong proxy brings about, and saw nothing of what clients show
    /// to the proxy.
    pub fn check_journal(&self) {
        let journal = self.tenant.journal();
        assert!(!journal.is_empty());
        for entry in journal {
            assert!(entry.faults.is_empty(), "{:?}", entry.faults);
            let whole = format!("{entry:?}");
            for kept in [SECRET, "sfmc-auth-proxy.", OF_ELSEWHERE, USERNAME] {
                assert!(!whole.contains(kept), "{kept}: {whole}");
            }
        }
    }
}

/// One installation at a time, and one for all tests.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A folder that is kept between runs, as what a registry gave once needs no second download. `None`, with the reason, if a
/// step fails.
fn kept(name: &str, install: impl FnOnce(&Path) -> Vec<Command>) -> Option<PathBuf> {
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let steps = install(&folder);
    let ready = folder.join("ready");
    let all = format!("{steps:?}");
    if std::fs::read_to_string(&ready).is_ok_and(|done| done == all) {
        return Some(folder);
    }
    for mut step in steps {
        let output = step.output().unwrap();
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            eprintln!("skipped: {step:?} failed, is its registry away? {said}");
            return None;
        }
    }
    std::fs::write(ready, all).unwrap();
    Some(folder)
}

/// A Python with every package that a test here needs.
pub fn python() -> Option<PathBuf> {
    if !has_program("python3") {
        return None;
    }
    let folder = kept("python", |folder| {
        let mut new = Command::new("python3");
        new.args(["-m", "venv"]).arg(folder);
        let pip = |packages: &[&str]| {
            let mut pip = Command::new(folder.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet"]).args(packages);
            pip
        };
        vec![
            new,
            // It names a SOAP library that cannot be installed any more; its maintained successor takes its place.
            pip(&["--no-deps", "Salesforce-FuelSDK==1.3.0"]),
            pip(&["suds==1.2.0", "PyJWT", "zeep==4.3.3", "requests", "httpx"]),
            pip(&["pysfmc==0.1.4"]),
            pip(&["simple-salesforce==1.12.10"]),
        ]
    });
    folder.map(|folder| folder.join("bin/python"))
}

/// A folder with these npm packages, and this driver in it: Node looks for packages from where the script is.
pub fn node(name: &str, packages: &[&str], driver_name: &str) -> Option<PathBuf> {
    if !has_program("node") || !has_program("npm") {
        return None;
    }
    let folder = kept(name, |folder| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--prefix"]);
        npm.arg(folder).args(packages);
        vec![npm]
    })?;
    std::fs::copy(driver(driver_name), folder.join(driver_name)).unwrap();
    Some(folder)
}

fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

pub async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    running.await.unwrap()
}

/// What a driver tells in its last line.
async fn told(command: Command) -> Value {
    let output = run(command).await;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_error| panic!("{said}\n{errors}"))
}

#[test]
fn tests_that_the_documentation_names_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/clients.md")).unwrap();
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with('|')) {
        let parts: Vec<_> = row.split('`').collect();
        for window in parts.windows(3).filter(|window| window[1] == ": ") {
            let file = root.join(format!("tests/it/clients/{}.rs", window[0]));
            let tests = std::fs::read_to_string(file).unwrap();
            let start = window[2].strip_suffix('…').unwrap();
            assert!(tests.contains(&format!("\nasync fn {start}")), "{row}");
            named += 1;
        }
    }
    assert!(named >= 15, "{named} tests");
}
