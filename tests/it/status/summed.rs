//! What stands first: that it speaks of what is wrong now, and says what really mends it.

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use sfmc_auth_proxy::policy::{Pattern, Posture};

use super::{client, ready, status, status_with};
use crate::harness::{PARENT, Stage, resolved};
use crate::identities::{basic, client as client_settings};

fn findings(status: &Value) -> &[Value] {
    status["summary"]["findings"].as_array().unwrap()
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
