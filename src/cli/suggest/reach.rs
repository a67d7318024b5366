//! Which tenants and accounts a client has to reach, in an order that leaves alone what its calls get that select none. Reads no
//! configuration: what is not known of it is told.

use std::collections::{BTreeMap, BTreeSet};

use super::running::{Client, Report};
use crate::token::Mid;

/// How metrics and logs call a tenant's default account.
const DEFAULT: &str = "default";
/// How they call accounts that have no name.
const OTHER: &str = "other";

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    pub(super) tenant: String,
    pub(super) label: String,
    pub(super) mid: Option<Mid>,
}

/// What is meant where nothing selects one.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    tenant: Option<String>,
    /// The client's own: labels of accounts, by tenant.
    accounts: BTreeMap<String, String>,
    /// The tenants' own, which a client without `accounts` has.
    of_tenants: BTreeMap<String, Account>,
}

/// Those that calls were for, and those that stay because they are what is meant where nothing selects one.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    all: BTreeSet<Account>,
    /// Those that no call was for.
    unseen: BTreeSet<Account>,
    /// `None`: it is not known what nothing selects.
    defaults: Option<Defaults>,
}

impl Defaults {
    /// As a running proxy tells them.
    pub(super) fn of(report: &Report, client: &Client) -> Self {
        let of_tenants = report.tenants.iter().filter_map(|tenant| {
            let default = tenant.accounts.iter().find(|account| account.is_default)?;
            let account = Account {
                tenant: tenant.name.clone(),
                label: default.name.clone(),
                mid: default.account_id,
            };
            Some((tenant.name.clone(), account))
        });
        Self {
            tenant: client.default_tenant.clone(),
            accounts: client.default_accounts.clone(),
            of_tenants: of_tenants.collect(),
        }
    }

    /// What metrics call a tenant's own default account.
    fn of_tenant(&self, tenant: &str) -> &str {
        let own = self.of_tenants.get(tenant);
        own.map_or(DEFAULT, |account| account.label.as_str())
    }

    /// The account of this label, with its member id where that is known and no name says it.
    fn account(&self, tenant: &str, label: &str) -> Account {
        let own = self.of_tenants.get(tenant);
        let own = own.filter(|own| own.label == label && label == DEFAULT);
        Account {
            tenant: tenant.to_owned(),
            label: label.to_owned(),
            mid: own.and_then(|own| own.mid),
        }
    }
}

impl Accounts {
    /// None yet.
    pub(super) fn of(defaults: Defaults) -> Self {
        Self {
            defaults: Some(defaults),
            ..Self::default()
        }
    }

    /// A call was for this one.
    pub(super) fn add(&mut self, account: Account) {
        let account = match &self.defaults {
            Some(defaults) => defaults.account(&account.tenant, &account.label),
            None => account,
        };
        self.all.insert(account);
    }

    /// Adds what calls get now that select nothing, where none was seen: else the list would give them something else.
    pub(super) fn complete(&mut self) {
        let Some(defaults) = self.defaults.as_ref().filter(|_| !self.all.is_empty()) else {
            return;
        };
        let seen = self.all.iter().map(|account| &account.tenant);
        let tenants: BTreeSet<&String> = seen.chain(&defaults.tenant).collect();
        let missing = tenants.into_iter().filter_map(|tenant| {
            let label = defaults.accounts.get(tenant)?;
            let account = defaults.account(tenant, label);
            (!self.all.contains(&account)).then_some(account)
        });
        self.unseen = missing.collect();
        self.all.extend(self.unseen.iter().cloned());
    }

    /// The value of `tenants`, where there are any to give.
    pub(super) fn tenants(&self) -> Option<String> {
        let accounts = self.all.iter();
        let tenants = accounts.map(|account| (!self.is_default_tenant(account), &account.tenant));
        let tenants: BTreeSet<_> = tenants
            .filter(|(_later, tenant)| !tenant.is_empty())
            .collect();
        let tenants = tenants.iter().map(|(_later, name)| format!("{name:?}"));
        let tenants: Vec<_> = tenants.collect();
        (!tenants.is_empty()).then(|| tenants.join(", "))
    }

