//! The SOAP face: messages to `/Service.asmx`, and the WSDL beside it.
//!
//! Shares nothing with the proxy's own reading of envelopes: another library, and a DOM in place of a scanner.

mod bulk;
mod change;
mod charset;
mod element;
mod entry;
mod envelope;
mod fault;
mod filter;
mod head;
mod kind;
mod objects;
mod operation;
mod reach;
mod receive;
mod render;
mod reply;
mod retrieve;
mod rows;
mod service;

#[cfg(test)]
mod caller;
#[cfg(test)]
mod change_tests;
#[cfg(test)]
mod retrieve_tests;
#[cfg(test)]
mod strict_tests;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::Method;

pub use entry::{SoapEntry, SoapVersion};
pub use fault::SoapFault;
pub(super) use objects::Objects;

use super::answer::{self, Answer};
use super::face::Face;
use super::intake::Content;
use super::payload::Payload;
use super::visit::Visit;
use fault::Refusal;
use operation::{Operation, Said};
use receive::Heard;

/// What clients read before the first call; written for the sandbox, in the vendor's shapes.
const WSDL: &str = include_str!("soap/etframework.wsdl");
/// What the WSDL imports, from the vendor's host.
const FAULT_SCHEMA: &str = include_str!("soap/ETFrameworkFault.xsd");
const SERVICE: &str = "service.asmx";

/// Answers one call.
pub(super) async fn answer(visit: &mut Visit) -> Answer {
    let method = visit.parts.method.clone();
    let reads = matches!(method, Method::GET | Method::HEAD);
    match path(visit).as_str() {
        SERVICE if method == Method::POST => {
            let content = visit.content().await;
            speak(visit, &content)
        }
        SERVICE => {
            visit.drain().await;
            let mut refusal = answer::whole(405, "text/plain", "Only POST is served here.");
            answer::set_header(&mut refusal, "allow", "POST");
            refusal
        }
        "etframework.wsdl" if reads => schema(visit, WSDL).await,
        "etframeworkfault.xsd" if reads => schema(visit, FAULT_SCHEMA).await,
        _ => {
            visit.drain().await;
            answer::whole(404, "text/plain", "Not Found")
        }
    }
}

/// Reads what is answered by something else than this face; the journal learns of the message all the same.
pub(super) async fn overhear(visit: &mut Visit) {
    if visit.parts.method != Method::POST || path(visit) != SERVICE {
        visit.drain().await;
        return;
    }
    let content = visit.content().await;
    let heard = receive::hear(visit, &content, |_| ());
    visit.understood(heard.message);
}

/// What this face says with a status that a script asked for.
pub(super) fn error(visit: &Visit, status: u16) -> Answer {
    let kind = match status {
        ..400 => return answer::whole(status, "text/xml; charset=utf-8", ""),
        429 => SoapFault::Throttled,
        500.. => SoapFault::Outage,
        _ => SoapFault::Client,
    };
    scripted(visit, kind, Some(status))
}

/// A Fault that a script asked for.
pub(super) fn scripted(visit: &Visit, kind: SoapFault, status: Option<u16>) -> Answer {
    let refusal = Refusal::from(kind);
    let refusal = match status {
        Some(status) => refusal.with_status(status),
        None => refusal,
    };
    let version = head::read(&visit.head).version;
    fault::answer(&refusal, version, &endpoint(visit), &visit.switches)
}

fn path(visit: &Visit) -> String {
    let path = visit.parts.uri.path().trim_start_matches('/');
    path.to_ascii_lowercase()
}

fn endpoint(visit: &Visit) -> String {
    format!("{}Service.asmx", visit.shared.url(Face::Soap))
}

async fn schema(visit: &mut Visit, text: &'static str) -> Answer {
    visit.drain().await;
    answer::whole(200, "text/xml", text)
}

/// Answers a message whose body has been read.
fn speak(visit: &Visit, content: &Content) -> Answer {
    let heard = receive::hear(visit, content, |request| {
        let said = (request.operation.run)(request);
        (request.operation, said, request.message_id.clone())
    });
    let Heard {
        version,
        outcome,
        mut message,
    } = heard;
    let answered = match &outcome {
        Ok((_, said, _)) => said.overall.clone(),
        Err(refusal) => refusal.text(&visit.switches).to_owned(),
    };
    if let Some(entry) = &mut message.entry {
        entry.answered = Some(answered);
    }
    visit.understood(message);
    match outcome {
        Err(refusal) => fault::answer(&refusal, version, &endpoint(visit), &visit.switches),
        Ok((operation, said, message_id)) => {
            envelope(version, operation, said, message_id.as_deref())
        }
    }
}

/// The envelope around what an operation said.
fn envelope(
    version: SoapVersion,
    operation: &Operation,
    said: Said,
    message_id: Option<&str>,
) -> Answer {
    let action = format!("{}Response", operation.action);
    let start = format!(
        "{}<{} xmlns=\"{}\">",
        reply::open(version, &action, message_id),
        operation.response,
        reply::PARTNER
    );
    let end = format!("</{}>{}", operation.response, reply::CLOSE);
    match said.content {
        operation::Content::Whole(content) => {
            answer::whole(200, version.content_type(), start + &content + &end)
        }
        operation::Content::Streamed(chunks) => {
            let start = std::iter::once(Bytes::from(start));
            let end = std::iter::once(Bytes::from(end));
            let mut answer = answer::whole(200, version.content_type(), "");
            *answer.body_mut() = Payload::chunks(start.chain(chunks).chain(end));
            answer
        }
    }
}
