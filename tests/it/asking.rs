//! `scopes` and `suggest` as people type them: against a small server that tells what a running proxy would, and on records of a
//! real audit. That what is suggested lets through what was called is tried on the real policy.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Output;
use std::thread;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use sfmc_auth_proxy::sandbox::{self, Face};

use crate::harness::{Client, tenant_settings};
use crate::identities::basic;
use crate::process::{Process, configuration, run};

/// What a running proxy tells, as far as the two commands read it.
fn status() -> Value {
    json!({
        "version": "0",
        "at": "2026-03-09T10:00:00Z",
        "started_at": "2026-01-01T10:00:00Z",
        "tenants": [
            {
                "name": "acme", "kind": "marketing_cloud", "grant": "client_credentials",
                "scopes": {
                    "asked": null,
                    "granted": ["data_extensions_read", "email_send", "sms_send"],
                    "used": [{"scope": "data_extensions_read", "calls": 120, "last": "2026-03-09T09:00:00Z", "example": "GET /data/v1/customobjectdata"}],
                    "missing": [
                        {"scope": "journeys_read", "calls": 3, "last": "2026-03-08T09:00:00Z", "example": "POST /interaction/v1/events"},
                        {"scope": "email_send", "calls": 1, "last": "2026-03-08T09:00:00Z", "example": "POST /messaging/v1/email"},
                    ],
                    "unneeded": [],
                },
            },
            {"name": "other", "kind": "salesforce", "grant": "jwt_bearer", "scopes": {"asked": null, "granted": null, "used": [], "missing": [], "unneeded": []}},
        ],
        "clients": [
            {
                "name": "newsletter", "policy": "observe", "last_calls": [], "would_refuse": [], "calls_left_out": 0,
                "calls": [
                    {"tenant": "acme", "account": "default", "call": "GET /data/v1/customobjectdata", "times": 120, "last": "2026-03-09T09:00:00Z"},
                    {"tenant": "acme", "account": "default", "call": "GET /data/v1/async", "times": 2, "last": "2026-03-09T09:00:00Z"},
                    {"tenant": "acme", "account": "default", "call": "POST /interaction/v1/events", "times": 3, "last": "2026-03-09T09:00:00Z"},
                    {"tenant": "acme", "account": "default", "call": "GET /unheard/v1/of", "times": 1, "last": "2026-03-09T09:00:00Z"},
                ],
            },
            {
                "name": "reader", "policy": "enforce", "last_calls": [], "would_refuse": [], "calls_left_out": 2,
                "calls": [
                    {"tenant": "acme", "account": "emea", "call": "SOAP Retrieve DataExtensionObject[*]", "times": 5, "last": "2026-03-09T09:00:00Z"},
                    {"tenant": "acme", "account": "emea", "call": "GET /{id}/v1/x", "times": 5, "last": "2026-03-09T09:00:00Z"},
                ],
            },
            {"name": "idle", "policy": "enforce", "last_calls": [], "would_refuse": [], "calls": [], "calls_left_out": 0},
        ],
    })
}

/// Answers `/status.json` with this, to whoever shows `token` where one is wanted, and nothing else.
fn telling(status: &Value, token: Option<&'static str>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let body = status.to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut chunk = [0; 1024];
            while !head.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut chunk).unwrap();
                if read == 0 {
                    break;
                }
                head.extend_from_slice(&chunk[..read]);
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let shown = token
                .is_none_or(|token| head.contains(&format!("authorization: bearer {token}\r\n")));
            let (status, body) = match shown {
                _ if !head.starts_with("get /status.json ") => ("404 Not Found", ""),
                true => ("200 OK", body.as_str()),
                false => ("401 Unauthorized", ""),
            };
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    address
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn ask(arguments: &[&str], address: SocketAddr, folder: &Path) -> (Option<i32>, String, String) {
    let url = format!("http://{address}");
    let mut all = arguments.to_vec();
    all.extend(["--url", &url]);
    said(&run(&all, &[], folder))
}

