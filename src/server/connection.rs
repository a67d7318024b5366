//! One client connection: HTTP/1 over a watched socket, closed the way its caller can understand.
//!
//! An answer that was cut short ends in a reset, so that it looks cut even where only the end of the connection ends the
//! answer. An early answer to a request that is still being sent is followed by reading on for a while, so that a reset does
//! not overtake it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::OwnedSemaphorePermit;

use super::Handler;
use super::worker::Seat;
use crate::watch::{Activity, BusyGuard, Watched};

const LINGER_QUIET: Duration = Duration::from_secs(2);
const LINGER_WHOLE: Duration = Duration::from_secs(30);

const GO_ON: u8 = 0;
const FINISH: u8 = 1;

/// What is known of a client connection, and what its requests leave behind for its end.
#[derive(Debug)]
pub struct Connection {
    listener: usize,
    local: Option<SocketAddr>,
    activity: Arc<Activity>,
    cut: AtomicBool,
    unread: AtomicBool,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
    _place: Place,
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
    pub(super) fn new(listener: usize, local: Option<SocketAddr>, place: Place) -> Arc<Self> {
        Arc::new(Self {
            _place: place,
            listener,
            local,
            activity: Activity::new(),
            cut: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            order: AtomicU8::new(GO_ON),
            waker: Mutex::new(None),
        })
    }

    /// The index of the listener in [`super::Settings::listeners`].
    #[must_use]
    pub fn listener(&self) -> usize {
        self.listener
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

/// A client's socket of either kind.
#[derive(Debug)]
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    fn reset_on_close(&self) {
        if let Self::Tcp(stream) = self {
            // A peer that is gone already needs no reset.
            let _set = SockRef::from(stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn run<H: Handler>(
    builder: &http1::Builder,
    stream: Stream,
    handler: Arc<H>,
    connection: Arc<Connection>,
) {
    let service = Requests {
        handler,
        connection: Arc::clone(&connection),
    };
    let socket = TokioIo::new(Watched::new(stream, Arc::clone(&connection.activity)));
    let mut http = builder.serve_connection(socket, service);
    let mut finishing = false;
    let ended = std::future::poll_fn(|context| {
        if !finishing && connection.order.load(Ordering::Acquire) == FINISH {
            finishing = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        let polled = http.poll_without_shutdown(context);
        if polled.is_pending() && !finishing {
            remember_waker(&connection, context);
        }
        polled
    })
    .await;
    if let Err(error) = &ended {
        tracing::debug!(cause = %error, "client connection ended with an error");
    }
    let stream = http.into_parts().io.into_inner().into_inner();
    close(stream, &connection).await;
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

async fn close(mut stream: Stream, connection: &Connection) {
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

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
