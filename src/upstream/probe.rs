//! The way to a destination in single steps, each with why it ends there: names, egress proxy, TCP, TLS. For a diagnosis;
//! calls take the way of `socket`.
//!
//! Sends no request, and never lets a certificate pass that a call would not take.

mod handshake;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::resolver::{in_words, is_unknown};
use super::{Destination, Upstream, tunnel};

pub use handshake::{Handshake, TlsFailure};

/// Why a name has no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The resolver answers that there is none.
    #[error("the name is not known: {cause}")]
    Unknown {
        /// The resolver's words.
        cause: String,
    },
    /// The resolver answers nothing, or has trouble of its own.
    #[error("no answer about the name: {cause}")]
    Unanswered {
        /// The resolver's words.
        cause: String,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReachError {
    /// Its other end is one of our own listeners.
    #[error("it leads back to this proxy")]
    Loop,
    /// Nobody listens there, or a firewall says so.
    #[error("{address} refuses the connection")]
    Refused {
        /// The last address that was tried.
        address: SocketAddr,
    },
    /// Nothing comes back.
    #[error("no answer within {limit:?}")]
    Silent {
        /// How long it was waited for.
        limit: Duration,
    },
    /// The system knows no way, or does not let us.
    #[error("{cause}")]
    Failed {
        /// The system's words.
        cause: String,
    },
    /// The egress proxy opened no way.
    #[error("the egress proxy {proxy} opened no way: {cause}")]
    Proxy {
        /// Its host and port.
        proxy: String,
        /// Its status, if it answered.
        status: Option<StatusCode>,
        /// What happened there.
        cause: String,
    },
}

/// A connection on which nothing was said yet.
pub struct Reached(TcpStream);

impl Reached {
    /// The other end: the host's own, or the egress proxy's.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.0.peer_addr().ok()
    }
}

impl Upstream {
    /// The egress proxy that connections to this destination go out through, without its credentials.
    #[must_use]
    pub fn egress_proxy(&self, destination: &Destination) -> Option<String> {
        let proxy = self.egress.proxy_for(destination.connect_to());
        proxy.map(ToString::to_string)
    }

    /// How long each of the steps may take.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.settings.load().connect_timeout
    }

    /// Asks for a name's addresses as calls do; at least one.
    ///
    /// # Errors
    ///
    /// See [`NameError`].
    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, NameError> {
        let unanswered = |cause: &str| NameError::Unanswered {
            cause: cause.to_owned(),
        };
        let name = Name::from_str(host).map_err(|_invalid| unanswered("it is no name"))?;
        let asking = self.resolver.clone().addresses(name);
        let Ok(found) = timeout(self.settings.load().connect_timeout, asking).await else {
            return Err(unanswered("nothing in time"));
        };
        match found {
            Ok(addresses) if addresses.is_empty() => Err(NameError::Unknown {
                cause: "it has no address".to_owned(),
            }),
            Ok(addresses) => Ok(addresses.iter().map(SocketAddr::ip).collect()),
            Err(error) if is_unknown(&error) => Err(NameError::Unknown {
                cause: in_words(&error),
            }),
            Err(error) => Err(unanswered(&in_words(&error))),
        }
    }

    /// Opens a TCP connection: to one of these addresses of the host, or through the egress proxy where one is set for it.
    ///
    /// # Errors
    ///
    /// See [`ReachError`]; of several addresses, what the last one has led to.
    pub async fn reach(
        &self,
        destination: &Destination,
        addresses: &[IpAddr],
    ) -> Result<Reached, ReachError> {
        let limit = self.settings.load().connect_timeout;
        let authority = destination.connect_to().authority();
        let port = authority.and_then(http::uri::Authority::port_u16);
        let authority = authority.map_or("", |authority| authority.as_str());
        let Some(proxy) = self.egress.proxy_for(destination.connect_to()) else {
            return self.reach_one_of(addresses, port.unwrap_or(443)).await;
        };
        let refused = |status, cause| ReachError::Proxy {
            proxy: proxy.authority().to_owned(),
            status,
            cause,
        };
        match timeout(limit, tunnel::open(self, proxy, authority)).await {
            Ok(Ok(stream)) => Ok(Reached(stream)),
            Ok(Err(refusal)) => Err(refused(refusal.status, refusal.cause)),
            Err(_elapsed) => Err(refused(None, format!("no answer within {limit:?}"))),
        }
    }

    /// One after the other, each with its share of the time that is left.
    async fn reach_one_of(&self, addresses: &[IpAddr], port: u16) -> Result<Reached, ReachError> {
        let limit = self.settings.load().connect_timeout;
        let deadline = Instant::now() + limit;
        let mut last = ReachError::Failed {
            cause: "there is no address to connect to".to_owned(),
        };
        for (index, address) in addresses.iter().enumerate() {
            let address = SocketAddr::new(*address, port);
            let waiting = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            let share = deadline.saturating_duration_since(Instant::now()) / waiting;
            let until = Instant::now() + share;
            last = match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) if self.own.reached_by(&stream) => return Err(ReachError::Loop),
                Ok(Ok(stream)) => return Ok(Reached(stream)),
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    ReachError::Refused { address }
                }
                Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    ReachError::Silent { limit }
                }
                Ok(Err(error)) => ReachError::Failed {
                    cause: error.to_string(),
                },
                Err(_elapsed) => ReachError::Silent { limit },
            };
        }
        Err(last)
    }
}
