//! From settings to a proxy that can take requests: trust, endpoints, tenants, token cells. Calls nobody.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls_pki_types::CertificateDer;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use super::caller::Door;
use super::envelope::Desk;
use super::outbound::Patience;
use super::replay::Budget;
use super::route::{Router, Tenant, UNNAMED_MAX};
use super::{ListenerSelection, OtherHosts, Settings, TenantSettings, Watchers};
use crate::audit::Audit;
use crate::identity::{Clients, Throttle};
use crate::ledger::Ledger;
use crate::login;
use crate::metrics::Metrics;
use crate::spans::Tracer;
use crate::state::Keeper;
use crate::token::{Endpoint, TokenStore};
use crate::upstream::{DestinationError, Trust, TrustError, Upstream};

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
    pub(super) throttle: Arc<Throttle>,
    /// For each client, how many requests it may still begin; empty without a limit.
    pub(super) turns: HashMap<String, Arc<Semaphore>>,
    pub(super) intercept: bool,
    pub(super) other_hosts: OtherHosts,
    pub(super) budget: Arc<Budget>,
    pub(super) desk: Desk,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: Option<Arc<Audit>>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) tracer: Option<Arc<Tracer>>,
    pub(super) patience: Patience,
    pub(super) replay_size_max: usize,
    pub(super) via: bool,
    pub(super) closing: Arc<watch::Sender<bool>>,
    pub(super) upstream: Arc<Upstream>,
    client_requests_max: usize,
    further_roots: Vec<Arc<Roots>>,
    pub(super) store: Arc<TokenStore>,
    trusts: Arc<Trusts>,
    endpoints: Arc<Endpoints>,
}

/// What is the same whatever the configuration says.
struct Ground {
    upstream: Arc<Upstream>,
    metrics: Arc<Metrics>,
    audit: Option<Arc<Audit>>,
    ledger: Arc<Ledger>,
    tracer: Option<Arc<Tracer>>,
    budget: Arc<Budget>,
    throttle: Arc<Throttle>,
    closing: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// Sets everything up. Mints will run on `mints`.
    pub fn new(
        settings: Settings,
        upstream: Arc<Upstream>,
        metrics: Arc<Metrics>,
        watchers: Watchers,
        keeper: &Keeper,
        mints: Handle,
    ) -> Result<Arc<Self>, SetupError> {
        let (accounts_max, mints_max) = (accounts_max(&settings), settings.forced_mints_max);
        let store = TokenStore::new(mints, Arc::clone(&metrics), accounts_max, mints_max);
        let buffered_bytes = metrics.buffered_bytes.clone();
        let buffered_max = i64::try_from(settings.buffered_size_max).unwrap_or(i64::MAX);
        metrics.buffered_max_bytes.set(buffered_max);
        let ground = Ground {
            budget: Budget::new(settings.buffered_size_max, buffered_bytes),
            throttle: Arc::default(),
            closing: Arc::new(watch::Sender::new(false)),
            upstream,
            metrics,
            audit: watchers.audit,
            tracer: watchers.tracer.clone(),
            ledger: Arc::default(),
        };
        let store = store.sharing(keeper.shared().cloned());
        let legacy = Legacy {
            store: Arc::new(store.traced(watchers.tracer)),
            trusts: Arc::default(),
            endpoints: Arc::default(),
            before: None,
        };
        let numbers: Vec<_> = (0..settings.listeners.len()).collect();
        let proxy = Self::put_together(settings, (&numbers, &[]), ground, legacy, keeper)?;
        proxy.show_families();
        Ok(Arc::new(proxy))
    }

