//! What a tenant is like, with defaults that suit a test.
//!
//! Never read from a file: whoever starts a tenant says it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::face::Face;
use super::scope;
use super::switches::Switches;

/// What a tenant is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The tenant's subdomain; names below it are in the certificate and accepted as Host.
    pub subdomain: String,
    /// The client id of the installed package, and of the connected app on the core face.
    pub client_id: String,
    /// The secret of both.
    pub client_secret: String,
    /// Both are public clients: they have no secret, and must not send one.
    pub public_package: bool,
    /// Where browsers may be sent back to after a login.
    pub redirect_uris: Vec<String>,
    /// Member ids of the enterprise's business units; the first is the default.
    pub accounts: Vec<u64>,
    /// How long a token of the auth face lives.
    pub lifetime: Duration,
    /// How long a core token lives; no token answer says it.
    pub core_lifetime: Duration,
    /// How long a Data Cloud token lives.
    pub data_cloud_lifetime: Duration,
    /// Where the auth face listens; port 0 takes a free one, here and below.
    pub auth: SocketAddr,
    /// Where the REST face listens.
    pub rest: SocketAddr,
    /// Where the SOAP face listens.
    pub soap: SocketAddr,
    /// Where the core face listens.
    pub core: SocketAddr,
    /// Where the Data Cloud face listens.
    pub data_cloud: SocketAddr,
    /// Where the Account Engagement face listens.
    pub account_engagement: SocketAddr,
    /// Where the control API listens, in plain HTTP.
    pub control: SocketAddr,
    /// The host that the tenant names in its URLs, before the port.
    pub instance_host: String,
    /// The scopes that the package grants; all known ones by default.
    pub scopes: Vec<String>,
    /// The scopes that the connected app of the core face grants.
    pub core_scopes: Vec<String>,
    /// The user on whose behalf core tokens are given: `sub` of an assertion.
    pub username: String,
    /// Verifies assertions: an RSA public key, or a certificate, as PEM. Without one every assertion is refused.
    pub jwt_public_key_pem: Option<String>,
    /// What an assertion may say as `aud`, besides the core face's own URL.
    pub jwt_audiences: Vec<String>,
    /// The first label of the Data Cloud instance's vendor name.
    pub data_cloud_label: String,
    /// Data spaces that a Data Cloud token can be asked for.
    pub dataspaces: Vec<String>,
    /// The one business unit of Account Engagement.
    pub business_unit_id: String,
    /// What nobody outside knows for certain.
    pub switches: Switches,
}

impl Default for Settings {
    fn default() -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            subdomain: "mcsandbox0000000000000000000".to_owned(),
            client_id: "sandboxclientid000000000".to_owned(),
            client_secret: "sandboxclientsecret00000".to_owned(),
            public_package: false,
            redirect_uris: texts(&[
                "http://127.0.0.1:7363/oauth/callback",
                "http://localhost:7363/oauth/callback",
            ]),
            accounts: vec![510_001_234, 510_001_235, 510_001_236],
            // What real tenants say, against the twenty minutes of the documentation.
            lifetime: Duration::from_secs(1_079),
            core_lifetime: Duration::from_secs(7_200),
            data_cloud_lifetime: Duration::from_secs(7_200),
            auth: free,
            rest: free,
            soap: free,
            core: free,
            data_cloud: free,
            account_engagement: free,
            control: free,
            instance_host: "localhost".to_owned(),
            scopes: texts(scope::ALL),
            core_scopes: texts(scope::CORE),
            username: "integration@example.com".to_owned(),
            jwt_public_key_pem: None,
            jwt_audiences: texts(&[
                "https://login.salesforce.com",
                "https://test.salesforce.com",
            ]),
            data_cloud_label: "sandboxdatacloud000000000".to_owned(),
            dataspaces: texts(&["default", "marketing"]),
            business_unit_id: "0Uv000000000001AAA".to_owned(),
            switches: Switches::default(),
        }
    }
}

impl Settings {
    /// The vendor's name for a face of this tenant.
    #[must_use]
    pub fn vendor_host(&self, face: Face) -> String {
        match face {
            Face::Auth | Face::Rest | Face::Soap => {
                format!("{}.{}.marketingcloudapis.com", self.subdomain, face.name())
            }
            Face::Core => format!("{}.my.salesforce.com", self.subdomain),
            Face::DataCloud => format!("{}.c360a.salesforce.com", self.data_cloud_label),
            Face::AccountEngagement => "pi.pardot.com".to_owned(),
        }
    }

    /// All names that the vendor has for a face.
    pub(super) fn vendor_hosts(&self, face: Face) -> Vec<String> {
        let mut hosts = vec![self.vendor_host(face)];
        let more: &[&str] = match face {
            Face::Core => &LOGIN_HOSTS,
            Face::AccountEngagement => &["pi.demo.pardot.com"],
            _ => &[],
        };
        hosts.extend(more.iter().map(|host| (*host).to_owned()));
        hosts
    }

    /// Where a face is to listen.
    pub(super) fn listen(&self, face: Face) -> SocketAddr {
        match face {
            Face::Auth => self.auth,
            Face::Rest => self.rest,
            Face::Soap => self.soap,
            Face::Core => self.core,
            Face::DataCloud => self.data_cloud,
            Face::AccountEngagement => self.account_engagement,
        }
    }

    /// How long tokens of a face live at first.
    pub(super) fn lifetime(&self, issuer: Face) -> Duration {
        match issuer {
            Face::Core | Face::AccountEngagement => self.core_lifetime,
            Face::DataCloud => self.data_cloud_lifetime,
            Face::Auth | Face::Rest | Face::Soap => self.lifetime,
        }
    }

    /// The scopes that can be had at a face.
    pub(super) fn granted(&self, issuer: Face) -> &[String] {
        if issuer == Face::Auth {
            &self.scopes
        } else {
            &self.core_scopes
        }
    }
}

/// Where users of every org log in.
pub(super) const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];
