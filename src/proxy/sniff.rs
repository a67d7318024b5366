//! Looks into the first part of a SOAP answer, because the tenant tells there, and not in the status, what became of a token.
//!
//! Waits only while the answer may still turn out to be a Fault; every byte stays for the caller.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::answer::{Look, Received};
use crate::soap::fault::{Coding, SNIFFED_SIZE, Sniffer, Verdict};

/// What the first part of an answer says. An answer that stands still for `patience` says nothing.
pub(super) async fn look(answer: &mut Received, patience: Duration) -> Verdict {
    let Some(coding) = readable(answer.status(), answer.headers()) else {
        return Verdict::NotAFault;
    };
    let mut sniffer = Sniffer::new(coding, SNIFFED_SIZE);
    let body = answer.body_mut();
    while sniffer.may_be_fault() {
        match tokio::time::timeout(patience, body.look()).await {
            Ok(Look::Piece(piece)) => sniffer.feed(&piece),
            Ok(Look::Ended) => sniffer.finish(),
            // Half a Fault is none.
            Ok(Look::Broken) | Err(_) => return Verdict::NotAFault,
        };
    }
    // A result: what it says of permissions is of use, but nobody waits for it.
    while sniffer.verdict() == Verdict::NeedMore {
        let Some(piece) = body.look_now() else {
            break;
        };
        sniffer.feed(&piece);
    }
    sniffer.verdict()
}

/// How to read it; `None` if it is no XML, or packed in a way that we did not ask for.
fn readable(status: StatusCode, headers: &HeaderMap) -> Option<Coding> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_xml = text(CONTENT_TYPE).is_none_or(|name| name.to_ascii_lowercase().contains("xml"));
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Coding::named(text(CONTENT_ENCODING)).filter(|_| is_xml && has_body)
}
