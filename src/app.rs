//! Wiring: build, bind, serve, drain. Nothing is decided here that a room could decide for itself.

mod build;
mod listeners;
mod reload;
mod signals;
mod watcher;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::admin::{self, Admin, Health};
use crate::audit::{self, Audit};
use crate::authority::{Authority, AuthorityError};
use crate::collector::Collector;
use crate::config::{AuthorityPlace, Resolved};
use crate::login::Desk;
use crate::metrics::Metrics;
use crate::proxy::{Proxy, SetupError, Station};
use crate::server::{self, Address, BindError, ServeError, Serving};
use crate::state::{Keeper, Shared, StateError};
use crate::token::Unavailable;
use crate::upstream::Upstream;

pub use signals::run;

/// Requests that still wait for a token are told so this long before the drain cuts them.
const CLOSING_NOTICE: Duration = Duration::from_secs(1);
/// How long the answer to a refresh token that is under way is waited for.
const REFRESH_PATIENCE: Duration = Duration::from_secs(10);
/// How long the last spans are waited for.
const SPANS_PATIENCE: Duration = Duration::from_secs(3);
/// How long the last audit records are waited for.
const AUDIT_PATIENCE: Duration = Duration::from_secs(2);

/// Why the proxy could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin listener's address.
    #[error("cannot listen on {address} for admin: {source}")]
    Admin {
        /// As configured.
        address: SocketAddr,
        /// The system's word.
        source: io::Error,
    },
    /// A tenant.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The audit file.
    #[error(transparent)]
    Audit(#[from] audit::OpenError),
    /// The state directory.
    #[error("{}", build::lines(.0))]
    State(Vec<StateError>),
    /// The local CA.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Workers, or what https listeners present.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// Metrics, threads or signals.
    #[error("the process cannot be set up: {0}")]
    Process(String),
}

/// A proxy that serves.
pub struct Running {
    addresses: Vec<Address>,
    admin: SocketAddr,
    health: Arc<Health>,
    /// What requests go through that come now.
    present: Arc<ArcSwap<Proxy>>,
    admin_pages: Arc<ArcSwap<Admin>>,
    upstream: Arc<Upstream>,
    metrics: Arc<Metrics>,
    audit: Option<Arc<Audit>>,
    collector: Option<Collector>,
    keeper: Keeper,
    authority: Option<Arc<Authority>>,
    authority_place: AuthorityPlace,
    serving: Serving,
    /// The number of the next listener.
    next_number: usize,
    tasks: Vec<JoinHandle<()>>,
    drain: Drain,
}

/// How long a stop may take.
#[derive(Debug, Clone, Copy)]
struct Drain {
    delay: Duration,
    timeout: Duration,
}

impl Drain {
    fn of(settings: &server::Settings) -> Self {
        Self {
            delay: settings.drain_delay,
            timeout: settings.drain_timeout,
        }
    }
}

/// Binds everything, then serves. Mints, admin and housekeeping run on the runtime that this is called in.
pub async fn start(mut resolved: Resolved) -> Result<Running, StartError> {
    let tenants = build::names(&resolved.proxy);
    let authority = build::authority(&resolved.authority)?;
    let built = build::build(
        resolved.proxy,
        resolved.upstream,
        resolved.state,
        resolved.shared,
        resolved.audit.as_ref(),
        resolved.collector,
    )?;
    let desk = Desk::new(built.logins(), built.keeper.outlives());
    let metrics = built.metrics;
    let optional = &resolved.optional_listeners;
    let listeners = listeners::plan(&resolved.server, optional, None, 0, &metrics)?;
    let (admin_listener, admin_address) = build::bind_admin(resolved.admin.listen).await?;
    let health = Arc::new(Health::default());
    log_addresses(&listeners.addresses, admin_address);
    let own = build::own_addresses(&listeners.addresses, admin_address);
    built.upstream.own_addresses(own);
    let drain = Drain::of(&resolved.server);
    tell_limits(&resolved.server, &metrics);
    let present = Arc::new(ArcSwap::new(built.proxy));
    let presented = Arc::clone(&present);
    let station = move || Station::new(Arc::clone(&presented));
    let (openings, own_authority) = (listeners.openings, authority.clone());
    let serving = server::serve(openings, resolved.server, own_authority, station)?;
    resolved.admin.listen = admin_address;
    let sight = build::sight(&present.load());
    let admin_pages = admin(desk, &resolved.admin, &health, &metrics, tenants, sight)?;
    let tasks = vec![
        tokio::spawn(admin::serve(admin_listener, Arc::clone(&admin_pages))),
        tokio::spawn(warm_up(
            Arc::clone(&present),
            Arc::clone(&health),
            built.keeper.shared().cloned(),
        )),
    ];
    metrics.configuration_loaded(SystemTime::now());
    Ok(Running {
        addresses: listeners.addresses,
        admin: admin_address,
        health,
        present,
        admin_pages,
        upstream: built.upstream,
        metrics,
        audit: built.audit,
        collector: built.collector,
        keeper: built.keeper,
        authority,
        authority_place: resolved.authority,
        serving,
        next_number: listeners.next_number,
        tasks,
        drain,
    })
}

