//! The refresh tokens of one tenant: kept, spent once, and replaced without a moment in which a crash loses one.
//!
//! A refresh token is spent by being sent, so that one is sent at a time, and its successor is durable before the old one is
//! forgotten and before anything else of the answer is used. Never speaks the wire.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use super::wire::unavailable;
use super::{AccessToken, Mid, MintError};
use crate::secret::Secret;
use crate::state::{Directory, Slot};

/// All logins of one tenant.
pub(super) struct Logins {
    tenant: String,
    state: Option<Arc<Directory>>,
    slots: Mutex<HashMap<Option<Mid>, Arc<tokio::sync::Mutex<Login>>>>,
    /// The process is about to end: what is sent now may be answered to nobody.
    is_closed: AtomicBool,
}

/// One login, for an account of its own or for all that have none.
pub(super) struct Login {
    slot: Slot,
    state: Option<Arc<Directory>>,
    loaded: bool,
    kept: Option<Kept>,
    /// Not yet durable.
    unsaved: bool,
    /// Why it has ended; what is kept is of no use any more.
    ended: Option<String>,
    /// Came too late for whoever asked for it, and is for this account.
    late: Option<(Option<Mid>, AccessToken)>,
}

/// What is kept of a login.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) refresh_token: Secret,
    /// The auth base that the login was at, where it is not the tenant's own.
    pub(super) auth_url: Option<String>,
}

/// The same, as it is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    refresh_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_url: Option<String>,
}

impl Logins {
    /// Keeps them there, or, without a state directory, in memory alone.
    pub(super) fn new(tenant: &str, state: Option<Arc<Directory>>) -> Self {
        Self {
            tenant: tenant.to_owned(),
            state,
            slots: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// The login that this account's tokens come from, for as long as the guard is held: its own if there is one, else the
    /// tenant's.
    pub(super) async fn of(
        &self,
        account: Option<Mid>,
    ) -> Result<OwnedMutexGuard<Login>, MintError> {
        if account.is_some() {
            let own = self.slot(account).await?;
            if own.kept.is_some() || own.ended.is_some() {
                return Ok(own);
            }
        }
        self.slot(None).await
    }

    /// What is kept in one slot, for as long as the guard is held.
    pub(super) async fn slot(
        &self,
        account: Option<Mid>,
    ) -> Result<OwnedMutexGuard<Login>, MintError> {
        let login = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = || Arc::new(tokio::sync::Mutex::new(self.fresh(account)));
            Arc::clone(slots.entry(account).or_insert_with(fresh))
        };
        let mut login = login.lock_owned().await;
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(unavailable("the proxy is stopping"));
        }
        login.load().await?;
        Ok(login)
    }

    fn fresh(&self, account: Option<Mid>) -> Login {
        Login {
            slot: Slot {
                tenant: self.tenant.clone(),
                account,
            },
            state: self.state.clone(),
            loaded: false,
            kept: None,
            unsaved: false,
            ended: None,
            late: None,
        }
    }

    /// Waits until no refresh token is under way, and gives none out from then on. One that could not be written down before
    /// gets its last chance.
    pub(super) async fn settle(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        let slots: Vec<_> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().cloned().collect()
        };
        for slot in slots {
            // What is wrong was told when it was first tried.
            let _saved = slot.lock().await.save().await;
        }
    }
}

impl Login {
    async fn load(&mut self) -> Result<(), MintError> {
        if self.loaded {
            return Ok(());
        }
        if let Some(state) = self.state.clone() {
            let slot = self.slot.clone();
            let read = blocking(move || state.read(&slot)).await?;
            let content = read.map_err(|error| unavailable(error.to_string()))?;
            self.kept = content.as_ref().map(Kept::read).transpose()?;
        }
        self.loaded = true;
        Ok(())
    }

    /// What to refresh with; an error if there is nothing, or it is not durable yet and cannot be made so.
    pub(super) async fn kept(&mut self) -> Result<Kept, MintError> {
        if self.ended.is_some() || self.kept.is_none() {
            return Err(self.needed());
        }
        self.save().await?;
        self.kept.clone().ok_or_else(|| self.needed())
    }

    /// A new refresh token takes the place of the old one. When this returns without an error, it is durable; after an error
    /// it is held in memory, and the next use tries again to write it down.
    pub(super) async fn keep(&mut self, kept: Kept) -> Result<(), MintError> {
        self.kept = Some(kept);
        self.unsaved = true;
        self.ended = None;
        self.save().await
    }

    async fn save(&mut self) -> Result<(), MintError> {
        if !self.unsaved {
            return Ok(());
        }
        if let (Some(state), Some(kept)) = (self.state.clone(), &self.kept) {
            let (slot, content) = (self.slot.clone(), kept.written()?);
            let written = blocking(move || state.write(&slot, &content)).await?;
            written.map_err(|error| {
                let Slot { tenant, .. } = &self.slot;
                tracing::error!(tenant, cause = %error, "a new refresh token could not be written down and is in memory alone; until it is, no token is minted with it");
                unavailable(format!("the refresh token cannot be kept: {error}"))
            })?;
        }
        self.unsaved = false;
        Ok(())
    }

    /// The server does not honour it any more: nothing is sent with it again, until somebody logs in.
    pub(super) fn end(&mut self, why: String) -> MintError {
        let place = self.place();
        let tenant = &self.slot.tenant;
        tracing::error!(
            tenant,
            cause = why,
            "the login of {place} has ended; log in again: `sfmc-auth-proxy login {place}`, or at /login on the admin listener"
        );
        self.ended = Some(why);
        self.needed()
    }

    fn needed(&self) -> MintError {
        MintError::LoginNeeded {
            place: self.place(),
            ended: self.ended.clone(),
        }
    }

    /// A user has logged in: what was there before is of no use any more.
    pub(super) async fn begin(&mut self, kept: Kept) -> Result<(), MintError> {
        self.late = None;
        self.keep(kept).await
    }

    /// What it is for.
    pub(super) fn slot(&self) -> &Slot {
        &self.slot
    }

    /// The same, as `login` takes it.
    fn place(&self) -> String {
        let Slot { tenant, account } = &self.slot;
        match account {
            Some(account) => format!("{tenant}:{account}"),
            None => tenant.clone(),
        }
    }

    /// Whether there is something to refresh with.
    pub(super) fn is_valid(&self) -> bool {
        self.kept.is_some() && self.ended.is_none()
    }

    /// A token for this account that came after its asker had given up.
    pub(super) fn take_late(&mut self, account: Option<Mid>) -> Option<AccessToken> {
        self.late
            .take_if(|(of, _token)| *of == account)
            .map(|(_of, token)| token)
    }

    /// Holds a token for whoever asks next.
    pub(super) fn hold(&mut self, account: Option<Mid>, token: AccessToken) {
        self.late = Some((account, token));
    }
}

impl Kept {
    fn read(content: &Secret) -> Result<Self, MintError> {
        let written: Written = serde_json::from_str(content.expose())
            .map_err(|_quotes| unavailable("what is kept of the login is no refresh token"))?;
        Ok(Self {
            refresh_token: Secret::new(written.refresh_token),
            auth_url: written.auth_url,
        })
    }

    fn written(&self) -> Result<Secret, MintError> {
        let written = Written {
            refresh_token: self.refresh_token.expose().to_owned(),
            auth_url: self.auth_url.clone(),
        };
        let text = serde_json::to_string(&written);
        text.map(Secret::new)
            .map_err(|error| unavailable(error.to_string()))
    }
}

/// Files are read and written beside the runtime, and to their end whatever becomes of the asker.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MintError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_panicked| unavailable("the state directory could not be used"))
}
