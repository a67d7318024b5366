//! Where tokens come from and where they may go, the same for all accounts of a tenant and held once for them. Decides only
//! which accounts are the same.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Endpoint, InstanceLock, Kind, Mid};
use crate::state::Name;

#[cfg(test)]
mod tests;

/// One installed package as one tenant uses it: a token that was minted under one lock is not used under another.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Package {
    auth_url: String,
    client_id: String,
    scope: Option<String>,
    /// The tenant's name, where the package alone does not tell whose tokens these are.
    tenant: Option<String>,
    kind: Kind,
    /// By which grant, and for which user where an assertion names one.
    grant: (&'static str, Option<String>),
    lock: InstanceLock,
    trust: usize,
}

impl Package {
    fn of(endpoint: &Endpoint, tenant: &str) -> Self {
        let settings = endpoint.settings();
        let auth_url = settings.auth_url.to_string();
        Self {
            auth_url: auth_url.trim_end_matches('/').to_ascii_lowercase(),
            client_id: settings.client_id.clone(),
            scope: settings.scope.clone(),
            tenant: Some(tenant.to_owned()).filter(|_| !endpoint.is_shareable()),
            kind: settings.kind.clone(),
            grant: (
                endpoint.grant(),
                settings.grant_type.subject().map(str::to_owned),
            ),
            lock: settings.lock.clone(),
            trust: endpoint.trust().identity(),
        }
    }
}

/// What makes two cells the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    package: Arc<Package>,
    account: Option<Mid>,
}

impl Key {
    /// What its token is called where replicas share it. Whatever decides what a token is good for is in it; lock and trust are
    /// not, because each replica judges by its own what it takes over.
    pub(super) fn name(&self) -> Name {
        let package = &*self.package;
        let account = self.account.map(|account| account.to_string());
        let (grant, subject) = &package.grant;
        let (kind, part) = match &package.kind {
            Kind::MarketingCloud => ("marketing_cloud", None),
            Kind::Salesforce => ("salesforce", None),
            Kind::DataCloud { dataspace } => ("data_cloud", dataspace.as_deref()),
            Kind::AccountEngagement {
                business_unit_id, ..
            } => ("account_engagement", Some(business_unit_id.as_str())),
        };
        Name::of(&[
            Some(&package.auth_url),
            Some(&package.client_id),
            account.as_deref(),
            package.scope.as_deref(),
            package.tenant.as_deref(),
            Some(grant),
            subject.as_deref(),
            Some(kind),
            part,
        ])
    }
}

/// One of each package.
#[derive(Default)]
pub(super) struct Packages(Mutex<Vec<Arc<Package>>>);

impl Packages {
    /// The key of an account of this tenant.
    pub(super) fn key(&self, endpoint: &Endpoint, tenant: &str, account: Option<Mid>) -> Key {
        let package = Package::of(endpoint, tenant);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known.iter().find(|known| ***known == package);
        let package = match found {
            Some(found) => Arc::clone(found),
            None => {
                let package = Arc::new(package);
                known.push(Arc::clone(&package));
                package
            }
        };
        Key { package, account }
    }
}
