//! Everything that can go wrong with a request, by stable code. What the caller reads stands apart from what the log gets.
//!
//! No detail ever holds a secret or an internal address.

use std::time::Duration;

use http::StatusCode;

use crate::soap::envelope::EnvelopeError;
use crate::token::{MintError, Unavailable};
use crate::upstream::SendError;

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
    /// A fault of the proxy's own.
    InternalError,
    /// The proxy is stopping.
    ShuttingDown,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 21] = [
        Self::MalformedRequest,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::UnknownTenant,
        Self::AccountNotAllowed,
        Self::AccountRequired,
        Self::AmbiguousSelection,
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
                "Marketing Cloud not reachable",
            ),
            Self::UpstreamTimeout => (
                "upstream_timeout",
                S::GATEWAY_TIMEOUT,
                "http_response_timeout",
                "Marketing Cloud did not answer in time",
            ),
            Self::Overloaded => (
                "overloaded",
                S::SERVICE_UNAVAILABLE,
                "connection_limit_reached",
                "Overloaded",
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
    /// When it is worth trying again.
    pub retry_after: Option<Duration>,
    /// More than the caller needs to know, for the log.
    pub cause: Option<String>,
}

impl ProxyError {
    /// An error that says all to the caller.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
            cause: None,
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

impl From<EnvelopeError> for ProxyError {
    fn from(error: EnvelopeError) -> Self {
        let code = match &error {
            EnvelopeError::Malformed { .. } => Code::MalformedEnvelope,
            EnvelopeError::UnsupportedEncoding { .. } | EnvelopeError::Attachments => {
                Code::UnsupportedEncoding
            }
        };
        let said = error.to_string();
        let mut letters = said.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        let sentence: String = first.into_iter().chain(letters).collect();
        Self::new(code, format!("{sentence}. Nothing was sent."))
    }
}

impl From<Unavailable> for ProxyError {
    fn from(unavailable: Unavailable) -> Self {
        let (code, detail) = match &unavailable.error {
            MintError::Unavailable { .. } => (
                Code::TokenUnavailable,
                "The tenant's token endpoint gives no token at the moment. Nothing was sent. Try again after the time in \
                 Retry-After; if it lasts, check the network to the auth host, the egress proxy if there is one, and Salesforce's \
                 status page."
                    .to_owned(),
            ),
            MintError::Rejected { status, error, description } => (
                Code::TokenRejected,
                format!(
                    "The tenant's token endpoint refuses this proxy ({status} {error}: {description}). Nothing was sent. \
                     Check the client id, client secret, account and scope of the tenant in the proxy's configuration, and \
                     that the installed package is enabled."
                ),
            ),
            MintError::Untrusted { host } => (
                Code::UntrustedInstanceUrl,
                format!(
                    "The token response names {host} as an instance, which is not the tenant's own host. Nothing was sent. \
                     Check the tenant's subdomain; if the host is right, add it to trusted_hosts."
                ),
            ),
        };
        let mut error = Self::new(code, detail).caused_by(unavailable.error.to_string());
        error.retry_after = Some(unavailable.retry_after);
        error
    }
}

impl From<SendError> for ProxyError {
    fn from(error: SendError) -> Self {
        let cause = error.to_string();
        let detail = match &error {
            SendError::Resolve { host, .. } => format!(
                "The name {host} could not be resolved. Nothing was sent. Check the tenant's subdomain and DNS."
            ),
            SendError::Connect { host, .. } | SendError::ConnectTimeout { host, .. } => format!(
                "No connection to {host}. Nothing was sent. Check the network and firewalls between the proxy and it."
            ),
            SendError::Loop { host } => format!(
                "The name {host} leads back to this proxy, by a hosts file for instance. Nothing was sent. Set \
                 upstream.resolve_with to name servers that know the tenant's real address."
            ),
            SendError::Proxy { host, status, .. } => refused_by_egress_proxy(host, *status),
            SendError::Tls { host, .. } => format!(
                "TLS with {host} could not be set up. Nothing was sent. If a company proxy inspects TLS, give its root \
                 certificate as ca_file."
            ),
            SendError::Broken { host, .. } => format!(
                "The connection to {host} broke after the request had begun to leave and before an answer came. It is not \
                 known whether the request took effect; the proxy does not send it again."
            ),
        };
        Self::new(Code::UpstreamUnreachable, detail).caused_by(cause)
    }
}

/// Says where to look, and not where that is: an egress proxy's address is nothing for callers.
fn refused_by_egress_proxy(host: &str, status: Option<StatusCode>) -> String {
    let (happened, advice) = match status {
        Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => (
            "it wants other credentials (407)".to_owned(),
            "Give its user and password there, as http://USER:PASSWORD@HOST:PORT.",
        ),
        Some(status) => (
            format!("it answered {status}"),
            "Look at that proxy: its rules have to allow CONNECT to this host.",
        ),
        None => (
            "it could not be reached, hung up, or is this proxy itself".to_owned(),
            "Check the setting and that proxy; the log has the cause.",
        ),
    };
    format!(
        "The egress proxy (upstream.proxy, or HTTPS_PROXY in the environment) opened no way to {host}: {happened}. Nothing \
         was sent to {host}. {advice}"
    )
}
