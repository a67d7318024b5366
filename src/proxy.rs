//! The route of one request, on one screen.
//!
//! Every branch that a request can take stands here, in the order in which it meets them; every error leaves through
//! `rescue`. A request is sent once, and once more only after the tenant refused its token; nothing else is ever repeated.

mod advice;
mod answer;
mod arrived;
mod asked;
mod caller;
mod elsewhere;
mod envelope;
mod error;
mod families;
mod gate;
mod handout;
mod headers;
mod kinds;
mod links;
mod outbound;
mod payload;
mod permit;
mod record;
mod relink;
mod remedy;
mod replay;
mod rescue;
mod roll;
mod route;
mod settings;
mod setup;
mod sniff;
mod station;
mod vendor;
mod verdict;
mod warm;

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG};
use http::{Extensions, HeaderValue, Method, Response, StatusCode, request};
use hyper::body::Incoming;

pub use answer::AnswerBody;
pub use error::{Code, ProxyError};
pub use settings::{AnswerUrls, ListenerSelection, OtherHosts, Settings, TenantSettings, Watchers};
pub use setup::{Proxy, SetupError};
pub use station::Station;

use answer::{Received, ReceivedBody};
use arrived::Arrived;
use asked::{Api, Asked};
use caller::{Caller, Named};
use headers::Onward;
use outbound::Outbound;
use payload::Payload;
use record::Record;
use replay::{Meter, OutBody, RequestBody};
use route::{Asker, Choice};
use verdict::Verdict;

use crate::server::Connection;
use crate::token::{AccessToken, AfterRefusal, Attempt, Because, Route};
use crate::upstream::Pool;

/// What one request works with from its beginning to its end, though the configuration may change meanwhile.
struct Worker {
    proxy: Arc<Proxy>,
    pool: Arc<Pool<OutBody>>,
}

