//! An error of the proxy's own for whoever looks after it later: what happened in one sentence, and what to do. Never tells more
//! than the caller was told.

use std::borrow::Cow;

use super::{Code, ProxyError};

impl Code {
    /// What to do, as docs/errors.md has it.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table, one row for each code")]
    pub fn fix(self) -> &'static str {
        match self {
            Self::MalformedRequest => "Correct the client: its request breaks a rule of HTTP.",
            Self::MethodNotAllowed => "Use a method that Allow names in the answer.",
            Self::RequestTimeout => "Send the body in one go.",
            Self::UnknownTenant => {
                "Select a tenant that is configured, or add this one as [tenants.NAME]."
            }
            Self::AccountNotAllowed => {
                "Add the account to the tenant's accounts and to the client's, or select another one."
            }
            Self::AccountRequired => {
                "Put /@TENANT:ACCOUNT before the path, send Sfmc-Account, or set account_id as the tenant's default."
            }
            Self::AmbiguousSelection => "Give one selector alone, or set default_tenant.",
            Self::ClientUnauthenticated => {
                "Give a client's name and secret, or the token that /v2/token of this proxy gave for them."
            }
            Self::PolicyDenied => {
                "If the client should make this call, add a pattern for it to its allow list."
            }
            Self::SendBlocked => {
                "If it should send, raise mode of the tenant, client or listener; docs/policy.md says what sends."
            }
            Self::WriteBlocked => {
                "If it should write, raise mode of the tenant, client or listener; docs/policy.md says what reads."
            }
            Self::BrowserRequestRefused => {
                "Call from a program: web pages of other origins are refused."
            }
            Self::HostNotAllowed => {
                "Call the proxy by its own name, or add the name to listen.allowed_hosts."
            }
            Self::DestinationNotAllowed => {
                "Call other hosts without this proxy, or add a tenant for this one."
            }
            Self::MalformedEnvelope => {
                "Correct the client: the byte that the answer names is where reading ended."
            }
            Self::UnsupportedEncoding => {
                "Send the envelope as UTF-8, plain or as gzip, without attachments."
            }
            Self::BodyTooLarge => {
                "Send fewer objects at a time, or raise the limit that the answer names."
            }
            Self::TokenUnavailable => {
                "Wait as Retry-After says; if it lasts, look at the tenant's last error."
            }
            Self::TokenRejected => {
                "Check client id, client secret, account and scope of the tenant."
            }
            Self::UntrustedInstanceUrl => {
                "Check subdomain; if the host is right, add it to trusted_hosts."
            }
            Self::UpstreamUnreachable => "Check the network between the proxy and the tenant.",
            Self::UpstreamTimeout => {
                "Look whether it took effect before you send it again; ask for less at a time, or raise timeouts.response_head."
            }
            Self::Overloaded => {
                "Make fewer calls at a time, or raise the limit that the answer names."
            }
            Self::AuditUnavailable => {
                "Make room on the disk of the audit file, or make it writable."
            }
            Self::InternalError => "Report it, with the log line of this call.",
            Self::ShuttingDown => {
                "Send it again: another process serves, or this one does after its start."
            }
        }
    }
}

impl ProxyError {
    /// What happened: the first sentence of what the caller was told.
    #[must_use]
    pub fn what(&self) -> &str {
        let end = self
            .detail
            .find(". ")
            .map_or(self.detail.len(), |dot| dot + 1);
        self.detail.get(..end).unwrap_or(&self.detail)
    }

    /// What to do.
    #[must_use]
    pub fn fix(&self) -> Cow<'static, str> {
        self.fix.clone().unwrap_or(Cow::Borrowed(self.code.fix()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_one_sentence_of_what_the_caller_was_told() {
        for (detail, what) in [
            (
                "There is no room. Nothing was sent. Wait.",
                "There is no room.",
            ),
            (
                "It stands at api.example.com, port 1.5.",
                "It stands at api.example.com, port 1.5.",
            ),
            ("", ""),
        ] {
            assert_eq!(ProxyError::new(Code::Overloaded, detail).what(), what);
        }
    }

    #[test]
    fn every_code_says_what_to_do() {
        for code in Code::ALL {
            let fix = ProxyError::new(code, "").fix();
            assert!(fix.ends_with('.') && fix.len() > 15, "{}", code.name());
        }
    }
}
