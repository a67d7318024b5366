//! Names to addresses: the system's way, or by asking name servers of the operator's own, past any hosts file.
//!
//! Names under `localhost` are this machine and are never asked for. A server's answer is never mixed with the system's.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

#[cfg(test)]
mod tests;

/// Answers that are kept for as long as their servers say.
const ANSWERS_MAX: u64 = 1024;
/// How often a question is asked again where the servers are silent.
const REPETITIONS_MAX: u8 = 2;

/// Who turns names into addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ResolveWith {
    /// The system: hosts file, search list, `resolv.conf`.
    #[default]
    System,
    /// Exactly these name servers. Neither a hosts file nor a search list counts.
    Servers(Vec<SocketAddr>),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A resolver ready for use.
#[derive(Clone)]
pub(super) enum Resolver {
    System(GaiResolver),
    Servers(Arc<TokioResolver>),
    /// The library refuses its settings: it says so at every name, and the system is not asked in its place.
    Unusable(String),
}

impl Resolver {
    pub(super) fn new(with: &ResolveWith, connect_timeout: Duration) -> Self {
        let servers = match with {
            ResolveWith::System => return Self::System(GaiResolver::new()),
            ResolveWith::Servers(servers) => servers,
        };
        let servers = servers.iter().map(name_server).collect();
        let mut builder = TokioResolver::builder_with_config(
            ResolverConfig::from_name_servers(servers),
            TokioRuntimeProvider::default(),
        );
        let options = builder.options_mut();
        options.use_hosts_file = ResolveHosts::Never;
        options.ip_strategy = LookupIpStrategy::Ipv6AndIpv4;
        options.cache_size = ANSWERS_MAX;
        // All of it ends before `connect_timeout` does, so that the error tells of names.
        options.timeout = connect_timeout / (u32::from(REPETITIONS_MAX) + 2);
        options.attempts = usize::from(REPETITIONS_MAX);
        match builder.build() {
            Ok(resolver) => Self::Servers(Arc::new(resolver)),
            Err(error) => Self::Unusable(error.to_string()),
        }
    }

    /// Every address of a name, with port 0. Asks once.
    pub(super) async fn addresses(self, name: Name) -> Result<Vec<SocketAddr>, BoxError> {
        if is_localhost(name.as_str()) {
            let here: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            return Ok(here.map(|address| (address, 0).into()).to_vec());
        }
        match self {
            Self::System(mut system) => Ok(system.call(name).await?.collect()),
            Self::Servers(servers) => {
                // The dot at the end makes it a whole name, to which nothing is added.
                let whole = format!("{}.", name.as_str().trim_end_matches('.'));
                let found = servers.lookup_ip(whole).await?;
                Ok(found.iter().map(|address| (address, 0).into()).collect())
            }
            Self::Unusable(cause) => Err(cause.into()),
        }
    }
}

fn name_server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

/// Whether an error of [`Resolver::addresses`] says that there is no such name, and not that nobody answers.
pub(super) fn is_unknown(error: &BoxError) -> bool {
    if let Some(error) = error.downcast_ref::<NetError>() {
        return match error {
            NetError::Dns(DnsError::NoRecordsFound(found)) => matches!(
                found.response_code,
                ResponseCode::NXDomain | ResponseCode::NoError
            ),
            _ => false,
        };
    }
    // The system's errors have no codes here, only `gai_strerror`'s words: EAI_AGAIN and EAI_FAIL are the servers' trouble.
    let words = error.to_string();
    [
        "not known",
        "No address associated",
        "nodename nor servname",
    ]
    .iter()
    .any(|unknown| words.contains(unknown))
}

/// The same in words that a user can read: the library quotes whole questions.
pub(super) fn in_words(error: &BoxError) -> String {
    match error.downcast_ref::<NetError>() {
        Some(NetError::Dns(DnsError::NoRecordsFound(found))) => {
            format!("the name servers answer {}", found.response_code)
        }
        _ => error.to_string(),
    }
}

/// `localhost` and every name below it, which RFC 6761 keeps for loopback.
pub(super) fn is_localhost(name: &str) -> bool {
    let last = name.trim_end_matches('.').rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolver = self.clone();
        Box::pin(async move { Ok(resolver.addresses(name).await?.into_iter()) })
    }
}
