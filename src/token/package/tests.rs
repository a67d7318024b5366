//! What makes a token another one has another name where replicas share it.

use std::sync::Arc;

use super::*;
use crate::state::Keeper;
use crate::token::tests::{endpoint, signing_key};
use crate::token::{EndpointSettings, GrantType, SigningKey};

/// The name of an account of core Salesforce, where a signed assertion names the user.
fn name(key: &Arc<SigningKey>, change: impl FnOnce(&mut EndpointSettings)) -> Name {
    let endpoint = endpoint(Keeper::Memory, |settings| {
        settings.kind = Kind::Salesforce;
        settings.grant_type = by_assertion(key, "admin@example.com");
        change(settings);
    });
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
