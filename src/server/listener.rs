//! One listener as workers and connections know it: by a number that stays while it is served, wherever it stands in the
//! configuration.

use std::io;
use std::sync::OnceLock;
use std::time::Instant;

use prometheus::IntGauge;
use tokio::net::{TcpListener, UnixListener};

use super::Bound;
use super::bind::Socketed;
use super::socket::Stream;

/// A bound socket, and how it is to be served.
pub struct Opening {
    /// The socket.
    pub bound: Bound,
    /// It speaks TLS.
    pub secure: bool,
    /// Counts its connections.
    pub gauge: IntGauge,
}

/// What connections have of their listener.
#[derive(Debug)]
pub(super) struct Listener {
    number: usize,
    secure: bool,
    gauge: IntGauge,
    left: OnceLock<Instant>,
}

impl Listener {
    pub(super) fn new(opening: &Opening) -> Self {
        Self {
            number: opening.bound.listener(),
            secure: opening.secure,
            gauge: opening.gauge.clone(),
            left: OnceLock::new(),
        }
    }

    pub(super) fn number(&self) -> usize {
        self.number
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn gauge(&self) -> &IntGauge {
        &self.gauge
    }

    /// It is served no more: its connections end with their requests, and are cut at this moment.
    pub(super) fn leave(&self, end: Instant) {
        // It is left once.
        let _already = self.left.set(end);
    }

    pub(super) fn is_left(&self) -> bool {
        self.left.get().is_some()
    }

    /// Whether its connections have had their time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.left.get().is_some_and(|end| now >= *end)
    }
}

/// A worker's share of a listening socket.
#[derive(Debug)]
pub(super) enum Share {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Share {
    pub(super) fn of(bound: &Bound) -> io::Result<Self> {
        Ok(match &*bound.socket {
            Socketed::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Socketed::Unix(listener, _file) => Self::Unix(listener.try_clone()?),
        })
    }

    /// On the worker's own runtime: several workers wait on one socket, and one of them gets the connection.
    pub(super) fn register(self) -> io::Result<Registered> {
        Ok(match self {
            Self::Tcp(listener) => Registered::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener) => Registered::Unix(UnixListener::from_std(listener)?),
        })
    }
}

pub(super) enum Registered {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Registered {
    pub(super) async fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
            Self::Unix(listener) => Stream::Unix(listener.accept().await?.0),
        })
    }
}
