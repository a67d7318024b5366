//! The refresh tokens of one tenant: kept, spent once, and replaced without a moment in which a crash loses one.
//!
//! A refresh token is spent by being sent, so that one is sent at a time, and its successor is durable before the old one is
//! forgotten and before anything else of the answer is used. Never speaks the wire.

mod shared;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde::{Deserialize, Serialize};
use tokio::sync::OwnedMutexGuard;

use super::wire::unavailable;
use super::{AccessToken, Endpoint, Mid, MintError};
use crate::secret::Secret;
use crate::state::{Keeper, LoginRecord, Name, Slot, Spend};
pub(super) use shared::mark;

/// Whose logins these are: the auth base and the client id. No other may spend their refresh tokens.
type Owner = [String; 2];

/// All logins of one tenant.
pub(super) struct Logins {
    tenant: String,
    owner: Owner,
    keeper: Keeper,
    slots: Mutex<HashMap<Option<Mid>, Arc<tokio::sync::Mutex<Login>>>>,
    /// The process is about to end: what is sent now may be answered to nobody.
    is_closed: AtomicBool,
}

/// One login, for an account of its own or for all that have none.
pub(super) struct Login {
    slot: Slot,
    owner: Owner,
    keeper: Keeper,
    /// What it is called where replicas share it.
    name: Name,
    /// What was read there.
    record: Option<LoginRecord>,
    loaded: bool,
    kept: Option<Kept>,
    /// Not yet durable.
    unsaved: bool,
    /// What is not yet durable came by a user's login, and not from a refresh token.
    is_new: bool,
    /// Why it has ended; what is kept is of no use any more.
    ended: Option<String>,
    late: Option<Late>,
}

/// A token that came too late for whoever asked for it.
struct Late {
    /// Who has admitted it: under another one's lock it might not be let through.
    endpoint: Weak<Endpoint>,
    account: Option<Mid>,
    token: AccessToken,
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
    /// Only where replicas share it: why it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// Only in a file, whose name does not tell it. Earlier releases did not write it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    owner: Option<Owner>,
}

