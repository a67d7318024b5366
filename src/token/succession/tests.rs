//! Accounts that stay keep their cell, others get a new one, and those that nobody has any more are gone.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::state::Keeper;
use crate::token::{
    Account, Endpoint, EndpointSettings, GrantType, InstanceLock, Kind, Labels, TokenStore,
};
use crate::upstream::{EgressProxy, ResolveWith, Settings, Trust, Upstream};

const HOUR: Duration = Duration::from_secs(3600);

fn endpoint(trust: &Trust, change: impl FnOnce(&mut EndpointSettings)) -> Arc<Endpoint> {
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
        kind: Kind::MarketingCloud,
        grant_type: GrantType::ClientCredentials,
        auth_url: "https://mc1.auth.marketingcloudapis.com/".parse().unwrap(),
        client_id: "id".to_owned(),
        client_secrets: vec![Secret::new("first")],
        scope: None,
        refresh_before: HOUR,
        token_lifetime: HOUR,
        lock: InstanceLock::default(),
    };
    change(&mut settings);
    Arc::new(Endpoint::new("acme", settings, upstream, trust.clone(), Keeper::Memory).unwrap())
}

fn account(store: &TokenStore, endpoint: &Arc<Endpoint>, name: &str) -> Arc<Account> {
    let labels = Labels {
        tenant: "acme".to_owned(),
        account: name.to_owned(),
    };
    store.account(endpoint, Some(1), labels)
}

#[tokio::test]
async fn an_account_that_stays_keeps_its_cell_and_gets_other_terms_when_they_hold() {
    let trust = Trust::system().unwrap();
    let before = TokenStore::new(Handle::current(), Metrics::new().unwrap(), 10, 20);
    let first = endpoint(&trust, |_settings| {});
    let cell = account(&before, &first, "emea");
    let next = before.next(10, 20);
    let second = endpoint(&trust, |settings| {
        settings.client_secrets = vec![Secret::new("second")];
    });
    let kept = account(&next, &second, "europe");
    assert!(Arc::ptr_eq(&cell, &kept));
    assert!(Arc::ptr_eq(&cell.endpoint(), &first), "not yet in force");
    next.take_over();
    assert!(Arc::ptr_eq(&cell.endpoint(), &second));
    assert_eq!(cell.labels().account, "europe");
}

#[tokio::test]
async fn whatever_tokens_depend_on_makes_another_cell() {
    let trust = Trust::system().unwrap();
    let before = TokenStore::new(Handle::current(), Metrics::new().unwrap(), 10, 20);
    let cell = account(&before, &endpoint(&trust, |_settings| {}), "emea");
    let changes: [fn(&mut EndpointSettings); 5] = [
        |settings| settings.lock.subdomain = Some("mc1".to_owned()),
        |settings| settings.scope = Some("offline".to_owned()),
        |settings| settings.client_id = "other".to_owned(),
        |settings| settings.kind = Kind::Salesforce,
        |settings| {
            settings.grant_type = GrantType::AuthorizationCode {
                redirect_uri: "http://127.0.0.1/oauth/callback".to_owned(),
                pkce: true,
            };
        },
    ];
    for change in changes {
        let next = before.next(10, 20);
        let other = account(&next, &endpoint(&trust, change), "emea");
        assert!(!Arc::ptr_eq(&cell, &other));
    }
    let next = before.next(10, 20);
    let other = Trust::system().unwrap();
    let other = account(&next, &endpoint(&other, |_settings| {}), "emea");
    assert!(!Arc::ptr_eq(&cell, &other), "under other roots");
}

#[tokio::test]
async fn an_account_that_nobody_has_any_more_is_gone() {
    let trust = Trust::system().unwrap();
    let before = TokenStore::new(Handle::current(), Metrics::new().unwrap(), 10, 20);
    let cell = Arc::downgrade(&account(&before, &endpoint(&trust, |_settings| {}), "emea"));
    let next = before.next(10, 20);
    next.take_over();
    drop(before);
    assert!(cell.upgrade().is_none());
}
