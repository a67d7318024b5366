//! Binds listeners. A second instance on the same address is refused, so `SO_REUSEPORT` is never set: workers share one
//! socket instead.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use socket2::{Domain, Protocol, Socket, Type};

use super::Address;

const BACKLOG: i32 = 1024;
/// Owner and group may connect: whoever can open the socket is a caller.
const UNIX_SOCKET_MODE: u32 = 0o660;

/// Why an address could not be bound.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {advice}")]
pub struct BindError {
    /// The address as configured.
    pub address: Address,
    advice: String,
    /// The system's word.
    #[source]
    pub source: io::Error,
}

pub(super) enum Socketed {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A Unix socket's file, taken away when the listener is done.
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Already gone is as good.
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// A bound listener that nobody serves yet.
pub struct Bound {
    pub(super) socket: Arc<Socketed>,
    configured: Address,
    address: Address,
    listener: usize,
}

impl Bound {
    /// The address that it is really bound to: port 0 has become a port.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The address that was asked for.
    #[must_use]
    pub fn configured(&self) -> &Address {
        &self.configured
    }

    /// What its connections call it.
    #[must_use]
    pub fn listener(&self) -> usize {
        self.listener
    }

    /// The same socket under another number.
    pub(super) fn numbered(&self, listener: usize) -> Self {
        Self {
            socket: Arc::clone(&self.socket),
            configured: self.configured.clone(),
            address: self.address.clone(),
            listener,
        }
    }
}

/// Binds one address. Its connections call it `listener`.
pub fn bind(address: &Address, listener: usize) -> Result<Bound, BindError> {
    let socketed = match address {
        Address::Tcp(tcp) => bind_tcp(*tcp),
        Address::Unix(path) => bind_unix(path),
    };
    let (socket, address_bound) = socketed.map_err(|source| {
        let advice = match source.kind() {
            io::ErrorKind::AddrInUse => {
                "something listens there already; stop it, or choose another address".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
            io::ErrorKind::PermissionDenied => {
                "permission denied; choose a port above 1023 or another path".to_owned()
            }
            _ => source.to_string(),
        };
        BindError {
            address: address.clone(),
            advice,
            source,
        }
    })?;
    Ok(Bound {
        socket: Arc::new(socket),
        configured: address.clone(),
        address: address_bound,
        listener,
    })
}

fn bind_tcp(address: SocketAddr) -> io::Result<(Socketed, Address)> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Lets a restart take over a port that old connections still linger on; does not let two listeners share it.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let address = Address::Tcp(listener.local_addr()?);
    Ok((Socketed::Tcp(listener), address))
}

fn bind_unix(path: &Path) -> io::Result<(Socketed, Address)> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    listener.set_nonblocking(true)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(UNIX_SOCKET_MODE))?;
    let socket = Socketed::Unix(listener, SocketFile(path.to_owned()));
    Ok((socket, Address::Unix(path.to_owned())))
}

/// A socket file that nobody answers on, left behind by a process that was killed.
fn is_left_over(path: &Path) -> bool {
    let is_socket =
        std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
    is_socket
        && UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}
