//! Two hundred changes in a row, with callers that must not notice one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{ECHO, Scene};
use crate::harness::{Client, until};

const CHANGES: usize = 200;
const TAKEN: &str = "sfmc_auth_proxy_config_last_reload_success_timestamp_seconds";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_changes_go_unnoticed_and_leave_nothing_behind() {
    let scene = Scene::new().await;
    let more = scene.text.replace(
        "emea = 510001235",
        "emea = 510001235\napac = 510001236\n[[listener]]\naddress = \"127.0.0.1:0\"\naccount = \"apac\"",
    );
    assert_eq!(scene.get(ECHO).await.status, 200);
    // The first ones make what is made once.
    for text in [&more, &scene.text] {
        scene.reconfigure(text).await;
    }
    let before = scene.process.holdings();
    let (over, sent) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let callers: Vec<_> = (0..4)
        .map(|_caller| {
            let (over, sent) = (Arc::clone(&over), Arc::clone(&sent));
            let address = scene.process.address;
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                while !over.load(Ordering::Relaxed) {
                    let answer = client.get("/sandbox/echo?steady").await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for change in 0..CHANGES {
        let text = if change % 2 == 0 { &more } else { &scene.text };
        let before = scene.metric(TAKEN).await;
        scene.configure(text);
        until("the change", async || scene.metric(TAKEN).await > before).await;
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await.unwrap();
    }
    let journal = scene.tenant.journal();
    let arrived = journal
        .iter()
        .filter(|entry| entry.target.ends_with("?steady"));
    let arrived = arrived.count();
    assert_eq!(arrived, sent.load(Ordering::Relaxed), "each once");
    assert!(arrived > 0);
    assert_eq!(scene.tenant.token_requests(), 1, "no account was asked for");
    let mut after = scene.process.holdings();
    // Callers' connections and those to the tenant are closed, or kept for a while in the pool.
    after.0 = after.0.saturating_sub(8);
    assert!(
        after.0 <= before.0 && after.1 <= before.1,
        "{before:?} became {after:?}"
    );
}