fn admin(
    desk: Desk,
    settings: &admin::Settings,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
    tenants: Vec<String>,
    sight: admin::Sight,
) -> Result<Arc<ArcSwap<Admin>>, StartError> {
    let (health, metrics) = (Arc::clone(health), Arc::clone(metrics));
    let admin = Admin::new(settings, health, metrics, desk, tenants, sight);
    let admin = admin.map_err(|error| StartError::Process(error.to_string()))?;
    Ok(Arc::new(ArcSwap::from_pointee(admin)))
}

/// The limit of room for bodies is told where that room is given out.
fn tell_limits(settings: &server::Settings, metrics: &Metrics) {
    let connections_max = i64::try_from(settings.connections_max).unwrap_or(i64::MAX);
    metrics.connections_max.set(connections_max);
}

fn log_addresses(addresses: &[Address], admin: SocketAddr) {
    for address in addresses {
        tracing::info!(%address, "listening");
    }
    tracing::info!(address = %admin, "admin listening");
}

/// A desk for logins without a running proxy. Holds the state directory as a proxy would, so that it fails beside one.
pub fn desk(resolved: Resolved) -> Result<Desk, StartError> {
    let built = build::build(
        resolved.proxy,
        resolved.upstream,
        resolved.state,
        resolved.shared,
        None,
        None,
    )?;
    Ok(Desk::new(built.logins(), built.keeper.outlives()))
}

/// One account of each tenant mints at start, the others at first use. A token that is had later, because a caller asked again,
/// makes the proxy ready as well.
async fn warm_up(present: Arc<ArcSwap<Proxy>>, health: Arc<Health>, shared: Option<Arc<Shared>>) {
    if let Some(shared) = shared.filter(|shared| !shared.has_been_reached()) {
        health.set_waits_for_redis(true);
        shared.reached().await;
        health.set_waits_for_redis(false);
    }
    present
        .load_full()
        .warm_up(|tenant, outcome| match outcome {
            Ok(()) => health.set_had_token(),
            Err(unavailable) => log_no_token(tenant, &unavailable),
        })
        .await;
    health.set_tried();
    let mut pause = Duration::from_secs(1);
    while !present.load_full().is_warm() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
        present.load_full().warm_up(|_tenant, _outcome| {}).await;
    }
    health.set_had_token();
}

fn log_no_token(tenant: &str, unavailable: &Unavailable) {
    tracing::error!(tenant, error = %unavailable.error, "no token at start; it is tried again, at once when a call needs it");
}

impl Running {
    /// Where it listens, in the order of the configuration; port 0 has become a port.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The first TCP address.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|address| match address {
            Address::Tcp(tcp) => Some(*tcp),
            Address::Unix(_) => None,
        })
    }

    /// Where the admin listener is.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its metrics.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Opens the audit file anew, as after it was renamed.
    pub fn reopen_audit(&self) {
        if let Some(audit) = &self.audit {
            audit.reopen();
            tracing::info!("audit file opened anew");
        }
    }

    /// The local CA, where there is one.
    #[must_use]
    pub fn authority(&self) -> Option<&Arc<Authority>> {
        self.authority.as_ref()
    }

    /// Told when the process is asked to stop over HTTP, where that is allowed.
    #[must_use]
    pub fn quit_asked(&self) -> Arc<Notify> {
        self.admin_pages.load().quit_asked()
    }

    /// Unready first, still serving; then no new connections; then the end of what is in flight, within bounds. Tells
    /// whether all of it ended by itself.
    pub async fn stop(self) -> bool {
        self.health.set_draining();
        tracing::info!(delay = ?self.drain.delay, timeout = ?self.drain.timeout, "stopping");
        tokio::time::sleep(self.drain.delay).await;
        let timeout = self.drain.timeout;
        let notice = timeout.saturating_sub(CLOSING_NOTICE.min(timeout / 10));
        let present = Arc::clone(&self.present);
        let closing = tokio::spawn(async move {
            tokio::time::sleep(notice).await;
            present.load().close();
        });
        let ended = self.serving.drain(self.drain.timeout).await;
        closing.abort();
        for task in &self.tasks {
            task.abort();
        }
        if tokio::time::timeout(REFRESH_PATIENCE, self.present.load_full().settle())
            .await
            .is_err()
        {
            tracing::error!(
                "stopping while a refresh token is under way: its tenant may need a new login"
            );
        }
        if let Some(collector) = self.collector
            && !collector.finish(SPANS_PATIENCE).await
        {
            tracing::warn!("not all spans could be sent");
        }
        if let Some(audit) = self.audit
            && !tokio::task::spawn_blocking(move || audit.flush(AUDIT_PATIENCE))
                .await
                .unwrap_or_default()
        {
            tracing::error!("not all of the audit record could be written");
        }
        if ended {
            tracing::info!("stopped");
        } else {
            tracing::warn!("stopped; some calls were cut after shutdown.drain_timeout");
        }
        ended
    }
}
