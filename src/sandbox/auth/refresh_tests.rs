//! Refresh tokens and their families, over real sockets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::client::{ask_token, control, rest, tenant};
use crate::sandbox::{Face, Script, Switches, Tenant};

async fn refresh(tenant: &Tenant, refresh_token: &str, changes: Value) -> (u16, Value) {
    let mut fields = json!({"grant_type": "refresh_token", "refresh_token": refresh_token});
    for (key, value) in changes.as_object().unwrap() {
        fields[key] = value.clone();
    }
    ask_token(tenant, fields).await
}

async fn next(tenant: &Tenant, refresh_token: &str) -> String {
    let (status, answer) = refresh(tenant, refresh_token, json!({})).await;
    assert_eq!(status, 200, "{answer}");
    answer["refresh_token"].as_str().unwrap().to_owned()
}

async fn is_dead(tenant: &Tenant, refresh_token: &str) -> bool {
    let (status, answer) = refresh(tenant, refresh_token, json!({})).await;
    assert!(
        status == 200 || answer["error"] == "invalid_grant",
        "{answer}"
    );
    status == 400
}

#[tokio::test]
async fn a_reused_refresh_token_ends_its_whole_family() {
    let tenant = tenant().await;
    let other = tenant.issue_refresh_token(None, &["offline"]);
    let first = tenant.issue_refresh_token(Some(510_001_236), &["offline", "email_read"]);
    let (_, answer) = refresh(&tenant, &first, json!({})).await;
    assert_eq!(answer["scope"], "email_read offline");
    let second = answer["refresh_token"].as_str().unwrap();
    assert_ne!(second, first);
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let echo = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(echo.status(), 200);
    assert_eq!(tenant.journal().last().unwrap().account, Some(510_001_236));
    assert_eq!((tenant.refreshes(), tenant.refresh_tokens_alive()), (1, 2));

    assert!(is_dead(&tenant, &first).await);
    assert!(is_dead(&tenant, second).await);
    let echo = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(echo.status(), 401);
    assert_eq!(
        (tenant.families_ended(), tenant.refresh_tokens_alive()),
        (1, 1)
    );
    assert!(!is_dead(&tenant, &other).await);
}

#[tokio::test]
async fn of_two_uses_at_once_one_succeeds_and_both_end() {
    let tenant = tenant().await;
    let token = tenant.issue_refresh_token(None, &[]);
    let (one, other) = tokio::join!(
        refresh(&tenant, &token, json!({})),
        refresh(&tenant, &token, json!({})),
    );
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(
        (tenant.families_ended(), tenant.refresh_tokens_alive()),
        (1, 0)
    );
    let winner = if one.0 == 200 { one.1 } else { other.1 };
    let bearer = format!("Bearer {}", winner["access_token"].as_str().unwrap());
    let echo = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(echo.status(), 401);
}

#[tokio::test]
async fn scopes_narrow_and_accounts_change() {
    let tenant = tenant().await;
    let token = tenant.issue_refresh_token(None, &["offline", "email_read", "email_send"]);
    let (status, answer) = refresh(&tenant, &token, json!({"scope": "sms_send"})).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_scope")));
    let changes = json!({"scope": "email_read", "account_id": "510001235"});
    let (_, answer) = refresh(&tenant, &token, changes).await;
    assert_eq!(answer["scope"], "email_read");
    let token = answer["refresh_token"].as_str().unwrap();
    // What was narrowed is the access token, not the login.
    let (_, answer) = refresh(&tenant, token, json!({})).await;
    assert_eq!(answer["scope"], "email_read email_send offline");
    let token = answer["refresh_token"].as_str().unwrap();
    let (status, _) = refresh(&tenant, token, json!({"account_id": 1})).await;
    assert_eq!((status, is_dead(&tenant, token).await), (400, false));
}

