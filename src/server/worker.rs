//! Worker threads: each accepts from the shared sockets, keeps connections in balance with its siblings, serves its own
//! and sweeps them.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use prometheus::IntGauge;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::bind::Socketed;
use super::connection::{Common, Place};
use super::socket::Stream;
use super::{Bound, Connection, Handler, Settings, TlsError, connection, tls};
use crate::authority::Authority;
use crate::watch::{Patience, Watchlist};

/// An accept that fails for want of something (file descriptors, memory) is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    Draining,
    Over,
}

/// A worker as its siblings see it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) live: AtomicUsize,
    arrivals: mpsc::UnboundedSender<Arrival>,
}

#[derive(Debug)]
enum Accepted {
    /// Stays with the worker that accepted it.
    Here(Stream),
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

#[derive(Debug)]
struct Arrival {
    stream: Accepted,
    listener: usize,
    permit: OwnedSemaphorePermit,
}

/// Running workers. Dropped, they end at once.
pub struct Serving {
    stage: watch::Sender<Stage>,
    permits: Arc<Semaphore>,
    connections_max: u32,
    threads: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Closes the listeners, lets requests in flight end, and cuts what is left after `timeout`. Tells whether all ended
    /// by themselves.
    pub async fn drain(self, timeout: Duration) -> bool {
        self.stage.send_replace(Stage::Draining);
        // Every connection holds a permit: all permits back means all connections over.
        let all_over = self.permits.acquire_many(self.connections_max);
        let ended = tokio::time::timeout(timeout, all_over).await.is_ok();
        self.stage.send_replace(Stage::Over);
        for thread in self.threads {
            if tokio::task::spawn_blocking(move || thread.join().is_err())
                .await
                .unwrap_or(true)
            {
                tracing::error!("a worker thread panicked");
            }
        }
        ended
    }
}

struct Shared<H> {
    settings: Settings,
    seats: Vec<Arc<Seat>>,
    permits: Arc<Semaphore>,
    gauges: Vec<IntGauge>,
    tls: Option<Arc<ServerConfig>>,
    authority: Option<Arc<Authority>>,
    make_handler: Box<dyn Fn() -> Arc<H> + Send + Sync>,
}

/// Why serving cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Threads or sockets.
    #[error(transparent)]
    Process(#[from] io::Error),
    /// The https listeners.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Starts serving. `make_handler` is called once on each worker's runtime; `gauges` has one gauge for each listener of the
/// settings; `authority` certifies what comes through CONNECT, and https listeners without a certificate of their own.
///
/// # Errors
///
/// TLS that cannot be offered, or no more threads.
pub fn serve<H: Handler>(
    bound: &[Bound],
    settings: Settings,
    authority: Option<Arc<Authority>>,
    gauges: Vec<IntGauge>,
    make_handler: impl Fn() -> Arc<H> + Send + Sync + 'static,
) -> Result<Serving, ServeError> {
    let tls = if settings.tls_listeners.is_empty() {
        None
    } else {
        Some(tls::listener_config(&settings.tls, authority.as_ref())?)
    };
    let connections_max = u32::try_from(settings.connections_max).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let (stage, staged) = watch::channel(Stage::Serving);
    let (seats, queues): (Vec<_>, Vec<_>) = (0..settings.workers.max(1))
        .map(|_worker| {
            let (arrivals, queue) = mpsc::unbounded_channel();
            (
                Arc::new(Seat {
                    live: AtomicUsize::new(0),
                    arrivals,
                }),
                queue,
            )
        })
        .unzip();
    let shared = Arc::new(Shared {
        settings,
        seats,
        permits: Arc::clone(&permits),
        gauges,
        tls,
        authority,
        make_handler: Box::new(make_handler),
    });
    let mut threads = Vec::new();
    for (index, (seat, queue)) in shared.seats.iter().zip(queues).enumerate() {
        let listeners = bound
            .iter()
            .map(Listening::share)
            .collect::<io::Result<Vec<_>>>()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let worker = Worker {
            shared: Arc::clone(&shared),
            seat: Arc::clone(seat),
            staged: staged.clone(),
        };
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || runtime.block_on(worker.work(listeners, queue)))?;
        threads.push(thread);
    }
    Ok(Serving {
        stage,
        permits,
        connections_max,
        threads,
    })
}

enum Listening {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

impl Listening {
    fn share(bound: &Bound) -> io::Result<(usize, Self)> {
        let shared = match &bound.socket {
            Socketed::Tcp(listener) => Self::Tcp(listener.try_clone()?),
            Socketed::Unix(listener, _file) => Self::Unix(listener.try_clone()?),
        };
        Ok((bound.listener(), shared))
    }

