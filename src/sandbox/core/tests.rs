//! Tokens of core Salesforce and what they open, over real sockets.

use serde_json::{Value, json};

use crate::sandbox::client::{ask_token, call, code, core_form, core_token, parsed, tenant, token};
use crate::sandbox::{Face, Script, Switches, Tenant};

const TOKEN: &str = "/services/oauth2/token";
const CALLBACK: &str = "http://127.0.0.1:7363/oauth/callback";
const ID: (&str, &str) = ("client_id", "sandboxclientid000000000");
const SECRET: (&str, &str) = ("client_secret", "sandboxclientsecret00000");

async fn ask(tenant: &Tenant, fields: &[(&str, &str)]) -> (u16, Value) {
    core_form(tenant, TOKEN, fields).await
}

async fn refresh(tenant: &Tenant, refresh_token: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token),
        ID,
        SECRET,
    ];
    ask(tenant, &fields).await
}

async fn redeem(tenant: &Tenant, code: &str, verifier: &str) -> (u16, Value) {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
        ID,
        SECRET,
    ];
    ask(tenant, &fields).await
}

async fn get(tenant: &Tenant, face: Face, target: &str, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let answer = call(tenant, face, "GET", target, &headers, "").await;
    answer.unwrap().status().as_u16()
}

#[tokio::test]
async fn the_clients_own_token_has_the_vendors_shape() {
    let tenant = tenant().await;
    let fields = [("grant_type", "client_credentials"), ID, SECRET];
    let (status, answer) = ask(&tenant, &fields).await;
    assert_eq!(status, 200);
    let core = tenant.core_url();
    assert_eq!(answer["instance_url"], core.trim_end_matches('/'));
    assert!(
        answer["access_token"]
            .as_str()
            .unwrap()
            .starts_with("00D000000000001!")
    );
    assert!(
        answer["issued_at"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 1_700_000_000_000
    );
    assert!(answer["id"].as_str().unwrap().starts_with(&core));
    for absent in ["expires_in", "refresh_token"] {
        assert_eq!(answer.get(absent), None);
    }
    assert_eq!((tenant.core_mints(), tenant.token_requests()), (1, 1));
}

#[tokio::test]
async fn token_requests_are_judged_in_cores_own_words() {
    let tenant = tenant().await;
    let cases: [(&[(&str, &str)], &str); 5] = [
        (
            &[
                ("grant_type", "client_credentials"),
                ("client_id", "x"),
                SECRET,
            ],
            "invalid_client_id",
        ),
        (
            &[("grant_type", "client_credentials"), ID],
            "invalid_client",
        ),
        (
            &[
                ("grant_type", "client_credentials"),
                ID,
                ("client_secret", "x"),
            ],
            "invalid_client",
        ),
        (
            &[("grant_type", "password"), ID, SECRET],
            "unsupported_grant_type",
        ),
        (&[ID, SECRET, ID], "invalid_request"),
    ];
    for (fields, error) in cases {
        let (status, answer) = ask(&tenant, fields).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
        assert!(answer["error_description"].is_string());
    }
    let body =
        json!({"grant_type": "client_credentials", "client_id": ID.1, "client_secret": SECRET.1});
    let body = body.to_string();
    let headers = [("Content-Type", "application/json")];
    let answer = call(&tenant, Face::Core, "POST", TOKEN, &headers, &body);
    assert_eq!(answer.await.unwrap().status(), 400);
    let form = "grant_type=client_credentials&client_id=sandboxclientid000000000&client_secret=sandboxclientsecret00000";
    let hosts = [
        ("login.salesforce.com", 400),
        ("test.salesforce.com", 400),
        ("mcsandbox0000000000000000000.my.salesforce.com", 200),
        ("na1.salesforce.com", 421),
    ];
    for (host, status) in hosts {
        let headers = [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Host", host),
        ];
        let answer = call(&tenant, Face::Core, "POST", TOKEN, &headers, form);
        assert_eq!(answer.await.unwrap().status(), status, "{host}");
    }
}

#[tokio::test]
async fn a_login_gives_a_token_and_a_refresh_token_that_stays() {
    let tenant = tenant().await;
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let pkce = [
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
        ("scope", "api refresh_token"),
    ];
    let one = code(&tenant, Face::Core, &pkce);
    let (status, answer) = redeem(&tenant, &one, verifier).await;
    assert_eq!(
        (status, &answer["scope"]),
        (200, &json!("api refresh_token"))
    );
    let refresh_token = answer["refresh_token"].as_str().unwrap();
    let (status, refreshed) = refresh(&tenant, refresh_token).await;
    assert_eq!((status, refreshed.get("refresh_token")), (200, None));
    let access_token = refreshed["access_token"].as_str().unwrap();
    assert_eq!(
        get(
            &tenant,
            Face::Core,
            "/services/data/v61.0/limits",
            access_token
        )
        .await,
        200
    );

    // The code again, which ends all that came of it.
    let (status, again) = redeem(&tenant, &one, verifier).await;
    assert_eq!(
        (status, &again["error_description"]),
        (400, &json!("expired authorization code"))
    );
    assert_eq!(
        get(
            &tenant,
            Face::Core,
            "/services/data/v61.0/limits",
            access_token
        )
        .await,
        401
    );
    let (_, dead) = refresh(&tenant, refresh_token).await;
    assert_eq!(dead["error_description"], "expired access/refresh token");
    let other = code(&tenant, Face::Core, &pkce);
    let wrong = "eBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    assert_eq!(
        redeem(&tenant, &other, wrong).await.1["error_description"],
        "invalid code verifier"
    );
    // A code of the other face is none here.
    let foreign = code(&tenant, Face::Auth, &[]);
    assert_eq!(
        redeem(&tenant, &foreign, verifier).await.1["error"],
        "invalid_grant"
    );
}

