//! URLs and hosts: how they are read, which hosts may be sent a token, and under which names we are known.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use super::{Review, complain};
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::config::value::Complaint;
use crate::token::TrustedHost;

const LABEL_LETTERS_MAX: usize = 63;

/// Notes a complaint. The outer `None` says that there was one.
pub(super) fn checked<T>(
    review: &mut Review<'_>,
    path: &KeyPath,
    read: Option<Result<T, Complaint>>,
) -> Option<Option<T>> {
    match read {
        None => (!review.values.is_spoiled(path)).then_some(None),
        Some(Ok(value)) => Some(Some(value)),
        Some(Err(complaint)) => {
            let origin = review.origin(path);
            review.complaint(origin, path, complaint);
            None
        }
    }
}

/// A DNS label: letters, digits and hyphens.
pub(super) fn is_label(text: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    (1..=LABEL_LETTERS_MAX).contains(&text.len())
        && text.chars().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// http or https, with a host, and nothing but a path after it.
pub(super) fn base_url(text: &str) -> Result<(Uri, String), Complaint> {
    let example = r#"write a URL such as "https://proxy.example.com""#;
    let uri: Uri = match text.parse() {
        Ok(uri) => uri,
        Err(_) => return complain(format!("{} is no URL", shown(text)), example),
    };
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return complain(format!("{} is no http or https URL", shown(text)), example);
    };
    if authority.as_str().contains('@') {
        return complain(
            "holds a user name or password",
            "write the URL without them",
        );
    }
    if text.contains(['?', '#']) {
        let instead = "leave out what stands from the first ? or # on";
        return complain(format!("{} has a query or fragment", shown(text)), instead);
    }
    let after_host = authority.as_str().strip_prefix(authority.host());
    let has_port = after_host.is_some_and(|port| port.starts_with(':'));
    let usable_port = authority.port_u16().is_some_and(|port| port > 0);
    if authority.host().is_empty() || (has_port && !usable_port) {
        return complain(
            format!("{} has no usable host and port", shown(text)),
            example,
        );
    }
    let host = bare(authority.host()).to_ascii_lowercase();
    Ok((uri, host))
}

/// An IPv6 literal without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// Scheme and authority under which callers know the proxy.
pub(super) fn public(review: &mut Review<'_>) -> Option<String> {
    let path = KeyPath::of("listen.public_url");
    let text = review.text(&path)?;
    let url = base_url(text).and_then(|(uri, _host)| {
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let base = format!("{}://{authority}", uri.scheme_str().unwrap_or("http"));
        if uri.path() == "/" {
            Ok(base)
        } else {
            complain(
                format!("{} has a path", shown(text)),
                format!("write {base:?}"),
            )
        }
    });
    checked(review, &path, Some(url)).flatten()
}

/// Host names that callers may use for us, in lower case.
pub(super) fn allowed_hosts(review: &mut Review<'_>) -> Vec<String> {
    let path = KeyPath::of("listen.allowed_hosts");
    let mut hosts = Vec::new();
    for item in review.list(&path) {
        let read = host_and_port(&item.text).and_then(|trusted| match trusted.port {
            None => Ok(trusted.host),
            Some(_) => complain(
                format!("{} has a port", shown(&item.text)),
                format!("write {:?}", trusted.host),
            ),
        });
        match read {
            // As a URL would have it, which is how Host has it.
            Ok(host) if host.parse::<Ipv6Addr>().is_ok() => hosts.push(format!("[{host}]")),
            Ok(host) => hosts.push(host),
            Err(complaint) => review.complaint(Some(item.origin.clone()), &path, complaint),
        }
    }
    hosts
}

/// Hosts that the operator vouches for. `None` if one is wrong.
pub(super) fn trusted_hosts(review: &mut Review<'_>, path: &KeyPath) -> Option<Vec<TrustedHost>> {
    let mut hosts = Some(Vec::new());
    for item in review.list(path) {
        match (host_and_port(&item.text), &mut hosts) {
            (Ok(host), Some(hosts)) => hosts.push(host),
            (Ok(_), None) => {}
            (Err(complaint), _) => {
                review.complaint(Some(item.origin.clone()), path, complaint);
                hosts = None;
            }
        }
    }
    hosts
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_and_port(text: &str) -> Result<TrustedHost, Complaint> {
    let not_a_host =
        |instead: String| complain(format!("{} is no host name", shown(text)), instead);
    if let Some((_, after)) = text.split_once("://") {
        let host = after.split('/').next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        return not_a_host(format!("write {host:?}, without scheme and path"));
    }
    if text.contains('*') {
        return not_a_host("name each host: there are no wildcards".to_owned());
    }
    if text.parse::<Ipv6Addr>().is_ok() {
        let host = text.to_ascii_lowercase();
        return Ok(TrustedHost { host, port: None });
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port.map(str::parse::<u16>) {
        Some(Ok(port)) if port > 0 => Some(port),
        None => None,
        Some(_) => return not_a_host("write host or host:port".to_owned()),
    };
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let host = host.to_ascii_lowercase();
    match literal {
        Some(literal) => match literal.parse::<Ipv6Addr>() {
            Ok(address) => Ok(TrustedHost {
                host: address.to_string(),
                port,
            }),
            Err(_) => not_a_host("write an IPv6 address between the brackets".to_owned()),
        },
        None if host.parse::<IpAddr>().is_ok() || host.split('.').all(is_host_label) => {
            Ok(TrustedHost { host, port })
        }
        None => not_a_host("write host or host:port".to_owned()),
    }
}

/// Underscores are not DNS's, but container networks use them.
fn is_host_label(label: &str) -> bool {
    is_label(&label.replace('_', "a"))
}