#[test]
fn scopes_are_told_with_what_to_paste() {
    let folder = TempDir::new().unwrap();
    let address = telling(&status(), None);
    let (code, out, err) = ask(&["scopes", "acme"], address, folder.path());
    assert_eq!(code, Some(0), "{err}");
    for line in [
        "tenant acme (marketing_cloud), watched from 2026-01-01T10:00:00Z to 2026-03-09T10:00:00Z",
        "granted: data_extensions_read, email_send, sms_send",
        "  data_extensions_read  120 calls, the last at 2026-03-09T09:00:00Z, such as GET /data/v1/customobjectdata",
        "  journeys_read  3 calls, the last at 2026-03-08T09:00:00Z, such as POST /interaction/v1/events",
        "  email_send  1 call, the last at 2026-03-08T09:00:00Z, such as POST /messaging/v1/email; the token has it, so look at the user's permission or the account's feature",
        "unneeded:",
        "  sms_send",
        "calls whose scope is not known:",
        "  GET /unheard/v1/of",
        "# needed beside others: list_and_subscribers_read",
        "# not granted now, so add it to the installed package first: journeys_read, list_and_subscribers_read",
        "scope = [\"data_extensions_read\", \"email_send\", \"journeys_read\", \"list_and_subscribers_read\"]",
    ] {
        assert!(out.lines().any(|printed| printed == line), "{line}\n{out}");
    }
    assert!(
        err.contains("2 kinds of calls of which the table does not know what scopes they need"),
        "{err}"
    );
    assert!(!err.contains("watched for"), "long enough: {err}");
    let (code, out, _err) = ask(&["scopes", "acme", "--json"], address, folder.path());
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, Some(0));
    assert_eq!(told["unneeded"], json!(["sms_send"]));
    assert_eq!(told["missing"][0]["granted"], false);
    assert_eq!(told["scope"].as_array().unwrap().len(), 4);
    let (code, out, err) = ask(&["scopes", "other"], address, folder.path());
    assert_eq!(code, Some(0));
    assert!(
        !out.contains("scope = ") && err.contains("no tenant of Marketing Cloud"),
        "{out}{err}"
    );
}

#[test]
fn a_list_is_suggested_that_can_be_pasted() {
    let folder = TempDir::new().unwrap();
    let mut told = status();
    let address = telling(&told, None);
    let (code, out, err) = ask(&["suggest", "newsletter"], address, folder.path());
    assert_eq!(code, Some(0), "{err}");
    let read: toml::Value = toml::from_str(&out).unwrap();
    assert_eq!(read["tenants"], toml::Value::from(vec!["acme"]));
    assert!(
        read.get("accounts").is_none(),
        "the default one needs no list"
    );
    assert_eq!(read["mode"].as_str(), Some("full"));
    assert_eq!(
        read["allow"],
        toml::Value::from(vec![
            "GET /data/v1/**",
            "POST /interaction/v1/events/**",
            "GET /unheard/v1/of/**"
        ])
    );
    assert!(
        out.starts_with("# For [clients.newsletter]: 126 calls, from 2026-01-01T10:00:00Z"),
        "{out}"
    );
    let (code, out, err) = ask(&["suggest", "reader"], address, folder.path());
    assert_eq!(code, Some(0));
    assert_eq!(
        out.lines().skip(1).collect::<Vec<_>>(),
        [
            "tenants = [\"acme\"]",
            "accounts = [\"emea\"]",
            "mode = \"read_only\"",
            "allow = [",
            "    \"SOAP Retrieve DataExtensionObject[*]\",",
            "]"
        ]
    );
    for words in [
        "2 kinds of calls were not kept",
        "\"GET /{id}/v1/x\" was seen, and no pattern can be made of it",
    ] {
        assert!(err.contains(words), "{err}");
    }
    let (code, out, err) = ask(&["suggest", "idle"], address, folder.path());
    assert_eq!((code, out.as_str()), (Some(1), ""), "never an empty list");
    assert!(err.contains("no call of client idle was seen"), "{err}");
    told["started_at"] = json!("2026-03-09T09:30:00Z");
    let (_code, _out, err) = ask(
        &["suggest", "newsletter"],
        telling(&told, None),
        folder.path(),
    );
    assert!(err.contains("calls were watched for 30m only"), "{err}");
}

