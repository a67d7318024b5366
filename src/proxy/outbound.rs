//! Head and token become a request to the tenant, and the wait for its answer has an end.
//!
//! A request that has wholly left is followed to its answer's head even if the caller goes away, so that the log says what
//! became of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{Extensions, Method, Request, StatusCode, Uri, Version};

use super::asked::Api;
use super::error::{Code, ProxyError};
use super::headers::{Onward, TRACE_PARENT};
use super::record::{CANCELLED, Record};
use super::replay::OutBody;
use crate::server::Connection;
use crate::spans::{self, Span};
use crate::token::{AccessToken, InstanceUrl};
use crate::upstream::{Answer, Pool, SendError};

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the last byte of the request to the head of its answer.
    pub(super) response_head: Duration,
    /// While the request's body is under way: without any byte moving.
    pub(super) body_stall: Duration,
}

/// One request as it leaves, but for the token.
pub(super) struct Outbound {
    pub(super) api: Api,
    pub(super) method: Method,
    pub(super) target: PathAndQuery,
    pub(super) head: Onward,
    /// Carries how the caller wrote header names, for `preserve_header_case`.
    pub(super) extensions: Extensions,
}

impl Outbound {
    /// Puts token and instance in; both are of one token response.
    fn request(&self, token: &AccessToken, body: OutBody) -> Result<Request<OutBody>, ProxyError> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = target(self.instance(token), &self.target)?;
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = match self.api {
            Api::Rest | Api::Endpoints | Api::UserInfo => {
                self.head.with_bearer(token, self.instance(token))
            }
            Api::Bulk => self
                .head
                .with_session(token, self.instance(token))
                .ok_or_else(|| {
                    ProxyError::new(Code::InternalError, "No header can carry the token.")
                })?,
            // The envelope carries the token, and what describes SOAP needs none.
            Api::Soap(_) | Api::Wsdl | Api::Token(_) => self.head.without_bearer(token.soap()),
        };
        *request.extensions_mut() = self.extensions.clone();
        Ok(request)
    }

    /// Where a call of this API goes with this token.
    fn instance<'a>(&self, token: &'a AccessToken) -> &'a InstanceUrl {
        match self.api {
            Api::Rest | Api::Endpoints | Api::Bulk => token.rest(),
            Api::Soap(_) | Api::Wsdl | Api::Token(_) => token.soap(),
            Api::UserInfo => token.auth(),
        }
    }
}

fn target(instance: &InstanceUrl, target: &PathAndQuery) -> Result<Uri, ProxyError> {
    let whole = if instance.base_path().is_empty() {
        Ok(target.clone())
    } else {
        PathAndQuery::try_from(format!("{}{}", instance.base_path(), target.as_str()))
    };
    let mut parts = http::uri::Parts::default();
    parts.path_and_query = Some(whole.map_err(|_invalid| invalid_target())?);
    Uri::from_parts(parts).map_err(|_invalid| invalid_target())
}

fn invalid_target() -> ProxyError {
    ProxyError::new(Code::MalformedRequest, "The path is not valid.")
}

/// Sends one attempt and waits for the head of its answer.
pub(super) async fn send(
    pool: &Arc<Pool<OutBody>>,
    outbound: &Outbound,
    token: &AccessToken,
    body: OutBody,
    patience: Patience,
    record: &Arc<Record>,
    connection: &Arc<Connection>,
) -> Result<Answer<OutBody>, ProxyError> {
    let mut request = outbound.request(token, body)?;
    let span = record.attempt(outbound.instance(token).destination());
    let context = span.as_ref().map(Span::context);
    if let Some(traceparent) = context.as_ref().and_then(spans::Context::traceparent) {
        request.headers_mut().insert(TRACE_PARENT, traceparent);
    }
    let progress = Arc::clone(record.progress());
    progress.start_again();
    let started = Instant::now();
    let leaving = Arc::clone(&progress);
    let destination = outbound.instance(token).destination();
    let sending = Arc::clone(pool).send(Arc::clone(destination), request, move || leaving.leave());
    let mut followed = Followed {
        sending: Some(Box::pin(sending)),
        record: Arc::clone(record),
        connection: Arc::clone(connection),
        patience,
        started,
        span,
    };
    let mut limit = std::pin::pin!(tokio::time::sleep(
        patience.response_head.min(patience.body_stall)
    ));
    let outcome = loop {
        tokio::select! {
            biased;
            outcome = &mut followed => break outcome,
            () = &mut limit => match time_left(record, patience) {
                Some(left) => limit.as_mut().reset(tokio::time::Instant::now() + left),
                None => {
                    followed.sending = None;
                    return Err(followed.failed(timed_out(destination.host(), patience)));
                }
            },
        }
    };
    match outcome {
        Ok(answer) => {
            followed.answered(answer.status());
            Ok(answer)
        }
        Err(_) if progress.has_caller_failed() => {
            Err(followed.failed(ProxyError::of_caller(progress.has_stalled())))
        }
        Err(error) => Err(followed.failed(error.into())),
    }
}

