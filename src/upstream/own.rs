//! Our own listeners, and whether a connection has come back to one of them. A call to ourselves would call us again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;

#[cfg(test)]
mod tests;

/// Where this proxy listens; empty until it does.
#[derive(Default)]
pub(super) struct OwnListeners(ArcSwap<Vec<SocketAddr>>);

impl OwnListeners {
    pub(super) fn set(&self, addresses: Vec<SocketAddr>) {
        self.0.store(Arc::new(addresses));
    }

    /// Whether the other end of this connection is ours. A socket that no longer knows its ends is of no use to anyone
    /// either, and fails by itself.
    pub(super) fn reached_by(&self, stream: &TcpStream) -> bool {
        let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr()) else {
            return false;
        };
        self.include(peer, Some(local.ip()))
    }

    /// Whether this address is ours; `local` is where the connection to it comes from, if there is one.
    pub(super) fn include(&self, peer: SocketAddr, local: Option<IpAddr>) -> bool {
        let peer_address = peer.ip().to_canonical();
        let is_this_machine = peer_address.is_loopback()
            || peer_address.is_unspecified()
            || local.is_some_and(|local| local.to_canonical() == peer_address);
        self.0.load().iter().any(|own| {
            let address = own.ip().to_canonical();
            own.port() == peer.port()
                && (address == peer_address || (address.is_unspecified() && is_this_machine))
        })
    }
}