impl Logins {
    /// Keeps them there. `auth_url` and `client_id` tell whose they are.
    pub(super) fn new(tenant: &str, auth_url: &str, client_id: &str, keeper: Keeper) -> Self {
        Self {
            tenant: tenant.to_owned(),
            owner: [auth_url.to_owned(), client_id.to_owned()],
            keeper,
            slots: Mutex::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Whether these are the same logins of the tenant, so that both must never be in use.
    pub(super) fn are(&self, other: &Self) -> bool {
        self.owner == other.owner && self.keeper.is(&other.keeper)
    }

    /// Whether they end with the process.
    pub(super) fn are_forgotten(&self) -> bool {
        !self.keeper.outlives()
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
        let [auth_url, client_id] = &self.owner;
        let of = account.map(|account| account.to_string());
        let tenant = Some(self.tenant.as_str());
        Login {
            slot: Slot {
                tenant: self.tenant.clone(),
                account,
            },
            owner: self.owner.clone(),
            keeper: self.keeper.clone(),
            name: Name::of(&[Some(auth_url), Some(client_id), tenant, of.as_deref()]),
            record: None,
            loaded: false,
            kept: None,
            unsaved: false,
            is_new: false,
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
        match self.keeper.clone() {
            // Others may have gone on with it.
            Keeper::Shared(shared) => return self.load_shared(&shared).await,
            Keeper::Directory(state) if !self.loaded => {
                let slot = self.slot.clone();
                let read = blocking(move || state.read(&slot)).await?;
                let content = read.map_err(|error| unavailable(error.to_string()))?;
                let written = content.as_ref().map(Written::read).transpose()?;
                self.kept = written.and_then(|written| self.own(written));
            }
            Keeper::Directory(_) | Keeper::Memory => {}
        }
        self.loaded = true;
        Ok(())
    }

    /// What a file holds, if it is this client's: the file stays as it is until somebody logs in, and serves again if the
    /// configuration of before comes back.
    fn own(&self, written: Written) -> Option<Kept> {
        if written.is_of(&self.owner) {
            return Some(written.into_kept());
        }
        let (tenant, place) = (&self.slot.tenant, self.place());
        tracing::warn!(
            tenant,
            "the login that is kept of {place} was made with another client_id or auth_url, and is not used; log in anew: `sfmc-auth-proxy login {place}`, or at /login on the admin listener"
        );
        None
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
    /// it is held in memory, and the next use tries again to write it down. Where replicas share it, this goes on until it is
    /// written; `spend` is what it came from, if not a user's login.
    pub(super) async fn keep(
        &mut self,
        kept: Kept,
        spend: Option<&Spend>,
    ) -> Result<(), MintError> {
        if let Keeper::Shared(shared) = self.keeper.clone() {
            return self.keep_shared(&shared, kept, spend).await;
        }
        self.kept = Some(kept);
        self.unsaved = true;
        self.ended = None;
        self.save().await
    }

    async fn save(&mut self) -> Result<(), MintError> {
        if !self.unsaved {
            return Ok(());
        }
        if let (Keeper::Directory(state), Some(kept)) = (self.keeper.clone(), &self.kept) {
            let content = kept.written(Some(&self.owner), None)?;
            let (slot, owner, is_new) = (self.slot.clone(), self.owner.clone(), self.is_new);
            // The configuration may have changed while this was on its way, and somebody logged in anew.
            let may_go = move |there: &Secret| {
                is_new || Written::read(there).is_ok_and(|there| there.is_of(&owner))
            };
            let written = blocking(move || state.write_over(&slot, &content, may_go)).await?;
            let is_written = written.map_err(|error| {
                let Slot { tenant, .. } = &self.slot;
                tracing::error!(tenant, cause = %error, "a new refresh token could not be written down and is in memory alone; until it is, no token is minted with it");
                unavailable(format!("the refresh token cannot be kept: {error}"))
            })?;
            if !is_written {
                self.kept = None;
            }
        }
        (self.unsaved, self.is_new) = (false, false);
        Ok(())
    }

    /// The server does not honour it any more: nothing is sent with it again, until somebody logs in.
    pub(super) async fn end(&mut self, why: String, spend: Option<&Spend>) -> MintError {
        if let Some(spend) = spend
            && let Err(error) = self.end_shared(&why, spend).await
        {
            return error;
        }
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
        self.is_new = true;
        self.keep(kept, None).await
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

    /// A token for this account that came to this endpoint after its asker had given up.
    pub(super) fn take_late(
        &mut self,
        endpoint: &Arc<Endpoint>,
        account: Option<Mid>,
    ) -> Option<AccessToken> {
        let is_own = |late: &mut Late| {
            let admitted = std::ptr::eq(late.endpoint.as_ptr(), Arc::as_ptr(endpoint));
            admitted && late.account == account
        };
        self.late.take_if(is_own).map(|late| late.token)
    }

    /// Holds a token for whoever asks this endpoint next.
    pub(super) fn hold(
        &mut self,
        endpoint: &Arc<Endpoint>,
        account: Option<Mid>,
        token: AccessToken,
    ) {
        self.late = Some(Late {
            endpoint: Arc::downgrade(endpoint),
            account,
            token,
        });
    }
}

impl Written {
    fn read(content: &Secret) -> Result<Self, MintError> {
        serde_json::from_str(content.expose())
            .map_err(|_quotes| unavailable("what is kept of the login is no refresh token"))
    }

    /// Whether it is this client's, as far as it says.
    fn is_of(&self, owner: &Owner) -> bool {
        self.owner.as_ref().is_none_or(|own| own == owner)
    }

    fn into_kept(self) -> Kept {
        Kept {
            refresh_token: Secret::new(self.refresh_token),
            auth_url: self.auth_url,
        }
    }
}

impl Kept {
    /// What is kept, and why the login has ended, if it has.
    fn read_with_end(content: &Secret) -> Result<(Self, Option<String>), MintError> {
        let mut written = Written::read(content)?;
        let ended = written.ended.take();
        Ok((written.into_kept(), ended))
    }

    fn written(&self, owner: Option<&Owner>, ended: Option<&str>) -> Result<Secret, MintError> {
        let written = Written {
            refresh_token: self.refresh_token.expose().to_owned(),
            auth_url: self.auth_url.clone(),
            ended: ended.map(str::to_owned),
            owner: owner.cloned(),
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
