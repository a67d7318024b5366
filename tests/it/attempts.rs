//! What somebody might try: as a web page, as a neighbour on the machine, as a client that wants more than it has. All of it is
//! refused, and nothing of it reaches the tenant.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use sfmc_auth_proxy::config::{AuthorityPlace, Resolved};
use sfmc_auth_proxy::identity::{ClientSettings, Grant};
use sfmc_auth_proxy::policy::Pattern;
use sfmc_auth_proxy::sandbox::Face;
use sfmc_auth_proxy::secret::Secret;

use crate::forward::{host, through};
use crate::harness::{EMEA, Stage};
use crate::identities::{basic, client, token};

const PATH: &str = "/asset/v1/content/assets";

/// Clients with little, a local CA, and no other hosts.
fn guarded(resolved: &mut Resolved) {
    resolved.authority = AuthorityPlace::ThisProcess;
    resolved.proxy.intercept = true;
    let mut reader = client("reader", "read-secret", &[EMEA]);
    let patterns = ["GET /asset/v1/**", "SOAP Retrieve List"];
    let allowed = patterns.iter().map(|text| Pattern::parse(text).unwrap());
    reader.grant.allow = Some(allowed.collect());
    resolved.proxy.clients = vec![reader, client("other", "other-secret", &[])];
}

/// The status that some bytes get on a connection of their own.
async fn status(stage: &Stage, bytes: &str) -> u16 {
    let said = stage.speak(bytes.as_bytes()).await;
    let status = said
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("{bytes}\ngot {said:?}"))
}

