//! The parts of a proxy, each built or bound from its settings. Starts nothing.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::runtime::Handle;

use super::StartError;
use crate::admin::Sight;
use crate::audit::{self, Audit};
use crate::authority::{Authority, AuthorityError};
use crate::collector::{self, Collector};
use crate::config::AuthorityPlace;
use crate::login;
use crate::metrics::Metrics;
use crate::proxy::{self, Proxy, Watchers};
use crate::server::{self, Address, BindError, Bound};
use crate::state::{self, Directory, Keeper, Shared, SharedSettings, StateError};
use crate::upstream::{self, Trust, Upstream};

/// A proxy that nothing leads to yet.
pub(super) struct Built {
    pub(super) proxy: Arc<Proxy>,
    pub(super) upstream: Arc<Upstream>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) audit: Option<Arc<Audit>>,
    pub(super) keeper: Keeper,
    pub(super) collector: Option<Collector>,
}

impl Built {
    /// The tenants whose tokens need a login.
    pub(super) fn logins(&self) -> HashMap<String, login::Tenant> {
        self.proxy.logins()
    }
}

pub(super) fn build(
    proxy: proxy::Settings,
    upstream: upstream::Settings,
    state: Option<state::Settings>,
    shared: Option<SharedSettings>,
    audit: Option<&audit::Settings>,
    collector: Option<collector::Settings>,
) -> Result<Built, StartError> {
    let metrics = Metrics::new().map_err(|error| StartError::Process(error.to_string()))?;
    let gauges = audit::Gauges {
        failing: metrics.audit_failing.clone(),
        lines_lost: metrics.audit_lines_lost_total.clone(),
    };
    let audit = audit.map(|settings| Audit::open(settings, gauges));
    let audit = audit.transpose()?;
    let upstream = Upstream::new(upstream);
    let keeper = match shared {
        Some(shared) => Keeper::Shared(share(shared, &metrics)?),
        None => directory(&proxy, state)?,
    };
    let collector = collector.and_then(|settings| collect(settings, &upstream, &metrics));
    let watchers = Watchers {
        audit: audit.clone(),
        tracer: collector.as_ref().map(Collector::tracer).cloned(),
    };
    let proxy = Proxy::new(
        proxy,
        Arc::clone(&upstream),
        Arc::clone(&metrics),
        watchers,
        &keeper,
        Handle::current(),
    )?;
    Ok(Built {
        proxy,
        upstream,
        metrics,
        audit,
        keeper,
        collector,
    })
}

/// Spans are not worth a proxy that does not start.
fn collect(
    settings: collector::Settings,
    upstream: &Arc<Upstream>,
    metrics: &Arc<Metrics>,
) -> Option<Collector> {
    let started = Collector::start(settings, Arc::clone(upstream), Arc::clone(metrics));
    started
        .inspect_err(|error| tracing::warn!("{error}; no spans are sent"))
        .ok()
}

/// Where logins are kept, if there are any: who has none leaves the directory to others, as `exec` beside a proxy does.
pub(super) fn directory(
    proxy: &proxy::Settings,
    state: Option<state::Settings>,
) -> Result<Keeper, StartError> {
    let takes_login = |tenant: &proxy::TenantSettings| tenant.endpoint.grant_type.takes_login();
    let state = state.filter(|_| proxy.tenants.iter().any(takes_login));
    Ok(match state {
        None => Keeper::Memory,
        Some(state) => {
            let directory = Directory::open(state).map_err(StartError::State)?;
            Keeper::Directory(Arc::new(directory))
        }
    })
}

fn share(settings: SharedSettings, metrics: &Arc<Metrics>) -> Result<Arc<Shared>, StartError> {
    let trust = || Trust::without_http(&settings.extra_roots);
    let tls = settings.url.tls().then(trust).transpose();
    let tls = tls.map_err(|error| StartError::Process(format!("state.ca_file: {error}")))?;
    Ok(Shared::start(settings, tls, Arc::clone(metrics)))
}

/// All faults, one a line.
pub(super) fn lines(errors: &[StateError]) -> String {
    let lines: Vec<_> = errors.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

pub(super) fn authority(place: &AuthorityPlace) -> Result<Option<Arc<Authority>>, AuthorityError> {
    Ok(match place {
        AuthorityPlace::Nowhere => None,
        AuthorityPlace::ThisProcess => Some(Authority::of_this_process()?),
        AuthorityPlace::Directory(directory) => Some(Authority::kept_in(directory)?),
    })
}

/// The names of all tenants.
pub(super) fn names(settings: &proxy::Settings) -> Vec<String> {
    let tenants = settings.tenants.iter();
    tenants.map(|tenant| tenant.name.clone()).collect()
}

/// What the status page looks at while this proxy serves.
pub(super) fn sight(proxy: &Arc<Proxy>) -> Sight {
    let ledger = Arc::clone(proxy.ledger());
    let proxy = Arc::clone(proxy);
    Sight {
        roll: Arc::new(move || proxy.roll()),
        ledger,
    }
}

pub(super) async fn bind_admin(
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |source| StartError::Admin { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Binds one listener. `None`: it may be left out, and this machine has no such address.
pub(super) fn bind(
    address: &Address,
    number: usize,
    is_optional: bool,
) -> Result<Option<Bound>, BindError> {
    match server::bind(address, number) {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if is_optional && error.source.kind() == io::ErrorKind::AddrNotAvailable => {
            tracing::debug!(%address, "left out: this machine has no such address");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

pub(super) fn own_addresses(addresses: &[Address], admin: SocketAddr) -> Vec<SocketAddr> {
    let tcp = addresses.iter().filter_map(|address| match address {
        Address::Tcp(tcp) => Some(*tcp),
        Address::Unix(_) => None,
    });
    tcp.chain([admin]).collect()
}
