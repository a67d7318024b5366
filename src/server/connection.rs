//! One client connection: HTTP/1 over a watched socket, closed the way its caller can understand.
//!
//! An answer that was cut short ends in a reset, so that it looks cut even where only the end of the connection ends the
//! answer. An early answer to a request that is still being sent is followed by reading on for a while, so that a reset does
//! not overtake it.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use super::Handler;
use super::listener::Listener;
use super::serving::Live;
use super::socket::{Rewound, Socket, Stream};
use super::tls::{self, TlsFacts};
use super::tunnel;
use super::worker::{Seat, http_builder};
use crate::watch::{Activity, BusyGuard, Watched};

const LINGER_QUIET: Duration = Duration::from_secs(2);
const LINGER_WHOLE: Duration = Duration::from_secs(30);

const GO_ON: u8 = 0;
const FINISH: u8 = 1;

/// What is known of a client connection, and what its requests leave behind for its end.
#[derive(Debug)]
pub struct Connection {
    listener: Arc<Listener>,
    local: Option<SocketAddr>,
    activity: Arc<Activity>,
    cut: AtomicBool,
    unread: AtomicBool,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
    tls: OnceLock<Box<TlsFacts>>,
    intercepted: OnceLock<Box<Intercepted>>,
    upgrade: Mutex<Option<Upgrade>>,
    _place: Place,
}

/// What a connection becomes once a CONNECT has been answered with 200.
#[derive(Debug)]
pub enum Upgrade {
    /// TLS with a certificate of the local authority, and HTTP again.
    Intercept(Intercepted),
    /// Bytes both ways.
    Tunnel {
        /// The host's side.
        host: TcpStream,
        /// Both sides are closed when nothing moved for so long.
        idle_timeout: Duration,
    },
}

/// What the CONNECT said through which requests now come.
#[derive(Clone)]
pub struct Intercepted {
    /// The host that it named, lower case, without port.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who asked for it, by the handler's word; `None` where nobody needs a name.
    pub caller: Option<String>,
    /// What else it showed, by the handler's word, that holds for every request inside.
    pub shown: Vec<String>,
    /// The name that the caller asked for in TLS, lower case; filled in when that has been seen.
    pub server_name: Option<String>,
}

impl std::fmt::Debug for Intercepted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Intercepted({}:{})", self.host, self.port)
    }
}

/// What an open connection takes up; given back when nothing remembers the connection any more.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) _permit: OwnedSemaphorePermit,
    pub(super) seat: Arc<Seat>,
    pub(super) gauge: IntGauge,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.seat.live.fetch_sub(1, Ordering::Relaxed);
        self.gauge.dec();
    }
}

impl Connection {
    pub(super) fn new(
        listener: Arc<Listener>,
        local: Option<SocketAddr>,
        place: Place,
    ) -> Arc<Self> {
        Arc::new(Self {
            _place: place,
            listener,
            local,
            activity: Activity::new(),
            cut: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            order: AtomicU8::new(GO_ON),
            waker: Mutex::new(None),
            tls: OnceLock::new(),
            intercepted: OnceLock::new(),
            upgrade: Mutex::new(None),
        })
    }

    /// The number of its listener, which stays while that is served.
    #[must_use]
    pub fn listener(&self) -> usize {
        self.listener.number()
    }

    /// Our own address as the caller reached it; `None` on a Unix socket.
    #[must_use]
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// Keeps the connection from counting as idle while a body is under way.
    #[must_use]
    pub fn busy(&self) -> BusyGuard {
        self.activity.busy()
    }

    /// The answer could not be brought to its end: the connection must not close as if it had been.
    pub fn answer_was_cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// The request's body was not read to its end.
    pub fn request_was_left_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// What the TLS handshake of an https listener told; `None` on a plain one.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.tls.get().map(|facts| &**facts)
    }

    /// The CONNECT that these requests come through, if they do.
    #[must_use]
    pub fn intercepted(&self) -> Option<&Intercepted> {
        self.intercepted.get().map(|intercepted| &**intercepted)
    }

    /// Turns the connection into something else once the answer under way, a 200 to a CONNECT, has been sent.
    pub fn upgrade(&self, upgrade: Upgrade) {
        *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
    }

    fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Whether its listener has been left, and its time is over.
    pub(super) fn is_left_over(&self, now: Instant) -> bool {
        self.listener.is_over(now)
    }

    pub(super) fn is_finishing(&self) -> bool {
        self.order.load(Ordering::Acquire) == FINISH
    }

    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Lets the request in flight end and then closes.
    pub(super) fn finish(&self) {
        self.order.store(FINISH, Ordering::Release);
        let waker = self
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What connections of one worker have in common.
pub(super) struct Common<H> {
    pub(super) handler: Arc<H>,
    pub(super) live: Arc<Live>,
}

/// Serves one connection to its end.
pub(super) async fn run<H: Handler>(
    common: Arc<Common<H>>,
    stream: Stream,
    connection: Arc<Connection>,
) {
    let socket = Watched::new(stream, Arc::clone(&connection.activity));
    if !connection.listener.is_secure() {
        return converse(&common, socket, &connection).await;
    }
    let Some(config) = common.live.tls.load_full() else {
        return;
    };
    // Boxed, so that plain connections do not hold room for it.
    Box::pin(async {
        match TlsAcceptor::from(config).accept(socket).await {
            Ok(stream) => {
                let facts = tls::facts(stream.get_ref().1);
                // Nobody else sets it.
                let _set = connection.tls.set(Box::new(facts));
                connection.activity.settle();
                converse(&common, stream, &connection).await;
            }
            Err(error) => tracing::debug!(cause = %error, "no TLS with a caller"),
        }
    })
    .await;
}

/// HTTP, and what a CONNECT makes of it.
async fn converse<H: Handler, S: Socket + 'static>(
    common: &Common<H>,
    stream: S,
    connection: &Arc<Connection>,
) {
    let (stream, read_ahead, whole) = speak(common, stream, connection).await;
    match connection.take_upgrade().filter(|_| whole) {
        None => close(stream, connection).await,
        Some(upgrade) => {
            let stream: Box<dyn Socket> = Box::new(Rewound::new(stream, read_ahead));
            Box::pin(upgraded(common, stream, connection, upgrade)).await;
        }
    }
}

