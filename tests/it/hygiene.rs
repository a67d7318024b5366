//! Headers and targets: what stays stays as it was, and nothing passes that holds for one hop, one caller or one proxy.

use bytes::Bytes;
use http::Request;

use crate::harness::{Answer, EMEA, PARENT, Stage};
use crate::raw::Raw;

/// Names and values as the tenant received the last call.
fn received(stage: &Stage) -> Vec<(String, String)> {
    stage.received().last().expect("a call").headers.clone()
}

fn names(headers: &[(String, String)]) -> Vec<String> {
    headers
        .iter()
        .map(|(name, _value)| name.to_ascii_lowercase())
        .collect()
}

/// One call written by hand, with these header lines between Host and `Connection: close`.
async fn call(stage: &Stage, target: &str, lines: &str) -> String {
    stage
        .speak(
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n")
                .as_bytes(),
        )
        .await
}

/// Browsers tell hosts apart, and not ports: what the admin listener's pages gave to a browser comes to the data listener too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_of_an_admin_session_does_not_leave() {
    let stage = Stage::new().await;
    for (sent, arrives) in [
        ("sfmc-auth-proxy-session=abc", None),
        ("__Host-sfmc-auth-proxy-session=abc", None),
        (
            "a=1; sfmc-auth-proxy-session=abc;b=\"x\"",
            Some("a=1;b=\"x\""),
        ),
        ("sfmc-auth-proxy-session=abc; a=1", Some("a=1")),
        (
            "a=1;  my-sfmc-auth-proxy-session=1 ",
            Some("a=1;  my-sfmc-auth-proxy-session=1"),
        ),
    ] {
        let said = call(&stage, "/sandbox/echo", &format!("Cookie: {sent}\r\n")).await;
        assert!(said.starts_with("HTTP/1.1 200"), "{said}");
        let headers = received(&stage);
        let cookie = headers
            .iter()
            .find(|(name, _value)| name.eq_ignore_ascii_case("cookie"));
        let cookie = cookie.map(|(_name, value)| value.as_str());
        assert_eq!(cookie, arrives, "{sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_holds_for_one_hop_or_one_proxy_does_not_leave() {
    let stage = Stage::new().await;
    for line in [
        "Connection: X-Secret-Hop",
        "Connection: keep-alive, x-secret-hop ,close",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: gzip",
        "Upgrade: websocket",
        "Proxy-Authorization: Basic YTpi",
        "Proxy-Authenticate: Basic",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
        "Authorization: Bearer of-the-caller",
        "Expect: nothing-to-speak-of",
        "Forwarded: for=192.0.2.1",
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Host: elsewhere",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Anything: else",
        "Sfmc-Tenant: acme",
        "Sfmc-Account: emea",
        "Sfmc-Anything: else",
    ] {
        let answer = call(
            &stage,
            "/sandbox/echo",
            &format!("X-Secret-Hop: stays here\r\n{line}\r\n"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{line}: {answer}");
        let headers = received(&stage);
        let (name, value) = line.split_once(": ").unwrap();
        let gone = headers
            .iter()
            .all(|(kept, kept_value)| !kept.eq_ignore_ascii_case(name) || kept_value != value);
        assert!(gone, "{line}: {headers:?}");
        if name == "Connection" {
            assert!(!names(&headers).contains(&"x-secret-hop".to_owned()));
        } else {
            assert!(names(&headers).contains(&"x-secret-hop".to_owned()));
        }
        let bearers: Vec<_> = headers
            .iter()
            .filter(|(name, _value)| name.eq_ignore_ascii_case("authorization"))
            .collect();
        assert_eq!(bearers.len(), 1, "exactly one");
        assert!(bearers[0].1.starts_with("Bearer ") && !bearers[0].1.contains("of-the-caller"));
        assert!(stage.received().last().unwrap().faults.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_connection_names_cannot_take_our_token_or_the_framing_away() {
    let stage = Stage::new().await;
    let answer = stage
        .speak(
            b"POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\
              Connection: close, authorization, host, content-length, transfer-encoding, x-request-id\r\n\r\nabc",
        )
        .await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let calls = stage.received();
    assert_eq!(calls.last().unwrap().body_text(), "abc");
    assert_eq!(calls.last().unwrap().header("content-length"), Some("3"));
    assert_eq!(calls.last().unwrap().account, Some(PARENT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_keeps_order_number_and_value() {
    let stage = Stage::new().await;
    let lines = "Accept: */*\r\nx-one: 1\r\nX-Two: a\r\nCookie: a=b; c=d\r\nX-Two: b\r\nX-Two:  c \r\n\
                 User-Agent: legacy/1.0 (old; jobs)\r\nIf-None-Match: W/\"x\"\r\nX-Empty:\r\nAccept-Encoding: gzip;q=0.5, br\r\n";
    let answer = call(&stage, "/sandbox/echo", lines).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let ours = ["host", "authorization", "x-request-id"];
    let headers: Vec<_> = received(&stage)
        .into_iter()
        .filter(|(name, _value)| !ours.contains(&name.to_ascii_lowercase().as_str()))
        .collect();
    // The values of one name come together; among names, and among the values of one, the order is the caller's.
    let expected = [
        ("Accept", "*/*"),
        ("X-One", "1"),
        ("X-Two", "a"),
        ("X-Two", "b"),
        ("X-Two", "c"),
        ("Cookie", "a=b; c=d"),
        ("User-Agent", "legacy/1.0 (old; jobs)"),
        ("If-None-Match", "W/\"x\""),
        ("X-Empty", ""),
        ("Accept-Encoding", "gzip;q=0.5, br"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(headers, expected, "in title case, as most clients write it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn header_case_is_kept_on_demand() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.server.preserve_header_case = true;
            resolved.upstream.preserve_header_case = true;
        },
    )
    .await;
    call(
        &stage,
        "/sandbox/echo",
        "x-lower: 1\r\nX-UPPER: 2\r\nX-mIxEd: 3\r\n",
    )
    .await;
    let names: Vec<_> = received(&stage)
        .into_iter()
        .map(|(name, _value)| name)
        .collect();
    for name in ["x-lower", "X-UPPER", "X-mIxEd"] {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_the_instance_and_nothing_tells_of_the_proxy() {
    let stage = Stage::new().await;
    call(&stage, "/sandbox/echo", "").await;
    let call = stage.received().last().unwrap().clone();
    assert_eq!(
        call.header_values("host"),
        [stage.tenant.rest_authority()],
        "one Host"
    );
    assert_eq!(call.header("via"), None);
    assert_eq!(call.header("accept-encoding"), None);
    assert_eq!(call.header("user-agent"), None);

    let told = Stage::with(|_tenant| {}, |resolved| resolved.proxy.via = true).await;
    self::call(&told, "/sandbox/echo", "Via: 1.0 fred\r\n").await;
    let call = told.received().last().unwrap().clone();
    assert_eq!(
        call.header_values("via"),
        ["1.0 fred", "1.1 sfmc-auth-proxy"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_ids_are_passed_on_or_made_and_traces_go_through() {
    let stage = Stage::new().await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    call(
        &stage,
        "/sandbox/echo",
        &format!("X-Request-Id: job-7/a\r\ntraceparent: {trace}\r\ntracestate: a=b\r\n"),
    )
    .await;
    let given = stage.received().last().unwrap().clone();
    assert_eq!(given.header_values("x-request-id"), ["job-7/a"]);
    assert_eq!(given.header("traceparent"), Some(trace));
    assert_eq!(given.header("tracestate"), Some("a=b"));

    let mut made = Vec::new();
    for line in [
        String::new(),
        "X-Request-Id:\r\n".to_owned(),
        "X-Request-Id: two words\r\n".to_owned(),
        format!("X-Request-Id: {}\r\n", "x".repeat(129)),
    ] {
        call(&stage, "/sandbox/echo", &line).await;
        let headers = stage.received().last().unwrap().clone();
        let ids = headers.header_values("x-request-id");
        assert_eq!(ids.len(), 1);
        assert_eq!(ids[0].len(), 32, "{ids:?}");
        made.push(ids[0].to_owned());
    }
    made.sort();
    made.dedup();
    assert_eq!(made.len(), 4, "each its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_go_out_as_they_came() {
    let stage = Stage::new().await;
    for target in [
        "/sandbox/echo/",
        "/sandbox/echo//double",
        "/sandbox/echo/%2e%2E/x%2Fy",
        "/sandbox/echo/./../up",
        "/sandbox/echo?",
        "/sandbox/echo?$filter=name%20eq%20'a'&$page=1&&x",
        "/sandbox/echo?a=b+c&a=%2B&url=https://elsewhere.example/",
        "/sandbox/echo/key:1;v=2,3!*()'",
        "/sandbox/echo?q={}|^`[]\\é~",
        "/sandbox/echo?sign=a%3d&access_tokens=1&my_access_token=2",
    ] {
        let answer = call(&stage, target, "").await;
        assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
        assert_eq!(stage.received().last().unwrap().target, target);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_in_the_query_is_taken_out_and_nothing_else() {
    let stage = Stage::new().await;
    for (target, expected) in [
        ("/sandbox/echo?access_token=x", "/sandbox/echo"),
        ("/sandbox/echo?access_token=x&a=1", "/sandbox/echo?a=1"),
        (
            "/sandbox/echo?a=1&access_token=x&b=%32",
            "/sandbox/echo?a=1&b=%32",
        ),
        (
            "/sandbox/echo?a=1&ACCESS_TOKEN=x&access_token",
            "/sandbox/echo?a=1",
        ),
        (
            "/@acme:emea/sandbox/echo?a=1&access_token=x",
            "/sandbox/echo?a=1",
        ),
        (
            "/sandbox/echo?access%5Ftoken=x&access_%74oken=y&b=2",
            "/sandbox/echo?b=2",
        ),
    ] {
        call(&stage, target, "").await;
        assert_eq!(stage.received().last().unwrap().target, expected);
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_keep_everything_but_what_holds_for_the_hop() {
    let raw = Raw::answering(
        &format!(
            "{}Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive, x-hop\r\n\
             X-Hop: 1\r\nProxy-Authenticate: Basic\r\nUpgrade: h2c\r\nSfmc-Tenant: forged\r\nSfmc-Account: 1\r\n\
             Sfmc-Other: 2\r\nServer: vendor\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nX-Mashery-Responder: a\r\n\r\nok",
            OK.replace("OK", "Really Fine")
        ),
        |_resolved| {},
    )
    .await;
    let answer = call(&raw.stage, "/anything", "").await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "ok");
    let mut lines: Vec<_> = head.split("\r\n").collect();
    assert_eq!(lines.remove(0), "HTTP/1.1 200 Really Fine");
    let expected = [
        "Content-Length: 2",
        "Set-Cookie: a=1; Path=/",
        "Set-Cookie: b=2",
        "Server: vendor",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "X-Mashery-Responder: a",
        "Sfmc-Tenant: acme",
        &format!("Sfmc-Account: {PARENT}"),
        "Connection: close",
    ];
    lines.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(lines, sorted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_with_many_headers_pass_and_header_case_on_demand() {
    let many: String = (0..200)
        .map(|each| format!("x-mAny-{each}: {each}\r\n"))
        .collect();
    let raw = Raw::answering(&format!("{OK}{many}\r\nok"), |resolved| {
        resolved.server.preserve_header_case = true;
        resolved.upstream.preserve_header_case = true;
    })
    .await;
    let answer = call(&raw.stage, "/anything", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for each in 0..200 {
        assert!(
            answer.contains(&format!("\r\nx-mAny-{each}: {each}\r\n")),
            "{each}"
        );
    }
}

/// The Location that a caller gets of one that the tenant sends.
async fn location(sent: &str, target: &str, host: &str) -> (String, u16, u16) {
    let raw = Raw::answering(
        &format!("HTTP/1.1 302 Found\r\nLocation: {sent}\r\nContent-Length: 0\r\n\r\n"),
        |_resolved| {},
    )
    .await;
    let request = Request::get(target).header("host", host).body(Bytes::new());
    let answer: Answer = raw.stage.send(request.unwrap()).await;
    assert_eq!(answer.status, 302);
    (
        answer.header("location").to_owned(),
        raw.stage.address().port(),
        raw.port,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn locations_of_the_tenant_come_to_name_the_proxy() {
    for (sent, target, expected) in [
        (
            "https://{authority}/asset/v1/1?x=%2F#there",
            "/a",
            "http://me.localhost:81/asset/v1/1?x=%2F#there",
        ),
        ("https://{authority}", "/a", "http://me.localhost:81/"),
        ("https://{authority}?q", "/a", "http://me.localhost:81/?q"),
        ("//{authority}/b", "/a", "http://me.localhost:81/b"),
        ("HTTPS://{authority}/b", "/a", "http://me.localhost:81/b"),
        (
            "https://{authority}/b",
            "/@acme:emea/a",
            "http://me.localhost:81/@acme:EMEA/b",
        ),
        (
            "https://{authority}/b",
            "/@acme:PARENT/a",
            "http://me.localhost:81/b",
        ),
        ("/b?c", "/@acme:emea/a", "/@acme:EMEA/b?c"),
        ("/b?c", "/a", "/b?c"),
        ("b?c", "/@acme:emea/a", "b?c"),
        (
            "https://elsewhere.example/b",
            "/a",
            "https://elsewhere.example/b",
        ),
        ("https://{authority}.elsewhere.example/b", "/a", "="),
        ("https://x@{authority}/b", "/a", "http://me.localhost:81/b"),
        (
            "//elsewhere.example/b",
            "/@acme:emea/a",
            "//elsewhere.example/b",
        ),
    ] {
        let target = target.replace("PARENT", &PARENT.to_string());
        let (got, _port, instance) = location(sent, &target, "me.localhost:81").await;
        let expected = if expected == "=" {
            sent.replace("{authority}", &format!("localhost:{instance}"))
        } else {
            expected.replace("EMEA", &EMEA.to_string())
        };
        assert_eq!(got, expected, "{sent} on {target}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_name_the_public_url_where_there_is_one() {
    let raw = Raw::answering(
        "HTTP/1.1 201 Created\r\nLocation: https://{authority}/x\r\nContent-Length: 0\r\n\r\n",
        |resolved| resolved.proxy.public_url = Some("https://sfmc.example".to_owned()),
    )
    .await;
    let answer = raw.stage.get("/a").await;
    assert_eq!(answer.header("location"), "https://sfmc.example/x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_opened_in_a_browser_are_shut_in() {
    let raw = Raw::answering(
        &format!(
            "{OK}Content-Type: text/html\r\nContent-Security-Policy: default-src 'self'\r\n\r\nok"
        ),
        |_resolved| {},
    )
    .await;
    let answer = call(&raw.stage, "/page", "Sec-Fetch-Site: none\r\n").await;
    assert!(
        answer.contains("\r\nContent-Security-Policy: default-src 'self'\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nContent-Security-Policy: sandbox\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("\r\nX-Content-Type-Options: nosniff\r\n"),
        "{answer}"
    );
    assert_eq!(raw.heads().len(), 1);
}
