//! The policy against calls as their authors would like them to be read. Envelopes are scanned from literal XML.

mod allow;
mod documents;
mod futility;
mod modes;
mod soap;
mod templates;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::*;
use crate::soap::Content;
use crate::soap::envelope::{self, Dialect};

const NO_LIST: Option<&AllowList> = None;

fn list(patterns: &[&str]) -> AllowList {
    let parsed = patterns.iter().map(|text| Pattern::parse(text).unwrap());
    parsed.collect()
}

/// What becomes of a REST call, given as `METHOD /path`.
fn judged(call: &str, mode: Mode, allow: Option<&AllowList>) -> Result<(), Held> {
    judged_with(call, &[], mode, allow)
}

fn judged_with(
    call: &str,
    headers: &[&str],
    mode: Mode,
    allow: Option<&AllowList>,
) -> Result<(), Held> {
    with_call(call, headers, |call| judge(call, mode, allow))
}

fn with_call<T>(call: &str, headers: &[&str], then: impl FnOnce(&Call<'_>) -> T) -> T {
    let (method, path) = call.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut map = HeaderMap::new();
    for name in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        map.insert(name, HeaderValue::from_static("DELETE"));
    }
    then(&Call::Rest {
        method: &method,
        path,
        headers: &map,
    })
}

fn rest_effect(call: &str) -> Effect {
    with_call(call, &[], effect)
}

/// An envelope of core Salesforce with this in its Body, whose default namespace is this one.
fn core_envelope(namespace: &str, action: &str, body: &str) -> Envelope {
    let document = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body xmlns=\"{namespace}\">{body}</s:Body>\
         </s:Envelope>"
    );
    let content = Content {
        content_type: Some("text/xml"),
        soap_action: Some(action),
    };
    envelope::scan_as(Dialect::Core, &Bytes::from(document), &content).unwrap()
}

/// An envelope with this in its Body, sent with this action.
fn envelope(action: &str, body: &str) -> Envelope {
    let document = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Body>{body}</s:Body></s:Envelope>"
    );
    let content = Content {
        content_type: Some("text/xml"),
        soap_action: Some(action),
    };
    envelope::scan(&Bytes::from(document), &content).unwrap()
}

/// A request of the partner API: the element's name and what is in it.
fn request(action: &str, element: &str, inside: &str) -> Envelope {
    let body =
        format!("<{element} xmlns=\"http://exacttarget.com/wsdl/partnerAPI\">{inside}</{element}>");
    envelope(action, &body)
}

fn create(types: &[&str]) -> Envelope {
    request("Create", "CreateRequest", &objects(types))
}

fn objects(types: &[&str]) -> String {
    let object = |name: &&str| {
        format!("<Objects xsi:type=\"{name}\"><CustomerKey>k</CustomerKey></Objects>")
    };
    types.iter().map(object).collect()
}

fn retrieve(object_type: &str) -> Envelope {
    let inside =
        format!("<RetrieveRequest><ObjectType>{object_type}</ObjectType></RetrieveRequest>");
    request("Retrieve", "RetrieveRequestMsg", &inside)
}

fn judged_soap(envelope: &Envelope, mode: Mode, allow: Option<&AllowList>) -> Result<(), Held> {
    judge(&Call::Soap(envelope), mode, allow)
}