fn nothing_was_sent(stage: &Stage, what: &str) {
    let journal = stage.tenant.journal();
    let calls = journal.iter().filter(|entry| entry.face != Face::Auth);
    assert_eq!(calls.count(), 0, "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_tried_is_refused() {
    let stage = Stage::with(|_tenant| {}, guarded).await;
    let known = format!("Authorization: {}\r\n", basic("reader", "read-secret"));
    let other = format!("Authorization: {}\r\n", basic("other", "other-secret"));
    let at = |line: &str, headers: &str| {
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n")
    };
    let get = |path: &str, headers: &str| at(&format!("GET {path}"), headers);
    let removed = {
        let gone = Stage::with(
            |_tenant| {},
            |resolved| resolved.proxy.clients = vec![client("removed", "gone-secret", &[EMEA])],
        )
        .await;
        let told = token(&gone, "removed", "gone-secret").await.json();
        told["access_token"].as_str().unwrap().to_owned()
    };
    let attempts: Vec<(&str, u16, String)> = vec![
        // Web pages.
        (
            "a page of another origin",
            403,
            get(PATH, &format!("{known}Origin: https://evil.example\r\n")),
        ),
        (
            "a page without an origin",
            403,
            get(PATH, &format!("{known}Origin: null\r\n")),
        ),
        (
            "an image on a page",
            403,
            get(PATH, &format!("{known}Sec-Fetch-Site: cross-site\r\n")),
        ),
        (
            "a page that asks for a token",
            403,
            at(
                "POST /v2/token",
                "Origin: https://evil.example\r\nContent-Length: 0\r\n",
            ),
        ),
        (
            "a name that an attacker lets point here",
            421,
            format!(
                "GET {PATH} HTTP/1.1\r\nHost: evil.example:7362\r\nConnection: close\r\n{known}\r\n"
            ),
        ),
        (
            "the tenant's name, let point here",
            421,
            format!(
                "GET {PATH} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{known}\r\n",
                host(&stage, "rest")
            ),
        ),
        // Neighbours.
        ("nobody", 401, get(PATH, "")),
        (
            "a guess",
            401,
            get(
                PATH,
                &format!("Authorization: {}\r\n", basic("reader", "guess")),
            ),
        ),
        (
            "a removed client's placeholder",
            401,
            get(PATH, &format!("Authorization: Bearer {removed}\r\n")),
        ),
        (
            "the same in the query",
            401,
            get(&format!("{PATH}?access_token={removed}"), ""),
        ),
        (
            "a name in a header of our own",
            401,
            get(PATH, "Sfmc-Client: reader\r\nX-Forwarded-User: reader\r\n"),
        ),
        ("TRACE", 405, at(&format!("TRACE {PATH}"), &known)),
        // Other accounts, other tenants.
        (
            "another account",
            403,
            get("/@acme:apac/asset/v1/content/assets", &known),
        ),
        (
            "another account, by header",
            403,
            get(PATH, &format!("{known}Sfmc-Account: 510001234\r\n")),
        ),
        (
            "another tenant",
            404,
            get("/@beta/asset/v1/content/assets", &known),
        ),
        (
            "two accounts",
            400,
            get(
                "/@acme:emea/asset/v1/content/assets",
                &format!("{known}Sfmc-Account: apac\r\n"),
            ),
        ),
        // Paths against a policy.
        (
            "a path that is not allowed",
            403,
            get("/contacts/v1/x", &known),
        ),
        ("dots", 403, get("/asset/v1/../../contacts/v1/x", &known)),
        (
            "escaped dots",
            403,
            get("/asset/v1/%2e%2e/%2E%2E/contacts/v1/x", &known),
        ),
        (
            "dots escaped twice",
            403,
            get("/asset/v1/%252e%252e/%252e%252e/contacts/v1/x", &known),
        ),
        ("slashes", 403, get("//contacts/v1/x", &known)),
        ("an escaped slash", 403, get("/asset%2fv1/../x", &known)),
        (
            "a backslash",
            403,
            get("/asset/v1/..%5c..%5ccontacts", &known),
        ),
        ("another case", 403, get("/ASSET/v1/content/assets", &known)),
        (
            "another method",
            403,
            at(&format!("DELETE {PATH}/1"), &known),
        ),
        (
            "another method in a header",
            403,
            get(PATH, &format!("{known}X-HTTP-Method-Override: DELETE\r\n")),
        ),
        // Hosts.
        (
            "a metadata address",
            403,
            get("http://169.254.169.254/latest/meta-data", &known),
        ),
        (
            "CONNECT to a metadata address",
            403,
            at("CONNECT 169.254.169.254:80", &known),
        ),
        (
            "CONNECT to a neighbour",
            403,
            at("CONNECT 127.0.0.1:22", &known),
        ),
        (
            "CONNECT to another tenant",
            403,
            at("CONNECT mcevil.rest.marketingcloudapis.com:443", &known),
        ),
        (
            "CONNECT by nobody",
            407,
            at(&format!("CONNECT {}:443", host(&stage, "rest")), ""),
        ),
        (
            "another host inside the path",
            403,
            get("/https://evil.example/asset/v1/x", &known),
        ),
        // Headers.
        ("two clients", 401, get(PATH, &format!("{known}{other}"))),
        (
            "two hosts",
            400,
            get(PATH, &format!("{known}Host: evil.example\r\n")),
        ),
        (
            "a folded header",
            400,
            get(PATH, &format!("X: y\r\n {known}")),
        ),
        (
            "a name with a space",
            400,
            get(PATH, &format!("{known}Authorization : Bearer x\r\n")),
        ),
        (
            "an unknown transfer coding",
            400,
            at(
                &format!("POST {PATH}"),
                &format!("{known}Transfer-Encoding: xchunked\r\n"),
            ),
        ),
        (
            "a transfer coding after chunked",
            400,
            at(
                &format!("POST {PATH}"),
                &format!("{known}Transfer-Encoding: chunked, identity\r\n"),
            ),
        ),
        (
            "two lengths",
            400,
            at(
                &format!("POST {PATH}"),
                &format!("{known}Content-Length: 1\r\nContent-Length: 2\r\n"),
            ),
        ),
    ];
    for (what, expected, bytes) in &attempts {
        assert_eq!(status(&stage, bytes).await, *expected, "{what}");
        nothing_was_sent(&stage, what);
    }
    let answer = stage.speak(get(PATH, &known).as_bytes()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200 "),
        "the same client, as it should: {answer}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_tried_inside_a_connect_is_refused_as_well() {
    let stage = Stage::with(|_tenant| {}, guarded).await;
    let rest = host(&stage, "rest");
    let known = format!(
        "Proxy-Authorization: {}\r\n",
        basic("reader", "read-secret")
    );
    for (what, expected, head) in [
        (
            "a page of another origin",
            "403",
            format!("GET {PATH} HTTP/1.1\r\nHost: {rest}\r\nOrigin: https://evil.example\r\n"),
        ),
        (
            "an image on a page",
            "403",
            format!("GET {PATH} HTTP/1.1\r\nHost: {rest}\r\nSec-Fetch-Site: cross-site\r\n"),
        ),
        (
            "another host",
            "421",
            format!("GET {PATH} HTTP/1.1\r\nHost: evil.example\r\n"),
        ),
        (
            "the admin listener",
            "421",
            format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n", stage.proxy.admin()),
        ),
        (
            "a path that is not allowed",
            "403",
            format!("GET /contacts/v1/x HTTP/1.1\r\nHost: {rest}\r\n"),
        ),
        (
            "another account",
            "403",
            format!("GET /@acme:apac{PATH} HTTP/1.1\r\nHost: {rest}\r\n"),
        ),
    ] {
        let mut stream = through(&stage, &format!("{rest}:443"), &known, &rest).await;
        let request = format!("{head}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.ok();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(
            said.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{what}: {said}"
        );
        nothing_was_sent(&stage, what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_inside_anothers_body_is_a_request_of_nobody() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.proxy.clients = vec![ClientSettings {
                name: "writer".to_owned(),
                secrets: vec![Secret::new("write-secret")],
                usernames: Vec::new(),
                grant: Grant {
                    tenants: vec!["acme".to_owned()],
                    ..Grant::default()
                },
            }];
        },
    )
    .await;
    let inner = "POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let outer = format!(
        "POST /sandbox/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: {}\r\nContent-Length: {}\r\nTransfer-Encoding: \
         chunked\r\n\r\n0\r\n\r\n{inner}",
        basic("writer", "write-secret"),
        inner.len() + 5
    );
    let said = stage.speak(outer.as_bytes()).await;
    // The library believes neither length, and closes after the first.
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    let received = stage.received();
    assert_eq!(
        json!(received.len()),
        json!(1),
        "the inner one was not sent"
    );
    assert_eq!(
        received[0]
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .count(),
        1
    );
}
