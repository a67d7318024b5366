//! A request's body on its way out: streamed, and where it may be needed again recorded as it passes.
//!
//! Recording is bounded per request and for the whole process, and room is reserved whole before the first byte. A body
//! beyond the bound still streams; it just cannot be sent a second time.

mod budget;
mod meter;
mod pieces;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

pub(super) use budget::{Budget, Reservation};
pub(super) use meter::{Meter, Progress};
pub(super) use pieces::Pieces;

use super::headers;

/// Pieces smaller than this are copied together, so that a body of single bytes costs what it weighs.
const PIECE_SIZE_MIN: usize = 4096;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A request's body, from which each attempt gets its own reading.
pub(super) enum RequestBody {
    /// There is none.
    Empty,
    /// Can be read once.
    Once(Option<Box<Source>>),
    /// Can be read again from its beginning while it stays within bounds.
    Taped(Arc<Tape>),
}

/// The caller's body and the watch over it.
pub(super) struct Source {
    body: Incoming,
    meter: Meter,
}

impl RequestBody {
    /// Takes a caller's body over. It is recorded if it is, or may be, at most `size_max` long and there is room.
    pub(super) fn new(
        body: Incoming,
        meter: impl FnOnce() -> Meter,
        budget: &Arc<Budget>,
        size_max: usize,
    ) -> Self {
        if body.is_end_stream() {
            return Self::Empty;
        }
        let room = body
            .size_hint()
            .exact()
            .map_or(Some(size_max), |size| usize::try_from(size).ok());
        let source = Source::new(body, meter());
        let reserved = room
            .filter(|room| *room <= size_max)
            .and_then(|room| Budget::reserve(budget, room));
        match reserved {
            Some(reservation) => Self::Taped(Tape::new(source, size_max, reservation)),
            None => Self::Once(Some(Box::new(source))),
        }
    }

    /// Whether it could be sent again, as far as is known.
    pub(super) fn replayable(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(_) => false,
            Self::Taped(tape) => !tape.state().overflowed,
        }
    }

    /// A reading from the beginning; the one before, if any, ends with an error and so ends its connection. `None` where
    /// there is nothing to read again.
    pub(super) fn reading(&mut self) -> Option<OutBody> {
        match self {
            Self::Empty => Some(OutBody::Empty),
            Self::Once(source) => source.take().map(OutBody::Once),
            Self::Taped(tape) => {
                let mut state = tape.state();
                if state.overflowed && state.reading > 0 {
                    return None;
                }
                state.reading += 1;
                Some(OutBody::Taped(Reading {
                    tape: Arc::clone(tape),
                    number: state.reading,
                    next_piece: 0,
                    trailers_given: false,
                }))
            }
        }
    }
}

/// A recorded body.
pub(super) struct Tape {
    state: Mutex<TapeState>,
}

struct TapeState {
    source: Source,
    pieces: VecDeque<Bytes>,
    /// Small pieces are gathered here; its content has been delivered to the reading that recorded it.
    tail: BytesMut,
    trailers: Option<HeaderMap>,
    ended: bool,
    overflowed: bool,
    size: usize,
    size_max: usize,
    reservation: Option<Reservation>,
    /// The number of the only reading that may go on.
    reading: u32,
}

impl Tape {
    fn new(source: Source, size_max: usize, reservation: Reservation) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(TapeState {
                source,
                pieces: VecDeque::new(),
                tail: BytesMut::new(),
                trailers: None,
                ended: false,
                overflowed: false,
                size: 0,
                size_max,
                reservation: Some(reservation),
                reading: 0,
            }),
        })
    }

    fn state(&self) -> MutexGuard<'_, TapeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TapeState {
    fn record(&mut self, piece: &Bytes) {
        if self.overflowed {
            return;
        }
        self.size += piece.len();
        if self.size > self.size_max {
            self.overflowed = true;
            self.pieces = VecDeque::new();
            self.tail = BytesMut::new();
            self.reservation = None;
            return;
        }
        if piece.len() < PIECE_SIZE_MIN {
            self.tail.extend_from_slice(piece);
            if self.tail.len() >= PIECE_SIZE_MIN {
                self.seal_tail();
            }
        } else {
            self.seal_tail();
            self.pieces.push_back(piece.clone());
        }
    }

    fn seal_tail(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    fn poll_source(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(self.source.poll(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(piece) = frame.data_ref() {
                    self.record(piece);
                } else if let Some(trailers) = frame.trailers_ref() {
                    self.trailers = Some(trailers.clone());
                }
            }
            Some(Err(_)) => {}
            None => self.ended = true,
        }
        if self.source.body.is_end_stream() {
            self.ended = true;
        }
        Poll::Ready(frame)
    }
}

