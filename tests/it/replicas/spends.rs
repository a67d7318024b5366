//! What one replica may write of a login, as the others see it: no refresh token that the tenant has given is lost because
//! somebody else was faster, and none that is newer is written over.

use std::sync::Arc;
use std::time::Duration;

use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::state::{Name, Shared, SharedError, Spend};

use super::leases::shared_at;
use super::server::Redis;
use super::way::Way;
use super::{KEY, OTHER_KEY};
use crate::harness::until;

fn login() -> Name {
    Name::of(&[Some("a login")])
}

/// Two replicas, and a login that both have read.
async fn two(redis: &Redis) -> [Arc<Shared>; 2] {
    let both = [shared_at(&redis.url(), KEY), shared_at(&redis.url(), KEY)];
    for shared in &both {
        shared.reached().await;
    }
    begin(&both[0], "first").await;
    both
}

async fn begin(shared: &Arc<Shared>, content: &str) {
    let written = shared.write_login(login(), &Secret::new(content)).await;
    written.unwrap();
}

async fn kept(shared: &Arc<Shared>) -> String {
    let record = shared.read_login(login()).await.unwrap();
    record.content.unwrap().expose().to_owned()
}

async fn marked(shared: &Arc<Shared>) -> Spend {
    let record = shared.read_login(login()).await.unwrap();
    let spend = shared.spend(login(), &record);
    assert!(spend.mark().await.unwrap());
    spend
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_connects_slowly_can_mark_what_it_has_renewed_before() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let [shared, _other] = two(&redis).await;
    let since = || {
        let names = redis.names();
        let name = names.iter().find(|name| name.ends_with(":login")).unwrap();
        redis.ask(&["--raw", "HGET", name, "since"])
    };
    let spend = marked(&shared).await;
    assert!(spend.renew(&Secret::new("second")).await.unwrap());
    let record = shared.read_login(login()).await.unwrap();
    let spend = shared.spend(login(), &record);
    // It is held from before the connection on, and that takes longer than what is held is dated anew.
    let connecting = Duration::from_millis(1_500);
    let held = tokio::time::timeout(connecting, spend.hold()).await;
    assert!(held.is_err());
    assert!(spend.mark().await.unwrap());
    // From now on it is.
    let marked_at = since();
    let dated = until("the mark is dated anew", async || since() != marked_at);
    tokio::select! {
        () = dated => {}
        never = spend.hold() => match never {},
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_of_what_another_replica_was_refused_is_kept_when_it_comes() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let [slow, fast] = two(&redis).await;
    let (given, refused) = (marked(&slow).await, marked(&fast).await);
    assert!(refused.end(&Secret::new("ended")).await.unwrap());
    assert_eq!(kept(&slow).await, "ended");
    assert!(given.renew(&Secret::new("second")).await.unwrap());
    assert_eq!(kept(&fast).await, "second");
    // The other way round the refusal says nothing of what is kept now.
    let (given, refused) = (marked(&slow).await, marked(&fast).await);
    assert!(given.renew(&Secret::new("third")).await.unwrap());
    assert!(!refused.end(&Secret::new("ended")).await.unwrap());
    assert_eq!(kept(&fast).await, "third");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_newer_is_not_written_over() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let [slow, fast] = two(&redis).await;
    let (late, first) = (marked(&slow).await, marked(&fast).await);
    assert!(first.renew(&Secret::new("second")).await.unwrap());
    assert!(!late.renew(&Secret::new("another")).await.unwrap());
    assert_eq!(kept(&slow).await, "second");
    let late = marked(&slow).await;
    begin(&fast, "a new login").await;
    assert!(!late.renew(&Secret::new("another")).await.unwrap());
    assert!(!late.end(&Secret::new("ended")).await.unwrap());
    assert_eq!(kept(&slow).await, "a new login");
    // Nor is a login that was made after all was lost there.
    let late = marked(&slow).await;
    redis.ask(&["FLUSHALL"]);
    begin(&fast, "the newest login").await;
    assert!(!late.renew(&Secret::new("another")).await.unwrap());
    assert_eq!(kept(&slow).await, "the newest login");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_whose_writing_was_not_answered_is_written_once() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let way = Way::to(redis.address()).await;
    let first = shared_at(&format!("redis://{}", way.address), KEY);
    let second = shared_at(&redis.url(), KEY);
    first.reached().await;
    second.reached().await;
    // So that Redis knows the script, and does it when it is first asked.
    let another = Name::of(&[Some("another login")]);
    let written = second.write_login(another, &Secret::new("another")).await;
    written.unwrap();
    for (mine, meanwhile) in [("first", "its successor"), ("third", "somebody's login")] {
        way.swallow_answers(true);
        let writing = tokio::spawn({
            let first = Arc::clone(&first);
            async move { begin(&first, mine).await }
        });
        until("it is there", async || {
            let record = second.read_login(login()).await.unwrap();
            record.content.is_some_and(|kept| kept.expose() == mine)
        })
        .await;
        if mine == "first" {
            let spend = marked(&second).await;
            assert!(spend.renew(&Secret::new(meanwhile)).await.unwrap());
        } else {
            begin(&second, meanwhile).await;
        }
        way.swallow_answers(false);
        writing.await.unwrap();
        assert_eq!(kept(&first).await, meanwhile);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_login_that_cannot_be_written_is_told_at_once() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let [shared, _other] = two(&redis).await;
    let names = redis.names();
    let name = names.iter().find(|name| name.ends_with(":login")).unwrap();
    redis.ask(&["SET", name, "what no login is"]);
    let written = shared.write_login(login(), &Secret::new("second")).await;
    assert!(matches!(written, Err(SharedError::Fault { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_successor_outlasts_a_redis_that_comes_back_with_another_key() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let [shared, _other] = two(&redis).await;
    let spend = marked(&shared).await;
    redis.ask(&["FLUSHALL"]);
    let foreign = shared_at(&redis.url(), OTHER_KEY);
    foreign.reached().await;
    redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    until("it finds another key there", async || {
        let read = shared.read_login(login()).await;
        matches!(read, Err(SharedError::Foreign))
    })
    .await;
    let second = Secret::new("second");
    let mut writing = std::pin::pin!(spend.renew(&second));
    let at_once = tokio::time::timeout(Duration::ZERO, writing.as_mut()).await;
    assert!(at_once.is_err(), "it is not given up");
    drop(foreign);
    redis.ask(&["FLUSHALL"]);
    redis.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert!(writing.await.unwrap());
    assert_eq!(kept(&shared).await, "second");
}
