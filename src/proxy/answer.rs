//! The answer's body on its way to the caller: streamed, counted, and cut visibly where it breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};

use super::headers;
use super::record::Record;
use super::replay::OutBody;
use crate::server::Connection;
use crate::upstream::{Answer, PooledBody};
use crate::watch::BusyGuard;

const DISCARD_SIZE_MAX: u64 = 64 << 10;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the server sends.
pub enum AnswerBody {
    /// The proxy's own words.
    Whole(Bytes),
    /// The tenant's, as they come.
    Streamed(Box<Streamed>),
}

/// A tenant's answer that is passed on.
pub struct Streamed {
    body: PooledBody<OutBody>,
    record: Arc<Record>,
    connection: Arc<Connection>,
    stall_timeout: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    ended: bool,
    _busy: BusyGuard,
}

#[derive(Debug, thiserror::Error)]
#[error("the tenant's answer stood still")]
struct Stalled;

impl Streamed {
    pub(super) fn new(
        body: PooledBody<OutBody>,
        record: Arc<Record>,
        connection: Arc<Connection>,
        stall_timeout: Duration,
    ) -> Self {
        let busy = connection.busy();
        let ended = body.is_end_stream();
        Self {
            body,
            record,
            connection,
            stall_timeout,
            sleep: None,
            ended,
            _busy: busy,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            return if self.stands_still(context) {
                Poll::Ready(Some(Err(self.cut(Box::new(Stalled)))))
            } else {
                Poll::Pending
            };
        };
        self.sleep = None;
        self.ended = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(match frame {
            Some(Ok(frame)) => Some(Ok(self.pass(frame))),
            Some(Err(error)) => Some(Err(self.cut(Box::new(error)))),
            None => None,
        })
    }

    fn pass(&self, frame: Frame<Bytes>) -> Frame<Bytes> {
        self.record.sent(frame.data_ref().map_or(0, Bytes::len));
        match frame.into_trailers() {
            Ok(trailers) => Frame::trailers(headers::trailers(&trailers)),
            Err(frame) => frame,
        }
    }

    fn stands_still(&mut self, context: &mut Context<'_>) -> bool {
        let limit = self.stall_timeout;
        self.sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)))
            .as_mut()
            .poll(context)
            .is_ready()
    }

    fn cut(&mut self, error: BoxError) -> BoxError {
        self.ended = true;
        self.connection.answer_was_cut();
        self.record
            .broke_off(format!("the answer was cut short: {error}"));
        error
    }
}

/// A refusal that is not delivered: a short one is read out of the way, so that its connection can be used again; a long
/// one ends its connection.
pub(super) fn discard(answer: Answer<OutBody>) {
    let body = answer.into_body();
    if body.is_end_stream()
        || body
            .size_hint()
            .upper()
            .is_none_or(|size| size > DISCARD_SIZE_MAX)
    {
        return;
    }
    tokio::spawn(tokio::time::timeout(DISCARD_TIMEOUT, body.collect()));
}

impl Drop for Streamed {
    fn drop(&mut self) {
        if !self.ended {
            self.record
                .broke_off("the caller went away during the answer");
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Streamed(streamed) => streamed.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(streamed) => streamed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Streamed(streamed) => streamed.body.size_hint(),
        }
    }
}
