//! A request's body as it came in, before anything of it leaves: streamed, or an envelope that was read whole.

use http::{Method, request};
use hyper::body::Incoming;

use super::asked::Api;
use super::envelope::Enclosed;
use super::error::{Code, ProxyError};
use super::permit;
use super::route::Choice;
use crate::policy;

/// A request's body as it comes in.
pub(super) enum Arrived {
    Body(Incoming),
    Envelope(Box<Enclosed>),
}

impl Arrived {
    /// Whether the call may be made; with the code that its client's policy would have refused it with, if that only observes.
    pub(super) fn permit(
        &self,
        choice: &Choice,
        head: &request::Parts,
    ) -> Result<Option<Code>, ProxyError> {
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
        permit::permit(choice, &call)
    }
}