async fn upgraded<H: Handler>(
    common: &Common<H>,
    stream: Box<dyn Socket>,
    connection: &Arc<Connection>,
    upgrade: Upgrade,
) {
    let mut intercepted = match upgrade {
        Upgrade::Tunnel { host, idle_timeout } => {
            return tunnel::relay(stream, host, idle_timeout, connection).await;
        }
        Upgrade::Intercept(intercepted) => intercepted,
    };
    let Some(authority) = common.live.authority.load_full() else {
        return;
    };
    let config = match tls::intercept_config(&authority, &intercepted.host) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!(cause = %error, "a CONNECT cannot be served");
            return;
        }
    };
    match TlsAcceptor::from(config).accept(stream).await {
        Ok(stream) => {
            intercepted.server_name = tls::facts(stream.get_ref().1).server_name;
            // Nobody else sets it: there is no CONNECT inside a CONNECT.
            let _set = connection.intercepted.set(Box::new(intercepted));
            connection.activity.settle();
            let (stream, _read_ahead, _whole) = speak(common, stream, connection).await;
            close(stream, connection).await;
        }
        Err(error) => {
            tracing::debug!(cause = %error, host = intercepted.host, "no TLS inside a CONNECT; does the caller trust the local CA?");
        }
    }
}

/// Serves HTTP until the connection is done, or becomes something else. Tells what was read too far, and whether it ended
/// well.
async fn speak<H: Handler, S: Socket + 'static>(
    common: &Common<H>,
    stream: S,
    connection: &Arc<Connection>,
) -> (S, Bytes, bool) {
    let service = Requests {
        handler: Arc::clone(&common.handler),
        connection: Arc::clone(connection),
    };
    let http = http_builder(&common.live.settings.load());
    let mut http = http.serve_connection(TokioIo::new(stream), service);
    let mut finishing = false;
    let ended = std::future::poll_fn(|context| {
        if !finishing && connection.is_finishing() {
            finishing = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        let polled = http.poll_without_shutdown(context);
        if polled.is_pending() && !finishing {
            remember_waker(connection, context);
        }
        polled
    })
    .await;
    if let Err(error) = &ended {
        tracing::debug!(cause = %error, "client connection ended with an error");
    }
    let parts = http.into_parts();
    (parts.io.into_inner(), parts.read_buf, ended.is_ok())
}

fn remember_waker(connection: &Connection, context: &Context<'_>) {
    let mut waker = connection
        .waker
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if !waker
        .as_ref()
        .is_some_and(|known| known.will_wake(context.waker()))
    {
        *waker = Some(context.waker().clone());
    }
}

async fn close<S: Socket>(mut stream: S, connection: &Connection) {
    if connection.cut.load(Ordering::Relaxed) {
        stream.reset_on_close();
        return;
    }
    if stream.shutdown().await.is_err() || !connection.unread.load(Ordering::Relaxed) {
        return;
    }
    let discard = async {
        let mut buffer = [0_u8; 4096];
        while matches!(tokio::time::timeout(LINGER_QUIET, stream.read(&mut buffer)).await, Ok(Ok(read)) if read > 0)
        {
        }
    };
    // Whether the peer or the clock ended it makes no difference: what was to be said was said.
    let _ended = tokio::time::timeout(LINGER_WHOLE, discard).await;
}

struct Requests<H> {
    handler: Arc<H>,
    connection: Arc<Connection>,
}

impl<H: Handler> Service<http::Request<hyper::body::Incoming>> for Requests<H> {
    type Response = http::Response<H::Body>;
    type Error = std::convert::Infallible;
    // Boxed, so that an idle connection does not hold room for a request's whole state.
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: http::Request<hyper::body::Incoming>) -> Self::Future {
        let handler = Arc::clone(&self.handler);
        let connection = Arc::clone(&self.connection);
        Box::pin(async move { Ok(handler.handle(request, connection).await) })
    }
}
