//! Five replicas under load, while all goes wrong around them: refusals, Redis killed and restarted, a replica stopped while
//! it holds the lease. Runs with `SFMC_TEST_LONG=1` alone.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use sfmc_auth_proxy::sandbox::{self, Face, Script};

use super::server::Redis;
use super::{ECHO, Replica, USERS, has_the_login, mints_at, replicas, tenant};
use crate::harness::{Client, until};
use crate::logins::attempt_at;

const LIFETIME: Duration = Duration::from_secs(4);
const CALLERS_EACH: usize = 3;

const DURATION: Duration = Duration::from_secs(120);

/// What callers met.
#[derive(Default)]
struct Met {
    calls: AtomicU64,
    others: Mutex<BTreeMap<String, usize>>,
    ended: AtomicBool,
}

/// Calls until the end, on one connection.
async fn call(replica: usize, mut client: Client, met: Arc<Met>) {
    while !met.ended.load(Ordering::Relaxed) {
        for target in [ECHO, USERS] {
            let answer = client.get(target).await;
            met.calls.fetch_add(1, Ordering::Relaxed);
            if answer.status != 200 {
                let why = answer.header("proxy-status");
                let what = format!("replica {replica}, {target}: {} {why}", answer.status);
                *met.others.lock().unwrap().entry(what).or_default() += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// The replica that has a connection to the token endpoint open, which it does only while it mints.
fn minting<'a>(replicas: &'a [Replica], tenant: &sandbox::Tenant) -> Option<&'a Replica> {
    let port = format!(":{:04X}", tenant.address(Face::Auth).port());
    let table = fs::read_to_string("/proc/self/net/tcp").unwrap();
    let inodes: Vec<_> = table
        .lines()
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is_one = fields.get(2)?.ends_with(&port) && *fields.get(3)? == "01";
            is_one.then(|| format!("socket:[{}]", fields[9]))
        })
        .collect();
    replicas.iter().find(|replica| {
        let folder = format!("/proc/{}/fd", replica.process.id());
        let files = fs::read_dir(folder).unwrap();
        let mut links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        links.any(|link| {
            inodes
                .iter()
                .any(|inode| link.as_os_str() == inode.as_str())
        })
    })
}

/// Waits until a token was minted just now, so that nothing is minted while the next thing happens.
async fn just_minted(tenant: &sandbox::Tenant) {
    for grant in ["client_credentials", "refresh_token"] {
        let before = mints_at(tenant, grant).len();
        until("another mint", async || {
            mints_at(tenant, grant).len() > before
        })
        .await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// While Redis lives: from when to when by the tenant's clock, and what mints beyond the regular ones there may be.
struct Phase {
    from_ms: u64,
    to_ms: u64,
    more: u64,
}

impl Phase {
    fn mints_max(&self) -> u64 {
        let three_quarters = u64::try_from(LIFETIME.as_millis()).unwrap() * 3 / 4;
        (self.to_ms - self.from_ms) / three_quarters + 1 + self.more
    }
}

struct Scene {
    tenant: sandbox::Tenant,
    replicas: Vec<Replica>,
    started: Instant,
    offset_ms: u64,
}

impl Scene {
    fn now_ms(&self) -> u64 {
        self.offset_ms + u64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// Refusals until then; how many there were.
    async fn refuse_until(&self, end: Instant) -> u64 {
        let mut refusals = 0;
        while Instant::now() + Duration::from_secs(5) < end {
            just_minted(&self.tenant).await;
            self.tenant.revoke_all();
            refusals += 1;
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
        refusals
    }

    /// Stops a replica while it mints, and for longer than its lease lasts.
    async fn stop_one(&self) {
        just_minted(&self.tenant).await;
        self.tenant
            .script(Script::delay(Face::Auth, Duration::from_millis(700)));
        let mut stopped = None;
        until("a replica mints", async || {
            stopped = minting(&self.replicas, &self.tenant);
            stopped.is_some()
        })
        .await;
        let stopped = stopped.unwrap();
        stopped.process.signal("STOP");
        tokio::time::sleep(Duration::from_secs(5)).await;
        stopped.process.signal("CONT");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_replicas_mint_as_one_whatever_happens_around_them() {
    // Beside other tests it would slow them all, and some of them look at moments.
    if std::env::var_os("SFMC_TEST_LONG").is_none() {
        eprintln!("skipped: two minutes of load run with SFMC_TEST_LONG=1, alone");
        return;
    }
    let Some(mut redis) = Redis::start(&["--appendonly", "yes"]).await else {
        return;
    };
    let tenant = tenant(LIFETIME).await;
    let replicas = replicas(&tenant, &redis, 5).await;
    let page = attempt_at(replicas[0].process.admin, &tenant, "users").await;
    assert_eq!(page.status, 200, "{}", page.text());
    for replica in &replicas {
        has_the_login(replica).await;
        assert_eq!(replica.get(ECHO).await.status, 200);
    }
    let met = Arc::new(Met::default());
    let mut callers = JoinSet::new();
    for (number, replica) in replicas.iter().enumerate() {
        for _caller in 0..CALLERS_EACH {
            callers.spawn(call(number, replica.client().await, Arc::clone(&met)));
        }
    }
    let scene = Scene {
        offset_ms: tenant.journal().last().unwrap().at_ms,
        tenant: tenant.clone(),
        replicas,
        started: Instant::now(),
    };
    let half = DURATION / 2;
    let from_ms = scene.now_ms();
    let refusals = scene
        .refuse_until(scene.started + half.saturating_sub(Duration::from_secs(8)))
        .await;
    scene.stop_one().await;
    just_minted(&tenant).await;
    let to_ms = scene.now_ms();
    // Who was stopped has minted once, and another in its place; of the logins' tokens none is minted twice.
    let first = Phase {
        from_ms,
        to_ms,
        more: refusals + 1,
    };
    redis.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    redis.start_again().await;
    // Each has a token of its own now; at its end it takes over what the first of them mints.
    tokio::time::sleep(LIFETIME + Duration::from_secs(1)).await;
    let from_ms = scene.now_ms();
    let end = (scene.started + DURATION).max(Instant::now() + LIFETIME * 3);
    let refusals = scene.refuse_until(end).await;
    let second = Phase {
        from_ms,
        to_ms: scene.now_ms(),
        more: refusals,
    };
    met.ended.store(true, Ordering::Relaxed);
    callers.join_all().await;
    let others = met.others.lock().unwrap();
    assert!(others.is_empty(), "{others:#?}");
    assert_eq!(tenant.families_ended(), 0);
    let calls = met.calls.load(Ordering::Relaxed);
    for grant in ["client_credentials", "refresh_token"] {
        for phase in [&first, &second] {
            let within = |at_ms: &u64| (phase.from_ms..phase.to_ms).contains(at_ms);
            let mints = mints_at(&tenant, grant)
                .iter()
                .filter(|at| within(at))
                .count() as u64;
            eprintln!(
                "{grant}: {mints} mints, {} at most, in {} ms; {calls} calls in all",
                phase.mints_max(),
                phase.to_ms - phase.from_ms
            );
            assert!(mints > 0 && mints <= phase.mints_max(), "{grant}");
        }
    }
}
