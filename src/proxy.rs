//! The route of one request, on one screen.
//!
//! Every branch that a request can take stands here, in the order in which it meets them; every error leaves through
//! `rescue`. A request is sent once, and once more only after the tenant refused its token; nothing else is ever repeated.

mod answer;
mod caller;
mod envelope;
mod error;
mod headers;
mod outbound;
mod payload;
mod record;
mod relink;
mod replay;
mod rescue;
mod route;
mod setup;
mod sniff;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG};
use http::{HeaderValue, Method, Request, Response, StatusCode, request};
use hyper::body::Incoming;
use rustls_pki_types::CertificateDer;

pub use answer::AnswerBody;
pub use error::{Code, ProxyError};
pub use setup::{Proxy, SetupError};

use answer::{Received, ReceivedBody};
use caller::Caller;
use headers::Onward;
use outbound::Outbound;
use payload::Payload;
use record::Record;
use replay::{Meter, OutBody, Progress, RequestBody, Source};
use route::{Api, Choice};
use verdict::Verdict;

use crate::server::{Connection, Handler};
use crate::token::{AccessToken, AfterRefusal, Attempt, Because, EndpointSettings, Mid, Route};
use crate::upstream::Pool;

/// One worker's proxy: what all share, and a pool of its own.
pub struct Worker {
    proxy: Arc<Proxy>,
    pool: Arc<Pool<OutBody>>,
}

impl Handler for Worker {
    type Body = AnswerBody;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<AnswerBody> {
        let _busy = connection.busy();
        let (mut head, body) = request.into_parts();
        let progress = Progress::new(!http_body::Body::is_end_stream(&body));
        let record = Record::open(&self.proxy.metrics, &head, progress);
        match self.forward(&mut head, body, &connection, &record).await {
            Ok(answer) => answer,
            Err(error) => {
                let browser = head.headers.contains_key("sec-fetch-site");
                rescue::answer(&error, &record, browser, &head)
            }
        }
    }
}

/// What one request needs on its way out, for as many attempts as it gets.
struct Call<'a> {
    choice: Choice,
    route: Route,
    outbound: Outbound,
    payload: Payload,
    record: &'a Arc<Record>,
    connection: &'a Arc<Connection>,
}

impl Worker {
    async fn forward(
        &self,
        head: &mut request::Parts,
        body: Incoming,
        connection: &Arc<Connection>,
        record: &Arc<Record>,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let caller = self.proxy.door.admit(head, connection.local())?;
        let choice = self.proxy.router.choose(
            &head.uri,
            &head.method,
            &head.headers,
            connection.listener(),
        )?;
        record.routed(&choice);
        let mut call = self.call(head, body, choice, connection, record).await?;
        let token = self.token(&call).await?;
        let mut outcome = self.send(&mut call, token).await?;
        if outcome.verdict == Verdict::Refused {
            outcome = self.cure(&mut call, outcome).await?;
        }
        if call.choice.api == Api::Wsdl {
            return self.deliver_document(&call, outcome, &caller).await;
        }
        let takes_trailers = headers::accepts_trailers(&head.headers);
        Ok(self.deliver(&call, outcome, &caller, takes_trailers))
    }

