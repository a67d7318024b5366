//! Bodies that the tenant answers with: whole, streamed, slow, or broken off on purpose.
//!
//! Never buffers what it can make while sending.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use tokio::time::Sleep;

use super::digest::Sha256;
use super::listen::Lever;

/// Byte i of the pattern is i modulo this, so that a shift by any power of two shows.
const PATTERN_PERIOD: usize = 251;
/// One chunk of the pattern; whole periods, so that every chunk is the same.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    (0..PATTERN_PERIOD * 256)
        .map(|place| pattern_byte(place as u64))
        .collect()
});
/// A pause before a break, so that what was said before it is on the wire.
const BREAK_PAUSE: Duration = Duration::from_millis(20);

/// The byte at `place` of what `/sandbox/bytes/{n}` streams.
#[must_use]
pub fn pattern_byte(place: u64) -> u8 {
    u8::try_from(place % PATTERN_PERIOD as u64).unwrap_or_default()
}

/// The body was broken off because a script, or a route, wanted that.
#[derive(Debug, thiserror::Error)]
#[error("broken off on purpose")]
pub(super) struct Broken;

/// An answer's body.
pub(super) enum Payload {
    /// Known from the start.
    Whole(Bytes),
    /// The pattern.
    Pattern(Pattern),
    /// One thing after the other.
    Steps(Steps),
}

/// Deterministic bytes, made while they are sent.
pub(super) struct Pattern {
    remaining: u64,
    sized: bool,
    checksum: Option<Sha256>,
}

/// Pieces of a body, each made when the one before it is out.
pub(super) type Chunks = Box<dyn Iterator<Item = Bytes> + Send>;

/// One part of a body that takes its time.
pub(super) enum Step {
    Send(Bytes),
    Make(Chunks),
    Wait(Duration),
    /// The connection closes without a proper end.
    Break,
    /// The connection is reset.
    Reset(Arc<Lever>),
}

/// Parts still to come.
pub(super) struct Steps {
    waiting: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    pub(super) fn empty() -> Self {
        Self::Whole(Bytes::new())
    }

    /// `length` bytes of the pattern; `sized` for Content-Length, else chunked; `trailers` end it with `X-Checksum`.
    pub(super) fn pattern(length: u64, sized: bool, trailers: bool) -> Self {
        let checksum = trailers.then(Sha256::new);
        Self::Pattern(Pattern {
            remaining: length,
            sized: sized && !trailers,
            checksum,
        })
    }

    pub(super) fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::Steps(Steps {
            waiting: steps.into_iter().collect(),
            sleep: None,
        })
    }

    /// What `chunks` makes, while it is sent.
    pub(super) fn chunks(chunks: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
        Self::steps([Step::Make(Box::new(chunks))])
    }

    /// The length, if it is known before the end.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Pattern(pattern) => pattern.sized.then_some(pattern.remaining),
            Self::Steps(_) => None,
        }
    }

    /// The same body, broken off after `bytes_max`.
    pub(super) fn broken_after(self, bytes_max: u64, reset: Option<Arc<Lever>>) -> Self {
        let end = reset.map_or(Step::Break, Step::Reset);
        let mut steps = VecDeque::new();
        match self {
            Self::Whole(bytes) => {
                let kept = usize::try_from(bytes_max)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                steps.push_back(Step::Send(bytes.slice(..kept)));
            }
            Self::Pattern(pattern) => {
                let mut left = pattern.remaining.min(bytes_max);
                while left > 0 {
                    let chunk = pattern_chunk(left);
                    left -= chunk.len() as u64;
                    steps.push_back(Step::Send(chunk));
                }
            }
            Self::Steps(before) => steps = limited(before.waiting, bytes_max),
        }
        steps.push_back(Step::Wait(BREAK_PAUSE));
        steps.push_back(end);
        Self::Steps(Steps {
            waiting: steps,
            sleep: None,
        })
    }
}

/// The steps whose pieces have room in `bytes_max`, the last of them cut.
fn limited(steps: VecDeque<Step>, bytes_max: u64) -> VecDeque<Step> {
    let mut left = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let mut kept = VecDeque::new();
    for step in steps {
        match step {
            Step::Send(data) => {
                let data = data.slice(..left.min(data.len()));
                left -= data.len();
                kept.push_back(Step::Send(data));
            }
            // How much it will make is not known, so nothing that follows is counted.
            Step::Make(chunks) => {
                let pieces = chunks.scan(left, |left, chunk| {
                    let piece = chunk.slice(..(*left).min(chunk.len()));
                    *left -= piece.len();
                    (!piece.is_empty()).then_some(piece)
                });
                kept.push_back(Step::Make(Box::new(pieces)));
                break;
            }
            other => kept.push_back(other),
        }
    }
    kept
}

fn pattern_chunk(remaining: u64) -> Bytes {
    match usize::try_from(remaining) {
        Ok(remaining) if remaining < PATTERN.len() => PATTERN.slice(..remaining),
        _ => PATTERN.clone(),
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pattern(pattern) => Poll::Ready(pattern.next().map(Ok)),
            Self::Steps(steps) => steps.poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Pattern(pattern) => pattern.remaining == 0 && pattern.checksum.is_none(),
            Self::Steps(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Pattern {
    fn next(&mut self) -> Option<Frame<Bytes>> {
        if self.remaining > 0 {
            let chunk = pattern_chunk(self.remaining);
            self.remaining -= chunk.len() as u64;
            if let Some(checksum) = &mut self.checksum {
                checksum.update(&chunk);
            }
            return Some(Frame::data(chunk));
        }
        let checksum = self.checksum.take()?;
        let value = HeaderValue::from_str(&checksum.hex()).ok()?;
        let mut trailers = HeaderMap::new();
        trailers.insert(HeaderName::from_static("x-checksum"), value);
        Some(Frame::trailers(trailers))
    }
}

impl Steps {
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                std::task::ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.waiting.pop_front() {
                None => return Poll::Ready(None),
                Some(Step::Send(data)) if data.is_empty() => {}
                Some(Step::Send(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(Step::Make(mut chunks)) => {
                    if let Some(data) = chunks.next() {
                        self.waiting.push_front(Step::Make(chunks));
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Some(Step::Wait(time)) => self.sleep = Some(Box::pin(tokio::time::sleep(time))),
                Some(Step::Break) => return Poll::Ready(Some(Err(Broken))),
                Some(Step::Reset(lever)) => {
                    lever.reset();
                    // The connection goes away under this body; there is nobody left to wake.
                    return Poll::Pending;
                }
            }
        }
    }
}
