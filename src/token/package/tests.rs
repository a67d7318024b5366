//! What makes a token another one has another name where replicas share it.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::secret::Secret;
use crate::state::Keeper;
use crate::token::{EndpointSettings, GrantType, SigningKey};
use crate::upstream::{EgressProxy, ResolveWith, Settings, Trust, Upstream};

const HOUR: Duration = Duration::from_secs(3600);

fn signing_key() -> Arc<SigningKey> {
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    Arc::new(SigningKey::from_pem(pem.as_bytes()).unwrap())
}

/// The name of an account of core Salesforce, where a signed assertion names the user.
fn name(key: &Arc<SigningKey>, change: impl FnOnce(&mut EndpointSettings)) -> Name {
    let upstream = Upstream::new(Settings {
        resolve_with: ResolveWith::System,
        proxy: EgressProxy::None,
        connect_timeout: HOUR,
        pool_idle_timeout: HOUR,
        headers_max: 100,
        header_size_max: 65536,
        preserve_header_case: false,
        body_stall_timeout: HOUR,
    });
    let mut settings = EndpointSettings {
        kind: Kind::Salesforce,
        grant_type: by_assertion(key, "admin@example.com"),
        auth_url: "https://acme.my.salesforce.com/".parse().unwrap(),
        client_id: "id".to_owned(),
        client_secrets: vec![Secret::new("first")],
        scope: None,
        refresh_before: HOUR,
        token_lifetime: HOUR,
        lock: InstanceLock::default(),
    };
    change(&mut settings);
    let trust = Trust::system().unwrap();
    let endpoint = Endpoint::new("acme", settings, upstream, trust, Keeper::Memory).unwrap();
    Packages::default().key(&endpoint, "acme", None).name()
}

fn by_assertion(key: &Arc<SigningKey>, subject: &str) -> GrantType {
    GrantType::JwtBearer {
        key: Arc::clone(key),
        subject: subject.to_owned(),
        audience: "https://login.salesforce.com".to_owned(),
    }
}

fn of_data_space(dataspace: Option<&str>) -> Kind {
    Kind::DataCloud {
        dataspace: dataspace.map(str::to_owned),
    }
}

#[test]
fn a_token_of_another_user_grant_or_data_space_is_never_taken_over() {
    let key = signing_key();
    let plain = |_settings: &mut EndpointSettings| {};
    assert!(
        name(&key, plain) == name(&signing_key(), plain),
        "every replica finds it, with a new key too"
    );
    let names = [
        name(&key, plain),
        name(&key, |settings| {
            settings.grant_type = by_assertion(&key, "restricted@example.com");
        }),
        name(&key, |settings| {
            settings.grant_type = GrantType::ClientCredentials;
        }),
        name(&key, |settings| {
            settings.grant_type = GrantType::AuthorizationCode {
                redirect_uri: "http://127.0.0.1/oauth/callback".to_owned(),
                pkce: true,
            };
        }),
        name(&key, |settings| settings.kind = of_data_space(None)),
        name(&key, |settings| {
            settings.kind = of_data_space(Some("default"));
        }),
        name(&key, |settings| {
            settings.kind = of_data_space(Some("other"));
        }),
        name(&key, |settings| settings.scope = Some("api".to_owned())),
        name(&key, |settings| settings.client_id = "other".to_owned()),
    ];
    for (place, one) in names.iter().enumerate() {
        for (other_place, other) in names.iter().enumerate() {
            assert_eq!(one == other, place == other_place, "{place} {other_place}");
        }
    }
}
