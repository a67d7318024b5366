//! The workers as the rest of the process sees them: started once, told of other listeners and settings while they serve,
//! and drained at the end.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustls::ServerConfig;
use tokio::sync::{Semaphore, mpsc, watch};

use super::listener::{Listener, Share};
use super::worker::{Order, Seat, Shared, Stage, Worker};
use super::{Address, Bound, Handler, Opening, Settings, TlsError, tls};
use crate::authority::Authority;

/// How long workers may take to let go of a socket. They need no time for it unless they are stuck.
const LETTING_GO: Duration = Duration::from_secs(5);

/// Why serving cannot start, or not go on with other settings.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Threads or sockets.
    #[error(transparent)]
    Process(#[from] io::Error),
    /// The https listeners.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What may change while workers serve.
pub(super) struct Live {
    pub(super) settings: ArcSwap<Settings>,
    /// For https listeners.
    pub(super) tls: ArcSwapOption<ServerConfig>,
    /// For what comes through CONNECT.
    pub(super) authority: ArcSwapOption<Authority>,
}

/// Running workers. Dropped, they end at once.
pub struct Serving {
    stage: watch::Sender<Stage>,
    permits: Arc<Semaphore>,
    connections_max: u32,
    threads: Vec<JoinHandle<()>>,
    live: Arc<Live>,
    seats: Vec<Arc<Seat>>,
    open: Vec<Open>,
    left: Vec<Weak<Listener>>,
}

/// A listener that is served.
struct Open {
    listener: Arc<Listener>,
    bound: Bound,
}

/// A listener that is served, as it was asked for.
#[derive(Debug, Clone)]
pub struct Served {
    /// What its connections call it.
    pub number: usize,
    /// The address as configured.
    pub configured: Address,
    /// The address that it has.
    pub address: Address,
    /// It speaks TLS.
    pub secure: bool,
}

/// A change for which everything is at hand.
pub struct Change {
    settings: Settings,
    tls: Option<Arc<ServerConfig>>,
    authority: Option<Arc<Authority>>,
    open: Vec<Open>,
    /// For each worker.
    shares: Vec<Vec<(Arc<Listener>, Share)>>,
}

/// Starts serving. `make_handler` is called once on each worker's runtime; `authority` certifies what comes through CONNECT,
/// and https listeners without a certificate of their own.
///
/// # Errors
///
/// TLS that cannot be offered, or no more threads.
pub fn serve<H: Handler>(
    openings: Vec<Opening>,
    settings: Settings,
    authority: Option<Arc<Authority>>,
    make_handler: impl Fn() -> Arc<H> + Send + Sync + 'static,
) -> Result<Serving, ServeError> {
    let workers = settings.workers.max(1);
    let (seats, queues): (Vec<_>, Vec<_>) = (0..workers)
        .map(|_worker| {
            let (orders, queue) = mpsc::unbounded_channel();
            let live = AtomicUsize::new(0);
            (Arc::new(Seat { live, orders }), queue)
        })
        .unzip();
    let change = prepare(settings.clone(), openings, authority, workers)?;
    let connections_max = u32::try_from(settings.connections_max).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(settings.connections_max));
    let (stage, staged) = watch::channel(Stage::Serving);
    let live = Arc::new(Live {
        settings: ArcSwap::from_pointee(settings),
        tls: ArcSwapOption::empty(),
        authority: ArcSwapOption::empty(),
    });
    let shared = Arc::new(Shared {
        live: Arc::clone(&live),
        seats: seats.clone(),
        permits: Arc::clone(&permits),
        make_handler: Box::new(make_handler),
    });
    let mut threads = Vec::new();
    for (index, (seat, queue)) in seats.iter().zip(queues).enumerate() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let worker = Worker::new(Arc::clone(&shared), Arc::clone(seat), staged.clone());
        let thread = std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || runtime.block_on(worker.work(queue)))?;
        threads.push(thread);
    }
    let mut serving = Serving {
        stage,
        permits,
        connections_max,
        threads,
        live,
        seats,
        open: Vec::new(),
        left: Vec::new(),
    };
    serving.install(change);
    Ok(serving)
}

