//! Who is at the door: which host the request names, whether that is one of ours, and whether a web page is behind it. A
//! local port is not a gift to the pages that the user's browser opens, nor to names that an attacker lets point here.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version, request};

use super::error::{Code, ProxyError};
use super::links::{AsCalled, Links};
use super::vendor::VendorHost;
use super::{AnswerUrls, ListenerSelection};
use crate::server::Connection;

/// Which names are ours.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// `scheme://authority` under which callers know the proxy.
    pub(super) public_url: Option<String>,
    /// Further host names, lower case.
    pub(super) allowed_hosts: Vec<String>,
}

/// A caller that has been let in.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) named: Named,
    /// What URLs in answers name.
    pub(super) links: Links,
    /// The request comes from a browser.
    pub(super) browser: bool,
    /// It takes us for its forward proxy: its credentials are for a proxy.
    pub(super) forward: bool,
}

/// The host that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// This proxy.
    Own,
    /// One of the vendor's.
    Vendor(VendorHost),
    /// Somebody else's: host without brackets, lower case, and port.
    Other { host: String, port: u16 },
}

/// How a request came to be here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// With a path alone.
    Direct,
    /// With a whole URL, as to a forward proxy.
    Absolute,
    /// With CONNECT.
    Connect,
    /// Through a CONNECT that was intercepted.
    Inside,
}

impl Door {
    /// Lets a request in, or says why not.
    pub(super) fn admit(
        &self,
        head: &request::Parts,
        connection: &Connection,
        listener: Option<&ListenerSelection>,
    ) -> Result<Caller, ProxyError> {
        if head.method == Method::TRACE {
            return Err(ProxyError::method(
                "TRACE is not forwarded: it would show the access token.",
                "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, CONNECT",
            ));
        }
        let way = way(head, connection);
        let authority = named_authority(head, way)?;
        agrees_with_tls(way, authority.as_ref(), connection)?;
        let secure = way == Way::Inside || (way == Way::Direct && connection.tls().is_some());
        let scheme = match head.uri.scheme_str() {
            Some("https") => "https",
            _ if secure => "https",
            _ => "http",
        };
        let named = self.named(way, authority.as_ref(), scheme, connection)?;
        let browser = self.check_browser(&head.headers, scheme, authority.as_ref(), connection)?;
        let as_called = as_called(&named, authority.as_ref(), scheme);
        let base = self.base(&named, way, authority.as_ref(), scheme, connection);
        let keeps = listener.is_some_and(|listener| listener.answer_urls == AnswerUrls::AsCalled);
        let links = match (base, as_called) {
            (Some(base), Some(as_called)) if keeps => Links::new(base, Some(as_called)),
            (Some(base), _) => Links::new(base, None),
            // There is no address of ours that the caller could use: it has to come the same way again.
            (None, as_called) => Links::new(String::new(), as_called),
        };
        Ok(Caller {
            forward: matches!(way, Way::Absolute | Way::Connect),
            named,
            links,
            browser,
        })
    }

    fn named(
        &self,
        way: Way,
        authority: Option<&Authority>,
        scheme: &str,
        connection: &Connection,
    ) -> Result<Named, ProxyError> {
        let (Some(authority), Some(local)) = (authority, connection.local()) else {
            // A Unix socket takes any Host, and HTTP/1.0 may have none.
            return Ok(match authority.filter(|_| way != Way::Direct) {
                Some(authority) => elsewhere(authority, scheme),
                None => Named::Own,
            });
        };
        let host = plain_host(authority);
        let own_name = self.is_own(&host, local);
        if way == Way::Direct {
            return match VendorHost::of(&host) {
                // A hosts file that points the tenant's names here: the TLS name has said so already.
                Some(vendor) if connection.tls().is_some() => Ok(Named::Vendor(vendor)),
                _ if own_name => Ok(Named::Own),
                _ => Err(not_ours(&host)),
            };
        }
        let port = authority.port_u16().unwrap_or(default_port(scheme));
        let own_port = port == local.port() || Some(port) == self.public_port();
        if own_name && (own_port || way == Way::Inside) {
            return Ok(Named::Own);
        }
        Ok(elsewhere(authority, scheme))
    }

