//! The `sandbox` command: its story, what it takes from its environment and what not, and how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::harness::PATIENCE;
use crate::process::{binary, has_program, run};

/// What the sandbox says last, unless it ends by itself.
const STAYS: &str = "stays up until Ctrl-C";
const FIRST_CALL: &str = "GET http://127.0.0.1:7362/asset";

/// The default ports, which one process can have at a time.
fn default_ports() -> MutexGuard<'static, ()> {
    static DEFAULT_PORTS: Mutex<()> = Mutex::new(());
    DEFAULT_PORTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Plays the story to its end, and gives what was said on stdout and on stderr.
fn played(environment: &[(&str, &str)], folder: &TempDir) -> (String, String) {
    let _ports = default_ports();
    let output = run(&["sandbox", "--exit"], environment, folder.path());
    let [out, err] = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    (out, err)
}

/// One that is not told to end by itself.
struct Playground {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    _folder: TempDir,
    _ports: MutexGuard<'static, ()>,
}

impl Playground {
    fn start(environment: &[(&str, &str)]) -> Self {
        let ports = default_ports();
        let folder = TempDir::new().unwrap();
        let mut child = binary()
            .arg("sandbox")
            .envs(environment.iter().copied())
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            _folder: folder,
            _ports: ports,
        }
    }

    /// The lines up to the first with these words.
    fn until(&mut self, words: &str) -> Vec<String> {
        let mut said = Vec::new();
        for line in self.lines.by_ref() {
            said.push(line.unwrap());
            if said.last().is_some_and(|line| line.contains(words)) {
                return said;
            }
        }
        panic!("\"{words}\" is missing in:\n{}", said.join("\n"));
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Its exit code, once it has ended.
    fn ended(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => return status.code(),
                None => assert!(Instant::now() < deadline, "it goes on"),
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Playground {
    fn drop(&mut self) {
        // Another one wants its ports, if a test has failed.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

#[test]
fn the_sandbox_plays_its_story_and_exits_0() {
    let (said, _err) = played(&[], &TempDir::new().unwrap());
    for part in [
        FIRST_CALL,
        "Authorization: Bearer ",
        "It gets 200",
        "401",
        "Token calls for that: 1.",
        "500 Token Expired",
        "It gets 200 OK, OverallStatus OK.",
        "<fueloauth xmlns=\"http://exacttarget.com\">eyJ",
    ] {
        assert!(said.contains(part), "{part} is missing in:\n{said}");
    }
}

#[test]
fn the_sandbox_plays_in_a_container_too() {
    // As in compose.yaml: calls come from outside, so every address is listened on.
    let everywhere = [
        ("SFMC_AUTH_PROXY_LISTEN_HTTP", "0.0.0.0:7362"),
        ("SFMC_AUTH_PROXY_ADMIN_LISTEN", "0.0.0.0:7363"),
        (
            "SFMC_AUTH_PROXY_LISTEN_INSECURE_ALLOW_UNAUTHENTICATED",
            "true",
        ),
    ];
    let (said, _err) = played(&everywhere, &TempDir::new().unwrap());
    assert!(said.contains(FIRST_CALL), "{said}");
}

#[test]
fn the_sandbox_stays_up_and_its_curl_lines_work_as_printed() {
    if !has_program("curl") {
        return;
    }
    let mut playground = Playground::start(&[]);
    let mut ran = 0;
    for line in playground.until(STAYS) {
        let Some(command) = line.trim().strip_prefix("curl ") else {
            continue;
        };
        // `-f` makes curl fail where the answer is an error.
        let output = Command::new("sh")
            .args(["-ec", &format!("curl -f {command}")])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        ran += 1;
    }
    playground.signal("INT");
    assert_eq!(playground.ended(), Some(0));
    assert!(ran >= 4, "{ran} curl lines");
}

#[test]
fn the_sandbox_ends_cleanly_in_the_middle_of_its_story() {
    for name in ["TERM", "INT"] {
        let mut playground = Playground::start(&[]);
        playground.until(FIRST_CALL);
        playground.signal(name);
        let rest: Vec<_> = playground.lines.by_ref().map(Result::unwrap).collect();
        assert_eq!(playground.ended(), Some(0), "SIG{name}");
        let is_over = |line: &String| line.contains(STAYS);
        assert!(!rest.iter().any(is_over), "SIG{name} came too late");
    }
}

#[test]
fn what_is_set_for_ones_own_proxy_is_not_for_the_sandbox() {
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
    let (_out, said) = played(&environment, &folder);
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
    let mut playground = Playground::start(&[("SFMC_AUTH_PROXY_ADMIN_QUIT", "true")]);
    playground.until(STAYS);
    let mut admin = TcpStream::connect("127.0.0.1:7363").unwrap();
    let quit = "POST /quitquitquit HTTP/1.1\r\nHost: 127.0.0.1:7363\r\nContent-Length: 0\r\n\r\n";
    admin.write_all(quit.as_bytes()).unwrap();
    let mut answer = String::new();
    admin.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(playground.ended(), Some(0), "{answer}");
}
