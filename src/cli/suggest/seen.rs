//! What was seen of one client: its calls by their masked names, and the accounts that they were for. Makes no pattern.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use super::reach::{Account, Accounts, Defaults};
use super::running::{self, Noted, Report};
use crate::token::Mid;

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Masked names, and how often each.
    pub(super) calls: BTreeMap<String, u64>,
    /// The accounts that they were for, and what calls get that select none.
    pub(super) accounts: Accounts,
    /// Calls that any policy refuses.
    pub(super) unclear: Noted,
    /// Calls whose envelopes name accounts.
    pub(super) names_accounts: Noted,
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
            accounts: Accounts::of(Defaults::of(report, found)),
            unclear: found.unclear.clone().unwrap_or_default(),
            names_accounts: found.names_accounts.clone().unwrap_or_default(),
            ..Self::default()
        };
        for call in &found.calls {
            seen.note(&call.call, call.times);
            seen.note_account(&call.tenant, &call.account, None);
        }
        seen.accounts.complete();
        if found.calls_left_out > 0 {
            seen.warnings.push(format!(
                "at least {} kinds of calls were not kept by the proxy, and are not covered: take the list from audit records (--from)",
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
        self.accounts.add(Account {
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

    /// Names of the calls.
    pub(super) fn names(&self) -> BTreeSet<&str> {
        self.calls.keys().map(String::as_str).collect()
    }
}