#[tokio::test]
async fn what_fails_before_it_is_judged_spends_nothing() {
    let tenant = tenant().await;
    let token = tenant.issue_refresh_token(None, &[]);
    tenant.script(Script::status(Face::Auth, 503).below("/v2/token").times(2));
    for _ in 0..2 {
        assert_eq!(refresh(&tenant, &token, json!({})).await.0, 503);
    }
    let (_, answer) = refresh(&tenant, &token, json!({"client_secret": "wrong"})).await;
    assert_eq!(answer["error"], "invalid_client");
    assert!(!is_dead(&tenant, &token).await);
}

#[tokio::test]
async fn rotation_is_a_switch() {
    let tenant = tenant().await;
    tenant.set_switches(Switches {
        rotation_grace: true,
        ..Switches::default()
    });
    let first = tenant.issue_refresh_token(None, &[]);
    // The answer with the second is lost, and the first goes out again.
    let _lost = next(&tenant, &first).await;
    let third = next(&tenant, &first).await;
    let fourth = next(&tenant, &third).await;
    assert!(is_dead(&tenant, &first).await);
    assert!(is_dead(&tenant, &fourth).await);
    assert_eq!(tenant.families_ended(), 1);

    tenant.set_switches(Switches {
        refresh_rotation: false,
        ..Switches::default()
    });
    let constant = tenant.issue_refresh_token(None, &[]);
    for _ in 0..3 {
        assert_eq!(next(&tenant, &constant).await, constant);
    }
    tenant.set_switches(Switches {
        refresh_lifetime_seconds: 0,
        ..Switches::default()
    });
    let late = tenant.issue_refresh_token(None, &[]);
    assert!(is_dead(&tenant, &late).await);
}

#[tokio::test]
async fn a_user_takes_consent_back() {
    let tenant = tenant().await;
    let (one, other) = (
        tenant.issue_refresh_token(None, &[]),
        tenant.issue_refresh_token(Some(510_001_235), &[]),
    );
    tenant.end_logins();
    assert!(is_dead(&tenant, &one).await && is_dead(&tenant, &other).await);
    assert_eq!(
        (tenant.families_ended(), tenant.refresh_tokens_alive()),
        (0, 0)
    );
}

#[tokio::test]
async fn the_control_api_does_the_same() {
    let tenant = tenant().await;
    let order = r#"{"account": 510001235, "scopes": ["offline"]}"#;
    let answer = control(&tenant, "POST", "/refresh-tokens", order, "").await;
    assert!(answer.contains("refresh_token"), "{answer}");
    let state = control(&tenant, "GET", "/state", "", "").await;
    assert!(state.contains(r#""refresh_tokens_alive":1"#), "{state}");
    control(&tenant, "POST", "/logins/end", "", "").await;
    assert_eq!(tenant.refresh_tokens_alive(), 0);
    control(&tenant, "PUT", "/package", r#"{"public": true}"#, "").await;
    let uris = r#"{"redirect_uris": ["http://127.0.0.1:1/back"]}"#;
    control(&tenant, "PUT", "/redirect-uris", uris, "").await;
    let state = control(&tenant, "GET", "/state", "", "").await;
    assert!(state.contains(r#""public_package":true"#), "{state}");
    assert!(state.contains("http://127.0.0.1:1/back"), "{state}");
    let lifetime = r#"{"seconds": 5, "face": "data_cloud"}"#;
    let answer = control(&tenant, "PUT", "/lifetime", lifetime, "").await;
    assert!(answer.contains("200 OK"), "{answer}");
    let key = control(&tenant, "PUT", "/jwt-public-key", r#"{"pem": "x"}"#, "").await;
    assert!(key.contains("400 Bad Request"), "{key}");
    let switch = r#"{"tssd": {"named": "x"}, "refresh_rotation": false}"#;
    control(&tenant, "PUT", "/switches", switch, "").await;
    assert!(!tenant.switches().refresh_rotation);
    tenant.set_lifetime_of(Face::Auth, Duration::from_secs(7));
    tenant.set_public_package(false);
    assert_eq!(ask_token(&tenant, json!({})).await.1["expires_in"], 7);
}
