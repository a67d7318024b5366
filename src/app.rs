//! Wiring: build, bind, serve, drain. Nothing is decided here that a room could decide for itself.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::admin::{self, Admin, Health};
use crate::audit::{self, Audit};
use crate::authority::{Authority, AuthorityError};
use crate::config::{AuthorityPlace, Resolved};
use crate::login::Desk;
use crate::metrics::Metrics;
use crate::proxy::{self, Proxy, SetupError};
use crate::server::{self, Address, BindError, Bound, ServeError, Serving};
use crate::state::{self, Directory, StateError};
use crate::upstream::{self, Upstream};

/// Requests that still wait for a token are told so this long before the drain cuts them.
const CLOSING_NOTICE: Duration = Duration::from_secs(1);
/// How long the answer to a refresh token that is under way is waited for.
const REFRESH_PATIENCE: Duration = Duration::from_secs(10);
/// How long the last audit records are waited for.
const AUDIT_PATIENCE: Duration = Duration::from_secs(2);
/// What a second signal exits with, as shells have it.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

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
    #[error("{}", lines(.0))]
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
    proxy: Arc<Proxy>,
    metrics: Arc<Metrics>,
    audit: Option<Arc<Audit>>,
    authority: Option<Arc<Authority>>,
    serving: Serving,
    tasks: Vec<JoinHandle<()>>,
    drain_delay: Duration,
    drain_timeout: Duration,
    _bound: Vec<Bound>,
}

/// Binds everything, then serves. Mints, admin and housekeeping run on the runtime that this is called in.
pub async fn start(mut resolved: Resolved) -> Result<Running, StartError> {
    let tenants = resolved.proxy.tenants.iter();
    let tenants = tenants.map(|tenant| tenant.name.clone()).collect();
    let authority = authority(&resolved.authority)?;
    let audit = resolved.audit.as_ref().map(Audit::open).transpose()?;
    let built = build(
        resolved.proxy,
        resolved.upstream,
        resolved.state,
        audit.clone(),
    )?;
    let Built {
        proxy,
        upstream,
        metrics,
        desk,
    } = built;
    let bound = bind_all(&resolved.server.listeners, &resolved.optional_listeners)?;
    let (admin_listener, admin_address) = bind_admin(resolved.admin.listen).await?;
    let health = Arc::new(Health::default());
    let addresses: Vec<_> = bound.iter().map(|bound| bound.address().clone()).collect();
    log_addresses(&addresses, admin_address);
    upstream.own_addresses(own_addresses(&addresses, admin_address));
    let gauges = gauges(&metrics, &resolved.server.listeners, &bound);
    let (drain_delay, drain_timeout) = (resolved.server.drain_delay, resolved.server.drain_timeout);
    let workers = Arc::clone(&proxy);
    let serving = server::serve(
        &bound,
        resolved.server,
        authority.clone(),
        gauges,
        move || workers.worker(),
    )?;
    resolved.admin.listen = admin_address;
    let admin = admin(desk, &resolved.admin, &health, &metrics, tenants)?;
    let tasks = vec![
        tokio::spawn(admin::serve(admin_listener, admin)),
        tokio::spawn(warm_up(Arc::clone(&proxy), Arc::clone(&health))),
    ];
    metrics.configuration_loaded(SystemTime::now());
    Ok(Running {
        addresses,
        admin: admin_address,
        health,
        proxy,
        metrics,
        audit,
        authority,
        serving,
        tasks,
        drain_delay,
        drain_timeout,
        _bound: bound,
    })
}

fn admin(
    desk: Desk,
    settings: &admin::Settings,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
    tenants: Vec<String>,
) -> Result<Arc<Admin>, StartError> {
    let (health, metrics) = (Arc::clone(health), Arc::clone(metrics));
    let admin = Admin::new(settings, health, metrics, desk, tenants);
    let admin = admin.map_err(|error| StartError::Process(error.to_string()))?;
    Ok(Arc::new(admin))
}

fn log_addresses(addresses: &[Address], admin: SocketAddr) {
    for address in addresses {
        tracing::info!(%address, "listening");
    }
    tracing::info!(address = %admin, "admin listening");
}

/// A desk for logins without a running proxy. Holds the state directory as a proxy would, so that it fails beside one.
pub fn desk(resolved: Resolved) -> Result<Desk, StartError> {
    let built = build(resolved.proxy, resolved.upstream, resolved.state, None)?;
    Ok(built.desk)
}

/// A proxy that nothing leads to yet.
struct Built {
    proxy: Arc<Proxy>,
    upstream: Arc<Upstream>,
    metrics: Arc<Metrics>,
    desk: Desk,
}

