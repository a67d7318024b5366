//! The SOAP face. It does not speak yet: every call is recorded and answered 501.
//!
//! Shares nothing with the proxy's own reading of envelopes.

use super::answer::{self, Answer};
use super::visit::Visit;

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    visit.drain().await;
    error(501)
}

/// What this face says with a status that a script asked for.
pub(super) fn error(status: u16) -> Answer {
    answer::whole(status, "text/xml; charset=utf-8", "")
}
