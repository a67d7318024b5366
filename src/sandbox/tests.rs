//! The tenant over real sockets.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{ask_token, call, connect, connect_as, control, parsed, rest, tenant, token};
use super::{Face, Switches, Tenant};

#[tokio::test]
async fn a_token_works_in_its_account_only() {
    let tenant = tenant().await;
    let (_, answer) = ask_token(&tenant, json!({})).await;
    assert_eq!(answer["expires_in"], 1079);
    assert_eq!(answer["rest_instance_url"], tenant.rest_url());
    assert_eq!(
        answer["access_token"].as_str().unwrap().split('.').count(),
        4
    );
    let first = token(&tenant, json!({})).await;
    let second = token(&tenant, json!({"account_id": "510001235"})).await;

    let asset = r#"{"name": "mine", "assetType": {"id": 28}, "file": "aGVsbG8="}"#;
    let made = rest(&tenant, "POST", "//asset/v1/content/assets", &first, asset).await;
    assert_eq!(made.status(), 201);
    let id = parsed(&made)["id"].to_string();
    let file = format!("/asset/v1/content/assets/{id}/file");
    assert_eq!(
        rest(&tenant, "GET", &file, &first, "")
            .await
            .body()
            .as_ref(),
        b"hello"
    );
    assert_eq!(rest(&tenant, "GET", &file, &second, "").await.status(), 404);

    let entry = tenant
        .journal()
        .into_iter()
        .find(|entry| entry.method == "POST" && entry.face == Face::Rest)
        .unwrap();
    assert_eq!(entry.target, "//asset/v1/content/assets");
    assert_eq!(entry.account, Some(510_001_234));
    assert_eq!(
        (entry.status, entry.complete, entry.token_valid),
        (Some(201), true, true)
    );
    assert_eq!(entry.body_text(), asset);
    assert_eq!(tenant.mints(), 3);
}

#[tokio::test]
async fn token_requests_are_judged_strictly() {
    let tenant = tenant().await;
    let cases = [
        (json!({"client_secret": "wrong"}), 401, "invalid_client"),
        (
            json!({"grant_type": "password"}),
            400,
            "unsupported_grant_type",
        ),
        (json!({"account_id": 1}), 400, "invalid_request"),
        (json!({"account_id": "1x"}), 400, "invalid_request"),
        (
            json!({"scope": "email_read nonsense"}),
            400,
            "invalid_scope",
        ),
    ];
    for (changes, status, error) in cases {
        let (seen, answer) = ask_token(&tenant, changes).await;
        assert_eq!((seen, answer["error"].as_str().unwrap()), (status, error));
    }
    let form = "grant_type=client_credentials&client_id=sandboxclientid000000000&client_secret=sandboxclientsecret00000&account_id=510001236";
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = call(&tenant, Face::Auth, "POST", "/v2/token", &headers, form)
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let headers = [("Content-Type", "application/json")];
    let answer = call(&tenant, Face::Auth, "POST", "/v2/token", &headers, "{")
        .await
        .unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!((tenant.mints(), tenant.token_requests()), (1, 7));
}

#[tokio::test]
async fn scopes_are_missed_in_the_manner_of_the_route() {
    let tenant = tenant().await;
    let none = token(&tenant, json!({"scope": ""})).await;
    let hub = rest(
        &tenant,
        "POST",
        "/hub/v1/dataevents/key:K/rowset",
        &none,
        "nonsense",
    )
    .await;
    assert_eq!(
        (hub.status().as_u16(), &parsed(&hub)["message"]),
        (401, &json!("Not Authorized"))
    );
    let target = "/data/v1/customobjectdata/key/sandbox-orders/rowset?$page=2&$pageSize=10";
    let data = rest(&tenant, "GET", target, &none, "").await;
    assert_eq!(
        (data.status().as_u16(), &parsed(&data)["errorcode"]),
        (403, &json!(20_002))
    );
    let all = token(&tenant, json!({})).await;
    let page = parsed(&rest(&tenant, "GET", target, &all, "").await);
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["count"]),
        (10, &json!(25))
    );
    let next = format!("/data{}", page["links"]["next"].as_str().unwrap());
    let last = parsed(&rest(&tenant, "GET", &next, &all, "").await);
    assert_eq!(
        (
            last["items"].as_array().unwrap().len(),
            &last["links"]["next"]
        ),
        (5, &Value::Null)
    );
}

