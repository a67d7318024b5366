//! A connection whose peer may have stopped listening before it was done: what it said before that is still there to be read.
//!
//! A tenant that refuses a large body answers early and closes; writing then fails, often before the answer has been read. So
//! a write to such a peer is lost without a word, and reading tells: the answer first, and then the end, or an error.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A socket on which only reading tells that the peer is gone.
#[derive(Debug)]
pub(super) struct Parting<S> {
    socket: S,
    /// The peer takes no more bytes.
    deaf: bool,
}

impl<S> Parting<S> {
    pub(super) fn new(socket: S) -> Self {
        Self {
            socket,
            deaf: false,
        }
    }

    /// The outcome of writing, where `lost` stands for what a peer that is gone would have got.
    fn note<T>(&mut self, polled: Poll<io::Result<T>>, lost: T) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(Err(error)) if is_gone(&error) => {
                self.deaf = true;
                Poll::Ready(Ok(lost))
            }
            polled => polled,
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for Parting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Parting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.deaf {
            return Poll::Ready(Ok(bytes.len()));
        }
        let polled = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.note(polled, bytes.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = slices.iter().map(|slice| slice.len()).sum();
        if self.deaf {
            return Poll::Ready(Ok(size));
        }
        let polled = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.note(polled, size)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.socket).poll_flush(context);
        self.note(polled, ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deaf {
            return Poll::Ready(Ok(()));
        }
        let polled = Pin::new(&mut self.socket).poll_shutdown(context);
        self.note(polled, ())
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// A connection to a peer that has answered, taken nothing, and closed.
    async fn to_a_peer_that_is_gone() -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
        let (mut peer, _address) = listener.accept().await.unwrap();
        peer.write_all(b"answer").await.unwrap();
        drop(peer);
        stream.unwrap()
    }

    async fn write(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        for _piece in 0..64 {
            stream.write_all(&[b'x'; 65_536]).await?;
            stream.flush().await?;
        }
        stream.shutdown().await
    }

    #[tokio::test]
    async fn what_the_peer_said_before_it_went_is_read_after_writing_failed() {
        let mut plain = to_a_peer_that_is_gone().await;
        assert!(write(&mut plain).await.is_err(), "the system says it");
        let mut parting = Parting::new(to_a_peer_that_is_gone().await);
        write(&mut parting).await.unwrap();
        let mut said = Vec::new();
        // The end, or an error: either tells that there is no more.
        let _ended = parting.read_to_end(&mut said).await;
        assert_eq!(said, b"answer");
    }
}
