//! Configurations that are refused whole, and what can be taken of those that are not.

use std::net::TcpListener;

use super::{ECHO, Scene};
use crate::harness::{Client, until};

const SUCCESSFUL: &str = "sfmc_auth_proxy_config_last_reload_successful";

/// The configuration with another account, which would show if any of it were taken.
fn with_apac(scene: &Scene) -> String {
    scene
        .text
        .replace("emea = 510001235", "emea = 510001235\napac = 510001236")
}

async fn apac(scene: &Scene) -> u16 {
    let answer = scene.get("/@acme:apac/sandbox/echo").await;
    answer.status.as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_configuration_is_refused_whole_and_a_mended_one_is_taken() {
    let scene = Scene::new().await;
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = held.local_addr().unwrap();
    let good = with_apac(&scene);
    let bad = [
        (good.replace("[listen]", "[listen"), vec!["is no TOML"]),
        (
            good.replace("account_id", "acount_id")
                .replace("[listen]", "[listen]\nnonsense = 1"),
            vec!["tenants.acme.acount_id: is not known", "listen.nonsense"],
        ),
        (
            good.replace("\"secret\"", "\"not-there\""),
            vec!["not-there does not exist"],
        ),
        (
            format!("{good}\n[[listener]]\naddress = \"{taken}\"\n"),
            vec!["something listens there already"],
        ),
    ];
    for (count, (text, words)) in bad.into_iter().enumerate() {
        scene.configure(&text);
        until("refused", async || scene.refusals() == count + 1).await;
        let log = scene.process.log_text();
        let page = scene.admin("/").await;
        assert!(page.contains("is refused, and the one before stays in force"));
        for word in words {
            assert!(log.contains(word), "{word}: {log}");
            assert!(page.contains(word), "{word}: {page}");
        }
        assert_eq!(scene.metric(SUCCESSFUL).await, 0.0);
        let verbose = scene.admin("/readyz?verbose").await;
        assert!(verbose.contains("configuration: refused at "), "{verbose}");
        assert!(verbose.starts_with("ok\n"), "still ready: {verbose}");
        assert_eq!((apac(&scene).await, scene.taken().len()), (403, 0));
        assert_eq!(scene.get(ECHO).await.status, 200);
    }
    drop(held);
    scene.reconfigure(&good).await;
    assert_eq!(apac(&scene).await, 200);
    assert_eq!(scene.metric(SUCCESSFUL).await, 1.0);
    let verbose = scene.admin("/readyz?verbose").await;
    assert!(verbose.contains("configuration: in force"), "{verbose}");
    let page = scene.admin("/").await;
    assert!(page.contains("In force as it was read last."), "{page}");
    assert_eq!(
        scene.tenant.token_requests(),
        2,
        "one for each account, and none for a reading"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_restart_is_told_and_the_rest_is_taken() {
    let mut scene = Scene::new().await;
    let text = with_apac(&scene)
        .replace(
            "[admin]\nlisten = \"127.0.0.1:0\"",
            "[admin]\nlisten = \"127.0.0.1:1\"",
        )
        .replace(
            "[listen]",
            "[limits]\nworkers = 3\n[log]\nlevel = \"debug\"\n[listen]",
        );
    let changed = scene.reconfigure(&text).await;
    assert_eq!(changed, "log.level, tenants.acme.accounts.apac");
    let told = scene
        .process
        .logged(|line| line["msg"].as_str().unwrap().starts_with("needs a restart"))
        .await;
    assert_eq!(told["keys"], "admin.listen, limits.workers");
    assert_eq!(apac(&scene).await, 200);
    assert!(!scene.admin("/readyz").await.is_empty(), "where it was");
    let debug = |line: &serde_json::Value| line["level"] == "debug";
    // A caller that speaks nonsense is worth a line of that level.
    let mut stream = tokio::net::TcpStream::connect(scene.process.address)
        .await
        .unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, b"\0\r\n\r\n")
        .await
        .unwrap();
    scene.process.logged(debug).await;
    // Nothing of it is forgotten: the next reading tells again.
    scene
        .reconfigure(&text.replace("\napac = 510001236", ""))
        .await;
    until("told again", async || {
        let lines = scene.process.lines();
        let told = lines
            .iter()
            .filter(|line| line["msg"].as_str().unwrap().starts_with("needs a restart"));
        told.count() >= 2
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_accounts_and_listeners_come_and_go() {
    let scene = Scene::new().await;
    let table = scene.text.find("[tenants.acme]").unwrap();
    let beta = scene.text[table..].replace("tenants.acme", "tenants.beta");
    let listener = "[[listener]]\naddress = \"127.0.0.1:0\"\naccount = \"apac\"\n";
    let text = with_apac(&scene);
    let text = format!("default_tenant = \"acme\"\n{text}\n{beta}\n{listener}");
    assert_eq!(scene.get("/@beta/sandbox/echo").await.status, 404);
    let mut kept = Client::connect(scene.process.address).await;
    assert_eq!(kept.get(ECHO).await.status, 200);
    scene.reconfigure(&text).await;
    assert_eq!(scene.get("/@beta/sandbox/echo").await.status, 200);
    assert_eq!(apac(&scene).await, 200);
    let lines = scene.process.lines();
    let mut addresses = lines.iter().rev().filter(|line| line["msg"] == "listening");
    let second = addresses.next().unwrap()["address"].as_str().unwrap();
    let mut there = Client::connect(second.parse().unwrap()).await;
    let answer = there.get(ECHO).await;
    assert_eq!(answer.json()["account"], 510_001_236_u64);
    scene.reconfigure(&scene.text).await;
    assert_eq!(scene.get("/@beta/sandbox/echo").await.status, 404);
    assert_eq!(apac(&scene).await, 403);
    let gone = tokio::net::TcpStream::connect(second).await;
    assert!(gone.is_err(), "nobody listens there any more");
    assert_eq!(kept.get(ECHO).await.status, 200, "the same connection");
    let metrics = scene.admin("/metrics").await;
    assert!(
        !metrics.contains("\"beta\"") && !metrics.contains("\"apac\"") && !metrics.contains(second),
        "{metrics}"
    );
}
