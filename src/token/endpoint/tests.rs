//! Whose logins an endpoint goes on with, and how long a token of another replica lives.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::state::{Directory, Keys, Settings};
use crate::token::tests::{endpoint, token};

const HOUR: Duration = Duration::from_secs(3600);
/// 32 bytes, as `head -c 32 /dev/urandom | base64` makes them.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";

fn directory() -> (TempDir, Keeper) {
    let folder = TempDir::new().unwrap();
    let settings = Settings {
        directory: folder.path().join("state"),
        keys: Keys::new(&[Secret::new(KEY)]).unwrap(),
    };
    let directory = Directory::open(settings).unwrap();
    (folder, Keeper::Directory(Arc::new(directory)))
}

fn has_the_logins_of(one: &Endpoint, other: &Endpoint) -> bool {
    Arc::ptr_eq(&one.logins, &other.logins)
}

#[test]
fn an_endpoint_goes_on_with_the_logins_of_the_same_client_at_the_same_place_alone() {
    let (_folder, kept) = directory();
    for keeper in [Keeper::Memory, kept.clone()] {
        let first = Arc::new(endpoint(keeper.clone(), |_settings| {}));
        let after = |endpoint: Endpoint| endpoint.after(std::slice::from_ref(&first));
        let same = after(endpoint(keeper.clone(), |settings| {
            settings.client_secrets = vec![Secret::new("second")];
            settings.scope = Some("offline".to_owned());
            settings.lock.subdomain = None;
        }));
        assert!(has_the_logins_of(&same, &first));
        let changes: [fn(&mut EndpointSettings); 2] = [
            |settings| settings.client_id = "other".to_owned(),
            |settings| {
                settings.auth_url = "https://mc2.auth.marketingcloudapis.com/".parse().unwrap();
            },
        ];
        for change in changes {
            let other = after(endpoint(keeper.clone(), change));
            assert!(!has_the_logins_of(&other, &first));
        }
    }
    // A login that was to be kept in memory alone before is kept in the directory from now on.
    let before = [Arc::new(endpoint(Keeper::Memory, |_settings| {}))];
    let after = endpoint(kept, |_settings| {}).after(&before);
    assert!(!has_the_logins_of(&after, &before[0]));
}

#[test]
fn a_configuration_that_comes_back_finds_the_logins_that_may_be_in_use_still() {
    let first = Arc::new(endpoint(Keeper::Memory, |_settings| {}));
    let other = endpoint(Keeper::Memory, |settings| {
        settings.client_id = "other".to_owned();
    });
    let other = Arc::new(other.after(std::slice::from_ref(&first)));
    let latest_first = [other, Arc::clone(&first)];
    let back = endpoint(Keeper::Memory, |_settings| {}).after(&latest_first);
    assert!(has_the_logins_of(&back, &first));
}

#[test]
fn redis_makes_no_token_live_longer_than_was_sealed_with_it() {
    let endpoint = endpoint(Keeper::Memory, |_settings| {});
    let written = endpoint.written(&token(&endpoint, "text")).unwrap();
    let asked = Now::read();
    for (said, lives) in [(10 * HOUR, HOUR), (HOUR / 4, HOUR / 4)] {
        let restored = endpoint.restored(&written, asked, said).unwrap();
        assert_eq!(restored.remaining(asked), lives);
    }
}
