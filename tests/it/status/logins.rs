//! What is told of logins: that somebody has to log in only where an account lacks one.

use serde_json::{Value, json};
use tempfile::TempDir;

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::sandbox::{Face, Script};

use super::{account, status, status_with, tenant};
use crate::harness::Stage;
use crate::logins::attempt;
use crate::refreshes::{by_login, log_in};

const ECHO: &str = "/sandbox/echo";
/// The login that serves all accounts without one of their own, and that of one account.
const TENANTS: &str = r#"sfmc_auth_proxy_login_valid{account="",tenant="acme"}"#;
const EMEAS: &str = r#"sfmc_auth_proxy_login_valid{account="emea",tenant="acme"}"#;

/// Tokens come from logins that are kept there, and no account is the default one.
fn without_default(resolved: &mut Resolved, folder: &TempDir) {
    by_login(resolved, &folder.path().join("state"));
    resolved.proxy.tenants[0].default_account = None;
}

async fn stage(folder: &TempDir) -> Stage {
    Stage::with(|_tenant| {}, |resolved| without_default(resolved, folder)).await
}

fn findings(status: &Value) -> Vec<&str> {
    let findings = status["summary"]["findings"].as_array().unwrap();
    let what = findings.iter().map(|finding| finding["what"].as_str());
    what.map(Option::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_with_logins_of_their_own_lack_none_of_the_tenants() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder).await;
    assert_eq!(tenant(&status(&stage).await, "acme")["login"], "unknown");
    nobody_is_called(&stage).await;
    attempt(&stage, "acme?account=emea").await;
    assert_eq!(
        stage.get(&format!("/@acme:emea{ECHO}")).await.status,
        200,
        "by its own login"
    );
    // Whether the proxy is ready is looked up now and then.
    let seen = status_with(&stage, "ready", |status| status["ready"] == true).await;
    assert_eq!(tenant(&seen, "acme")["login"], "valid");
    assert_eq!(findings(&seen), [""; 0]);
    nobody_is_called(&stage).await;
    assert_eq!(stage.metric(EMEAS).await, 1.0);
    // Another one has none, which is told, and so is what else fails.
    assert_eq!(stage.get(&format!("/@acme:apac{ECHO}")).await.status, 503);
    stage.tenant.revoke_all();
    stage
        .tenant
        .script(Script::status(Face::Auth, 401).times(3));
    assert_eq!(stage.get(&format!("/@acme:emea{ECHO}")).await.status, 502);
    let seen = status(&stage).await;
    assert_eq!(tenant(&seen, "acme")["login"], "needed");
    assert_eq!(seen["summary"]["state"], "failing");
    let told = findings(&seen);
    assert!(told.contains(&"acme: somebody has to log in."), "{told:#?}");
    assert!(
        told.iter()
            .any(|what| what.contains("for emea. The tenant's token endpoint refuses")),
        "{told:#?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_got_a_login_of_its_own_lacks_the_tenants_no_more() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder).await;
    let apac = format!("/@acme:apac{ECHO}");
    assert_eq!(stage.get(&apac).await.status, 503);
    assert_eq!(stage.metric(TENANTS).await, 0.0);
    let verbose = stage.admin("/readyz?verbose").await.text();
    let told = "tenant acme: no token yet; somebody has to log in, at /login/acme\n";
    assert!(verbose.contains(told), "{verbose}");
    attempt(&stage, "acme?account=apac").await;
    assert_eq!(stage.get(&apac).await.status, 200);
    nobody_is_called(&stage).await;
}

/// Neither by a metric nor in words.
async fn nobody_is_called(stage: &Stage) {
    let metrics = stage.admin("/metrics").await.text();
    assert!(!metrics.contains(TENANTS), "{metrics}");
    let verbose = stage.admin("/readyz?verbose").await.text();
    assert!(!verbose.contains("log in"), "{verbose}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_kept_is_not_called_for_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let stage = stage(&folder).await;
    assert_eq!(stage.get(&format!("/@acme:apac{ECHO}")).await.status, 503);
    assert_eq!(tenant(&status(&stage).await, "acme")["login"], "needed");
    log_in(&stage).await;
    let seen = status(&stage).await;
    assert_eq!(tenant(&seen, "acme")["login"], "valid");
    let error = &account(&seen, "apac")["last_error"];
    assert_eq!(error["over"], true, "what was lacking is there: {error}");
    assert_eq!(stage.get(&format!("/@acme:emea{ECHO}")).await.status, 200);
    let stage = crate::refreshes::restarted_with(stage, &folder, |resolved| {
        resolved.proxy.tenants[0].default_account = None;
    })
    .await;
    let seen = status(&stage).await;
    assert_eq!(tenant(&seen, "acme")["login"], "unknown");
    assert!(
        !findings(&seen).iter().any(|what| what.contains("log in")),
        "{seen:#}"
    );
    assert_eq!(stage.get(&format!("/@acme:emea{ECHO}")).await.status, 200);
    assert_eq!(tenant(&status(&stage).await, "acme")["login"], "valid");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_of_an_account_is_called_for_by_its_name() {
    let (stage, _folder) = crate::refreshes::stage().await;
    attempt(&stage, "acme?account=emea").await;
    stage.tenant.end_logins();
    stage.tenant.revoke_all();
    assert_eq!(stage.get(&format!("/@acme:emea{ECHO}")).await.status, 502);
    let seen = status(&stage).await;
    let finding = &seen["summary"]["findings"][0];
    assert_eq!(finding["what"], "acme:510001235: somebody has to log in.");
    let link = json!("/login/acme?account=510001235");
    assert_eq!(finding["link"], link);
    let page = stage.admin(finding["link"].as_str().unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let verbose = stage.admin("/readyz?verbose").await.text();
    let told = "somebody has to log in, at /login/acme?account=emea\n";
    assert!(verbose.contains(told), "{verbose}");
}