    /// Our address as the caller can use it; `None` if there is none.
    fn base(
        &self,
        named: &Named,
        way: Way,
        authority: Option<&Authority>,
        scheme: &str,
        connection: &Connection,
    ) -> Option<String> {
        if let Some(public_url) = &self.public_url {
            return Some(public_url.clone());
        }
        if *named == Named::Own {
            return Some(match (authority, connection.local()) {
                (Some(authority), _) => format!("{scheme}://{authority}"),
                (None, Some(local)) => format!("{scheme}://{local}"),
                (None, None) => "http://localhost".to_owned(),
            });
        }
        let local = connection.local()?;
        if connection.tls().is_none() {
            return Some(format!("http://{local}"));
        }
        // No certificate that was asked for by a host's name is good for an address, but loopback's is.
        let usable = way != Way::Direct || local.ip().to_canonical().is_loopback();
        usable.then(|| format!("https://{local}"))
    }

    fn is_own(&self, host: &str, local: SocketAddr) -> bool {
        let public_host = self
            .public_url
            .as_deref()
            .and_then(|url| url.parse::<Uri>().ok());
        is_loopback_name(host)
            || bare_address(host) == Some(local.ip().to_canonical())
            || self.allowed_hosts.iter().any(|allowed| allowed == host)
            || public_host
                .as_ref()
                .and_then(Uri::host)
                .is_some_and(|public| public.eq_ignore_ascii_case(host))
    }

    fn public_port(&self) -> Option<u16> {
        let url: Uri = self.public_url.as_deref()?.parse().ok()?;
        url.port_u16()
            .or_else(|| url.scheme_str().map(default_port))
    }

    fn check_browser(
        &self,
        headers: &HeaderMap,
        scheme: &str,
        authority: Option<&Authority>,
        connection: &Connection,
    ) -> Result<bool, ProxyError> {
        let own_origin = match (authority, connection.local()) {
            (Some(authority), _) => format!("{scheme}://{authority}"),
            (None, Some(local)) => format!("{scheme}://{local}"),
            (None, None) => "http://localhost".to_owned(),
        };
        let fetch_site = headers
            .get("sec-fetch-site")
            .map(http::HeaderValue::as_bytes);
        let foreign_site = fetch_site.is_some_and(|site| site != b"same-origin" && site != b"none");
        let own = |origin: &[u8]| {
            origin.eq_ignore_ascii_case(own_origin.as_bytes())
                || self
                    .public_url
                    .as_ref()
                    .is_some_and(|url| origin.eq_ignore_ascii_case(url.as_bytes()))
        };
        let foreign_origin = headers
            .get_all(ORIGIN)
            .iter()
            .any(|origin| !own(origin.as_bytes()));
        if foreign_site || foreign_origin {
            return Err(ProxyError::new(
                Code::BrowserRequestRefused,
                "A web page of another origin may not call this proxy. Call it from a program; a page that belongs to the \
                 proxy itself has its origin.",
            ));
        }
        Ok(fetch_site.is_some())
    }
}

fn way(head: &request::Parts, connection: &Connection) -> Way {
    if head.method == Method::CONNECT {
        Way::Connect
    } else if connection.intercepted().is_some() {
        Way::Inside
    } else if head.uri.scheme().is_some() {
        Way::Absolute
    } else {
        Way::Direct
    }
}

