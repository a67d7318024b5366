//! Redis that is slow, gone, or has never been there: what is held goes on, and nobody waits for it who has a token.

use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use sfmc_auth_proxy::sandbox::{Face, Script};
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::state::Name;

use super::leases::shared_at;
use super::server::Redis;
use super::way::Way;
use super::{ECHO, KEY, client_mints, replica, replica_of, tenant};
use crate::harness::until;
use crate::logins::free_port;

const UP: &str = "sfmc_auth_proxy_shared_state_up";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_who_has_a_token_waits_for_a_redis_that_does_not_answer() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let way = Way::to(redis.address()).await;
    let url = format!("redis://{}", way.address);
    let first = replica(&tenant, &url, KEY).await;
    assert_eq!(first.get(ECHO).await.status, 200);
    way.swallow(true);
    let mut client = first.client().await;
    for _call in 0..50 {
        assert_eq!(client.get(ECHO).await.status, 200);
    }
    assert_eq!(client_mints(&tenant), 1);
    assert_eq!(first.metric(UP).await, 1.0, "nobody has asked it anything");
    // A mint is made alone, within its bounds.
    tenant.revoke_all();
    assert_eq!(client.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 2);
    until("it is known to be away", async || {
        first.metric(UP).await == 0.0
    })
    .await;
    let errors = r#"sfmc_auth_proxy_shared_state_errors_total{operation="enter"}"#;
    assert_eq!(first.metric(errors).await, 1.0);
    way.swallow(false);
    until("it is back", async || first.metric(UP).await == 1.0).await;
    tenant.revoke_all();
    assert_eq!(client.get(ECHO).await.status, 200);
    let second = replica(&tenant, &redis.url(), KEY).await;
    assert_eq!(second.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 3, "the last one is shared again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_goes_and_comes_is_told_once_and_replicas_find_together_again() {
    let Some(mut redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = super::replicas(&tenant, &redis, 3).await;
    for replica in &replicas {
        assert_eq!(replica.get(ECHO).await.status, 200);
    }
    redis.kill();
    for replica in &replicas {
        until("it is known to be away", async || {
            replica.metric(UP).await == 0.0
        })
        .await;
    }
    tenant.revoke_all();
    for replica in &replicas {
        assert_eq!(replica.get(ECHO).await.status, 200);
        assert_eq!(replica.admin("/readyz").await.status, 200);
    }
    assert_eq!(client_mints(&tenant), 4, "each has minted by itself");
    redis.start_again().await;
    for replica in &replicas {
        until("it is back", async || replica.metric(UP).await == 1.0).await;
    }
    tenant.revoke_all();
    for replica in &replicas {
        assert_eq!(replica.get(ECHO).await.status, 200);
        let log = replica.process.log_text();
        assert_eq!(log.matches("(state.redis_url) is away").count(), 1, "{log}");
        assert_eq!(log.matches("(state.redis_url) is back").count(), 1, "{log}");
    }
    assert_eq!(client_mints(&tenant), 5, "one for all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_at_the_start_nothing_is_minted_and_nobody_is_told_to_come() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let way = format!("127.0.0.1:{}", free_port());
    let mut waiting = replica(&tenant, &format!("redis://{way}"), KEY).await;
    let said = "waiting for Redis (state.redis_url)";
    waiting
        .process
        .logged(|line| line.to_string().contains(said))
        .await;
    let ready = waiting.admin("/readyz").await;
    assert_eq!(
        (ready.status.as_u16(), ready.text()),
        (503, format!("{said}\n"))
    );
    assert_eq!(waiting.admin("/livez").await.status, 200);
    assert_eq!(waiting.admin("/startupz").await.status, 503);
    let refused = waiting.get(ECHO).await;
    assert_eq!(refused.status, 503);
    let text = refused.text();
    assert!(text.contains("token_unavailable"), "{text}");
    assert!(text.contains("state.redis_url"), "{text}");
    assert_eq!(tenant.token_requests(), 0);
    // It comes.
    let listener = TcpListener::bind(&way).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(redis.address()).await.unwrap();
            tokio::spawn(async move {
                tokio::io::copy_bidirectional(&mut near, &mut far)
                    .await
                    .ok();
            });
        }
    });
    until("it is ready", async || {
        waiting.admin("/readyz").await.status == 200
    })
    .await;
    until("every tenant is tried", async || {
        waiting.admin("/startupz").await.status == 200
    })
    .await;
    assert_eq!(waiting.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_whose_sharing_was_not_answered_does_not_come_back_after_a_refusal() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    // So that Redis knows the script, and does it when it is first asked.
    let other = shared_at(&redis.url(), KEY);
    other.reached().await;
    let lease = other.fence(Name::of(&[Some("another account")]), 0).await;
    let (content, hour) = (Secret::new("another"), Duration::from_secs(3600));
    let published = lease.unwrap().publish(&content, hour, hour).await;
    assert!(published.unwrap().is_none());
    let tenant = tenant(Duration::from_secs(1_079)).await;
    tenant.script(Script::delay(Face::Auth, Duration::from_millis(900)));
    let way = Way::to(redis.address()).await;
    let url = format!("redis://{}", way.address);
    let replica = replica_of(&tenant, &url, &format!("key = \"{KEY}\"")).await;
    until("it mints", async || tenant.token_requests() == 1).await;
    way.swallow_answers(true);
    until("the token is there", async || {
        let names = redis.names();
        let tokens = names.iter().filter(|name| name.ends_with(":token"));
        tokens.count() == 2
    })
    .await;
    until("nobody was told", async || replica.metric(UP).await == 0.0).await;
    way.swallow_answers(false);
    until("it is back", async || replica.metric(UP).await == 1.0).await;
    assert_eq!(replica.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 1);
    tenant.revoke_all();
    assert_eq!(replica.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 2);
}
