//! Worker threads: each accepts from the shared sockets, keeps connections in balance with its siblings, serves its own
//! and sweeps them.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use super::connection::{Common, Place};
use super::listener::{Listener, Share};
use super::serving::Live;
use super::socket::Stream;
use super::{Connection, Handler, Settings, connection};
use crate::watch::Watchlist;

/// An accept that fails for want of something (file descriptors, memory) is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Serving,
    Draining,
    Over,
}

/// A worker as its siblings see it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) live: AtomicUsize,
    /// As many arrivals wait here as there are permits, and a few orders beside them.
    pub(super) orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Accepted {
    /// Stays with the worker that accepted it.
    Here(Stream),
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

/// What a worker is told.
#[derive(Debug)]
pub(super) enum Order {
    /// A connection is its to serve.
    Serve(Arrival),
    /// It accepts from this socket as well.
    Open(Arc<Listener>, Share),
    /// It accepts from the listener of this number no more. The sender is dropped when its share of the socket is closed.
    Leave(usize, mpsc::Sender<()>),
}

#[derive(Debug)]
pub(super) struct Arrival {
    stream: Accepted,
    listener: Arc<Listener>,
    permit: OwnedSemaphorePermit,
}

/// What all workers have in common.
pub(super) struct Shared<H> {
    pub(super) live: Arc<Live>,
    pub(super) seats: Vec<Arc<Seat>>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) make_handler: Box<dyn Fn() -> Arc<H> + Send + Sync>,
}

/// One worker.
pub(super) struct Worker<H> {
    shared: Arc<Shared<H>>,
    seat: Arc<Seat>,
    staged: watch::Receiver<Stage>,
}

impl<H: Handler> Worker<H> {
    pub(super) fn new(
        shared: Arc<Shared<H>>,
        seat: Arc<Seat>,
        staged: watch::Receiver<Stage>,
    ) -> Self {
        Self {
            shared,
            seat,
            staged,
        }
    }

    /// Serves until the stage is over.
    pub(super) async fn work(mut self, mut queue: mpsc::UnboundedReceiver<Order>) {
        let common = Arc::new(Common {
            handler: (self.shared.make_handler)(),
            live: Arc::clone(&self.shared.live),
        });
        let watchlist = Arc::new(Watchlist::<Weak<Connection>>::default());
        let live = Arc::clone(&self.shared.live);
        let sweeping = tokio::spawn(sweep(Arc::clone(&watchlist), live));
        let mut accepting = HashMap::new();
        loop {
            tokio::select! {
                biased;
                stage = next(&mut self.staged) => match stage {
                    Stage::Serving => {}
                    Stage::Draining => {
                        accepting.values().for_each(JoinHandle::abort);
                        finish(&watchlist, |_connection| true);
                    }
                    Stage::Over => break,
                },
                Some(order) = queue.recv() => match order {
                    Order::Serve(arrival) => self.start(&common, &watchlist, arrival),
                    Order::Open(listener, share) => {
                        accepting.insert(listener.number(), self.accept(listener, share));
                    }
                    Order::Leave(number, letting_go) => {
                        if let Some(task) = accepting.remove(&number) {
                            task.abort();
                            tokio::spawn(async move {
                                // The task has dropped the socket when it has ended.
                                let _ended = task.await;
                                drop(letting_go);
                            });
                        }
                        finish(&watchlist, |connection| connection.listener() == number);
                    }
                },
            }
        }
        sweeping.abort();
        watchlist.end_all();
    }

    fn accept(&self, listener: Arc<Listener>, share: Share) -> JoinHandle<()> {
        let (shared, own) = (Arc::clone(&self.shared), Arc::clone(&self.seat));
        let accepting = accept(shared, own, share, listener);
        tokio::spawn(accepting)
    }

    fn start(
        &self,
        common: &Arc<Common<H>>,
        watchlist: &Watchlist<Weak<Connection>>,
        arrival: Arrival,
    ) {
        let listener = arrival.listener;
        listener.gauge().inc();
        let place = Place {
            _permit: arrival.permit,
            seat: Arc::clone(&self.seat),
            gauge: listener.gauge().clone(),
        };
        let stream = match join_runtime(arrival.stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(cause = %error, "a connection was gone before it was served");
                return;
            }
        };
        let ends_soon = listener.is_left() || *self.staged.borrow() != Stage::Serving;
        let connection = Connection::new(listener, stream.local_address(), place);
        let (common, served) = (Arc::clone(common), Arc::clone(&connection));
        let task = tokio::spawn(connection::run(common, stream, served));
        if ends_soon {
            connection.finish();
        }
        watchlist.add(
            Arc::clone(connection.activity()),
            task.abort_handle(),
            Arc::downgrade(&connection),
        );
    }
}

