//! Admin listener, metrics and the proxy's own errors.

use std::time::Duration;

use http::Request;
use tempfile::TempDir;

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::metrics::{FAMILIES, PREFIX};
use sfmc_auth_proxy::sandbox::Face;
use sfmc_auth_proxy::secret::Secret;

use crate::harness::{Client, PARENT, Stage, until};
use crate::refreshes::by_login;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_after_a_token_and_never_unready_for_the_tenants_sake() {
    let stage = Stage::with(
        |settings| settings.lifetime = Duration::from_secs(1),
        |_resolved| {},
    )
    .await;
    until("ready", async || stage.admin("/readyz").await.status == 200).await;
    assert_eq!(stage.admin("/startupz").await.status, 200);
    stage.tenant.set_face_down(Face::Auth, true);
    until("no token any more", async || {
        stage.get("/sandbox/echo").await.status == 503
    })
    .await;
    assert_eq!(stage.admin("/readyz").await.status, 200, "a latch");
    assert_eq!(stage.admin("/livez").await.status, 200);
    let verbose = stage.admin("/readyz?verbose").await.text();
    assert!(
        verbose.contains("tenant acme: has had a token"),
        "{verbose}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_started_but_not_ready_and_ready_by_itself_later() {
    let stage = Stage::with(
        |_settings| {},
        |resolved| {
            resolved.proxy.tenants[0].endpoint.client_secrets = vec![Secret::new("wrong")];
        },
    )
    .await;
    until("tried", async || {
        stage.admin("/startupz").await.status == 200
    })
    .await;
    let answer = stage.admin("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(stage.admin("/healthz").await.status, 200);
    let refused = stage.get("/sandbox/echo").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (502, "token_rejected")
    );
    assert!(
        refused.text().contains("invalid_client"),
        "{}",
        refused.text()
    );
}

/// Nobody calls a pod that is not ready, and so none that gets ready by being called.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_default_account_the_first_one_makes_it_ready() {
    let without = |resolved: &mut Resolved| resolved.proxy.tenants[0].default_account = None;
    let stage = Stage::with(|_settings| {}, without).await;
    until("ready", async || stage.admin("/readyz").await.status == 200).await;
    // By name: apac, emea.
    assert_eq!(stage.tenant.mints(), 1);
    let minted = r#"sfmc_auth_proxy_token_requests_total{account="apac",grant="client_credentials",outcome="ok",tenant="acme"}"#;
    assert_eq!(stage.metric(minted).await, 1.0);
    let stage = Stage::with(
        |_settings| {},
        |resolved| {
            without(resolved);
            resolved.proxy.tenants[0].endpoint.client_secrets = vec![Secret::new("wrong")];
        },
    )
    .await;
    until("tried", async || {
        stage.admin("/startupz").await.status == 200
    })
    .await;
    assert_eq!(stage.admin("/readyz").await.status, 503);
}

