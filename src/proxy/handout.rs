//! The token endpoints that clients see: a placeholder in the vendor's shape. Calls nobody.

use std::time::SystemTime;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderName, HeaderValue, Response, request};
use hyper::body::Incoming;

use super::answer::AnswerBody;
use super::asked::Asked;
use super::caller::Caller;
use super::error::{Code, ProxyError};
use super::record::Record;
use super::replay::{Interrupted, Source};
use super::route::{Asker, Choice};
use super::vendor::HostApi;
use super::{Visit, Worker, headers, kinds};
use crate::facade::{self, Face, Granted};
use crate::identity::Presented;
use crate::policy::Mode;

/// SDKs send some 300 bytes.
const REQUEST_SIZE_MAX: usize = 64 << 10;
/// Restricts the placeholder that is handed out: `no_send` or `read_only`.
const MODE_HEADER: HeaderName = HeaderName::from_static("sfmc-mode");

impl Worker {
    /// Answers a token request.
    pub(super) async fn hand_out(
        &self,
        face: Face,
        visit: Visit<'_>,
        body: Incoming,
        mut asked: Asked,
        mut presented: Presented<'_>,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let (caller, record) = (visit.caller, visit.record);
        if face == Face::Retired {
            return Err(ProxyError::new(
                Code::MalformedRequest,
                "Requests for tokens of enhanced packages go to /v2/token.",
            ));
        }
        let request = self.token_request(face, visit, body).await?;
        if let Some((name, secret)) = &request.client {
            presented.password(name, secret);
        }
        if let Some(token) = &request.refresh_token {
            presented.secret(token);
        }
        let identity = self.identify(&presented, caller).await?;
        record.identified(&identity);
        asked.body.account.clone_from(&request.account);
        let asker = Asker {
            identity: &identity,
            listener: visit.connection.listener(),
            kept_host: caller.links.kept(),
        };
        let choice = self.proxy.router.choose(&asked, &asker)?;
        record.routed(&choice);
        kinds::must_have(&choice, &asked)?;
        let mode = identity.mode.strictest(wanted_mode(visit.head)?);
        let token = self.proxy.clients.placeholder(
            identity.client.as_deref(),
            choice.selected.clone(),
            mode,
        );
        let scope = request.scope.as_deref().or(choice.tenant().scope());
        let granted = Granted {
            token: &token,
            rest_instance_url: format!("{}/", caller.links.to(HostApi::Rest, &choice)),
            soap_instance_url: format!("{}/", caller.links.to(HostApi::Soap, &choice)),
            issued_at: milliseconds_since_1970(),
            scope: scope.unwrap_or_default().to_owned(),
            renewed: request.renews,
        };
        Ok(answer(
            facade::answer(face, &granted),
            &choice,
            caller,
            record,
        ))
    }

    async fn token_request(
        &self,
        face: Face,
        visit: Visit<'_>,
        body: Incoming,
    ) -> Result<facade::Request, ProxyError> {
        let content_type = visit.head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let source = Source::new(body, self.meter(visit.connection, visit.record));
        let body = match source.collect(REQUEST_SIZE_MAX).await {
            Ok(body) => body,
            Err(Interrupted::TooLarge) => {
                return Err(ProxyError::new(
                    Code::BodyTooLarge,
                    "A token request of more than 64 KiB is none.",
                ));
            }
            Err(Interrupted::Broken) => {
                let stalled = visit.record.progress().has_stalled();
                return Err(ProxyError::of_caller(stalled));
            }
        };
        facade::read(face, content_type.unwrap_or_default(), &body)
            .map_err(|error| ProxyError::new(Code::MalformedRequest, error.to_string()))
    }
}

fn milliseconds_since_1970() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis())
}

fn wanted_mode(head: &request::Parts) -> Result<Mode, ProxyError> {
    let Some(value) = head.headers.get(MODE_HEADER) else {
        return Ok(Mode::Full);
    };
    value.to_str().ok().and_then(Mode::parse).ok_or_else(|| {
        ProxyError::new(
            Code::MalformedRequest,
            "The header sfmc-mode is none of full, no_send and read_only.",
        )
    })
}

fn answer(
    body: Vec<u8>,
    choice: &Choice,
    caller: &Caller,
    record: &Record,
) -> Response<AnswerBody> {
    record.answering(http::StatusCode::OK);
    record.sent(body.len());
    let mut response = Response::new(AnswerBody::Whole(body.into()));
    let length = match response.body() {
        AnswerBody::Whole(body) => body.len(),
        AnswerBody::Streamed(_) => 0,
    };
    let head = response.headers_mut();
    if length > 0 {
        let json = HeaderValue::from_static("application/json;charset=UTF-8");
        head.insert(CONTENT_TYPE, json);
    }
    head.insert(CONTENT_LENGTH, HeaderValue::from(length));
    head.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(SystemTime::now())) {
        head.insert(DATE, date);
    }
    let request_id = HeaderName::from_static("x-request-id");
    head.insert(request_id, record.request_id().clone());
    headers::ours(head, Some(choice.account()), caller.browser);
    response
}
