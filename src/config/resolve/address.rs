//! Addresses to listen on. Asks no name server: a name that is not `localhost` is refused.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::complain;
use crate::config::fault::shown;
use crate::config::value::Complaint;
use crate::server::Address;

/// What the kernel's address structure holds, without the closing zero.
const UNIX_PATH_MAX: usize = 107;

/// `ip:port`, `localhost:port` or `unix:/path`.
pub(super) fn address(text: &str) -> Result<Address, Complaint> {
    match text.strip_prefix("unix:") {
        Some(path) => unix(text, path),
        None => tcp(text).map(Address::Tcp),
    }
}

fn unix(text: &str, path: &str) -> Result<Address, Complaint> {
    // `unix:///run/x` is how others write it, and means the same path.
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if !path.is_absolute() || path.file_name().is_none() {
        return complain(
            format!("{} is no absolute path of a socket", shown(text)),
            r#"write "unix:/run/sfmc/proxy.sock""#,
        );
    }
    if path.as_os_str().len() > UNIX_PATH_MAX {
        return complain(
            format!("the socket's path is longer than {UNIX_PATH_MAX} bytes"),
            "choose a shorter one",
        );
    }
    Ok(Address::Unix(path.to_owned()))
}

/// `ip:port` or `localhost:port`.
pub(super) fn tcp(text: &str) -> Result<SocketAddr, Complaint> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Some(("localhost", port)) = text.rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let instead = likely(text).map_or_else(
        || r#"write an IP address and a port, as "127.0.0.1:7362""#.to_owned(),
        |likely| format!("write \"{likely}\""),
    );
    complain(
        format!("{} is no address to listen on", shown(text)),
        instead,
    )
}

/// What somebody may have meant.
fn likely(text: &str) -> Option<String> {
    let bare = match text.split_once("://") {
        Some((_, after)) => after.split('/').next()?,
        None => text,
    };
    let port = |port: &str| port.parse::<u16>().ok();
    if bare.parse::<SocketAddr>().is_ok() {
        return Some(bare.to_owned());
    }
    if bare.parse::<Ipv4Addr>().is_ok() || bare == "localhost" {
        return Some(format!("{bare}:7362"));
    }
    if bare.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{bare}]:7362"));
    }
    if let Some(port) = port(bare) {
        return Some(format!("127.0.0.1:{port}"));
    }
    let (host, number) = bare.rsplit_once(':')?;
    let number = port(number)?;
    match host {
        "" | "localhost" => Some(format!("127.0.0.1:{number}")),
        "*" => Some(format!("0.0.0.0:{number}")),
        _ => None,
    }
}

/// Whether only this machine can reach it.
pub(super) fn is_local(address: &Address) -> bool {
    match address {
        Address::Tcp(tcp) => tcp.ip().to_canonical().is_loopback(),
        Address::Unix(_) => true,
    }
}

/// Whether two listeners cannot both have what they ask for.
pub(super) fn clash(one: &Address, other: &Address) -> bool {
    match (one, other) {
        (Address::Tcp(one), Address::Tcp(other)) => {
            let (ip, other_ip) = (one.ip(), other.ip());
            one.port() != 0
                && one.port() == other.port()
                && ip.is_ipv4() == other_ip.is_ipv4()
                && (ip == other_ip || ip.is_unspecified() || other_ip.is_unspecified())
        }
        (Address::Unix(one), Address::Unix(other)) => one == other,
        (Address::Tcp(_), Address::Unix(_)) | (Address::Unix(_), Address::Tcp(_)) => false,
    }
}
