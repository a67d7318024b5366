//! What the page makes of a model: nothing from outside becomes markup, and no model makes it large.

mod summing;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use http_body_util::BodyExt;

use super::model::*;
use super::summary::summary;
use super::*;

const HOSTILE: &str = "</code><script>alert('x')</script><img src=x onerror=\"y\">";

fn at() -> Moment {
    Moment(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
}

fn error() -> Error {
    Error {
        at: at(),
        times: 3,
        account: Some(HOSTILE.to_owned()),
        api: Some("rest"),
        client: HOSTILE.to_owned(),
        method: "GET".to_owned(),
        route: Some(HOSTILE.to_owned()),
        operation: None,
        object_type: None,
        status: 404,
        code: None,
        what: HOSTILE.to_owned(),
        fix: HOSTILE.to_owned(),
    }
}

fn account(name: &str) -> Account {
    Account {
        name: name.to_owned(),
        account_id: Some(510_001_234),
        default: false,
        token: Some(Token {
            obtained_at: at(),
            age_seconds: 79,
            expires_at: at(),
            expires_in_seconds: 1_000,
        }),
        mints_last_20_minutes: 2,
        failed_mints_last_20_minutes: 1,
        rests: Some(Rests {
            account_seconds: Some(30),
            routes: 2,
            routes_seconds: 60,
        }),
        cooldown_seconds: 3,
        last_error: Some(MintFailure {
            at: at(),
            what: HOSTILE.to_owned(),
            fix: HOSTILE.to_owned(),
            over: false,
            login: None,
        }),
    }
}

fn scope() -> Scope {
    Scope {
        scope: "email_read",
        calls: 1,
        last: at(),
        example: HOSTILE.to_owned(),
    }
}

fn tenant(name: &str) -> Tenant {
    Tenant {
        name: name.to_owned(),
        kind: "marketing_cloud",
        grant: "client_credentials",
        ready: true,
        login: None,
        client_secret: Some("current"),
        accounts: (0..200)
            .map(|number| account(&format!("account-{number}")))
            .collect(),
        accounts_without_token: 300,
        accounts_left_out: 7,
        apis: vec![Api {
            api: "rest",
            calls: 1_000,
            refusals: 1,
            replays: 1,
            throttled: 1,
            latency: Latency {
                count: 1_000,
                p50_ms: Some(12.0),
                p90_ms: Some(40.0),
                p99_ms: Some(90.0),
                buckets: vec![Bucket {
                    le_seconds: 0.1,
                    count: 990,
                }],
            },
        }],
        scopes: Scopes {
            asked: Some(vec![HOSTILE.to_owned(); 100]),
            granted: Some(vec![HOSTILE.to_owned(); 100]),
            used: vec![scope()],
            missing: vec![scope()],
            unneeded: vec![HOSTILE.to_owned()],
        },
        errors: (0..50).map(|_| error()).collect(),
    }
}

fn client(name: &str) -> Client {
    let call = || Call {
        tenant: "acme".to_owned(),
        account: "emea".to_owned(),
        call: HOSTILE.to_owned(),
        times: 1,
        last: at(),
    };
    let last = || LastCall {
        at: at(),
        tenant: Some(HOSTILE.to_owned()),
        account: Some(HOSTILE.to_owned()),
        api: Some("rest"),
        method: "GET".to_owned(),
        route: Some(HOSTILE.to_owned()),
        operation: None,
        object_type: None,
        status: 404,
        duration_ms: 1.5,
    };
    let refusal = || WouldRefuse {
        code: "policy_denied",
        call: HOSTILE.to_owned(),
        times: 1,
        last: at(),
    };
    Client {
        name: name.to_owned(),
        policy: "observe",
        default_tenant: Some("acme".to_owned()),
        default_accounts: BTreeMap::from([("acme".to_owned(), "default".to_owned())]),
        last_calls: (0..10).map(|_| last()).collect(),
        would_refuse: (0..100).map(|_| refusal()).collect(),
        calls: (0..300).map(|_| call()).collect(),
        calls_left_out: 9,
        unclear: None,
        names_accounts: None,
    }
}

fn status(tenants: usize, clients: usize) -> Status {
    let mut status = Status {
        version: "0",
        at: at(),
        started_at: at(),
        summary: Summary::empty(),
        ready: true,
        not_ready_because: None,
        draining: false,
        configuration: Configuration {
            in_force: false,
            refused_at: Some(at()),
            faults: vec![HOSTILE.to_owned()],
            faults_left_out: 2,
        },
        shared_state: Some(SharedState { up: false }),
        tenants: (0..tenants)
            .map(|number| tenant(&format!("tenant-{number}")))
            .collect(),
        clients: (0..clients)
            .map(|number| client(&format!("client-{number}")))
            .collect(),
        errors: (0..50).map(|_| error()).collect(),
    };
    status.summary = summary(&status);
    status
}

async fn text(status: &Status) -> String {
    let content = body(status, &Desk::default(), None);
    let answer = page::document(StatusCode::OK, "Status", &Markup::default(), &content);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[tokio::test]
async fn nothing_from_outside_becomes_markup() {
    let page = text(&status(1, 1)).await;
    for never in ["<script", "<img", "onerror=\"", " style="] {
        assert!(!page.contains(never), "{never}");
    }
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    // It is well formed, so that nothing is left open either.
    let page = page.replace("<!DOCTYPE html>\n", "");
    for void in ["meta", "link"] {
        assert!(page.contains(&format!("<{void} ")));
    }
    let closed = close_void_elements(&page);
    if let Err(error) = roxmltree::Document::parse(&closed) {
        panic!("{error}\n{closed}");
    }
}

/// As XML wants them.
fn close_void_elements(page: &str) -> String {
    let lines = page.lines().map(|line| {
        if line.starts_with("<meta ") || line.starts_with("<link ") {
            line.replace("\">", "\"/>")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_page_of_many_tenants_accounts_and_clients_stays_small() {
    let mut many = status(100, 100);
    for tenant in &mut many.tenants {
        // As long as the vendor's longest names are.
        let names = vec!["event_notification_subscription_create".to_owned(); 100];
        tenant.scopes.asked = Some(names.clone());
        tenant.scopes.granted = Some(names);
    }
    let page = text(&many).await;
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    assert!(
        page.contains("And 85 more in <a href=\"/status.json\">the JSON</a>."),
        "tenants"
    );
    assert!(page.contains("And 195 more in"), "accounts");
    assert!(page.contains("300 further accounts have no token"));
}

#[test]
fn a_page_loads_itself_anew_only_if_asked_and_not_too_often() {
    for (query, seconds) in [
        (None, None),
        (Some("refresh=10"), Some(10)),
        (Some("x=1&refresh=60"), Some(60)),
        (Some("refresh=1"), None),
        (Some("refresh=0"), None),
        (Some("refresh=4000"), None),
        (Some("refresh=10;url=https://evil.example"), None),
    ] {
        assert_eq!(refresh(query), seconds, "{query:?}");
    }
}

#[test]
fn of_too_many_accounts_those_that_fail_are_told() {
    let accounts = (0..205).map(|number| {
        let mut account = account(&format!("account-{number:03}"));
        // The last by name fails, and the one before has failed.
        if let Some(error) = account.last_error.as_mut().filter(|_| number < 204) {
            error.over = true;
        }
        account
    });
    let (told, left_out) = gather::first(accounts.collect());
    assert_eq!((told.len(), left_out), (200, 5));
    assert_eq!(told[0].name, "account-204");
    assert_eq!(told[1].name, "account-000");
    // One that rests has a finding as well.
    let accounts = (0..205).map(|number| {
        let mut account = account(&format!("account-{number:03}"));
        account.last_error = None;
        account.rests = account.rests.filter(|_| number == 203);
        account
    });
    let (told, _left_out) = gather::first(accounts.collect());
    assert_eq!(told[0].name, "account-203");
    assert_eq!(told[1].name, "account-000");
}
