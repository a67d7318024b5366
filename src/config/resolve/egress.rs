//! The way out: who resolves names, and through which proxy connections go. A way that would lead back to one of our own
//! listeners ends here. Never shows what stands before a proxy's `@`.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::listen::Listening;
use super::{Review, complain};
use crate::config::Depth;
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::config::value::Complaint;
use crate::upstream::{EgressProxy, EgressProxyError, ProxyUrl, ResolveWith};

const DNS_PORT: u16 = 53;
const SYSTEM: &str = "system";

/// `None` if a fault was found, or nothing was to be read.
pub(super) fn resolve_with(review: &mut Review<'_>) -> Option<ResolveWith> {
    let path = KeyPath::of("upstream.resolve_with");
    let items = review.list(&path);
    if items.iter().any(|item| item.text == SYSTEM) {
        if items.len() > 1 {
            let what = "names the system and name servers, and only one of the two can be asked";
            let instead = r#"write "system", or the name servers alone"#;
            review.fault(&path, what, instead);
            return None;
        }
        return Some(ResolveWith::System);
    }
    if items.is_empty() {
        if !review.values.is_spoiled(&path) {
            let instead = r#"write "system", or a name server such as "10.0.0.10:53""#;
            review.fault(&path, "names nobody to ask", instead);
        }
        return None;
    }
    let mut servers = Some(Vec::new());
    for item in items {
        match (name_server(&item.text), &mut servers) {
            (Ok(server), Some(servers)) => servers.push(server),
            (Ok(_), None) => {}
            (Err(complaint), _) => {
                review.complaint(Some(item.origin.clone()), &path, complaint);
                servers = None;
            }
        }
    }
    servers.map(ResolveWith::Servers)
}

/// `ip`, `ip:port`, `[v6]` or `[v6]:port`.
fn name_server(text: &str) -> Result<SocketAddr, Complaint> {
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .and_then(|text| text.parse::<Ipv6Addr>().ok());
    let address: Option<SocketAddr> = text
        .parse::<IpAddr>()
        .ok()
        .or(bracketed.map(IpAddr::V6))
        .map(|ip| (ip, DNS_PORT).into())
        .or_else(|| text.parse().ok());
    match address {
        Some(address) if address.port() > 0 && !address.ip().is_unspecified() => Ok(address),
        _ => complain(
            format!("{} is no address of a name server", shown(text)),
            r#"write "system", or an IP address with or without a port, as "10.0.0.10:53""#,
        ),
    }
}

/// `None` if a fault was found, or nothing was to be read.
pub(super) fn proxy(
    review: &mut Review<'_>,
    listening: &Listening,
    admin: Option<SocketAddr>,
) -> Option<EgressProxy> {
    let path = KeyPath::of("upstream.proxy");
    let text = review.text(&path)?;
    let origin = review.origin(&path);
    match text {
        "none" => Some(EgressProxy::None),
        "env" if review.depth == Depth::Syntax => None,
        "env" => of_environment(review, &path, listening, admin),
        _ => match EgressProxy::url(text) {
            Err(error) => {
                let instead = r#"write "env", "none" or "http://proxy.example.com:3128""#;
                let (what, instead) = in_words(&error, instead);
                review.faults.add(origin, &path, what, instead);
                None
            }
            Ok(proxy) => {
                if let EgressProxy::Url(url) = &proxy
                    && let Some(own) = own(url, listening, admin)
                {
                    let what = format!("{url} is one of our own listeners, that of {own}");
                    let instead = r#"name the proxy on the way out, or write "none""#;
                    review.faults.add(origin, &path, what, instead);
                    return None;
                }
                Some(proxy)
            }
        },
    }
}

fn of_environment(
    review: &mut Review<'_>,
    path: &KeyPath,
    listening: &Listening,
    admin: Option<SocketAddr>,
) -> Option<EgressProxy> {
    let sources = review.sources;
    let read = EgressProxy::environment(|name| sources.variable(name).map(str::to_owned));
    let proxy = match read {
        Ok(proxy) => proxy,
        Err(error) => {
            let (origin, error) = match error {
                EgressProxyError::Variable {
                    variable,
                    complaint,
                } => (Some(Origin::Environment(variable)), *complaint),
                other => (review.origin(path), other),
            };
            let instead =
                "correct or unset the variable, or write proxy = \"none\" or a URL in [upstream]";
            let (what, instead) = in_words(&error, instead);
            review.faults.add(origin, path, what, instead);
            return None;
        }
    };
    if let EgressProxy::Environment(environment) = &proxy {
        let named = [
            ("https_proxy", &environment.https_proxy),
            ("http_proxy", &environment.http_proxy),
            ("all_proxy", &environment.all_proxy),
        ];
        for (name, url) in named {
            let Some(url) = url else { continue };
            let Some(own) = own(url, listening, admin) else {
                continue;
            };
            let origin = Some(Origin::Environment(set_variable(review, name)));
            let what = format!("{url} is one of our own listeners, that of {own}");
            let instead =
                r#"unset the variable for this process, or write proxy = "none" in [upstream]"#;
            review.faults.add(origin, path, what, instead);
        }
    }
    Some(proxy)
}

/// What is wrong, and what to do, where the error does not say that itself.
fn in_words(error: &EgressProxyError, instead: &str) -> (String, String) {
    let words = error.to_string();
    match words.split_once("; ") {
        Some((what, advice)) => (what.to_owned(), format!("{advice}, or {instead}")),
        None => (words, instead.to_owned()),
    }
}

/// How a proxy's variable is spelled here: the lower case one counts first.
fn set_variable(review: &Review<'_>, name: &str) -> String {
    let is_set = |name: &str| {
        let value = review.sources.variable(name);
        value.is_some_and(|value| !value.trim().is_empty())
    };
    if is_set(name) {
        name.to_owned()
    } else {
        name.to_ascii_uppercase()
    }
}

/// Which of our listeners a proxy's URL leads to, if it does.
fn own(url: &ProxyUrl, listening: &Listening, admin: Option<SocketAddr>) -> Option<String> {
    let (host, port) = url.authority().rsplit_once(':')?;
    let (host, port) = (host.trim_matches(['[', ']']), port.parse().ok()?);
    if admin.is_some_and(|admin| leads_to(host, port, admin)) {
        return Some("admin.listen".to_owned());
    }
    listening.found(|own| leads_to(host, port, own))
}

fn leads_to(host: &str, port: u16, own: SocketAddr) -> bool {
    let ip = own.ip().to_canonical();
    let is_here = ip.is_loopback() || ip.is_unspecified();
    let same_host = match host.parse::<IpAddr>() {
        Ok(named) => {
            let named = named.to_canonical();
            let any = ip.is_unspecified() || named.is_unspecified();
            named == ip
                || (named.is_ipv4() == ip.is_ipv4()
                    && any
                    && is_here
                    && (named.is_loopback() || named.is_unspecified()))
        }
        Err(_) => {
            let name = host.trim_end_matches('.').to_ascii_lowercase();
            is_here && (name == "localhost" || name.ends_with(".localhost"))
        }
    };
    same_host && own.port() == port
}
