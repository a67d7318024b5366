//! Which series there are before anything has happened, and which are no more after a tenant is gone. Counts nothing.

use std::collections::BTreeSet;

use super::error::Code;
use super::route::Tenant;
use super::setup::Proxy;
use crate::identity::Client;
use crate::ledger::ANYONE;
use crate::metrics::label;
use crate::token::Labels;

/// What a client's policy refuses calls with.
const POLICY_CODES: [Code; 3] = [Code::PolicyDenied, Code::SendBlocked, Code::WriteBlocked];

impl Proxy {
    /// Every family shows from the first scrape, at zero: what comes into being with its first event has grown by nothing.
    /// Logins do not: zero would say that somebody has to log in.
    pub(super) fn show_families(&self) {
        for code in Code::ALL {
            let errors = &self.metrics.errors_total;
            errors.with_label_values(&[code.name()]);
        }
        for tenant in self.router.tenants() {
            self.show_tenant(tenant);
            for labels in tenant.labels() {
                self.show_account(tenant, &labels);
            }
        }
        for client in self.clients.all() {
            self.show_client(client);
        }
    }

    fn show_tenant(&self, tenant: &Tenant) {
        let metrics = &self.metrics;
        let name = tenant.name();
        metrics.tenant_ready.with_label_values(&[name]);
        metrics
            .token_request_duration_seconds
            .with_label_values(&[name]);
        self.show_client_secret(tenant);
        for api in label::names(&label::APIS) {
            let labels = [name, api];
            metrics.request_duration_seconds.with_label_values(&labels);
            metrics.upstream_duration_seconds.with_label_values(&labels);
            metrics.throttled_total.with_label_values(&labels);
            for outcome in label::names(&label::REPLAY_OUTCOMES) {
                let labels = [name, api, outcome];
                metrics.replays_total.with_label_values(&labels);
            }
            for cause in label::names(&label::REFUSAL_CAUSES) {
                let labels = [name, api, cause];
                metrics.refusals_total.with_label_values(&labels);
            }
        }
    }

    fn show_account(&self, of: &Tenant, labels: &Labels) {
        let metrics = &self.metrics;
        let labels = [labels.tenant.as_str(), labels.account.as_str()];
        for family in [
            &metrics.token_expiry_timestamp_seconds,
            &metrics.token_renewal_due_timestamp_seconds,
            &metrics.token_renewal_wanted_timestamp_seconds,
        ] {
            family.with_label_values(&labels);
        }
        let [tenant, account] = labels;
        for grant in of.grants() {
            for outcome in label::names(&label::TOKEN_OUTCOMES) {
                let labels = [tenant, account, grant, outcome];
                metrics.token_requests_total.with_label_values(&labels);
            }
        }
        let labels = [tenant, account, "rest", "other", ANYONE, "GET", "200"];
        metrics.requests_total.with_label_values(&labels);
    }

    fn show_client(&self, client: &Client) {
        for place in 1..=client.secrets_count() {
            let place = place.to_string();
            self.metrics
                .client_authentications_total
                .with_label_values(&[client.name(), place.as_str()]);
        }
        for code in POLICY_CODES {
            let labels = [client.name(), code.name()];
            let family = &self.metrics.would_be_refusals_total;
            family.with_label_values(&labels);
        }
    }

    fn show_client_secret(&self, tenant: &Tenant) {
        let Some(in_use) = tenant.client_secret_in_use() else {
            return;
        };
        for name in label::names(&label::CLIENT_SECRETS) {
            self.metrics
                .client_secret_in_use
                .with_label_values(&[tenant.name(), name])
                .set(i64::from(name == in_use));
        }
    }

    /// Takes away what is told of tenants, accounts and clients that this proxy does not have. Calls of theirs that are under
    /// way may bring some of it back, for the next change to take away.
    pub(super) fn hide_what_is_gone(&self) {
        let tenants = self.router.tenants();
        let tenants: BTreeSet<_> = tenants.map(|tenant| tenant.name()).collect();
        let accounts = self.router.tenants().flat_map(|tenant| tenant.labels());
        let accounts: BTreeSet<_> = accounts
            .map(|labels| (labels.tenant, labels.account))
            .collect();
        let clients = self.clients.all().map(|client| client.name());
        let clients: BTreeSet<_> = clients.chain([ANYONE]).collect();
        self.metrics.retain(|series| {
            let tenant = series.tenant.unwrap_or_default();
            let has_tenant = tenant.is_empty() || tenants.contains(tenant);
            let has_account = series.account.is_none_or(|account| {
                let labels = (tenant.to_owned(), account.to_owned());
                account.is_empty() || accounts.contains(&labels)
            });
            let has_client = series.client.is_none_or(|client| clients.contains(client));
            has_tenant && has_account && has_client
        });
    }
}
