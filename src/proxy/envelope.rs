//! A SOAP request on its way in: read whole, unpacked, and taken apart, so that any token can be put in.
//!
//! Held in bounded room that is reserved before the first byte. Never sends anything, and never changes the Body.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use http::{HeaderMap, StatusCode};

use super::error::{Code, ProxyError};
use super::replay::{Budget, Interrupted, Pieces, Progress, Reservation, Source};
use crate::identity::Presented;
use crate::soap::envelope::{self, Dialect, Envelope};
use crate::soap::fault::Coding;
use crate::soap::{Content, Version};
use crate::token::{AccessToken, Route};

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
/// How long a request waits for others to give room back.
const ROOM_PATIENCE: Duration = Duration::from_secs(10);

/// Where envelopes are held.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) budget: Arc<Budget>,
    /// Largest envelope, unpacked.
    pub(super) size_max: usize,
}

/// An envelope that was read, and the room that it takes.
pub(super) struct Enclosed {
    envelope: Envelope,
    /// The path that it was sent to, which `To` has to name.
    path: String,
    progress: Arc<Progress>,
    _room: Reservation,
}

impl Desk {
    /// Reads a request's envelope.
    pub(super) async fn read(
        &self,
        dialect: Dialect,
        headers: &HeaderMap,
        path: &str,
        source: Source,
        progress: &Arc<Progress>,
    ) -> Result<Enclosed, ProxyError> {
        let coding = coding(headers)?;
        let announced = source.size_hint().exact();
        let announced = announced.map(|size| usize::try_from(size).unwrap_or(usize::MAX));
        if announced.is_some_and(|size| size > self.size_max) {
            return Err(self.too_large());
        }
        // How much a packed body holds, or one without a length, is not known before it has been read.
        let room = announced
            .filter(|_| coding == Coding::Identity)
            .unwrap_or(self.size_max);
        let mut room = Budget::reserve_within(&self.budget, room, ROOM_PATIENCE)
            .await
            .ok_or_else(overloaded)?;
        let received = match source.collect(self.size_max).await {
            Ok(received) => received,
            Err(Interrupted::TooLarge) => return Err(self.too_large()),
            Err(Interrupted::Broken) => return Err(ProxyError::of_caller(progress.has_stalled())),
        };
        let received = match coding {
            Coding::Identity => received,
            Coding::Gzip => self.unpack(&received)?,
        };
        room.shrink(received.len());
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let content = Content {
            content_type: text(CONTENT_TYPE),
            soap_action: text(SOAP_ACTION),
        };
        Ok(Enclosed {
            envelope: envelope::scan_as(dialect, &received, &content)?,
            path: path.to_owned(),
            progress: Arc::clone(progress),
            _room: room,
        })
    }

    fn unpack(&self, packed: &[u8]) -> Result<Bytes, ProxyError> {
        let limit = u64::try_from(self.size_max).unwrap_or(u64::MAX);
        let mut unpacked = Vec::new();
        MultiGzDecoder::new(packed)
            .take(limit.saturating_add(1))
            .read_to_end(&mut unpacked)
            .map_err(|_broken| {
                ProxyError::new(
                    Code::MalformedEnvelope,
                    "The body is not what its Content-Encoding says (gzip). Nothing was sent.",
                )
            })?;
        if unpacked.len() > self.size_max {
            return Err(self.too_large());
        }
        Ok(unpacked.into())
    }

    fn too_large(&self) -> ProxyError {
        ProxyError::new(
            Code::BodyTooLarge,
            format!(
                "The envelope is larger than {} bytes (limits.max_envelope_size). Nothing was sent. Send fewer objects at a \
                 time, or raise the limit.",
                self.size_max
            ),
        )
    }
}

fn overloaded() -> ProxyError {
    let mut error = ProxyError::new(
        Code::Overloaded,
        "There is no room to hold this envelope (limits.max_buffered_size). Nothing was sent. Send it again later, or with \
         fewer calls at the same time.",
    );
    error.retry_after = Some(ROOM_PATIENCE);
    error
}

fn coding(headers: &HeaderMap) -> Result<Coding, ProxyError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let (first, more) = (values.next(), values.next());
    let named = first.map(|value| value.to_str().unwrap_or("?"));
    Coding::named(named)
        .filter(|_| more.is_none())
        .ok_or_else(|| {
            ProxyError::new(
                Code::UnsupportedEncoding,
                "The body's Content-Encoding is not supported for SOAP. Nothing was sent. Send it plain, or as gzip.",
            )
        })
}

impl Enclosed {
    /// What was read.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Adds the credentials that the envelope came with.
    pub(super) fn present(&self, presented: &mut Presented<'_>) {
        let credentials = self.envelope.credentials();
        for token in &credentials.tokens {
            presented.secret(token);
        }
        for named in &credentials.usernames {
            if let (Some(name), Some(password)) = (&named.username, &named.password) {
                presented.password(name, password);
            }
        }
    }

    /// The kind of call.
    pub(super) fn route(&self) -> Route {
        let operation = self.envelope.operation().map(envelope::Operation::name);
        let operation = operation.or(self.envelope.body_element());
        let types = self.envelope.object_types().iter().map(String::as_str);
        Route::soap(operation.unwrap_or_default(), types)
    }

    /// The body for one attempt, with that attempt's token.
    pub(super) fn render(&self, token: &AccessToken) -> Pieces {
        let instance = token.soap();
        let url = format!(
            "{}{}{}",
            instance.destination().url(),
            instance.base_path(),
            self.path
        );
        let rendered = self.envelope.render(token.secret().expose(), &url);
        let progress = Arc::clone(&self.progress);
        Pieces::new(VecDeque::from(rendered.pieces), rendered.length, progress)
    }
}

/// The SOAP version in which a caller expects a Fault, by its media type.
pub(super) fn expected_version(headers: &HeaderMap) -> Version {
    let media_type = headers.get(CONTENT_TYPE);
    let media_type = media_type.and_then(|value| value.to_str().ok());
    let media_type = media_type.unwrap_or_default().split(';').next();
    if media_type.is_some_and(|name| name.trim().eq_ignore_ascii_case("application/soap+xml")) {
        Version::Soap12
    } else {
        Version::Soap11
    }
}

/// The HTTP status of a Fault: SOAP stacks look into a body with 500, and take 401 and 407 for what they are.
pub(super) fn fault_status(status: StatusCode) -> StatusCode {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::PROXY_AUTHENTICATION_REQUIRED => status,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
