//! A login in a real browser without a screen, driven through its WebDriver: what cookies, redirects, policies and origins
//! really do there. The browser knows no host but this machine.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{TOKEN, free_port, stage, stage_beyond_loopback};
use crate::harness::{Client, PATIENCE, Stage};
use crate::process::{has_program, undisturbed};

/// How the WebDriver protocol names an element in its answers.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

pub(super) struct Browser {
    driver: Child,
    client: Client,
    session: String,
    _folder: TempDir,
}

impl Browser {
    /// `None` where there is none on this machine.
    pub(super) async fn start() -> Option<Self> {
        if !has_program("chromium") || !has_program("chromedriver") {
            return None;
        }
        let folder = TempDir::new().unwrap();
        let mut driver = undisturbed("chromedriver")
            // With port 0 it wants the same one of both families, which it may not get.
            .arg(format!("--port={}", free_port()))
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let port = port(&mut driver);
        let mut browser = Self {
            driver,
            client: Client::connect(([127, 0, 0, 1], port).into()).await,
            session: String::new(),
            _folder: folder,
        };
        let profile = browser._folder.path().join("profile");
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--no-first-run".to_owned(),
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
                .to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "acceptInsecureCerts": true,
            "goog:chromeOptions": {"args": arguments},
        }}});
        let made = browser.call("POST", "/session", &wanted).await;
        let session = made["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{session}");
        // A click may return before the page that it leads to is there.
        browser.post("timeouts", json!({"implicit": 10_000})).await;
        Some(browser)
    }

    async fn call(&mut self, method: &str, target: &str, body: &Value) -> Value {
        let bytes = match method {
            "POST" => body.to_string(),
            _ => String::new(),
        };
        let request = Request::builder().method(method).uri(target);
        let request = request.header("content-type", "application/json");
        let answer = self.client.send(request.body(bytes).unwrap()).await;
        let value = answer.json()["value"].clone();
        assert_eq!(answer.status, 200, "{method} {target}: {value}");
        value
    }

    async fn post(&mut self, leaf: &str, body: Value) -> Value {
        let target = format!("{}/{leaf}", self.session);
        self.call("POST", &target, &body).await
    }

    async fn get(&mut self, leaf: &str) -> Value {
        let target = format!("{}/{leaf}", self.session);
        self.call("GET", &target, &Value::Null).await
    }

    pub(super) async fn open(&mut self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    /// `element/ID` of the one that this selects.
    async fn element(&mut self, selector: &str) -> String {
        let wanted = json!({"using": "css selector", "value": selector});
        let found = self.post("element", wanted).await;
        format!("element/{}", found[ELEMENT].as_str().unwrap())
    }

    pub(super) async fn click(&mut self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("{element}/click"), json!({})).await;
    }

    async fn fill(&mut self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        let value = json!({"text": text});
        self.post(&format!("{element}/value"), value).await;
    }

    pub(super) async fn text(&mut self) -> String {
        let element = self.element("main").await;
        let text = self.get(&format!("{element}/text")).await;
        text.as_str().unwrap().to_owned()
    }

    /// Waits until the browser is at an address that begins so.
    pub(super) async fn arrived(&mut self, url: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let at = self.get("url").await;
            if at.as_str().unwrap().starts_with(url) {
                return;
            }
            let source = self.get("source").await;
            assert!(Instant::now() < deadline, "{at}, not {url}:\n{source}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(super) async fn end(mut self) {
        let session = self.session.clone();
        self.call("DELETE", &session, &Value::Null).await;
    }
}

impl Drop for Browser {
    /// A test that fails leaves no browser behind: it is of the driver's group.
    fn drop(&mut self) {
        let group = format!("-{}", self.driver.id());
        let mut kill = Command::new("kill");
        kill.args(["-s", "KILL", "--", &group]).status().ok();
        self.driver.wait().ok();
    }
}

/// Where the driver says that it listens.
fn port(driver: &mut Child) -> u16 {
    let mut said = String::new();
    for line in BufReader::new(driver.stdout.as_mut().unwrap()).lines() {
        said += &line.unwrap();
        said.push('\n');
        if let Some((_, port)) = said.split_once("started successfully on port ") {
            return port.trim().trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("the driver has not started: {said}");
}

/// From the page of `acme` to the end.
async fn log_in(browser: &mut Browser, stage: &Stage) {
    browser.click("button[type=submit]").await;
    browser.arrived(&stage.tenant.auth_url()).await;
    browser.click("button[value=allow]").await;
    let admin = format!("http://127.0.0.1:{}", stage.proxy.admin().port());
    browser.arrived(&format!("{admin}/oauth/callback")).await;
    let text = browser.text().await;
    assert!(text.contains("Logged in"), "{text}");
    assert!(text.contains("The proxy now calls acme"), "{text}");
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_logs_in_with_a_real_browser() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let stage = stage(|_resolved| {}).await;
    let admin = stage.proxy.admin();
    // Another name of this machine, from which the proxy leads to the right one.
    let port = admin.port();
    browser
        .open(&format!("http://localhost:{port}/login"))
        .await;
    browser.click("a[href='/login/acme']").await;
    let page = format!("http://{admin}/login/acme");
    browser.arrived(&page).await;
    browser.click("button[type=submit]").await;
    browser.click("button[value=deny]").await;
    browser
        .arrived(&format!("http://{admin}/oauth/callback"))
        .await;
    let text = browser.text().await;
    assert!(text.contains("the login was declined"), "{text}");
    browser.click("a.button").await;
    browser.arrived(&page).await;
    log_in(&mut browser, &stage).await;
    let main = browser.element("main").await;
    let width = browser.get(&format!("{main}/css/max-width")).await;
    assert_eq!(width, "640px", "the style came through the policy");
    browser.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_a_real_browser_signs_in_first() {
    let Some(mut browser) = Browser::start().await else {
        return;
    };
    let stage = stage_beyond_loopback(Some(TOKEN)).await;
    let port = stage.proxy.admin().port();
    let page = format!("http://127.0.0.1:{port}/login/acme");
    browser.open(&page).await;
    browser.fill("input[name=token]", "wrong").await;
    browser.click("button[type=submit]").await;
    browser
        .arrived(&format!("http://127.0.0.1:{port}/sign-in"))
        .await;
    let text = browser.text().await;
    assert!(text.contains("not the admin token"), "{text}");
    browser.fill("input[name=token]", TOKEN).await;
    browser.click("button[type=submit]").await;
    browser.arrived(&page).await;
    log_in(&mut browser, &stage).await;
    browser.end().await;
}
