//! Requests in every form that SDKs write, and answers in the shape that they read.

use serde_json::{Value, json};

use super::*;

const JSON: &str = "application/json; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";

fn client(request: &Request) -> Option<(String, String)> {
    let (name, secret) = request.client.as_ref()?;
    Some((name.clone(), secret.expose().to_owned()))
}

#[test]
fn both_forms_and_both_generations_are_read() {
    let name_and_secret = Some(("newsletter".to_owned(), "s/1".to_owned()));
    for (face, content_type, body) in [
        (
            Face::Current,
            JSON,
            r#"{"grant_type":"client_credentials","client_id":"newsletter","client_secret":"s/1","account_id":510001235}"#,
        ),
        (
            Face::Current,
            JSON,
            r#" {"grant_type":"client_credentials","client_id":"newsletter","client_secret":"s/1","account_id":"510001235"}"#,
        ),
        (
            Face::Current,
            FORM,
            "grant_type=client_credentials&client_id=newsletter&client_secret=s%2F1&account_id=510001235",
        ),
        (
            Face::Current,
            "",
            "grant_type=client_credentials&client_id=newsletter&client_secret=s%2F1&account_id=510001235",
        ),
        (
            Face::Legacy,
            JSON,
            r#"{"clientId":"newsletter","clientSecret":"s/1","account_id":510001235}"#,
        ),
        (
            Face::Legacy,
            FORM,
            r#"{"clientId":"newsletter","clientSecret":"s/1","account_id":510001235}"#,
        ),
    ] {
        let request = read(face, content_type, body.as_bytes()).unwrap();
        assert_eq!(client(&request), name_and_secret, "{body}");
        assert_eq!(request.account.as_deref(), Some("510001235"), "{body}");
        assert!(!request.renews && request.refresh_token.is_none());
    }
}

#[test]
fn refresh_tokens_are_taken_and_answered() {
    let body =
        r#"{"grant_type":"refresh_token","client_id":"app","refresh_token":"r","scope":"offline"}"#;
    let request = read(Face::Current, JSON, body.as_bytes()).unwrap();
    assert!(request.renews);
    assert_eq!(request.refresh_token.unwrap().expose(), "r");
    assert_eq!(request.scope.as_deref(), Some("offline"));
    let body = r#"{"clientId":"a","clientSecret":"b","refreshToken":"r","accessType":"offline"}"#;
    let request = read(Face::Legacy, JSON, body.as_bytes()).unwrap();
    assert_eq!(request.refresh_token.unwrap().expose(), "r");
}

#[test]
fn what_is_no_request_is_refused_without_quoting_it() {
    for (body, content_type, error) in [
        ("{\"grant_type\":", JSON, RequestError::Malformed),
        ("[1]", JSON, RequestError::Malformed),
        ("<xml/>", "text/xml", RequestError::Malformed),
        ("{}", JSON, RequestError::NoGrant),
        ("", FORM, RequestError::NoGrant),
        (
            r#"{"grant_type":"authorization_code","code":"secret"}"#,
            JSON,
            RequestError::Grant,
        ),
        (
            r#"{"grant_type":["client_credentials"]}"#,
            JSON,
            RequestError::Field("grant_type"),
        ),
        (
            r#"{"grant_type":"client_credentials","client_secret":{}}"#,
            JSON,
            RequestError::Field("client_secret"),
        ),
    ] {
        let refused = read(Face::Current, content_type, body.as_bytes()).unwrap_err();
        assert_eq!(refused, error, "{body}");
        assert!(!refused.to_string().contains("\"secret\""));
    }
}

fn granted(renewed: bool) -> Granted<'static> {
    Granted {
        token: "placeholder",
        rest_instance_url: "http://127.0.0.1:7362/".to_owned(),
        soap_instance_url: "http://127.0.0.1:7362/".to_owned(),
        issued_at: 1_700_000_000_123,
        scope: "email_read".to_owned(),
        renewed,
    }
}

