//! Who there is, for the status page: tenants with their accounts, and clients. Shows no secret, and asks nobody.

use std::sync::Arc;

use super::route::{Selected, Tenant};
use super::setup::Proxy;
use crate::ledger::{self, ANYONE, Ledger, Roll};
use crate::policy::Posture;
use crate::token::{GrantType, Kind};

impl Proxy {
    /// What was seen lately, whatever the configuration was.
    #[must_use]
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Tenants, accounts and clients as they are now.
    #[must_use]
    pub fn roll(&self) -> Roll {
        let mut tenants: Vec<_> = self.router.tenants().map(|tenant| of(tenant)).collect();
        tenants.sort_by(|one, other| one.name.cmp(&other.name));
        let clients = self.clients.all().map(|client| ledger::Client {
            name: client.name().to_owned(),
            policy: client.grant().policy,
        });
        let mut clients: Vec<_> = clients.collect();
        if clients.is_empty() {
            clients.push(ledger::Client {
                name: ANYONE.to_owned(),
                policy: Posture::Enforce,
            });
        }
        Roll {
            tenants,
            clients,
            is_shared: self.store.is_shared(),
        }
    }
}

fn of(tenant: &Tenant) -> ledger::Tenant {
    let kind = tenant.kind();
    let scope = tenant.scope();
    let mut accounts: Vec<_> = tenant
        .all_accounts()
        .into_iter()
        .map(|account| account_of(tenant, &account))
        .collect();
    accounts.sort_by(|one, other| {
        let by_rank = other.is_default.cmp(&one.is_default);
        by_rank.then_with(|| one.name.cmp(&other.name))
    });
    ledger::Tenant {
        name: tenant.name().to_owned(),
        kind: match kind {
            Kind::MarketingCloud => "marketing_cloud",
            Kind::Salesforce => "salesforce",
            Kind::DataCloud { .. } => "data_cloud",
            Kind::AccountEngagement { .. } => "account_engagement",
        },
        grant: match tenant.grant_type() {
            GrantType::ClientCredentials => "client_credentials",
            GrantType::AuthorizationCode { .. } => "authorization_code",
            GrantType::JwtBearer { .. } => "jwt_bearer",
        },
        takes_login: tenant.takes_login(),
        is_core: kind.is_core(),
        scopes_asked: scope.map(|scope| scope.split_whitespace().map(str::to_owned).collect()),
        client_secret: tenant.client_secret_in_use(),
        accounts,
    }
}

fn account_of(tenant: &Tenant, account: &Selected) -> ledger::Account {
    let mid = account.mid();
    let is_default = mid == tenant.default_mid();
    let name = mid.and_then(|mid| tenant.name_of(mid)).map(str::to_owned);
    let name = name.unwrap_or_else(|| match mid {
        Some(mid) if !is_default => mid.to_string(),
        _ => "default".to_owned(),
    });
    ledger::Account {
        name,
        mid,
        is_default,
        token: Arc::clone(&account.token),
    }
}
