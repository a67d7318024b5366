//! A request's body as it came in, before anything of it leaves: streamed, or an envelope that was read whole.

use http::{Method, request};
use hyper::body::Incoming;

use super::asked::Api;
use super::envelope::Enclosed;
use super::error::{Code, ProxyError};
use super::permit;
use super::route::Choice;
use crate::policy;
use crate::soap::envelope::Envelope;
use crate::token::Mid;

/// A request's body as it comes in.
pub(super) enum Arrived {
    Body(Incoming),
    Envelope(Box<Enclosed>),
}

/// A call that may be made, and what would hold it back if its client had another policy than it has.
pub(super) struct Permit {
    /// The code that its client's policy would have refused it with, if that only observes.
    pub(super) would_refuse: Option<Code>,
    /// No policy lets it through, because it is unclear what it does.
    pub(super) unclear: bool,
    /// Its envelope names other accounts than the one that it is for.
    pub(super) names_accounts: bool,
}

impl Arrived {
    /// Whether the call may be made; `None` where nobody is asked.
    pub(super) fn permit(
        &self,
        choice: &Choice,
        head: &request::Parts,
    ) -> Result<Option<Permit>, ProxyError> {
        let reads = matches!(head.method, Method::GET | Method::HEAD);
        if choice.api == Api::Wsdl && reads {
            // Public, and asked for without a token.
            return Ok(None);
        }
        let call = match self {
            Self::Envelope(enclosed) => policy::Call::Soap(enclosed.envelope()),
            Self::Body(_) => policy::Call::Rest {
                method: &head.method,
                path: choice.target.path(),
                headers: &head.headers,
            },
        };
        let would_refuse = permit::permit(choice, &call)?;
        let names_accounts = match self {
            Self::Envelope(enclosed) => names_others(enclosed.envelope(), choice.account().mid()),
            Self::Body(_) => false,
        };
        Ok(Some(Permit {
            would_refuse,
            unclear: policy::doubt(&call).is_some(),
            names_accounts,
        }))
    }
}

/// Whether an envelope names accounts beside this one.
fn names_others(envelope: &Envelope, own: Option<Mid>) -> bool {
    let accounts = envelope.accounts();
    let is_own = |id: &String| own.is_some() && id.parse().ok() == own;
    accounts.all || accounts.by_key || !accounts.ids.iter().all(is_own)
}