/// Does all of a change that may fail.
fn prepare(
    settings: Settings,
    openings: Vec<Opening>,
    authority: Option<Arc<Authority>>,
    workers: usize,
) -> Result<Change, ServeError> {
    let tls = if settings.tls_listeners.is_empty() {
        None
    } else {
        Some(tls::listener_config(&settings.tls, authority.as_ref())?)
    };
    let open: Vec<_> = openings
        .into_iter()
        .map(|opening| Open {
            listener: Arc::new(Listener::new(&opening)),
            bound: opening.bound,
        })
        .collect();
    let share = |open: &Open| Ok((Arc::clone(&open.listener), Share::of(&open.bound)?));
    let shares = (0..workers).map(|_worker| open.iter().map(share).collect());
    Ok(Change {
        shares: shares.collect::<io::Result<_>>()?,
        settings,
        tls,
        authority,
        open,
    })
}

impl Serving {
    /// What is served.
    #[must_use]
    pub fn served(&self) -> Vec<Served> {
        let served = |open: &Open| Served {
            number: open.listener.number(),
            configured: open.bound.configured().clone(),
            address: open.bound.address().clone(),
            secure: open.listener.is_secure(),
        };
        self.open.iter().map(served).collect()
    }

    /// The socket of a listener that is served, for another one in its place.
    #[must_use]
    pub fn socket(&self, number: usize, of: usize) -> Option<Bound> {
        let mut open = self.open.iter();
        let found = open.find(|open| open.listener.number() == of);
        found.map(|open| open.bound.numbered(number))
    }

    /// The numbers of listeners that have been left and still have connections.
    #[must_use]
    pub fn left(&self) -> Vec<usize> {
        let listeners = self.left.iter().filter_map(Weak::upgrade);
        listeners.map(|listener| listener.number()).collect()
    }

    /// Does all of a change that may fail. Nothing has changed yet, whatever becomes of it. The number of workers and that of
    /// connections stay as they are.
    ///
    /// # Errors
    ///
    /// TLS that cannot be offered, or no more sockets.
    pub fn prepare(
        &self,
        settings: Settings,
        openings: Vec<Opening>,
        authority: Option<Arc<Authority>>,
    ) -> Result<Change, ServeError> {
        prepare(settings, openings, authority, self.seats.len())
    }

    /// Changes over. Listeners of these numbers are left: nothing is accepted there any more, their connections end with the
    /// requests that are under way, and what is not over after the drain's timeout is cut. Connections of all others notice
    /// nothing. When this returns, the sockets that were left are free.
    pub async fn change(&mut self, change: Change, leave: &[usize]) {
        let end = Instant::now() + change.settings.drain_timeout;
        self.install(change);
        let (left, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| leave.contains(&open.listener.number()));
        self.open = stay;
        self.left.retain(|listener| listener.strong_count() > 0);
        let (letting_go, mut all_gone) = mpsc::channel::<()>(1);
        for Open { listener, bound } in left {
            listener.leave(end);
            self.left.push(Arc::downgrade(&listener));
            for seat in &self.seats {
                let order = Order::Leave(listener.number(), letting_go.clone());
                // A worker that is gone has let go of everything.
                let _gone = seat.orders.send(order);
            }
            drop(bound);
        }
        drop(letting_go);
        // Nobody sends anything: it ends when the last worker has dropped its end.
        if tokio::time::timeout(LETTING_GO, all_gone.recv())
            .await
            .is_err()
        {
            tracing::warn!("a worker has not let go of a listener yet");
        }
    }

    fn install(&mut self, change: Change) {
        let Change {
            settings,
            tls,
            authority,
            open,
            shares,
        } = change;
        // Handshakes that are under way need what they began with, so that nothing is taken away.
        if tls.is_some() {
            self.live.tls.store(tls);
        }
        self.live.authority.store(authority);
        self.live.settings.store(Arc::new(settings));
        for (seat, shares) in self.seats.iter().zip(shares) {
            for (listener, share) in shares {
                let _gone = seat.orders.send(Order::Open(listener, share));
            }
        }
        self.open.extend(open);
    }

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
