//! A configuration that changes under a running process: its files, its signal, what is taken, what is refused, and that
//! nobody notices.

mod files;
mod logins;
mod refused;
mod rotation;
mod running;
mod steady;

use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::Request;
use tempfile::TempDir;

use sfmc_auth_proxy::sandbox;

use crate::harness::{Answer, Client, tenant_settings, until};
use crate::process::{Process, configuration};

const ECHO: &str = "/sandbox/echo";
const FILE: &str = "sfmc-auth-proxy.toml";

/// A process with a tenant behind it, and the files that it is configured with.
struct Scene {
    tenant: sandbox::Tenant,
    folder: TempDir,
    process: Process,
    /// The configuration as it was at first.
    text: String,
}

impl Scene {
    async fn new() -> Self {
        Self::with("", |_folder| {}).await
    }

    /// With more lines of the account's table, and changes to the files.
    async fn with(more: &str, change: impl FnOnce(&Path)) -> Self {
        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let folder = configuration(&tenant, more);
        change(folder.path());
        let process = Process::start(folder.path(), &[], &[]).await;
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        Self {
            tenant,
            folder,
            process,
            text,
        }
    }

    async fn get(&self, target: &str) -> Answer {
        Client::connect(self.process.address)
            .await
            .get(target)
            .await
    }

    async fn admin(&self, target: &str) -> String {
        let mut client = Client::connect(self.process.admin).await;
        client.get(target).await.text()
    }

    async fn metric(&self, series: &str) -> f64 {
        let text = self.admin("/metrics").await;
        let mut lines = text.lines();
        let found =
            lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok());
        found.unwrap_or(-1.0)
    }

    /// What each configuration changed that was taken after the first, in their order.
    fn taken(&self) -> Vec<String> {
        let lines = self.process.lines();
        let taken = lines
            .iter()
            .filter(|line| line["msg"] == "configuration read again");
        let changed = taken.map(|line| line["changed"].as_str().unwrap().to_owned());
        changed.filter(|changed| changed != "nothing").collect()
    }

    /// How often one was refused.
    fn refusals(&self) -> usize {
        let words = "the new configuration is refused; the one before stays in force";
        let lines = self.process.lines();
        lines.iter().filter(|line| line["msg"] == words).count()
    }

    /// Waits for the next configuration to be taken, and says which keys have changed.
    async fn is_taken(&self, before: usize) -> String {
        until("the configuration is read again", async || {
            self.taken().len() > before
        })
        .await;
        self.taken().swap_remove(before)
    }

    /// Puts another configuration in the file's place and asks for it to be read.
    fn configure(&self, text: &str) {
        replace(&self.folder.path().join(FILE), text);
        self.process.signal("HUP");
    }

    /// The same, and waits until it is in force.
    async fn reconfigure(&self, text: &str) -> String {
        let before = self.taken().len();
        self.configure(text);
        self.is_taken(before).await
    }

    /// What stands in the last lines of its token requests as the secret.
    fn secrets_sent(&self) -> Vec<String> {
        let journal = self.tenant.journal();
        let calls = journal
            .iter()
            .filter(|entry| entry.path() == "/v2/token")
            .map(|entry| serde_json::from_slice::<serde_json::Value>(&entry.body).unwrap());
        calls
            .map(|call| call["client_secret"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// As an editor saves a file: whole, under another name, and then renamed.
fn replace(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, file).unwrap();
}

fn post(target: &str) -> Request<Bytes> {
    Request::post(target)
        .header("content-type", "application/json")
        .body(Bytes::from_static(b"{}"))
        .unwrap()
}
