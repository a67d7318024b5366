//! Which series there are before anything has happened, and which are no more after a tenant is gone. Counts nothing.

use std::collections::BTreeSet;

use super::error::Code;
use super::route::Tenant;
use super::setup::Proxy;
use crate::identity::Client;
use crate::policy::Posture;

/// What a client's policy refuses calls with.
const POLICY_CODES: [Code; 3] = [Code::PolicyDenied, Code::SendBlocked, Code::WriteBlocked];
const CLIENT_SECRETS: [&str; 2] = ["current", "next"];

impl Proxy {
    /// Every family shows from the first scrape, at zero.
    pub(super) fn show_families(&self) {
        let metrics = &self.metrics;
        for code in Code::ALL {
            metrics.errors_total.with_label_values(&[code.name()]);
        }
        for tenant in self.router.tenants() {
            let name = tenant.name();
            metrics.tenant_ready.with_label_values(&[name]);
            metrics
                .token_request_duration_seconds
                .with_label_values(&[name]);
            if tenant.takes_login() {
                metrics.login_valid.with_label_values(&[name, ""]);
            }
            self.show_client_secret(tenant);
            for api in ["rest", "soap", "auth"] {
                metrics
                    .request_duration_seconds
                    .with_label_values(&[name, api]);
                metrics
                    .upstream_duration_seconds
                    .with_label_values(&[name, api]);
                metrics.throttled_total.with_label_values(&[name, api]);
                for outcome in ["accepted", "refused", "failed"] {
                    metrics
                        .replays_total
                        .with_label_values(&[name, api, outcome]);
                }
                metrics
                    .refusals_total
                    .with_label_values(&[name, api, "replayed"]);
            }
            for account in tenant.known() {
                let labels = account.token.labels();
                let label = labels.account.as_str();
                metrics.token_requests_total.with_label_values(&[
                    name,
                    label,
                    account.token.endpoint().grant(),
                    "ok",
                ]);
                metrics
                    .token_expiry_timestamp_seconds
                    .with_label_values(&[name, label]);
                metrics.requests_total.with_label_values(&[
                    name,
                    label,
                    "rest",
                    "other",
                    "anonymous",
                    "GET",
                    "200",
                ]);
            }
        }
        for client in self.clients.all() {
            self.show_client(client);
        }
    }

    fn show_client(&self, client: &Client) {
        for place in 1..=client.secrets_count() {
            let place = place.to_string();
            self.metrics
                .client_authentications_total
                .with_label_values(&[client.name(), place.as_str()]);
        }
        if client.grant().policy == Posture::Observe {
            for code in POLICY_CODES {
                self.metrics
                    .would_be_refusals_total
                    .with_label_values(&[client.name(), code.name()]);
            }
        }
    }

    fn show_client_secret(&self, tenant: &Tenant) {
        let Some(in_use) = tenant.client_secret_in_use() else {
            return;
        };
        for name in CLIENT_SECRETS {
            self.metrics
                .client_secret_in_use
                .with_label_values(&[tenant.name(), name])
                .set(i64::from(name == in_use));
        }
    }

    /// Takes away what the proxy before this one told of tenants and accounts that this one does not have.
    pub(super) fn hide_what_is_gone(&self, before: &Self) {
        let metrics = &self.metrics;
        let (mut tenants, mut accounts) = before.labels();
        let (own_tenants, own_accounts) = self.labels();
        tenants.retain(|tenant| !own_tenants.contains(tenant));
        accounts.retain(|account| !own_accounts.contains(account));
        for tenant in &tenants {
            // What was never there cannot be taken away, and that is no matter.
            let _absent = metrics.tenant_ready.remove_label_values(&[tenant.as_str()]);
            let of_all = [tenant.as_str(), ""];
            let _absent = metrics.login_valid.remove_label_values(&of_all);
            for name in CLIENT_SECRETS {
                let labels = [tenant.as_str(), name];
                let _absent = metrics.client_secret_in_use.remove_label_values(&labels);
            }
        }
        for (tenant, account) in &accounts {
            let labels = [tenant.as_str(), account.as_str()];
            let expiry = &metrics.token_expiry_timestamp_seconds;
            let _absent = expiry.remove_label_values(&labels);
            let _absent = metrics.login_valid.remove_label_values(&labels);
        }
    }

    fn labels(&self) -> (BTreeSet<String>, BTreeSet<(String, String)>) {
        let tenants = self.router.tenants();
        let names = tenants.map(|tenant| tenant.name().to_owned()).collect();
        let accounts = self.router.tenants().flat_map(|tenant| tenant.known());
        let labels = accounts.map(|account| {
            let labels = account.token.labels();
            (labels.tenant.clone(), labels.account.clone())
        });
        (names, labels.collect())
    }
}