#[test]
fn answers_have_what_sdks_look_for() {
    let read = |face, renewed| -> Value {
        serde_json::from_slice(&answer(face, &granted(renewed))).unwrap()
    };
    let url = "http://127.0.0.1:7362/";
    assert_eq!(
        read(Face::Current, false),
        json!({
            "access_token": "placeholder", "token_type": "Bearer", "expires_in": 1079, "scope": "email_read",
            "rest_instance_url": url, "soap_instance_url": url,
        })
    );
    assert_eq!(read(Face::Current, true)["refresh_token"], "placeholder");
    assert_eq!(
        read(Face::Legacy, false),
        json!({
            "accessToken": "placeholder", "expiresIn": 3600, "legacyToken": "placeholder",
            "refreshToken": "placeholder", "scope": "email_read", "rest_instance_url": url, "soap_instance_url": url,
        })
    );
}

#[test]
fn core_gets_what_its_sdks_look_for() {
    let read = |face| -> Value {
        let mut granted = granted(false);
        granted.rest_instance_url = "http://127.0.0.1:7362/@sales/".to_owned();
        serde_json::from_slice(&answer(face, &granted)).unwrap()
    };
    let url = "http://127.0.0.1:7362/@sales";
    assert_eq!(
        read(Face::Core),
        json!({
            "access_token": "placeholder", "instance_url": url, "id": format!("{url}/services/oauth2/userinfo"),
            "token_type": "Bearer", "issued_at": "1700000000123", "scope": "email_read",
            "signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        })
    );
    assert_eq!(
        read(Face::Exchange),
        json!({
            "access_token": "placeholder", "instance_url": "127.0.0.1:7362/@sales", "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:jwt", "expires_in": 7200,
        })
    );
    assert!(answer(Face::Revocation, &granted(false)).is_empty());
    for (face, status, error) in [
        (Face::Core, 401, "invalid_client"),
        (Face::Core, 400, "invalid_request"),
        (Face::Exchange, 401, "invalid_client"),
    ] {
        let told = serde_json::to_value(vendor_error(face, status, "why")).unwrap();
        assert_eq!(told["error"], error);
        assert_eq!(told["error_description"], "why");
    }
}

#[test]
fn core_takes_every_grant_without_a_browser() {
    for grant in [
        "client_credentials",
        "password",
        "refresh_token",
        "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer",
    ] {
        let body = format!(
            "grant_type={grant}&client_id=newsletter&client_secret=s%2F1&username=u&password=p&refresh_token=r&assertion=a"
        );
        let request = read(Face::Core, FORM, body.as_bytes()).unwrap();
        let expected = Some(("newsletter".to_owned(), "s/1".to_owned()));
        assert_eq!(client(&request), expected, "{grant}");
        assert_eq!(request.renews, grant == "refresh_token");
        assert_eq!(request.refresh_token.unwrap().expose(), "r");
    }
    let exchange = "grant_type=urn%3Asalesforce%3Agrant-type%3Aexternal%3Acdp&subject_token=t";
    let request = read(Face::Exchange, FORM, exchange.as_bytes()).unwrap();
    assert_eq!(request.refresh_token.unwrap().expose(), "t");
    let request = read(Face::Revocation, FORM, b"token=t").unwrap();
    assert_eq!(request.refresh_token.unwrap().expose(), "t");
    for (face, body, error) in [
        (
            Face::Core,
            "grant_type=authorization_code&code=c",
            RequestError::Grant,
        ),
        (Face::Core, "username=u", RequestError::NoGrant),
        (Face::Exchange, "grant_type=password", RequestError::Grant),
        (Face::Current, "grant_type=password", RequestError::Grant),
    ] {
        assert_eq!(
            read(face, FORM, body.as_bytes()).unwrap_err(),
            error,
            "{body}"
        );
    }
}

#[test]
fn errors_have_the_shape_of_their_face() {
    let read = |face, status| serde_json::to_value(vendor_error(face, status, "why")).unwrap();
    let current = read(Face::Current, 401);
    assert_eq!(current["error"], "invalid_client");
    assert_eq!(current["error_description"], "why");
    let legacy = read(Face::Legacy, 401);
    assert_eq!(
        (&legacy["message"], &legacy["errorcode"]),
        (&json!("Unauthorized"), &json!(1))
    );
    assert!(legacy.get("error").is_none());
    let retired = read(Face::Retired, 400);
    assert_eq!(retired["errorcode"], 10_007);
}
