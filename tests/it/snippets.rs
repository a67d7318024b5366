//! Printed snippets, used as they are: run by the client that each is for, through a real proxy process to the sandbox, or read
//! by the program that it is for. Skipped, with the reason, where a runtime or its registry is missing.

mod core;
mod files;
mod programs;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use sfmc_auth_proxy::sandbox::{Entry, Face};
use tempfile::TempDir;

use crate::clients::{Field, NAME, SECRET, run};
use crate::harness::PATIENCE;
use crate::process;

/// The file that `snippet` reads: the proxy's own, but with the ports that it was given.
const FILE: &str = "snippets.toml";
/// Where the configuration says `127.0.0.1:0`, in this order: the calls' listener, the admin listener, each `[[listener]]`.
const FREE: &str = "127.0.0.1:0";

/// A proxy, and what its snippets need.
struct Printer {
    field: Field,
    /// With the secret of the client, where there is one.
    _secret: TempDir,
}

impl Printer {
    /// Whoever can reach the proxy may call.
    async fn of_anyone() -> Self {
        let field = Field::of_anyone().await;
        let printer = Self {
            field,
            _secret: TempDir::new().unwrap(),
        };
        printer.write();
        printer
    }

    /// A client has to show its secret, which is in a file whose name has to be quoted. There is an https listener, and one
    /// that is the client, for APAC.
    async fn of_client() -> Self {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("it's \"the\" $secret");
        fs::write(&file, format!("{SECRET}\n")).unwrap();
        let file = serde_json::to_string(file.to_str().unwrap()).unwrap();
        let more = format!(
            r#"apac = 510001236

[clients.{NAME}]
secret_file = {}
accounts = ["emea", "apac", 510001234]

[intercept]
ca_dir = "local ca"

[[listener]]
address = "127.0.0.1:0"
https = true

[[listener]]
address = "127.0.0.1:0"
client = "{NAME}"
account = "apac"
"#,
            file.replace('$', "$$")
        );
        let printer = Self {
            field: Field::new(&more).await,
            _secret: folder,
        };
        printer.write();
        printer
    }

    fn write(&self) {
        let folder = self.field.folder.path();
        let mut text = fs::read_to_string(folder.join("sfmc-auth-proxy.toml")).unwrap();
        let mut addresses = self.field.addresses();
        addresses.insert(1, self.field.process.admin);
        for address in addresses {
            text = text.replacen(FREE, &address.to_string(), 1);
        }
        assert!(!text.contains(FREE), "{text}");
        fs::write(folder.join(FILE), text).unwrap();
    }

    /// What the command prints.
    fn printed(&self, typed: &str) -> String {
        let mut arguments = vec!["snippet", "--config", FILE];
        arguments.extend(typed.split_whitespace());
        let output = process::run(&arguments, &[], self.field.folder.path());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{typed}: {errors}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            !text.contains(SECRET) && !errors.contains(SECRET),
            "{text}{errors}"
        );
        text
    }

    /// Writes it to a file of this folder.
    fn saved(&self, typed: &str, folder: &Path, name: &str) -> String {
        let file = folder.join(name);
        fs::write(&file, self.printed(typed)).unwrap();
        file.to_str().unwrap().to_owned()
    }

    /// The snippet's client got through, as this account, by REST or by SOAP.
    async fn check(&self, typed: &str, command: Command, calls: &[(Face, u64)]) {
        self.field.tenant.clear_journal();
        let output = run_past_a_proxy(typed, command).await;
        check_ran(typed, &output);
        let journal = self.field.tenant.journal();
        let told = format!(
            "{typed}: {journal:?}\n{}",
            String::from_utf8_lossy(&output.stdout)
        );
        for (face, account) in calls {
            let is_it = |entry: &&Arc<Entry>| {
                entry.face == *face && entry.account == Some(*account) && entry.status == Some(200)
            };
            assert!(journal.iter().any(|entry| is_it(&entry)), "{told}");
        }
        let is_other = |entry: &&Arc<Entry>| {
            entry
                .account
                .is_some_and(|account| calls.iter().all(|(_face, own)| *own != account))
        };
        assert!(!journal.iter().any(|entry| is_other(&entry)), "{told}");
        self.field.check_journal();
    }
}

/// Runs it where every variable names a proxy of the company's for all hosts, which is told nothing: it is not on the way to ours.
async fn run_past_a_proxy(typed: &str, mut command: Command) -> Output {
    let company = TcpListener::bind("127.0.0.1:0").unwrap();
    company.set_nonblocking(true).unwrap();
    let url = format!("http://{}", company.local_addr().unwrap());
    for scheme in ["http", "https", "all"] {
        let name = format!("{scheme}_proxy");
        command.env(name.to_uppercase(), &url).env(name, &url);
    }
    // Newer Node wants to be told to look at them.
    command.env("NODE_USE_ENV_PROXY", "1");
    command.env("NO_PROXY", "elsewhere.example");
    // Whoever calls it all the same would wait for an answer.
    let running = tokio::time::timeout(PATIENCE, run(command));
    let called = || company.accept().is_ok();
    let output = running.await;
    assert!(!called(), "{typed} called the proxy of the environment");
    output.unwrap_or_else(|_elapsed| panic!("{typed} does not end"))
}

fn check_ran(typed: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{typed}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
