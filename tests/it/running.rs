//! What is done to a running process over its admin listener: its log's level and share for a time, and its end. And by whom not.

use http::Request;
use serde_json::json;

use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Answer, Client, tenant_settings, until};
use crate::process::{Process, configuration, run};

const PATH: &str = "/asset/v1/content/assets";
const TOKEN: &str = "an-admin-token-of-some-length";

async fn send(process: &Process, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut client = Client::connect(process.admin).await;
    client.send(request.body(Vec::new()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_level_changes_for_a_time() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[log]\nlevel = \"warn\"\nsample = 0.5");
    // The addresses are told at info.
    let mut process = Process::start(folder.path(), &["--log-level", "info"], &[]).await;
    let shown = send(&process, "GET", "/log", &[]).await;
    assert_eq!(shown.header("content-type"), "application/json");
    assert_eq!(shown.json(), json!({"level": "info", "sample": 0.5}));
    let changed = send(&process, "POST", "/log?level=trace&sample=0&for=1h", &[]).await;
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["level"], "trace");
    assert_eq!(changed.json()["sample"], 0.0);
    assert!(changed.json()["until"].as_str().unwrap().ends_with('Z'));
    let told = process
        .logged(|line| line["msg"] == "the log's settings are changed for a time")
        .await;
    assert_eq!(told["by"], "a program on this machine");
    assert_eq!(
        (&told["level"], &told["sample"], &told["for_s"]),
        (&json!("trace"), &json!(0), &json!(3600))
    );
    // No ordinary request is logged now, and this is.
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get(PATH).await.status, 200);
    assert_eq!(client.get("/@nobody/x").await.status, 404);
    process
        .logged(|line| line["level"] == "trace" || line["level"] == "debug")
        .await;
    process
        .logged(|line| line["error"] == "unknown_tenant")
        .await;
    let requests = process.lines();
    let requests = requests.iter().filter(|line| line["msg"] == "request");
    assert_eq!(requests.count(), 1);
    // A later one takes its place, and ends by itself.
    let form = Request::post("/log").header("content-type", "application/x-www-form-urlencoded");
    let form = form.body("level=error&for=1s").unwrap();
    let changed = Client::connect(process.admin).await.send(form).await;
    assert_eq!(changed.json()["level"], "error");
    process
        .logged(|line| line["msg"] == "the log's settings are as configured again")
        .await;
    let shown = send(&process, "GET", "/log", &[]).await;
    assert_eq!(shown.json(), json!({"level": "info", "sample": 0.5}));
    process.signal("TERM");
    assert!(process.ended().await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_configuration_of_the_log_wins() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[log]\nsample = 1.0");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let changed = send(&process, "POST", "/log?level=debug", &[]).await;
    assert_eq!(changed.json()["level"], "debug");
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // One that says the same of the log leaves the change alone.
    std::fs::write(&file, text.clone() + "[timeouts]\npool_idle = \"49s\"\n").unwrap();
    process
        .logged(|line| line["msg"] == "configuration read again")
        .await;
    let shown = send(&process, "GET", "/log", &[]).await;
    assert_eq!(shown.json()["level"], "debug");
    std::fs::write(&file, text.replace("sample = 1.0", "sample = 0.25")).unwrap();
    until("the new configuration", async || {
        let shown = send(&process, "GET", "/log", &[]).await;
        shown.json() == json!({"level": "info", "sample": 0.25})
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_changes_nothing() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    for (target, words) in [
        ("/log", "Say level, sample or both"),
        ("/log?level=loud", "level is one of error, warn"),
        ("/log?level=DEBUG", "level is one of error, warn"),
        ("/log?level=5", "level is one of error, warn"),
        ("/log?sample=2", "sample is a number from 0 to 1"),
        ("/log?sample=NaN", "sample is a number from 0 to 1"),
        (
            "/log?level=debug&for=25h",
            "for is a duration from 1s to 24h",
        ),
        (
            "/log?level=debug&for=0s",
            "for is a duration from 1s to 24h",
        ),
        (
            "/log?level=debug&for=soon",
            "for is a duration from 1s to 24h",
        ),
        ("/log?level=debug&until=9", "\"until\" is not known here"),
        ("/log?level=debug&level=trace", "A field came twice"),
    ] {
        let answer = send(&process, "POST", target, &[]).await;
        assert_eq!(answer.status, 400, "{target}");
        assert!(answer.text().contains(words), "{target}: {}", answer.text());
    }
    for method in ["PUT", "DELETE"] {
        let answer = send(&process, method, "/log?level=debug", &[]).await;
        assert_eq!(answer.status, 405);
    }
    let shown = send(&process, "GET", "/log", &[]).await;
    assert_eq!(shown.json(), json!({"level": "info", "sample": 1.0}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_foreign_pages_do_nothing() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let admin = format!("[admin]\ntoken = \"{TOKEN}\"\nquit = true\n");
    std::fs::write(&file, text.replace("[admin]\n", &admin)).unwrap();
    let process = Process::start(folder.path(), &[], &[]).await;
    let bearer = format!("Bearer {TOKEN}");
    let own = format!("http://{}", process.admin);
    let right = ("authorization", bearer.as_str());
    for target in ["/log?level=trace", "/quitquitquit"] {
        for (headers, status) in [
            (vec![], 401),
            (
                vec![("authorization", "Bearer an-admin-token-of-another")],
                401,
            ),
            (vec![right, ("origin", "https://evil.example")], 403),
            (vec![right, ("origin", "null")], 403),
            (vec![right, ("sec-fetch-site", "cross-site")], 403),
            (vec![right, ("host", "evil.example")], 421),
            // A page of our own sends a form of its session, whatever token it has.
            (vec![right, ("origin", own.as_str())], 403),
            (
                vec![right, ("cookie", "sfmc-auth-proxy-session=planted")],
                403,
            ),
        ] {
            let answer = send(&process, "POST", target, &headers).await;
            assert_eq!(answer.status, status, "{target} {headers:?}");
        }
    }
    let answer = send(&process, "GET", "/quitquitquit", &[right]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "POST")
    );
    assert_eq!(send(&process, "GET", "/log", &[]).await.status, 401);
    let shown = send(&process, "GET", "/log", &[right]).await;
    assert_eq!(shown.json(), json!({"level": "info", "sample": 1.0}));
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get(PATH).await.status, 200);
    assert!(!process.log_text().contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_changes_the_log_by_the_form_of_its_session() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let page = send(&process, "GET", "/log", &[("accept", "text/html")]).await;
    assert_eq!(page.status, 200);
    let (cookie, form_token) = page.session();
    let origin = format!("http://{}", process.admin);
    let post = |form_token: &str| {
        Request::post("/log")
            .header("accept", "text/html")
            .header("origin", &origin)
            .header("sec-fetch-site", "same-origin")
            .header("cookie", &cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!(
                "level=debug&sample=1&for=15m&form_token={form_token}"
            ))
            .unwrap()
    };
    let refused = Client::connect(process.admin).await.send(post("")).await;
    assert_eq!(refused.status, 403);
    let done = Client::connect(process.admin)
        .await
        .send(post(&form_token))
        .await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/log")
    );
    let told = process
        .logged(|line| line["msg"] == "the log's settings are changed for a time")
        .await;
    assert!(told["by"].as_str().unwrap().starts_with("browser session "));
    let shown = send(&process, "GET", "/log", &[]).await;
    assert_eq!(shown.json()["level"], "debug");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_done_ends_its_sidecar() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("[admin]\n", "[admin]\nquit = true\n")).unwrap();
    let mut process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get(PATH).await.status, 200);
    tenant.script(Script {
        face: Some(Face::Rest),
        delay_ms: 1000,
        ..Script::default()
    });
    let before = tenant.journal().len();
    let in_flight = tokio::spawn(async move { client.get(PATH).await });
    until("the call is under way", async || {
        tenant.journal().len() > before
    })
    .await;
    let answer = send(&process, "POST", "/quitquitquit", &[]).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("Stopping"), "{}", answer.text());
    assert_eq!(in_flight.await.unwrap().status, 200);
    assert_eq!(process.ended().await.code(), Some(0));
    let log = process.log_text();
    assert!(log.contains("asked to stop by /quitquitquit"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unless_it_may_not() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let answer = send(&process, "POST", "/quitquitquit", &[]).await;
    assert_eq!(answer.status, 403);
    assert!(
        answer.text().contains("admin.quit = true"),
        "{}",
        answer.text()
    );
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get(PATH).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_may_not_ask_say_what_to_do_about_it() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let open = Process::start(folder.path(), &["--admin-listen", "0.0.0.0:0"], &[]).await;
    let guarded = [("SFMC_AUTH_PROXY_ADMIN_TOKEN", TOKEN)];
    let guarded = Process::start(folder.path(), &[], &guarded).await;
    std::fs::write(folder.path().join("wrong"), "an-admin-token-of-another").unwrap();
    std::fs::write(folder.path().join("broken.toml"), "[admin").unwrap();
    let wrong = ["--admin-token-file", "wrong"];
    let ask = |port: u16, more: &[&str], code, words: &str| {
        let url = format!("http://127.0.0.1:{port}");
        for command in [["scopes", "acme"], ["suggest", "anonymous"]] {
            let typed = [&command, &["--url", &url][..], more].concat();
            check_fails(&typed, folder.path(), code, words);
        }
    };
    let beyond = "403 Forbidden): it listens beyond loopback without an admin token";
    ask(open.admin.port(), &[], 1, beyond);
    ask(guarded.admin.port(), &[], 1, "wants the admin token");
    ask(guarded.admin.port(), &wrong, 1, "not take the admin token");
    let bearer = ("authorization", "Bearer an-admin-token-of-another");
    until("these are too many", async || {
        send(&guarded, "GET", "/status.json", &[bearer])
            .await
            .status
            == 429
    })
    .await;
    ask(
        guarded.admin.port(),
        &wrong,
        1,
        "429 Too Many Requests): wait a minute",
    );
    // What is wrong here is no failure of the proxy's.
    let missing = ["--admin-token-file", "missing"];
    ask(guarded.admin.port(), &missing, 2, "--admin-token-file: ");
    for command in [["scopes", "acme"], ["suggest", "anonymous"]] {
        let [name, whom] = command;
        let nonsense = [name, whom, "--url", "nonsense"];
        check_fails(&nonsense, folder.path(), 2, "--url wants the http URL");
        let broken = [name, whom, "--config", "broken.toml"];
        check_fails(&broken, folder.path(), 2, "broken.toml:1: ");
    }
}

fn check_fails(typed: &[&str], folder: &std::path::Path, code: i32, words: &str) {
    let output = run(typed, &[], folder);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{typed:?}: {said}");
    assert!(said.contains(words), "{typed:?}: {said}");
}
