//! Everything that can go wrong with a request, by stable code. What the caller reads stands apart from what the log gets.
//!
//! No detail ever holds a secret or an internal address.

mod fix;
mod from;

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;

/// The stable name of an error. Callers, logs and metrics all use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request breaks HTTP's rules in a way that the HTTP library lets through.
    MalformedRequest,
    /// A method that the proxy never forwards.
    MethodNotAllowed,
    /// The request's body stopped moving.
    RequestTimeout,
    /// No tenant of this name.
    UnknownTenant,
    /// The account may not be selected.
    AccountNotAllowed,
    /// Nothing selects one of several accounts.
    AccountRequired,
    /// Selectors disagree, or nothing selects one of several tenants.
    AmbiguousSelection,
    /// The caller is none of the configured clients.
    ClientUnauthenticated,
    /// The client may not make this call.
    PolicyDenied,
    /// The call would send, which is not wanted here.
    SendBlocked,
    /// The call would write, which is not wanted here.
    WriteBlocked,
    /// A web page of another origin sent this.
    BrowserRequestRefused,
    /// The Host is not one of ours.
    HostNotAllowed,
    /// The request asks for a place that this proxy does not serve.
    DestinationNotAllowed,
    /// The SOAP envelope is not one.
    MalformedEnvelope,
    /// The SOAP envelope is written or packed in a way that the proxy does not read.
    UnsupportedEncoding,
    /// The SOAP envelope is larger than allowed.
    BodyTooLarge,
    /// No token is to be had at the moment.
    TokenUnavailable,
    /// The token endpoint refuses the credentials.
    TokenRejected,
    /// The token response names a foreign instance.
    UntrustedInstanceUrl,
    /// No connection to the tenant, or one that broke.
    UpstreamUnreachable,
    /// The tenant did not answer in time.
    UpstreamTimeout,
    /// No room to hold the request.
    Overloaded,
    /// The audit record cannot be written, and calls that are not recorded are not wanted.
    AuditUnavailable,
    /// A fault of the proxy's own.
    InternalError,
    /// The proxy is stopping.
    ShuttingDown,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 26] = [
        Self::MalformedRequest,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::UnknownTenant,
        Self::AccountNotAllowed,
        Self::AccountRequired,
        Self::AmbiguousSelection,
        Self::ClientUnauthenticated,
        Self::PolicyDenied,
        Self::SendBlocked,
        Self::WriteBlocked,
        Self::BrowserRequestRefused,
        Self::HostNotAllowed,
        Self::DestinationNotAllowed,
        Self::MalformedEnvelope,
        Self::UnsupportedEncoding,
        Self::BodyTooLarge,
        Self::TokenUnavailable,
        Self::TokenRejected,
        Self::UntrustedInstanceUrl,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::Overloaded,
        Self::AuditUnavailable,
        Self::InternalError,
        Self::ShuttingDown,
    ];

    /// The name as callers see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().0
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.facts().1
    }

    /// The registered error type of RFC 9209 for `Proxy-Status`.
    #[must_use]
    pub fn proxy_status(self) -> &'static str {
        self.facts().2
    }

    /// What happened, in a few words that are the same every time.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.facts().3
    }

    #[expect(clippy::too_many_lines, reason = "a table, one row for each code")]
    fn facts(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedRequest => (
                "malformed_request",
                S::BAD_REQUEST,
                "http_request_error",
                "Malformed request",
            ),
            Self::MethodNotAllowed => (
                "method_not_allowed",
                S::METHOD_NOT_ALLOWED,
                "http_request_denied",
                "Method not allowed",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                S::REQUEST_TIMEOUT,
                "http_request_error",
                "The request body stopped",
            ),
            Self::UnknownTenant => (
                "unknown_tenant",
                S::NOT_FOUND,
                "destination_not_found",
                "Unknown tenant",
            ),
            Self::AccountNotAllowed => (
                "account_not_allowed",
                S::FORBIDDEN,
                "http_request_denied",
                "Account not allowed",
            ),
            Self::AccountRequired => (
                "account_required",
                S::BAD_REQUEST,
                "http_request_error",
                "An account has to be selected",
            ),
            Self::AmbiguousSelection => (
                "ambiguous_selection",
                S::BAD_REQUEST,
                "http_request_error",
                "Ambiguous selection",
            ),
            Self::ClientUnauthenticated => (
                "client_unauthenticated",
                S::UNAUTHORIZED,
                "http_request_denied",
                "Client not authenticated",
            ),
            Self::PolicyDenied => (
                "policy_denied",
                S::FORBIDDEN,
                "http_request_denied",
                "Not allowed for this client",
            ),
            Self::SendBlocked => (
                "send_blocked",
                S::FORBIDDEN,
                "http_request_denied",
                "Sending is blocked",
            ),
            Self::WriteBlocked => (
                "write_blocked",
                S::FORBIDDEN,
                "http_request_denied",
                "Writing is blocked",
            ),
            Self::BrowserRequestRefused => (
                "browser_request_refused",
                S::FORBIDDEN,
                "http_request_denied",
                "Request of a foreign web page refused",
            ),
            Self::HostNotAllowed => (
                "host_not_allowed",
                S::MISDIRECTED_REQUEST,
                "http_request_denied",
                "Host not allowed",
            ),
            Self::DestinationNotAllowed => (
                "destination_not_allowed",
                S::FORBIDDEN,
                "destination_ip_prohibited",
                "Destination not allowed",
            ),
            Self::MalformedEnvelope => (
                "malformed_envelope",
                S::BAD_REQUEST,
                "http_request_error",
                "Malformed SOAP envelope",
            ),
            Self::UnsupportedEncoding => (
                "unsupported_encoding",
                S::UNSUPPORTED_MEDIA_TYPE,
                "http_request_error",
                "Unsupported encoding",
            ),
            Self::BodyTooLarge => (
                "body_too_large",
                S::PAYLOAD_TOO_LARGE,
                "http_request_error",
                "Body too large",
            ),
            Self::TokenUnavailable => (
                "token_unavailable",
                S::SERVICE_UNAVAILABLE,
                "destination_unavailable",
                "No access token available",
            ),
            Self::TokenRejected => (
                "token_rejected",
                S::BAD_GATEWAY,
                "destination_unavailable",
                "Credentials rejected",
            ),
            Self::UntrustedInstanceUrl => (
                "untrusted_instance_url",
                S::BAD_GATEWAY,
                "destination_unavailable",
                "Untrusted instance URL",
            ),
            Self::UpstreamUnreachable => (
                "upstream_unreachable",
                S::BAD_GATEWAY,
                "destination_unavailable",
                "Tenant not reachable",
            ),
            Self::UpstreamTimeout => (
                "upstream_timeout",
                S::GATEWAY_TIMEOUT,
                "http_response_timeout",
                "The tenant did not answer in time",
            ),
            Self::Overloaded => (
                "overloaded",
                S::SERVICE_UNAVAILABLE,
                "connection_limit_reached",
                "Overloaded",
            ),
            Self::AuditUnavailable => (
                "audit_unavailable",
                S::SERVICE_UNAVAILABLE,
                "proxy_internal_error",
                "The audit record cannot be written",
            ),
            Self::InternalError => (
                "internal_error",
                S::INTERNAL_SERVER_ERROR,
                "proxy_internal_error",
                "Fault of the proxy",
            ),
            Self::ShuttingDown => (
                "shutting_down",
                S::SERVICE_UNAVAILABLE,
                "destination_unavailable",
                "Shutting down",
            ),
        }
    }
}

