//! Names, egress proxy and connections: what it means that one of them fails. Pure.

use std::fmt::Display;

use crate::token::is_loopback;
use crate::upstream::{EgressProxy, NameError, ReachError};

use super::{Code, Finding};

/// Below these stand the vendor's hosts, each with the tenant's subdomain in front.
const TENANT_DOMAINS: [&str; 2] = [".marketingcloudapis.com", ".my.salesforce.com"];

/// How connections to a host leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Egress {
    /// Through this proxy.
    Through(String),
    /// To this machine itself.
    Loopback,
    /// Directly, because `NO_PROXY` takes the host out of this proxy's.
    Exempted(String),
    /// Directly, because `upstream.proxy` says so; the environment names this one.
    SwitchedOff(String),
    /// Directly; no proxy is known.
    Direct,
}

impl Egress {
    /// `used` is what connections go through; `settings` and `environment` say why, where they do not.
    pub(super) fn of(
        used: Option<String>,
        host: &str,
        settings: &EgressProxy,
        environment: &EgressProxy,
    ) -> Self {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Some(proxy) = used {
            return Self::Through(proxy);
        }
        if is_loopback(bare) {
            return Self::Loopback;
        }
        match (settings, named(settings), named(environment)) {
            (EgressProxy::Environment(_), Some(proxy), _) => Self::Exempted(proxy),
            (EgressProxy::None, _, Some(proxy)) => Self::SwitchedOff(proxy),
            _ => Self::Direct,
        }
    }

    pub(super) fn finding(&self, authority: &str) -> Finding {
        Finding::ok(match self {
            Self::Through(proxy) => format!("{authority} is reached through {proxy}"),
            Self::Loopback => format!("{authority} is this machine: no egress proxy"),
            Self::Exempted(proxy) => {
                format!("{authority} is reached directly: NO_PROXY takes it out of {proxy}")
            }
            Self::SwitchedOff(proxy) => format!(
                "{authority} is reached directly: upstream.proxy is \"none\", though the environment names {proxy}"
            ),
            Self::Direct => format!("{authority} is reached directly: no egress proxy is set"),
        })
    }

    /// The same in two words.
    pub(super) fn in_short(&self) -> String {
        match self {
            Self::Through(proxy) => format!("through {proxy}"),
            _ => "directly".to_owned(),
        }
    }

    /// What stands in the way of a proxy that is known.
    fn unused(&self) -> Option<String> {
        match self {
            Self::Exempted(proxy) => Some(format!(
                "take the host out of NO_PROXY, so that {proxy} is used for it"
            )),
            Self::SwitchedOff(proxy) => Some(format!(
                "set upstream.proxy = \"env\", so that {proxy} is used"
            )),
            Self::Through(_) | Self::Loopback | Self::Direct => None,
        }
    }
}

/// The proxy that is meant for https hosts.
fn named(proxy: &EgressProxy) -> Option<String> {
    match proxy {
        EgressProxy::None => None,
        EgressProxy::Url(url) => Some(url.to_string()),
        EgressProxy::Environment(environment) => {
            let https = environment.https_proxy.as_ref();
            let proxy = https.or(environment.all_proxy.as_ref());
            proxy.map(ToString::to_string)
        }
    }
}

/// A host without an address. `others_resolve` tells whether a name does that has to be known everywhere.
pub(super) fn names(
    host: &str,
    error: &NameError,
    others_resolve: bool,
    egress: &Egress,
) -> Finding {
    if !others_resolve {
        if let Some(fix) = egress.unused() {
            let message = "no name of the Internet is known here, and an egress proxy is not used";
            return Finding::failed(Code::ProxyNeeded, message, fix).because(error.to_string());
        }
        let message = format!("neither {host} nor any other name of the Internet is known here");
        let fix = "let this machine ask name servers that know the Internet (upstream.resolve_with names some), or set \
                   HTTPS_PROXY or upstream.proxy to a proxy that looks names up itself";
        return Finding::failed(Code::DnsBlocked, message, fix).because(error.to_string());
    }
    let finding = match error {
        NameError::Unanswered { .. } => Finding::failed(
            Code::DnsTrouble,
            format!("the name servers have no answer about {host}, though they know others"),
            "try again in a minute; if it stays so, ask whoever runs the name servers",
        ),
        NameError::Unknown { .. } => match subdomain(host) {
            Some(subdomain) => Finding::failed(
                Code::WrongSubdomain,
                format!("there is no host {host}: the subdomain {subdomain} is wrong"),
                "compare the tenant's subdomain with the base URIs of the installed package (Setup, Apps, Installed \
                 Packages), or with My Domain in Setup",
            ),
            None => Finding::failed(
                Code::UnknownHost,
                format!("there is no host {host}"),
                "compare auth_url with the host that the package names",
            ),
        },
    };
    finding.because(error.to_string())
}

