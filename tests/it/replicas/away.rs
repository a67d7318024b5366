//! Redis that is slow, gone, or has never been there: what is held goes on, and nobody waits for it who has a token.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::server::Redis;
use super::{ECHO, KEY, client_mints, replica, tenant};
use crate::harness::until;
use crate::logins::free_port;

const UP: &str = "sfmc_auth_proxy_shared_state_up";

/// A way to Redis that can be made to swallow what it is given.
struct Way {
    address: SocketAddr,
    swallows: Arc<AtomicBool>,
}

impl Way {
    async fn to(redis: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let swallows = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&swallows);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(redis).await.unwrap();
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                tokio::spawn(carry(near_in, far_out, Arc::clone(&told)));
                tokio::spawn(carry(far_in, near_out, Arc::clone(&told)));
            }
        });
        Self { address, swallows }
    }

    fn swallow(&self, swallow: bool) {
        self.swallows.store(swallow, Ordering::Relaxed);
    }
}

async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    swallows: Arc<AtomicBool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !swallows.load(Ordering::Relaxed) && to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

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
