//! One worker's idle connections. A connection comes back when its answer's body has ended.
//!
//! Never shared between workers, so that nothing here waits for another thread.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;

use super::{Destination, SendError, Upstream, socket};
use crate::watch::{Patience, Watchlist};

/// A connection unused for longer than this is looked at before it is used again: the peer may have closed it without
/// our having been told yet.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// An answer whose connection comes back to the pool when its body ends.
pub type Answer<B> = Response<PooledBody<B>>;

/// The idle connections of one worker.
pub struct Pool<B> {
    upstream: Arc<Upstream>,
    shelves: Mutex<Vec<VecDeque<Idle<B>>>>,
    watchlist: Watchlist<()>,
}

struct Idle<B> {
    sender: SendRequest<B>,
    since: Instant,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    /// An empty pool; its housekeeping runs on the runtime that this is called in, as long as the pool lives.
    #[must_use]
    pub fn new(upstream: Arc<Upstream>) -> Arc<Self> {
        let pool = Arc::new(Self {
            upstream,
            shelves: Mutex::new(Vec::new()),
            watchlist: Watchlist::default(),
        });
        tokio::spawn(keep_house(Arc::downgrade(&pool)));
        pool
    }

    /// Sends a request and waits for the head of its answer. `leaving` is called right before the request is handed to a
    /// connection: before that, nothing can have left.
    pub async fn send(
        self: Arc<Self>,
        destination: Arc<Destination>,
        mut request: Request<B>,
        leaving: impl Fn() + Send,
    ) -> Result<Answer<B>, SendError> {
        loop {
            let (mut sender, reused) = match self.checkout(&destination).await {
                Some(sender) => (sender, true),
                None => (self.open(&destination).await?, false),
            };
            leaving();
            match sender.try_send_request(request).await {
                Ok(answer) => return Ok(self.pooled(answer, sender, &destination)),
                Err(mut failed) => match failed.take_message() {
                    // hyper hands a request back only if no byte of it was written.
                    Some(unsent) if reused => request = unsent,
                    _ => return Err(destination.broken(&failed.into_error())),
                },
            }
        }
    }

    async fn open(&self, destination: &Destination) -> Result<SendRequest<B>, SendError> {
        let opened = socket::connect(&self.upstream, destination).await?;
        self.watchlist.add(opened.activity, opened.task, ());
        Ok(opened.sender)
    }

    async fn checkout(&self, destination: &Destination) -> Option<SendRequest<B>> {
        while let Some(idle) = self.take(destination) {
            let unused = idle.since.elapsed();
            if unused > self.upstream.settings.load().pool_idle_timeout {
                continue;
            }
            if unused > LOOK_AFTER {
                // Lets the runtime deliver what the socket knows, a close above all.
                tokio::task::yield_now().await;
            }
            if idle.sender.is_ready() {
                return Some(idle.sender);
            }
        }
        None
    }

    fn take(&self, destination: &Destination) -> Option<Idle<B>> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.get_mut(destination.index())?.pop_back()
    }

    fn put(&self, shelf: usize, sender: SendRequest<B>) {
        if sender.is_closed() {
            return;
        }
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        if shelves.len() <= shelf {
            shelves.resize_with(shelf + 1, VecDeque::new);
        }
        if let Some(shelf) = shelves.get_mut(shelf) {
            shelf.push_back(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    fn pooled(
        self: &Arc<Self>,
        answer: Response<Incoming>,
        sender: SendRequest<B>,
        destination: &Destination,
    ) -> Answer<B> {
        let home = Home {
            pool: Arc::downgrade(self),
            shelf: destination.index(),
            sender,
        };
        answer.map(|body| {
            let ended = body.is_end_stream();
            let mut body = PooledBody {
                body,
                home: Some(home),
            };
            if ended {
                body.come_home();
            }
            body
        })
    }

    fn sweep(&self) {
        let settings = self.upstream.settings.load();
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        for shelf in shelves.iter_mut() {
            shelf.retain(|idle| {
                idle.since.elapsed() <= settings.pool_idle_timeout && !idle.sender.is_closed()
            });
        }
        drop(shelves);
        self.watchlist.sweep(&patience(settings.body_stall_timeout));
    }
}

/// Only a peer that does not read is of interest here: waiting for an answer has its own limits.
fn patience(write: Duration) -> Patience {
    let never = Duration::MAX;
    Patience {
        head: never,
        idle: never,
        write,
    }
}

async fn keep_house<B>(pool: Weak<Pool<B>>)
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    loop {
        let Some(interval) = pool.upgrade().map(|pool| {
            pool.sweep();
            let settings = pool.upstream.settings.load();
            let idle = (settings.pool_idle_timeout / 4)
                .clamp(Duration::from_millis(10), Duration::from_secs(5));
            idle.min(patience(settings.body_stall_timeout).interval())
        }) else {
            return;
        };
        tokio::time::sleep(interval).await;
    }
}

struct Home<B> {
    pool: Weak<Pool<B>>,
    shelf: usize,
    sender: SendRequest<B>,
}

/// An answer's body. When it has been read to its end the connection goes back to the pool; dropped earlier, the
/// connection closes.
pub struct PooledBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    body: Incoming,
    home: Option<Home<B>>,
}

impl<B> PooledBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    /// The body of an answer over a connection that is nobody's afterwards.
    #[must_use]
    pub fn alone(body: Incoming) -> Self {
        Self { body, home: None }
    }

    fn come_home(&mut self) {
        let Some(Home {
            pool,
            shelf,
            mut sender,
        }) = self.home.take()
        else {
            return;
        };
        let Some(strong) = pool.upgrade() else { return };
        if sender.is_ready() {
            strong.put(shelf, sender);
            return;
        }
        // An early answer: the request is still leaving. The connection is free once that has ended, if it ever is.
        drop(strong);
        tokio::spawn(async move {
            if sender.ready().await.is_ok()
                && let Some(pool) = pool.upgrade()
            {
                pool.put(shelf, sender);
            }
        });
    }
}

impl<B> Body for PooledBody<B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(_)) if !self.body.is_end_stream() => {}
            Some(Err(_)) => self.home = None,
            _ => self.come_home(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
