//! What the HTTP head says of a SOAP message: version, charset, action, and what must not be there.
//!
//! Never looks at the body.

use super::entry::SoapVersion;
use super::fault::Refusal;
use crate::sandbox::wire::Head;

/// What a head says.
pub(super) struct Sent {
    /// By the media type; the envelope has the last word.
    pub(super) version: SoapVersion,
    pub(super) charset: Option<String>,
    /// From SOAPAction, or the `action` of the media type.
    pub(super) action: Option<String>,
    /// What a correct proxy must never send, in words.
    pub(super) faults: Vec<String>,
    /// Why the body is not worth reading.
    pub(super) refusal: Option<Refusal>,
}

/// Reads a head.
pub(super) fn read(head: &Head) -> Sent {
    let content_type = head.values("content-type").next().unwrap_or_default();
    let (media_type, parameters) = parameters(content_type);
    let parameter = |name: &str| {
        let mut values = parameters.iter().filter(|(key, _)| key == name);
        values.next().map(|(_, value)| value.clone())
    };
    let version = match media_type.as_str() {
        "application/soap+xml" => SoapVersion::V12,
        _ => SoapVersion::V11,
    };
    let header = head.values("soapaction").next().map(unquoted);
    let action = header
        .filter(|action| !action.is_empty())
        .or_else(|| parameter("action").filter(|action| !action.is_empty()));
    let faults = faults(head);
    let refusal = if !matches!(media_type.as_str(), "text/xml" | "application/soap+xml") {
        let words = format!("Content-Type {content_type:?} is not supported.");
        Some(Refusal::client(words).with_status(415))
    } else {
        faults.first().cloned().map(Refusal::client)
    };
    Sent {
        version,
        charset: parameter("charset"),
        action,
        faults,
        refusal,
    }
}

fn faults(head: &Head) -> Vec<String> {
    let mut faults = Vec::new();
    if head.values("authorization").next().is_some() {
        faults.push("header authorization must not go to SOAP".to_owned());
    }
    for coding in head.values("content-encoding") {
        if !coding.trim().eq_ignore_ascii_case("identity") {
            faults.push(format!("the message is encoded: {coding}"));
        }
    }
    let framed = ["content-length", "transfer-encoding"]
        .iter()
        .any(|name| head.values(name).next().is_some());
    if !framed {
        faults.push("neither Content-Length nor chunked".to_owned());
    }
    if head.values("soapaction").nth(1).is_some() {
        faults.push("header soapaction stands more than once".to_owned());
    }
    faults
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'));
    inner.unwrap_or(value).to_owned()
}

/// The media type in lower case, and its parameters with names in lower case.
fn parameters(content_type: &str) -> (String, Vec<(String, String)>) {
    let mut parts = Vec::new();
    let (mut part, mut quoted) = (String::new(), false);
    for letter in content_type.chars() {
        quoted ^= letter == '"';
        if letter == ';' && !quoted {
            parts.push(std::mem::take(&mut part));
        } else {
            part.push(letter);
        }
    }
    parts.push(part);
    let mut parts = parts.into_iter();
    let media_type = parts.next().unwrap_or_default();
    let pairs = parts.filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), unquoted(value)))
    });
    (media_type.trim().to_ascii_lowercase(), pairs.collect())
}