#[tokio::test]
async fn what_a_proxy_must_not_send_is_refused() {
    let tenant = tenant().await;
    let bearer = token(&tenant, json!({})).await;
    let faulty = [
        ("Sfmc-Account", "1"),
        ("X-Forwarded-For", "10.0.0.1"),
        ("Proxy-Authorization", "Basic x"),
        ("Connection", "X-Hop"),
        ("Keep-Alive", "timeout=5"),
    ];
    for (name, value) in faulty {
        let headers = [("Authorization", bearer.as_str()), (name, value)];
        let answer = call(&tenant, Face::Rest, "GET", "/sandbox/echo", &headers, "")
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{name}");
        assert_eq!(tenant.journal().last().unwrap().faults.len(), 1);
    }
    let headers = [("Authorization", bearer.as_str()), ("Host", "localhost")];
    let answer = call(&tenant, Face::Rest, "GET", "/sandbox/echo", &headers, "")
        .await
        .unwrap();
    assert_eq!(answer.status(), 421);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Authorization", bearer.as_str()),
    ];
    let answer = call(&tenant, Face::Rest, "GET", "/sandbox/echo", &headers, "")
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn dead_tokens_are_refused() {
    let tenant = tenant().await;
    let kill: [fn(&Tenant); 2] = [Tenant::revoke_all, Tenant::expire_all];
    for kill in kill {
        let bearer = token(&tenant, json!({})).await;
        assert_eq!(
            rest(&tenant, "GET", "/sandbox/echo", &bearer, "")
                .await
                .status(),
            200
        );
        kill(&tenant);
        assert_eq!(
            rest(&tenant, "GET", "/sandbox/echo", &bearer, "")
                .await
                .status(),
            401
        );
    }
    tenant.set_switches(Switches {
        one_token_per_client: true,
        ..Switches::default()
    });
    let (old, new) = (
        token(&tenant, json!({})).await,
        token(&tenant, json!({})).await,
    );
    assert_eq!(
        rest(&tenant, "GET", "/sandbox/echo", &old, "")
            .await
            .status(),
        401
    );
    assert_eq!(
        rest(&tenant, "GET", "/sandbox/echo", &new, "")
            .await
            .status(),
        200
    );
    tenant.set_lifetime(Duration::from_millis(50));
    let short = token(&tenant, json!({"account_id": 510_001_235})).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(
        rest(&tenant, "GET", "/sandbox/echo", &short, "")
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn heads_are_recorded_as_they_stood_on_the_wire() {
    let tenant = tenant().await;
    let bearer = token(&tenant, json!({})).await;
    let mut stream = connect(&tenant, Face::Rest).await.unwrap();
    for number in 0..2 {
        let head = format!(
            "POST /sandbox/ECHO%2f?$a={number} HTTP/1.1\r\nhOST: {}\r\nx-a: 1\r\nX-B: 2\r\nX-a: 3\r\nAuthorization: {bearer}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trail: t\r\n\r\n",
            tenant.rest_authority()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..length].starts_with(b"HTTP/1.1 404"));
        let entry = tenant.journal().pop().unwrap();
        assert_eq!(entry.target, format!("/sandbox/ECHO%2f?$a={number}"));
        let names: Vec<&str> = entry
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "hOST",
                "x-a",
                "X-B",
                "X-a",
                "Authorization",
                "Transfer-Encoding"
            ]
        );
        assert_eq!(entry.trailers, [("x-trail".to_owned(), "t".to_owned())]);
        assert_eq!(entry.server_name.as_deref(), Some("localhost"));
    }
}

