//! Whose web pages may come here: those of this listener alone, and navigations to pages for logins. Compares headers; knows
//! no session.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, Uri};

/// The names under which this listener is known beyond its addresses: those of the configured redirect URIs, and the hosts
/// that the configuration allows.
#[derive(Default)]
pub(super) struct Names {
    redirect_uris: Vec<Uri>,
    allowed_hosts: Vec<String>,
}

impl Names {
    /// Allowed hosts are in lower case and without a port.
    pub(super) fn new(redirect_uris: impl Iterator<Item = Uri>, allowed_hosts: &[String]) -> Self {
        Self {
            redirect_uris: redirect_uris.collect(),
            allowed_hosts: allowed_hosts.to_vec(),
        }
    }

    /// A page that lets its own name point here gets nothing: only addresses, loopback names, the hosts that logins come
    /// back to, and those that are allowed are ours.
    pub(super) fn own_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(HOST) else {
            return true;
        };
        let Ok(authority) = Authority::try_from(host.as_bytes()) else {
            return false;
        };
        let host = bare(authority.host());
        let mut redirects = self.redirect_uris.iter().filter_map(Uri::host);
        is_loopback_name(&host)
            || host.parse::<IpAddr>().is_ok()
            || redirects.any(|name| bare(name) == host)
            || self.allowed_hosts.contains(&host)
    }

    /// The origin of an allowed host behind something that speaks TLS for it and passes its name on.
    fn secure_origin(&self, headers: &HeaderMap) -> Option<String> {
        let host = headers.get(HOST)?;
        let authority = Authority::try_from(host.as_bytes()).ok()?;
        let is_allowed = self.allowed_hosts.contains(&bare(authority.host()));
        let uri = Uri::builder().scheme(Scheme::HTTPS).authority(authority);
        let uri = uri.path_and_query("/").build().ok()?;
        origin_of(&uri).filter(|_origin| is_allowed)
    }

    /// Whether no web page, or one of our own, asks.
    pub(super) fn own_origin(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let own = |origin: &HeaderValue| self.is_own_origin(headers, origin.as_bytes());
        headers.get_all(ORIGIN).iter().all(own)
            && site.is_none_or(|site| site == b"same-origin" || site == b"none")
    }

    fn is_own_origin(&self, headers: &HeaderMap, origin: &[u8]) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let plain = format!("http://{}", host.unwrap_or_default());
        // A proxy in front that speaks TLS may send another Host than the browser did.
        let redirects = self.redirect_uris.iter().filter_map(origin_of);
        let mut own = redirects.chain([plain]).chain(self.secure_origin(headers));
        own.any(|own| origin.eq_ignore_ascii_case(own.as_bytes()))
    }

    /// Whether a browser knows the place that it asks as an https one.
    pub(super) fn asked_as_https(&self, headers: &HeaderMap) -> bool {
        let asked = headers.get(HOST).map(HeaderValue::as_bytes);
        let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
        let is_asked = |uri: &&Uri| {
            let authority = uri
                .authority()
                .map(|authority| authority.as_str().as_bytes());
            let by_origin = origin_of(uri).is_some_and(|own| Some(own.as_bytes()) == origin);
            (authority.is_some() && authority == asked) || by_origin
        };
        let mut secure = self.redirect_uris.iter().filter(|uri| is_https(uri));
        let is_allowed = self.secure_origin(headers).is_some_and(|own| {
            origin.is_some_and(|origin| origin.eq_ignore_ascii_case(own.as_bytes()))
        });
        is_allowed || secure.any(|uri| is_asked(&uri))
    }
}

/// Whether a person goes from one page to another. A login comes back so from the vendor's site, where its state and the
/// session protect it; and it is so that a browser is led from one name of this listener to another, for a page that only
/// shows a form.
pub(super) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let said = |name: &str, value: &str| {
        let mut values = headers.get_all(name).iter();
        values.all(|given| given.as_bytes() == value.as_bytes())
    };
    let fetched = headers.contains_key("sec-fetch-site");
    let navigates = !fetched || headers.contains_key("sec-fetch-mode");
    *method == Method::GET
        && !headers.contains_key(ORIGIN)
        && navigates
        && said("sec-fetch-mode", "navigate")
        && said("sec-fetch-dest", "document")
}

/// Where a page for this redirect URI should be asked for instead, if the browser is at another name of this machine: its
/// cookie would not come back.
pub(super) fn elsewhere(headers: &HeaderMap, redirect_uri: &Uri) -> Elsewhere {
    let (Some(host), Some(own)) = (headers.get(HOST), redirect_uri.authority()) else {
        return Elsewhere::Here;
    };
    let Ok(asked) = Authority::try_from(host.as_bytes()) else {
        return Elsewhere::Here;
    };
    if asked.as_str().eq_ignore_ascii_case(own.as_str()) {
        return Elsewhere::Here;
    }
    let Some(origin) = origin_of(redirect_uri) else {
        return Elsewhere::Here;
    };
    let loopback = |authority: &Authority| {
        let host = bare(authority.host());
        is_loopback_name(&host) || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    };
    let same_port = asked.port_u16() == own.port_u16() && !is_https(redirect_uri);
    if same_port && loopback(&asked) && loopback(own) {
        Elsewhere::SameMachine(origin)
    } else {
        Elsewhere::Perhaps(origin)
    }
}

/// Where a browser should be for a login.
pub(super) enum Elsewhere {
    /// It is there.
    Here,
    /// At this origin, which is the same listener under another name.
    SameMachine(String),
    /// At this origin, unless something in front of us changes names.
    Perhaps(String),
}

pub(super) fn is_https(uri: &Uri) -> bool {
    uri.scheme() == Some(&Scheme::HTTPS)
}

/// As browsers write it: without a port that goes without saying.
fn origin_of(uri: &Uri) -> Option<String> {
    let scheme = uri.scheme_str()?;
    let host = uri.host()?.to_ascii_lowercase();
    let implied = if is_https(uri) { 443 } else { 80 };
    Some(match uri.port_u16().filter(|port| *port != implied) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    })
}

fn is_loopback_name(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

fn bare(host: &str) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.map_or(host.clone(), ToOwned::to_owned)
}
