//! Who there is: tenants with their accounts, and clients, as they are configured now. Says nothing of what they did.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::policy::Posture;
use crate::token::{self, Mid};

/// Everybody.
#[derive(Default)]
pub struct Roll {
    /// Tenants, by name.
    pub tenants: Vec<Tenant>,
    /// Clients, by name; `anonymous` alone where none are configured.
    pub clients: Vec<Client>,
    /// Whether tokens are shared with other replicas.
    pub is_shared: bool,
}

/// One tenant.
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// Its kind, as the configuration has it.
    pub kind: &'static str,
    /// How its tokens are had, as the configuration has it.
    pub grant: &'static str,
    /// Whether somebody has to log in.
    pub takes_login: bool,
    /// Whether its tokens come from core Salesforce, which has scopes of its own.
    pub is_core: bool,
    /// The scopes that are asked for; `None`: all that the package grants.
    pub scopes_asked: Option<Vec<String>>,
    /// Which client secret worked last; `None`: it has none.
    pub client_secret: Option<&'static str>,
    /// The default account first, then by name.
    pub accounts: Vec<Account>,
}

/// One account.
pub struct Account {
    /// As it is configured; `default`, or its member id, where it has no name.
    pub name: String,
    /// Its member id.
    pub mid: Option<Mid>,
    /// Whether it is used where nothing selects one.
    pub is_default: bool,
    /// Its token.
    pub token: Arc<token::Account>,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its name.
    pub name: String,
    /// What becomes of calls that its policy does not allow.
    pub policy: Posture,
    /// The tenant of calls that select none.
    pub default_tenant: Option<String>,
    /// For each tenant that it may use, the account of calls that select none, as metrics call it.
    pub default_accounts: BTreeMap<String, String>,
}

impl Roll {
    /// Whether there is a tenant of this name.
    #[must_use]
    pub fn has_tenant(&self, name: &str) -> bool {
        self.tenants.iter().any(|tenant| tenant.name == name)
    }

    /// Whether there is a client of this name.
    #[must_use]
    pub fn has_client(&self, name: &str) -> bool {
        self.clients.iter().any(|client| client.name == name)
    }
}