/// The authority that the request names: of its target, else of Host. HTTP/1.1 must name exactly one.
fn named_authority(head: &request::Parts, way: Way) -> Result<Option<Authority>, ProxyError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() || (host.is_none() && head.version >= Version::HTTP_11) {
        return Err(malformed("A request needs exactly one Host header."));
    }
    let of_host = match host.filter(|host| !host.is_empty()) {
        Some(host) => {
            let authority = Authority::try_from(host.as_bytes())
                .map_err(|_invalid| malformed("The Host header is not a host name."));
            Some(authority.and_then(without_user))
        }
        None => None,
    };
    let Some(target) = head.uri.authority() else {
        return of_host.transpose();
    };
    let target = without_user(target.clone())?;
    if way == Way::Inside
        && let Some(host) = of_host
        && plain_host(&host?) != plain_host(&target)
    {
        return Err(disagrees());
    }
    Ok(Some(target))
}

/// Inside a CONNECT its target, the TLS name and Host have to be one; on a TLS listener the latter two.
fn agrees_with_tls(
    way: Way,
    authority: Option<&Authority>,
    connection: &Connection,
) -> Result<(), ProxyError> {
    let host = authority.map(plain_host);
    let same = |name: &str| host.as_deref().is_none_or(|host| host == plain(name));
    match (way, connection.intercepted(), connection.tls()) {
        (Way::Inside, Some(intercepted), _) => {
            let port = authority.and_then(Authority::port_u16);
            let named = intercepted.server_name.as_deref();
            let agrees = host.is_some()
                && same(&intercepted.host)
                && port.is_none_or(|port| port == intercepted.port)
                && named.is_none_or(same);
            if agrees { Ok(()) } else { Err(disagrees()) }
        }
        (Way::Direct, _, Some(tls)) => match tls.server_name.as_deref() {
            Some(name) if !same(name) => Err(disagrees()),
            None if host
                .as_deref()
                .is_some_and(|host| VendorHost::of(host).is_some()) =>
            {
                Ok(())
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

fn disagrees() -> ProxyError {
    ProxyError::new(
        Code::HostNotAllowed,
        "The host of the CONNECT, the name in TLS and the Host header are not the same. Nothing was sent. Use one connection \
         for each host.",
    )
}

fn not_ours(host: &str) -> ProxyError {
    ProxyError::new(
        Code::HostNotAllowed,
        format!(
            "The Host {host} is not a name of this proxy. Call it as localhost or by its address, or add the name to \
             listen.allowed_hosts."
        ),
    )
}

fn malformed(what: &str) -> ProxyError {
    ProxyError::new(Code::MalformedRequest, what)
}

fn elsewhere(authority: &Authority, scheme: &str) -> Named {
    let host = plain_host(authority);
    let port = authority.port_u16();
    match VendorHost::of(&host) {
        // Whatever the scheme: it leaves over TLS.
        Some(vendor) if port.is_none_or(|port| matches!(port, 80 | 443)) => Named::Vendor(vendor),
        _ => Named::Other {
            host: plain(&host),
            port: port.unwrap_or(default_port(scheme)),
        },
    }
}

fn as_called(named: &Named, authority: Option<&Authority>, scheme: &str) -> Option<AsCalled> {
    let Named::Vendor(vendor) = named else {
        return None;
    };
    Some(AsCalled {
        scheme: scheme.to_owned(),
        port: authority.and_then(Authority::port_u16),
        vendor: vendor.clone(),
    })
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

fn without_user(authority: Authority) -> Result<Authority, ProxyError> {
    if authority.as_str().contains('@') {
        return Err(malformed(
            "The Host carries user information, which has no meaning here.",
        ));
    }
    Ok(authority)
}

/// Lower case, without a closing dot; an IPv6 literal keeps its brackets.
fn plain_host(authority: &Authority) -> String {
    authority.host().trim_end_matches('.').to_ascii_lowercase()
}

fn plain(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .to_owned()
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || bare_address(host).is_some_and(|address| address.is_loopback())
}

fn bare_address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse::<IpAddr>()
        .ok()
        .map(|address| address.to_canonical())
}
