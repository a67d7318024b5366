//! A real Prometheus for one test: on a port of its own, in a folder of its own, ended with the test.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::harness::{Client, until};
use crate::logins::free_port;
use crate::process::{has_program, undisturbed};

pub struct Prometheus {
    child: Child,
    folder: TempDir,
    address: SocketAddr,
}

impl Prometheus {
    /// Scrapes this admin listener and evaluates the shipped rules, both five times a second; `None` where there is no
    /// Prometheus.
    pub async fn start(admin: SocketAddr) -> Option<Self> {
        if !has_program("prometheus") {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let rules = super::rules();
        let config = format!(
            "global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  evaluation_interval: 200ms\n\
             rule_files: [{rules:?}]\n\
             scrape_configs:\n  - job_name: sfmc-auth-proxy\n    static_configs:\n      - targets: [\"{admin}\"]\n"
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = undisturbed("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut prometheus = Self {
            child,
            folder,
            address,
        };
        until("Prometheus is ready", async || prometheus.is_ready().await).await;
        Some(prometheus)
    }

    async fn is_ready(&mut self) -> bool {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {}", self.log());
        if TcpStream::connect(self.address).await.is_err() {
            return false;
        }
        let mut client = Client::connect(self.address).await;
        client.get("/-/ready").await.status == 200
    }

    pub fn log(&self) -> String {
        let log: PathBuf = self.folder.path().join("log");
        fs::read_to_string(log).unwrap()
    }

    /// `data` of an answer of its API, which must be a success.
    pub async fn api(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let mut client = Client::connect(self.address).await;
        let answer = client.get(&format!("/api/v1/{path}?{query}")).await;
        let mut told = answer.json();
        assert_eq!(told["status"], "success", "{path} {fields:?}: {told}");
        told["data"].take()
    }

    /// The samples that an expression has now.
    pub async fn query(&self, expression: &str) -> Vec<Value> {
        let told = self.api("query", &[("query", expression)]).await;
        told["result"].as_array().unwrap().clone()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