/// What stands before the vendor's part of a host.
pub(super) fn subdomain(host: &str) -> Option<&str> {
    let domains = TENANT_DOMAINS.iter();
    let rest = domains
        .filter_map(|domain| host.strip_suffix(domain))
        .next()?;
    rest.split('.').next().filter(|label| !label.is_empty())
}

/// A host to which no connection stands.
pub(super) fn connection(host: &str, error: &ReachError, egress: &Egress) -> Finding {
    let finding = match error {
        ReachError::Proxy {
            proxy,
            status,
            cause: _,
        } => through_proxy(host, proxy, status.map(|status| status.as_u16())),
        ReachError::Loop => Finding::failed(
            Code::LeadsBack,
            format!("{host} leads back to one of this proxy's own listeners"),
            "a hosts file names this machine for it: set upstream.resolve_with to name servers",
        ),
        ReachError::Refused { .. } | ReachError::Silent { .. } | ReachError::Failed { .. } => {
            directly(host, error, egress)
        }
    };
    finding.because(error.to_string())
}

fn directly(host: &str, error: &ReachError, egress: &Egress) -> Finding {
    if let Some(fix) = egress.unused() {
        let message =
            format!("{host} cannot be reached directly, and an egress proxy is not used for it");
        return Finding::failed(Code::ProxyNeeded, message, fix);
    }
    let elsewhere = "ask whoever runs the firewall to let this machine reach port 443 of the tenant's auth, rest and soap \
                     hosts; if there is a proxy for the way out, set HTTPS_PROXY or upstream.proxy to it";
    match error {
        ReachError::Refused { .. } if *egress == Egress::Loopback => Finding::failed(
            Code::ConnectionRefused,
            format!("nobody listens at {host}"),
            "compare the port of auth_url with what listens there",
        ),
        ReachError::Refused { .. } => Finding::failed(
            Code::ConnectionRefused,
            format!("{host} refuses the connection; Salesforce's hosts do not, so a firewall does"),
            elsewhere,
        ),
        ReachError::Silent { .. } => Finding::failed(
            Code::EgressBlocked,
            format!("nothing comes back from {host}: the way out is blocked"),
            elsewhere,
        ),
        _ => Finding::failed(
            Code::ConnectionFailed,
            format!("this machine has no way to {host}"),
            elsewhere,
        ),
    }
}

fn through_proxy(host: &str, proxy: &str, status: Option<u16>) -> Finding {
    match status {
        None => Finding::failed(
            Code::EgressProxyUnreachable,
            format!("the egress proxy {proxy} does not answer as a proxy"),
            "compare host and port of HTTPS_PROXY or upstream.proxy with the proxy's own",
        ),
        Some(407) => Finding::failed(
            Code::EgressProxyAuthentication,
            format!("the egress proxy {proxy} wants a user and password, or others than it gets"),
            "put them into the proxy's URL, as http://USER:PASSWORD@HOST:PORT, with percent signs for what a URL does not \
             take; other schemes than Basic are not spoken",
        ),
        Some(502..=504) => {
            let subdomain = match subdomain(host) {
                Some(subdomain) => format!("the subdomain {subdomain}"),
                None => "the host of auth_url".to_owned(),
            };
            Finding::failed(
                Code::EgressProxyNoWay,
                format!("the egress proxy {proxy} does not get through to {host}"),
                format!(
                    "compare {subdomain} with the package; if it is right, ask whoever runs the proxy"
                ),
            )
        }
        Some(status) => Finding::failed(
            Code::EgressProxyDenied,
            format!("the egress proxy {proxy} denies the way to {host} ({status})"),
            "ask whoever runs it to allow CONNECT to port 443 of the tenant's auth, rest and soap hosts",
        ),
    }
}

/// Addresses in words.
pub(super) fn listed<T: Display>(items: &[T]) -> String {
    const SHOWN_MAX: usize = 4;
    let mut shown: Vec<_> = items
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    if items.len() > SHOWN_MAX {
        shown.push(format!("{} more", items.len() - SHOWN_MAX));
    }
    shown.join(", ")
}
