//! Tokens that are asked for before anybody calls.

use std::sync::Arc;

use super::route::Selected;
use super::setup::Proxy;
use crate::token::Unavailable;

impl Proxy {
    /// Asks once for a token of one account of every tenant, in turn for each and side by side for all; tells how each fared as
    /// it ends.
    pub async fn warm_up(&self, told: impl FnMut(&str, Result<(), Unavailable>)) {
        self.warm_up_all(|_tenant| true, told).await;
    }

    /// The same for tenants that another configuration did not have.
    pub async fn warm_up_beyond(
        &self,
        before: &Self,
        told: impl FnMut(&str, Result<(), Unavailable>),
    ) {
        let is_new = |tenant: &str| before.router.tenant(tenant).is_none();
        self.warm_up_all(is_new, told).await;
    }

    async fn warm_up_all(
        &self,
        holds: impl Fn(&str) -> bool,
        mut told: impl FnMut(&str, Result<(), Unavailable>),
    ) {
        let mut asking = tokio::task::JoinSet::new();
        for (tenant, account) in self.first_accounts().filter(|(tenant, _)| holds(tenant)) {
            let (name, account) = (tenant.to_owned(), Arc::clone(account));
            asking.spawn(async move { (name, account.token.current(true, None).await) });
        }
        while let Some(asked) = asking.join_next().await {
            if let Ok((name, outcome)) = asked {
                told(&name, outcome.map(|_token| ()));
            }
        }
    }

    fn first_accounts(&self) -> impl Iterator<Item = (&str, &Arc<Selected>)> {
        let tenants = self.router.tenants();
        tenants.filter_map(|tenant| Some((tenant.name(), tenant.first_account()?)))
    }

    /// Whether no more can be asked of it before somebody calls: a tenant has had a token, or there is none to ask for one.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        let ready = &self.metrics.tenant_ready;
        let mut tenants = self.router.tenants();
        tenants.any(|tenant| ready.with_label_values(&[tenant.name()]).get() == 1)
            || self.first_accounts().next().is_none()
    }
}
