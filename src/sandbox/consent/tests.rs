//! The consent pages over real sockets, as a browser meets them.

use serde_json::json;

use crate::sandbox::client::{authorize_target, call, control, query_of, tenant};
use crate::sandbox::{AuthorizeError, Face, Switches, Tenant, Tssd};

const CALLBACK: &str = "http://127.0.0.1:7363/oauth/callback";
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

async fn page(tenant: &Tenant, face: Face, target: &str) -> (u16, String, String) {
    let answer = call(tenant, face, "GET", target, &[], "").await.unwrap();
    let location = answer.headers().get("location");
    let location = location.map_or("", |value| value.to_str().unwrap());
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), location.to_owned(), body)
}

fn hidden(page: &str) -> &str {
    let after = page.split("name=\"consent\" value=\"").nth(1).unwrap();
    after.split('"').next().unwrap()
}

async fn press(tenant: &Tenant, consent: &str, decision: &str) -> (u16, String) {
    let form = format!("consent={consent}&decision={decision}");
    let target = "/v2/authorize/decision";
    let answer = call(tenant, Face::Auth, "POST", target, &[FORM], &form)
        .await
        .unwrap();
    let location = answer.headers().get("location");
    let location = location.map_or("", |value| value.to_str().unwrap());
    (answer.status().as_u16(), location.to_owned())
}

#[tokio::test]
async fn a_user_allows_or_denies_once() {
    let tenant = tenant().await;
    let target = authorize_target(&tenant, Face::Auth, &[("scope", "offline email_read")]);
    let (status, _, html) = page(&tenant, Face::Auth, &target).await;
    assert_eq!(status, 200);
    assert!(html.contains("<code>email_read</code>") && html.contains("sandboxclientid"));
    assert!(!html.contains("<script"));
    let (status, location) = press(&tenant, hidden(&html), "allow").await;
    assert_eq!(status, 303);
    assert!(location.starts_with(CALLBACK), "{location}");
    let query = query_of(&location);
    assert_eq!(query["state"], "the state");
    assert_eq!(query["tssd"], "mcsandbox0000000000000000000");
    assert!(query["code"].len() >= 64 && query["code"].len() <= 512);
    assert_eq!(press(&tenant, hidden(&html), "allow").await.0, 400);

    let (_, _, html) = page(&tenant, Face::Auth, &target).await;
    let (_, location) = press(&tenant, hidden(&html), "deny").await;
    let query = query_of(&location);
    assert_eq!(
        (query["error"].as_str(), query["state"].as_str()),
        ("access_denied", "the state")
    );
    assert!(!query.contains_key("code"));
    assert_eq!(press(&tenant, "guessed", "allow").await.0, 400);
}

#[tokio::test]
async fn nobody_is_sent_where_the_package_does_not_say() {
    let tenant = tenant().await;
    for (key, value) in [
        ("client_id", "another"),
        ("redirect_uri", "https://evil.example.com/oauth/callback"),
        ("redirect_uri", "http://127.0.0.1:7363/oauth/callback/"),
        ("redirect_uri", ""),
    ] {
        for face in [Face::Auth, Face::Core] {
            let target = authorize_target(&tenant, face, &[(key, value)]);
            let (status, location, html) = page(&tenant, face, &target).await;
            assert_eq!((status, location.as_str()), (400, ""), "{key}={value}");
            assert!(html.contains("cannot go on"));
        }
    }
    let target = authorize_target(&tenant, Face::Core, &[("client_id", "another")]);
    assert!(
        page(&tenant, Face::Core, &target)
            .await
            .2
            .contains("invalid_client_id")
    );
    let twice = authorize_target(&tenant, Face::Auth, &[]) + "&redirect_uri=https://example.com/";
    assert_eq!(page(&tenant, Face::Auth, &twice).await.0, 400);
    let evil = authorize_target(
        &tenant,
        Face::Auth,
        &[("scope", "<script>alert(1)</script>")],
    );
    assert!(!page(&tenant, Face::Auth, &evil).await.2.contains("<script"));

    let own = "https://app.example.com/back?fixed=1";
    tenant.set_redirect_uris(&[own]);
    let url = format!("{}v2/authorize", tenant.auth_url());
    let target = authorize_target(&tenant, Face::Auth, &[("redirect_uri", own)]);
    let location = tenant
        .authorize(&target.replace("/v2/authorize", &url))
        .unwrap();
    assert!(location.starts_with("https://app.example.com/back?fixed=1&code="));
}

#[tokio::test]
async fn other_faults_go_back_to_the_application() {
    let tenant = tenant().await;
    let challenge = "a".repeat(43);
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("scope", "email_read nonsense")], "invalid_scope"),
        (&[("state", "")], "invalid_request"),
        (&[("code_challenge", &challenge)], "invalid_request"),
        (
            &[
                ("code_challenge", &challenge),
                ("code_challenge_method", "plain"),
            ],
            "invalid_request",
        ),
        (
            &[
                ("code_challenge", "short"),
                ("code_challenge_method", "S256"),
            ],
            "invalid_request",
        ),
        (&[("code_challenge_method", "S256")], "invalid_request"),
    ];
    for (changes, error) in cases {
        let target = authorize_target(&tenant, Face::Auth, changes);
        let (status, location, _) = page(&tenant, Face::Auth, &target).await;
        assert_eq!(status, 302, "{changes:?}");
        let query = query_of(&location);
        assert_eq!(query["error"], error, "{changes:?}");
        assert!(!query["error_description"].is_empty() && query.contains_key("state"));
    }
}

#[tokio::test]
async fn consent_can_be_given_without_a_browser() {
    let tenant = tenant().await;
    let target = authorize_target(&tenant, Face::Auth, &[]);
    let url = format!("{}{}", tenant.auth_url().trim_end_matches('/'), target);
    assert!(query_of(&tenant.authorize(&url).unwrap()).contains_key("code"));
    assert_eq!(
        query_of(&tenant.deny(&url).unwrap())["error"],
        "access_denied"
    );
    let elsewhere = url.replace("localhost", "example.com");
    assert_eq!(
        tenant.authorize(&elsewhere),
        Err(AuthorizeError::Elsewhere(elsewhere.clone()))
    );
    let wrong = url.replace("7363", "7364");
    assert!(matches!(
        tenant.authorize(&wrong),
        Err(AuthorizeError::Page(_))
    ));

    let order = json!({"url": url}).to_string();
    let answer = control(&tenant, "POST", "/authorize", &order, "").await;
    assert!(answer.contains("code="), "{answer}");

    for (tssd, expected) in [
        (Tssd::Absent, None),
        (Tssd::Named("other".to_owned()), Some("other")),
    ] {
        tenant.set_switches(Switches {
            auto_consent: true,
            tssd,
            ..Switches::default()
        });
        let (status, location, _) = page(&tenant, Face::Auth, &target).await;
        let query = query_of(&location);
        assert_eq!(
            (status, query.get("tssd").map(String::as_str)),
            (302, expected)
        );
    }
    // Core Salesforce knows no tssd.
    let target = authorize_target(&tenant, Face::Core, &[]);
    let (_, location, _) = page(&tenant, Face::Core, &target).await;
    let query = query_of(&location);
    assert!(query.contains_key("code") && !query.contains_key("tssd"));
}
