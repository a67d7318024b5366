//! SOAP of core Salesforce: the partner, enterprise and metadata APIs, as far as tests need them.
//!
//! Shares nothing with how the proxy reads envelopes, and takes a token nowhere but in `SessionHeader/sessionId`.

mod envelope;
#[cfg(test)]
mod tests;

use http::Method;
use roxmltree::Document;

use crate::sandbox::answer::{self, Answer};
use crate::sandbox::digest::random_text;
use crate::sandbox::face::Face;
use crate::sandbox::form;
use crate::sandbox::intake::Content;
use crate::sandbox::journal::Message;
use crate::sandbox::soap::SoapVersion;
use crate::sandbox::strict::foreign_token;
use crate::sandbox::visit::Visit;
use envelope::Envelope;

const XML: &str = "text/xml; charset=utf-8";

/// One of the three APIs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Api {
    /// Of its operations, and of `SessionHeader`.
    pub(super) namespace: &'static str,
    operations: &'static [&'static str],
}

const PARTNER: Api = Api {
    namespace: "urn:partner.soap.sforce.com",
    operations: &["query", "create", "getUserInfo"],
};
const ENTERPRISE: Api = Api {
    namespace: "urn:enterprise.soap.sforce.com",
    operations: PARTNER.operations,
};
const METADATA: Api = Api {
    namespace: "http://soap.sforce.com/2006/04/metadata",
    operations: &["describeMetadata", "listMetadata"],
};

/// A Fault: its code below `sf:` or `soapenv:`, and its text.
struct Fault {
    code: &'static str,
    text: String,
}

impl Fault {
    fn client(text: impl Into<String>) -> Self {
        Self {
            code: "soapenv:Client",
            text: text.into(),
        }
    }

    /// What a token that is not accepted gets.
    fn session() -> Self {
        Self {
            code: "sf:INVALID_SESSION_ID",
            text: format!(
                "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session. Session not found, \
                 missing session hash: {}",
                random_text(43)
            ),
        }
    }
}

/// Answers a call to what stands after `/services/Soap/`.
pub(super) fn answer(visit: &Visit, path: &str, content: &Content) -> Answer {
    let Some(api) = api(path) else {
        return answer::whole(404, "text/plain", "Not Found");
    };
    if visit.parts.method != Method::POST {
        let mut refusal = answer::whole(405, "text/plain", "Only POST is served here.");
        answer::set_header(&mut refusal, "allow", "POST");
        return refusal;
    }
    let mut message = Message::default();
    let outcome = hear(visit, api, content, &mut message);
    let answered = match &outcome {
        Ok(_) => "OK".to_owned(),
        Err(fault) => fault.text.clone(),
    };
    if let Some(entry) = &mut message.entry {
        entry.answered = Some(answered);
    }
    visit.understood(message);
    match outcome {
        Ok(body) => {
            let namespace = api.namespace;
            answer::whole(
                200,
                XML,
                enveloped(&format!(" xmlns=\"{namespace}\""), &body),
            )
        }
        Err(fault) => faulty(500, &fault),
    }
}

/// What this face says with a status that a script asked for.
pub(super) fn scripted(status: u16) -> Answer {
    match status {
        success if success < 400 => answer::whole(status, XML, ""),
        401 => faulty(500, &Fault::session()),
        _ => {
            let fault = Fault {
                code: "sf:UNKNOWN_EXCEPTION",
                text: "UNKNOWN_EXCEPTION: An unexpected error occurred.".to_owned(),
            };
            faulty(status, &fault)
        }
    }
}

/// `u/61.0`, and what may follow it.
fn api(path: &str) -> Option<Api> {
    let mut segments = path.split('/');
    let api = match segments.next()? {
        "u" => PARTNER,
        "c" => ENTERPRISE,
        "m" => METADATA,
        _ => return None,
    };
    let version = segments.next()?.strip_suffix(".0")?;
    let lawful = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    lawful.then_some(api)
}

