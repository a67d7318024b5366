//! The token endpoint's wire: one POST, JSON or a form, and both shapes in which it says no.
//!
//! One call is one attempt; how often and when is `store`'s matter. What an endpoint sends is never logged whole, and a
//! secret that it says back is not quoted.

use std::future::{Future, ready};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, DATE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::MintError;
use super::scopes::{self, Scopes};
use super::tally::{self, Tally};
use crate::clock::Now;
use crate::secret::{REDACTED, Secret};
use crate::upstream::{Destination, SendError, Upstream};

/// A token response larger than this is not one; the vendor's is below 2 KiB.
const ANSWER_SIZE_MAX: usize = 1 << 20;
/// Words of the endpoint that are passed on to callers and logs.
const WORDS_MAX: usize = 300;

/// How a request's fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// As Marketing Cloud documents it.
    Json,
    /// As RFC 6749 has it.
    Form,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field<'a> {
    Text(&'a str),
    Number(u64),
    Secret(&'a Secret),
}

/// One token request.
pub(super) struct Question<'a> {
    /// What metrics call it.
    pub(super) grant: &'static str,
    pub(super) destination: &'a Destination,
    /// The path.
    pub(super) target: &'a str,
    pub(super) format: Format,
    pub(super) fields: Vec<(&'static str, Field<'a>)>,
    /// By when an answer has to be there.
    pub(super) deadline: Instant,
}

/// A token response, of whatever kind of tenant.
#[derive(Deserialize)]
pub(super) struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    issued_at: Value,
    pub(super) rest_instance_url: Option<String>,
    pub(super) soap_instance_url: Option<String>,
    pub(super) instance_url: Option<String>,
    refresh_token: Option<String>,
    #[serde(default)]
    scope: Value,
    /// What `scope` names, without any secret that was sent; `None`: it is not there.
    #[serde(skip)]
    pub(super) scopes: Option<Scopes>,
    /// The server's clock.
    #[serde(skip)]
    pub(super) date: Option<SystemTime>,
    /// When the request left.
    #[serde(skip, default = "Now::read")]
    pub(super) sent: Now,
}

/// `{error, error_description}` as OAuth has it, or `{message, errorcode}` as the vendor's REST has it.
#[derive(Deserialize, Default)]
struct Refused {
    error: Option<String>,
    error_description: Option<String>,
    message: Option<String>,
    errorcode: Option<Value>,
}

/// What came of a question.
pub(super) struct Asked {
    pub(super) outcome: Result<Granted, MintError>,
    /// The endpoint has said no, so that whatever was sent is not spent.
    pub(super) refused: bool,
}

