//! Whose a login is that a file holds, and for whom a token is held.

use tempfile::TempDir;

use super::*;
use crate::state::{Directory, Keys, Settings};
use crate::token::tests::{endpoint, token};

/// 32 bytes, as `head -c 32 /dev/urandom | base64` makes them.
const KEY: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const AUTH_URL: &str = "https://mc1.auth.marketingcloudapis.com/";

fn directory(folder: &TempDir) -> Arc<Directory> {
    let settings = Settings {
        directory: folder.path().join("state"),
        keys: Keys::new(&[Secret::new(KEY)]).unwrap(),
    };
    Arc::new(Directory::open(settings).unwrap())
}

/// The refresh token that this client finds in the directory.
async fn found(directory: &Arc<Directory>, auth_url: &str, client_id: &str) -> Option<String> {
    let keeper = Keeper::Directory(Arc::clone(directory));
    let logins = Logins::new("acme", auth_url, client_id, keeper);
    let mut login = logins.slot(None).await.unwrap();
    let kept = login.kept().await.ok()?;
    Some(kept.refresh_token.expose().to_owned())
}

#[tokio::test]
async fn a_login_of_another_client_is_not_used_and_not_lost() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder);
    let keeper = Keeper::Directory(Arc::clone(&directory));
    let logins = Logins::new("acme", AUTH_URL, "id", keeper);
    let kept = Kept {
        refresh_token: Secret::new("s3cret"),
        auth_url: None,
    };
    logins.slot(None).await.unwrap().begin(kept).await.unwrap();
    assert_eq!(found(&directory, AUTH_URL, "other").await, None);
    let elsewhere = "https://mc2.auth.marketingcloudapis.com/";
    assert_eq!(found(&directory, elsewhere, "id").await, None);
    let own = found(&directory, AUTH_URL, "id").await;
    assert_eq!(own.as_deref(), Some("s3cret"));
}

#[tokio::test]
async fn what_comes_late_for_the_client_of_before_leaves_a_new_login_as_it_is() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder);
    let logins = |client_id| {
        let keeper = Keeper::Directory(Arc::clone(&directory));
        Logins::new("acme", AUTH_URL, client_id, keeper)
    };
    let (before, after) = (logins("before"), logins("after"));
    let kept = |text: &str| Kept {
        refresh_token: Secret::new(text),
        auth_url: None,
    };
    let mut old = before.slot(None).await.unwrap();
    old.begin(kept("old")).await.unwrap();
    let mut new = after.slot(None).await.unwrap();
    assert!(new.kept().await.is_err());
    new.begin(kept("new")).await.unwrap();
    old.keep(kept("successor of the old"), None).await.unwrap();
    assert!(old.kept().await.is_err());
    let found = found(&directory, AUTH_URL, "after").await;
    assert_eq!(found.as_deref(), Some("new"));
    // Whoever logs in takes the place of whatever is there.
    old.begin(kept("newest")).await.unwrap();
    assert!(old.kept().await.is_ok());
}

#[tokio::test]
async fn a_login_that_does_not_say_whose_it_is_is_used() {
    let folder = TempDir::new().unwrap();
    let directory = directory(&folder);
    let slot = Slot {
        tenant: "acme".to_owned(),
        account: None,
    };
    let content = Secret::new(r#"{"refresh_token":"s3cret"}"#);
    directory.write(&slot, &content).unwrap();
    let own = found(&directory, AUTH_URL, "id").await;
    assert_eq!(own.as_deref(), Some("s3cret"));
}

#[tokio::test]
async fn a_token_that_came_too_late_is_for_the_endpoint_that_admitted_it() {
    let first = Arc::new(endpoint(Keeper::Memory, |_settings| {}));
    let other = Arc::new(endpoint(Keeper::Memory, |settings| {
        settings.lock.subdomain = Some("mc2".to_owned());
    }));
    let logins = Logins::new("acme", AUTH_URL, "id", Keeper::Memory);
    let mut login = logins.slot(None).await.unwrap();
    login.hold(&first, Some(1), token(&first, "text"));
    assert!(login.take_late(&other, Some(1)).is_none(), "another lock");
    assert!(
        login.take_late(&first, Some(2)).is_none(),
        "another account"
    );
    assert!(login.take_late(&first, Some(1)).is_some());
    assert!(login.take_late(&first, Some(1)).is_none(), "once");
}
