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
    /// Whether it is not the tenant's default one; so that this one comes first.
    is_named: bool,
    label: String,
    mid: Option<Mid>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Masked names, and how often each.
    pub(super) calls: BTreeMap<String, u64>,
    accounts: BTreeSet<Account>,
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
            is_named: label != DEFAULT,
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
    /// one; of those that it has, the first is its default, and so the tenant's default account goes first.
    pub(super) fn reach(&self) -> (Option<String>, Option<String>) {
        let tenants: BTreeSet<&str> = self
            .accounts
            .iter()
            .map(|account| account.tenant.as_str())
            .filter(|tenant| !tenant.is_empty())
            .collect();
        let tenants: Vec<_> = tenants.iter().map(|name| format!("{name:?}")).collect();
        let tenants = (!tenants.is_empty()).then(|| tenants.join(", "));
        if !self.accounts.iter().any(|account| account.is_named) {
            return (tenants, None);
        }
        let written = self
            .accounts
            .iter()
            .map(|account| match (&account.label, account.mid) {
                (label, Some(mid)) if matches!(label.as_str(), DEFAULT | OTHER) => mid.to_string(),
                (label, None) if matches!(label.as_str(), DEFAULT | OTHER) => {
                    format!(
                        "{:?}",
                        format!("MEMBER ID OF {} ACCOUNT", label.to_uppercase())
                    )
                }
                (label, _) => format!("{label:?}"),
            });
        let mut accounts: Vec<String> = Vec::new();
        for account in written {
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        (tenants, Some(accounts.join(", ")))
    }
}
