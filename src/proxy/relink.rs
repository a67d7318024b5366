//! URLs of the tenant's own hosts in answers come to name the proxy, so that callers stay with it.
//!
//! Rewrites `Location` and the addresses in the WSDL; every other URL of an answer is the tenant's business.

use http::{HeaderValue, Uri};

use super::caller::Caller;
use super::route::Choice;
use crate::soap;
use crate::token::{AccessToken, InstanceUrl};

/// The new value of `Location`, or `None` where it stays as it is.
pub(super) fn location(
    value: &HeaderValue,
    choice: &Choice,
    token: &AccessToken,
    caller: &Caller,
) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let prefix = choice.prefix_for_links();
    if text.starts_with('/') && !text.starts_with("//") {
        // A path alone would lead from a selected call to the unselected one.
        return if prefix.is_empty() {
            None
        } else {
            HeaderValue::try_from(format!("{prefix}{text}")).ok()
        };
    }
    let absolute = if text.starts_with("//") {
        format!("https:{text}")
    } else {
        text.to_owned()
    };
    let uri: Uri = absolute.parse().ok()?;
    let base_path = own_instance(&uri, choice, token)?;
    // Taken from the text, not from the parsed URL: a fragment has to survive.
    let (_scheme, after_scheme) = absolute.split_once("://")?;
    let path_start = after_scheme
        .find(['/', '?', '#'])
        .unwrap_or(after_scheme.len());
    let path = after_scheme.get(path_start..)?;
    let path = path
        .strip_prefix(base_path)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let slash = if path.starts_with('/') { "" } else { "/" };
    HeaderValue::try_from(format!("{}{prefix}{slash}{path}", caller.base_url)).ok()
}

/// The WSDL, or its schema, with the proxy's address in place of the vendor's.
pub(super) fn wsdl(document: &[u8], choice: &Choice, caller: &Caller) -> Vec<u8> {
    let base = format!("{}{}", caller.base_url, choice.prefix_for_links());
    let endpoint = format!("{base}/Service.asmx");
    let schema = format!("{base}/ETFrameworkFault.xsd");
    soap::wsdl::relink(document, &endpoint, &schema)
}

/// The base path of the instance that this URL belongs to.
fn own_instance<'a>(uri: &Uri, choice: &Choice, token: &'a AccessToken) -> Option<&'a str> {
    let host = uri.host()?;
    let port = uri.port_u16();
    let names = |instance: &InstanceUrl| {
        let authority = instance.destination().authority().as_bytes();
        let named = match port {
            Some(port) if port != 443 => format!("{host}:{port}"),
            _ => host.to_owned(),
        };
        authority.eq_ignore_ascii_case(named.as_bytes())
    };
    if names(token.rest()) {
        return Some(token.rest().base_path());
    }
    if names(token.soap()) {
        return Some(token.soap().base_path());
    }
    choice.tenant().owns_host(host).then_some("")
}
