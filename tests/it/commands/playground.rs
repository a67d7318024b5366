//! What the `sandbox` command takes from its environment and what not, and that it ends when it is asked to.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::DEFAULT_PORTS;
use crate::harness::PATIENCE;
use crate::process::{binary, run};

#[test]
fn what_is_set_for_ones_own_proxy_is_not_for_the_sandbox() {
    let _ports = DEFAULT_PORTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("key"), "no key at all").unwrap();
    let audit = folder.path().join("audit.jsonl");
    let redis = TcpListener::bind("127.0.0.1:0").unwrap();
    redis.set_nonblocking(true).unwrap();
    let url = format!("redis://{}", redis.local_addr().unwrap());
    let environment = [
        ("SFMC_AUTH_PROXY_AUDIT_FILE", audit.to_str().unwrap()),
        ("SFMC_AUTH_PROXY_STATE_REDIS_URL", &url),
        ("SFMC_AUTH_PROXY_STATE_KEY_FILE", "key"),
        ("SFMC_AUTH_PROXY_ADMIN_TOKEN_FILE", "missing"),
        ("SFMC_AUTH_PROXY_LISTEN_HTTPS", "127.0.0.1:7443"),
        ("SFMC_AUTH_PROXY_LISTEN_TLS_CERT_FILE", "missing"),
        ("SFMC_AUTH_PROXY_LISTEN_TLS_KEY_FILE", "missing"),
        ("SFMC_AUTH_PROXY_CONFIG", "missing"),
        ("SFMC_CLIENT_SECRET_FILE", "missing"),
        ("SFMC_AUTH_PROXY_LOG_FORMAT", "json"),
    ];
    let output = run(&["sandbox", "--exit"], &environment, folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(!audit.exists(), "the audit is of the user's own proxy");
    assert!(redis.accept().is_err(), "and so is Redis");
    // Those of the log are taken.
    let first = said.lines().next().unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(first).unwrap();
    assert_eq!(told["msg"], "not for the sandbox: ignored", "{said}");
    let ignored = told["variables"].as_str().unwrap();
    for (name, _value) in &environment[..9] {
        assert!(ignored.contains(name), "{name}: {said}");
    }
    assert!(!ignored.contains("LOG_FORMAT"), "{said}");
}

#[test]
fn the_sandbox_ends_when_it_is_asked_to_over_http() {
    let _ports = DEFAULT_PORTS
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = TempDir::new().unwrap();
    let mut child = binary()
        .arg("sandbox")
        .env("SFMC_AUTH_PROXY_ADMIN_QUIT", "true")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let stays = |line: String| line.contains("stays up until Ctrl-C");
    assert!(lines.any(|line| stays(line.unwrap())));
    let mut admin = TcpStream::connect("127.0.0.1:7363").unwrap();
    let quit = "POST /quitquitquit HTTP/1.1\r\nHost: 127.0.0.1:7363\r\nContent-Length: 0\r\n\r\n";
    admin.write_all(quit.as_bytes()).unwrap();
    let mut answer = String::new();
    admin.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let deadline = Instant::now() + PATIENCE;
    let ended = loop {
        match child.try_wait().unwrap() {
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
            ended => break ended,
        }
    };
    if ended.is_none() {
        child.kill().unwrap();
    }
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{answer}");
}
