//! Refresh tokens: spent once, kept before they are used, and lost by no crash that the server leaves a way out of.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::metrics::Metrics;
use sfmc_auth_proxy::proxy::{Proxy, Watchers};
use sfmc_auth_proxy::sandbox::{self, Face, Script, Tssd};
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::state::{self, Directory, Keeper, Keys, Slot, Step};
use sfmc_auth_proxy::token::GrantType;
use sfmc_auth_proxy::upstream::Upstream;

use crate::harness::{Client, EMEA, PARENT, Stage, resolved, tenant_settings, until};
use crate::logins;
use crate::process::{Process, configuration};

const ECHO: &str = "/sandbox/echo";
/// 32 bytes, as `head -c 32 /dev/urandom | base64` makes them.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

pub fn state_in(directory: &Path) -> state::Settings {
    state::Settings {
        directory: directory.to_owned(),
        keys: Keys::new(&[Secret::new(KEY)]).unwrap(),
    }
}

/// Tokens come from a user's login, which is kept there.
pub fn by_login(resolved: &mut Resolved, directory: &Path) {
    resolved.proxy.tenants[0].endpoint.grant_type = GrantType::AuthorizationCode {
        redirect_uri: "http://127.0.0.1:7363/oauth/callback".to_owned(),
        pkce: false,
    };
    resolved.state = Some(state_in(directory));
}

/// Somebody has logged in before.
fn logged_in(tenant: &sandbox::Tenant, directory: &Path) {
    let content = json!({"refresh_token": tenant.issue_refresh_token(None, &[])});
    let directory = Directory::open(state_in(directory)).unwrap();
    let slot = Slot {
        tenant: "acme".to_owned(),
        account: None,
    };
    let content = Secret::new(content.to_string());
    directory.write(&slot, &content).unwrap();
}

/// A proxy whose user has logged in, and the folder of its state.
pub async fn stage() -> (Stage, TempDir) {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    logged_in(&tenant, &directory);
    let mut resolved = resolved(&tenant);
    by_login(&mut resolved, &directory);
    let proxy = sfmc_auth_proxy::app::start(resolved).await.unwrap();
    (Stage { tenant, proxy }, folder)
}

/// Another proxy with the same state.
pub async fn restarted(stage: Stage, folder: &TempDir) -> Stage {
    restarted_with(stage, folder, |_resolved| {}).await
}

/// The same, with changes to its settings.
pub async fn restarted_with(
    stage: Stage,
    folder: &TempDir,
    change: impl FnOnce(&mut Resolved),
) -> Stage {
    let Stage { tenant, proxy } = stage;
    proxy.stop().await;
    let directory = folder.path().join("state");
    until("the state is let go", async || {
        Directory::open(state_in(&directory)).is_ok()
    })
    .await;
    let mut resolved = resolved(&tenant);
    by_login(&mut resolved, &directory);
    change(&mut resolved);
    let proxy = sfmc_auth_proxy::app::start(resolved).await.unwrap();
    Stage { tenant, proxy }
}

/// Token requests that the tenant has seen.
pub fn refreshes_sent(tenant: &sandbox::Tenant) -> usize {
    let journal = tenant.journal();
    let refreshes = journal.iter().filter(|entry| {
        entry.face == Face::Auth
            && String::from_utf8_lossy(&entry.body).contains("\"grant_type\":\"refresh_token\"")
    });
    refreshes.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refresh_token_is_spent_once_whatever_accounts_want_at_the_same_time() {
    let (stage, _folder) = stage().await;
    for _round in 0..5 {
        stage.tenant.revoke_all();
        let mut calls = JoinSet::new();
        for call in 0..30 {
            let path = ["", "/@acme:emea", "/@acme:apac"][call % 3];
            let address = stage.address();
            calls.spawn(async move {
                let mut client = Client::connect(address).await;
                client.get(&format!("{path}{ECHO}")).await.status
            });
        }
        assert_eq!(calls.join_all().await, vec![200; 30]);
    }
    assert_eq!(stage.tenant.families_ended(), 0);
    assert_eq!(
        stage.tenant.refreshes(),
        u64::try_from(refreshes_sent(&stage.tenant)).unwrap(),
        "none was refused"
    );
    assert_eq!(stage.tenant.refresh_tokens_alive(), 1);
    // Each account has a token of its own.
    let accounts: Vec<_> = stage
        .received()
        .iter()
        .rev()
        .take(30)
        .filter_map(|entry| entry.account)
        .collect();
    assert!(accounts.contains(&PARENT) && accounts.contains(&EMEA));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_refused_ends_the_login_and_a_new_login_begins_it() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let valid = r#"sfmc_auth_proxy_login_valid{account="",tenant="acme"}"#;
    assert_eq!(stage.metric(valid).await, 1.0);
    stage.tenant.end_logins();
    stage.tenant.revoke_all();
    let refused = stage.get(ECHO).await;
    assert_eq!(refused.status, 502);
    let said = refused.text();
    assert!(said.contains("token_rejected"), "{said}");
    assert!(said.contains("sfmc-auth-proxy login acme"), "{said}");
    assert_eq!(stage.metric(valid).await, 0.0);
    let verbose = stage.admin("/readyz?verbose").await.text();
    let told = "tenant acme: has had a token; somebody has to log in, at /login/acme";
    assert!(verbose.contains(told), "{verbose}");
    // Nothing more is sent with a token that has ended.
    let sent = refreshes_sent(&stage.tenant);
    for _call in 0..20 {
        assert_eq!(stage.get(ECHO).await.status, 502);
    }
    assert_eq!(refreshes_sent(&stage.tenant), sent);
    log_in(&stage).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.metric(valid).await, 1.0);
    let verbose = stage.admin("/readyz?verbose").await.text();
    assert!(
        verbose.contains("tenant acme: has had a token\n"),
        "{verbose}"
    );
    // The new login is what a restart finds.
    let stage = restarted(stage, &folder).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
}

