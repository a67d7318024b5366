//! Answers in the vendor's shapes.
//!
//! Decides nothing: whoever answers says the status.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::payload::Payload;
use super::switches::ErrorShape;

/// What a face says.
pub(super) type Answer = Response<Payload>;

/// An answer of that status; what is no status becomes 500.
pub(super) fn whole(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = bare(status, Payload::Whole(body.into()));
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An answer without any header of ours.
pub(super) fn bare(status: u16, payload: Payload) -> Answer {
    let mut answer = Response::new(payload);
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

pub(super) fn json(status: u16, body: &Value) -> Answer {
    whole(status, "application/json; charset=utf-8", body.to_string())
}

/// `{message, errorcode, documentation}`, as the REST face and parts of the auth face say it.
pub(super) fn vendor(status: u16, message: &str, errorcode: u64) -> Answer {
    json(
        status,
        &json!({"message": message, "errorcode": errorcode, "documentation": ""}),
    )
}

/// `{error, error_description, error_uri}`, as RFC 6749 has it.
pub(super) fn oauth(status: u16, error: &str, description: &str) -> Answer {
    json(
        status,
        &json!({
            "error": error,
            "error_description": description,
            "error_uri": "https://developer.salesforce.com/docs",
        }),
    )
}

/// What REST says to a token that it does not accept, for whatever reason.
pub(super) fn not_authorized() -> Answer {
    vendor(401, "Not Authorized", 0)
}

/// The vendor's validation error.
pub(super) fn invalid(errorcode: u64, message: &str) -> Answer {
    json(
        400,
        &json!({
            "message": message,
            "errorcode": errorcode,
            "documentation": "",
            "additionalErrors": [
                {"message": message, "errorcode": errorcode, "documentation": ""},
            ],
        }),
    )
}

pub(super) fn not_found() -> Answer {
    vendor(404, "Not Found", 0)
}

/// Adds a header, in place of those of that name; what is no header is left out.
pub(super) fn set_header(answer: &mut Answer, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
        answer.headers_mut().insert(name, value);
    }
}

/// The error that goes with a status, in the shape asked for.
pub(super) fn error(status: u16, shape: ErrorShape, retry_after: Option<u64>) -> Answer {
    if shape == ErrorShape::Oauth {
        let error = match status {
            401 => "invalid_client",
            429 | 503 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        return oauth(status, error, "Said because a script wanted it.");
    }
    match (status, retry_after) {
        (..400, _) => json(status, &json!({})),
        (401, _) => not_authorized(),
        (403, _) => vendor(
            403,
            "Insufficient privileges to perform this action.",
            20_002,
        ),
        (404, _) => not_found(),
        // With a time the limit is a rate, without one it is a block.
        (429, Some(seconds)) => json(
            429,
            &json!({
                "message": "API rate limit exceeded.",
                "errorcode": 50_100,
                "documentation": "",
                "retryAfter": seconds,
            }),
        ),
        (429, None) => vendor(429, "Your requests are temporarily blocked.", 50_200),
        (500.., _) => vendor(status, "Internal Server Error", 0),
        (400..500, _) => vendor(status, "Bad Request", 10_001),
    }
}
