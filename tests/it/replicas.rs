//! Replicas that share on a real redis-server: one mint for all, no login lost, and nothing that a caller would notice.

mod away;
mod leases;
mod load;
mod logins;
pub mod server;
mod spends;
mod spoiled;
mod way;

use std::time::Duration;

use tempfile::TempDir;

use sfmc_auth_proxy::sandbox::{self, Face, Script};

use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, configuration};
use server::Redis;

const ECHO: &str = "/@acme/sandbox/echo";
const USERS: &str = "/@users/sandbox/echo";
/// 32 bytes, as `head -c 32 /dev/urandom | base64` makes them.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const OTHER_KEY: &str = "EjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8=";
const CALLBACK: &str = "http://127.0.0.1:7363/oauth/callback";

/// One replica, and the folder of its configuration.
pub struct Replica {
    pub process: Process,
    /// Goes with the process.
    _folder: TempDir,
}

impl Replica {
    async fn client(&self) -> Client {
        Client::connect(self.process.address).await
    }

    async fn get(&self, target: &str) -> crate::harness::Answer {
        self.client().await.get(target).await
    }

    async fn admin(&self, target: &str) -> crate::harness::Answer {
        Client::connect(self.process.admin).await.get(target).await
    }

    async fn metric(&self, series: &str) -> f64 {
        let text = self.admin("/metrics").await.text();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
            .unwrap_or(0.0)
    }
}

/// A tenant whose tokens live that long.
async fn tenant(lifetime: Duration) -> sandbox::Tenant {
    let settings = sandbox::Settings {
        lifetime,
        ..tenant_settings()
    };
    sandbox::Tenant::start(settings).await.unwrap()
}

/// A replica with the tenant `acme`, and `users`, whose tokens come from logins.
async fn replica(tenant: &sandbox::Tenant, url: &str, key: &str) -> Replica {
    replica_with(tenant, url, key, "").await
}

async fn replica_with(tenant: &sandbox::Tenant, url: &str, key: &str, state: &str) -> Replica {
    let settings = tenant.settings();
    let more = format!(
        r#"
[tenants.users]
grant = "authorization_code"
redirect_uri = "{CALLBACK}"
subdomain = "{}"
client_id = "{}"
client_secret_file = "secret"
auth_url = "{}"
trusted_hosts = ["{}", "{}"]
ca_file = "ca.pem"

[state]
redis_url = "{url}"
key = "{key}"
{state}
"#,
        settings.subdomain,
        settings.client_id,
        tenant.auth_url().trim_end_matches('/'),
        tenant.rest_authority(),
        tenant.soap_authority(),
    );
    let folder = configuration(tenant, &more);
    let process = Process::start(folder.path(), &[], &[]).await;
    Replica {
        process,
        _folder: folder,
    }
}

async fn replicas(tenant: &sandbox::Tenant, redis: &Redis, count: usize) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for _number in 0..count {
        replicas.push(replica(tenant, &redis.url(), KEY).await);
    }
    replicas
}

/// Arrival times of token requests of this grant that were answered with a token.
fn mints_at(tenant: &sandbox::Tenant, grant: &str) -> Vec<u64> {
    let grant = format!("\"grant_type\":\"{grant}\"");
    let journal = tenant.journal();
    let mints = journal.iter().filter(|entry| {
        entry.face == Face::Auth && entry.status == Some(200) && entry.body_text().contains(&grant)
    });
    mints.map(|entry| entry.at_ms).collect()
}

fn client_mints(tenant: &sandbox::Tenant) -> usize {
    mints_at(tenant, "client_credentials").len()
}

