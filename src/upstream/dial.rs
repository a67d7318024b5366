//! Raw tunnels to hosts that are none of the tenants'. A name is resolved once, its addresses are judged, and those very
//! addresses are dialled.
//!
//! Never looks a name up again between judging and dialling, and never leads back to this proxy.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http::{StatusCode, Uri};
use hyper_util::client::legacy::connect::dns::Name;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::resolver::is_localhost;
use super::{KEEPALIVE, Reach, Upstream, tunnel};

/// Why a raw tunnel could not be opened. Its words are for the log: they may name the egress proxy.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DialError {
    /// Neither a host name nor an address.
    #[error("{host:?} is no host")]
    Host {
        /// What was asked for.
        host: String,
    },
    /// The name could not be resolved.
    #[error("the name {host} could not be resolved: {cause}")]
    Resolve {
        /// The name asked for.
        host: String,
        /// The resolver's words.
        cause: String,
    },
    /// Every address of it is out of reach by [`Reach::Public`].
    #[error("{host} is not on the public Internet, and tunnels lead nowhere else")]
    Prohibited {
        /// The host asked for.
        host: String,
    },
    /// It is one of our own listeners.
    #[error("{host} leads back to this proxy")]
    Loop {
        /// The host asked for.
        host: String,
    },
    /// No TCP connection to any of its addresses.
    #[error("no connection to {host}: {cause}")]
    Connect {
        /// The host asked for.
        host: String,
        /// The system's words for the last address.
        cause: String,
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
        /// What happened there.
        cause: String,
    },
    /// `connect_timeout` passed first.
    #[error("no connection to {host} within {limit:?}")]
    Timeout {
        /// The host asked for.
        host: String,
        /// The limit that passed.
        limit: Duration,
    },
}

/// What was asked for, once it is known to be a host.
enum Target {
    Address(IpAddr),
    Name(Name),
}

impl Target {
    /// Letters, digits, hyphens, underscores and dots, or an address: nothing that could end a line or a host.
    fn parse(host: &str) -> Option<Self> {
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(address) = bare.parse() {
            return Some(Self::Address(address));
        }
        let is_name = !host.trim_end_matches('.').is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        is_name
            .then(|| Name::from_str(host).ok())
            .flatten()
            .map(Self::Name)
    }

    /// Whether it may be asked for at all, before anything is resolved: here or, behind an egress proxy, there.
    fn is_admitted(&self, reach: Reach) -> bool {
        match self {
            Self::Address(address) => reach.admits(*address),
            Self::Name(name) => {
                reach == Reach::Anywhere
                    || !(is_localhost(name.as_str()) || ends_in_a_number(name.as_str()))
            }
        }
    }

    fn authority(&self, port: u16) -> String {
        match self {
            Self::Address(address) => SocketAddr::new(*address, port).to_string(),
            Self::Name(name) => format!("{name}:{port}"),
        }
    }
}

/// `127.1`, `0x7f000001` and `2130706433` are addresses to many resolvers; no name ends so.
fn ends_in_a_number(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next();
    let last = last.unwrap_or_default();
    let is_hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl Upstream {
    /// Opens a raw connection to a host that is no tenant's, through the egress proxy where one is set for it. All of it
    /// within `connect_timeout`; an IPv6 literal may have its brackets.
    ///
    /// # Errors
    ///
    /// See [`DialError`]. Not a byte has been sent to the host then.
    pub async fn dial(&self, host: &str, port: u16, reach: Reach) -> Result<TcpStream, DialError> {
        let host = host.to_owned();
        let Some(target) = Target::parse(&host) else {
            return Err(DialError::Host { host });
        };
        if !target.is_admitted(reach) {
            return Err(DialError::Prohibited { host });
        }
        let limit = self.settings.load().connect_timeout;
        let deadline = Instant::now() + limit;
        let authority = target.authority(port);
        let dialling = async {
            let url = Uri::from_str(&format!("https://{authority}/"))
                .map_err(|_invalid| DialError::Host { host: host.clone() })?;
            let Some(proxy) = self.egress.proxy_for(&url) else {
                let addresses = self.judged(target, &host, port, reach).await?;
                return self.dial_each(&host, &addresses, deadline).await;
            };
            tunnel::open(self, proxy, &authority)
                .await
                .map_err(|refusal| DialError::Proxy {
                    host: host.clone(),
                    proxy: proxy.authority().to_owned(),
                    status: refusal.status,
                    cause: refusal.cause,
                })
        };
        timeout_at(deadline, dialling)
            .await
            .unwrap_or_else(|_elapsed| {
                Err(DialError::Timeout {
                    host: host.clone(),
                    limit,
                })
            })
    }

    /// The addresses that may be dialled, of which there is at least one.
    async fn judged(
        &self,
        target: Target,
        host: &str,
        port: u16,
        reach: Reach,
    ) -> Result<Vec<SocketAddr>, DialError> {
        let host = host.to_owned();
        let resolve_error = |host, cause| DialError::Resolve { host, cause };
        let mut addresses = match target {
            Target::Address(address) => vec![SocketAddr::new(address, port)],
            Target::Name(name) => match self.resolver.clone().addresses(name).await {
                Ok(addresses) => addresses,
                Err(error) => return Err(resolve_error(host, error.to_string())),
            },
        };
        if addresses.is_empty() {
            return Err(resolve_error(host, "it has no address".to_owned()));
        }
        addresses.retain(|address| reach.admits(address.ip()));
        for address in &mut addresses {
            address.set_port(port);
        }
        if addresses.is_empty() {
            return Err(DialError::Prohibited { host });
        }
        Ok(addresses)
    }

    /// One after the other, each with its share of the time that is left.
    async fn dial_each(
        &self,
        host: &str,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<TcpStream, DialError> {
        let mut cause = None;
        for (index, address) in addresses.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let waiting = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
            match timeout(left / waiting, TcpStream::connect(address)).await {
                Ok(Ok(stream)) if self.own.reached_by(&stream) => {
                    return Err(DialError::Loop {
                        host: host.to_owned(),
                    });
                }
                Ok(Ok(stream)) => {
                    prepare(&stream);
                    return Ok(stream);
                }
                Ok(Err(error)) => cause = Some(error.to_string()),
                Err(_elapsed) => cause = None,
            }
        }
        let host = host.to_owned();
        Err(match cause {
            Some(cause) => DialError::Connect { host, cause },
            None => DialError::Timeout {
                host,
                limit: self.settings.load().connect_timeout,
            },
        })
    }
}

/// As the connector has it for the tenants' connections. A socket that takes no options still carries bytes.
fn prepare(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    let options = [
        stream.set_nodelay(true),
        SockRef::from(stream).set_tcp_keepalive(&keepalive),
    ];
    for error in options.into_iter().filter_map(Result::err) {
        tracing::debug!(cause = %error, "a socket's option could not be set");
    }
}
