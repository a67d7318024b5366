//! What a new configuration does to the status page: tenants and clients that are gone are gone from it, what stays stays.

use serde_json::json;

use super::{client, ready, status, status_with, tenant};
use crate::harness::{Stage, resolved};
use crate::identities::{basic, client as client_settings, two_clients};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_gone_is_told_no_more_and_who_stays_keeps_what_was_seen() {
    let mut stage = Stage::with(
        |_tenant| {},
        |resolved| {
            let mut second = resolved.proxy.tenants[0].clone();
            second.name = "umbrella".to_owned();
            // A package that both named would be one token, told under the name of the first.
            second.endpoint.scope = Some("documents_and_images_read".to_owned());
            resolved.proxy.tenants.push(second);
            resolved.proxy.default_tenant = Some("acme".to_owned());
            two_clients(resolved);
            for client in &mut resolved.proxy.clients {
                client.grant.everything = true;
            }
        },
    )
    .await;
    ready(&stage).await;
    let call = async |stage: &Stage, path: &str| {
        for (name, secret) in [("newsletter", "news-secret"), ("billing", "bill-secret")] {
            let request = http::Request::get(path).header("authorization", basic(name, secret));
            stage.send(request.body(Vec::new()).unwrap()).await;
        }
    };
    call(&stage, "/asset/v1/nothing").await;
    call(&stage, "/@umbrella/asset/v1/nothing").await;
    let before = status_with(&stage, "noted", |status| {
        let two = |name| client(status, name)["last_calls"].as_array().unwrap().len() == 2;
        two("newsletter") && two("billing")
    })
    .await;
    assert_eq!(
        tenant(&before, "umbrella")["errors"]
            .as_array()
            .unwrap()
            .len(),
        2
    );

    let address = stage.address();
    let mut next = resolved(&stage.tenant);
    next.server.listeners = vec![sfmc_auth_proxy::server::Address::Tcp(
        "127.0.0.1:0".parse().unwrap(),
    )];
    let mut newsletter = client_settings("newsletter", "news-secret", &[]);
    newsletter.grant.everything = true;
    next.proxy.clients = vec![newsletter];
    stage.proxy.reload(next).await.unwrap();
    assert_eq!(stage.address(), address, "the listener stays");
    let after = status(&stage).await;
    let text = after.to_string();
    for gone in ["umbrella", "\"billing\",\"policy\""] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert_eq!(
        tenant(&after, "acme")["errors"].as_array().unwrap().len(),
        2
    );
    let newsletter = client(&after, "newsletter");
    assert_eq!(newsletter["calls"].as_array().unwrap().len(), 1);
    assert_eq!(newsletter["last_calls"].as_array().unwrap().len(), 1);
    let acme = tenant(&after, "acme");
    assert_eq!(
        acme["accounts"][0]["mints_last_20_minutes"],
        json!(1),
        "its token is still the one"
    );
    assert_eq!(after["started_at"], before["started_at"]);
    let page = stage.admin("/").await.text();
    assert!(
        !page.contains("umbrella") && page.contains("acme"),
        "{page}"
    );
}