    async fn call<'a>(
        &self,
        head: &mut request::Parts,
        body: Incoming,
        choice: Choice,
        connection: &'a Arc<Connection>,
        record: &'a Arc<Record>,
    ) -> Result<Call<'a>, ProxyError> {
        let proxy = &self.proxy;
        let meter = || {
            Meter::new(
                Arc::clone(record.progress()),
                Arc::clone(connection),
                proxy.patience.body_stall,
            )
        };
        let onward = Onward::new(head, record.request_id(), proxy.via);
        let body_of = |body| RequestBody::new(body, meter, &proxy.budget, proxy.replay_size_max);
        let path = choice.target.path();
        let (route, payload, onward) = match choice.api {
            Api::Rest => {
                let route = Route::rest(head.method.as_str(), path);
                (route, Payload::Body(body_of(body)), onward)
            }
            Api::Wsdl => {
                let route = Route::rest(head.method.as_str(), path);
                (route, Payload::Body(body_of(body)), onward.of_document())
            }
            Api::Soap => {
                let source = Source::new(body, meter());
                let desk = &proxy.desk;
                let enclosed = desk
                    .read(&head.headers, path, source, record.progress())
                    .await?;
                record.enclosed(enclosed.version(), enclosed.operation());
                let route = enclosed.route();
                (
                    route,
                    Payload::Envelope(Box::new(enclosed)),
                    onward.of_envelope(),
                )
            }
        };
        let outbound = Outbound {
            api: choice.api,
            method: head.method.clone(),
            target: choice.target.clone(),
            head: onward,
            extensions: std::mem::take(&mut head.extensions),
        };
        Ok(Call {
            choice,
            route,
            outbound,
            payload,
            record,
            connection,
        })
    }

    async fn token(&self, call: &Call<'_>) -> Result<Arc<AccessToken>, ProxyError> {
        let account = call.choice.account();
        let asked = self
            .unless_closing(account.token.current(call.payload.replayable()))
            .await?;
        asked.map_err(|unavailable| {
            call.choice
                .tenant()
                .account_refused(account, &unavailable.error);
            unavailable.into()
        })
    }

    /// Waits for a token, but not beyond the end of a drain. Nothing has been sent at such a moment.
    async fn unless_closing<T>(&self, wait: impl Future<Output = T>) -> Result<T, ProxyError> {
        let mut closing = self.proxy.closing.subscribe();
        tokio::select! {
            biased;
            outcome = wait => Ok(outcome),
            _closing = closing.wait_for(|closing| *closing) => {
                let detail = "The proxy is stopping and has no token for this call. It was not carried out; send it again.";
                Err(ProxyError::new(Code::ShuttingDown, detail))
            }
        }
    }

    async fn send(
        &self,
        call: &mut Call<'_>,
        token: Arc<AccessToken>,
    ) -> Result<Outcome, ProxyError> {
        let reading = call
            .payload
            .reading(&token)
            .ok_or_else(|| ProxyError::new(Code::InternalError, "The body was read already."))?;
        let patience = self.proxy.patience;
        let answer = outbound::send(
            &self.pool,
            &call.outbound,
            &token,
            reading,
            patience,
            call.record,
            call.connection,
        )
        .await?;
        let mut answer = answer.map(ReceivedBody::new);
        let verdict = match call.choice.api {
            Api::Rest | Api::Wsdl => verdict::by_status(answer.status()),
            Api::Soap => {
                let said = sniff::look(&mut answer, patience.body_stall).await;
                verdict::by_fault(answer.status(), said)
            }
        };
        match verdict {
            Verdict::Accepted => call.choice.account().token.accepted(&token, call.route),
            Verdict::NotPermitted => {
                call.choice.account().token.accepted(&token, call.route);
                call.record.refused("not_permitted");
            }
            Verdict::Throttled => call.record.throttled(),
            Verdict::Refused | Verdict::Unknown => {}
        }
        Ok(Outcome {
            answer,
            token,
            verdict,
            because: None,
        })
    }

    /// A refusal: another token and one replay, or the refusal itself with the reason why not.
    async fn cure(&self, call: &mut Call<'_>, refusal: Outcome) -> Result<Outcome, ProxyError> {
        let account = Arc::clone(&call.choice.account().token);
        let replayable = call.payload.replayable();
        let cure = self
            .unless_closing(account.replace(&refusal.token, call.route, Attempt::First, replayable))
            .await?;
        let token = match cure {
            AfterRefusal::Replay(token) if call.payload.replayable() => token,
            AfterRefusal::Replay(_) => {
                call.record.refused(verdict::cause(Because::NotReplayable));
                return Ok(refusal.stands(Because::NotReplayable));
            }
            AfterRefusal::Deliver(because) => {
                call.record.refused(verdict::cause(because));
                return Ok(refusal.stands(because));
            }
            AfterRefusal::Unavailable(unavailable) => {
                call.record.refused("token_unavailable");
                return Err(unavailable.into());
            }
        };
        call.record.refused("replayed");
        answer::discard(refusal.answer);
        let outcome = self
            .send(call, token)
            .await
            .inspect_err(|_error| call.record.replayed("failed"))?;
        if outcome.verdict != Verdict::Refused {
            call.record.replayed("accepted");
            return Ok(outcome);
        }
        call.record.replayed("refused");
        account
            .replace(&outcome.token, call.route, Attempt::Replay, false)
            .await;
        Ok(outcome.stands(Because::ReplayRefused))
    }

    fn deliver(
        &self,
        call: &Call<'_>,
        outcome: Outcome,
        caller: &Caller,
        takes_trailers: bool,
    ) -> Response<AnswerBody> {
        let (mut head, body) = outcome.answer.into_parts();
        let mut headers = headers::back(
            &head.headers,
            call.choice.account(),
            caller.browser,
            takes_trailers,
        );
        if let Some(location) = headers.get(http::header::LOCATION)
            && let Some(ours) = relink::location(location, &call.choice, &outcome.token, caller)
        {
            headers.insert(http::header::LOCATION, ours);
        }
        if let Some(advice) = verdict::advice(outcome.verdict, head.status, outcome.because) {
            verdict::annotate(&mut headers, head.status, advice);
            call.record.advised(advice);
        }
        call.record.answering(head.status);
        head.headers = headers;
        let stall = self.proxy.patience.body_stall;
        let streamed = answer::Streamed::new(
            body,
            Arc::clone(call.record),
            Arc::clone(call.connection),
            stall,
        );
        Response::from_parts(head, AnswerBody::Streamed(Box::new(streamed)))
    }

    /// The WSDL or its schema: read whole, so that the addresses in it can be changed.
    async fn deliver_document(
        &self,
        call: &Call<'_>,
        mut outcome: Outcome,
        caller: &Caller,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let plain = !outcome.answer.headers().contains_key(CONTENT_ENCODING);
        let document = if outcome.answer.status() == StatusCode::OK && plain {
            let patience = self.proxy.patience.body_stall;
            Some(answer::read_document(&mut outcome.answer, patience).await?)
        } else {
            None
        };
        let mut response = self.deliver(call, outcome, caller, false);
        if let Some(document) = document.filter(|_| call.outbound.method != Method::HEAD) {
            let relinked = relink::wsdl(&document, &call.choice, caller);
            call.record.sent(relinked.len());
            let headers = response.headers_mut();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(relinked.len()));
            // It names the tenant's document, not this one.
            headers.remove(ETAG);
            *response.body_mut() = AnswerBody::Whole(relinked.into());
        } else if call.outbound.method == Method::HEAD {
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Ok(response)
    }
}

