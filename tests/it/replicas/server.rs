//! A real redis-server for one test: on a port of its own, in a folder of its own, ended with the test.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::harness::until;
use crate::logins::free_port;
use crate::process::{has_program, undisturbed};

/// What docs/scaling.md says that a user needs.
pub const ACL: &str = "~sfmc-auth-proxy:* +ping +select +time +get +set +del +exists +pexpire +pttl +hget +hmget +hset +hdel \
                       +hincrby +evalsha +eval +script|load";

pub struct Redis {
    child: Option<Child>,
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
}

impl Redis {
    /// Without any persistence; `None` where there is no redis-server.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        if !has_program("redis-server") || !has_program("redis-cli") {
            return None;
        }
        let port = free_port();
        Some(Self::start_at(port, TempDir::new().unwrap(), arguments, port).await)
    }

    /// With TLS alone, and one user beside the default one.
    pub async fn start_with_tls() -> Option<Self> {
        if !has_program("redis-server") || !has_program("redis-cli") {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca_key = rcgen::KeyPair::generate().unwrap();
        let ca = parameters.self_signed(&ca_key).unwrap();
        let issuer = rcgen::Issuer::new(parameters, ca_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let own = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let own = own.signed_by(&key, &issuer).unwrap();
        for (name, text) in [
            ("ca.pem", ca.pem()),
            ("own.pem", own.pem()),
            ("own.key", key.serialize_pem()),
            (
                "users.acl",
                format!("user default on nopass ~* +@all\nuser proxy on >p@ss {ACL}\n"),
            ),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let (plain, secure) = (free_port(), free_port().to_string());
        let at = |name: &str| folder.path().join(name).display().to_string();
        let files = [at("own.pem"), at("own.key"), at("ca.pem"), at("users.acl")];
        let [cert, key, ca, acl] = &files;
        let arguments = [
            "--tls-port",
            &secure,
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            cert,
            "--tls-key-file",
            key,
            "--tls-ca-cert-file",
            ca,
            "--aclfile",
            acl,
        ];
        let port = secure.parse().unwrap();
        Some(Self::start_at(plain, folder, &arguments, port).await)
    }

    async fn start_at(plain: u16, folder: TempDir, arguments: &[&str], port: u16) -> Self {
        let directory = folder.path().display().to_string();
        let plain = plain.to_string();
        let mut all = vec![
            "--port",
            &plain,
            "--bind",
            "127.0.0.1",
            "--dir",
            &directory,
            "--save",
            "",
        ];
        if !arguments.contains(&"--appendonly") {
            all.extend(["--appendonly", "no"]);
        }
        all.extend(arguments);
        let arguments = all.iter().map(|argument| (*argument).to_owned()).collect();
        let mut redis = Self {
            child: None,
            folder,
            port,
            arguments,
        };
        redis.start_again().await;
        redis
    }

    /// The same server once more, with what it has kept.
    pub async fn start_again(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).unwrap();
        let child = undisturbed("redis-server")
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let address = self.address();
        until("redis-server listens", async || {
            TcpStream::connect(address).await.is_ok()
        })
        .await;
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn tls_url(&self, who: &str) -> String {
        format!("rediss://{who}@localhost:{}/1", self.port)
    }

    pub fn ca_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// What redis-cli says.
    pub fn ask(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn names(&self) -> Vec<String> {
        let all = self.ask(&["--raw", "KEYS", "*"]);
        let mut names: Vec<_> = all.lines().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// Every name with all that is held under it, but for how long it still lasts.
    pub fn everything(&self) -> String {
        let held = self.names().into_iter().map(|name| {
            let kind = self.ask(&["--raw", "TYPE", &name]);
            let command = if kind.trim() == "hash" {
                "HGETALL"
            } else {
                "GET"
            };
            format!("{name}\n{}\n", self.ask(&["--raw", command, &name]))
        });
        held.collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
