//! The token endpoint's side of the proxy: what is asked, which answers are believed, how often it is asked again.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sfmc_auth_proxy::app;
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::sandbox::{self, Entry, ErrorShape, Face, Script};
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::server::Address;

use crate::harness::{APAC, EMEA, PARENT, Stage, resolved, tenant_settings, until};

const ECHO: &str = "/sandbox/echo";

/// A proxy that starts only after the tenant has been told how to answer.
async fn prepared(prepare: impl FnOnce(&sandbox::Tenant)) -> Stage {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    prepare(&tenant);
    let proxy = app::start(resolved(&tenant)).await.unwrap();
    Stage { tenant, proxy }
}

fn token_calls(stage: &Stage) -> Vec<std::sync::Arc<Entry>> {
    let journal = stage.tenant.journal();
    journal
        .into_iter()
        .filter(|entry| entry.face == Face::Auth)
        .collect()
}

fn patch(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_asked_for_as_the_vendor_documents() {
    let stage = Stage::new().await;
    assert_eq!(stage.get("/@acme:emea/sandbox/echo").await.status, 200);
    until("the default account has asked too", async || {
        token_calls(&stage).len() == 2
    })
    .await;
    let calls = token_calls(&stage);
    let settings = stage.tenant.settings();
    let asked = |account: u64| {
        json!({
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "account_id": account,
        })
    };
    let bodies: Vec<Value> = calls
        .iter()
        .map(|call| serde_json::from_slice(&call.body).unwrap())
        .collect();
    assert!(bodies.contains(&asked(PARENT)), "{bodies:?}");
    assert!(bodies.contains(&asked(EMEA)), "{bodies:?}");
    for call in calls {
        assert_eq!(
            (call.method.as_str(), call.target.as_str()),
            ("POST", "/v2/token")
        );
        assert_eq!(call.header("content-type"), Some("application/json"));
        assert_eq!(call.header("authorization"), None);
        assert_eq!(call.header_values("host"), [stage.tenant.auth_authority()]);
        assert!(call.faults.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_is_sent_where_one_is_configured() {
    let scope = "documents_and_images_read offline";
    let stage = Stage::with(
        |tenant| tenant.scopes = scope.split(' ').map(str::to_owned).collect(),
        |resolved| resolved.proxy.tenants[0].endpoint.scope = Some(scope.to_owned()),
    )
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let body: Value = serde_json::from_slice(&token_calls(&stage)[0].body).unwrap();
    assert_eq!(body["scope"], scope);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_of_any_bytes_arrives_intact() {
    for secret in [
        "a+b%20c&d=e",
        "quote\"back\\slash/slash",
        "grüße-日本-\u{1F511}",
        " leading and trailing ",
        "tab\tnew\nline\u{7f}",
        "%2B%00",
    ] {
        let stage = Stage::with(
            |tenant| secret.clone_into(&mut tenant.client_secret),
            |_resolved| {},
        )
        .await;
        assert_eq!(stage.get(ECHO).await.status, 200, "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_shapes_of_a_refusal_are_understood_and_not_repeated() {
    for (shape, status, words) in [
        (ErrorShape::Oauth, 400, "invalid_client"),
        (ErrorShape::Oauth, 401, "invalid_client"),
        (ErrorShape::Vendor, 401, "Unauthorized"),
    ] {
        let stage = Stage::with(
            |tenant| {
                tenant.switches.token_errors = shape;
                tenant.switches.bad_client_status = status;
            },
            |resolved| {
                resolved.proxy.tenants[0].endpoint.client_secrets =
                    vec![Secret::new("not-the-one")];
            },
        )
        .await;
        for _call in 0..20 {
            let answer = stage.get(ECHO).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (502, "token_rejected")
            );
            assert!(answer.text().contains(words), "{}", answer.text());
            assert!(!answer.text().contains("not-the-one"));
        }
        assert_eq!(
            token_calls(&stage).len(),
            1,
            "a client error is not asked again before its cool-down ends"
        );
        assert!(stage.received().is_empty(), "never without a token");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_tried_three_times() {
    for script in [
        Script::status(Face::Auth, 500),
        Script::status(Face::Auth, 503),
        Script::status(Face::Auth, 429),
        Script::reset(Face::Auth),
    ] {
        let stage = prepared(|tenant| tenant.script(script.clone().times(2))).await;
        assert_eq!(stage.get(ECHO).await.status, 200, "{script:?}");
        assert_eq!(stage.tenant.scripts_waiting(), 0);
        assert_eq!(stage.tenant.mints(), 1);

        let stage = prepared(|tenant| tenant.script(script.clone().times(3))).await;
        let answer = stage.get(ECHO).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (503, "token_unavailable"),
            "{script:?}"
        );
        assert_eq!(stage.tenant.scripts_waiting(), 0, "three attempts");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=30).contains(&seconds), "{seconds}");
        until("recovers by itself", async || {
            stage.get(ECHO).await.status == 200
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_retry_after_becomes_the_cool_down() {
    let stage = prepared(|tenant| {
        tenant.script(Script {
            retry_after: Some(120),
            ..Script::status(Face::Auth, 429)
        });
    })
    .await;
    for _call in 0..20 {
        let answer = stage.get(ECHO).await;
        assert_eq!(answer.code(), "token_unavailable");
        let seconds: u64 = answer.header("retry-after").parse().unwrap();
        assert!((100..=120).contains(&seconds), "{seconds}");
    }
    assert_eq!(token_calls(&stage).len(), 1, "the endpoint is left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_retry_after_is_waited_for() {
    let stage = prepared(|tenant| {
        tenant.script(Script {
            retry_after: Some(1),
            ..Script::status(Face::Auth, 503)
        });
    })
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let calls = token_calls(&stage);
    assert_eq!(calls.len(), 2);
    assert!(calls[1].at_ms - calls[0].at_ms >= 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_no_token_response_is_not_used() {
    for answer in [
        json!({"expires_in": null}),
        json!({"expires_in": 0}),
        json!({"expires_in": -5}),
        json!({"expires_in": "soon"}),
        json!({"access_token": null}),
        json!({"access_token": ""}),
        json!({"access_token": "two\r\nlines"}),
        json!({"rest_instance_url": null}),
        json!({"soap_instance_url": null}),
        json!({"rest_instance_url": 7}),
    ] {
        let stage = prepared(|tenant| tenant.set_token_answer(patch(&answer))).await;
        let got = stage.get(ECHO).await;
        assert!(
            matches!(
                got.code().as_str(),
                "token_unavailable" | "untrusted_instance_url"
            ),
            "{answer}: {}",
            got.text()
        );
        assert!(stage.received().is_empty(), "{answer}");
    }
    for body in [json!("no JSON <at> all"), json!(["x"]), json!("")] {
        let stage = prepared(|tenant| {
            tenant.script(
                Script {
                    body: Some(body.clone()),
                    ..Script::status(Face::Auth, 200)
                }
                .times(3),
            );
        })
        .await;
        let got = stage.get(ECHO).await;
        assert_eq!(got.code(), "token_unavailable", "{body}: {}", got.text());
        assert!(!got.text().contains("<at>"), "not quoted");
    }
    // As a string, some endpoints have it so.
    let stage =
        prepared(|tenant| tenant.set_token_answer(patch(&json!({"expires_in": "1080"})))).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_goes_to_no_host_but_its_tenants() {
    for url in [
        "https://evil.example/",
        "https://other-subdomain.rest.marketingcloudapis.com/",
        "https://SUB.rest.marketingcloudapis.com.evil.example/",
        "https://xSUB.rest.marketingcloudapis.com/",
        "https://SUB.evil.marketingcloudapis.com/",
        "https://a.SUB.rest.marketingcloudapis.com/",
        "https://SUB.rest.marketingcloudapis.com@evil.example/",
        "https://user:pass@SUB.rest.marketingcloudapis.com/",
        "http://SUB.rest.marketingcloudapis.com/",
        "https://SUB.rest.marketingcloudapis.com:8443/",
        "https://SUB.rest.marketingcloudapis.com/?x=https://y/",
        "https://SUB.rest.marketingcloudapis.com/#x",
        "https://SUB.rest.marketingcloudapis.com\\.evil.example/",
        "//SUB.rest.marketingcloudapis.com/",
        "SUB.rest.marketingcloudapis.com",
        "ftp://SUB.rest.marketingcloudapis.com/",
        "https://127.0.0.1:1/",
        "https://[::1]/",
        "",
    ] {
        for key in ["rest_instance_url", "soap_instance_url"] {
            let subdomain = tenant_settings().subdomain;
            let url = url.replace("SUB", &subdomain);
            let stage =
                prepared(|tenant| tenant.set_token_answer(patch(&json!({ key: url })))).await;
            let answer = stage.get(ECHO).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (502, "untrusted_instance_url"),
                "{key} = {url}: {}",
                answer.text()
            );
            assert!(stage.received().is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_never_share_a_token_and_one_package_has_one() {
    // The same package under two names, and once more with another scope.
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            let mut twin = resolved.proxy.tenants[0].clone();
            twin.name = "twin".to_owned();
            let mut scoped = twin.clone();
            scoped.name = "scoped".to_owned();
            scoped.endpoint.scope = Some("list_and_subscribers_read".to_owned());
            resolved.proxy.tenants.extend([twin, scoped]);
            resolved.proxy.default_tenant = Some("acme".to_owned());
        },
    )
    .await;
    let mut tokens = std::collections::BTreeMap::new();
    for (tenant, account) in [
        ("acme", PARENT),
        ("acme", EMEA),
        ("acme", APAC),
        ("twin", PARENT),
        ("twin", EMEA),
        ("scoped", PARENT),
    ] {
        let answer = stage.get(&format!("/@{tenant}:{account}{ECHO}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let call = stage.received().last().unwrap().clone();
        assert_eq!(call.account, Some(account));
        let bearer = call.header("authorization").unwrap().to_owned();
        tokens.insert((tenant, account), bearer);
    }
    assert_eq!(tokens[&("acme", PARENT)], tokens[&("twin", PARENT)]);
    assert_eq!(tokens[&("acme", EMEA)], tokens[&("twin", EMEA)]);
    let different: std::collections::BTreeSet<_> = tokens.values().collect();
    assert_eq!(
        different.len(),
        4,
        "three accounts, and one scope of its own"
    );
    assert_eq!(stage.tenant.mints(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_callers_hanging_up_fails_nobody() {
    let stage = std::sync::Arc::new(Stage::new().await);
    // The mint at start-up is over; the delay is for the other account's.
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage
        .tenant
        .script(Script::delay(Face::Auth, Duration::from_secs(3)));
    let first = tokio::spawn({
        let stage = std::sync::Arc::clone(&stage);
        async move { stage.get("/@acme:emea/sandbox/echo").await }
    });
    until("the mint began", async || {
        stage.tenant.scripts_waiting() == 0
    })
    .await;
    let waiters: Vec<_> = (0..10)
        .map(|_waiter| {
            let stage = std::sync::Arc::clone(&stage);
            tokio::spawn(async move { stage.get("/@acme:emea/sandbox/echo").await.status })
        })
        .collect();
    until("they wait", async || {
        stage.metric("sfmc_auth_proxy_requests_in_flight").await >= 11.0
    })
    .await;
    first.abort();
    for waiter in waiters {
        assert_eq!(waiter.await.unwrap(), 200);
    }
    assert_eq!(stage.tenant.mints(), 2, "the default account's, and one");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_an_expiring_token_waits_rather_than_risk_it() {
    // A token in its last 5 % is not sent out; the renewal is waited for.
    let stage = Stage::with(
        |tenant| tenant.lifetime = Duration::from_secs(2),
        |_resolved| {},
    )
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    stage
        .tenant
        .script(Script::delay(Face::Auth, Duration::from_millis(300)));
    assert_eq!(stage.get(ECHO).await.status, 200);
    let refused = stage
        .received()
        .iter()
        .filter(|call| call.status != Some(200))
        .count();
    assert_eq!(refused, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_account_within_bounds_where_that_is_allowed() {
    let accounts: Vec<u64> = (0..110).map(|each| 700_000_000 + each).collect();
    let known = accounts.clone();
    let stage = Stage::with(
        |tenant| tenant.accounts.extend(known),
        |resolved| resolved.proxy.tenants[0].allow_any_account = true,
    )
    .await;
    let mut client = stage.client().await;
    for (index, account) in accounts.iter().enumerate() {
        let answer = client.get(&format!("/@acme:{account}{ECHO}")).await;
        if index < 100 {
            assert_eq!(answer.status, 200, "{index}: {}", answer.text());
        } else {
            assert_eq!(answer.code(), "account_not_allowed", "{index}");
        }
    }
    let named = client.get("/@acme:emea/sandbox/echo").await;
    assert_eq!(named.status, 200, "configured ones take up no place");
    let text = stage.admin("/metrics").await.text();
    assert!(!text.contains("=\"7000000"), "ids are no labels");

    let other = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.tenants[0].allow_any_account = true,
    )
    .await;
    let mut client = other.client().await;
    for _call in 0..5 {
        let answer = client.get("/@acme:123/sandbox/echo").await;
        assert!(
            matches!(
                answer.code().as_str(),
                "token_rejected" | "account_not_allowed"
            ),
            "{}",
            answer.text()
        );
    }
    let asked = token_calls(&other)
        .iter()
        .filter(|call| call.body_text().contains("\"account_id\":123"))
        .count();
    assert_eq!(asked, 1, "a member id that was refused rests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_show_in_the_metrics() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.proxy.listeners.push(ListenerSelection {
                tenant: Some("acme".to_owned()),
                account: Some(EMEA),
                ..ListenerSelection::default()
            });
            let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
            resolved.server.listeners.push(address);
        },
    )
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    let labels = "account=\"default\",grant=\"client_credentials\",outcome=\"ok\",tenant=\"acme\"";
    let series = format!("sfmc_auth_proxy_token_requests_total{{{labels}}}");
    assert_eq!(stage.metric(&series).await, 2.0);
    let ready = stage
        .metric("sfmc_auth_proxy_tenant_ready{tenant=\"acme\"}")
        .await;
    assert_eq!(ready, 1.0);
    let expiry = stage
        .metric(
            "sfmc_auth_proxy_token_expiry_timestamp_seconds{account=\"default\",tenant=\"acme\"}",
        )
        .await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let left = expiry - now.as_secs_f64();
    let life = stage.tenant.settings().lifetime.as_secs_f64();
    assert!(left > 0.0 && left <= life, "{left} s of {life}");
    let replays =
        "sfmc_auth_proxy_replays_total{api=\"rest\",outcome=\"accepted\",tenant=\"acme\"}";
    assert_eq!(stage.metric(replays).await, 1.0);
}
