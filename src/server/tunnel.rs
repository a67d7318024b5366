//! Bytes both ways between a caller and a host that is none of ours. Looks at nothing, and ends when nothing moves.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, copy_bidirectional};
use tokio::net::TcpStream;

use super::Connection;
use crate::clock::uptime_milliseconds;

/// A tunnel of a proxy that stops goes on only while it is busy.
const IDLE_WHILE_STOPPING: Duration = Duration::from_millis(500);

/// Copies until both sides are done, one of them fails, or nothing moved for `idle_timeout`.
pub(super) async fn relay(
    caller: impl AsyncRead + AsyncWrite + Unpin,
    host: TcpStream,
    idle_timeout: Duration,
    connection: &Arc<Connection>,
) {
    let _busy = connection.busy();
    let moved = AtomicU64::new(uptime_milliseconds());
    let mut caller = Noting {
        stream: caller,
        moved: &moved,
    };
    let mut host = host;
    let mut copying = pin!(copy_bidirectional(&mut caller, &mut host));
    loop {
        let limit = if connection.is_finishing() {
            IDLE_WHILE_STOPPING.min(idle_timeout)
        } else {
            idle_timeout
        };
        let quiet = uptime_milliseconds().saturating_sub(moved.load(Ordering::Relaxed));
        let left = limit.saturating_sub(Duration::from_millis(quiet));
        if left.is_zero() {
            tracing::debug!("a tunnel in which nothing moved was ended");
            return;
        }
        tokio::select! {
            biased;
            ended = &mut copying => {
                if let Err(error) = ended {
                    tracing::debug!(cause = %error, "a tunnel broke off");
                }
                return;
            }
            // Often enough to see that the proxy stops.
            () = tokio::time::sleep(left.min(IDLE_WHILE_STOPPING)) => {}
        }
    }
}

/// Notes when bytes move.
struct Noting<'a, S> {
    stream: S,
    moved: &'a AtomicU64,
}

impl<S> Noting<'_, S> {
    fn note(&self) {
        self.moved.store(uptime_milliseconds(), Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noting<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if polled.is_ready() {
            self.note();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noting<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        if polled.is_ready() {
            self.note();
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