/// How much longer to wait; `None` when the time is up.
fn time_left(record: &Record, patience: Patience) -> Option<Duration> {
    let progress = record.progress();
    if !progress.is_leaving() {
        // Connecting has a limit of its own.
        return Some(patience.body_stall);
    }
    if progress.is_callers_turn() {
        // The caller's standing still is seen where its body is read.
        return Some(patience.body_stall);
    }
    let limit = if progress.has_left() {
        patience.response_head
    } else {
        patience.body_stall
    };
    let left = limit.saturating_sub(progress.quiet_for());
    (left > Duration::ZERO).then_some(left.max(Duration::from_millis(1)))
}

fn timed_out(host: &str, patience: Patience) -> ProxyError {
    let limit = humantime::format_duration(patience.response_head);
    ProxyError::new(
        Code::UpstreamTimeout,
        format!(
            "{host} gave no answer in time (response_head = {limit}). It is not known whether the request took effect; the \
             proxy does not send it again. Raise timeouts.response_head if such calls may take longer."
        ),
    )
}

type Sending = Pin<Box<dyn Future<Output = Result<Answer<OutBody>, SendError>> + Send>>;

/// An attempt under way. Dropped after all of the request has left, it goes on by itself to the answer's head.
struct Followed {
    sending: Option<Sending>,
    record: Arc<Record>,
    connection: Arc<Connection>,
    patience: Patience,
    started: Instant,
    span: Option<Span>,
}

impl Followed {
    fn answered(&mut self, status: StatusCode) {
        self.record
            .upstream_answered(status, self.started.elapsed());
        if let Some(mut span) = self.span.take() {
            span.status(status);
        }
    }

    fn failed(&mut self, error: ProxyError) -> ProxyError {
        self.record.upstream_failed(self.started.elapsed());
        if let Some(mut span) = self.span.take() {
            span.failed(error.code.name());
        }
        error
    }
}

impl Future for Followed {
    type Output = Result<Answer<OutBody>, SendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(sending) = &mut self.sending else {
            return Poll::Pending;
        };
        let polled = sending.as_mut().poll(context);
        if polled.is_ready() {
            self.sending = None;
        }
        polled
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let Some(sending) = self.sending.take() else {
            return;
        };
        self.record
            .broke_off("the caller went away before the answer");
        let mut span = self.span.take();
        if !self.record.progress().has_left() {
            if let Some(span) = &mut span {
                span.failed(CANCELLED);
            }
            return;
        }
        let (record, connection, patience, started) = (
            Arc::clone(&self.record),
            Arc::clone(&self.connection),
            self.patience,
            self.started,
        );
        tokio::spawn(async move {
            // Holds the connection's place, so that a drain waits for this too.
            let _place = connection;
            if let Ok(Ok(answer)) = tokio::time::timeout(patience.response_head, sending).await {
                record.upstream_answered(answer.status(), started.elapsed());
                if let Some(span) = &mut span {
                    span.status(answer.status());
                }
            } else if let Some(span) = &mut span {
                span.failed(CANCELLED);
            }
        });
    }
}