/// A request that was let in.
#[derive(Clone, Copy)]
struct Visit<'a> {
    head: &'a request::Parts,
    caller: &'a Caller,
    connection: &'a Arc<Connection>,
    record: &'a Arc<Record>,
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
        head: &request::Parts,
        extensions: Extensions,
        body: Incoming,
        connection: &Arc<Connection>,
        record: &Arc<Record>,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let listener = connection.listener();
        let pinned = self.proxy.router.listener(listener);
        let caller = self.proxy.door.admit(head, connection, pinned)?;
        record.must_be_recordable()?;
        let visit = Visit {
            head,
            caller: &caller,
            connection,
            record,
        };
        let mut presented = self.presented(&head.headers, connection);
        if head.method == Method::CONNECT {
            return self.connect(visit, &presented).await;
        }
        if let Named::Other { .. } = caller.named {
            return self.fetch(visit, body, &presented).await;
        }
        let asked = Asked::read(head, &caller.named)?;
        record.asked(&asked);
        for token in &asked.access_tokens {
            presented.secret(token);
        }
        if let Api::Token(face) = asked.api {
            return self.hand_out(face, visit, body, asked, presented).await;
        }
        let incoming = match asked.api {
            Api::Soap(dialect) => {
                self.enclosed(dialect, visit, body, &asked, &mut presented)
                    .await?
            }
            _ => Arrived::Body(body),
        };
        let identity = self
            .asker(&presented, &caller, &asked, &head.method)
            .await?;
        record.identified(&identity);
        let asker = Asker {
            identity: &identity,
            listener,
            kept_host: caller.links.kept(),
        };
        let choice = self.proxy.router.choose(&asked, &asker)?;
        record.routed(&choice);
        kinds::must_have(&choice, &asked)?;
        record.permitted(incoming.permit(&choice, head)?);
        self.take_turn(&identity, record).await?;
        let mut call = self.call(visit, extensions, incoming, choice);
        let token = self.token(&call).await?;
        call.note_scope(&token);
        let mut outcome = self.send(&mut call, token).await?;
        if outcome.verdict == Verdict::Refused {
            outcome = self.cure(&mut call, outcome).await?;
        }
        if call.choice.api.is_document() {
            return self.deliver_document(&call, outcome, &caller).await;
        }
        let takes_trailers = headers::accepts_trailers(&head.headers);
        Ok(self.deliver(&call, outcome, &caller, takes_trailers))
    }

    fn meter(&self, connection: &Arc<Connection>, record: &Record) -> Meter {
        let stall = self.proxy.patience.body_stall;
        Meter::new(Arc::clone(record.progress()), Arc::clone(connection), stall)
    }

    fn call<'a>(
        &self,
        visit: Visit<'a>,
        extensions: Extensions,
        incoming: Arrived,
        choice: Choice,
    ) -> Call<'a> {
        let Visit {
            head,
            connection,
            record,
            ..
        } = visit;
        let proxy = &self.proxy;
        let mut onward = Onward::new(head, record.request_id(), proxy.via);
        if record.begins_trace() {
            onward = onward.of_new_trace();
        }
        if let Some(business_unit) = choice.tenant().business_unit() {
            onward = onward.of_business_unit(business_unit);
        }
        let (route, payload, onward) = match incoming {
            Arrived::Envelope(enclosed) => {
                let route = enclosed.route();
                (route, Payload::Envelope(enclosed), onward.of_envelope())
            }
            Arrived::Body(body) => {
                let route = Route::rest(head.method.as_str(), choice.target.path());
                let meter = || self.meter(connection, record);
                let body = RequestBody::new(body, meter, &proxy.budget, proxy.replay_size_max);
                let onward = match kinds::wording(&choice) {
                    Some(_) => onward.of_readable(),
                    None if choice.api.is_document() => onward.of_document(),
                    None => onward,
                };
                (route, Payload::Body(body), onward)
            }
        };
        let outbound = Outbound {
            api: choice.api,
            method: head.method.clone(),
            target: choice.target.clone(),
            head: onward,
            extensions,
        };
        Call {
            choice,
            route,
            outbound,
            payload,
            record,
            connection,
        }
    }

    async fn token(&self, call: &Call<'_>) -> Result<Arc<AccessToken>, ProxyError> {
        let account = call.choice.account();
        let (replayable, context) = (call.payload.replayable(), call.record.context());
        let started = Instant::now();
        let asked = self
            .unless_closing(account.token.current(replayable, context))
            .await;
        call.record.waited_for_token(started.elapsed());
        let asked = asked?;
        asked.map_err(|unavailable| {
            let tenant = call.choice.tenant();
            tenant.account_refused(account, &unavailable.error);
            ProxyError::no_token(&unavailable)
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
        let (choice, stall) = (&call.choice, patience.body_stall);
        let verdict = match (choice.api, kinds::wording(choice)) {
            (Api::Soap(dialect), _) => {
                let said = sniff::look(&mut answer, stall).await;
                verdict::by_fault(answer.status(), said, dialect)
            }
            (_, Some(wording)) => {
                let refuses = sniff::refuses(&mut answer, wording, stall).await;
                verdict::by_body(answer.status(), wording, refuses)
            }
            _ => verdict::by_status(answer.status()),
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
        let (route, context) = (call.route, call.record.context());
        let started = Instant::now();
        let cure = self
            .unless_closing(account.replace(
                &refusal.token,
                route,
                Attempt::First,
                replayable,
                context,
            ))
            .await;
        call.record.waited_for_token(started.elapsed());
        let token = match cure? {
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
                return Err(ProxyError::no_token(&unavailable));
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
            .replace(&outcome.token, route, Attempt::Replay, false, context)
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
            && let Some(ours) =
                relink::location(location, &call.choice, &outcome.token, &caller.links)
        {
            headers.insert(http::header::LOCATION, ours);
        }
        // What went well needs none, and asks for no scope.
        let scope = || call.scope(&outcome.token);
        let advice = advice::advice(outcome.verdict, head.status, outcome.because, scope);
        if let Some(advice) = &advice {
            advice::annotate(&mut headers, head.status, advice);
        }
        call.record.judged(outcome.verdict, outcome.because, advice);
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

    /// The WSDL, its schema, or the tenant's endpoints: read whole, so that the addresses in it can be changed.
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
        let token = Arc::clone(&outcome.token);
        let mut response = self.deliver(call, outcome, caller, false);
        if let Some(document) = document.filter(|_| call.outbound.method != Method::HEAD) {
            let (choice, links) = (&call.choice, &caller.links);
            let relinked = match choice.api {
                Api::Wsdl => relink::wsdl(&document, choice, links),
                _ => relink::endpoints(&document, choice, &token, links),
            };
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
