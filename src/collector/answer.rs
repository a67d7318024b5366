//! What a collector's answer says of a batch. Quotes none of it: it may hold what was sent.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, Response, StatusCode};

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It arrived, and so many of its spans were refused.
    Rejected(usize),
    /// Not now, and why; perhaps with the time to come again.
    Later(String, Option<Duration>),
    /// Not at all, and why.
    Never(String),
}

/// By OTLP: four statuses are worth another attempt, and a success may be one in part.
pub(super) fn judge(answer: &Response<Bytes>) -> Taken {
    let status = answer.status();
    let cause = || format!("it answered {status}");
    match status {
        status if status.is_success() => Taken::Rejected(rejected_spans(answer.body())),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Taken::Later(cause(), retry_after(answer.headers())),
        _ => Taken::Never(cause()),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// `ExportTraceServiceResponse.partial_success.rejected_spans`; 0 where the answer does not say it, or is something else.
fn rejected_spans(body: &[u8]) -> usize {
    let partial_success = field(body, 1).and_then(|field| match field {
        Field::Bytes(bytes) => Some(bytes),
        Field::Number(_) => None,
    });
    match partial_success.and_then(|message| field(message, 1)) {
        Some(Field::Number(count)) => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// One field of a message in the Protocol Buffers wire format.
fn field(mut message: &[u8], wanted: u64) -> Option<Field<'_>> {
    while !message.is_empty() {
        let head = varint(&mut message)?;
        let field = match head & 7 {
            0 => Field::Number(varint(&mut message)?),
            2 => {
                let size = usize::try_from(varint(&mut message)?).ok()?;
                let (bytes, rest) = message.split_at_checked(size)?;
                message = rest;
                Field::Bytes(bytes)
            }
            // None that are of interest here.
            _ => return None,
        };
        if head >> 3 == wanted {
            return Some(field);
        }
    }
    None
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
