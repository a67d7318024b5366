//! The answer's body on its way to the caller: streamed, counted, and cut visibly where it breaks off.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep};

use super::error::{Code, ProxyError};
use super::headers;
use super::record::Record;
use super::replay::OutBody;
use crate::server::Connection;
use crate::upstream::PooledBody;
use crate::watch::BusyGuard;

const DISCARD_SIZE_MAX: u64 = 64 << 10;
/// The vendor's WSDL has some 300 KiB.
const DOCUMENT_SIZE_MAX: usize = 8 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A tenant's answer, of which the first part may have been looked at.
pub(super) type Received = Response<ReceivedBody>;

/// What was read of a body already, and the rest of it.
pub(super) struct ReceivedBody {
    first: VecDeque<Result<Frame<Bytes>, hyper::Error>>,
    rest: PooledBody<OutBody>,
}

impl ReceivedBody {
    /// A body of which nothing was read.
    pub(super) fn new(rest: PooledBody<OutBody>) -> Self {
        Self {
            first: VecDeque::new(),
            rest,
        }
    }

    /// Reads one more piece; it is kept for whoever gets the body.
    pub(super) async fn look(&mut self) -> Look {
        if self.rest.is_end_stream() {
            return Look::Ended;
        }
        let Some(frame) = self.rest.frame().await else {
            return Look::Ended;
        };
        let look = match &frame {
            Ok(frame) => Look::Piece(frame.data_ref().cloned().unwrap_or_default()),
            Err(_broken) => Look::Broken,
        };
        self.first.push_back(frame);
        look
    }

    /// The same, if a piece is at hand.
    pub(super) fn look_now(&mut self) -> Option<Bytes> {
        let mut context = Context::from_waker(Waker::noop());
        match pin!(self.look()).as_mut().poll(&mut context) {
            Poll::Ready(Look::Piece(piece)) => Some(piece),
            Poll::Ready(Look::Ended | Look::Broken) | Poll::Pending => None,
        }
    }
}

/// What there was to look at.
pub(super) enum Look {
    Piece(Bytes),
    Ended,
    /// Whoever gets the body is told again.
    Broken,
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.iter().flatten().filter_map(Frame::data_ref);
        let first: u64 = first.map(|piece| piece.len() as u64).sum();
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint
    }
}

/// What the server sends.
pub enum AnswerBody {
    /// The proxy's own words.
    Whole(Bytes),
    /// The tenant's, as they come.
    Streamed(Box<Streamed>),
}

/// A tenant's answer that is passed on.
pub struct Streamed {
    body: ReceivedBody,
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
        body: ReceivedBody,
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

/// Reads a document whole, however it comes.
pub(super) async fn read_document(
    answer: &mut Received,
    patience: Duration,
) -> Result<Vec<u8>, ProxyError> {
    let unreadable = || {
        ProxyError::new(
            Code::UpstreamUnreachable,
            "The tenant's document could not be read to its end, or is too large. Nothing was changed; ask for it again.",
        )
    };
    let mut document = Vec::new();
    let body = answer.body_mut();
    loop {
        let frame = tokio::time::timeout(patience, body.frame()).await;
        match frame.map_err(|_stalled| unreadable())? {
            Some(Ok(frame)) => {
                document.extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()))
            }
            Some(Err(_broken)) => return Err(unreadable()),
            None => return Ok(document),
        }
        if document.len() > DOCUMENT_SIZE_MAX {
            return Err(unreadable());
        }
    }
}

/// A refusal that is not delivered: a short one is read out of the way, so that its connection can be used again; a long
/// one ends its connection.
pub(super) fn discard(answer: Received) {
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
