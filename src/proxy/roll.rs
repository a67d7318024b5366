//! Who there is, for the status page: tenants with their accounts, and clients. Shows no secret, and asks nobody.

use std::sync::Arc;

use super::route::{Selected, Tenant};
use super::setup::Proxy;
use crate::identity::Grant;
use crate::ledger::{self, ANYONE, Ledger, Roll};
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
        let clients = self.clients.all();
        let clients = clients.map(|client| self.of_client(client.name(), Some(client.grant())));
        let mut clients: Vec<_> = clients.collect();
        if clients.is_empty() {
            clients.push(self.of_client(ANYONE, None));
        }
        Roll {
            tenants,
            clients,
            is_shared: self.store.is_shared(),
        }
    }

    fn of_client(&self, name: &str, grant: Option<&Grant>) -> ledger::Client {
        let may_use = |tenant: &Tenant| {
            let only = grant.and_then(Grant::tenants);
            only.is_none_or(|only| only.iter().any(|name| name == tenant.name()))
        };
        let default_tenant = grant.and_then(Grant::default_tenant);
        let default_tenant = default_tenant.or_else(|| self.router.default_tenant());
        let tenants = self.router.tenants().filter(|tenant| may_use(tenant));
        let accounts = tenants.filter_map(|tenant| {
            let of_client = grant.and_then(|grant| grant.default_account(tenant.name()));
            let mid = of_client.or_else(|| tenant.default_mid());
            let mut accounts = tenant.all_accounts().into_iter();
            let account = accounts.find(|account| account.mid() == mid)?;
            let label = account.token.labels().account.clone();
            Some((tenant.name().to_owned(), label))
        });
        ledger::Client {
            name: name.to_owned(),
            policy: grant.map(|grant| grant.policy).unwrap_or_default(),
            default_tenant: default_tenant.map(str::to_owned),
            default_accounts: accounts.collect(),
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
