//! Sockets of the faces: accept, TLS, HTTP/1, and the lever that resets a connection.
//!
//! Knows nothing of what is asked on them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::face::Face;
use super::shared::Shared;
use super::visit;
use super::wire::{Tap, Tapped};

const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// After an accept that failed, most likely for lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
/// Header lines of one request; far beyond what a proxy may pass on.
const HEADERS_MAX: usize = 1_024;
/// Connections waiting to be accepted.
const BACKLOG: u32 = 4_096;

/// Pulled to reset a connection: no further byte goes out, and the peer sees a TCP reset.
#[derive(Default)]
pub(super) struct Lever {
    pulled: AtomicBool,
    notify: Notify,
}

impl Lever {
    pub(super) fn reset(&self) {
        self.pulled.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    async fn pulled(&self) {
        while !self.pulled.load(Ordering::Acquire) {
            self.notify.notified().await;
        }
    }
}

/// One connection on a TLS face.
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) face: Face,
    pub(super) server_name: Option<String>,
    pub(super) tap: Arc<Tap>,
    pub(super) lever: Arc<Lever>,
}

/// Binds a listener whose address can be taken again right after it is gone.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(BACKLOG).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// Resolves when the tenant is told to stop, or is gone.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the tenant is gone, which is the same.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Serves one face until the tenant stops; connections end with it.
pub(super) async fn serve_face(
    shared: Arc<Shared>,
    face: Face,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let shared = Arc::clone(&shared);
                    connections.spawn(Box::pin(converse(shared, face, stream, acceptor.clone())));
                }
                Err(error) => {
                    tracing::debug!(%error, face = face.name(), "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    connections.shutdown().await;
}

async fn converse(shared: Arc<Shared>, face: Face, stream: TcpStream, acceptor: TlsAcceptor) {
    let id = shared.count_connection(face);
    let mut down = shared.down(face);
    if *down.borrow() {
        reset(&stream);
        return;
    }
    // Small answers must not wait for acknowledgements.
    let _ = stream.set_nodelay(true);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let Ok(Ok(stream)) = handshake else {
        tracing::debug!(face = face.name(), "TLS handshake failed");
        return;
    };
    let connection = Arc::new(Connection {
        id,
        face,
        server_name: stream.get_ref().1.server_name().map(str::to_owned),
        tap: Arc::new(Tap::default()),
        lever: Arc::new(Lever::default()),
    });
    let io = TokioIo::new(Tapped::new(stream, Arc::clone(&connection.tap)));
    let lever = Arc::clone(&connection.lever);
    let service = service_fn(move |request| {
        visit::serve(Arc::clone(&shared), Arc::clone(&connection), request)
    });
    let mut serving = http1::Builder::new()
        .half_close(true)
        .max_headers(HEADERS_MAX)
        .serve_connection(io, service);
    let reset_wanted = tokio::select! {
        outcome = &mut serving => {
            if let Err(error) = outcome {
                tracing::debug!(%error, face = face.name(), "connection ended");
            }
            false
        }
        () = lever.pulled() => true,
        _ = down.wait_for(|down| *down) => true,
    };
    if reset_wanted {
        let stream: TlsStream<TcpStream> = serving.into_parts().io.into_inner().into_inner();
        reset(stream.get_ref().0);
    }
}

/// Makes the close that follows a reset.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}