    /// The value of `accounts`. A client without it has each tenant's default account; of those that it has, the first is what calls
    /// get that select none.
    pub(super) fn accounts(&self) -> Option<String> {
        let defaults = Defaults::default();
        let defaults = self.defaults.as_ref().unwrap_or(&defaults);
        let is_of_tenant = |one: &Account| one.label == defaults.of_tenant(&one.tenant);
        if self.all.iter().all(is_of_tenant) {
            return None;
        }
        let mut ordered: Vec<&Account> = self.all.iter().collect();
        // Stable: by tenant and label within.
        ordered.sort_by_key(|account| {
            let is_default = self.is_default_account(account);
            (!self.is_default_tenant(account), !is_default)
        });
        let mut accounts: Vec<String> = Vec::new();
        for account in ordered.into_iter().map(Account::written) {
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        Some(accounts.join(", "))
    }

    /// What somebody has to look at before these are pasted.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        match &self.defaults {
            None if !self.all.is_empty() => warnings.push(
                "what was read does not say which tenant and account calls mean that select none: from then on it is the first of \
                 tenants and accounts, and without accounts the tenant's own default; put first what it is now"
                    .to_owned(),
            ),
            None => {}
            Some(defaults) => self.warn_of_defaults(defaults, &mut warnings),
        }
        if self.accounts().is_some() {
            warnings.extend(self.all.iter().filter_map(Account::unknown));
        }
        warnings
    }

    fn warn_of_defaults(&self, defaults: &Defaults, warnings: &mut Vec<String>) {
        for Account { tenant, label, .. } in &self.unseen {
            warnings.push(format!(
                "no call for account {label} of tenant {tenant} was seen; it is listed because calls get it now that select \
                 none, and another would take its place"
            ));
        }
        let tenants: BTreeSet<&String> = self.all.iter().map(|account| &account.tenant).collect();
        let default = defaults.tenant.as_ref();
        if default.is_none_or(|default| !tenants.contains(default)) {
            warnings.push(
                "calls that select no tenant get none now: from then on it is the first of tenants"
                    .to_owned(),
            );
        }
        let has_list = self.accounts().is_some();
        let has_none = |tenant: &&&String| !defaults.accounts.contains_key(**tenant);
        for tenant in tenants.iter().filter(|_| has_list).filter(has_none) {
            warnings.push(format!(
                "calls that select no account of tenant {tenant} get none now: from then on it is the first of accounts"
            ));
        }
    }

    fn is_default_tenant(&self, account: &Account) -> bool {
        let defaults = self.defaults.as_ref();
        let tenant = defaults.and_then(|defaults| defaults.tenant.as_ref());
        tenant == Some(&account.tenant)
    }

    fn is_default_account(&self, account: &Account) -> bool {
        let defaults = self.defaults.as_ref();
        let label = defaults.and_then(|defaults| defaults.accounts.get(&account.tenant));
        label.map_or(account.label == DEFAULT, |label| *label == account.label)
    }
}

impl Account {
    /// As a list of accounts names it.
    fn written(&self) -> String {
        match (self.label.as_str(), self.mid) {
            (DEFAULT | OTHER, Some(mid)) => mid.to_string(),
            (DEFAULT | OTHER, None) => format!("{:?}", self.placeholder()),
            (label, _) => format!("{label:?}"),
        }
    }

    fn placeholder(&self) -> String {
        format!("MEMBER ID OF {} ACCOUNT", self.label.to_uppercase())
    }

    /// What to do where it cannot be named.
    fn unknown(&self) -> Option<String> {
        let which = match (self.label.as_str(), self.mid) {
            (DEFAULT, None) => "the default account, whose member id is not known here",
            (OTHER, None) => "accounts that have no name, and whose member ids are not known here",
            _ => return None,
        };
        let (tenant, placeholder) = (&self.tenant, self.placeholder());
        Some(format!(
            "calls of tenant {tenant} were for {which}: write member ids for \"{placeholder}\"; audit records (--from) have them"
        ))
    }
}
