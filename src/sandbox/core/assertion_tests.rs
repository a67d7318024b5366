//! Assertions, signed here with a key of the test's own.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::sandbox::client::{core_form, tenant};
use crate::sandbox::{KeyError, Settings, Switches, Tenant};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn key() -> KeyPair {
    KeyPair::generate(KeySize::Rsa2048).unwrap()
}

fn pem(key: &KeyPair) -> String {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

fn assertion(key: &KeyPair, algorithm: &str, changes: &Value) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims = json!({
        "iss": "sandboxclientid000000000",
        "sub": "integration@example.com",
        "aud": "https://login.salesforce.com",
        "exp": now + 180,
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = match name.as_str() {
            "exp" => json!(i64::try_from(now).unwrap() + value.as_i64().unwrap()),
            _ => value.clone(),
        };
    }
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": algorithm}).to_string());
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut signature,
    )
    .unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn ask(tenant: &Tenant, assertion: &str, more: &[(&str, &str)]) -> (u16, Value) {
    let mut fields = vec![("grant_type", GRANT), ("assertion", assertion)];
    fields.extend_from_slice(more);
    core_form(tenant, "/services/oauth2/token", &fields).await
}

#[tokio::test]
async fn an_assertion_is_verified_to_the_letter() {
    let key = key();
    let tenant = Tenant::start(Settings {
        jwt_public_key_pem: Some(pem(&key)),
        ..Settings::default()
    });
    let tenant = tenant.await.unwrap();
    let (status, answer) = ask(&tenant, &assertion(&key, "RS256", &json!({})), &[]).await;
    assert_eq!(status, 200, "{answer}");
    for absent in ["expires_in", "refresh_token"] {
        assert_eq!(answer.get(absent), None);
    }
    let core = tenant.core_url();
    let good = json!({"aud": core.trim_end_matches('/')});
    assert_eq!(
        ask(&tenant, &assertion(&key, "RS256", &good), &[]).await.0,
        200
    );
    let wrong = [
        (json!({"iss": "another"}), "client identifier invalid"),
        (
            json!({"sub": "another@example.com"}),
            "authentication failure",
        ),
        (json!({"aud": "https://example.com"}), "audience is invalid"),
        (json!({"exp": -1}), "assertion expired"),
        (json!({"exp": 400}), "assertion ends too far ahead"),
    ];
    for (changes, words) in wrong {
        let (status, answer) = ask(&tenant, &assertion(&key, "RS256", &changes), &[]).await;
        assert_eq!((status, &answer["error_description"]), (400, &json!(words)));
    }
    let good = assertion(&key, "RS256", &json!({}));
    let swapped = good.replace(good.rsplit('.').next().unwrap(), "AAAA");
    for bad in [
        assertion(&key, "RS512", &json!({})),
        assertion(&key, "none", &json!({})),
        swapped,
        "a.b".to_owned(),
        good.clone() + "=",
    ] {
        let (_, answer) = ask(&tenant, &bad, &[]).await;
        assert_eq!(answer["error_description"], "invalid assertion");
    }
    let (_, answer) = ask(
        &tenant,
        &good,
        &[("client_secret", "sandboxclientsecret00000")],
    )
    .await;
    assert_eq!(answer["error"], "invalid_request");
    tenant.set_switches(Switches {
        core_approved: false,
        ..Switches::default()
    });
    let (_, answer) = ask(&tenant, &good, &[]).await;
    assert_eq!(
        answer["error_description"],
        "user hasn't approved this consumer"
    );
}

#[tokio::test]
async fn the_key_can_be_changed() {
    let tenant = tenant().await;
    let (old, new) = (key(), key());
    let assertion = assertion(&new, "RS256", &json!({}));
    assert_eq!(ask(&tenant, &assertion, &[]).await.0, 400);
    tenant.set_jwt_public_key(&pem(&old)).unwrap();
    assert_eq!(ask(&tenant, &assertion, &[]).await.0, 400);
    tenant.set_jwt_public_key(&pem(&new)).unwrap();
    assert_eq!(ask(&tenant, &assertion, &[]).await.0, 200);
    assert_eq!(tenant.set_jwt_public_key("nonsense"), Err(KeyError));
    // The public half of a certificate will do as well; this one is of another kind of key.
    tenant.set_jwt_public_key(tenant.ca_pem()).unwrap();
    assert_eq!(ask(&tenant, &assertion, &[]).await.0, 400);
}
