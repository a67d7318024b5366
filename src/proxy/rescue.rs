//! The one place where the proxy's own errors become answers: stable code, plain words, RFC 9457 and RFC 9209, and for SOAP a
//! Fault.
//!
//! Never shows a cause: what the caller reads is in `ProxyError::detail` alone.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, PROXY_AUTHENTICATE,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderValue, Method, Response, request};
use serde::Serialize;

use super::answer::AnswerBody;
use super::asked::{Api, looks_like_soap};
use super::envelope::{expected_version, fault_status};
use super::error::{Code, ProxyError};
use super::headers;
use super::record::Record;
use crate::facade::{self, VendorError};
use crate::soap::Version;
use crate::soap::fault::{self, Blame};

/// How clients say who they are, in the words that every HTTP library knows.
const CHALLENGE: HeaderValue =
    HeaderValue::from_static("Basic realm=\"sfmc-auth-proxy\", charset=\"UTF-8\"");

/// `application/problem+json`, with the fields that the vendor's SDKs look for.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// What the vendor's own errors have.
    #[serde(flatten)]
    vendor: VendorError<'a>,
}

/// Turns an error into the caller's answer.
pub(super) fn answer(
    error: &ProxyError,
    record: &Record,
    browser: bool,
    head: &request::Parts,
) -> Response<AnswerBody> {
    record.failed(error);
    let (status, content_type, body) = if looks_like_soap(&head.method, head.uri.path()) {
        let version = record.soap_version();
        let version = version.unwrap_or_else(|| expected_version(&head.headers));
        let status = fault_status(error.status());
        (
            status,
            version.content_type(),
            fault(error, record, version),
        )
    } else {
        let content_type = match record.api() {
            // SDKs read a token answer as what it says that it is.
            Some(Api::Token(_)) => "application/json",
            _ => "application/problem+json",
        };
        (error.status(), content_type, problem(error, record))
    };
    record.answering(status);
    let account = record.account();
    let mut response = Response::new(AnswerBody::Whole(Bytes::new()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(std::time::SystemTime::now())) {
        headers.insert(DATE, date);
    }
    headers.insert(
        HeaderName::from_static("x-request-id"),
        record.request_id().clone(),
    );
    say_what_next(headers, error);
    let proxy_status = format!(
        "sfmc-auth-proxy; error={}; details=\"{}\"",
        error.code.proxy_status(),
        error.code.name()
    );
    if let Ok(value) = HeaderValue::try_from(proxy_status) {
        headers.insert(HeaderName::from_static("proxy-status"), value);
    }
    headers::ours(headers, account.as_deref(), browser);
    if head.method != Method::HEAD {
        record.sent(body.len());
        *response.body_mut() = AnswerBody::Whole(Bytes::from(body));
    }
    response
}

/// When, how and with what to come again.
fn say_what_next(headers: &mut HeaderMap, error: &ProxyError) {
    if let Some(wait) = error.retry_after {
        // Rounded up: coming a moment too early would meet the same answer.
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
        );
    }
    if let Some(allow) = error.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if error.code == Code::ClientUnauthenticated {
        let name = if error.for_proxy {
            PROXY_AUTHENTICATE
        } else {
            WWW_AUTHENTICATE
        };
        headers.insert(name, CHALLENGE);
    }
}

/// A SOAP Fault of our own.
fn fault(error: &ProxyError, record: &Record, version: Version) -> Vec<u8> {
    let blame = if error.status().is_client_error() {
        Blame::Client
    } else {
        Blame::Server
    };
    let request_id = record.request_id().to_str().unwrap_or_default();
    fault::render(version, blame, error.code.name(), &error.detail, request_id).into_bytes()
}

fn problem(error: &ProxyError, record: &Record) -> Vec<u8> {
    let account = record.account();
    let labels = account.as_ref().map(|account| account.token.labels());
    let problem = Problem {
        r#type: format!("urn:sfmc-auth-proxy:error:{}", error.code.name()),
        title: error.code.title(),
        status: error.status().as_u16(),
        detail: &error.detail,
        code: error.code.name(),
        request_id: record.request_id().to_str().unwrap_or_default(),
        tenant: labels.as_ref().map(|labels| labels.tenant.as_str()),
        account: account
            .as_ref()
            .and_then(|account| account.mid())
            .map(|mid| mid.to_string()),
        vendor: match record.api() {
            Some(Api::Token(face)) => {
                facade::vendor_error(face, error.status().as_u16(), &error.detail)
            }
            _ => facade::plain_error(&error.detail),
        },
    };
    serde_json::to_vec(&problem).unwrap_or_else(|_never| b"{}".to_vec())
}