#[tokio::test]
async fn refresh_tokens_rotate_or_collide_where_a_switch_says_so() {
    let tenant = tenant().await;
    let constant = tenant.issue_core_refresh_token(&[]);
    assert_eq!(refresh(&tenant, &constant).await.0, 200);
    tenant.set_switches(Switches {
        core_concurrent_refresh_fails: true,
        core_concurrent_refresh_ms: 60_000,
        ..Switches::default()
    });
    let (status, answer) = refresh(&tenant, &constant).await;
    assert_eq!(
        (status, &answer["error_description"]),
        (400, &json!("expired authorization code"))
    );
    tenant.set_switches(Switches {
        core_refresh_rotation: true,
        ..Switches::default()
    });
    let (status, answer) = refresh(&tenant, &constant).await;
    assert_eq!(status, 200);
    assert!(answer["refresh_token"].is_string());
    assert_eq!(
        (refresh(&tenant, &constant).await.0, tenant.families_ended()),
        (400, 1)
    );

    // The sixth login of a user ends the first.
    let first = tenant.issue_core_refresh_token(&[]);
    for _ in 0..5 {
        let _one_more = tenant.issue_core_refresh_token(&[]);
    }
    assert_eq!(
        (
            refresh(&tenant, &first).await.0,
            tenant.refresh_tokens_alive()
        ),
        (400, 5)
    );
}

#[tokio::test]
async fn rest_takes_a_live_core_token_and_no_other() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let bearer = format!("Bearer {core}");
    let account = r#"{"Name": "Acme"}"#;
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    let target = "/services/data/v61.0/sobjects/Account";
    let made = call(&tenant, Face::Core, "POST", target, &headers, account)
        .await
        .unwrap();
    assert_eq!((made.status().as_u16(), tenant.writes()), (201, 1));
    let entry = tenant.journal().pop().unwrap();
    assert_eq!(
        (entry.face, entry.token_valid, entry.account),
        (Face::Core, true, None)
    );
    for (target, status) in [
        ("/services/data", 200),
        ("/services/data/v61.0/query?q=SELECT+Id+FROM+Account", 200),
        ("/services/data/v61.0/query", 400),
        ("/services/data/v61.0/sandbox/echo", 200),
        ("/services/data/v61.0/sandbox/always401", 401),
        ("/services/data/sixty/limits", 404),
        ("/services/oauth2/userinfo", 200),
    ] {
        assert_eq!(
            get(&tenant, Face::Core, target, &core).await,
            status,
            "{target}"
        );
    }
    let marketing = token(&tenant, json!({})).await;
    let marketing = marketing.trim_start_matches("Bearer ");
    let target = "/services/data/v61.0/sandbox/echo";
    assert_eq!(get(&tenant, Face::Core, target, marketing).await, 401);
    assert_eq!(tenant.journal().pop().unwrap().faults.len(), 1);
    assert_eq!(get(&tenant, Face::Rest, "/sandbox/echo", &core).await, 401);
    assert_eq!(tenant.journal().pop().unwrap().faults.len(), 1);
    tenant.revoke_all();
    let headers = [("Authorization", bearer.as_str())];
    let refused = call(&tenant, Face::Core, "GET", target, &headers, "")
        .await
        .unwrap();
    assert_eq!(
        (refused.status().as_u16(), parsed(&refused)),
        (
            401,
            json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        )
    );
    assert_eq!(
        get(&tenant, Face::Core, "/services/oauth2/userinfo", &core).await,
        403
    );
    assert_eq!(ask_token(&tenant, json!({})).await.0, 200);
}

#[tokio::test]
async fn scripts_and_patches_reach_the_core_face() {
    let tenant = tenant().await;
    tenant.script(Script::status(Face::Core, 503).below("/services/oauth2/token"));
    let fields = [("grant_type", "client_credentials"), ID, SECRET];
    let (status, answer) = ask(&tenant, &fields).await;
    assert_eq!((status, &answer["error"]), (503, &json!("server_error")));
    let patch = json!({"instance_url": "https://elsewhere.example.com"});
    tenant.set_token_answer_of(Face::Core, patch.as_object().unwrap().clone());
    let (_, answer) = ask(&tenant, &fields).await;
    assert_eq!(answer["instance_url"], "https://elsewhere.example.com");
    tenant.script(Script::status(Face::Core, 401).below("/services/data"));
    let core = answer["access_token"].as_str().unwrap();
    assert_eq!(
        get(&tenant, Face::Core, "/services/data/v61.0/limits", core).await,
        401
    );
    assert_eq!(
        get(&tenant, Face::Core, "/services/data/v61.0/limits", core).await,
        200
    );
}