#[tokio::test]
async fn plumbing_routes_do_what_they_say() {
    let tenant = tenant().await;
    let bearer = token(&tenant, json!({})).await;
    let upload = rest(&tenant, "PUT", "/sandbox/upload?early=401", &bearer, "abc").await;
    assert_eq!(upload.status(), 401);
    let head = rest(&tenant, "HEAD", "/sandbox/status/301", &bearer, "").await;
    assert_eq!((head.status().as_u16(), head.body().len()), (301, 0));
    assert!(
        head.headers()["location"]
            .to_str()
            .unwrap()
            .starts_with(&tenant.rest_url())
    );
    assert_eq!(
        rest(&tenant, "GET", "/sandbox/status/204", &bearer, "")
            .await
            .status(),
        204
    );
    let many = rest(
        &tenant,
        "GET",
        "/sandbox/headers?count=300&header=X-Own:%20v",
        &bearer,
        "",
    )
    .await;
    assert_eq!(
        (
            many.headers().len() > 300,
            many.headers().get_all("set-cookie").iter().count()
        ),
        (true, 2)
    );
    let gzip = rest(&tenant, "GET", "/sandbox/gzip", &bearer, "").await;
    let mut text = String::new();
    let mut decoder = flate2::read::GzDecoder::new(gzip.body().as_ref());
    std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
    assert_eq!(text, r#"{"compressed": true}"#);
    let slow = rest(&tenant, "GET", "/sandbox/slow?ms=1&then=1", &bearer, "").await;
    assert_eq!(parsed(&slow), json!({"slow": true}));
    let headers = [
        ("Authorization", bearer.as_str()),
        ("TE", "trailers"),
        ("Connection", "TE"),
    ];
    let bytes = call(
        &tenant,
        Face::Rest,
        "GET",
        "/sandbox/bytes/70000?trailers=1",
        &headers,
        "",
    );
    let bytes = bytes.await.unwrap();
    assert_eq!(
        (bytes.body().len(), bytes.body()[69_999]),
        (70_000, super::pattern_byte(69_999))
    );
}

#[tokio::test]
async fn the_control_api_drives_the_same_state() {
    let tenant = tenant().await;
    let script = r#"{"face": "rest", "status": 503, "count": 2}"#;
    assert!(
        control(&tenant, "POST", "/script", script, "")
            .await
            .contains("200 OK")
    );
    assert_eq!(tenant.scripts_waiting(), 1);
    let unknown = control(
        &tenant,
        "POST",
        "/script",
        r#"{"face": "rest", "statsu": 503}"#,
        "",
    )
    .await;
    assert!(
        unknown.contains("400 Bad Request") && unknown.contains(r#"\"status\""#),
        "{unknown}"
    );
    control(&tenant, "PUT", "/switches", r#"{"gzip": true}"#, "").await;
    assert!(tenant.switches().gzip);
    control(&tenant, "PUT", "/lifetime", r#"{"seconds": 3}"#, "").await;
    assert_eq!(ask_token(&tenant, json!({})).await.1["expires_in"], 3);
    let journal = control(&tenant, "GET", "/journal?face=auth&since=0", "", "").await;
    assert!(journal.contains(r#""target":"/v2/token""#), "{journal}");
    assert!(
        control(&tenant, "GET", "/state", "", "")
            .await
            .contains(r#""mints":1"#)
    );
    let foreign = control(&tenant, "GET", "/", "", "Origin: https://example.com\r\n").await;
    assert!(foreign.contains("403"));
}

#[tokio::test]
async fn every_face_answers_to_the_vendors_names() {
    let tenant = tenant().await;
    let names = [
        (
            Face::Auth,
            "mcsandbox0000000000000000000.auth.marketingcloudapis.com",
        ),
        (Face::Core, "mcsandbox0000000000000000000.my.salesforce.com"),
        (Face::Core, "login.salesforce.com"),
        (Face::Core, "test.salesforce.com"),
        (
            Face::DataCloud,
            "sandboxdatacloud000000000.c360a.salesforce.com",
        ),
        (Face::AccountEngagement, "pi.pardot.com"),
        (Face::AccountEngagement, "pi.demo.pardot.com"),
    ];
    for (face, name) in names {
        let mut stream = connect_as(&tenant, face, name).await.unwrap();
        let head = format!("GET /nothing HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // The tenant closes without a TLS farewell.
        let _ = stream.read_to_string(&mut answer).await;
        assert!(!answer.is_empty() && !answer.contains(" 421 "), "{answer}");
        let entry = tenant.journal().pop().unwrap();
        assert_eq!(
            (entry.face, entry.server_name.as_deref()),
            (face, Some(name))
        );
        assert!(entry.faults.is_empty());
    }
    assert!(
        connect_as(&tenant, Face::Core, "evil.example.com")
            .await
            .is_err()
    );
}
