//! Secrets in files, in every way in which such files change; and that none of it is ever told.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use sfmc_auth_proxy::sandbox;

use super::{ECHO, Scene, replace};
use crate::harness::{Client, tenant_settings, until};
use crate::process::{Process, configuration};

const NEXT: &str = "next-secret-0123456789";

/// The present token goes on, and the next mint is made with what the file holds by then.
async fn check(prepare: fn(&Path), change: fn(&Path)) {
    let scene = Scene::with("", prepare).await;
    assert_eq!(scene.get(ECHO).await.status, 200);
    scene.tenant.set_client_secret(NEXT);
    change(scene.folder.path());
    assert_eq!(
        scene.is_taken(0).await,
        "tenants.acme.client_secret_file",
        "the key, and nothing of what it holds"
    );
    assert_eq!(scene.get(ECHO).await.status, 200);
    assert_eq!(
        scene.tenant.token_requests(),
        1,
        "the present token goes on"
    );
    scene.tenant.revoke_all();
    assert_eq!(scene.get(ECHO).await.status, 200);
    let first = scene.tenant.settings().client_secret.clone();
    assert_eq!(scene.secrets_sent(), [first.as_str(), NEXT]);
    let log = scene.process.log_text();
    assert!(!log.contains(NEXT) && !log.contains(&first), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_renamed_over() {
    check(
        |_folder| {},
        |folder| {
            replace(&folder.join("secret"), NEXT);
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_written_in_its_place() {
    check(
        |_folder| {},
        |folder| {
            fs::write(folder.join("secret"), NEXT).unwrap();
        },
    )
    .await;
}

/// A volume of Kubernetes: the file is a link through `..data`, and that link is what is swapped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_swapped() {
    check(
        |folder| {
            fs::create_dir(folder.join("..1")).unwrap();
            fs::rename(folder.join("secret"), folder.join("..1/secret")).unwrap();
            symlink("..1", folder.join("..data")).unwrap();
            symlink("..data/secret", folder.join("secret")).unwrap();
        },
        |folder| {
            fs::create_dir(folder.join("..2")).unwrap();
            fs::write(folder.join("..2/secret"), NEXT).unwrap();
            symlink("..2", folder.join("..data_tmp")).unwrap();
            fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
            fs::remove_dir_all(folder.join("..1")).unwrap();
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_secret_ends_the_cool_down_that_a_wrong_one_began() {
    let scene = Scene::new().await;
    assert_eq!(scene.get(ECHO).await.status, 200);
    scene.tenant.set_client_secret(NEXT);
    let file = scene.folder.path().join("secret");
    replace(&file, "mistyped-0123456789");
    scene.is_taken(0).await;
    scene.tenant.revoke_all();
    for _call in 0..3 {
        let refused = scene.get(ECHO).await;
        assert_eq!(refused.status, 502, "{}", refused.text());
        assert!(!refused.text().contains("mistyped"));
    }
    let asked = scene.tenant.token_requests();
    assert_eq!(asked, 2, "a cool-down holds back what is in vain");
    replace(&file, NEXT);
    scene.is_taken(1).await;
    assert_eq!(scene.get(ECHO).await.status, 200, "at once");
    assert_eq!(scene.tenant.token_requests(), asked + 1);
    let log = scene.process.log_text();
    assert!(!log.contains("mistyped") && !log.contains(NEXT), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_gone_for_a_while_is_no_secret() {
    let scene = Scene::new().await;
    let file = scene.folder.path().join("secret");
    let secret = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    until("refused", async || scene.refusals() == 1).await;
    assert_eq!(scene.get(ECHO).await.status, 200);
    assert_eq!(
        scene
            .metric("sfmc_auth_proxy_config_last_reload_successful")
            .await,
        0.0
    );
    fs::write(&file, secret).unwrap();
    until("mended", async || {
        scene
            .metric("sfmc_auth_proxy_config_last_reload_successful")
            .await
            == 1.0
    })
    .await;
    assert_eq!(scene.get(ECHO).await.status, 200);
}

/// What comes out of a pipe comes once: it counts for as long as the process lives, and everything else can change beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_and_a_configuration_that_come_out_of_pipes() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let mut writers = Vec::new();
    for name in [super::FILE, "secret"] {
        let file = folder.path().join(name);
        let content = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&file)
                .status()
                .unwrap()
                .success()
        );
        // Ends when it has been read, or with this process.
        writers.push(std::thread::spawn(move || fs::write(file, content)));
    }
    let process = Process::start(folder.path(), &[], &[]).await;
    for writer in writers {
        writer.join().unwrap().unwrap();
    }
    let mut client = Client::connect(process.address).await;
    assert_eq!(client.get(ECHO).await.status, 200);
    fs::write(
        folder.path().join("ca.pem"),
        fs::read(folder.path().join("ca.pem")).unwrap(),
    )
    .unwrap();
    process.signal("HUP");
    until("it is read again", async || {
        let lines = process.lines();
        lines
            .iter()
            .any(|line| line["msg"] == "configuration read again")
    })
    .await;
    assert_eq!(client.get(ECHO).await.status, 200);
    assert_eq!(tenant.token_requests(), 1);
}
