//! Real SDKs, as their registries give them, through a real proxy process to the sandbox. Skipped, with the reason, where a
//! runtime or its registry is missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use sfmc_auth_proxy::sandbox::{Face, Tenant};
use tempfile::TempDir;

use crate::harness::tenant_settings;
use crate::process::{Process, configuration, has_program};

/// What is under test, with a page size that makes paging show.
struct Field {
    tenant: Tenant,
    process: Process,
    _folder: TempDir,
}

impl Field {
    async fn new() -> Self {
        let mut settings = tenant_settings();
        settings.switches.soap_page_size = 10;
        let tenant = Tenant::start(settings).await.unwrap();
        let folder = configuration(&tenant, "");
        let process = Process::start(folder.path(), &[], &[]).await;
        Self {
            tenant,
            process,
            _folder: folder,
        }
    }

    fn urls(&self) -> [String; 2] {
        let control = self.tenant.control_url();
        let control = control.trim_end_matches('/');
        [
            format!("http://{}/", self.process.address),
            format!("{control}/"),
        ]
    }

    /// Calls that the tenant took or refused in a way that only a wrong proxy brings about.
    fn check_journal(&self) {
        let journal = self.tenant.journal();
        for entry in journal.iter().filter(|entry| entry.face == Face::Soap) {
            assert!(entry.faults.is_empty(), "{:?}", entry.faults);
        }
    }
}

/// Kept between runs: what a registry gave once needs no second download.
fn kept(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs an installation; `false`, with the reason, if the registry does not answer.
fn installed(command: &mut Command) -> bool {
    let output = command.output().unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        eprintln!("skipped: {command:?} failed, is its registry away? {said}");
    }
    output.status.success()
}

fn told(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    let last = said.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|_error| panic!("{said}\n{errors}"))
}

fn driver(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name)
}

async fn run(mut command: Command) -> Output {
    let running = tokio::task::spawn_blocking(move || command.output().unwrap());
    running.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sfmc_sdk_works_through_expiries() {
    if !has_program("node") || !has_program("npm") {
        return;
    }
    let folder = kept("sfmc-sdk");
    let installs = folder.join("node_modules/sfmc-sdk/package.json").exists()
        || installed(
            Command::new("npm")
                .args(["install", "--no-audit", "--no-fund", "--prefix"])
                .arg(&folder)
                .arg("sfmc-sdk@2.1.2"),
        );
    if !installs {
        return;
    }
    // Node looks for packages from where the script is.
    std::fs::copy(driver("sfmc-sdk.mjs"), folder.join("driver.mjs")).unwrap();
    let field = Field::new().await;
    let mut command = Command::new("node");
    command.arg(folder.join("driver.mjs")).args(field.urls());
    let told = told(&run(command).await);
    assert_eq!(
        told,
        json!({
            "created": "OK",
            "found": ["from-sfmc-sdk@example.com"],
            "pages": [10, 10, 5],
            "last": "OK",
            "refused": told["refused"],
        })
    );
    let refused = told["refused"].as_str().unwrap();
    assert!(refused.contains("NoSuchObject"), "{told}");
    assert!(field.tenant.mints() >= 4, "each revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_sdk_works_from_the_proxys_wsdl_and_through_an_expiry() {
    if !has_program("python3") {
        return;
    }
    let folder = kept("fuelsdk");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    // The SDK names a SOAP library that cannot be installed any more; its maintained successor takes its place.
    let installs = ready.exists()
        || (installed(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && installed(Command::new(&python).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "Salesforce-FuelSDK==1.3.0",
            ]))
            && installed(Command::new(&python).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "suds==1.2.0",
                "requests",
                "PyJWT",
            ])));
    if !installs {
        return;
    }
    std::fs::write(ready, "").unwrap();
    let field = Field::new().await;
    let scratch = TempDir::new().unwrap();
    let mut command = Command::new(python);
    command
        .arg(driver("fuel_sdk.py"))
        .args(field.urls())
        .arg(scratch.path())
        // suds keeps parsed documents in the temporary folder.
        .env("TMPDIR", scratch.path());
    let told = told(&run(command).await);
    for oauth2 in ["True", "False"] {
        let found = format!("from-fuelsdk-{oauth2}@example.com");
        assert_eq!(
            told[oauth2],
            json!({ "created": [200, "OK"], "found": [200, "OK", [found]] }),
            "{oauth2}"
        );
    }
    assert!(field.tenant.mints() >= 3, "each revocation was cured");
    field.check_journal();
}

/// What every SOAP toolkit tells in its own way: created, and found after the token was revoked.
fn check_round_trip(field: &Field, told: &Value, email: &str) {
    assert_eq!(*told, json!({ "created": "OK", "found": ["OK", [email]] }));
    assert!(field.tenant.mints() >= 2, "the revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn zeep_works_from_the_proxy_alone() {
    if !has_program("python3") {
        return;
    }
    let folder = kept("zeep");
    let python = folder.join("bin/python");
    let ready = folder.join("ready");
    let installs = ready.exists()
        || (installed(Command::new("python3").args(["-m", "venv"]).arg(&folder))
            && installed(Command::new(&python).args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "zeep==4.3.3",
            ])));
    if !installs {
        return;
    }
    std::fs::write(ready, "").unwrap();
    let field = Field::new().await;
    let mut command = Command::new(python);
    command.arg(driver("zeep_client.py")).args(field.urls());
    check_round_trip(&field, &told(&run(command).await), "from-zeep@example.com");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phps_soap_client_works_from_the_proxy_alone() {
    if !has_program("php") {
        return;
    }
    let extension = "exit(extension_loaded('soap') ? 0 : 1);";
    let status = Command::new("php")
        .args(["-r", extension])
        .status()
        .unwrap();
    if !status.success() {
        eprintln!("skipped: this php has no extension soap");
        return;
    }
    let field = Field::new().await;
    let mut command = Command::new("php");
    command.arg(driver("soap_client.php")).args(field.urls());
    check_round_trip(&field, &told(&run(command).await), "from-php@example.com");
}
