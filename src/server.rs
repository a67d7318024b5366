//! Accept loops, connection cap, timeouts and drain: bytes come in here and leave here.
//!
//! Sockets are bound first and served last. One runtime per worker thread, so that a request, its upstream connection and
//! its answer stay on one core. Knows nothing of tenants and tokens.

mod bind;
mod connection;
mod listener;
mod serving;
mod socket;
mod tls;
mod tunnel;
mod worker;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;

pub use bind::{BindError, Bound, bind};
pub use connection::{Connection, Intercepted, Upgrade};
pub use listener::Opening;
pub use serving::{Change, ServeError, Served, Serving, serve};
pub use tls::{Certificate, TlsError, TlsFacts, TlsSettings};

use crate::watch::Patience;

/// Where a listener is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A TCP address; port 0 takes a free one.
    Tcp(SocketAddr),
    /// A Unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// How the proxy listens and how long it waits for its callers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every address to listen on.
    pub listeners: Vec<Address>,
    /// Indexes of those that speak TLS.
    pub tls_listeners: Vec<usize>,
    /// What those present.
    pub tls: TlsSettings,
    /// Threads that serve, each with a runtime of its own.
    pub workers: usize,
    /// Connections open at one time over all listeners; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Header lines that one head may have.
    pub headers_max: usize,
    /// Bytes that one head may have.
    pub header_size_max: usize,
    /// Write header names as they came instead of in Title-Case.
    pub preserve_header_case: bool,
    /// From the first byte of a head to its last.
    pub request_head_timeout: Duration,
    /// A kept-alive connection without a request.
    pub client_idle_timeout: Duration,
    /// A body, either way, that moves no byte.
    pub body_stall_timeout: Duration,
    /// Keep serving, unready, for this long after the signal to stop.
    pub drain_delay: Duration,
    /// Then wait this long at most for calls in flight.
    pub drain_timeout: Duration,
}

impl Settings {
    fn patience(&self) -> Patience {
        Patience {
            head: self.request_head_timeout,
            idle: self.client_idle_timeout,
            write: self.body_stall_timeout,
        }
    }
}

/// What answers requests. One for each worker; called on that worker's runtime only.
pub trait Handler: Send + Sync + 'static {
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>> + Send + 'static;

    /// Answers one request. The future is dropped if the connection breaks.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}
