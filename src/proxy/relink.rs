//! URLs of the tenant's own hosts in answers come to name the proxy, so that callers stay with it.
//!
//! Rewrites `Location`, the addresses in the WSDL and those in `/platform/v1/endpoints*`; every other URL of an answer is the
//! tenant's business.

use http::{HeaderValue, Uri};

use super::links::Links;
use super::route::Choice;
use super::vendor::{HostApi, VendorHost};
use crate::soap;
use crate::token::{AccessToken, InstanceUrl};

/// The new value of `Location`, or `None` where it stays as it is.
pub(super) fn location(
    value: &HeaderValue,
    choice: &Choice,
    token: &AccessToken,
    links: &Links,
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
    let (api, base_path) = own_instance(&uri, choice, token)?;
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
    HeaderValue::try_from(format!("{}{slash}{path}", links.to(api, choice))).ok()
}

/// The WSDL, or its schema, with the proxy's address in place of the vendor's.
pub(super) fn wsdl(document: &[u8], choice: &Choice, links: &Links) -> Vec<u8> {
    let base = links.to(HostApi::Soap, choice);
    let endpoint = format!("{base}/Service.asmx");
    let schema = format!("{base}/ETFrameworkFault.xsd");
    soap::wsdl::relink(document, &endpoint, &schema)
}

/// JSON in which every text that is a URL of the tenant's own hosts names the proxy; every other byte stays. One that is no
/// JSON stays as it is.
pub(super) fn endpoints(
    document: &[u8],
    choice: &Choice,
    token: &AccessToken,
    links: &Links,
) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(document) else {
        return document.to_vec();
    };
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return document.to_vec();
    }
    let mut relinked = String::with_capacity(text.len() + 64);
    let mut rest = text;
    // In a JSON document a quotation mark that is no part of a text begins one.
    while let Some((before, after)) = rest.split_once('"') {
        relinked.push_str(before);
        let end = text_end(after);
        let (raw, tail) = after.split_at(end);
        match ours(raw, choice, token, links) {
            Some(url) => relinked.push_str(&url),
            None => {
                relinked.push('"');
                relinked.push_str(raw);
                relinked.push('"');
            }
        }
        rest = tail.strip_prefix('"').unwrap_or(tail);
    }
    relinked.push_str(rest);
    relinked.into_bytes()
}

/// Where a JSON text ends that has just begun.
fn text_end(text: &str) -> usize {
    let mut escaped = false;
    text.bytes()
        .position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })
        .unwrap_or(text.len())
}

/// A JSON text, as it is written between its quotation marks, that is a URL of the tenant's: with the proxy in the host's
/// place, quotation marks included.
fn ours(raw: &str, choice: &Choice, token: &AccessToken, links: &Links) -> Option<String> {
    let text: String = serde_json::from_str(&format!("\"{raw}\"")).ok()?;
    let uri: Uri = text.parse().ok()?;
    let (api, base_path) = own_instance(&uri, choice, token)?;
    let (_scheme, after_scheme) = text.split_once("://")?;
    let path_start = after_scheme.find(['/', '?', '#'])?;
    let path = after_scheme.get(path_start..)?;
    let path = path
        .strip_prefix(base_path)
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    serde_json::to_string(&format!("{}{path}", links.to(api, choice))).ok()
}

/// The API and the base path of the instance that this URL belongs to.
fn own_instance<'a>(
    uri: &Uri,
    choice: &Choice,
    token: &'a AccessToken,
) -> Option<(HostApi, &'a str)> {
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
    for (api, instance) in [
        (HostApi::Rest, token.rest()),
        (HostApi::Soap, token.soap()),
        (HostApi::Auth, token.auth()),
    ] {
        if names(instance) {
            return Some((api, instance.base_path()));
        }
    }
    let vendor = VendorHost::of(host).filter(|host| choice.tenant().is_below(host))?;
    Some((vendor.api, ""))
}
