//! What was seen of one client: its calls by their masked names, and the accounts that they were for. Makes no pattern.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::running::{self, Report};
use crate::token::Mid;

/// How metrics and logs call a tenant's default account.
const DEFAULT: &str = "default";
/// How they call accounts that have no name.
const OTHER: &str = "other";

/// An account that calls were for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Account {
    tenant: String,
    label: String,
    mid: Option<Mid>,
}

/// What is meant where nothing selects one.
#[derive(Debug, Default)]
struct Defaults {
    tenant: Option<String>,
    /// Labels of accounts, by tenant.
    accounts: BTreeMap<String, String>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Masked names, and how often each.
    pub(super) calls: BTreeMap<String, u64>,
    accounts: BTreeSet<Account>,
    /// What nothing selects; `None`: it is not known.
    defaults: Option<Defaults>,
    pub(super) since: Option<SystemTime>,
    pub(super) until: Option<SystemTime>,
    /// What is to be known beside the list.
    pub(super) warnings: Vec<String>,
}

impl Seen {
    /// What a running proxy tells of a client, or the names of the clients that there are.
    pub(super) fn of_report(report: &Report, client: &str) -> Result<Self, String> {
        let mut clients = report.clients.iter();
        let Some(found) = clients.find(|known| known.name == client) else {
            let names = report.clients.iter().map(|client| client.name.as_str());
            return Err(running::listed(names));
        };
        let (since, until) = report.span();
        let mut seen = Self {
            since,
            until,
            defaults: Some(Defaults {
                tenant: found.default_tenant.clone(),
                accounts: found.default_accounts.clone(),
            }),
            ..Self::default()
        };
        for call in &found.calls {
            seen.note(&call.call, call.times);
            seen.note_account(&call.tenant, &call.account, None);
        }
        if found.calls_left_out > 0 {
            seen.warnings.push(format!(
                "{} kinds of calls were not kept by the proxy, and are not covered: take the list from audit records (--from)",
                found.calls_left_out
            ));
        }
        Ok(seen)
    }

    /// A call was made.
    pub(super) fn note(&mut self, call: &str, times: u64) {
        match self.calls.get_mut(call) {
            Some(known) => *known = known.saturating_add(times),
            None => drop(self.calls.insert(call.to_owned(), times)),
        }
    }

    /// It was for this account.
    pub(super) fn note_account(&mut self, tenant: &str, label: &str, mid: Option<Mid>) {
        self.accounts.insert(Account {
            tenant: tenant.to_owned(),
            label: label.to_owned(),
            mid,
        });
    }

    /// It was made then.
    pub(super) fn note_time(&mut self, at: SystemTime) {
        self.since = Some(self.since.map_or(at, |since| since.min(at)));
        self.until = self.until.max(Some(at));
    }

    /// How many calls there were.
    pub(super) fn times(&self) -> u64 {
        self.calls
            .values()
            .fold(0, |sum, times| sum.saturating_add(*times))
    }

    /// The values of `tenants` and `accounts`, where there are any to give. A client without `accounts` has each tenant's default
    /// one; of those that it has, the first is what calls get that select none, and so are its tenants.
    pub(super) fn reach(&self) -> (Option<String>, Option<String>) {
        let accounts = self.accounts.iter();
        let tenants = accounts.map(|account| (!self.is_default_tenant(account), &account.tenant));
        let tenants: BTreeSet<_> = tenants
            .filter(|(_later, tenant)| !tenant.is_empty())
            .collect();
        let tenants: Vec<_> = tenants
            .iter()
            .map(|(_later, name)| format!("{name:?}"))
            .collect();
        let tenants = (!tenants.is_empty()).then(|| tenants.join(", "));
        if self.accounts.iter().all(|account| account.label == DEFAULT) {
            return (tenants, None);
        }
        let mut ordered: Vec<&Account> = self.accounts.iter().collect();
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
        (tenants, Some(accounts.join(", ")))
    }

    /// Whether several are listed, of which it is not known which one calls mean that select none.
    pub(super) fn is_order_open(&self) -> bool {
        self.defaults.is_none() && self.accounts.len() > 1
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
            (label @ (DEFAULT | OTHER), None) => {
                format!(
                    "{:?}",
                    format!("MEMBER ID OF {} ACCOUNT", label.to_uppercase())
                )
            }
            (label, _) => format!("{label:?}"),
        }
    }
}