    /// The proxy for another configuration: what both have keeps its tokens, its connections and its turns. `numbers` are those
    /// of the settings' listeners, `left` those of listeners that are being left. Nothing changes for this one, whose requests
    /// go on, until [`take_over`](Self::take_over).
    pub fn next(
        &self,
        settings: Settings,
        numbers: &[usize],
        left: &[usize],
        keeper: &Keeper,
    ) -> Result<Arc<Self>, SetupError> {
        let (accounts_max, mints_max) = (accounts_max(&settings), settings.forced_mints_max);
        let ground = Ground {
            upstream: Arc::clone(&self.upstream),
            metrics: Arc::clone(&self.metrics),
            audit: self.audit.clone(),
            ledger: Arc::clone(&self.ledger),
            tracer: self.tracer.clone(),
            budget: Arc::clone(&self.budget),
            throttle: Arc::clone(&self.throttle),
            closing: Arc::clone(&self.closing),
        };
        let legacy = Legacy {
            store: Arc::new(self.store.next(accounts_max, mints_max)),
            trusts: Arc::clone(&self.trusts),
            endpoints: Arc::clone(&self.endpoints),
            before: Some(self),
        };
        Self::put_together(settings, (numbers, left), ground, legacy, keeper).map(Arc::new)
    }

    /// This proxy serves from now on, in the place of the one that it was made from.
    pub fn take_over(&self) {
        self.store.take_over();
        self.trusts.keep(&self.further_roots);
        self.show_families();
        self.hide_what_is_gone();
        self.ledger.keep(&self.roll());
    }

    fn put_together(
        settings: Settings,
        (numbers, left): (&[usize], &[usize]),
        ground: Ground,
        legacy: Legacy<'_>,
        keeper: &Keeper,
    ) -> Result<Self, SetupError> {
        let router = Router::new(
            tenants(&settings, &ground.upstream, keeper, &legacy)?,
            settings.default_tenant.as_deref(),
            selections(&settings, numbers, left, legacy.before),
        );
        let clients = Clients::new(settings.clients).map_err(|_unspecified| SetupError::Random)?;
        let turns = turns(&clients, settings.client_requests_max, legacy.before);
        Ok(Self {
            router,
            door: Door {
                public_url: settings.public_url,
                allowed_hosts: settings.allowed_hosts,
            },
            clients,
            turns,
            client_requests_max: settings.client_requests_max,
            intercept: settings.intercept,
            other_hosts: settings.other_hosts,
            desk: Desk {
                budget: Arc::clone(&ground.budget),
                size_max: settings.envelope_size_max,
            },
            patience: Patience {
                response_head: settings.response_head_timeout,
                body_stall: settings.body_stall_timeout,
            },
            replay_size_max: settings.replay_size_max,
            via: settings.via,
            throttle: ground.throttle,
            budget: ground.budget,
            metrics: ground.metrics,
            audit: ground.audit,
            ledger: ground.ledger,
            tracer: ground.tracer,
            closing: ground.closing,
            upstream: ground.upstream,
            further_roots: settings
                .tenants
                .into_iter()
                .map(|tenant| tenant.extra_roots)
                .collect(),
            store: legacy.store,
            trusts: legacy.trusts,
            endpoints: legacy.endpoints,
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
        for endpoint in self.endpoints.all() {
            endpoint.settle().await;
        }
    }

    /// Requests that wait for a token are told that the proxy is stopping.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// What a proxy takes over from the one before it, and leaves to the next.
struct Legacy<'a> {
    store: Arc<TokenStore>,
    trusts: Arc<Trusts>,
    endpoints: Arc<Endpoints>,
    before: Option<&'a Proxy>,
}

/// Endpoints of every configuration whose requests have not all ended, by tenant.
#[derive(Default)]
struct Endpoints(Mutex<Vec<(String, Weak<Endpoint>)>>);

impl Endpoints {
    /// Those of this tenant that may be in use still, the latest first.
    fn of(&self, tenant: &str) -> Vec<Arc<Endpoint>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let latest = known
            .iter()
            .rev()
            .filter(|(name, _endpoint)| name == tenant);
        latest
            .filter_map(|(_name, endpoint)| endpoint.upgrade())
            .collect()
    }

    fn all(&self) -> Vec<Arc<Endpoint>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = known
            .iter()
            .filter_map(|(_name, endpoint)| endpoint.upgrade());
        alive.collect()
    }

    fn add(&self, tenant: &str, endpoint: &Arc<Endpoint>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_name, endpoint)| endpoint.strong_count() > 0);
        known.push((tenant.to_owned(), Arc::downgrade(endpoint)));
    }
}

