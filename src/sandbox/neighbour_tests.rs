//! Data Cloud and Account Engagement over real sockets.

use serde_json::{Value, json};

use super::client::{call, core_form, core_token, parsed, tenant, token};
use super::{Face, Script, Switches, Tenant};

const EXCHANGE: &str = "/services/a360/token";
const UNIT: (&str, &str) = ("Pardot-Business-Unit-Id", "0Uv000000000001AAA");

async fn exchange(tenant: &Tenant, subject: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut fields = vec![
        ("grant_type", "urn:salesforce:grant-type:external:cdp"),
        ("subject_token", subject),
        (
            "subject_token_type",
            "urn:ietf:params:oauth:token-type:access_token",
        ),
    ];
    for (key, value) in more {
        fields.retain(|(name, _)| name != key);
        fields.push((key, value));
    }
    core_form(tenant, EXCHANGE, &fields).await
}

async fn ask(
    tenant: &Tenant,
    face: Face,
    target: &str,
    token: &str,
    more: &[(&str, &str)],
) -> (u16, String) {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("Authorization", bearer.as_str())];
    headers.extend_from_slice(more);
    let answer = call(tenant, face, "GET", target, &headers, "")
        .await
        .unwrap();
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    (answer.status().as_u16(), text)
}

fn last_faults(tenant: &Tenant) -> usize {
    tenant.journal().last().unwrap().faults.len()
}

#[tokio::test]
async fn an_exchange_uses_its_core_token_up() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let (status, answer) = exchange(&tenant, &core, &[("dataspace", "marketing")]).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["instance_url"], tenant.data_cloud_authority());
    assert_eq!(answer["expires_in"], 7_200);
    let own = answer["access_token"].as_str().unwrap();
    let (status, text) = ask(&tenant, Face::DataCloud, "/api/v1/metadata", own, &[]).await;
    assert_eq!((status, text.contains("marketing")), (200, true));
    let echo = ask(&tenant, Face::DataCloud, "/api/v1/sandbox/echo", own, &[]).await;
    assert_eq!(echo.0, 200);
    assert_eq!(last_faults(&tenant), 0);

    let limits = "/services/data/v61.0/limits";
    assert_eq!(ask(&tenant, Face::Core, limits, &core, &[]).await.0, 401);
    assert_eq!(exchange(&tenant, &core, &[]).await.0, 400);
    assert_eq!((tenant.exchanges(), tenant.core_mints()), (1, 1));

    tenant.set_switches(Switches {
        exchange_revokes_core: false,
        ..Switches::default()
    });
    let core = core_token(&tenant).await;
    assert_eq!(exchange(&tenant, &core, &[]).await.0, 200);
    assert_eq!(ask(&tenant, Face::Core, limits, &core, &[]).await.0, 200);
}

#[tokio::test]
async fn an_exchange_is_judged_strictly() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let marketing = token(&tenant, json!({})).await;
    let marketing = marketing.trim_start_matches("Bearer ").to_owned();
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[("grant_type", "client_credentials")],
            "unsupported_grant_type",
        ),
        (&[("subject_token_type", "jwt")], "invalid_request"),
        (&[("dataspace", "nowhere")], "invalid_request"),
        (
            &[("client_secret", "sandboxclientsecret00000")],
            "invalid_request",
        ),
        (&[("subject_token", "nonsense")], "invalid_grant"),
        (&[("subject_token", &marketing)], "invalid_grant"),
    ];
    for (changes, error) in cases {
        let (status, answer) = exchange(&tenant, &core, changes).await;
        assert_eq!((status, &answer["error"]), (400, &json!(error)));
    }
    assert_eq!(exchange(&tenant, &core, &[]).await.0, 200);
}

