//! From the bytes of a message to a request that may be answered, or the fault that it gets; the journal hears of both.
//!
//! Never looks into the Body beyond the name of its first element.

use roxmltree::{Document, Node};

use super::charset::{self, Text};
use super::entry::SoapVersion;
use super::envelope::{Credentials, Envelope};
use super::fault::{Refusal, SoapFault};
use super::head;
use super::operation::Operation;
use super::reply::PARTNER;
use crate::sandbox::face::Face;
use crate::sandbox::intake::Content;
use crate::sandbox::journal::Message;
use crate::sandbox::ledger::Bearer;
use crate::sandbox::shared::Shared;
use crate::sandbox::strict::foreign_token;
use crate::sandbox::switches::Switches;
use crate::sandbox::visit::Visit;

/// Where a message may be addressed besides the face's own hosts: what the vendor's WSDL hard-codes.
const VENDOR_HOST: &str = "webservice.exacttarget.com";

/// A message that may be answered.
pub(super) struct Request<'a> {
    pub(super) shared: &'a Shared,
    pub(super) switches: &'a Switches,
    pub(super) bearer: &'a Bearer,
    pub(super) operation: &'static Operation,
    /// The first element in the Body.
    pub(super) element: Node<'a, 'a>,
    /// Of WS-Addressing.
    pub(super) message_id: Option<String>,
}

/// A message as it was understood.
pub(super) struct Heard<T> {
    /// The SOAP version to answer in.
    pub(super) version: SoapVersion,
    pub(super) outcome: Result<T, Refusal>,
    /// What is left to be told to the journal.
    pub(super) message: Message,
}

/// Reads the message in `content`, and lets `act` answer it if it is lawful.
pub(super) fn hear<T>(
    visit: &Visit,
    content: &Content,
    act: impl FnOnce(&Request<'_>) -> T,
) -> Heard<T> {
    let mut sent = head::read(&visit.head);
    let mut message = Message {
        faults: std::mem::take(&mut sent.faults),
        ..Message::default()
    };
    let mut version = sent.version;
    let refused = sent.refusal.take();
    let outcome = read(content, sent.charset.as_deref()).and_then(|text| {
        let document = Document::parse(&text.text)
            .map_err(|fault| Refusal::client(format!("The message is no XML: {fault}.")))?;
        let envelope = Envelope::open(&document).map_err(Refusal::client)?;
        version = envelope.version;
        let credentials = envelope.credentials();
        let addressed = envelope.addressing("Action");
        let action = sent.action.clone().or_else(|| addressed.clone());
        message.entry = Some(envelope.entry(&content.kept, &text, action, credentials.token_count));
        let token = credentials.token.as_deref();
        let bearer = token.and_then(|token| visit.shared.ledger().look_up(token));
        let foreign = bearer.as_ref().map(|bearer| bearer.issuer);
        if let Some(issuer) = foreign.filter(|issuer| *issuer != Face::Auth) {
            message.faults.push(foreign_token(issuer, Face::Soap));
        }
        let bearer = bearer.filter(|bearer| bearer.issuer == Face::Auth);
        message.account = bearer.as_ref().map(|bearer| bearer.account);
        message.token_valid = bearer.as_ref().is_some_and(|bearer| bearer.alive);
        message.faults.extend_from_slice(&credentials.faults);
        let misaddressed = misaddressed(&visit.shared, &envelope);
        message.faults.extend(misaddressed.clone());
        if let Some(refusal) = &refused {
            return Err(refusal.clone());
        }
        if let Some(words) = misaddressed {
            return Err(Refusal::client(words));
        }
        let operation = operation(sent.action.as_deref(), addressed.as_deref(), &envelope)?;
        let bearer = lawful(&credentials, bearer)?;
        Ok(act(&Request {
            shared: &visit.shared,
            switches: &visit.switches,
            bearer: &bearer,
            operation: operation.0,
            element: operation.1,
            message_id: envelope.addressing("MessageID"),
        }))
    });
    let outcome = outcome.map_err(|refusal| {
        if message.entry.is_none() {
            // A proxy that writes into an envelope has no excuse for passing on what is none.
            message.faults.extend(refusal.words.clone());
        }
        refused.unwrap_or(refusal)
    });
    Heard {
        version,
        outcome,
        message,
    }
}

fn read(content: &Content, charset: Option<&str>) -> Result<Text, Refusal> {
    if !content.complete {
        return Err(Refusal::client("The message broke off."));
    }
    if !content.whole() {
        let refusal = Refusal::client("The message is longer than this tenant reads.");
        return Err(refusal.with_status(413));
    }
    charset::decode(&content.kept, charset).map_err(Refusal::client)
}

/// A `To` that names another host than this one: a caller's own, which a proxy has to set right.
fn misaddressed(shared: &Shared, envelope: &Envelope<'_>) -> Option<String> {
    let to = envelope.addressing("To")?;
    let (_, rest) = to.split_once("://")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let anonymous = path.ends_with("/anonymous");
    let known =
        authority.eq_ignore_ascii_case(VENDOR_HOST) || shared.is_host(Face::Soap, authority);
    (!known && !anonymous).then(|| format!("the message is addressed to {to}"))
}

/// The operation that action and Body agree on.
fn operation<'a>(
    header: Option<&str>,
    addressed: Option<&str>,
    envelope: &Envelope<'a>,
) -> Result<(&'static Operation, Node<'a, 'a>), Refusal> {
    let action = match (header, addressed) {
        (None, None) => return Err(SoapFault::MissingAction.into()),
        (Some(header), Some(addressed)) if header != addressed => {
            let words = format!("The actions {header} and {addressed} do not agree.");
            return Err(Refusal::client(words));
        }
        (Some(action), _) | (None, Some(action)) => action,
    };
    let operation = Operation::of_action(action)
        .ok_or_else(|| Refusal::client(format!("The action {action} is not known.")))?;
    let element = envelope
        .operation()
        .ok_or_else(|| Refusal::client("The Body is empty."))?;
    let tag = element.tag_name();
    if tag.name() != operation.request || tag.namespace() != Some(PARTNER) {
        let words = format!("The action {action} does not go with {}.", tag.name());
        return Err(Refusal::client(words));
    }
    Ok((operation, element))
}

/// The token, if there is exactly one, as it has to be, and it lives.
fn lawful(credentials: &Credentials, bearer: Option<Bearer>) -> Result<Bearer, Refusal> {
    match (credentials.faults.as_slice(), bearer) {
        ([], Some(bearer)) if bearer.alive => Ok(bearer),
        ([], Some(_)) => Err(SoapFault::TokenExpired.into()),
        ([], None) => Err(SoapFault::LoginFailed.into()),
        // No token, and nothing else that is wrong.
        ([_], _) if credentials.token_count == 0 => Err(SoapFault::LoginFailed.into()),
        (faults, _) => Err(Refusal::client(format!("Refused: {}.", faults.join("; ")))),
    }
}
