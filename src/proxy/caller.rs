//! Who is calling: is the Host one of ours, and is a web page behind it? A local port is not a gift to the pages that the
//! user's browser opens, nor to names that an attacker lets point here.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version, request};

use super::error::{Code, ProxyError};

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
    /// How the caller reached us: scheme and authority, without a trailing slash.
    pub(super) base_url: String,
    /// The request comes from a browser.
    pub(super) browser: bool,
}

impl Door {
    /// Lets a request in, or says why not. `local` is our own address as the caller reached it; `None` on a Unix socket,
    /// which no browser and no foreign host can reach.
    pub(super) fn admit(
        &self,
        head: &request::Parts,
        local: Option<SocketAddr>,
    ) -> Result<Caller, ProxyError> {
        refuse_method(head)?;
        let authority = named_authority(head)?;
        if let (Some(authority), Some(local)) = (&authority, local) {
            self.check_host(authority, local, &head.uri)?;
        }
        let own_origin = match (&authority, local) {
            (Some(authority), _) => format!("http://{}", authority.as_str()),
            (None, Some(local)) => format!("http://{local}"),
            (None, None) => "http://localhost".to_owned(),
        };
        let browser = self.check_browser(&head.headers, &own_origin)?;
        let base_url = self.public_url.clone().unwrap_or(own_origin);
        Ok(Caller { base_url, browser })
    }

    fn check_host(
        &self,
        authority: &Authority,
        local: SocketAddr,
        target: &Uri,
    ) -> Result<(), ProxyError> {
        let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let public_host = self
            .public_url
            .as_deref()
            .and_then(|url| url.parse::<Uri>().ok());
        let ours = is_loopback_name(&host)
            || bare_address(&host) == Some(local.ip().to_canonical())
            || self.allowed_hosts.contains(&host)
            || public_host
                .as_ref()
                .and_then(Uri::host)
                .is_some_and(|public| public.eq_ignore_ascii_case(&host));
        if ours {
            return Ok(());
        }
        if target.authority().is_some() {
            return Err(ProxyError::new(
                Code::DestinationNotAllowed,
                format!(
                    "This proxy is not a forward proxy: it does not fetch {host}. Call it with a path alone, as \
                     http://127.0.0.1:7362/asset/v1/…"
                ),
            ));
        }
        Err(ProxyError::new(
            Code::HostNotAllowed,
            format!(
                "The Host {host} is not a name of this proxy. Call it as localhost or by its address, or add the name to \
                 listen.allowed_hosts."
            ),
        ))
    }

    fn check_browser(&self, headers: &HeaderMap, own_origin: &str) -> Result<bool, ProxyError> {
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

fn refuse_method(head: &request::Parts) -> Result<(), ProxyError> {
    match head.method {
        Method::TRACE => Err(ProxyError::new(
            Code::MethodNotAllowed,
            "TRACE is not forwarded: it would show the access token.",
        )),
        Method::CONNECT => Err(ProxyError::new(
            Code::DestinationNotAllowed,
            "CONNECT is not part of this version. Call the proxy with a path, as http://127.0.0.1:7362/asset/v1/…",
        )),
        _ => Ok(()),
    }
}

/// The authority that the request names: of an absolute target, else of Host. HTTP/1.1 must name exactly one.
fn named_authority(head: &request::Parts) -> Result<Option<Authority>, ProxyError> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() || (host.is_none() && head.version >= Version::HTTP_11) {
        return Err(ProxyError::new(
            Code::MalformedRequest,
            "A request needs exactly one Host header.",
        ));
    }
    if let Some(authority) = head.uri.authority() {
        return without_user(authority.clone()).map(Some);
    }
    let Some(host) = host.filter(|host| !host.is_empty()) else {
        return Ok(None);
    };
    let authority = Authority::try_from(host.as_bytes()).map_err(|_invalid| {
        ProxyError::new(
            Code::MalformedRequest,
            "The Host header is not a host name.",
        )
    })?;
    without_user(authority).map(Some)
}

fn without_user(authority: Authority) -> Result<Authority, ProxyError> {
    if authority.as_str().contains('@') {
        return Err(ProxyError::new(
            Code::MalformedRequest,
            "The Host carries user information, which has no meaning here.",
        ));
    }
    Ok(authority)
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
