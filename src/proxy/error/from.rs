//! What other rooms' errors are to the caller of this one: a stable code, and words that say what to do.

use http::StatusCode;

use super::{Code, ProxyError};
use crate::identity::Unknown;
use crate::policy::Held;
use crate::soap::envelope::EnvelopeError;
use crate::token::{MintError, Unavailable};
use crate::upstream::{DialError, SendError};

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

impl From<Unknown> for ProxyError {
    fn from(unknown: Unknown) -> Self {
        match unknown {
            Unknown::NoCredentials | Unknown::Wrong => Self::new(
                Code::ClientUnauthenticated,
                "This proxy serves its own clients only, and the request's credentials are none of theirs. Nothing was sent. \
                 Give a client's name and secret, or a token that /v2/token of this proxy gave for them.",
            ),
            Unknown::SeveralClients => Self::new(
                Code::ClientUnauthenticated,
                "The request's credentials name different clients of this proxy. Nothing was sent. Give those of one.",
            ),
            Unknown::SeveralSelections => Self::new(
                Code::AmbiguousSelection,
                "The request's tokens were given for different tenants or accounts. Nothing was sent. Give one of them.",
            ),
        }
    }
}

impl From<&Held> for Code {
    fn from(held: &Held) -> Self {
        match held {
            Held::Sends { .. } => Self::SendBlocked,
            Held::Writes { .. } => Self::WriteBlocked,
            Held::NotAllowed { .. } | Held::Unclear { .. } => Self::PolicyDenied,
        }
    }
}

impl From<Held> for ProxyError {
    fn from(held: Held) -> Self {
        Self::new(Code::from(&held), held.to_string())
    }
}

impl From<DialError> for ProxyError {
    fn from(error: DialError) -> Self {
        let cause = error.to_string();
        let (code, detail) = match &error {
            DialError::Host { .. } => (
                Code::MalformedRequest,
                "The target is no host name.".to_owned(),
            ),
            DialError::Prohibited { host } => (
                Code::DestinationNotAllowed,
                format!(
                    "{host} is not on the public network: this proxy opens no way to loopback, private or link-local addresses. \
                     Call it without the proxy (NO_PROXY)."
                ),
            ),
            DialError::Loop { host } => (
                Code::DestinationNotAllowed,
                format!("{host} leads back to this proxy. Call it by a path alone."),
            ),
            DialError::Resolve { host, .. }
            | DialError::Connect { host, .. }
            | DialError::Proxy { host, .. }
            | DialError::Timeout { host, .. } => (
                Code::UpstreamUnreachable,
                format!(
                    "No connection to {host}. Check the host, and the network between the proxy and it."
                ),
            ),
        };
        Self::new(code, detail).caused_by(cause)
    }
}

impl ProxyError {
    /// There is no token of this tenant to be had.
    pub(in crate::proxy) fn no_token(unavailable: &Unavailable) -> Self {
        let (code, detail) = words(&unavailable.error);
        let mut error = Self::new(code, detail).caused_by(unavailable.error.to_string());
        error.retry_after = Some(unavailable.retry_after);
        error
    }
}

/// The code, and words that say what to do.
fn words(error: &MintError) -> (Code, String) {
    match error {
            MintError::Unavailable { .. } => (
                Code::TokenUnavailable,
                "The tenant's token endpoint gives no token at the moment. Nothing was sent. Try again after the time in \
                 Retry-After; if it lasts, check the network to the auth host, the egress proxy if there is one, and Salesforce's \
                 status page."
                    .to_owned(),
            ),
            MintError::NotShared { cause } => (
                Code::TokenUnavailable,
                format!(
                    "There is no token, and none is minted now: {cause}. Nothing was sent. Try again in a moment; if it \
                     lasts, see to it that the proxy reaches Redis."
                ),
            ),
            MintError::Busy => (
                Code::TokenUnavailable,
                "Another replica of this proxy is minting and has no token yet. Nothing was sent. Try again after the time in \
                 Retry-After; if it lasts, that replica's log says why."
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
            MintError::LoginNeeded { place, ended: None } => (
                Code::TokenUnavailable,
                format!(
                    "Nobody has logged in to {place} yet. Nothing was sent. Log in with `sfmc-auth-proxy login {place}`, or at \
                     /login of the proxy's admin listener; then send the call again."
                ),
            ),
            MintError::LoginNeeded {
                place,
                ended: Some(why),
            } => (
                Code::TokenRejected,
                format!(
                    "The login of {place} has ended ({why}), and no other call will mend that. Nothing was sent. Log in again \
                     with `sfmc-auth-proxy login {place}`, or at /login of the proxy's admin listener."
                ),
            ),
            MintError::NoRefreshToken => (
                Code::TokenRejected,
                "The last login gave no refresh token. Nothing was sent. Log in again once the package grants offline access."
                    .to_owned(),
            ),
            MintError::Untrusted { host } => (
                Code::UntrustedInstanceUrl,
                format!(
                    "The token response names {host} as an instance, which is not the tenant's own host. Nothing was sent. \
                     Check the tenant's subdomain; if the host is right, add it to trusted_hosts."
                ),
            ),
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_login_that_is_needed_is_told_with_what_to_log_in_to() {
        for (ended, code, words) in [
            (
                None,
                Code::TokenUnavailable,
                "Nobody has logged in to acme:1 yet",
            ),
            (
                Some("invalid_grant: expired".to_owned()),
                Code::TokenRejected,
                "has ended (invalid_grant: expired)",
            ),
        ] {
            let unavailable = Unavailable {
                error: MintError::LoginNeeded {
                    place: "acme:1".to_owned(),
                    ended,
                },
                retry_after: Duration::from_secs(60),
            };
            let error = ProxyError::no_token(&unavailable);
            assert_eq!(error.code, code);
            assert!(error.detail.contains(words), "{}", error.detail);
            for way in ["at /login", "`sfmc-auth-proxy login acme:1`"] {
                assert!(error.detail.contains(way), "{}", error.detail);
            }
        }
    }
}
