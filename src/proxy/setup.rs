//! From settings to a proxy that can take requests: trust, endpoints, tenants, token cells. Calls nobody.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::caller::Door;
use super::envelope::Desk;
use super::error::Code;
use super::outbound::Patience;
use super::replay::Budget;
use super::route::{Router, Tenant, UNNAMED_MAX};
use super::{OtherHosts, Settings, TenantSettings, Worker};
use crate::audit::Audit;
use crate::identity::{Clients, Throttle};
use crate::login;
use crate::metrics::Metrics;
use crate::state::Directory;
use crate::token::{Endpoint, TokenStore, Unavailable};
use crate::upstream::{DestinationError, Pool, Trust, TrustError, Upstream};

/// Why a tenant could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The roots of trust.
    #[error("tenant {tenant}: {source}")]
    Trust {
        /// The tenant's name.
        tenant: String,
        /// What is wrong.
        source: TrustError,
    },
    /// The system's random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The auth URL.
    #[error("tenant {tenant}: auth_url cannot be used: {source}")]
    AuthUrl {
        /// The tenant's name.
        tenant: String,
        /// What is wrong.
        source: DestinationError,
    },
}

/// What all workers share.
pub struct Proxy {
    pub(super) router: Router,
    pub(super) door: Door,
    pub(super) clients: Clients,
    pub(super) throttle: Throttle,
    /// For each client, how many requests it may still begin; empty without a limit.
    pub(super) turns: HashMap<String, Arc<Semaphore>>,
    pub(super) intercept: bool,
    pub(super) other_hosts: OtherHosts,
    pub(super) budget: Arc<Budget>,
    pub(super) desk: Desk,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: Option<Arc<Audit>>,
    pub(super) patience: Patience,
    pub(super) replay_size_max: usize,
    pub(super) via: bool,
    pub(super) closing: watch::Sender<bool>,
    pub(super) upstream: Arc<Upstream>,
}

impl Proxy {
    /// Sets everything up. Mints will run on `mints`.
    pub fn new(
        settings: Settings,
        upstream: Arc<Upstream>,
        metrics: Arc<Metrics>,
        audit: Option<Arc<Audit>>,
        state: Option<&Arc<Directory>>,
        mints: Handle,
    ) -> Result<Arc<Self>, SetupError> {
        let router = router(&settings, &upstream, &metrics, state, mints)?;
        let clients = Clients::new(settings.clients).map_err(|_unspecified| SetupError::Random)?;
        let turns = turns(&clients, settings.client_requests_max);
        let budget = Budget::new(settings.buffered_size_max, metrics.buffered_bytes.clone());
        let proxy = Self {
            router,
            door: Door {
                public_url: settings.public_url,
                allowed_hosts: settings.allowed_hosts,
            },
            clients,
            throttle: Throttle::default(),
            turns,
            intercept: settings.intercept,
            other_hosts: settings.other_hosts,
            desk: Desk {
                budget: Arc::clone(&budget),
                size_max: settings.envelope_size_max,
            },
            budget,
            metrics,
            audit,
            patience: Patience {
                response_head: settings.response_head_timeout,
                body_stall: settings.body_stall_timeout,
            },
            replay_size_max: settings.replay_size_max,
            via: settings.via,
            closing: watch::Sender::new(false),
            upstream,
        };
        proxy.show_families();
        Ok(Arc::new(proxy))
    }

    /// One worker's part; call it on that worker's runtime.
    #[must_use]
    pub fn worker(self: &Arc<Self>) -> Arc<Worker> {
        Arc::new(Worker {
            proxy: Arc::clone(self),
            pool: Pool::new(Arc::clone(&self.upstream)),
        })
    }

    /// Asks once for a token of every tenant's default account, in turn for each and side by side for all; tells how each
    /// fared as it ends.
    pub async fn warm_up(&self, mut told: impl FnMut(&str, Result<(), Unavailable>)) {
        let mut asking = tokio::task::JoinSet::new();
        for tenant in self.router.tenants() {
            let Some(account) = tenant.default_known().cloned() else {
                continue;
            };
            let name = tenant.name().to_owned();
            asking.spawn(async move { (name, account.token.current(true).await) });
        }
        while let Some(asked) = asking.join_next().await {
            if let Ok((name, outcome)) = asked {
                told(&name, outcome.map(|_token| ()));
            }
        }
    }