#[test]
fn what_a_list_changes_or_lacks_is_told_before_it_is_pasted() {
    let folder = TempDir::new().unwrap();
    let mut told = status();
    let call = |tenant: &str, account: &str| json!({"tenant": tenant, "account": account, "call": "GET /asset/v1/content", "times": 1, "last": "2026-03-09T09:00:00Z"});
    // No member id is told of `acme`, and nothing is meant at `other` where nothing is selected.
    told["clients"] = json!([{
        "name": "reader", "policy": "enforce", "last_calls": [], "would_refuse": [], "calls_left_out": 0,
        "default_tenant": "acme", "default_accounts": {"acme": "default"},
        "calls": [call("acme", "emea"), call("other", "west"), call("other", "other")],
    }]);
    let ask = |told: &Value| ask(&["suggest", "reader"], telling(told, None), folder.path());
    let (code, out, err) = ask(&told);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        out.contains(
            "accounts = [\"MEMBER ID OF DEFAULT ACCOUNT\", \"emea\", \"MEMBER ID OF OTHER ACCOUNT\", \"west\"]\n"
        ),
        "{out}"
    );
    for words in [
        "no call for account default of tenant acme was seen; it is listed because",
        "calls of tenant acme were for the default account, whose member id is not known here",
        "calls of tenant other were for accounts that have no name",
        "calls that select no account of tenant other get none now",
    ] {
        assert!(err.contains(words), "{words}: {err}");
    }
    assert!(!err.contains("select no tenant"), "{err}");
    told["tenants"][0]["accounts"] =
        json!([{"name": "default", "account_id": 510_001_234, "default": true}]);
    told["clients"][0]["default_tenant"] = Value::Null;
    let (_code, out, err) = ask(&told);
    assert!(out.contains("accounts = [510001234, \"emea\", "), "{out}");
    assert!(!err.contains("calls of tenant acme"), "{err}");
    assert!(
        err.contains("calls that select no tenant get none now"),
        "{err}"
    );
    // Calls that select nothing are for a tenant of which nothing was seen.
    told["clients"][0]["default_tenant"] = json!("other");
    told["clients"][0]["default_accounts"] = json!({"acme": "default", "other": "west"});
    told["clients"][0]["calls"] = json!([call("acme", "default")]);
    let (_code, out, err) = ask(&told);
    assert!(
        out.contains("tenants = [\"other\", \"acme\"]\naccounts = [\"west\", 510001234]\n"),
        "{out}"
    );
    assert!(
        err.contains("no call for account west of tenant other was seen"),
        "{err}"
    );
}

