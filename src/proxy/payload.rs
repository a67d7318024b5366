//! What a request carries, and how each attempt gets it: a body as it came, or an envelope with a token in it.

use super::envelope::Enclosed;
use super::replay::{OutBody, RequestBody};
use crate::soap::envelope::Envelope;
use crate::token::AccessToken;

/// A request's payload.
pub(super) enum Payload {
    /// Streamed, and recorded where there is room.
    Body(RequestBody),
    /// Held whole.
    Envelope(Box<Enclosed>),
}

impl Payload {
    /// Whether it could be sent again, as far as is known.
    pub(super) fn replayable(&self) -> bool {
        match self {
            Self::Body(body) => body.replayable(),
            Self::Envelope(_) => true,
        }
    }

    /// The envelope, where it is one.
    pub(super) fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Body(_) => None,
            Self::Envelope(enclosed) => Some(enclosed.envelope()),
        }
    }

    /// The body of the next attempt; `None` where there is nothing to read again.
    pub(super) fn reading(&mut self, token: &AccessToken) -> Option<OutBody> {
        match self {
            Self::Body(body) => body.reading(),
            Self::Envelope(enclosed) => Some(OutBody::Pieces(enclosed.render(token))),
        }
    }
}
