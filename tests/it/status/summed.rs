//! What stands first: that it speaks of what is wrong now, and says what really mends it.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use sfmc_auth_proxy::policy::{Mode, Pattern, Posture};
use sfmc_auth_proxy::sandbox::{Face, Script};

use super::{client, errors, ready, status, status_with, tenant};
use crate::harness::{PARENT, Stage, resolved};
use crate::identities::{basic, client as client_settings};

fn findings(status: &Value) -> &[Value] {
    status["summary"]["findings"].as_array().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_an_application_asks_for_are_listed_and_need_no_attention() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let mut caller = stage.client().await;
    caller.get("/asset/v1/content/assets/4711").await;
    stage.tenant.script(Script::status(Face::Rest, 400));
    caller
        .post("/hub/v1/dataevents/key:Orders/rowset", "[]")
        .await;
    let seen = status_with(&stage, "noted", |status| errors(status).len() == 2).await;
    assert_eq!(
        (&seen["summary"]["state"], findings(&seen).len()),
        (&json!("well"), 0),
        "{seen:#}"
    );
    let line = seen["summary"]["line"].as_str().unwrap();
    assert!(line.contains("but answers of 400 and 404"), "{line}");
    let page = stage.admin("/").await.text();
    assert!(
        page.contains("<code>GET /asset/v1/content</code>"),
        "{page}"
    );
    stage.tenant.script(Script::status(Face::Rest, 503));
    caller.get("/asset/v1/content/assets").await;
    let seen = status_with(&stage, "noted", |status| errors(status).len() == 3).await;
    assert_eq!(seen["summary"]["state"], "attention");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_unclear_is_mended_by_no_allow_list() {
    // There is none.
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.tenants[0].mode = Mode::NoSend,
    )
    .await;
    ready(&stage).await;
    let request = Request::post("/asset/v1/content/assets").header("x-http-method-override", "PUT");
    let request = request.body(Bytes::from_static(b"{}")).unwrap();
    assert_eq!(stage.send(request).await.status, 403);
    let seen = status_with(&stage, "noted", |status| errors(status).len() == 1).await;
    let error = &errors(&seen)[0];
    assert_eq!(error["code"], "policy_denied");
    assert_eq!(
        error["fix"],
        "Send the call without that ambiguity: correct the header, SOAPAction or path that the answer names."
    );
    assert_eq!(findings(&seen)[0]["fix"], error["fix"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_policy_would_have_refused_is_over_once_it_is_another_one() {
    let newsletter = |patterns: &[&str], policy| {
        let mut newsletter = client_settings("newsletter", "news-secret", &[PARENT]);
        let patterns = patterns.iter().map(|text| Pattern::parse(text).unwrap());
        newsletter.grant.allow = Some(patterns.collect());
        newsletter.grant.policy = policy;
        newsletter
    };
    let observed = newsletter(&["GET /data/v1/**"], Posture::Observe);
    let mut stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.clients = vec![observed.clone()],
    )
    .await;
    ready(&stage).await;
    let call = async |stage: &Stage| {
        let request = Request::get("/asset/v1/content/assets");
        let request = request.header("authorization", basic("newsletter", "news-secret"));
        let answer = stage.send(request.body(Bytes::new()).unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    call(&stage).await;
    let would_refuse = |status: &Value| client(status, "newsletter")["would_refuse"].clone();
    let seen = status_with(&stage, "noted", |status| {
        would_refuse(status)[0]["call"] == "GET /asset/v1/content"
    })
    .await;
    assert_eq!(seen["summary"]["state"], "attention");
    assert_eq!(findings(&seen)[0]["link"], "#client-newsletter");

    let allowed = newsletter(&["GET /asset/v1/**"], Posture::Observe);
    let enforced = newsletter(&["GET /asset/v1/**"], Posture::Enforce);
    for (next, times) in [(allowed, 2), (enforced, 3)] {
        let mut changed = resolved(&stage.tenant);
        changed.proxy.clients = vec![next];
        stage.proxy.reload(changed).await.unwrap();
        let seen = status(&stage).await;
        assert_eq!(would_refuse(&seen), json!([]));
        assert_eq!(seen["summary"]["state"], "well", "{seen:#}");
        call(&stage).await;
        let seen = status_with(&stage, "noted", |status| {
            client(status, "newsletter")["calls"][0]["times"] == times
        })
        .await;
        assert_eq!(would_refuse(&seen), json!([]));
        assert_eq!(seen["summary"]["state"], "well");
        let page = stage.admin("/").await.text();
        assert!(!page.contains("Would be refused"), "{page}");
    }
    // What is refused under the policy of now is told.
    let mut changed = resolved(&stage.tenant);
    changed.proxy.clients = vec![observed];
    stage.proxy.reload(changed).await.unwrap();
    call(&stage).await;
    status_with(&stage, "noted", |status| {
        would_refuse(status)[0]["call"] == "GET /asset/v1/content"
            && status["summary"]["state"] == "attention"
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_without_a_default_account_lacks_nothing() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            let mut idle = resolved.proxy.tenants[0].clone();
            idle.name = "umbrella".to_owned();
            idle.default_account = None;
            resolved.proxy.tenants.push(idle);
            resolved.proxy.default_tenant = Some("acme".to_owned());
        },
    )
    .await;
    let seen = status_with(&stage, "both tried", |status| {
        let mut tenants = status["tenants"].as_array().unwrap().iter();
        tenants.all(|tenant| tenant["accounts"][0]["token"].is_object())
    })
    .await;
    // The first by name was asked for, and the other gets its token with its first call.
    let umbrella = tenant(&seen, "umbrella");
    assert_eq!(umbrella["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(umbrella["accounts"][0]["name"], "apac");
    assert_eq!(umbrella["accounts_without_token"], 1);
    assert_eq!(umbrella["ready"], true, "the token is acme's as well");
    assert_eq!(seen["summary"]["state"], "well", "{seen:#}");
}