    /// Whether any tenant has had a token.
    #[must_use]
    pub fn has_had_token(&self) -> bool {
        self.router.tenants().any(|tenant| {
            self.metrics
                .tenant_ready
                .with_label_values(&[tenant.name()])
                .get()
                == 1
        })
    }

    /// The tenants whose tokens need a login.
    #[must_use]
    pub fn logins(&self) -> HashMap<String, login::Tenant> {
        let tenants = self.router.tenants().filter(|tenant| tenant.takes_login());
        tenants
            .map(|tenant| (tenant.name().to_owned(), tenant.login()))
            .collect()
    }

    /// Waits until no refresh token is under way: one whose answer is lost may be spent.
    pub async fn settle(&self) {
        for tenant in self.router.tenants() {
            if let Some(account) = tenant.known().next() {
                account.token.settle().await;
            }
        }
    }

    /// Requests that wait for a token are told that the proxy is stopping.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Every family shows from the first scrape, at zero.
    fn show_families(&self) {
        let metrics = &self.metrics;
        for code in Code::ALL {
            metrics.errors_total.with_label_values(&[code.name()]);
        }
        for tenant in self.router.tenants() {
            let name = tenant.name();
            metrics.tenant_ready.with_label_values(&[name]);
            if tenant.takes_login() {
                metrics.login_valid.with_label_values(&[name, ""]);
            }
            metrics
                .token_request_duration_seconds
                .with_label_values(&[name]);
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
                let label = account.token.labels().account.as_str();
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
    }
}

fn router(
    settings: &Settings,
    upstream: &Arc<Upstream>,
    metrics: &Arc<Metrics>,
    state: Option<&Arc<Directory>>,
    mints: Handle,
) -> Result<Router, SetupError> {
    let named = settings
        .tenants
        .iter()
        .map(|tenant| tenant.accounts.len() + 1);
    let accounts_max = named.sum::<usize>() + UNNAMED_MAX;
    let store = Arc::new(TokenStore::new(
        mints,
        Arc::clone(metrics),
        u64::try_from(accounts_max).unwrap_or(u64::MAX),
        settings.forced_mints_max,
    ));
    let mut system = None;
    let unnamed = Arc::new(AtomicUsize::new(0));
    let mut tenants = Vec::new();
    for tenant in &settings.tenants {
        let trust = trust(tenant, &mut system)?;
        let name = tenant.name.as_str();
        let (settings, upstream) = (tenant.endpoint.clone(), Arc::clone(upstream));
        let endpoint = Endpoint::new(name, settings, upstream, trust, state.cloned());
        let endpoint = endpoint.map_err(|source| SetupError::AuthUrl {
            tenant: name.to_owned(),
            source,
        })?;
        tenants.push(Arc::new(Tenant::new(
            tenant,
            Arc::new(endpoint),
            Arc::clone(&store),
            Arc::clone(&unnamed),
        )));
    }
    Ok(Router::new(
        tenants,
        settings.default_tenant.as_deref(),
        settings.listeners.clone(),
    ))
}

/// How many requests each client may begin; nothing where there is no limit.
fn turns(clients: &Clients, requests_max: usize) -> HashMap<String, Arc<Semaphore>> {
    let limited = clients.all().filter(|_client| requests_max > 0);
    limited
        .map(|client| {
            let turns = Arc::new(Semaphore::new(requests_max));
            (client.name().to_owned(), turns)
        })
        .collect()
}

fn trust(tenant: &TenantSettings, system: &mut Option<Trust>) -> Result<Trust, SetupError> {
    let failed = |source| SetupError::Trust {
        tenant: tenant.name.clone(),
        source,
    };
    let base = match system {
        Some(base) => base,
        None => system.insert(Trust::system().map_err(failed)?),
    };
    base.extended(&tenant.extra_roots).map_err(failed)
}
