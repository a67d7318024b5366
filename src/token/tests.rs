//! Which hosts are a tenant's own, how long a session lives, and what an assertion says; and an endpoint for the tests of the
//! rooms below.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use aws_lc_rs::{encoding::AsDer, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::assertion::Claims;
use super::wire::Granted;
use super::*;
use crate::state::Keeper;
use crate::upstream::{EgressProxy, ResolveWith, Settings, Trust, Upstream};

const HOUR: Duration = Duration::from_secs(3600);

fn upstream() -> Arc<Upstream> {
    Upstream::new(Settings {
        resolve_with: ResolveWith::System,
        proxy: EgressProxy::None,
        connect_timeout: HOUR,
        pool_idle_timeout: HOUR,
        headers_max: 100,
        header_size_max: 65536,
        preserve_header_case: false,
        body_stall_timeout: HOUR,
    })
}

/// An endpoint of the tenant `acme` that nobody has asked yet.
pub(super) fn endpoint(keeper: Keeper, change: impl FnOnce(&mut EndpointSettings)) -> Endpoint {
    let mut settings = EndpointSettings {
        kind: Kind::MarketingCloud,
        grant_type: GrantType::ClientCredentials,
        auth_url: "https://mc1.auth.marketingcloudapis.com/".parse().unwrap(),
        client_id: "id".to_owned(),
        client_secrets: vec![Secret::new("first")],
        scope: None,
        refresh_before: HOUR,
        token_lifetime: HOUR,
        lock: InstanceLock {
            subdomain: Some("mc1".to_owned()),
            trusted: Vec::new(),
        },
    };
    change(&mut settings);
    let trust = Trust::system().unwrap();
    Endpoint::new("acme", settings, upstream(), trust, keeper).unwrap()
}

/// What a token response of that tenant is worth to an endpoint.
pub(super) fn token(endpoint: &Endpoint, text: &str) -> AccessToken {
    let written = json!({
        "access_token": text,
        "rest": "https://mc1.rest.marketingcloudapis.com/",
        "soap": "https://mc1.soap.marketingcloudapis.com/",
        "lifetime_ms": 3_600_000,
    });
    let written = Secret::new(written.to_string());
    endpoint.restored(&written, Now::read(), HOUR).unwrap()
}

/// A key that signs assertions.
pub(super) fn signing_key() -> Arc<SigningKey> {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    Arc::new(SigningKey::from_pem(pem_of(&pair).as_bytes()).unwrap())
}

fn pem_of(pair: &rsa::KeyPair) -> String {
    let der = pair.as_der().unwrap();
    let text = STANDARD.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn admits(lock: &InstanceLock, domain: Domain, url: &str) -> bool {
    let trust = Trust::system().unwrap();
    lock.admit(domain, url, &upstream(), &trust).is_ok()
}

#[test]
fn each_kind_of_tenant_has_its_own_hosts_and_no_others() {
    let lock = |subdomain: &str| InstanceLock {
        subdomain: Some(subdomain.to_owned()),
        trusted: Vec::new(),
    };
    let (engagement, core) = (lock("mc1"), lock("acme--uat.sandbox"));
    let table = "
        yes  engagement  https://mc1.rest.marketingcloudapis.com/
        yes  engagement  https://mc1.soap.marketingcloudapis.com/
        no   engagement  https://mc2.rest.marketingcloudapis.com/
        no   engagement  https://mc1.my.salesforce.com/
        no   core        https://mc1.rest.marketingcloudapis.com/
        yes  core        https://acme--uat.sandbox.my.salesforce.com
        yes  core        https://ACME--uat.sandbox.my.salesforce.com:443
        no   core        https://acme--uat.sandbox.my.salesforce.com:8443
        no   core        http://acme--uat.sandbox.my.salesforce.com
        no   core        https://acme.my.salesforce.com
        no   core        https://acme--uat.sandbox.my.salesforce.com.evil.example
        no   core        https://mj2t.c360a.salesforce.com
        yes  data_cloud  https://mj2t.c360a.salesforce.com
        no   data_cloud  https://a.mj2t.c360a.salesforce.com
        no   data_cloud  https://c360a.salesforce.com
        no   data_cloud  https://.c360a.salesforce.com
        no   data_cloud  https://acme--uat.sandbox.my.salesforce.com";
    for line in table.trim().lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (lock, domain) = match words[1] {
            "engagement" => (&engagement, Domain::Engagement),
            "core" => (&core, Domain::Core),
            _ => (&core, Domain::DataCloud),
        };
        assert_eq!(admits(lock, domain, words[2]), words[0] == "yes", "{line}");
    }
}

fn granted(answer: &Value, date: Option<SystemTime>) -> Granted {
    let mut granted: Granted = serde_json::from_value(answer.clone()).unwrap();
    granted.date = date;
    granted
}

#[test]
fn a_session_lives_from_when_the_server_says_that_it_began() {
    // The server's clock is its own: nothing here is near the present.
    let began = SystemTime::UNIX_EPOCH + 1000 * HOUR;
    let issued_at = json!((1000 * HOUR).as_millis().to_string());
    let of = |extra: Value, date| {
        let mut answer = json!({"access_token": "t"});
        answer
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        granted(&answer, date).lifetime_of_session(HOUR)
    };
    let session = || json!({"issued_at": issued_at});
    assert_eq!(of(session(), Some(began)), HOUR);
    assert_eq!(of(session(), Some(began + HOUR / 2)), HOUR / 2);
    // A session that has been in use for long, a clock that was set back, and servers that say less.
    assert_eq!(of(session(), Some(began + 5 * HOUR)), HOUR / 4);
    assert_eq!(of(session(), Some(began - HOUR)), HOUR);
    assert_eq!(of(session(), None), HOUR);
    assert_eq!(of(json!({}), Some(began)), HOUR);
    assert_eq!(of(json!({"issued_at": "soon"}), Some(began)), HOUR);
    // What the server does say counts.
    let said = json!({"issued_at": issued_at, "expires_in": "120"});
    assert_eq!(of(said, Some(began)), HOUR / 30);
}

#[test]
fn an_assertion_says_who_for_whom_and_until_when_and_is_signed() {
    let pair = rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = SigningKey::from_pem(pem_of(&pair).as_bytes()).unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey");
    let claims = Claims {
        issuer: "3MVG9.app",
        subject: "integration@example.com",
        audience: "https://login.salesforce.com",
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let assertion = claims.signed(&key, now).unwrap();
    let parts: Vec<&str> = assertion.expose().split('.').collect();
    let [header, body, signature] = parts.as_slice() else {
        panic!("three parts");
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&decoded(part)).unwrap() };
    assert_eq!(read(header), json!({"alg": "RS256", "typ": "JWT"}));
    assert_eq!(
        read(body),
        json!({
            "iss": "3MVG9.app",
            "sub": "integration@example.com",
            "aud": "https://login.salesforce.com",
            "exp": 1_700_000_180,
        })
    );
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key());
    let signed = format!("{header}.{body}");
    public
        .verify(signed.as_bytes(), &decoded(signature))
        .unwrap();
}

#[test]
fn what_is_no_rsa_key_is_told_without_quoting_it() {
    let elliptic = rcgen::KeyPair::generate().unwrap().serialize_pem();
    for pem in ["s3cret", elliptic.as_str()] {
        let said = SigningKey::from_pem(pem.as_bytes()).unwrap_err();
        assert!(said.starts_with("holds "), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}
