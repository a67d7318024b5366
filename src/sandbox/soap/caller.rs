//! SOAP calls for the tests of this face, written as text.
//!
//! Knows no XML library: what goes out and comes in is compared byte by byte.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::sandbox::client::{call, token};
use crate::sandbox::{Face, SoapEntry, Tenant};

pub(super) const V11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
pub(super) const V12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// A Retrieve that every tenant answers.
pub(super) const LISTS: &str = "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>\
    <ObjectType>List</ObjectType><Properties>ListName</Properties></RetrieveRequest></RetrieveRequestMsg>";

pub(super) async fn bare_token(tenant: &Tenant, changes: Value) -> String {
    let bearer = token(tenant, changes).await;
    bearer.strip_prefix("Bearer ").unwrap().to_owned()
}

pub(super) fn fueloauth(token: &str) -> String {
    format!("<fueloauth xmlns=\"http://exacttarget.com\">{token}</fueloauth>")
}

pub(super) fn envelope(version: &str, header: &str, body: &str) -> String {
    format!(
        "<E:Envelope xmlns:E=\"{version}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <E:Header>{header}</E:Header><E:Body>{body}</E:Body></E:Envelope>"
    )
}

pub(super) async fn post(
    tenant: &Tenant,
    headers: &[(&str, &str)],
    message: &str,
) -> Response<Bytes> {
    call(
        tenant,
        Face::Soap,
        "POST",
        "/Service.asmx",
        headers,
        message,
    )
    .await
    .unwrap()
}

/// A SOAP 1.1 message with that action.
pub(super) async fn post_11(tenant: &Tenant, action: &str, message: &str) -> Response<Bytes> {
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", action)];
    post(tenant, &headers, message).await
}

pub(super) fn body(answer: &Response<Bytes>) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}

/// A lawful call; what stands within the answer's element.
pub(super) async fn ask(
    tenant: &Tenant,
    token: &str,
    action: &str,
    element: &str,
    inner: &str,
) -> String {
    let content =
        format!("<{element} xmlns=\"http://exacttarget.com/wsdl/partnerAPI\">{inner}</{element}>");
    let message = envelope(V11, &fueloauth(token), &content);
    let answer = post_11(tenant, action, &message).await;
    let text = body(&answer);
    assert_eq!(answer.status(), 200, "{text}");
    let (_, content) = text.split_once("<soap:Body>").unwrap();
    let (_, content) = content.split_once('>').unwrap();
    let (content, _) = content.rsplit_once("</soap:Body></soap:Envelope>").unwrap();
    let (content, _) = content.rsplit_once("</").unwrap();
    content.to_owned()
}

/// A Retrieve of `properties`, with `more` after them.
pub(super) async fn retrieve(
    tenant: &Tenant,
    token: &str,
    object_type: &str,
    properties: &[&str],
    more: &str,
) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|name| format!("<Properties>{name}</Properties>"))
        .collect();
    let asked = format!(
        "<RetrieveRequest><ObjectType>{object_type}</ObjectType>{}{more}</RetrieveRequest>",
        properties.concat()
    );
    ask(tenant, token, "Retrieve", "RetrieveRequestMsg", &asked).await
}

/// All texts of elements of that name.
pub(super) fn texts<'a>(content: &'a str, name: &str) -> Vec<&'a str> {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    content
        .split(start.as_str())
        .skip(1)
        .map(|rest| rest.split(end.as_str()).next().unwrap())
        .collect()
}

/// What the journal has of the last message.
pub(super) fn last(tenant: &Tenant) -> SoapEntry {
    tenant.journal().pop().unwrap().soap.clone().unwrap()
}

/// A tenant, and a token for its first account.
pub(super) async fn start() -> (Tenant, String) {
    let tenant = crate::sandbox::client::tenant().await;
    let token = bare_token(&tenant, json!({})).await;
    (tenant, token)
}