/// Judges a message and says what its answer's Body holds; tells the journal's part as far as it was understood.
fn hear(
    visit: &Visit,
    api: Api,
    content: &Content,
    message: &mut Message,
) -> Result<String, Fault> {
    let headers = &visit.parts.headers;
    if headers.contains_key("authorization") {
        let fault = "an Authorization header came to SOAP of the core face";
        message.faults.push(fault.to_owned());
    }
    let media_type = form::media_type(headers.get("content-type"));
    if !media_type.eq_ignore_ascii_case("text/xml") {
        return Err(Fault::client("Content-Type must be text/xml: SOAP 1.1"));
    }
    if !content.whole() {
        return Err(Fault::client("The message did not arrive whole"));
    }
    let text = std::str::from_utf8(&content.kept)
        .map_err(|fault| Fault::client(format!("The message is no UTF-8: {fault}")))?;
    let document = Document::parse(text.trim_start_matches('\u{feff}'))
        .map_err(|fault| Fault::client(format!("The message is no XML: {fault}")))?;
    let envelope = Envelope::open(&document).map_err(Fault::client)?;
    let mut actions = visit.head.values("soapaction");
    let action = actions
        .next()
        .map(|action| action.trim_matches('"').to_owned());
    message.entry = Some(envelope.entry(action.clone()));
    let session = envelope.session(api);
    message.faults.extend(session.faults);
    let token = session.token.as_deref();
    let bearer = token.and_then(|token| visit.shared.ledger().look_up(token));
    if let Some(bearer) = bearer.as_ref().filter(|bearer| bearer.issuer != Face::Core) {
        message
            .faults
            .push(foreign_token(bearer.issuer, Face::Core));
    }
    let lives = bearer.is_some_and(|bearer| bearer.issuer == Face::Core && bearer.alive);
    message.token_valid = lives;
    if action.is_none() || actions.next().is_some() {
        return Err(Fault::client("SOAPAction HTTP header missing"));
    }
    if !message.faults.is_empty() && session.token_count > 0 {
        let words = format!("Refused: {}", message.faults.join("; "));
        return Err(Fault::client(words));
    }
    if !lives {
        return Err(Fault::session());
    }
    let operation = envelope
        .operation()
        .filter(|element| element.tag_name().namespace() == Some(api.namespace))
        .map(|element| element.tag_name().name())
        .filter(|name| api.operations.contains(name))
        .ok_or_else(|| Fault::client("No operation available for request"))?;
    Ok(perform(visit, operation))
}

/// The Body's content for an operation.
fn perform(visit: &Visit, operation: &str) -> String {
    let result = match operation {
        "query" => {
            "<done>true</done><queryLocator xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/>\
             <size>0</size>"
                .to_owned()
        }
        "create" => {
            let id = visit.shared.count_write();
            format!("<id>001{id:012}AAA</id><success>true</success>")
        }
        "getUserInfo" => format!(
            "<organizationId>{}</organizationId><userId>{}</userId><userName>{}</userName>",
            super::ORGANISATION_ID,
            super::USER_ID,
            escaped(&visit.shared.settings.username)
        ),
        "describeMetadata" => "<organizationNamespace/><partialSaveAllowed>true</partialSaveAllowed>\
             <testRequired>false</testRequired>"
            .to_owned(),
        _ => return format!("<{operation}Response/>"),
    };
    format!("<{operation}Response><result>{result}</result></{operation}Response>")
}

fn faulty(status: u16, fault: &Fault) -> Answer {
    let (code, text) = (fault.code, escaped(&fault.text));
    let detail = match code.strip_prefix("sf:") {
        None => String::new(),
        Some(kind) => format!(
            "<detail><sf:UnexpectedErrorFault xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xsi:type=\"sf:UnexpectedErrorFault\"><sf:exceptionCode>{kind}</sf:exceptionCode>\
             <sf:exceptionMessage>{}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail>",
            text.trim_start_matches(kind).trim_start_matches(": ")
        ),
    };
    let body = format!(
        "<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring>{detail}</soapenv:Fault>"
    );
    let sf = " xmlns:sf=\"urn:fault.partner.soap.sforce.com\"";
    answer::whole(status, XML, enveloped(sf, &body))
}

fn enveloped(namespaces: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{}\"{namespaces}>\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>",
        SoapVersion::V11.namespace()
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
