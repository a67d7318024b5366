//! Looks into the first part of an answer where the tenant tells there, and not in the status, what became of a token: in SOAP,
//! and in errors of two other APIs.
//!
//! Waits only while the answer may still turn out to be such an error; every byte stays for the caller.

use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};

use super::answer::{Look, Received};
use crate::soap::fault::{Coding, SNIFFED_SIZE, Sniffer, Verdict};
use crate::soap::refusal::{Reading, Said, Wording};

/// What the first part of an answer says. An answer that stands still for `patience` says nothing.
pub(super) async fn look(answer: &mut Received, patience: Duration) -> Verdict {
    let Some(coding) = readable(answer.status(), answer.headers(), &["xml"]) else {
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

/// Whether an answer with the status of such errors refuses its token. One that stands still for `patience` does not.
pub(super) async fn refuses(answer: &mut Received, wording: Wording, patience: Duration) -> bool {
    if answer.status().as_u16() != wording.status() {
        return false;
    }
    let Some(coding) = readable(answer.status(), answer.headers(), &["xml", "json"]) else {
        return false;
    };
    let mut reading = Reading::new(wording, coding);
    let body = answer.body_mut();
    let mut said = Said::NeedMore;
    while said == Said::NeedMore {
        said = match tokio::time::timeout(patience, body.look()).await {
            Ok(Look::Piece(piece)) => reading.feed(&piece),
            Ok(Look::Ended) => reading.finish(),
            Ok(Look::Broken) | Err(_) => return false,
        };
    }
    said == Said::Refusal
}

/// How to read it; `None` if it is of no such type, or packed in a way that we did not ask for.
fn readable(status: StatusCode, headers: &HeaderMap, types: &[&str]) -> Option<Coding> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let of_type = text(CONTENT_TYPE).is_none_or(|name| {
        let name = name.to_ascii_lowercase();
        types.iter().any(|wanted| name.contains(wanted))
    });
    let has_body = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    Coding::named(text(CONTENT_ENCODING)).filter(|_| of_type && has_body)
}