/// Why a body was not read to its end.
pub(super) enum Interrupted {
    /// It is longer than allowed.
    TooLarge,
    /// It broke off, or stood still; the progress tells which.
    Broken,
}

impl Source {
    pub(super) fn new(body: Incoming, meter: Meter) -> Self {
        Self { body, meter }
    }

    /// What is known of its length.
    pub(super) fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    /// Reads it whole, without trailers.
    pub(super) async fn collect(mut self, size_max: usize) -> Result<Bytes, Interrupted> {
        let mut first = Bytes::new();
        let mut gathered = BytesMut::new();
        while let Some(frame) = poll_fn(|context| self.poll(context)).await {
            let frame = frame.map_err(|_broken| Interrupted::Broken)?;
            let Ok(piece) = frame.into_data() else {
                continue;
            };
            if first.len() + gathered.len() + piece.len() > size_max {
                return Err(Interrupted::TooLarge);
            }
            if first.is_empty() && gathered.is_empty() {
                // Most come in one piece, which needs no copy.
                first = piece;
                continue;
            }
            if gathered.is_empty() {
                let announced = self
                    .body
                    .size_hint()
                    .lower()
                    .saturating_add(piece.len() as u64);
                let rest = usize::try_from(announced)
                    .unwrap_or(usize::MAX)
                    .min(size_max);
                gathered.reserve(first.len() + rest);
                gathered.extend_from_slice(&std::mem::take(&mut first));
            }
            gathered.extend_from_slice(&piece);
        }
        Ok(if gathered.is_empty() {
            first
        } else {
            gathered.freeze()
        })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let frame = ready!(self.meter.watch(context, polled, self.body.is_end_stream()));
        Poll::Ready(frame.map(|frame| {
            frame.map(|frame| match frame.into_trailers() {
                Ok(trailers) => Frame::trailers(headers::trailers(&trailers)),
                Err(frame) => frame,
            })
        }))
    }
}

/// One attempt's reading of a body: what hyper sends.
pub(super) enum OutBody {
    /// Nothing.
    Empty,
    /// The caller's body itself.
    Once(Box<Source>),
    /// A recorded body.
    Taped(Reading),
    /// One that was put together here.
    Pieces(Pieces),
}

/// A reading of a tape: first what was recorded, then what still comes.
pub(super) struct Reading {
    tape: Arc<Tape>,
    number: u32,
    next_piece: usize,
    trailers_given: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("this attempt was given up")]
struct GivenUp;

impl Reading {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.tape.state();
        if state.reading != self.number {
            return Poll::Ready(Some(Err(Box::new(GivenUp))));
        }
        if self.number == 1 {
            // The first reading is always at the end of the tape.
            return state.poll_source(context);
        }
        if state.overflowed {
            // Reached only by a reading that had caught up before.
            return state.poll_source(context);
        }
        if self.next_piece == state.pieces.len() {
            state.seal_tail();
        }
        if let Some(piece) = state.pieces.get(self.next_piece) {
            self.next_piece += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece.clone()))));
        }
        if state.ended {
            let trailers = state.trailers.clone().filter(|_| !self.trailers_given);
            self.trailers_given = true;
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        }
        let frame = ready!(state.poll_source(context));
        state.seal_tail();
        self.next_piece = state.pieces.len();
        self.trailers_given = state.trailers.is_some();
        Poll::Ready(frame)
    }
}

impl Body for OutBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Once(source) => source.poll(context),
            Self::Taped(reading) => reading.poll(context),
            Self::Pieces(pieces) => Poll::Ready(pieces.next().map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Once(source) => source.body.is_end_stream(),
            Self::Taped(reading) => {
                let state = reading.tape.state();
                let nothing_taped = reading.number == 1
                    || (reading.next_piece == state.pieces.len() && state.tail.is_empty());
                let trailers_due =
                    state.trailers.is_some() && !reading.trailers_given && reading.number > 1;
                state.ended && nothing_taped && !trailers_due
            }
            Self::Pieces(pieces) => pieces.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            // The request's Content-Length, where it has one, is passed on as a header and frames the body.
            Self::Once(_) | Self::Taped(_) => SizeHint::default(),
            // The length is ours, and so is the framing.
            Self::Pieces(pieces) => SizeHint::with_exact(pieces.left()),
        }
    }
}