fn build(
    proxy: proxy::Settings,
    upstream: upstream::Settings,
    state: Option<state::Settings>,
    audit: Option<Arc<Audit>>,
) -> Result<Built, StartError> {
    let metrics = Metrics::new().map_err(|error| StartError::Process(error.to_string()))?;
    let upstream = Upstream::new(upstream);
    // Who has no logins leaves the directory to others: `exec` runs beside a proxy.
    let takes_login = |tenant: &proxy::TenantSettings| tenant.endpoint.grant_type.takes_login();
    let state = state.filter(|_| proxy.tenants.iter().any(takes_login));
    let state = state.map(Directory::open).transpose();
    let state = state.map_err(StartError::State)?.map(Arc::new);
    let are_kept = state.is_some();
    let proxy = Proxy::new(
        proxy,
        Arc::clone(&upstream),
        Arc::clone(&metrics),
        audit,
        state.as_ref(),
        Handle::current(),
    )?;
    Ok(Built {
        desk: Desk::new(proxy.logins(), are_kept),
        proxy,
        upstream,
        metrics,
    })
}

/// All faults, one a line.
fn lines(errors: &[StateError]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

fn authority(place: &AuthorityPlace) -> Result<Option<Arc<Authority>>, AuthorityError> {
    Ok(match place {
        AuthorityPlace::Nowhere => None,
        AuthorityPlace::ThisProcess => Some(Authority::of_this_process()?),
        AuthorityPlace::Directory(directory) => Some(Authority::kept_in(directory)?),
    })
}

async fn bind_admin(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Admin { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn bind_all(addresses: &[Address], optional: &[usize]) -> Result<Vec<Bound>, BindError> {
    let mut bound = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        match server::bind(address, index) {
            Ok(listener) => bound.push(listener),
            Err(error)
                if optional.contains(&index)
                    && error.source.kind() == io::ErrorKind::AddrNotAvailable =>
            {
                tracing::debug!(%address, "left out: this machine has no such address");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(bound)
}

fn own_addresses(addresses: &[Address], admin: SocketAddr) -> Vec<SocketAddr> {
    let tcp = addresses.iter().filter_map(|address| match address {
        Address::Tcp(tcp) => Some(*tcp),
        Address::Unix(_) => None,
    });
    tcp.chain([admin]).collect()
}

fn gauges(metrics: &Metrics, configured: &[Address], bound: &[Bound]) -> Vec<prometheus::IntGauge> {
    let label = |index: usize, address: &Address| {
        bound
            .iter()
            .find(|bound| bound.listener() == index)
            .map_or_else(|| address.to_string(), |bound| bound.address().to_string())
    };
    configured
        .iter()
        .enumerate()
        .map(|(index, address)| {
            metrics
                .connections
                .with_label_values(&[label(index, address).as_str()])
        })
        .collect()
}

/// The default account of each tenant mints at start, the others at first use. A token that is had later, because a
/// caller asked again, makes the proxy ready as well.
async fn warm_up(proxy: Arc<Proxy>, health: Arc<Health>) {
    proxy
        .warm_up(|tenant, outcome| match outcome {
            Ok(()) => health.set_had_token(),
            Err(unavailable) => {
                tracing::error!(tenant, error = %unavailable.error, "no token at start; it is tried again, at once when a call needs it");
            }
        })
        .await;
    health.set_tried();
    let mut pause = Duration::from_secs(1);
    while !proxy.has_had_token() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(30));
        proxy.warm_up(|_tenant, _outcome| {}).await;
    }
    health.set_had_token();
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

    /// Unready first, still serving; then no new connections; then the end of what is in flight, within bounds. Tells
    /// whether all of it ended by itself.
    pub async fn stop(self) -> bool {
        self.health.set_draining();
        tracing::info!(delay = ?self.drain_delay, timeout = ?self.drain_timeout, "stopping");
        tokio::time::sleep(self.drain_delay).await;
        let notice = self
            .drain_timeout
            .saturating_sub(CLOSING_NOTICE.min(self.drain_timeout / 10));
        let proxy = Arc::clone(&self.proxy);
        let closing = tokio::spawn(async move {
            tokio::time::sleep(notice).await;
            proxy.close();
        });
        let ended = self.serving.drain(self.drain_timeout).await;
        closing.abort();
        for task in &self.tasks {
            task.abort();
        }
        if tokio::time::timeout(REFRESH_PATIENCE, self.proxy.settle())
            .await
            .is_err()
        {
            tracing::error!(
                "stopping while a refresh token is under way: its tenant may need a new login"
            );
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

/// Serves until a signal, then drains; a second signal ends it at once.
pub fn run(resolved: Resolved) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(cause = %error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match serve_until_signal(resolved).await {
            Ok(code) => code,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    })
}

async fn serve_until_signal(resolved: Resolved) -> Result<ExitCode, StartError> {
    let process = |error: io::Error| StartError::Process(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(process)?;
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(cause = %error, "the limit of open files stays as it is");
    }
    let mut hang_up = signal(SignalKind::hangup()).map_err(process)?;
    let running = start(resolved).await?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => running.reopen_audit(),
        }
    }
    let code = tokio::select! {
        clean = running.stop() => if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ = interrupt.recv() => ExitCode::from(INTERRUPTED),
        _ = terminate.recv() => ExitCode::from(TERMINATED),
    };
    Ok(code)
}
