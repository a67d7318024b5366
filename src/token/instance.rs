//! Instance URLs and the tenant lock: a token goes only to hosts that belong to its tenant, whatever a response says.

use std::fmt;
use std::sync::Arc;

use http::Uri;

use super::MintError;
use crate::upstream::{Destination, Trust, Upstream};

/// Below these stand the instances of every Marketing Cloud tenant.
const ENGAGEMENT_DOMAINS: [&str; 2] =
    ["rest.marketingcloudapis.com", "soap.marketingcloudapis.com"];
/// Below this stands every My Domain.
const CORE_DOMAIN: &str = "my.salesforce.com";
/// Below this stands every instance of Data Cloud. Its name is not known beforehand: it comes from the exchange, over TLS,
/// from a host that was admitted.
const DATA_CLOUD_DOMAIN: &str = "c360a.salesforce.com";

/// Which of the vendor's hosts can be a tenant's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Marketing Cloud's REST and SOAP hosts.
    Engagement,
    /// My Domain.
    Core,
    /// Data Cloud's API hosts.
    DataCloud,
}

/// A host that may serve as an instance although it is not below the tenant's own subdomain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustedHost {
    /// Host name or IP literal, lower case, an IPv6 literal without its brackets.
    pub host: String,
    /// The one port that is trusted; `None` trusts every port of the host.
    pub port: Option<u16>,
}

/// Which instance URLs of a token response are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct InstanceLock {
    /// The tenant's subdomain, lower case: `SUB.rest.marketingcloudapis.com` and its `soap` sibling are believed. Of core
    /// Salesforce, what stands before `.my.salesforce.com`.
    pub subdomain: Option<String>,
    /// Further hosts that the operator vouches for.
    pub trusted: Vec<TrustedHost>,
}

impl InstanceLock {
    /// Opens only for https URLs (http for loopback) of the tenant's own hosts, without user information, query or fragment.
    pub fn admit(
        &self,
        domain: Domain,
        url: &str,
        upstream: &Upstream,
        trust: &Trust,
    ) -> Result<InstanceUrl, MintError> {
        let refuse = |what: String| MintError::Untrusted { host: what };
        if url.contains('#') || url.contains('?') {
            return Err(refuse("a URL with a query or fragment".to_owned()));
        }
        let uri: Uri = url
            .parse()
            .map_err(|_invalid| refuse("something that is no URL".to_owned()))?;
        let authority = uri
            .authority()
            .map(|authority| authority.as_str().to_owned())
            .unwrap_or_default();
        let destination = upstream
            .destination(&uri, trust)
            .map_err(|error| refuse(format!("a URL that cannot be used ({error})")))?;
        let host = destination
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let port = uri
            .port_u16()
            .unwrap_or(if destination.https() { 443 } else { 80 });
        if !destination.https() && !is_loopback(&host) {
            return Err(refuse(format!("{authority} over http")));
        }
        if !self.knows(domain, &host, port) {
            return Err(refuse(authority));
        }
        let base_path = uri.path().trim_end_matches('/').to_owned();
        Ok(InstanceUrl {
            destination,
            base_path,
        })
    }

    fn knows(&self, domain: Domain, host: &str, port: u16) -> bool {
        let below = self.subdomain.as_ref().and_then(|subdomain| {
            let rest = host.strip_prefix(subdomain.as_str())?;
            rest.strip_prefix('.')
        });
        let own = match domain {
            Domain::Engagement => below.is_some_and(|below| ENGAGEMENT_DOMAINS.contains(&below)),
            Domain::Core => below == Some(CORE_DOMAIN),
            Domain::DataCloud => host
                .split_once('.')
                .is_some_and(|(label, below)| !label.is_empty() && below == DATA_CLOUD_DOMAIN),
        };
        (own && port == 443)
            || self.trusted.iter().any(|trusted| {
                trusted.host == host && trusted.port.is_none_or(|trusted_port| trusted_port == port)
            })
    }
}

/// Whether a host is this machine by its very name.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// An instance that the lock has let through: the only place that a token is sent to.
#[derive(Clone)]
pub struct InstanceUrl {
    destination: Arc<Destination>,
    base_path: String,
}

impl InstanceUrl {
    /// A host that the settings name: the token endpoint's own, which has the client secret and gave the token, or Account
    /// Engagement's. `base_path` is without a slash at its end.
    pub(super) fn of_settings(destination: Arc<Destination>, base_path: String) -> Self {
        Self {
            destination,
            base_path,
        }
    }

    /// Host, port and trust.
    #[must_use]
    pub fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }

    /// The whole URL, with a slash at its end; the lock would let it through again.
    pub(super) fn url(&self) -> String {
        format!("{}{}/", self.destination.url(), self.base_path)
    }

    /// What stands before every path, without a trailing slash; mostly empty.
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }
}

impl fmt::Debug for InstanceUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())
    }
}
