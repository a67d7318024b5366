//! What a configuration means in a container whose network the callers share: loopback is there, and addresses and names of
//! other machines are not. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::aim::is_general;
use crate::config::Resolved;
use crate::server::Address;

/// Where health is asked for; a free port would be known to nobody.
const ADMIN_PORT: u16 = 7363;

/// The configuration as it holds there, and what the program has to be told so that it does.
#[derive(Debug)]
pub(super) struct Inside {
    pub(super) resolved: Resolved,
    pub(super) told: Told,
}

/// What variables have to say there instead of the configuration.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// `listen.http`.
    pub(super) http: Option<String>,
    /// `listen.https`.
    pub(super) https: Option<String>,
    /// `listen.public_url` is that of another proxy.
    pub(super) is_renamed: bool,
}

/// What is said of other machines is said of loopback instead.
///
/// # Errors
///
/// A listener is where no container is, and no variable can move it.
pub(super) fn inside(resolved: &Resolved) -> Result<Inside, String> {
    let mut resolved = resolved.clone();
    let server = &resolved.server;
    let [http, https] = [false, true].map(|is_secure| {
        let all = server.listeners.iter().zip(&resolved.proxy.listeners);
        let general = all.enumerate().filter(|(index, (_address, selection))| {
            server.tls_listeners.contains(index) == is_secure && is_general(selection)
        });
        moved(general.map(|(_index, (address, _selection))| address))
    });
    let listeners = resolved.server.listeners.iter_mut();
    for (address, selection) in listeners.zip(&resolved.proxy.listeners) {
        if !is_elsewhere(address) {
            continue;
        }
        if !is_general(selection) {
            return Err(format!(
                "finds a [[listener]] at {address}, which is no address of a container: write 127.0.0.1 there"
            ));
        }
        *address = at_loopback(address);
    }
    resolved.proxy.allowed_hosts.clear();
    let told = Told {
        http,
        https,
        is_renamed: resolved.proxy.public_url.take().is_some(),
    };
    resolved.admin.listen = everywhere(resolved.admin.listen);
    Ok(Inside { resolved, told })
}

/// The list that takes the place of one with an address of another machine in it.
fn moved<'a>(addresses: impl Iterator<Item = &'a Address> + Clone) -> Option<String> {
    if !addresses.clone().any(is_elsewhere) {
        return None;
    }
    let mut all: Vec<String> = Vec::new();
    for address in addresses {
        let address = at_loopback(address).to_string();
        if !all.contains(&address) {
            all.push(address);
        }
    }
    Some(all.join(","))
}

fn is_elsewhere(address: &Address) -> bool {
    match address {
        Address::Tcp(address) => {
            let ip = address.ip().to_canonical();
            !ip.is_loopback() && !ip.is_unspecified()
        }
        Address::Unix(_) => false,
    }
}

/// What is elsewhere comes here; all else stays.
fn at_loopback(address: &Address) -> Address {
    match address {
        Address::Tcp(tcp) if is_elsewhere(address) => {
            let ip = match tcp.ip().to_canonical() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            Address::Tcp(SocketAddr::new(ip, tcp.port()))
        }
        address => address.clone(),
    }
}

/// The admin listener on every address, so that it can be reached from outside too: it tells no more than health and metrics.
fn everywhere(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip().to_canonical() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let port = match admin.port() {
        0 => ADMIN_PORT,
        port => port,
    };
    SocketAddr::new(ip, port)
}
