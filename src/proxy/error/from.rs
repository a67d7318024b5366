//! What other rooms' errors are to the caller of this one: a stable code, and words that say what to do.

use std::borrow::Cow;

use http::StatusCode;

use super::{Code, ProxyError};
use crate::identity::Unknown;
use crate::policy::Held;
use crate::soap::envelope::EnvelopeError;
use crate::token::{MintError, Unavailable};
use crate::upstream::{DialError, SendError};

const NOTHING_SENT: &str = "Nothing was sent.";
/// What mends a call of which it cannot be told what it would do.
const BE_CLEAR: &str = "Send the call without that ambiguity: correct the header, SOAPAction or path that the answer names.";

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
        let mut error = Self::new(Code::from(&held), held.to_string());
        if matches!(held, Held::Unclear { .. }) {
            // No pattern lets through what is unclear, and where a mode alone holds, there is no list.
            error.fix = Some(BE_CLEAR.into());
        }
        error
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
        let minting = &unavailable.error;
        let fix = minting.fix();
        let detail = format!("{} {NOTHING_SENT} {fix}", minting.what());
        let mut error = Self::new(code(minting), detail).caused_by(minting.to_string());
        error.fix = Some(fix.into());
        error.retry_after = Some(unavailable.retry_after);
        error
    }
}

fn code(error: &MintError) -> Code {
    match error {
        MintError::Unavailable { .. }
        | MintError::NotShared { .. }
        | MintError::Busy
        | MintError::LoginNeeded { ended: None, .. } => Code::TokenUnavailable,
        MintError::Rejected { .. }
        | MintError::LoginNeeded { ended: Some(_), .. }
        | MintError::NoRefreshToken => Code::TokenRejected,
        MintError::Untrusted { .. } => Code::UntrustedInstanceUrl,
    }
}

impl From<SendError> for ProxyError {
    fn from(error: SendError) -> Self {
        let cause = error.to_string();
        let (what, fix): (_, Cow<'static, str>) = match &error {
            SendError::Resolve { host, .. } => (
                format!("The name {host} could not be resolved."),
                "Check the tenant's subdomain and DNS.".into(),
            ),
            SendError::Connect { host, .. } | SendError::ConnectTimeout { host, .. } => (
                format!("No connection to {host}."),
                "Check the network and firewalls between the proxy and it.".into(),
            ),
            SendError::Loop { host } => (
                format!("The name {host} leads back to this proxy, by a hosts file for instance."),
                "Set upstream.resolve_with to name servers that know the tenant's real address."
                    .into(),
            ),
            SendError::Proxy { host, status, .. } => {
                return refused_by_egress_proxy(host, *status).caused_by(cause);
            }
            SendError::Tls { host, .. } => (
                format!("TLS with {host} could not be set up."),
                "If a company proxy inspects TLS, give its root certificate as ca_file.".into(),
            ),
            SendError::Broken { host, .. } => {
                let mut error = Self::new(
                    Code::UpstreamUnreachable,
                    format!(
                        "The connection to {host} broke after the request had begun to leave and before an answer came. It is \
                         not known whether the request took effect; the proxy does not send it again."
                    ),
                );
                error.fix = Some("Look whether it took effect before you send it again.".into());
                return error.caused_by(cause);
            }
        };
        let detail = format!("{what} {NOTHING_SENT} {fix}");
        let mut error = Self::new(Code::UpstreamUnreachable, detail);
        error.fix = Some(fix);
        error.caused_by(cause)
    }
}

/// Says where to look, and not where that is: an egress proxy's address is nothing for callers.
fn refused_by_egress_proxy(host: &str, status: Option<StatusCode>) -> ProxyError {
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
    let detail = format!(
        "The egress proxy (upstream.proxy, or HTTPS_PROXY in the environment) opened no way to {host}: {happened}. Nothing \
         was sent to {host}. {advice}"
    );
    let mut error = ProxyError::new(Code::UpstreamUnreachable, detail);
    error.fix = Some(advice.into());
    error
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::Doubt;

    #[test]
    fn no_pattern_is_said_to_mend_what_is_unclear() {
        let held = Held::Unclear {
            call: "POST /x".to_owned(),
            doubt: Doubt::MethodHeader,
        };
        let error = ProxyError::from(held);
        assert_eq!(error.code, Code::PolicyDenied);
        assert_eq!(error.fix(), BE_CLEAR);
        let held = Held::NotAllowed {
            call: "POST /x".to_owned(),
            pattern: "POST /x".to_owned(),
        };
        let fix = ProxyError::from(held).fix();
        assert!(fix.contains("add a pattern"), "{fix}");
    }

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
