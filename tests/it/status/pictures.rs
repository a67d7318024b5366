//! Pictures of the status page after real traffic, in a browser without a screen. Made only where `SFMC_TEST_SCREENSHOTS` names a
//! folder; the tests of the page itself are its neighbours.

use std::path::Path;
use std::time::Duration;

use sfmc_auth_proxy::policy::{Mode, Posture};
use sfmc_auth_proxy::sandbox::{Face, Script, SoapFault};
use tempfile::TempDir;

use super::{ROWS, ready, retrieve};
use crate::harness::{APAC, EMEA, Stage};
use crate::identities::{basic, client};
use crate::process::{has_program, undisturbed};

/// A stage with two clients, three accounts, and trouble of several kinds.
async fn troubled() -> Stage {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            let mut newsletter = client("newsletter", "news-secret", &[EMEA, APAC]);
            newsletter.grant.mode = Mode::NoSend;
            let mut nightly = client("nightly-export", "night-secret", &[]);
            nightly.grant.everything = true;
            nightly.grant.mode = Mode::ReadOnly;
            nightly.grant.policy = Posture::Observe;
            resolved.proxy.clients = vec![newsletter, nightly];
        },
    )
    .await;
    ready(&stage).await;
    let tenant = &stage.tenant;
    let mut caller = stage.client().await;
    let mut send = async |name: &str, secret: &str, mut request: http::Request<bytes::Bytes>| {
        let value = basic(name, secret).parse().unwrap();
        request.headers_mut().insert("authorization", value);
        caller.send(request).await;
    };
    let get = |path: &str| http::Request::get(path).body(bytes::Bytes::new()).unwrap();
    let post = |path: &str| {
        let request = http::Request::post(path).header("content-type", "application/json");
        request.body(bytes::Bytes::from_static(b"{}")).unwrap()
    };
    for number in 0..60 {
        if number % 20 == 19 {
            tenant.script(Script::delay(Face::Rest, Duration::from_millis(120)));
        }
        send("newsletter", "news-secret", get("/asset/v1/content/assets")).await;
        send(
            "nightly-export",
            "night-secret",
            get("/platform/v1/tokenContext"),
        )
        .await;
        send(
            "nightly-export",
            "night-secret",
            retrieve("DataExtensionObject[Orders]"),
        )
        .await;
    }
    tenant.revoke_all();
    send(
        "nightly-export",
        "night-secret",
        get("/asset/v1/content/assets"),
    )
    .await;
    // What its policy is against, and only notes.
    send(
        "nightly-export",
        "night-secret",
        post("/asset/v1/content/assets"),
    )
    .await;
    tenant.script(Script::status(Face::Rest, 403).times(4).below(ROWS));
    for _ in 0..4 {
        send("nightly-export", "night-secret", get(ROWS)).await;
    }
    tenant.script(Script {
        retry_after: Some(30),
        ..Script::status(Face::Rest, 429)
    });
    send("nightly-export", "night-secret", get("/contacts/v1/schema")).await;
    send(
        "newsletter",
        "news-secret",
        post("/messaging/v1/email/messages/4711"),
    )
    .await;
    send(
        "newsletter",
        "news-secret",
        get("/asset/v1/content/assets/4711"),
    )
    .await;
    tenant.script(Script::fault(SoapFault::Throttled));
    send("nightly-export", "night-secret", retrieve("Subscriber")).await;
    tenant.script(Script::status(Face::Auth, 401).times(9));
    send(
        "newsletter",
        "news-secret",
        get("/@acme:apac/asset/v1/content/assets"),
    )
    .await;
    stage.get("/@acem/asset/v1/content/assets").await;
    stage
}

fn take(url: &str, picture: &Path, width: u32, height: u32, dark: bool) {
    let profile = TempDir::new().unwrap();
    let taken = undisturbed("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--disable-lcd-text",
            "--run-all-compositor-stages-before-draw",
            "--virtual-time-budget=2000",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ])
        .arg(format!(
            "--blink-settings=preferredColorScheme={}",
            u8::from(!dark)
        ))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={width},{height}"))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(url)
        .env("HOME", profile.path())
        .output()
        .unwrap();
    assert!(
        picture.exists(),
        "{}",
        String::from_utf8_lossy(&taken.stderr)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_the_status_page() {
    let Some(folder) = std::env::var_os("SFMC_TEST_SCREENSHOTS") else {
        eprintln!("skipped: pictures are made where SFMC_TEST_SCREENSHOTS names a folder");
        return;
    };
    if !has_program("chromium") {
        return;
    }
    let stage = troubled().await;
    let url = format!("http://{}/", stage.proxy.admin());
    for (name, width, height, dark) in [
        ("status-light.png", 1060, 1640, false),
        ("status-dark.png", 1060, 1640, true),
        ("status-narrow.png", 390, 2400, false),
    ] {
        let (url, picture) = (url.clone(), Path::new(&folder).join(name));
        tokio::task::spawn_blocking(move || take(&url, &picture, width, height, dark))
            .await
            .unwrap();
    }
}
