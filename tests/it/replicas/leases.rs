//! What one replica may write over, as the others see it: fencing numbers decide, whoever is late.

use std::sync::Arc;
use std::time::Duration;

use sfmc_auth_proxy::metrics::Metrics;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::state::{Entered, Keys, Lease, Name, RedisUrl, Shared, SharedSettings, Wish};

use super::KEY;
use super::server::Redis;
use crate::harness::until;

const HOUR: Duration = Duration::from_secs(3600);

fn shared(redis: &Redis) -> Arc<Shared> {
    shared_at(&redis.url(), KEY)
}

/// What one replica shares there, without the rest of it.
pub fn shared_at(url: &str, key: &str) -> Arc<Shared> {
    let settings = SharedSettings {
        url: RedisUrl::parse(&Secret::new(url)).unwrap(),
        keys: Keys::new(&[Secret::new(key)]).unwrap(),
        extra_roots: Vec::new(),
    };
    Shared::start(settings, None, Metrics::new().unwrap())
}

fn wish(known: u64) -> Wish {
    Wish {
        known,
        refresh_before: Duration::from_secs(120),
        forced_mints_max: None,
    }
}

async fn leased(shared: &Arc<Shared>, name: Name, known: u64) -> Lease {
    let mut lease = None;
    until("the lease is had", async || {
        if let Entered::Leased(had) = shared.enter(name, wish(known)).await.unwrap() {
            lease = Some(had);
        }
        lease.is_some()
    })
    .await;
    lease.unwrap()
}

async fn publish(lease: &Lease, content: &str) -> Option<(u64, String)> {
    let published = lease.publish(&Secret::new(content), HOUR, HOUR).await;
    let entry = published.unwrap()?;
    Some((entry.generation, entry.content.expose().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lost_the_lease_writes_over_nothing_that_is_newer() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let (first, second) = (shared(&redis), shared(&redis));
    first.reached().await;
    second.reached().await;
    let name = Name::of(&[Some("an account")]);
    let lost = leased(&first, name, 0).await;
    let entered = second.enter(name, wish(0)).await.unwrap();
    assert!(matches!(entered, Entered::Busy), "it is held");
    // Nobody holds it for longer, so that it ends.
    let taken = leased(&second, name, 0).await;
    assert!(taken.generation() > lost.generation());
    assert_eq!(publish(&taken, "newer").await, None);
    let there = Some((taken.generation(), "newer".to_owned()));
    assert_eq!(publish(&lost, "older").await, there);
    let Entered::Newer(entry) = first.enter(name, wish(0)).await.unwrap() else {
        panic!("it is there for all");
    };
    assert_eq!(entry.content.expose(), "newer");
    assert!(entry.remaining <= HOUR);
    // Who has seen that one mints the next.
    let next = leased(&first, name, taken.generation()).await;
    assert!(next.generation() > taken.generation());
    next.release(false).await;
    leased(&second, name, taken.generation()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_to_be_renewed_is_of_no_use_to_others() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let shared = shared(&redis);
    shared.reached().await;
    let name = Name::of(&[Some("an account")]);
    let lease = leased(&shared, name, 0).await;
    let left = Duration::from_secs(100);
    let content = Secret::new("old");
    assert!(lease.publish(&content, HOUR, left).await.unwrap().is_none());
    // 100 s of an hour are less than refresh_before.
    let next = leased(&shared, name, 0).await;
    assert!(next.generation() > lease.generation());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_pays_for_what_was_asked_and_gets_back_what_was_not() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let shared = shared(&redis);
    shared.reached().await;
    let name = Name::of(&[Some("an account")]);
    let forced = Wish {
        forced_mints_max: Some(2),
        ..wish(0)
    };
    let enter = async || shared.enter(name, forced).await.unwrap();
    for refund in [true, true, true, false, false] {
        let Entered::Leased(lease) = enter().await else {
            panic!("there is something left");
        };
        lease.release(refund).await;
    }
    assert!(matches!(enter().await, Entered::BudgetSpent));
    // What no refusal has caused is free.
    leased(&shared, name, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn generations_grow_even_if_redis_has_lost_everything() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let shared = shared(&redis);
    shared.reached().await;
    let name = Name::of(&[Some("an account")]);
    let mut before = 0;
    for _loss in 0..3 {
        let lease = leased(&shared, name, 0).await;
        assert!(lease.generation() > before);
        before = lease.generation();
        redis.ask(&["FLUSHALL"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_accounts_that_ask_together_are_all_answered() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let shared = shared(&redis);
    shared.reached().await;
    let mut asking = tokio::task::JoinSet::new();
    for account in 0..10_000 {
        let shared = Arc::clone(&shared);
        asking.spawn(async move {
            let name = Name::of(&[Some(&format!("account {account}"))]);
            matches!(shared.enter(name, wish(0)).await, Ok(Entered::Leased(_)))
        });
    }
    let leased = asking.join_all().await;
    assert_eq!(leased.iter().filter(|leased| **leased).count(), 10_000);
}