/// A user logs in through the admin listener.
pub async fn log_in(stage: &Stage) {
    let page = logins::attempt(stage, "acme").await;
    assert_eq!(page.status, 200, "{}", page.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_anybody_has_logged_in_callers_are_told_and_nothing_is_sent() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let stage = Stage::with(|_tenant| {}, |resolved| by_login(resolved, &directory)).await;
    let refused = stage.get(ECHO).await;
    assert_eq!(refused.status, 503);
    let said = refused.text();
    assert!(said.contains("token_unavailable"), "{said}");
    assert!(said.contains("sfmc-auth-proxy login acme"), "{said}");
    assert!(stage.tenant.journal().is_empty());
    log_in(&stage).await;
    // Every account of the tenant has it, though its cool-down was on.
    assert_eq!(stage.get(ECHO).await.status, 200);
    until("emea", async || {
        stage.get(&format!("/@acme:emea{ECHO}")).await.status == 200
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_concurrent_refresh_of_core_salesforce_passes_and_is_no_end() {
    let (stage, _folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.script(Script {
        face: Some(Face::Auth),
        status: Some(400),
        body: Some(json!({
            "error": "invalid_grant",
            "error_description": "expired authorization code",
        })),
        ..Script::default()
    });
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.scripts_waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_too_late_for_its_asker_is_kept_and_used() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.script(Script {
        face: Some(Face::Auth),
        delay_ms: 10_500,
        ..Script::default()
    });
    stage.tenant.revoke_all();
    let (sent, good) = (refreshes_sent(&stage.tenant), stage.tenant.refreshes());
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(refreshes_sent(&stage.tenant), sent + 1);
    assert_eq!(stage.tenant.refreshes(), good + 1);
    drop(folder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_cannot_be_written_down_is_not_used_and_not_lost() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let (directory, aside) = (folder.path().join("state"), folder.path().join("aside"));
    std::fs::rename(&directory, &aside).unwrap();
    stage.tenant.revoke_all();
    let refused = stage.get(ECHO).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    let sent = refreshes_sent(&stage.tenant);
    std::fs::rename(&aside, &directory).unwrap();
    until("a token", async || stage.get(ECHO).await.status == 200).await;
    assert_eq!(refreshes_sent(&stage.tenant), sent, "the one that was held");
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.families_ended(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_under_way_is_waited_for_when_the_proxy_stops() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    stage.tenant.script(Script {
        face: Some(Face::Auth),
        delay_ms: 700,
        ..Script::default()
    });
    stage.tenant.revoke_all();
    let sent = refreshes_sent(&stage.tenant);
    let mut caller = stage.client().await;
    let call = tokio::spawn(async move { caller.get(ECHO).await.status });
    until("sent", async || refreshes_sent(&stage.tenant) == sent + 1).await;
    call.abort();
    let stage = restarted(stage, &folder).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.families_ended(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_word_for_the_users_tenant_counts_under_the_lock() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    let stage = Stage::with(|_tenant| {}, |resolved| by_login(resolved, &directory)).await;
    for foreign in ["mcother", "evil.example/", "a@b"] {
        let mut switches = stage.tenant.switches();
        switches.tssd = Tssd::Named(foreign.to_owned());
        stage.tenant.set_switches(switches);
        let page = logins::attempt(&stage, "acme").await;
        assert!(page.text().contains("trusted_hosts"), "{foreign}");
    }
    let tokens = stage.tenant.token_requests();
    assert_eq!(tokens, 0, "no code and no secret went anywhere");
    for own in [Tssd::Own, Tssd::Absent] {
        let mut switches = stage.tenant.switches();
        switches.tssd = own;
        stage.tenant.set_switches(switches);
        log_in(&stage).await;
    }
    assert_eq!(stage.get(ECHO).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_of_no_use_leaves_the_one_from_before_as_it_was() {
    let (stage, _folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    for (patch, words) in [
        (
            json!({"rest_instance_url": "https://elsewhere.example/"}),
            "trusted_hosts",
        ),
        (json!({"refresh_token": null}), "no refresh token"),
    ] {
        let patch = patch.as_object().unwrap().clone();
        stage.tenant.set_token_answer(patch);
        let page = logins::attempt(&stage, "acme").await;
        assert_eq!(page.status, 502);
        assert!(page.text().contains(words), "{}", page.text());
        stage.tenant.set_token_answer(serde_json::Map::new());
        stage.tenant.revoke_all();
        assert_eq!(stage.get(ECHO).await.status, 200, "{words}");
    }
    assert_eq!(stage.tenant.families_ended(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_a_login_of_its_own_says_so_when_that_ends() {
    let (stage, _folder) = stage().await;
    let page = logins::attempt(&stage, "acme?account=emea").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let emea = format!("/@acme:emea{ECHO}");
    assert_eq!(stage.get(&emea).await.status, 200);
    stage.tenant.end_logins();
    stage.tenant.revoke_all();
    let said = stage.get(&emea).await.text();
    assert!(
        said.contains("`sfmc-auth-proxy login acme:510001235`"),
        "{said}"
    );
    let said = stage.get(ECHO).await.text();
    assert!(said.contains("`sfmc-auth-proxy login acme`"), "{said}");
    let own = r#"sfmc_auth_proxy_login_valid{account="emea",tenant="acme"}"#;
    assert_eq!(stage.metric(own).await, 0.0);
    // A login of the tenant's is another user's, and does not take its place.
    log_in(&stage).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.get(&emea).await.status, 502);
    logins::attempt(&stage, "acme?account=emea").await;
    assert_eq!(stage.get(&emea).await.status, 200);
    assert_eq!(stage.metric(own).await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_could_not_be_written_down_gets_a_last_chance_at_the_end() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let (directory, aside) = (folder.path().join("state"), folder.path().join("aside"));
    std::fs::rename(&directory, &aside).unwrap();
    stage.tenant.revoke_all();
    assert_eq!(stage.get(ECHO).await.status, 503);
    std::fs::rename(&aside, &directory).unwrap();
    let stage = restarted(stage, &folder).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.families_ended(), 0);
}

/// Set for a child that is to die: at which step, and where everything is.
const DIES_AT: &str = "IT_REFRESHES_DIES_AT";
const DIES_IN: &str = "IT_REFRESHES_DIES_IN";

/// Not a test of its own: what the children of the test below run.
#[test]
fn child_that_dies() {
    let (Ok(_step), Ok(folder)) = (std::env::var(DIES_AT), std::env::var(DIES_IN)) else {
        return;
    };
    let folder = Path::new(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let sources = sfmc_auth_proxy::config::Sources {
            working_directory: folder.to_owned(),
            ..Default::default()
        };
        let resolved = sfmc_auth_proxy::config::load(&sources).unwrap();
        let directory = Directory::open_watched(state_in(&folder.join("state")), die_at).unwrap();
        let proxy = Proxy::new(
            resolved.proxy,
            Upstream::new(resolved.upstream),
            Metrics::new().unwrap(),
            Watchers::default(),
            &Keeper::Directory(Arc::new(directory)),
            Handle::current(),
        );
        // The default account's first token.
        proxy.unwrap().warm_up(|_tenant, _outcome| {}).await;
        die("used");
    });
}

/// Ends this process as `kill -9` does, if it is the step for it.
fn die(step: &str) {
    if std::env::var(DIES_AT).is_ok_and(|at| at == step) {
        let _killed = Command::new("kill")
            .args(["-9", &std::process::id().to_string()])
            .status();
    }
}

fn die_at(step: Step) {
    die(&format!("{step:?}"));
}

/// What a crash at this step leaves: `true` if calls go on without a new login.
async fn survives(step: &str, change: impl FnOnce(&mut sandbox::Settings)) -> bool {
    let mut settings = tenant_settings();
    change(&mut settings);
    let tenant = sandbox::Tenant::start(settings).await.unwrap();
    let more = format!("[state]\ndir = \"state\"\nkey = \"{KEY}\"\n");
    let folder = configuration(&tenant, &more);
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace(
        "[tenants.acme]\n",
        "[tenants.acme]\ngrant = \"authorization_code\"\nredirect_uri = \"http://127.0.0.1:7363/oauth/callback\"\n",
    );
    std::fs::write(&file, text).unwrap();
    logged_in(&tenant, &folder.path().join("state"));
    let dying = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "refreshes::child_that_dies", "--nocapture"])
        .env(DIES_AT, step)
        .env(DIES_IN, folder.path())
        .output()
        .unwrap();
    let ended = std::os::unix::process::ExitStatusExt::signal(&dying.status);
    assert_eq!(ended, Some(9), "{step}: {dying:?}");
    assert_eq!(refreshes_sent(&tenant), 1, "{step}");
    let process = Process::start(folder.path(), &[], &[]).await;
    let call = async || {
        Client::connect(process.address)
            .await
            .get(ECHO)
            .await
            .status
    };
    let status = call().await;
    // What it goes on with can be used more than once.
    if status == 200 {
        tenant.revoke_all();
        assert_eq!(call().await, 200, "{step}");
        assert_eq!(tenant.families_ended(), 0, "{step}");
    }
    status == 200
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_loses_no_refresh_token_that_the_server_honours() {
    // From the moment that the new token is written, whatever the server does with the old one.
    for step in ["Written", "Synced", "Renamed", "DirectorySynced", "used"] {
        assert!(survives(step, |_strict| {}).await, "{step}");
    }
    // Before that the new one is in memory alone: a server that honours the old one until the new is used loses nothing.
    let lenient = |settings: &mut sandbox::Settings| settings.switches.rotation_grace = true;
    assert!(survives("Created", lenient).await);
    // One that does not leaves no way out, and the caller is told.
    assert!(!survives("Created", |_strict| {}).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_before_the_server_has_answered_loses_nothing() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("state");
    logged_in(&tenant, &directory);
    tenant.script(Script {
        face: Some(Face::Auth),
        reset: true,
        ..Script::default()
    });
    let mut resolved = resolved(&tenant);
    by_login(&mut resolved, &directory);
    let proxy = sfmc_auth_proxy::app::start(resolved).await.unwrap();
    let stage = Stage { tenant, proxy };
    // The connection broke after the token had left: nobody knows whether it is spent, so it is tried again.
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.tenant.families_ended(), 0);
    assert!(refreshes_sent(&stage.tenant) >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_kept_of_a_login_is_sealed_and_no_access_token_is_in_it() {
    let (stage, folder) = stage().await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let token = stage.received()[0].headers.clone();
    let token = token
        .iter()
        .find(|(name, _value)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_name, value)| value.trim_start_matches("Bearer ").to_owned())
        .unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path().join("state")).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(&token) && !text.contains("refresh_token"));
        files += 1;
    }
    assert!(files >= 1);
    let kept = Directory::open(state_in(&folder.path().join("state"))).unwrap_err();
    assert!(kept[0].to_string().contains("is held by"), "{}", kept[0]);
}

/// Two seconds, during which every renewal is a refresh.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_by_refresh_go_unnoticed() {
    let (stage, _folder) = stage().await;
    stage.tenant.set_lifetime(Duration::from_secs(2));
    stage.tenant.revoke_all();
    let mut client = stage.client().await;
    until("five refreshes", async || {
        assert_eq!(client.get(ECHO).await.status, 200);
        stage.tenant.refreshes() >= 5
    })
    .await;
    assert_eq!(stage.tenant.families_ended(), 0);
}

/// Both configurations have the same logins, and the directory is not opened twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_configuration_spends_no_refresh_token_twice() {
    let (mut stage, folder) = stage().await;
    assert_eq!(stage.client().await.get(ECHO).await.status, 200);
    for change in 0..3 {
        stage.tenant.revoke_all();
        stage
            .tenant
            .script(Script::delay(Face::Auth, Duration::from_millis(300)));
        let before = refreshes_sent(&stage.tenant);
        let mut client = stage.client().await;
        let call = tokio::spawn(async move { client.get(ECHO).await.status.as_u16() });
        until("it is under way", async || {
            refreshes_sent(&stage.tenant) > before
        })
        .await;
        let mut settings = resolved(&stage.tenant);
        by_login(&mut settings, &folder.path().join("state"));
        if change == 1 {
            // Another lock makes another cell, and that too has the same login.
            settings.proxy.tenants[0]
                .endpoint
                .lock
                .trusted
                .rotate_left(1);
        }
        stage.proxy.reload(settings).await.unwrap();
        assert_eq!(call.await.unwrap(), 200);
        assert_eq!(stage.get(ECHO).await.status, 200);
    }
    assert_eq!(stage.tenant.families_ended(), 0);
    assert_eq!(
        stage
            .proxy
            .metrics()
            .login_valid
            .with_label_values(&["acme", ""])
            .get(),
        1
    );
}