/// Its pages are where somebody logs in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_only_logins_could_yield_tokens_and_none_is_the_default_one_it_is_ready_at_once() {
    let folder = TempDir::new().unwrap();
    let stage = Stage::with(
        |_settings| {},
        |resolved| {
            by_login(resolved, &folder.path().join("state"));
            resolved.proxy.tenants[0].default_account = None;
        },
    )
    .await;
    until("ready", async || stage.admin("/readyz").await.status == 200).await;
    assert_eq!(stage.tenant.mints(), 0);
    let verbose = stage.admin("/readyz?verbose").await.text();
    assert!(verbose.contains("tenant acme: no token yet\n"), "{verbose}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_admin_listener_is_for_nobodys_web_page() {
    let stage = Stage::new().await;
    let mut client = Client::connect(stage.proxy.admin()).await;
    let mut call = async |headers: &[(&str, &str)]| {
        let mut request = Request::get("/metrics");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        client
            .send(request.body(Vec::new()).unwrap())
            .await
            .status
            .as_u16()
    };
    assert_eq!(call(&[("host", "evil.example")]).await, 421);
    assert_eq!(
        call(&[("host", "10.1.2.3:7363")]).await,
        200,
        "an address is nobody's to rebind"
    );
    assert_eq!(call(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(call(&[("sec-fetch-site", "cross-site")]).await, 403);
    assert_eq!(stage.admin("/nothing").await.status, 404);
    let mut client = Client::connect(stage.proxy.admin()).await;
    assert_eq!(client.post("/livez", "").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_shows_from_the_first_scrape() {
    let stage = Stage::new().await;
    let text = stage.admin("/metrics").await.text();
    for family in FAMILIES {
        // Of a label that nothing in this configuration has a value for.
        if matches!(
            family.name,
            "login_valid" | "client_authentications_total" | "would_be_refusals_total"
        ) {
            continue;
        }
        let line = format!("# TYPE {PREFIX}_{} {}\n", family.name, family.kind.name());
        assert!(text.contains(&line), "{line} is missing");
    }
    for (series, value) in [
        (
            "token_requests_total{account=\"emea\",grant=\"client_credentials\",outcome=\"rejected\",tenant=\"acme\"}",
            0,
        ),
        (
            "replays_total{api=\"soap\",outcome=\"refused\",tenant=\"acme\"}",
            0,
        ),
        (
            "refusals_total{api=\"rest\",cause=\"route_rests\",tenant=\"acme\"}",
            0,
        ),
        (
            "token_renewal_wanted_timestamp_seconds{account=\"emea\",tenant=\"acme\"}",
            0,
        ),
        ("shared_state_errors_total{operation=\"enter\"}", 0),
        ("shared_state_configured", 0),
        ("audit_failing", 0),
        ("connections_max", 4096),
        ("buffered_max_bytes", 256 << 20),
    ] {
        let line = format!("\n{PREFIX}_{series} {value}\n");
        assert!(text.contains(&line), "{line}");
    }
    assert!(text.contains("process_resident_memory_bytes"));
    assert!(text.contains("sfmc_auth_proxy_errors_total{reason=\"token_unavailable\"} 0"));
    assert!(text.contains(&format!(
        "sfmc_auth_proxy_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    )));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_that_calls_want_and_do_not_get_shows_and_that_of_an_idle_account_does_not() {
    let stage = Stage::with(
        |settings| settings.lifetime = Duration::from_secs(4),
        |_resolved| {},
    )
    .await;
    let moment = async |which: &str, account: &str| {
        let series = format!(
            "{PREFIX}_token_{which}_timestamp_seconds{{account=\"{account}\",tenant=\"acme\"}}"
        );
        stage.metric(&series).await
    };
    for account in ["default", "emea"] {
        let path = format!("/@acme:{account}/sandbox/echo").replace(":default", "");
        assert_eq!(stage.get(&path).await.status, 200);
        let due = moment("renewal_due", account).await;
        let ahead = moment("expiry", account).await - due;
        assert!((ahead - 1.0).abs() < 0.01, "a quarter of its life: {ahead}");
    }
    stage.tenant.set_face_down(Face::Auth, true);
    until("wanted after it was due", async || {
        stage.get("/sandbox/echo").await;
        moment("renewal_wanted", "default").await > moment("renewal_due", "default").await
    })
    .await;
    let (wanted, due) = (
        moment("renewal_wanted", "emea").await,
        moment("renewal_due", "emea").await,
    );
    assert!(wanted < due, "nobody calls it: {wanted} {due}");
    stage.tenant.set_face_down(Face::Auth, false);
    until("renewed", async || {
        stage.get("/sandbox/echo").await;
        moment("renewal_wanted", "default").await < moment("renewal_due", "default").await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_counted_by_what_the_caller_got_and_no_path_becomes_a_label() {
    let stage = Stage::new().await;
    let mut client = stage.client().await;
    client
        .get("/asset/v1/content/assets?name=canary-in-the-query")
        .await;
    client.get("/@acme:emea/asset/v1/content/assets").await;
    client.get("/canary-in-the-path/1").await;
    client.get("/@nobody/x").await;
    drop(client);
    let requests = "sfmc_auth_proxy_requests_total";
    let series = |account: &str, operation: &str, code: u16| {
        format!(
            "{requests}{{account=\"{account}\",api=\"rest\",client=\"anonymous\",code=\"{code}\",method=\"GET\",operation=\"{operation}\",tenant=\"acme\"}}"
        )
    };
    let (default, emea, other) = (
        series("default", "asset", 200),
        series("emea", "asset", 200),
        series("default", "other", 404),
    );
    until("counted", async || stage.metric(&other).await == 1.0).await;
    assert_eq!(stage.metric(&default).await, 1.0);
    assert_eq!(stage.metric(&emea).await, 1.0);
    assert_eq!(
        stage
            .metric("sfmc_auth_proxy_errors_total{reason=\"unknown_tenant\"}")
            .await,
        1.0
    );
    assert!(!stage.admin("/metrics").await.text().contains("canary"));
    until("none in flight", async || {
        stage.metric("sfmc_auth_proxy_requests_in_flight").await == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_errors_say_what_happened_and_what_to_do() {
    let stage = Stage::new().await;
    let request = Request::get("/@nobody/x")
        .header("x-request-id", "caller-7")
        .body(Vec::new())
        .unwrap();
    let answer = stage.send(request).await;
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("x-request-id"), "caller-7");
    assert!(!answer.header("date").is_empty());
    let problem = answer.json();
    assert_eq!(problem["code"], "unknown_tenant");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["request_id"], "caller-7");
    assert_eq!(problem["errorcode"], 0);
    assert_eq!(problem["message"], problem["detail"]);
    assert!(
        problem["detail"].as_str().unwrap().contains("acme"),
        "{problem}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tenants_errors_pass_unchanged_with_advice() {
    let stage = Stage::new().await;
    for (status, word) in [
        (400, "invalid"),
        (403, "scope"),
        (404, "route"),
        (429, "rate limit"),
    ] {
        let answer = stage.get(&format!("/sandbox/status/{status}")).await;
        assert_eq!(answer.status.as_u16(), status);
        let said = answer.header("proxy-status");
        assert!(
            said.starts_with(&format!(
                "sfmc-auth-proxy; received-status={status}; details=\""
            )),
            "{said}"
        );
        assert!(said.contains(word), "{said}");
        assert_ne!(answer.header("content-type"), "application/problem+json");
    }
    assert!(
        stage
            .get("/sandbox/status/500")
            .await
            .headers
            .get("proxy-status")
            .is_none()
    );
    assert_eq!(
        stage
            .metric("sfmc_auth_proxy_throttled_total{api=\"rest\",tenant=\"acme\"}")
            .await,
        1.0
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_has_nothing_to_say() {
    if !crate::process::has_program("promtool") {
        return;
    }
    let stage = Stage::new().await;
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    let folder = TempDir::new().unwrap();
    let scraped = folder.path().join("metrics");
    std::fs::write(&scraped, stage.admin("/metrics").await.body).unwrap();
    let checked = std::process::Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(std::fs::File::open(&scraped).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_series_does_not_grow_with_the_accounts() {
    let accounts: Vec<u64> = (0..600).map(|number| PARENT + number).collect();
    let of_tenant = accounts.clone();
    let stage = Stage::with(
        |tenant| tenant.accounts = of_tenant,
        |resolved| {
            let named = accounts.iter().enumerate();
            resolved.proxy.tenants[0].accounts = named
                .map(|(number, mid)| (format!("unit-{number:03}"), *mid))
                .collect();
        },
    )
    .await;
    for account in ["unit-000", "unit-499", "unit-500", "unit-599"] {
        let answer = stage.get(&format!("/@acme:{account}/sandbox/echo")).await;
        assert_eq!(answer.status, 200);
    }
    let metrics = stage.admin("/metrics").await.text();
    let label = |account: &str| format!("account=\"{account}\"");
    for (account, has_its_own) in [("unit-000", true), ("unit-499", true), ("unit-500", false)] {
        assert_eq!(metrics.contains(&label(account)), has_its_own, "{account}");
    }
    let of_others = format!("sfmc_auth_proxy_token_requests_total{{{}", label("other"));
    let line = metrics.lines().find(|line| line.starts_with(&of_others));
    assert!(line.unwrap().ends_with(" 2"), "{line:?}");
}
