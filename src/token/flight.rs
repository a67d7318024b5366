//! A mint in flight: it ends for everyone who waits for it, whatever becomes of its task.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Account, Endpoint, MintError, Minted};

/// What came of the mint, once it has.
pub(super) async fn landing(mut flight: watch::Receiver<Option<Minted>>) -> Minted {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => match &*outcome {
            Some(minted) => minted.clone(),
            None => Err(broken_off()),
        },
        Err(_closed) => Err(broken_off()),
    }
}

pub(super) fn broken_off() -> MintError {
    MintError::Unavailable {
        cause: "the mint was broken off".to_owned(),
        retry_after: None,
    }
}

/// Sees to it that a mint ends for everyone, even if its task is dropped or panics.
pub(super) struct Landing {
    account: Arc<Account>,
    /// As it was when the mint began.
    endpoint: Arc<Endpoint>,
    landed: watch::Sender<Option<Minted>>,
    done: bool,
}

impl Landing {
    pub(super) fn new(account: Arc<Account>, landed: watch::Sender<Option<Minted>>) -> Self {
        Self {
            endpoint: account.endpoint(),
            account,
            landed,
            done: false,
        }
    }

    pub(super) async fn fly(mut self) {
        let outcome = self.account.mint().await;
        self.land(outcome);
    }

    fn land(&mut self, outcome: Minted) {
        self.done = true;
        self.account.land(&self.endpoint, &outcome);
        self.landed.send_replace(Some(outcome));
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        if !self.done {
            self.land(Err(broken_off()));
        }
    }
}
