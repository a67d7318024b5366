//! Two secrets at a time: the client secret and its next one, and lists of clients' secrets.

use http::Request;
use serde_json::Value;

use sfmc_auth_proxy::sandbox::{Face, Script};
use sfmc_auth_proxy::secret::Secret;

use super::ECHO;
use crate::harness::{Stage, resolved};
use crate::identities::{basic, client};

const NEXT: &str = "the-next-secret-0123456789";

fn secrets_sent(stage: &Stage) -> Vec<String> {
    let journal = stage.tenant.journal();
    let calls = journal.iter().filter(|entry| entry.path() == "/v2/token");
    let bodies = calls.map(|call| serde_json::from_slice::<Value>(&call.body).unwrap());
    bodies
        .map(|body| body["client_secret"].as_str().unwrap().to_owned())
        .collect()
}

async fn in_use(stage: &Stage) -> (f64, f64) {
    let series = |secret: &str| {
        format!("sfmc_auth_proxy_client_secret_in_use{{secret=\"{secret}\",tenant=\"acme\"}}")
    };
    (
        stage.metric(&series("current")).await,
        stage.metric(&series("next")).await,
    )
}

async fn with_next() -> (Stage, String) {
    let add = |settings: &mut sfmc_auth_proxy::config::Resolved| {
        let endpoint = &mut settings.proxy.tenants[0].endpoint;
        endpoint.client_secrets.push(Secret::new(NEXT));
    };
    let stage = Stage::with(|_settings| {}, add).await;
    let first = stage.tenant.settings().client_secret.clone();
    (stage, first)
}

/// Has the present token refused, so that a mint follows, and tells which secrets that sent.
async fn renew(stage: &Stage) -> Vec<String> {
    stage.tenant.clear_journal();
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    secrets_sent(stage)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_client_secret_is_tried_where_the_first_is_refused_and_back() {
    let (mut stage, first) = with_next().await;
    let (first, next) = (first.as_str(), NEXT);
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(secrets_sent(&stage), [first]);
    assert_eq!(in_use(&stage).await, (1.0, 0.0));
    stage.tenant.set_client_secret(next);
    assert_eq!(renew(&stage).await, [first, next], "in one mint");
    assert_eq!(in_use(&stage).await, (0.0, 1.0));
    assert_eq!(renew(&stage).await, [next], "what worked comes first");
    stage.tenant.set_client_secret(first);
    assert_eq!(renew(&stage).await, [next, first]);
    assert_eq!(in_use(&stage).await, (1.0, 0.0));
    // The rotation ends: what was next is the only one now, and is not tried in vain before it.
    stage.tenant.set_client_secret(next);
    assert_eq!(renew(&stage).await, [first, next]);
    let mut settings = resolved(&stage.tenant);
    settings.proxy.tenants[0].endpoint.client_secrets = vec![Secret::new(next)];
    stage.proxy.reload(settings).await.unwrap();
    assert_eq!(in_use(&stage).await, (1.0, 0.0));
    assert_eq!(renew(&stage).await, [next]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_wrong_secrets_are_two_requests_and_other_errors_are_no_reason_to_try() {
    let (stage, first) = with_next().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.clear_journal();
    stage.tenant.set_client_secret("neither-of-the-two");
    stage.tenant.revoke_all();
    for _call in 0..3 {
        assert_eq!(stage.get(ECHO).await.status, 502);
    }
    assert_eq!(secrets_sent(&stage), [first.as_str(), NEXT]);

    let (stage, first) = with_next().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.clear_journal();
    stage
        .tenant
        .script(Script::status(Face::Auth, 503).times(2));
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(secrets_sent(&stage), [first.as_str(); 3]);
    // The present one is refused, and then the endpoint fails: no further request is owed to the second secret.
    stage.tenant.clear_journal();
    stage.tenant.set_client_secret(NEXT);
    let fails = Script {
        skip: 1,
        ..Script::status(Face::Auth, 503)
    };
    stage.tenant.script(fails);
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(secrets_sent(&stage), [first.as_str(), NEXT, NEXT]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_a_clients_secrets_is_rotated_without_a_gap() {
    let with = |tenant: &sfmc_auth_proxy::sandbox::Tenant, secrets: &[&str]| {
        let mut settings = resolved(tenant);
        let mut newsletter = client("newsletter", "", &[]);
        newsletter.secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
        settings.proxy.clients = vec![newsletter];
        settings
    };
    let mut stage = Stage::with(
        |_settings| {},
        |settings| settings.proxy.clients = vec![client("newsletter", "old-secret", &[])],
    )
    .await;
    let token = crate::identities::token(&stage, "newsletter", "old-secret").await;
    let bearer = format!("Bearer {}", token.json()["access_token"].as_str().unwrap());
    let call = async |stage: &Stage, authorization: &str| {
        let request = Request::get(ECHO).header("authorization", authorization);
        let answer = stage.send(request.body(Vec::new()).unwrap()).await;
        answer.status.as_u16()
    };
    let shown = async |stage: &Stage, place: usize| {
        let series = format!(
            "sfmc_auth_proxy_client_authentications_total{{client=\"newsletter\",secret=\"{place}\"}}"
        );
        stage.metric(&series).await
    };
    assert_eq!(call(&stage, &bearer).await, 200);
    stage
        .proxy
        .reload(with(&stage.tenant, &["new-secret", "old-secret"]))
        .await
        .unwrap();
    let before = shown(&stage, 1).await;
    assert_eq!(call(&stage, &bearer).await, 200, "made with the old one");
    assert_eq!(call(&stage, &basic("newsletter", "old-secret")).await, 200);
    assert_eq!(shown(&stage, 2).await, 2.0);
    assert_eq!(call(&stage, &basic("newsletter", "new-secret")).await, 200);
    assert_eq!(
        (shown(&stage, 1).await - before, shown(&stage, 2).await),
        (1.0, 2.0)
    );
    stage
        .proxy
        .reload(with(&stage.tenant, &["new-secret"]))
        .await
        .unwrap();
    assert_eq!(call(&stage, &bearer).await, 401);
    assert_eq!(call(&stage, &basic("newsletter", "old-secret")).await, 401);
    assert_eq!(call(&stage, &basic("newsletter", "new-secret")).await, 200);
}