/// Lets those connections end with their requests that this holds for.
fn finish(watchlist: &Watchlist<Weak<Connection>>, holds: impl Fn(&Connection) -> bool) {
    for connection in watchlist.map(Weak::upgrade).into_iter().flatten() {
        if holds(&connection) {
            connection.finish();
        }
    }
}

/// The next stage; `Over` if whoever started the workers is gone.
async fn next(staged: &mut watch::Receiver<Stage>) -> Stage {
    match staged.changed().await {
        Ok(()) => *staged.borrow_and_update(),
        Err(_gone) => Stage::Over,
    }
}

/// How HTTP is spoken with callers.
pub(super) fn http_builder(settings: &Settings) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .half_close(true)
        .title_case_headers(!settings.preserve_header_case)
        .preserve_header_case(settings.preserve_header_case)
        .max_headers(settings.headers_max)
        .max_header_size(settings.header_size_max)
        .header_read_timeout(None)
        .auto_date_header(false);
    builder
}

fn join_runtime(accepted: Accepted) -> io::Result<Stream> {
    let stream = match accepted {
        Accepted::Here(stream) => stream,
        Accepted::Tcp(stream) => Stream::Tcp(TcpStream::from_std(stream)?),
        Accepted::Unix(stream) => Stream::Unix(UnixStream::from_std(stream)?),
    };
    if let Stream::Tcp(stream) = &stream {
        stream.set_nodelay(true)?;
    }
    Ok(stream)
}

async fn sweep(watchlist: Arc<Watchlist<Weak<Connection>>>, live: Arc<Live>) {
    loop {
        let patience = live.settings.load().patience();
        tokio::time::sleep(patience.interval()).await;
        for reason in watchlist.sweep(&patience) {
            tracing::debug!(%reason, "client connection ended");
        }
        let now = Instant::now();
        let is_over = |connection: Arc<Connection>| connection.is_left_over(now);
        watchlist.end(|connection| connection.upgrade().is_some_and(is_over));
    }
}

/// Accepts from a shared socket. Beyond the cap a connection waits, unserved, until another one ends; the rest waits in
/// the kernel's queue.
async fn accept<H>(shared: Arc<Shared<H>>, own: Arc<Seat>, share: Share, listener: Arc<Listener>) {
    let socket = match share.register() {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(cause = %error, "a listener cannot be watched");
            return;
        }
    };
    loop {
        match socket.accept().await {
            Ok(stream) => {
                let Ok(permit) = Arc::clone(&shared.permits).acquire_owned().await else {
                    return;
                };
                seat(&shared.seats, &own, stream, Arc::clone(&listener), permit);
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(cause = %error, "accepting a connection failed; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Gives a connection to the worker that accepted it, or to the idlest one if that has clearly fewer.
fn seat(
    seats: &[Arc<Seat>],
    own: &Arc<Seat>,
    stream: Stream,
    listener: Arc<Listener>,
    permit: OwnedSemaphorePermit,
) {
    let own_live = own.live.load(Ordering::Relaxed);
    let idlest = seats
        .iter()
        .min_by_key(|seat| seat.live.load(Ordering::Relaxed))
        .unwrap_or(own);
    let idlest_live = idlest.live.load(Ordering::Relaxed);
    let (chosen, stream) = if own_live > idlest_live + 1 + idlest_live / 8 {
        let Ok(moved) = leave_runtime(stream) else {
            return;
        };
        (idlest, moved)
    } else {
        (own, Accepted::Here(stream))
    };
    chosen.live.fetch_add(1, Ordering::Relaxed);
    let arrival = Arrival {
        stream,
        listener,
        permit,
    };
    if chosen.orders.send(Order::Serve(arrival)).is_err() {
        chosen.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn leave_runtime(stream: Stream) -> io::Result<Accepted> {
    Ok(match stream {
        Stream::Tcp(stream) => Accepted::Tcp(stream.into_std()?),
        Stream::Unix(stream) => Accepted::Unix(stream.into_std()?),
    })
}
