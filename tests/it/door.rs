//! Who may come in: own names only, and no web page of another origin.

use http::Request;

use crate::harness::{Answer, Stage};

const PATH: &str = "/sandbox/echo";

async fn call(stage: &Stage, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    stage.send(request.body(Vec::new()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_our_own_names_are_served() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.proxy.allowed_hosts = vec!["sfmc.internal".to_owned()];
            resolved.proxy.public_url = Some("https://gateway.example".to_owned());
        },
    )
    .await;
    for own in [
        "localhost",
        "LOCALHOST:7362",
        "localhost.",
        "app.localhost:1",
        "127.0.0.1",
        "127.0.0.1:7362",
        "127.9.9.9",
        "[::1]:7362",
        "sfmc.internal",
        "SFMC.internal:80",
        "gateway.example",
        "[::ffff:127.0.0.1]",
    ] {
        assert_eq!(call(&stage, &[("host", own)]).await.status, 200, "{own}");
    }
    let mints = stage.tenant.mints();
    for foreign in [
        "evil.example",
        "evil.example:7362",
        "localhost.evil.example",
        "10.0.0.1",
        "127.0.0.1.evil.example",
        "xlocalhost",
    ] {
        let answer = call(&stage, &[("host", foreign)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (421, "host_not_allowed"),
            "{foreign}"
        );
    }
    for nonsense in ["user@localhost", "local host", "a:b:c"] {
        let answer = call(&stage, &[("host", nonsense)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "malformed_request"),
            "{nonsense}"
        );
    }
    assert_eq!(stage.tenant.mints(), mints);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_other_origins_are_refused_and_nothing_is_sent() {
    let stage = Stage::new().await;
    let own = format!("http://{}", stage.address());
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "http://localhost:1")],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("sec-fetch-site", "invented")],
        vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")],
        vec![("origin", own.as_str()), ("origin", "https://evil.example")],
    ] {
        let answer = call(&stage, &headers).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "browser_request_refused"),
            "{headers:?}"
        );
    }
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn content_opened_in_a_browser_cannot_use_the_proxy() {
    let stage = Stage::new().await;
    let own = format!("http://{}", stage.address());
    for site in ["none", "same-origin"] {
        let answer = call(&stage, &[("sec-fetch-site", site), ("origin", &own)]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-security-policy"), "sandbox");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let refused = call(&stage, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(refused.header("content-security-policy"), "sandbox");
    let program = call(&stage, &[]).await;
    assert!(
        program.headers.get("content-security-policy").is_none(),
        "a program's answers stay as they are"
    );
}
