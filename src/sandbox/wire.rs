//! The heads of requests as they stood on the wire: case and order of header names, the target with all its bytes.
//!
//! The HTTP library keeps neither. This reads along and never changes, delays or swallows a byte.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http::request::Parts;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one head that are kept; longer ones are seen through the HTTP library only.
const HEAD_MAX: usize = 512 * 1024;

/// A request's head.
pub(super) struct Head {
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Head {
    pub(super) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What was read along on one connection.
#[derive(Default)]
pub(super) struct Tap(Mutex<Reading>);

#[derive(Default)]
struct Reading {
    /// A body is coming: its bytes are of no interest.
    in_body: bool,
    bytes: Vec<u8>,
}

impl Tap {
    /// The head of the request that the HTTP library has just handed over.
    ///
    /// A pipelined head came together with what was before it and is not found here; then the library's word is taken.
    pub(super) fn head(&self, parts: &Parts) -> Head {
        let bytes = {
            let mut reading = self.lock();
            reading.in_body = true;
            std::mem::take(&mut reading.bytes)
        };
        parse(&bytes, parts.method.as_str()).unwrap_or_else(|| from_library(parts))
    }

    /// The body, if any, has come: what is read next is a head.
    pub(super) fn expect_head(&self) {
        let mut reading = self.lock();
        reading.in_body = false;
        reading.bytes.clear();
    }

    fn read(&self, data: &[u8]) {
        let mut reading = self.lock();
        if !reading.in_body && reading.bytes.len() + data.len() <= HEAD_MAX {
            reading.bytes.extend_from_slice(data);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reading> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a head that begins at the first byte; none if it does not look like the request of that method.
fn parse(bytes: &[u8], method: &str) -> Option<Head> {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.trim_ascii_end());
    let request_line = lines.find(|line| !line.is_empty())?;
    let request_line = String::from_utf8_lossy(request_line);
    let mut words = request_line.split(' ');
    if words.next() != Some(method) {
        return None;
    }
    let target = words.next()?.to_owned();
    let mut headers = Vec::new();
    for line in lines {
        if line.is_empty() {
            return Some(Head { target, headers });
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?.trim_ascii();
        headers.push((text(name), text(value)));
    }
    None
}

fn from_library(parts: &Parts) -> Head {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    Head {
        target: parts.uri.to_string(),
        headers: headers.collect(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A stream that is read along.
pub(super) struct Tapped<S> {
    stream: S,
    tap: Arc<Tap>,
}

impl<S> Tapped<S> {
    pub(super) fn new(stream: S, tap: Arc<Tap>) -> Self {
        Self { stream, tap }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tapped<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.stream).poll_read(context, buffer);
        if outcome.is_ready()
            && let Some(data) = buffer.filled().get(before..)
            && !data.is_empty()
        {
            this.tap.read(data);
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tapped<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