impl Question<'_> {
    /// Asks once.
    pub(super) async fn ask(
        self,
        upstream: &Upstream,
        tally: &Tally,
    ) -> Result<Granted, MintError> {
        let asked = self.ask_after(ready(Ok(())), upstream, tally);
        asked.await.outcome
    }

    /// Asks once, and between the connection and the first byte of the request waits for `leave`, which may forbid it.
    pub(super) async fn ask_after(
        self,
        leave: impl Future<Output = Result<(), MintError>>,
        upstream: &Upstream,
        tally: &Tally,
    ) -> Asked {
        let started = Now::read().monotonic;
        let mut span = tally.span(self.grant, self.destination.host(), self.target);
        let mut status = None;
        let answer = self.answer(leave, upstream, &mut status);
        let outcome = match tokio::time::timeout_at(self.deadline, answer).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(unavailable(format!(
                "no answer within {:?}",
                started.elapsed()
            ))),
        };
        if !matches!(outcome, Err(MintError::Busy)) {
            tally.count(self.grant, outcome.as_ref().err(), started.elapsed());
        }
        if let Some(span) = &mut span {
            if let Some(status) = status {
                span.status(status);
            }
            if let Err(error) = &outcome {
                span.failed(tally::word(error));
            }
        }
        Asked {
            outcome,
            refused: status.is_some_and(|status| status != StatusCode::OK),
        }
    }

    async fn answer(
        &self,
        leave: impl Future<Output = Result<(), MintError>>,
        upstream: &Upstream,
        status: &mut Option<StatusCode>,
    ) -> Result<Granted, MintError> {
        let (sent, answer) = self.exchange_after(leave, upstream).await?;
        let answer = answer.map_err(|error| unavailable(error.to_string()))?;
        *status = Some(answer.status());
        self.read(sent, &answer)
    }

    /// The request leaves, and what it brings is not judged.
    pub(super) async fn exchange(
        &self,
        upstream: &Upstream,
    ) -> Result<(Now, Result<Response<Bytes>, SendError>), MintError> {
        self.exchange_after(ready(Ok(())), upstream).await
    }

    /// The same, and waits for `leave` between the connection and the request.
    async fn exchange_after(
        &self,
        leave: impl Future<Output = Result<(), MintError>>,
        upstream: &Upstream,
    ) -> Result<(Now, Result<Response<Bytes>, SendError>), MintError> {
        let request = self.request()?;
        let connection = match upstream.connect_alone(self.destination).await {
            Ok(connection) => connection,
            Err(error) => return Ok((Now::read(), Err(error))),
        };
        leave.await?;
        let sent = Now::read();
        Ok((sent, connection.send(request, ANSWER_SIZE_MAX).await))
    }

    /// What an answer says; the request left at `sent`.
    pub(super) fn read(&self, sent: Now, answer: &Response<Bytes>) -> Result<Granted, MintError> {
        if answer.status() != StatusCode::OK {
            return Err(self.read_refusal(answer));
        }
        // serde's message would quote the answer, and with it the token.
        let mut granted: Granted = serde_json::from_slice(answer.body())
            .map_err(|_quotes| unavailable("its answer is not a token response".to_owned()))?;
        if granted.access_token.is_empty() {
            let cause = "its answer has an empty access_token";
            return Err(unavailable(cause.to_owned()));
        }
        granted.sent = sent;
        granted.date = date(answer.headers());
        granted.scopes = granted.scope.as_str().and_then(|named| {
            let token = granted.access_token.as_str();
            scopes::read(&self.redacted(named.replace(token, REDACTED)))
        });
        Ok(granted)
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, MintError> {
        let (body, content_type) = match self.format {
            Format::Json => (self.json()?, "application/json"),
            Format::Form => (self.form(), "application/x-www-form-urlencoded"),
        };
        Request::builder()
            .method(Method::POST)
            .uri(self.target)
            .header(HOST, self.destination.authority())
            .header(CONTENT_TYPE, HeaderValue::from_static(content_type))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(
                USER_AGENT,
                HeaderValue::from_static(concat!("sfmc-auth-proxy/", env!("CARGO_PKG_VERSION"))),
            )
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unavailable(error.to_string()))
    }

    fn json(&self) -> Result<Vec<u8>, MintError> {
        let value = |field: &Field<'_>| match field {
            Field::Number(number) => Value::from(*number),
            Field::Text(text) => Value::from(*text),
            Field::Secret(secret) => Value::from(secret.expose()),
        };
        let fields = self.fields.iter();
        let object: Map<String, Value> = fields
            .map(|(name, field)| ((*name).to_owned(), value(field)))
            .collect();
        serde_json::to_vec(&object).map_err(|error| unavailable(error.to_string()))
    }

    fn form(&self) -> Vec<u8> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, field) in &self.fields {
            match field {
                Field::Number(number) => form.append_pair(name, &number.to_string()),
                Field::Text(text) => form.append_pair(name, text),
                Field::Secret(secret) => form.append_pair(name, secret.expose()),
            };
        }
        form.finish().into_bytes()
    }

    fn read_refusal(&self, answer: &Response<Bytes>) -> MintError {
        let status = answer.status();
        let said: Refused = serde_json::from_slice(answer.body()).unwrap_or_default();
        let error = said
            .error
            .or_else(|| said.errorcode.map(|code| format!("errorcode {code}")));
        let description = said.error_description.or(said.message);
        let error = self.words(error.unwrap_or_default());
        let description = self.words(description.unwrap_or_default());
        if !is_worth_another_try(status) {
            return MintError::Rejected {
                status: status.as_u16(),
                error,
                description,
            };
        }
        let cause = format!("{status} {error} {description}");
        MintError::Unavailable {
            cause: cause.trim_end().to_owned(),
            retry_after: retry_after(answer.headers()),
        }
    }

    /// Printable words of bounded length: what an endpoint says ends up in headers and logs.
    pub(super) fn words(&self, text: String) -> String {
        self.redacted(text)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(WORDS_MAX)
            .collect()
    }

    /// Without any secret that was sent.
    fn redacted(&self, mut text: String) -> String {
        for (_name, field) in &self.fields {
            if let Field::Secret(secret) = field
                && !secret.is_empty()
            {
                text = text.replace(secret.expose(), REDACTED);
            }
        }
        text
    }
}

impl Granted {
    /// The access token.
    pub(super) fn access_token(&self) -> Secret {
        Secret::new(self.access_token.clone())
    }

    /// The refresh token that came with it.
    pub(super) fn refresh_token(&self) -> Option<Secret> {
        let token = self.refresh_token.clone().map(Secret::new);
        token.filter(|token| !token.is_empty())
    }

    /// How long the token lives from when the request left.
    pub(super) fn lifetime(&self) -> Option<Duration> {
        match &self.expires_in {
            Value::String(text) => seconds(text.trim().parse().ok()?),
            number => seconds(number.as_f64()?),
        }
    }

    /// The same for core Salesforce, which does not say it: `usual`, less what the token's session has lived already. Both
    /// times are the server's own, so that no clock but its counts.
    pub(super) fn lifetime_of_session(&self, usual: Duration) -> Duration {
        if let Some(lifetime) = self.lifetime() {
            return lifetime;
        }
        let milliseconds = match &self.issued_at {
            Value::String(text) => text.trim().parse().ok(),
            number => number.as_u64(),
        };
        let issued = milliseconds.and_then(|milliseconds| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
        });
        let lived = match (self.date, issued) {
            (Some(date), Some(issued)) => date.duration_since(issued).unwrap_or_default(),
            _ => Duration::ZERO,
        };
        // A session that is older than that has been in use, which is what keeps it alive.
        usual.saturating_sub(lived).max(usual / 4)
    }
}

fn seconds(seconds: f64) -> Option<Duration> {
    // A year is beyond any token; the bound keeps clock arithmetic sound.
    (seconds > 0.0 && seconds <= 31_536_000.0).then(|| Duration::from_secs_f64(seconds))
}

fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error()
        || status.is_informational()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

/// The endpoint has trouble of its own, or there is no way to it.
pub(super) fn unavailable(cause: impl Into<String>) -> MintError {
    MintError::Unavailable {
        cause: cause.into(),
        retry_after: None,
    }
}

/// The server's clock.
pub(super) fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let date = headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}

/// `Retry-After` as seconds or as a date.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(
        date.duration_since(Now::read().wall)
            .unwrap_or(Duration::ZERO),
    )
}
