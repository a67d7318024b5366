//! What is remembered of a mint that failed, and what ends that, with tokens from elsewhere.

use super::*;
use crate::secret::Secret;
use crate::state::Keeper;
use crate::token::tests::{endpoint, token};

fn account(endpoint: &Arc<Endpoint>) -> Arc<Account> {
    let store = TokenStore::new(Handle::current(), Metrics::new().unwrap(), 10, 20);
    let labels = Labels {
        tenant: "acme".to_owned(),
        account: "default".to_owned(),
    };
    store.account(endpoint, None, labels)
}

fn rejected() -> MintError {
    MintError::Rejected {
        status: 401,
        error: "invalid_client".to_owned(),
        description: String::new(),
    }
}

fn is_over(account: &Account) -> Option<bool> {
    account.standing().last_error.map(|failure| failure.over)
}

#[tokio::test]
async fn a_failure_is_over_with_the_next_token_whoever_minted_it_and_when() {
    let endpoint = Arc::new(endpoint(Keeper::Memory, |_settings| {}));
    let account = account(&endpoint);
    // Another replica had it before this one failed.
    let elsewhere = Arc::new(token(&endpoint, "elsewhere"));
    account.land(&endpoint, &Err(rejected()));
    assert_eq!(is_over(&account), Some(false));
    account.land(&endpoint, &Ok(Arc::clone(&elsewhere)));
    assert_eq!(is_over(&account), Some(true));
    account.land(&endpoint, &Err(rejected()));
    assert_eq!(is_over(&account), Some(false));
    // That is the one it has had all along.
    account.land(&endpoint, &Ok(elsewhere));
    assert_eq!(is_over(&account), Some(false));
}

#[tokio::test]
async fn a_rejection_of_other_credentials_is_none_of_the_present_ones() {
    let before = Arc::new(endpoint(Keeper::Memory, |_settings| {}));
    let account = account(&before);
    let after = Arc::new(endpoint(Keeper::Memory, |settings| {
        settings.client_secrets = vec![Secret::new("second")];
    }));
    let terms = || Terms {
        endpoint: Arc::clone(&after),
        labels: account.labels(),
    };
    account.land(&before, &Err(rejected()));
    account.go_on(terms(), 20);
    assert_eq!(is_over(&account), None);
    // The mint was under way when the credentials changed.
    account.land(&before, &Err(rejected()));
    assert_eq!(is_over(&account), None);
    account.land(&after, &Err(rejected()));
    account.go_on(terms(), 20);
    assert_eq!(is_over(&account), Some(false), "nothing has changed");
}