    /// On the worker's own runtime: several workers wait on one socket, and one of them gets the connection.
    fn register(self) -> io::Result<Registered> {
        Ok(match self {
            Self::Tcp(listener) => Registered::Tcp(TcpListener::from_std(listener)?),
            Self::Unix(listener) => Registered::Unix(UnixListener::from_std(listener)?),
        })
    }
}

enum Registered {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Registered {
    async fn accept(&self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => Stream::Tcp(listener.accept().await?.0),
            Self::Unix(listener) => Stream::Unix(listener.accept().await?.0),
        })
    }
}

struct Worker<H> {
    shared: Arc<Shared<H>>,
    seat: Arc<Seat>,
    staged: watch::Receiver<Stage>,
}

impl<H: Handler> Worker<H> {
    async fn work(
        mut self,
        listeners: Vec<(usize, Listening)>,
        mut queue: mpsc::UnboundedReceiver<Arrival>,
    ) {
        let common = Arc::new(Common {
            http: http_builder(&self.shared.settings),
            handler: (self.shared.make_handler)(),
            tls: self.shared.tls.clone(),
            authority: self.shared.authority.clone(),
        });
        let watchlist = Arc::new(Watchlist::<Weak<Connection>>::default());
        let patience = self.shared.settings.patience();
        let sweeping = tokio::spawn(sweep(Arc::clone(&watchlist), patience));
        let accepting: Vec<_> = listeners
            .into_iter()
            .map(|(index, listener)| {
                let accepting = accept(
                    Arc::clone(&self.shared),
                    Arc::clone(&self.seat),
                    listener,
                    index,
                );
                tokio::spawn(accepting).abort_handle()
            })
            .collect();
        loop {
            tokio::select! {
                biased;
                stage = next(&mut self.staged) => match stage {
                    Stage::Serving => {}
                    Stage::Draining => {
                        accepting.iter().for_each(tokio::task::AbortHandle::abort);
                        for connection in watchlist.map(Weak::upgrade).into_iter().flatten() {
                            connection.finish();
                        }
                    }
                    Stage::Over => break,
                },
                Some(arrival) = queue.recv() => self.start(&common, &watchlist, arrival),
            }
        }
        sweeping.abort();
        watchlist.end_all();
    }

    fn start(
        &self,
        common: &Arc<Common<H>>,
        watchlist: &Watchlist<Weak<Connection>>,
        arrival: Arrival,
    ) {
        let Some(gauge) = self.shared.gauges.get(arrival.listener).cloned() else {
            return;
        };
        gauge.inc();
        let place = Place {
            _permit: arrival.permit,
            seat: Arc::clone(&self.seat),
            gauge,
        };
        let stream = match join_runtime(arrival.stream) {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(cause = %error, "a connection was gone before it was served");
                return;
            }
        };
        let connection = Connection::new(arrival.listener, stream.local_address(), place);
        let secure = self
            .shared
            .settings
            .tls_listeners
            .contains(&arrival.listener);
        let (common, served) = (Arc::clone(common), Arc::clone(&connection));
        let task = tokio::spawn(connection::run(common, stream, secure, served));
        let draining = *self.staged.borrow() != Stage::Serving;
        if draining {
            connection.finish();
        }
        watchlist.add(
            Arc::clone(connection.activity()),
            task.abort_handle(),
            Arc::downgrade(&connection),
        );
    }
}

/// The next stage; `Over` if whoever started the workers is gone.
async fn next(staged: &mut watch::Receiver<Stage>) -> Stage {
    match staged.changed().await {
        Ok(()) => *staged.borrow_and_update(),
        Err(_gone) => Stage::Over,
    }
}

fn http_builder(settings: &Settings) -> http1::Builder {
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

async fn sweep(watchlist: Arc<Watchlist<Weak<Connection>>>, patience: Patience) {
    loop {
        tokio::time::sleep(patience.interval()).await;
        for reason in watchlist.sweep(&patience) {
            tracing::debug!(%reason, "client connection ended");
        }
    }
}

/// Accepts from a shared socket. Beyond the cap a connection waits, unserved, until another one ends; the rest waits in
/// the kernel's queue.
async fn accept<H>(shared: Arc<Shared<H>>, own: Arc<Seat>, listener: Listening, index: usize) {
    let listener = match listener.register() {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(cause = %error, "a listener cannot be watched");
            return;
        }
    };
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let Ok(permit) = Arc::clone(&shared.permits).acquire_owned().await else {
                    return;
                };
                seat(&shared.seats, &own, stream, index, permit);
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
    listener: usize,
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
    if chosen
        .arrivals
        .send(Arrival {
            stream,
            listener,
            permit,
        })
        .is_err()
    {
        chosen.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn leave_runtime(stream: Stream) -> io::Result<Accepted> {
    Ok(match stream {
        Stream::Tcp(stream) => Accepted::Tcp(stream.into_std()?),
        Stream::Unix(stream) => Accepted::Unix(stream.into_std()?),
    })
}
