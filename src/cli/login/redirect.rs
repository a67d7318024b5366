//! The redirect URI's own address, for a command that runs beside the browser. Never listens beyond loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::Uri;
use http::uri::Scheme;
use tokio::net::TcpListener;

/// Listens where the browser will come back to. `localhost` may be either family.
pub(super) fn listen(redirect_uri: &Uri) -> Result<Vec<TcpListener>, String> {
    let addresses = addresses(redirect_uri)?;
    let mut listeners = Vec::new();
    let mut refused = None;
    for address in &addresses {
        match bind(*address) {
            Ok(listener) => listeners.push(listener),
            // This machine may have one family alone; what is taken already is somebody else's.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                return Err(taken(*address, redirect_uri));
            }
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) if listeners.is_empty() => {
            Err(format!("cannot listen at {redirect_uri}: {error}"))
        }
        _ => Ok(listeners),
    }
}

fn taken(address: SocketAddr, redirect_uri: &Uri) -> String {
    format!(
        "{address} is taken, where the browser would come back to ({redirect_uri}). If that is a running proxy, log in at its \
         page /login; else end what listens there"
    )
}

fn addresses(redirect_uri: &Uri) -> Result<Vec<SocketAddr>, String> {
    let elsewhere = || {
        format!(
            "redirect_uri is {redirect_uri}, where this command cannot listen: it takes http://127.0.0.1, http://[::1] or \
             http://localhost alone. Log in at the page of the proxy that is reached there: /login/TENANT"
        )
    };
    let host = redirect_uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let hosts = if bare.eq_ignore_ascii_case("localhost") {
        vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ]
    } else {
        bare.parse().into_iter().collect()
    };
    let is_plain = redirect_uri.scheme() == Some(&Scheme::HTTP);
    if !is_plain || hosts.is_empty() || !hosts.iter().all(IpAddr::is_loopback) {
        return Err(elsewhere());
    }
    let port = redirect_uri.port_u16().unwrap_or(80);
    let hosts = hosts.into_iter();
    Ok(hosts.map(|host| SocketAddr::new(host, port)).collect())
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
