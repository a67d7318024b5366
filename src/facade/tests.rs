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
