//! Faults of our own, as the known SDKs read them: the prefix is `soap`, because some look for `soap:Envelope` literally.
//!
//! Never says anything that the caller of this did not give, and never the vendor's words for a refused token.

use crate::soap::Version;
use crate::soap::xml::escape;

/// Whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// `soap:Client`, in SOAP 1.2 `soap:Sender`.
    Client,
    /// `soap:Server`, in SOAP 1.2 `soap:Receiver`.
    Server,
}

/// A whole envelope in UTF-8. Its detail has our code and the request's id; all texts are escaped.
#[must_use]
pub fn render(
    version: Version,
    blame: Blame,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    let (code, message, request_id) = (escape(code), escape(message), escape(request_id));
    let detail = format!(
        "<error xmlns=\"urn:sfmc-auth-proxy\"><code>{code}</code><message>{message}</message>\
         <requestId>{request_id}</requestId></error>"
    );
    let (namespace, fault) = match version {
        Version::Soap11 => {
            let name = match blame {
                Blame::Client => "Client",
                Blame::Server => "Server",
            };
            let fault = format!(
                "<faultcode>soap:{name}</faultcode><faultstring>{message}</faultstring><detail>{detail}</detail>"
            );
            ("http://schemas.xmlsoap.org/soap/envelope/", fault)
        }
        Version::Soap12 => {
            let name = match blame {
                Blame::Client => "Sender",
                Blame::Server => "Receiver",
            };
            let fault = format!(
                "<soap:Code><soap:Value>soap:{name}</soap:Value></soap:Code>\
                 <soap:Reason><soap:Text xml:lang=\"en\">{message}</soap:Text></soap:Reason>\
                 <soap:Detail>{detail}</soap:Detail>"
            );
            ("http://www.w3.org/2003/05/soap-envelope", fault)
        }
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>\
         <soap:Fault>{fault}</soap:Fault></soap:Body></soap:Envelope>"
    )
}