/// One error of the proxy's own, on its way to `rescue`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {detail}", code.name())]
pub struct ProxyError {
    /// Its stable code.
    pub code: Code,
    /// What happened and what to do, for the caller.
    pub detail: String,
    /// What to do, where that depends on more than the code.
    pub fix: Option<Cow<'static, str>>,
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// More than the caller needs to know, for the log.
    pub cause: Option<String>,
    /// The caller takes us for its forward proxy: it is asked for credentials as by one.
    pub for_proxy: bool,
    /// The methods that are taken instead.
    pub allow: Option<&'static str>,
}

impl ProxyError {
    /// An error that says all to the caller.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            fix: None,
            retry_after: None,
            cause: None,
            for_proxy: false,
            allow: None,
        }
    }

    /// A method that is not taken, and those that are.
    pub(super) fn method(detail: impl Into<String>, allow: &'static str) -> Self {
        let mut error = Self::new(Code::MethodNotAllowed, detail);
        error.allow = Some(allow);
        error
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self.code {
            Code::ClientUnauthenticated if self.for_proxy => {
                StatusCode::PROXY_AUTHENTICATION_REQUIRED
            }
            code => code.status(),
        }
    }

    /// The caller's body did not come to its end: it stood still, or broke off.
    pub(super) fn of_caller(stalled: bool) -> Self {
        if stalled {
            return Self::new(
                Code::RequestTimeout,
                "The request's body stopped moving before its end (timeouts.body_stall). No whole request was sent.",
            );
        }
        Self::new(
            Code::MalformedRequest,
            "The request's body broke off before its end, or its framing is wrong.",
        )
    }

    fn caused_by(mut self, cause: String) -> Self {
        self.cause = Some(cause);
        self
    }
}
