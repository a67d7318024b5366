//! Requests and connections across a change, and what a token and a listener are worth after it.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;

use sfmc_auth_proxy::policy::Mode;
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::sandbox::{Face, Script};
use sfmc_auth_proxy::server::Address;
use sfmc_auth_proxy::token::TrustedHost;

use super::{ECHO, Scene, post};
use crate::harness::{APAC, Client, EMEA, Stage, resolved, until};

/// Begins a call that the tenant answers late, and waits until it has arrived there.
async fn slow_call(
    stage: &Stage,
    mut client: Client,
) -> tokio::task::JoinHandle<(Client, u16, Bytes)> {
    stage
        .tenant
        .script(Script::delay(Face::Rest, Duration::from_millis(700)));
    let before = stage.received().len();
    let call = tokio::spawn(async move {
        let request = Request::get("/sandbox/echo?slow").body(Bytes::new());
        let answer = client.begin(request.unwrap()).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (client, status, body)
    });
    until("it has arrived", async || stage.received().len() > before).await;
    call
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_under_way_and_its_connection_outlive_a_change() {
    let mut stage = Stage::new().await;
    let mut client = stage.client().await;
    assert_eq!(client.get(ECHO).await.status, 200);
    let call = slow_call(&stage, client).await;
    let mut settings = resolved(&stage.tenant);
    // The listener is another one in the order of things, and lets nothing be written any more.
    let other = Address::Tcp("127.0.0.1:0".parse().unwrap());
    settings.server.listeners.push(other);
    settings.proxy.listeners[0].mode = Mode::ReadOnly;
    settings.proxy.listeners.push(ListenerSelection::default());
    settings.proxy.tenants[0].accounts.remove("apac");
    stage.proxy.reload(settings).await.unwrap();
    let (mut client, status, body) = call.await.unwrap();
    assert_eq!(status, 200);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(body["method"], "GET", "whole");
    let refused = client.send(post(ECHO)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (403, "write_blocked"),
        "on the same connection"
    );
    assert_eq!(client.get("/@acme:apac/sandbox/echo").await.status, 403);
    assert_eq!(stage.proxy.addresses().len(), 2);
    assert_eq!(stage.tenant.token_requests(), 1);
    assert_eq!(stage.received().len(), 2, "nothing was sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_that_is_left_ends_its_calls_and_keeps_its_rules_for_them() {
    let with_second = |settings: &mut sfmc_auth_proxy::config::Resolved| {
        let second = Address::Tcp("127.0.0.1:0".parse().unwrap());
        settings.server.listeners.push(second);
        settings.proxy.listeners.push(ListenerSelection {
            account: Some(EMEA),
            ..ListenerSelection::default()
        });
    };
    let mut stage = Stage::with(|_settings| {}, with_second).await;
    let Address::Tcp(second) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP address");
    };
    let mut idle = Client::connect(second).await;
    assert_eq!(idle.get(ECHO).await.json()["account"], EMEA);
    let call = slow_call(&stage, Client::connect(second).await).await;
    stage.proxy.reload(resolved(&stage.tenant)).await.unwrap();
    assert!(
        tokio::net::TcpStream::connect(second).await.is_err(),
        "nothing is accepted there"
    );
    let (mut client, status, body) = call.await.unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, body["account"].as_u64()), (200, Some(EMEA)));
    let get = || Request::get(ECHO).body(Bytes::new()).unwrap();
    assert!(client.try_send(get()).await.is_err(), "it has ended");
    assert!(idle.try_send(get()).await.is_err());
    // The address may be taken at once.
    let mut settings = resolved(&stage.tenant);
    settings.server.listeners.push(Address::Tcp(second));
    settings.proxy.listeners.push(ListenerSelection {
        account: Some(APAC),
        ..ListenerSelection::default()
    });
    stage.proxy.reload(settings).await.unwrap();
    let mut again = Client::connect(second).await;
    assert_eq!(again.get(ECHO).await.json()["account"], APAC);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_on_a_listener_that_is_left_is_cut() {
    let with_second = |settings: &mut sfmc_auth_proxy::config::Resolved| {
        let second = Address::Tcp("127.0.0.1:0".parse().unwrap());
        settings.server.listeners.push(second);
        settings.proxy.listeners.push(ListenerSelection::default());
    };
    let mut stage = Stage::with(|_settings| {}, with_second).await;
    let Address::Tcp(second) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP address");
    };
    stage
        .tenant
        .script(Script::delay(Face::Rest, Duration::from_secs(600)));
    let mut client = Client::connect(second).await;
    let call = tokio::spawn(async move {
        let request = Request::get(ECHO).body(Bytes::new()).unwrap();
        client.try_send(request).await.is_err()
    });
    until("it has arrived", async || !stage.received().is_empty()).await;
    let mut settings = resolved(&stage.tenant);
    settings.server.drain_timeout = Duration::from_millis(50);
    stage.proxy.reload(settings).await.unwrap();
    assert!(call.await.unwrap(), "cut");
    assert_eq!(stage.get("/sandbox/echo?other").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clear_text_becomes_tls_on_the_same_socket() {
    let mut stage = Stage::new().await;
    let mut plain = stage.client().await;
    assert_eq!(plain.get(ECHO).await.status, 200);
    let mut settings = resolved(&stage.tenant);
    settings.server.tls_listeners = vec![0];
    settings.authority = sfmc_auth_proxy::config::AuthorityPlace::ThisProcess;
    let address = stage.address();
    stage.proxy.reload(settings).await.unwrap();
    assert_eq!(stage.address(), address, "its port, though any would do");
    assert!(stage.proxy.authority().is_some());
    let get = || Request::get(ECHO).body(Bytes::new()).unwrap();
    assert!(plain.try_send(get()).await.is_err());
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake::<_, String>(hyper_util::rt::TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("/").header("host", "localhost");
    let answer = sender.send_request(request.body(String::new()).unwrap());
    assert!(answer.await.is_err(), "it speaks TLS now");
    stage.proxy.reload(resolved(&stage.tenant)).await.unwrap();
    assert_eq!(stage.get(ECHO).await.status, 200);
}

/// A token that came from a server which may name other hosts now is not sent to those that it named before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_not_used_under_another_lock() {
    let mut stage = Stage::new().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.proxy.reload(resolved(&stage.tenant)).await.unwrap();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.token_requests(), 1, "nothing has changed");
    let mut settings = resolved(&stage.tenant);
    let lock = &mut settings.proxy.tenants[0].endpoint.lock;
    lock.trusted = vec![TrustedHost {
        host: "elsewhere.example".to_owned(),
        port: None,
    }];
    stage.proxy.reload(settings).await.unwrap();
    let refused = stage.get(ECHO).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (502, "untrusted_instance_url")
    );
    assert_eq!(stage.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_configuration_leaves_nothing_behind() {
    let mut stage = Stage::new().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free_address = free.local_addr().unwrap();
    drop(free);
    let mut settings = resolved(&stage.tenant);
    settings.proxy.tenants[0].accounts.remove("emea");
    for address in [free_address, taken.local_addr().unwrap()] {
        settings.server.listeners.push(Address::Tcp(address));
        settings.proxy.listeners.push(ListenerSelection::default());
    }
    let error = stage.proxy.reload(settings).await.unwrap_err();
    assert!(
        error.to_string().contains("something listens there"),
        "{error}"
    );
    assert!(
        tokio::net::TcpStream::connect(free_address).await.is_err(),
        "bound, and let go"
    );
    assert_eq!(stage.get("/@acme:emea/sandbox/echo").await.status, 200);
}

/// An account that is called otherwise has its series under the new name alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_renamed_leaves_no_series_behind() {
    let scene = Scene::new().await;
    let expiry = |account: &str| {
        format!(
            "sfmc_auth_proxy_token_expiry_timestamp_seconds{{account=\"{account}\",tenant=\"acme\"}}"
        )
    };
    assert_eq!(scene.get(&format!("/@acme:emea{ECHO}")).await.status, 200);
    assert!(scene.metric(&expiry("emea")).await > 0.0);
    let renamed = scene.text.replace("emea = 510001235", "europe = 510001235");
    scene.reconfigure(&renamed).await;
    assert!(
        scene.metric(&expiry("europe")).await > 0.0,
        "the token stays"
    );
    assert_eq!(scene.metric(&expiry("emea")).await, -1.0);
    assert_eq!(scene.get(&format!("/@acme:europe{ECHO}")).await.status, 200);
    assert_eq!(
        scene.tenant.token_requests(),
        2,
        "acme's own, and one for the account"
    );
}