#[tokio::test]
async fn no_token_is_taken_on_the_face_of_another() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let (_, answer) = exchange(&tenant, &core_token(&tenant).await, &[]).await;
    let own = answer["access_token"].as_str().unwrap();
    for (face, target, token) in [
        (Face::DataCloud, "/api/v1/metadata", core.as_str()),
        (Face::Core, "/services/data/v61.0/limits", own),
        (Face::Rest, "/sandbox/echo", own),
        (Face::AccountEngagement, "/api/v5/objects/prospects", own),
    ] {
        let (status, _) = ask(&tenant, face, target, token, &[UNIT]).await;
        assert_eq!(status, 401, "{target}");
        let entry = tenant.journal().pop().unwrap();
        assert_eq!(
            (entry.faults.len(), entry.token_valid),
            (1, false),
            "{target}"
        );
    }
    let bearer = format!("Bearer {own}");
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
    ];
    for (body, status) in [(r#"{"sql": "SELECT 1"}"#, 200), ("{}", 400)] {
        let target = "/api/v2/query";
        let answer = call(&tenant, Face::DataCloud, "POST", target, &headers, body);
        assert_eq!(answer.await.unwrap().status(), status);
    }
    tenant.revoke_all();
    let dead = ask(&tenant, Face::DataCloud, "/api/v1/metadata", own, &[]).await;
    assert_eq!((dead.0, last_faults(&tenant)), (401, 0));
}

#[tokio::test]
async fn account_engagement_refuses_in_the_shape_of_the_path() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let face = Face::AccountEngagement;
    let four = "/api/prospect/version/4/do/query";
    let json = format!("{four}?format=json");
    let five = "/api/v5/objects/prospects?fields=id";
    for target in [four, json.as_str(), five, "/api/v5/sandbox/echo"] {
        assert_eq!(
            ask(&tenant, face, target, &core, &[UNIT]).await.0,
            200,
            "{target}"
        );
    }
    let other = ("Pardot-Business-Unit-Id", "0Uv000000000002AAA");
    for units in [&[][..], &[other][..], &[UNIT, UNIT][..]] {
        let (status, text) = ask(&tenant, face, five, &core, units).await;
        assert_eq!(
            (status, text.contains(r#""code":201"#)),
            (400, true),
            "{text}"
        );
    }
    for refusal in [400, 401] {
        tenant.set_switches(Switches {
            account_engagement_refusal_status: refusal,
            account_engagement_unit_code: 49,
            ..Switches::default()
        });
        let (status, text) = ask(&tenant, face, &json, "dead", &[UNIT]).await;
        let expected = json!({
            "@attributes": {"stat": "fail", "version": 1, "err_code": 184},
            "err": "access_token is invalid, unknown, or malformed",
        });
        assert_eq!(
            (status, serde_json::from_str(&text).unwrap()),
            (refusal, expected)
        );
        let (status, text) = ask(&tenant, face, four, "dead", &[UNIT]).await;
        assert_eq!(
            (status, text.contains("<err code=\"184\">")),
            (refusal, true)
        );
        let (_, text) = ask(&tenant, face, five, "dead", &[UNIT]).await;
        assert!(text.contains(r#""code":184"#), "{text}");
        let (_, text) = ask(&tenant, face, &json, &core, &[]).await;
        assert!(text.contains(r#""err_code":49"#), "{text}");
    }
    tenant.script(Script::status(face, 401));
    let (status, text) = ask(&tenant, face, five, &core, &[UNIT]).await;
    assert_eq!((status, text.contains("184")), (401, true));
}

#[tokio::test]
async fn a_prospect_that_is_made_counts_once() {
    let tenant = tenant().await;
    let bearer = format!("Bearer {}", core_token(&tenant).await);
    let headers = [
        ("Authorization", bearer.as_str()),
        ("Content-Type", "application/json"),
        UNIT,
    ];
    let target = "/api/v5/objects/prospects";
    let face = Face::AccountEngagement;
    let made = call(
        &tenant,
        face,
        "POST",
        target,
        &headers,
        r#"{"email": "a@example.com"}"#,
    );
    let made = made.await.unwrap();
    assert_eq!(
        (made.status().as_u16(), &parsed(&made)["id"]),
        (201, &json!(1))
    );
    assert_eq!(tenant.writes(), 1);
    // A core token without the scope is none here.
    let refresh_token = tenant.issue_core_refresh_token(&["api", "refresh_token"]);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh_token.as_str()),
        ("client_id", "sandboxclientid000000000"),
        ("client_secret", "sandboxclientsecret00000"),
    ];
    let (_, answer) = core_form(&tenant, "/services/oauth2/token", &fields).await;
    let narrow = answer["access_token"].as_str().unwrap();
    assert_eq!(ask(&tenant, face, target, narrow, &[UNIT]).await.0, 401);
}
