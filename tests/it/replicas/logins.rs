//! Logins that replicas share: one of them spends a refresh token, and no other does so before it is certain what became of it.

use std::time::Duration;

use sfmc_auth_proxy::sandbox::{Face, Script};

use super::server::Redis;
use super::{KEY, Replica, USERS, has_the_login, mints_at, replica, replicas, tenant};
use crate::harness::until;
use crate::logins::attempt_at;

/// Replicas, of which the first has logged a user in, and all have found that.
async fn logged_in(
    tenant: &sfmc_auth_proxy::sandbox::Tenant,
    redis: &Redis,
    count: usize,
) -> Vec<Replica> {
    let replicas = replicas(tenant, redis, count).await;
    // A first mint that finds the login would renew it.
    for replica in &replicas {
        until("its first mints have ended", async || {
            replica.admin("/startupz").await.status == 200
        })
        .await;
    }
    let page = attempt_at(replicas[0].process.admin, tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    for replica in &replicas {
        has_the_login(replica).await;
    }
    replicas
}

fn refreshes(tenant: &sfmc_auth_proxy::sandbox::Tenant) -> usize {
    mints_at(tenant, "refresh_token").len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_at_one_replica_serves_all_and_one_refresh_too() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = logged_in(&tenant, &redis, 3).await;
    assert_eq!(refreshes(&tenant), 0, "the login's own token serves all");
    for refusal in 1..=4 {
        tenant.revoke_all();
        let calls = replicas.iter().map(|replica| replica.get(USERS));
        for call in calls {
            assert_eq!(call.await.status, 200);
        }
        assert_eq!(refreshes(&tenant), refusal);
    }
    assert_eq!(tenant.families_ended(), 0);
    // A replica that comes later goes on with what is there.
    let late = replica(&tenant, &redis.url(), KEY).await;
    assert_eq!(late.get(USERS).await.status, 200);
    assert_eq!(refreshes(&tenant), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_and_a_new_login_are_known_to_all() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = logged_in(&tenant, &redis, 2).await;
    tenant.end_logins();
    tenant.revoke_all();
    assert_eq!(replicas[0].get(USERS).await.status, 502);
    let asked = tenant.token_requests();
    let told = replicas[1].get(USERS).await;
    assert_eq!(told.status, 502);
    assert!(told.text().contains("has ended"), "{}", told.text());
    assert_eq!(tenant.token_requests(), asked, "it is known without asking");
    let page = attempt_at(replicas[1].process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    for replica in &replicas {
        has_the_login(replica).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_whose_replica_is_stopped_is_not_repeated_by_another() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = logged_in(&tenant, &redis, 2).await;
    let (stopped, other) = (&replicas[0], &replicas[1]);
    tenant.script(Script::delay(Face::Auth, Duration::from_millis(400)));
    let asked = tenant.token_requests();
    tenant.revoke_all();
    let mut client = stopped.client().await;
    let waiting = tokio::spawn(async move { client.get(USERS).await.status });
    until("its refresh token is on the way", async || {
        tenant.token_requests() > asked
    })
    .await;
    stopped.process.signal("STOP");
    // The lease is lost, and what the vendor has answered is read by nobody.
    let lock = |name: &String| name.ends_with(":lock");
    until("the vendor has answered", async || refreshes(&tenant) == 1).await;
    until("the lease has ended", async || {
        !redis.names().iter().any(lock)
    })
    .await;
    let mut client = other.client().await;
    let second = tokio::spawn(async move { client.get(USERS).await.status });
    until("another replica has the lease", async || {
        redis.names().iter().any(lock)
    })
    .await;
    stopped.process.signal("CONT");
    assert_eq!(second.await.unwrap(), 200);
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(tenant.families_ended(), 0);
    assert_eq!(tenant.refresh_tokens_alive(), 1);
    assert_eq!(refreshes(&tenant), 1, "the other took over what came of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_somebody_else_spends_a_login_nothing_is_sent_although_the_lease_is_free() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = logged_in(&tenant, &redis, 1).await;
    let names = redis.names();
    let login = names.iter().find(|name| name.ends_with(":login")).unwrap();
    let time = redis.ask(&["--raw", "TIME"]);
    let now_ms = format!("{}000", time.lines().next().unwrap());
    let mark = ["spender", "somebody", "since", &now_ms, "written", "0"];
    redis.ask(&[&["HSET", login], mark.as_slice()].concat());
    tenant.revoke_all();
    let mut client = replicas[0].client().await;
    let waiting = tokio::spawn(async move { client.get(USERS).await.status });
    // It has the lease now and then, and gives it back.
    let mut seen = std::collections::BTreeSet::new();
    until("it has tried several times", async || {
        for name in names.iter().filter(|name| name.ends_with(":fence")) {
            seen.insert(redis.ask(&["--raw", "GET", name]));
        }
        seen.len() > 6
    })
    .await;
    assert_eq!(refreshes(&tenant), 0);
    redis.ask(&["HDEL", login, "spender", "since", "written"]);
    assert_eq!(waiting.await.unwrap(), 200);
    assert_eq!(refreshes(&tenant), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_while_redis_is_away_is_written_when_it_is_back() {
    let Some(mut redis) = Redis::start(&["--appendonly", "yes"]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = logged_in(&tenant, &redis, 2).await;
    tenant.script(Script::delay(Face::Auth, Duration::from_millis(700)));
    let asked = tenant.token_requests();
    tenant.revoke_all();
    let mut client = replicas[0].client().await;
    let waiting = tokio::spawn(async move { client.get(USERS).await.status });
    until("its refresh token is on the way", async || {
        tenant.token_requests() > asked
    })
    .await;
    redis.kill();
    until("the vendor has answered", async || refreshes(&tenant) == 1).await;
    // Meanwhile nobody else may send anything.
    let refused = replicas[1].get(USERS).await;
    assert_eq!(refused.status, 503);
    let said = refused.text();
    assert!(said.contains("no refresh token is spent"), "{said}");
    assert!(said.contains("state.redis_url"), "{said}");
    redis.start_again().await;
    waiting.await.unwrap();
    for replica in &replicas {
        has_the_login(replica).await;
        tenant.revoke_all();
        has_the_login(replica).await;
    }
    assert_eq!(tenant.families_ended(), 0);
    assert_eq!(tenant.refresh_tokens_alive(), 1);
}
