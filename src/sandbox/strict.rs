//! What a correct proxy must never send to Marketing Cloud: seen here, told in the journal, refused.
//!
//! Looks at the head only, and at nothing that a correct proxy may do.

use super::face::Face;
use super::wire::Head;

/// Header names that end at a proxy.
const NEVER: &[&str] = &[
    "forwarded",
    "proxy-authorization",
    "proxy-connection",
    "proxy-authenticate",
    "expect",
    "upgrade",
    "http2-settings",
    "keep-alive",
];
/// Starts of names that end at a proxy.
const NEVER_PREFIXES: &[&str] = &["sfmc-", "x-forwarded-"];
/// Header names that may stand once only; `Authorization` is judged by the face.
const ONCE: &[&str] = &["content-length", "transfer-encoding", "content-type"];
/// Query keys that would carry a secret.
const SECRET_KEYS: &[&str] = &[
    "access_token",
    "assertion",
    "client_secret",
    "code_verifier",
    "fueloauth",
    "refresh_token",
    "subject_token",
];

/// All faults of a head, in words.
pub(super) fn faults(head: &Head) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, value) in &head.headers {
        let name = name.to_ascii_lowercase();
        let never = NEVER.contains(&name.as_str())
            || NEVER_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if never {
            faults.push(format!("header {name} must not leave a proxy"));
        }
        if name == "connection" {
            faults.extend(connection_faults(value));
        }
        if name == "te" && !value.eq_ignore_ascii_case("trailers") {
            faults.push(format!("TE: {value} names more than trailers"));
        }
    }
    for name in ONCE {
        if head.values(name).nth(1).is_some() {
            faults.push(format!("header {name} stands more than once"));
        }
    }
    if head.values("content-length").next().is_some()
        && head.values("transfer-encoding").next().is_some()
    {
        faults.push("Content-Length and Transfer-Encoding stand together".to_owned());
    }
    faults.extend(target_faults(head));
    faults
}

/// Options beyond those that speak of the connection itself name headers that a proxy has to drop.
fn connection_faults(value: &str) -> Vec<String> {
    value
        .split(',')
        .map(|option| option.trim().to_ascii_lowercase())
        .filter(|option| !matches!(option.as_str(), "" | "close" | "keep-alive" | "te"))
        .map(|option| format!("Connection names {option}"))
        .collect()
}

fn target_faults(head: &Head) -> Vec<String> {
    let mut faults = Vec::new();
    let target = head.target.as_str();
    if !target.starts_with('/') {
        faults.push("target is not in origin form".to_owned());
    }
    if target.contains('#') {
        faults.push("target has a fragment".to_owned());
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    for (key, _) in form_urlencoded::parse(query.as_bytes()) {
        if SECRET_KEYS
            .iter()
            .any(|secret| key.eq_ignore_ascii_case(secret))
        {
            faults.push(format!("query carries {key}"));
        }
    }
    let bearer = head
        .values("authorization")
        .next()
        .and_then(|value| value.split_once(' '));
    if let Some((_, token)) = bearer
        && token.len() >= 16
        && target.contains(token.trim())
    {
        faults.push("target carries the token".to_owned());
    }
    faults
}

/// What is wrong with a token of one face on another that does not take it.
pub(super) fn foreign_token(issuer: Face, face: Face) -> String {
    let (issuer, face) = (issuer.name(), face.name());
    format!("a token of the {issuer} face came to the {face} face")
}

/// Why the `Host` of a head is not this face's; none if it is.
pub(super) fn host_fault(
    head: &Head,
    face: Face,
    is_host: impl Fn(&str) -> bool,
) -> Option<String> {
    let mut hosts = head.values("host");
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => None,
        (Some(host), None) => Some(format!("Host {host} is not the {} face", face.name())),
        (None, _) => Some("Host is missing".to_owned()),
        (Some(_), Some(_)) => Some("Host stands more than once".to_owned()),
    }
}
