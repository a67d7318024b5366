//! Bodies of forms: bounded in size and time, of one media type, each field once.

use std::collections::HashMap;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use zeroize::Zeroizing;

use super::page::{Answer, text};

const SIZE_MAX: usize = 16 << 10;
const TIMEOUT: Duration = Duration::from_secs(10);

/// The fields of a form.
#[derive(Default)]
pub(super) struct Form(HashMap<String, Zeroizing<String>>);

impl Form {
    /// Reads a form, or says what is wrong with it.
    pub(super) async fn read(headers: &HeaderMap, body: Incoming) -> Result<Self, Box<Answer>> {
        let wrong = |status, words| Err(Box::new(text(status, words)));
        let media_type = headers.get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next());
        let is_form = media_type.is_some_and(|media_type| {
            let form = "application/x-www-form-urlencoded";
            media_type.trim().eq_ignore_ascii_case(form)
        });
        if !is_form {
            return wrong(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Send application/x-www-form-urlencoded.\n",
            );
        }
        let body = Limited::new(body, SIZE_MAX).collect();
        let body = match tokio::time::timeout(TIMEOUT, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return wrong(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "A form has 16 KiB at most.\n",
                );
            }
            Ok(Err(_cut)) => return wrong(StatusCode::BAD_REQUEST, "The form came in part.\n"),
            Err(_elapsed) => {
                return wrong(StatusCode::REQUEST_TIMEOUT, "The form did not come.\n");
            }
        };
        let mut fields = HashMap::new();
        for (name, value) in form_urlencoded::parse(&body) {
            let value = Zeroizing::new(value.into_owned());
            if fields.insert(name.into_owned(), value).is_some() {
                return wrong(StatusCode::BAD_REQUEST, "A field came twice.\n");
            }
        }
        Ok(Self(fields))
    }

    /// The names of its fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// A field; empty where there is none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.as_str())
    }
}
