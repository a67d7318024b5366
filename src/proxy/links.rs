//! What the URLs of the tenant's hosts become in answers: the proxy as it was reached, or the vendor's hosts for callers
//! that asked those and will come the same way again.

use super::route::Choice;
use super::vendor::{HostApi, VendorHost};

/// Where links lead to.
#[derive(Debug, Clone)]
pub(super) struct Links {
    /// Scheme and authority of the proxy, without a slash at the end.
    base: String,
    as_called: Option<AsCalled>,
}

/// How the caller reached one of the vendor's hosts.
#[derive(Debug, Clone)]
pub(super) struct AsCalled {
    pub(super) scheme: String,
    pub(super) port: Option<u16>,
    pub(super) vendor: VendorHost,
}

impl Links {
    pub(super) fn new(base: String, as_called: Option<AsCalled>) -> Self {
        Self { base, as_called }
    }

    /// The vendor's host that links keep, if they do.
    pub(super) fn kept(&self) -> Option<&VendorHost> {
        self.as_called.as_ref().map(|called| &called.vendor)
    }

    /// The base URL of an API, with the selection that it needs, without a slash at the end.
    pub(super) fn to(&self, api: HostApi, choice: &Choice) -> String {
        let prefix = choice.prefix_for_links();
        let Some(called) = &self.as_called else {
            return format!("{}{prefix}", self.base);
        };
        let host = match (choice.tenant().subdomain(), api) {
            (Some(subdomain), HostApi::Rest) => format!("{subdomain}.rest.marketingcloudapis.com"),
            (Some(subdomain), HostApi::Auth) => format!("{subdomain}.auth.marketingcloudapis.com"),
            (Some(subdomain), _) => format!("{subdomain}.soap.marketingcloudapis.com"),
            (None, _) if called.vendor.api == api => called.vendor.name.clone(),
            (None, HostApi::Rest) => "www.exacttargetapis.com".to_owned(),
            (None, HostApi::Auth) => "auth.exacttargetapis.com".to_owned(),
            (None, _) => "webservice.exacttarget.com".to_owned(),
        };
        let port = called
            .port
            .map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{host}{port}{prefix}", called.scheme)
    }
}
