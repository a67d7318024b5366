//! A login that replicas share: read anew each time, and spent by one of them at a time. Never goes on without Redis, because
//! another replica might spend the same refresh token.

use std::sync::Arc;

use super::{Kept, Login};
use crate::state::{Keeper, Shared, SharedError, Spend};
use crate::token::MintError;

impl Login {
    pub(super) async fn load_shared(&mut self, shared: &Arc<Shared>) -> Result<(), MintError> {
        // At the very start the connection may still be on its way.
        shared.has_begun().await;
        let record = shared
            .read_login(self.name)
            .await
            .map_err(|error| not_spent(&error))?;
        let read = record.content.as_ref().map(Kept::read_with_end);
        let (kept, ended) = read.transpose()?.unzip();
        (self.kept, self.ended) = (kept, ended.flatten());
        self.record = Some(record);
        Ok(())
    }

    /// What has to be asked before the refresh token is sent; `None` where nobody else has it. An error while another replica
    /// is spending it.
    pub(in crate::token) fn spend(&self) -> Result<Option<Spend>, MintError> {
        let (Keeper::Shared(shared), Some(record)) = (&self.keeper, &self.record) else {
            return Ok(None);
        };
        if !record.may_be_spent {
            return Err(MintError::Busy);
        }
        Ok(Some(shared.spend(self.name, record)))
    }

    /// A new refresh token, from a login or from one that was spent. When this returns without an error, all replicas have it.
    pub(super) async fn keep_shared(
        &mut self,
        shared: &Arc<Shared>,
        kept: Kept,
        spend: Option<&Spend>,
    ) -> Result<(), MintError> {
        let content = kept.written(None, None)?;
        let written = match spend {
            Some(spend) => spend.renew(&content).await,
            None => shared.write_login(self.name, &content).await.map(|()| true),
        };
        if !written.map_err(|error| not_spent(&error))? {
            // Somebody has logged in meanwhile, or this process was stopped for so long that another went on.
            return Err(MintError::Busy);
        }
        (self.kept, self.ended) = (Some(kept), None);
        Ok(())
    }

    /// Tells all replicas that the login has ended; an error if that is not so, because what is kept has changed.
    pub(super) async fn end_shared(&mut self, why: &str, spend: &Spend) -> Result<(), MintError> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let content = kept.written(None, Some(why))?;
        if spend
            .end(&content)
            .await
            .map_err(|error| not_spent(&error))?
        {
            Ok(())
        } else {
            Err(MintError::Busy)
        }
    }
}

/// Just before the refresh token is sent: nobody else sends it from now on.
pub(in crate::token) async fn mark(spend: Option<&Spend>) -> Result<(), MintError> {
    match spend {
        None => Ok(()),
        Some(spend) if spend.mark().await.map_err(|error| not_spent(&error))? => Ok(()),
        Some(_faster) => Err(MintError::Busy),
    }
}

fn not_spent(error: &SharedError) -> MintError {
    let cause =
        format!("no refresh token is spent, because another replica might spend the same: {error}");
    MintError::NotShared { cause }
}
