//! Codes for tokens, over real sockets.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::sandbox::client::{ask_token, code, rest, tenant};
use crate::sandbox::{Face, Pkce, Switches, Tenant};

const CALLBACK: &str = "http://127.0.0.1:7363/oauth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The challenge of that verifier, as RFC 7636 has it in appendix B.
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

async fn redeem(tenant: &Tenant, code: &str, changes: Value) -> (u16, Value) {
    let mut fields = json!({
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
    });
    for (key, value) in changes.as_object().unwrap() {
        fields[key] = value.clone();
    }
    ask_token(tenant, fields).await
}

#[tokio::test]
async fn a_code_gives_a_token_once() {
    let tenant = tenant().await;
    let first = code(&tenant, Face::Auth, &[("scope", "offline email_read")]);
    let (status, answer) = redeem(&tenant, &first, json!({"account_id": 510_001_235})).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["scope"], "email_read offline");
    assert_eq!(answer["rest_instance_url"], tenant.rest_url());
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    let echo = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(echo.status(), 200);
    assert_eq!(tenant.journal().last().unwrap().account, Some(510_001_235));
    assert_eq!(tenant.refresh_tokens_alive(), 1);

    let (status, again) = redeem(&tenant, &first, json!({})).await;
    assert_eq!((status, &again["error"]), (400, &json!("invalid_grant")));
    assert_eq!(
        (tenant.refresh_tokens_alive(), tenant.families_ended()),
        (0, 1)
    );
    let echo = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(echo.status(), 401);

    let online = code(&tenant, Face::Auth, &[("scope", "email_read")]);
    let (status, answer) = redeem(&tenant, &online, json!({})).await;
    assert_eq!((status, answer.get("refresh_token")), (200, None));
}

#[tokio::test]
async fn a_code_is_bound_to_its_request() {
    let tenant = tenant().await;
    let wrong = [
        (
            json!({"redirect_uri": "http://localhost:7363/oauth/callback"}),
            "invalid_grant",
        ),
        (json!({"code_verifier": VERIFIER}), "invalid_request"),
        (json!({"scope": "email_read sms_send"}), "invalid_scope"),
        (json!({"client_secret": "wrong"}), "invalid_client"),
    ];
    for (changes, error) in wrong {
        let code = code(&tenant, Face::Auth, &[("scope", "email_read")]);
        let (_, answer) = redeem(&tenant, &code, changes).await;
        assert_eq!(answer["error"], error);
    }
    let (_, answer) = redeem(&tenant, "never given", json!({})).await;
    assert_eq!(answer["error"], "invalid_grant");
    let late = code(&tenant, Face::Auth, &[]);
    tenant.expire_codes();
    assert_eq!(redeem(&tenant, &late, json!({})).await.0, 400);
    tenant.set_switches(Switches {
        code_lifetime_ms: 0,
        ..Switches::default()
    });
    let late = code(&tenant, Face::Auth, &[]);
    assert_eq!(redeem(&tenant, &late, json!({})).await.0, 400);
    assert_eq!(tenant.mints(), 0);
}

#[tokio::test]
async fn a_challenge_needs_its_verifier() {
    let tenant = tenant().await;
    assert_eq!(digest(&SHA256, VERIFIER.as_bytes()).as_ref().len(), 32);
    let changes = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let cases = [
        (json!({}), 400),
        (json!({"code_verifier": VERIFIER.replace('d', "e")}), 400),
        (json!({"code_verifier": "short"}), 400),
        (json!({"code_verifier": VERIFIER}), 200),
    ];
    for (fields, expected) in cases {
        let code = code(&tenant, Face::Auth, &changes);
        let (status, answer) = redeem(&tenant, &code, fields).await;
        assert_eq!(status, expected, "{answer}");
    }
    tenant.set_switches(Switches {
        pkce: Pkce::Ignored,
        ..Switches::default()
    });
    let code = code(&tenant, Face::Auth, &changes);
    assert_eq!(redeem(&tenant, &code, json!({})).await.0, 200);
}

#[tokio::test]
async fn a_public_package_sends_no_secret() {
    let tenant = tenant().await;
    tenant.set_public_package(true);
    let first = code(&tenant, Face::Auth, &[]);
    let (status, answer) = redeem(&tenant, &first, json!({})).await;
    assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
    let (status, answer) = redeem(&tenant, &first, json!({"client_secret": null})).await;
    assert_eq!(status, 200, "{answer}");
    let refresh_token = &answer["refresh_token"];
    let fields = json!({
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_secret": null,
    });
    assert_eq!(ask_token(&tenant, fields).await.0, 200);
    let (status, answer) = ask_token(&tenant, json!({})).await;
    assert_eq!(
        (status, &answer["error"]),
        (401, &json!("unauthorized_client"))
    );
}

#[tokio::test]
async fn an_assertion_is_no_grant_of_marketing_cloud() {
    let tenant = tenant().await;
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let (status, answer) = ask_token(&tenant, json!({"grant_type": grant, "assertion": "a"})).await;
    assert_eq!(
        (status, &answer["error"]),
        (400, &json!("unsupported_grant_type"))
    );
    assert!(
        answer["error_description"]
            .as_str()
            .unwrap()
            .contains(grant)
    );
}