/// The text of the access token that came to the tenant last.
fn last_token(tenant: &sandbox::Tenant) -> String {
    let journal = tenant.journal();
    let last = journal.iter().rev().find(|entry| entry.face == Face::Rest);
    let header = last.unwrap().header("authorization").unwrap().to_owned();
    header.trim_start_matches("Bearer ").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_mint_serves_all_replicas_also_after_a_refusal() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = replicas(&tenant, &redis, 3).await;
    for replica in &replicas {
        assert_eq!(replica.get(ECHO).await.status, 200);
    }
    assert_eq!(client_mints(&tenant), 1);
    for refusal in 1..=3 {
        tenant.revoke_all();
        for replica in &replicas {
            assert_eq!(replica.get(ECHO).await.status, 200);
        }
        assert_eq!(client_mints(&tenant), 1 + refusal);
    }
    for replica in &replicas {
        assert_eq!(replica.metric("sfmc_auth_proxy_shared_state_up").await, 1.0);
        let configured = "sfmc_auth_proxy_shared_state_configured";
        assert_eq!(replica.metric(configured).await, 1.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_begin_together_mint_once() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    // Longer than a lease lasts that nobody holds.
    tenant.script(Script::delay(Face::Auth, Duration::from_secs(4)));
    let replicas = replicas(&tenant, &redis, 3).await;
    for replica in &replicas {
        until("it has a token", async || {
            replica.admin("/readyz").await.status == 200
        })
        .await;
    }
    assert_eq!(client_mints(&tenant), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_one_budget_for_all_replicas() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let replicas = replicas(&tenant, &redis, 2).await;
    let mut refused = 0;
    for turn in 0..26 {
        for replica in &replicas {
            assert!(matches!(replica.get(ECHO).await.status.as_u16(), 200 | 401));
        }
        tenant.revoke_all();
        let answer = replicas[turn % 2].get(ECHO).await;
        refused += usize::from(answer.status == 401);
    }
    // Each replica has seen 13 refusals first, and would have had its own 20.
    assert!(refused >= 4, "{refused}");
    let mints = client_mints(&tenant);
    assert!((20..=22).contains(&mints), "{mints}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_redis_is_sealed_and_ends_by_itself() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(2)).await;
    let replica = replica(&tenant, &redis.url(), KEY).await;
    let page = crate::logins::attempt_at(replica.process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let mut secrets = vec![KEY.to_owned(), tenant.settings().client_secret.clone()];
    for target in [ECHO, USERS] {
        assert_eq!(replica.get(target).await.status, 200);
        secrets.push(last_token(&tenant));
    }
    let refreshes = tenant.refreshes();
    until("the refresh token was used", async || {
        assert_eq!(replica.get(USERS).await.status, 200);
        tenant.refreshes() > refreshes
    })
    .await;
    let journal = tenant.journal();
    for entry in journal.iter().filter(|entry| entry.face == Face::Auth) {
        let body: serde_json::Value = serde_json::from_slice(&entry.body).unwrap_or_default();
        if let Some(token) = body["refresh_token"].as_str() {
            secrets.push(token.to_owned());
        }
    }
    assert!(secrets.len() > 4, "there is a refresh token among them");
    let held = redis.everything();
    assert!(held.contains(":token") && held.contains(":login"), "{held}");
    for secret in secrets {
        assert!(!held.contains(&secret), "{secret}");
    }
    until("the access tokens have ended there", async || {
        !redis.names().iter().any(|name| name.ends_with(":token"))
    })
    .await;
    assert!(redis.names().iter().any(|name| name.ends_with(":login")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_with_another_key_goes_on_alone_and_spoils_nothing() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let first = replica(&tenant, &redis.url(), KEY).await;
    assert_eq!(first.get(ECHO).await.status, 200);
    let page = crate::logins::attempt_at(first.process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let held = redis.everything();
    let mut second = replica(&tenant, &redis.url(), OTHER_KEY).await;
    let line = second.process.logged(|line| line["level"] == "error").await;
    let said = line.to_string();
    assert!(said.contains("have another state.key"), "{said}");
    assert!(said.contains("sfmc-auth-proxy:key"), "{said}");
    assert!(said.contains("it is sealed under the key"), "{said}");
    assert_eq!(second.get(ECHO).await.status, 200);
    assert_eq!(client_mints(&tenant), 2);
    let refused = second.get(USERS).await;
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("state.key"), "{}", refused.text());
    assert_eq!(second.metric("sfmc_auth_proxy_shared_state_up").await, 0.0);
    assert_eq!(redis.everything(), held);
    assert_eq!(first.get(USERS).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_changed_without_losing_anything() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let first = replica(&tenant, &redis.url(), KEY).await;
    assert_eq!(first.get(ECHO).await.status, 200);
    let settings = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = settings.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let files = [at("new", OTHER_KEY), at("old", KEY)];
    drop(first);
    let second = replica_of(&tenant, &redis.url(), &format!("key_file = {files:?}")).await;
    assert_eq!(second.get(ECHO).await.status, 200);
    assert_eq!(
        client_mints(&tenant),
        1,
        "the old key's token is taken over"
    );
    drop(second);
    let third = replica(&tenant, &redis.url(), OTHER_KEY).await;
    until("it shares", async || {
        third.metric("sfmc_auth_proxy_shared_state_up").await == 1.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_as_an_acl_user_with_no_more_rights_than_the_documentation_says() {
    let Some(redis) = Redis::start_with_tls().await else {
        return;
    };
    let tenant = tenant(Duration::from_secs(1_079)).await;
    let ca = format!("ca_file = {:?}", redis.ca_file());
    let first = replica_with(&tenant, &redis.tls_url("proxy:p%40ss"), KEY, &ca).await;
    let second = replica_with(&tenant, &redis.tls_url("proxy:p%40ss"), KEY, &ca).await;
    let page = crate::logins::attempt_at(first.process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    has_the_login(&second).await;
    for target in [ECHO, USERS] {
        tenant.revoke_all();
        assert_eq!(first.get(target).await.status, 200);
        assert_eq!(second.get(target).await.status, 200);
    }
    for replica in [&first, &second] {
        let up = replica.metric("sfmc_auth_proxy_shared_state_up").await;
        assert_eq!(up, 1.0, "{}", replica.process.log_text());
        let errors = replica.admin("/metrics").await.text();
        let mut errors = errors
            .lines()
            .filter(|line| line.contains("errors_total{operation="));
        assert!(
            errors.all(|line| line.ends_with("\"} 0")),
            "{}",
            replica.process.log_text()
        );
        assert!(!replica.process.log_text().contains("p@ss"));
    }
    assert_eq!(tenant.families_ended(), 0);
    // Without the CA nothing is believed, and with a wrong password nothing is given.
    for (url, ca) in [
        (redis.tls_url("proxy:p%40ss"), ""),
        (redis.tls_url("proxy:wrong"), ca.as_str()),
    ] {
        let mut refused = replica_with(&tenant, &url, KEY, ca).await;
        let waits = |line: &serde_json::Value| line.to_string().contains("waiting for Redis");
        let line = refused.process.logged(waits).await.to_string();
        assert!(!line.contains("wrong"), "{line}");
    }
}

/// Waits until a replica has found the login that was made at another one.
async fn has_the_login(replica: &Replica) {
    until("the login is found", async || {
        replica.get(USERS).await.status == 200
    })
    .await;
}

/// A replica with these lines about its keys.
async fn replica_of(tenant: &sandbox::Tenant, url: &str, keys: &str) -> Replica {
    let more = format!("[state]\nredis_url = \"{url}\"\n{keys}\n");
    let folder = configuration(tenant, &more);
    let process = Process::start(folder.path(), &[], &[]).await;
    Replica {
        process,
        _folder: folder,
    }
}
