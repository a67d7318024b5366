//! Users' logins across a change: kept where the new configuration keeps them, and never those of another client.

use tempfile::TempDir;

use super::ECHO;
use crate::harness::{Stage, resolved};
use crate::refreshes::{by_login, log_in, refreshes_sent, restarted, stage, state_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_at_a_tenant_that_takes_logins_only_since_a_change_outlives_the_process() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let without_logins = |settings: &mut sfmc_auth_proxy::config::Resolved| {
        settings.state = Some(state_in(&directory));
    };
    let mut stage = Stage::with(|_tenant| {}, without_logins).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let mut settings = resolved(&stage.tenant);
    by_login(&mut settings, &directory);
    stage.proxy.reload(settings).await.unwrap();
    log_in(&stage).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let stage = restarted(stage, &folder).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_neither_sent_by_another_client_nor_lost() {
    let (mut stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let sent = refreshes_sent(&stage.tenant);
    let settings = |client_id: Option<&str>| {
        let mut settings = resolved(&stage.tenant);
        by_login(&mut settings, &folder.path().join("state"));
        if let Some(client_id) = client_id {
            client_id.clone_into(&mut settings.proxy.tenants[0].endpoint.client_id);
        }
        settings
    };
    let (other, back) = (settings(Some("another")), settings(None));
    stage.proxy.reload(other).await.unwrap();
    let refused = stage.get(ECHO).await;
    assert_eq!(refused.status, 503);
    let said = refused.text();
    assert!(said.contains("Nobody has logged in to acme yet"), "{said}");
    assert_eq!(refreshes_sent(&stage.tenant), sent);
    stage.proxy.reload(back).await.unwrap();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.families_ended(), 0);
}
