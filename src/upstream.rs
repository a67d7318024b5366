//! The way to the tenant: names, egress proxy, roots, connector and pool; and raw tunnels to anywhere else. Knows TLS and
//! HTTP, knows no tenant and no token.
//!
//! Nothing is ever sent twice from here: a request goes to another connection only if hyper hands it back whole, which it
//! does only while no byte of it was written.

mod destination;
mod dial;
mod egress;
mod own;
mod parting;
mod pool;
mod probe;
mod reach;
mod resolver;
mod socket;
mod tls;
mod tunnel;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper_util::client::legacy::connect::HttpConnector;

pub use destination::{Destination, DestinationError};
pub use dial::DialError;
pub use egress::{EgressProxy, EgressProxyError, EnvironmentProxy, ProxyUrl};
pub use pool::{Answer, Pool, PooledBody};
pub use probe::{Handshake, NameError, ReachError, Reached, TlsFailure};
pub use reach::Reach;
pub use resolver::ResolveWith;
pub use tls::{Trust, TrustError, is_public_authority};

use egress::Egress;
use own::OwnListeners;
use resolver::Resolver;

/// A connection on which nothing moves is asked after in these intervals whether it still is one.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// How the proxy calls out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who turns names into addresses.
    pub resolve_with: ResolveWith,
    /// What connections go out through.
    pub proxy: EgressProxy,
    /// Name resolution, egress proxy, TCP and TLS handshake together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Duration,
    /// Header lines that an answer's head may have.
    pub headers_max: usize,
    /// Bytes that an answer's head may have.
    pub header_size_max: usize,
    /// Write header names as the caller wrote them instead of in Title-Case.
    pub preserve_header_case: bool,
    /// A body that moves no byte for this long.
    pub body_stall_timeout: Duration,
}

/// Why a request got no answer's head.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SendError {
    /// The host name could not be resolved.
    #[error("the name {host} could not be resolved: {cause}")]
    Resolve {
        /// The name asked for.
        host: String,
        /// The resolver's words.
        cause: String,
    },
    /// No TCP connection.
    #[error("no connection to {host}: {cause}")]
    Connect {
        /// The host asked for.
        host: String,
        /// The system's words.
        cause: String,
    },
    /// TCP stands, TLS does not.
    #[error("TLS with {host} failed: {cause}")]
    Tls {
        /// The host asked for.
        host: String,
        /// The TLS library's words.
        cause: String,
    },
    /// The name's address is one of our own listeners.
    #[error(
        "the name {host} leads back to this proxy (a hosts file?); set upstream.resolve_with to name servers"
    )]
    Loop {
        /// The host asked for.
        host: String,
    },
    /// The egress proxy opened no way.
    #[error("the egress proxy {proxy} opened no way to {host}: {cause}")]
    Proxy {
        /// The host asked for.
        host: String,
        /// The egress proxy's host and port.
        proxy: String,
        /// The egress proxy's status, if it answered.
        status: Option<StatusCode>,
        /// What happened there; its status is in it.
        cause: String,
    },
    /// `connect_timeout` passed first.
    #[error("no connection to {host} within {limit:?}")]
    ConnectTimeout {
        /// The host asked for.
        host: String,
        /// The limit that passed.
        limit: Duration,
    },
    /// The connection broke or spoke nonsense after the request had begun to leave.
    #[error("the connection to {host} broke before an answer: {cause}")]
    Broken {
        /// The host asked for.
        host: String,
        /// The HTTP library's words.
        cause: String,
    },
}

/// Connector, trust and destinations; shared by all workers. Each worker has a [`Pool`] of its own.
pub struct Upstream {
    settings: ArcSwap<Settings>,
    resolver: Resolver,
    connector: HttpConnector<Resolver>,
    egress: Egress,
    own: OwnListeners,
    destinations: Mutex<HashMap<destination::Key, Arc<Destination>>>,
    /// Never used for a second destination: pools would take one for the other.
    next_index: AtomicUsize,
}

impl Upstream {
    /// Makes the connector; opens nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Arc<Self> {
        let resolver = Resolver::new(&settings.resolve_with, settings.connect_timeout);
        let mut connector = HttpConnector::new_with_resolver(resolver.clone());
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_keepalive(Some(KEEPALIVE));
        connector.set_happy_eyeballs_timeout(Some(Duration::from_millis(300)));
        Arc::new(Self {
            egress: Egress::new(&settings.proxy),
            own: OwnListeners::default(),
            settings: ArcSwap::from_pointee(settings),
            resolver,
            connector,
            destinations: Mutex::new(HashMap::new()),
            next_index: AtomicUsize::new(0),
        })
    }

    /// Where this proxy listens itself, once it does: no connection is left open that leads there. An unspecified address
    /// is every one of this machine's.
    pub fn own_addresses(&self, addresses: Vec<SocketAddr>) {
        self.own.set(addresses);
    }

    /// The one [`Destination`] for this URL's scheme, host and port under this trust: equal URLs give the same one, so
    /// that pools can go by its index.
    pub fn destination(
        &self,
        url: &Uri,
        trust: &Trust,
    ) -> Result<Arc<Destination>, DestinationError> {
        let key = destination::Key::new(url, trust)?;
        let mut known = self
            .destinations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(destination) = known.get(&key) {
            return Ok(Arc::clone(destination));
        }
        let index = self.next_index.fetch_add(1, Ordering::Relaxed);
        let destination = Arc::new(Destination::new(&key, trust, index)?);
        known.insert(key, Arc::clone(&destination));
        Ok(destination)
    }

    /// Other settings hold from now on. The way out as such stays: who resolves, what proxy there is, and how long opening a
    /// connection may take. Destinations that nobody has any more are forgotten.
    pub fn adjust(&self, settings: &Settings) {
        let before = self.settings.load_full();
        self.settings.store(Arc::new(Settings {
            resolve_with: before.resolve_with.clone(),
            proxy: before.proxy.clone(),
            connect_timeout: before.connect_timeout,
            ..settings.clone()
        }));
        let destinations = self.destinations.lock();
        let mut destinations = destinations.unwrap_or_else(PoisonError::into_inner);
        destinations.retain(|_key, destination| Arc::strong_count(destination) > 1);
    }

    /// Sends one request over a connection of its own and reads the answer whole, up to `answer_size_max` bytes.
    pub async fn send_alone(
        &self,
        destination: &Destination,
        request: Request<Full<Bytes>>,
        answer_size_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        let connection = self.connect_alone(destination).await?;
        connection.send(request, answer_size_max).await
    }

    /// Opens a connection for one request. For the rare calls that are not worth a pool: token requests.
    pub async fn connect_alone<'a>(
        &self,
        destination: &'a Destination,
    ) -> Result<Alone<'a>, SendError> {
        let connection = socket::connect(self, destination).await?;
        Ok(Alone {
            sender: connection.sender,
            destination,
        })
    }
}

/// A connection for one request, of which no byte has been sent.
pub struct Alone<'a> {
    sender: SendRequest<Full<Bytes>>,
    destination: &'a Destination,
}

impl Alone<'_> {
    /// Sends the request and reads the answer whole, up to `answer_size_max` bytes.
    pub async fn send(
        mut self,
        request: Request<Full<Bytes>>,
        answer_size_max: usize,
    ) -> Result<Response<Bytes>, SendError> {
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| self.destination.broken(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, answer_size_max)
            .collect()
            .await
            .map_err(|error| SendError::Broken {
                host: self.destination.host().to_owned(),
                cause: error.to_string(),
            })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}
