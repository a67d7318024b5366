//! The promises that matter most, whole: expiry under load, revocation, a dead endpoint, a tenant that refuses on principle.
//!
//! `SFMC_TEST_LONG=1` runs the load for 20 s and the revocations for a minute, as long as the promise says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use sfmc_auth_proxy::sandbox::{Face, Script, Tenant};
use tokio::task::JoinSet;

use crate::harness::{Client, PATIENCE, Stage, until};

const ECHO: &str = "/sandbox/echo";

fn long() -> bool {
    std::env::var_os("SFMC_TEST_LONG").is_some()
}

/// Calls that the tenant accepted, by SHA-256 of their body.
fn accepted_bodies(tenant: &Tenant) -> Vec<String> {
    let journal = tenant.journal();
    let rest = journal
        .iter()
        .filter(|entry| entry.face == Face::Rest && entry.status == Some(200));
    rest.map(|entry| entry.body_sha256.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_that_tokens_end_under_load() {
    let life = Duration::from_secs(3);
    let stage = Stage::with(|tenant| tenant.lifetime = life, |_resolved| {}).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    // Long enough to see whether calls go on meanwhile, short enough to end before the last 5 % of the life.
    let mint = Duration::from_millis(300);
    stage
        .tenant
        .script(Script::delay(Face::Auth, mint).times(1000));
    let run = if long() {
        Duration::from_secs(20)
    } else {
        Duration::from_secs(6)
    };
    let (calls, slowest_ms) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let enough = 1000 * run.as_secs();
    let mints_before = stage.tenant.mints();
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _caller in 0..64 {
        let (mut client, calls, slowest_ms) = (
            stage.client().await,
            Arc::clone(&calls),
            Arc::clone(&slowest_ms),
        );
        callers.spawn(async move {
            // A slow machine takes longer over the same number of calls.
            while start.elapsed() < run || calls.load(Ordering::Relaxed) < enough {
                let sent = Instant::now();
                assert_eq!(client.get(ECHO).await.status, 200);
                let took = u64::try_from(sent.elapsed().as_millis()).unwrap();
                slowest_ms.fetch_max(took, Ordering::Relaxed);
                calls.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("every answer is 200");
    }
    let (calls, mints) = (
        calls.load(Ordering::Relaxed),
        stage.tenant.mints() - mints_before,
    );
    let took = start.elapsed();
    let at_most = took.as_secs_f64() / (life.as_secs_f64() * 0.75) + 1.0;
    eprintln!(
        "{calls} calls in {took:?}, {mints} mints, slowest {} ms",
        slowest_ms.load(Ordering::Relaxed)
    );
    assert!(
        mints >= 2 && (mints as f64) <= at_most,
        "{mints} mints, at most {at_most}"
    );
    assert_eq!(
        stage
            .metric(
                "sfmc_auth_proxy_replays_total{api=\"rest\",outcome=\"accepted\",tenant=\"acme\"}"
            )
            .await,
        0.0
    );
    let refused = stage
        .received()
        .iter()
        .filter(|entry| entry.status == Some(401))
        .count();
    assert_eq!(refused, 0, "no token was used after its end");
    let journal = stage.tenant.journal();
    let arrivals: Vec<u64> = journal
        .iter()
        .filter(|entry| entry.face == Face::Rest)
        .map(|entry| entry.at_ms)
        .collect();
    for renewal in journal
        .iter()
        .filter(|entry| entry.face == Face::Auth)
        .skip(1)
    {
        let window = renewal.at_ms + 50..renewal.at_ms + 250;
        if arrivals.iter().all(|at| *at < window.end) {
            // The load ended before.
            continue;
        }
        let meanwhile = arrivals.iter().filter(|at| window.contains(at)).count();
        assert!(
            meanwhile >= 10,
            "calls went on while the renewal was under way: {meanwhile}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_calls_on_a_revoked_token_cost_one_mint() {
    let stage = Stage::new().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.clear_journal();
    stage.tenant.revoke_all();
    let before = stage.tenant.mints();
    let mut calls = JoinSet::new();
    for number in 0_usize..200 {
        // From 1 byte to 4 MiB, most of them small: 90 MiB in all.
        let size = if number % 10 == 0 {
            (4 << 20) >> (number / 10 % 5)
        } else {
            1 + number * 37
        };
        let body: Vec<u8> = (0..size)
            .map(|place| u8::try_from((place * 31 + number) % 251).unwrap())
            .collect();
        let address = stage.address();
        calls.spawn(async move {
            let mut client = Client::connect(address).await;
            let answer = client
                .send(
                    Request::post("/sandbox/upload")
                        .body(Bytes::from(body.clone()))
                        .unwrap(),
                )
                .await;
            (answer, body)
        });
    }
    let mut digests = Vec::new();
    while let Some(call) = calls.join_next().await {
        let (answer, body) = call.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = answer.json();
        assert_eq!(seen["length"].as_u64(), Some(body.len() as u64));
        digests.push(seen["sha256"].as_str().unwrap().to_owned());
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &body);
        let hex: String = digest
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(seen["sha256"], hex.as_str(), "byte for byte");
    }
    assert_eq!(stage.tenant.mints() - before, 1);
    let mut accepted = accepted_bodies(&stage.tenant);
    accepted.sort();
    digests.sort();
    assert_eq!(accepted, digests, "each was accepted once");
    until("room given back", async || {
        stage.metric("sfmc_auth_proxy_buffered_bytes").await == 0.0
    })
    .await;
}

/// When the first token was asked for, on the tenant's clock.
fn first_mint_ms(stage: &Stage) -> u64 {
    let journal = stage.tenant.journal();
    let mut mints = journal.iter().filter(|entry| entry.face == Face::Auth);
    mints.next().unwrap().at_ms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_token_endpoint_is_outlived_and_not_hammered() {
    let stage = Stage::with(
        |tenant| tenant.lifetime = Duration::from_secs(3),
        |_resolved| {},
    )
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let born = Instant::now();
    stage.tenant.set_face_down(Face::Auth, true);
    let before = stage.tenant.connections(Face::Auth);
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _caller in 0..16 {
        let (mut client, over) = (stage.client().await, Arc::clone(&over));
        callers.spawn(async move {
            let mut refused = 0_u32;
            while !over.load(Ordering::Relaxed) {
                let answer = client.get(ECHO).await;
                if answer.status == 200 {
                    // A second and more before its end nothing but 200 may come.
                    assert!(refused == 0, "a token came back from the dead");
                } else {
                    assert_eq!(
                        (answer.status.as_u16(), answer.code().as_str()),
                        (503, "token_unavailable")
                    );
                    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
                    assert!(
                        born.elapsed() > Duration::from_secs(2),
                        "given up while the token was still good"
                    );
                    refused += 1;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            refused
        });
    }
    tokio::time::sleep(Duration::from_secs(7)).await;
    over.store(true, Ordering::Relaxed);
    let mut refused = 0;
    while let Some(caller) = callers.join_next().await {
        refused += caller.unwrap();
    }
    let asked = stage.tenant.connections(Face::Auth) - before;
    eprintln!("{refused} calls refused, {asked} connections to the endpoint in 7 s");
    assert!(refused > 1000, "{refused} refusals are no load");
    // Mints of 3 calls each with pauses of 1, 2 and 4 s between them.
    assert!((1..=15).contains(&asked), "{asked} connections");
    // What left in the token's last moment may arrive after it, for as long as a busy machine takes.
    let minted_ms = first_mint_ms(&stage);
    let on_its_way_until_ms = minted_ms + 3000 + 1000;
    let received = stage.received();
    let late = received
        .iter()
        .filter(|entry| !entry.token_valid && entry.at_ms > on_its_way_until_ms);
    assert_eq!(
        late.count(),
        0,
        "never a stale token, never an unauthenticated request"
    );
    stage.tenant.set_face_down(Face::Auth, false);
    until("recovered by itself", async || {
        stage.get(ECHO).await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_refuses_everything_costs_one_mint() {
    let stage = Stage::new().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let before = stage.tenant.token_requests();
    stage
        .tenant
        .script(Script::status(Face::Rest, 401).times(100_000));
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let mut client = stage.client().await;
        callers.spawn(async move {
            for call in 0..50 {
                let answer = client
                    .get(&format!("/asset/v{}/x{}", caller % 3, call % 5))
                    .await;
                assert_eq!(answer.status, 401, "the tenant's own word");
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    assert_eq!(
        stage.tenant.token_requests() - before,
        1,
        "the account rests"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_route_that_refuses_on_principle_disturbs_no_other() {
    let stage = Stage::new().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let before = stage.tenant.token_requests();
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for _caller in 0..8 {
        let (mut client, over) = (stage.client().await, Arc::clone(&over));
        callers.spawn(async move {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(client.get("/asset/v1/content/assets").await.status, 200);
            }
        });
    }
    let mut client = stage.client().await;
    let mut advised = 0;
    for _call in 0..100 {
        let answer = client.get("/sandbox/always401/x").await;
        assert_eq!(answer.status, 401);
        advised += u32::from(answer.header("proxy-status").contains("missing scope?"));
    }
    over.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.expect("others notice nothing");
    }
    assert_eq!(advised, 100);
    assert_eq!(stage.tenant.token_requests() - before, 1, "the route rests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_keeps_revoking_is_cured_each_time() {
    let stage = Stage::new().await;
    let (pause, rounds) = if long() {
        (Duration::from_secs(5), 12)
    } else {
        (Duration::from_millis(300), 8)
    };
    let over = Arc::new(AtomicBool::new(false));
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let (mut client, over) = (stage.client().await, Arc::clone(&over));
        callers.spawn(async move {
            let paths = [
                "/asset/v1/content/assets",
                ECHO,
                "/platform/v1/tokenContext",
            ];
            while !over.load(Ordering::Relaxed) {
                let answer = client.get(paths[caller % 3]).await;
                assert_eq!(answer.status, 200, "{:?}", answer.headers);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
    }
    until("the first token", async || stage.tenant.mints() == 1).await;
    for round in 1..=rounds {
        tokio::time::sleep(pause).await;
        stage.tenant.revoke_all();
        until("the next token", async || stage.tenant.mints() == 1 + round).await;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(caller) = callers.join_next().await {
        caller.expect("cured each time");
    }
    assert_eq!(stage.tenant.mints(), 1 + rounds);
    assert!(PATIENCE > pause);
}