fn accounts_max(settings: &Settings) -> u64 {
    let tenants = settings.tenants.iter();
    let named = tenants.map(|tenant| tenant.accounts.len() + 1);
    let accounts_max = named.sum::<usize>() + UNNAMED_MAX;
    u64::try_from(accounts_max).unwrap_or(u64::MAX)
}

fn tenants(
    settings: &Settings,
    upstream: &Arc<Upstream>,
    keeper: &Keeper,
    legacy: &Legacy<'_>,
) -> Result<Vec<Arc<Tenant>>, SetupError> {
    let unnamed = Arc::new(AtomicUsize::new(0));
    let mut tenants = Vec::new();
    for tenant in &settings.tenants {
        let name = tenant.name.as_str();
        let trust = legacy.trusts.of(tenant)?;
        let (settings, upstream) = (tenant.endpoint.clone(), Arc::clone(upstream));
        let endpoint = Endpoint::new(name, settings, upstream, trust, keeper.clone());
        let endpoint = endpoint.map_err(|source| SetupError::AuthUrl {
            tenant: name.to_owned(),
            source,
        })?;
        let endpoint = Arc::new(endpoint.after(&legacy.endpoints.of(name)));
        legacy.endpoints.add(name, &endpoint);
        let (store, unnamed) = (Arc::clone(&legacy.store), Arc::clone(&unnamed));
        let before = legacy.before.and_then(|before| before.router.tenant(name));
        let tenant = Tenant::new(tenant, endpoint, store, unnamed);
        if let Some(before) = before {
            tenant.admit_as(before);
        }
        tenants.push(Arc::new(tenant));
    }
    Ok(tenants)
}

/// What each listener selects, by its number. Listeners that are being left select what they did.
fn selections(
    settings: &Settings,
    numbers: &[usize],
    left: &[usize],
    before: Option<&Proxy>,
) -> HashMap<usize, ListenerSelection> {
    let of_left = left.iter().filter_map(|number| {
        let selection = before?.router.listener(*number)?;
        Some((*number, selection.clone()))
    });
    let own = numbers
        .iter()
        .copied()
        .zip(settings.listeners.iter().cloned());
    of_left.chain(own).collect()
}

/// How many requests each client may begin; nothing where there is no limit.
fn turns(
    clients: &Clients,
    requests_max: usize,
    before: Option<&Proxy>,
) -> HashMap<String, Arc<Semaphore>> {
    // What is under way counts on, unless there is another limit.
    let before = before.filter(|before| before.client_requests_max == requests_max);
    let limited = clients.all().filter(|_client| requests_max > 0);
    limited
        .map(|client| {
            let kept = before.and_then(|before| before.turns.get(client.name()).cloned());
            let turns = kept.unwrap_or_else(|| Arc::new(Semaphore::new(requests_max)));
            (client.name().to_owned(), turns)
        })
        .collect()
}

/// Roots of trust: the system's, and those with further ones. Equal further roots make the same trust, so that connections and
/// tokens outlive a change of something else.
#[derive(Default)]
struct Trusts(Mutex<Vec<(Arc<Roots>, Trust)>>);

type Roots = Vec<CertificateDer<'static>>;

impl Trusts {
    fn of(&self, tenant: &TenantSettings) -> Result<Trust, SetupError> {
        let failed = |source| SetupError::Trust {
            tenant: tenant.name.clone(),
            source,
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = |roots: &[CertificateDer<'static>]| {
            let mut same = known
                .iter()
                .filter(|(extra, _trust)| extra.as_slice() == roots);
            same.next().map(|(_extra, trust)| trust.clone())
        };
        if let Some(trust) = found(&tenant.extra_roots) {
            return Ok(trust);
        }
        let system = match found(&[]) {
            Some(system) => system,
            None => {
                let system = Trust::system().map_err(failed)?;
                known.push((Arc::default(), system.clone()));
                system
            }
        };
        if tenant.extra_roots.is_empty() {
            return Ok(system);
        }
        let trust = system.extended(&tenant.extra_roots).map_err(failed)?;
        known.push((Arc::clone(&tenant.extra_roots), trust.clone()));
        Ok(trust)
    }

    /// Forgets those that no tenant has any more.
    fn keep(&self, in_use: &[Arc<Roots>]) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(extra, _trust)| extra.is_empty() || in_use.contains(extra));
    }
}
