//! The envelope around what the face says, with the headers that the vendor sends.
//!
//! Writes XML as text; whatever comes from outside goes through [`escaped`].

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use super::entry::SoapVersion;
use crate::sandbox::digest::random_uuid;

/// The namespace of everything that is asked and answered in a Body.
pub(super) const PARTNER: &str = "http://exacttarget.com/wsdl/partnerAPI";
/// The WS-Security extension namespace.
pub(super) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSA: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
/// What the vendor's timestamps say.
const TIMESTAMP_LIFE: Duration = Duration::from_secs(300);

/// The end of every envelope.
pub(super) const CLOSE: &str = "</soap:Body></soap:Envelope>";

/// Everything before the content of the Body.
pub(super) fn open(version: SoapVersion, action: &str, relates_to: Option<&str>) -> String {
    let created = SystemTime::now();
    let [created, expires] = [created, created + TIMESTAMP_LIFE]
        .map(|time| humantime::format_rfc3339_seconds(time).to_string());
    let made = format!("urn:uuid:{}", random_uuid());
    let relates_to = relates_to.unwrap_or(&made);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <soap:Envelope xmlns:soap=\"{soap}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:wsa=\"{WSA}\" xmlns:wsse=\"{WSSE}\" \
         xmlns:wsu=\"{WSU}\"><soap:Header><wsa:Action>{action}</wsa:Action>\
         <wsa:MessageID>urn:uuid:{message}</wsa:MessageID><wsa:RelatesTo>{relates_to}</wsa:RelatesTo>\
         <wsa:To>{WSA}/role/anonymous</wsa:To><wsse:Security>\
         <wsu:Timestamp wsu:Id=\"Timestamp-{stamp}\"><wsu:Created>{created}</wsu:Created>\
         <wsu:Expires>{expires}</wsu:Expires></wsu:Timestamp></wsse:Security></soap:Header><soap:Body>",
        soap = version.namespace(),
        action = escaped(action),
        message = random_uuid(),
        relates_to = escaped(relates_to),
        stamp = random_uuid(),
    )
}

/// The action in the header of a fault.
pub(super) fn fault_action() -> String {
    format!("{WSA}/fault")
}

/// Text that can stand in an element or a quoted attribute; what XML 1.0 cannot hold is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(letter),
            '\u{0}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            _ => out.push(letter),
        }
    }
    out
}

/// Adds `<name>text</name>`.
pub(super) fn put(out: &mut String, name: &str, text: &str) {
    let _ = write!(out, "<{name}>{}</{name}>", escaped(text));
}
