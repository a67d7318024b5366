//! Access tokens: what they are, where they come from, and how long they live.

use std::time::Duration;

use http::Uri;

use crate::secret::Secret;

/// A business unit's member id.
pub type Mid = u64;

/// A host that may serve as an instance although it is not below the tenant's own subdomain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedHost {
    /// Host name or IP literal, lower case, an IPv6 literal without its brackets.
    pub host: String,
    /// The one port that is trusted; `None` trusts every port of the host.
    pub port: Option<u16>,
}

/// Which instance URLs of a token response are believed.
#[derive(Debug, Clone, Default)]
pub struct InstanceLock {
    /// The tenant's subdomain, lower case: `SUB.rest.marketingcloudapis.com` and its `soap` sibling are believed.
    pub subdomain: Option<String>,
    /// Further hosts that the operator vouches for.
    pub trusted: Vec<TrustedHost>,
}

/// Where and with what a tenant's tokens are minted.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// The auth base, as `https://SUB.auth.marketingcloudapis.com/`; plain http only for loopback.
    pub auth_url: Uri,
    /// The installed package's client id.
    pub client_id: String,
    /// The installed package's client secret.
    pub client_secret: Secret,
    /// Scopes to ask for, space separated; `None` asks for all that the package grants.
    pub scope: Option<String>,
    /// Renew this long before expiry.
    pub refresh_before: Duration,
    /// Which instance URLs are believed.
    pub lock: InstanceLock,
}
