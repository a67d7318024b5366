//! A value in Redis that is not one of ours: it concerns its own account alone, and nobody is told what it holds.

use std::time::Duration;

use super::server::Redis;
use super::{ECHO, Replica, USERS, client_mints, replicas, tenant};
use crate::logins::attempt_at;

const EMEA: &str = "/@acme:emea/sandbox/echo";
const UP: &str = "sfmc_auth_proxy_shared_state_up";

async fn shares_still(replica: &Replica) {
    assert_eq!(replica.metric(UP).await, 1.0);
    let log = replica.process.log_text();
    assert!(!log.contains("is away"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoiled_token_keeps_no_other_account_from_sharing() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = replicas(&tenant, &redis, 2).await;
    let (first, second) = (&replicas[0], &replicas[1]);
    assert_eq!(first.get(ECHO).await.status, 200);
    assert_eq!(second.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 1);
    let names = redis.names();
    let name = names.iter().find(|name| name.ends_with(":token")).unwrap();
    // Of another type, and without what is in it.
    let [typeless, empty] = [
        vec![vec!["SET", name, "s3cret"]],
        vec![
            vec!["DEL", name],
            vec!["HSET", name, "generation", "9000000000000"],
            vec!["HSET", name, "lifetime", "1000000"],
            vec!["PEXPIRE", name, "1000000"],
        ],
    ];
    for commands in [typeless, empty] {
        for command in commands {
            redis.ask(&command);
        }
        tenant.revoke_all();
        for replica in &replicas {
            assert_eq!(replica.get(ECHO).await.status, 200);
        }
        let before = client_mints(&tenant);
        for replica in &replicas {
            assert_eq!(replica.get(EMEA).await.status, 200);
        }
        assert_eq!(client_mints(&tenant), before + 1, "one for both");
    }
    for replica in &replicas {
        shares_still(replica).await;
        assert!(!replica.process.log_text().contains("s3cret"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoiled_login_is_told_without_what_it_holds() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = replicas(&tenant, &redis, 1).await;
    let replica = &replicas[0];
    let page = attempt_at(replica.process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let names = redis.names();
    let name = names.iter().find(|name| name.ends_with(":login")).unwrap();
    redis.ask(&["HSET", name, "version", "none"]);
    tenant.revoke_all();
    let refused = replica.get(USERS).await;
    assert_eq!(refused.status, 503);
    let said = refused.text();
    assert!(said.contains("was not written by this proxy"), "{said}");
    // What a value of ours begins with, and how the library quotes one.
    let log = replica.process.log_text();
    for words in ["sfmc-auth-proxy-shared", "response was", "value was"] {
        assert!(!said.contains(words), "{said}");
        assert!(!log.contains(words), "{log}");
    }
    shares_still(replica).await;
    assert_eq!(replica.get(ECHO).await.status, 200);
}