/// What came of one attempt.
struct Outcome {
    answer: Received,
    /// The token that the attempt had.
    token: Arc<AccessToken>,
    verdict: Verdict,
    /// Why a refusal goes to the caller.
    because: Option<Because>,
}

impl Outcome {
    fn stands(self, because: Because) -> Self {
        let because = Some(because);
        Self { because, ..self }
    }
}

/// One tenant as configured.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// Name in lower case, `a-z 0-9 -`.
    pub name: String,
    /// How its tokens are minted.
    pub endpoint: EndpointSettings,
    /// Names of accounts (lower case) and their member ids.
    pub accounts: BTreeMap<String, Mid>,
    /// The account used where nothing selects one.
    pub default_account: Option<Mid>,
    /// Accept member ids that have no name here.
    pub allow_any_account: bool,
    /// Roots of trust beyond the system's, from `ca_file`.
    pub extra_roots: Arc<Vec<CertificateDer<'static>>>,
}

/// What a listener selects for whoever calls it.
#[derive(Debug, Clone, Default)]
pub struct ListenerSelection {
    /// A tenant's name.
    pub tenant: Option<String>,
    /// A member id of that tenant, already looked up.
    pub account: Option<Mid>,
}

/// How the proxy routes and forwards.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every tenant, at least one.
    pub tenants: Vec<TenantSettings>,
    /// The tenant used where nothing selects one; `None` if there are several and none was named.
    pub default_tenant: Option<String>,
    /// One for each of `server::Settings::listeners`, by index.
    pub listeners: Vec<ListenerSelection>,
    /// Scheme and authority under which callers know the proxy, without a trailing slash; `None`: taken from each call's Host.
    pub public_url: Option<String>,
    /// Host names accepted beyond loopback names and the listeners' own addresses: lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// From the last byte of a request to the head of its answer.
    pub response_head_timeout: Duration,
    /// A body that moves no byte for this long.
    pub body_stall_timeout: Duration,
    /// Largest body that is recorded for a replay, in bytes.
    pub replay_size_max: usize,
    /// Largest SOAP envelope, unpacked, in bytes.
    pub envelope_size_max: usize,
    /// Largest sum of all recorded bodies and all envelopes, in bytes.
    pub buffered_size_max: usize,
    /// Mints that refusals may cause, per account; one comes back each minute.
    pub forced_mints_max: u32,
    /// Add `Via`.
    pub via: bool,
}