#[test]
fn whoever_cannot_be_asked_is_told_why() {
    let folder = TempDir::new().unwrap();
    let address = telling(&status(), Some("admin-token-0123456789"));
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    fs::write(folder.path().join("token"), "admin-token-0123456789\n").unwrap();
    fs::write(folder.path().join("wrong"), "another\n").unwrap();
    for (arguments, at, expected, words) in [
        (
            &["scopes", "acme"][..],
            address,
            1,
            "wants the admin token (401",
        ),
        (
            &["scopes", "acme", "--admin-token-file", "wrong"],
            address,
            1,
            "does not take the admin token",
        ),
        (
            &["scopes", "acme", "--admin-token-file", "none"],
            address,
            2,
            "none cannot be read",
        ),
        (
            &["scopes", "acme", "--admin-token-file", "token"],
            address,
            0,
            "",
        ),
        (
            &["scopes", "acne", "--admin-token-file", "token"],
            address,
            2,
            "there is no tenant \"acne\" there; there are: acme, other",
        ),
        (
            &["suggest", "x", "--admin-token-file", "token"],
            address,
            2,
            "there is no client \"x\" there; there are: idle, newsletter, reader",
        ),
        (
            &["scopes", "acme"],
            free,
            1,
            "Start it, or name its admin listener with --url",
        ),
    ] {
        let (code, _out, err) = ask(arguments, at, folder.path());
        assert_eq!(code, Some(expected), "{arguments:?}: {err}");
        assert!(err.contains(words), "{arguments:?}: {err}");
        assert!(!err.contains("admin-token-0123456789"), "{err}");
    }
    // The configuration names the place and the token; to another place that token does not go.
    let text = format!("[admin]\nlisten = \"{address}\"\ntoken_file = \"token\"\n");
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let (code, out, err) = said(&run(&["scopes", "acme"], &[], folder.path()));
    assert_eq!(
        code,
        Some(0),
        "no tenant and no secret needs to be there: {err}"
    );
    assert!(out.contains("granted: data_extensions_read"), "{out}");
    let (code, _out, err) = ask(&["scopes", "acme"], address, folder.path());
    assert_eq!(code, Some(1), "{err}");
    let elsewhere = run(
        &["scopes", "acme", "--url", "https://127.0.0.1:1"],
        &[],
        folder.path(),
    );
    assert!(said(&elsewhere).2.contains("--url wants the http URL"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_from_records_lets_through_what_they_tell_of_and_no_more() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let before = "[audit]\nfile = \"audit.jsonl\"\n\n[clients.newsletter]\nsecret = \"news-secret-0123456789\"\naccounts = [510001234, \"emea\"]\n";
    let folder = configuration(&tenant, before);
    let seen = [
        ("GET", "/asset/v1/content/assets"),
        ("GET", "/@acme:emea/asset/v1/content/assets"),
        ("GET", "/v2/userinfo"),
        ("POST", "/hub/v1/dataevents/key:A/rowset"),
    ];
    let known = basic("newsletter", "news-secret-0123456789");
    let call = async |address, method: &str, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", &known)
            .header("content-type", "application/json")
            .body(Bytes::from_static(b"[]"))
            .unwrap();
        Client::connect(address)
            .await
            .send(request)
            .await
            .status
            .as_u16()
    };
    let mut process = Process::start(folder.path(), &[], &[]).await;
    for (method, path) in seen {
        assert!(
            call(process.address, method, path).await < 300,
            "{method} {path}"
        );
    }
    let asked = Client::connect(process.address)
        .await
        .get("/asset/v1/content/assets")
        .await;
    assert_eq!(asked.status, 401, "of nobody");
    process.signal("TERM");
    process.ended().await;
    let suggested = run(
        &["suggest", "newsletter", "--from", "audit.jsonl"],
        &[],
        folder.path(),
    );
    let (code, out, err) = said(&suggested);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.contains("calls were watched for less than a minute only"),
        "{err}"
    );
    let read: toml::Value = toml::from_str(&out).unwrap();
    assert_eq!(read["mode"].as_str(), Some("no_send"), "{out}");
    let accounts = toml::Value::Array(vec![510_001_234.into(), "emea".into()]);
    assert_eq!(read["accounts"], accounts, "the default one first");
    let (code, _out, err) = said(&run(
        &["suggest", "x", "--from", "audit.jsonl"],
        &[],
        folder.path(),
    ));
    assert_eq!(code, Some(2));
    assert!(
        err.contains("there are: ") && err.contains("newsletter"),
        "{err}"
    );
    // What was printed is the configuration now.
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("accounts = [510001234, \"emea\"]\n", &out);
    fs::write(&file, text).unwrap();
    let process = Process::start(folder.path(), &[], &[]).await;
    for (method, path) in seen {
        assert!(
            call(process.address, method, path).await < 300,
            "{method} {path}"
        );
    }
    let arrived = |tenant: &sandbox::Tenant| {
        let journal = tenant.journal();
        journal
            .iter()
            .filter(|entry| entry.face == Face::Rest)
            .count()
    };
    let before = arrived(&tenant);
    for (method, path) in [
        ("DELETE", "/asset/v1/content/assets/1"),
        ("GET", "/contacts/v1/schema"),
        ("POST", "/messaging/v1/email/messages/k"),
        ("GET", "/@acme:510001236/asset/v1/content/assets"),
    ] {
        assert_eq!(
            call(process.address, method, path).await,
            403,
            "{method} {path}"
        );
    }
    assert_eq!(arrived(&tenant), before);
}
