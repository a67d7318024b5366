//! What kinds of tenants there are, and how each grant gets a token. Speaks no wire.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::KeyPair;
use http::Uri;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::secret::Secret;

/// What kind of tenant tokens are for. It decides the token endpoint's path, the shape of its answer, and which hosts are
/// the tenant's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Marketing Cloud Engagement: `/v2/token`, JSON, an instance each for REST and SOAP.
    MarketingCloud,
    /// Core Salesforce on its My Domain: `/services/oauth2/token`, a form, one instance.
    Salesforce,
    /// Data Cloud: a token of core Salesforce is exchanged for one of Data Cloud.
    DataCloud {
        /// The data space to ask for; `None`: the default one.
        dataspace: Option<String>,
    },
    /// Account Engagement (Pardot): a token of core Salesforce, used at Account Engagement's own host.
    AccountEngagement {
        /// Where calls go, as `https://pi.pardot.com/`.
        api_url: Uri,
        /// 18 characters that begin with `0Uv`; goes out as `Pardot-Business-Unit-Id`.
        business_unit_id: String,
    },
}

impl Kind {
    /// Whether tokens come from core Salesforce.
    #[must_use]
    pub fn is_core(&self) -> bool {
        !matches!(self, Self::MarketingCloud)
    }
}

/// How tokens are minted.
#[derive(Debug, Clone)]
pub enum GrantType {
    /// With the client's own id and secret.
    ClientCredentials,
    /// With what a user's login in a browser has yielded, and its refresh token from then on.
    AuthorizationCode {
        /// Where the browser comes back to, as it is registered with the package.
        redirect_uri: String,
        /// Whether the code is bound to this process by PKCE (RFC 7636, S256).
        pkce: bool,
    },
    /// With a signed assertion (RFC 7523).
    JwtBearer {
        /// Signs.
        key: Arc<SigningKey>,
        /// `sub`: the user's name.
        subject: String,
        /// `aud`: `https://login.salesforce.com`, or of a sandbox `https://test.salesforce.com`.
        audience: String,
    },
}

impl GrantType {
    /// The user that tokens are for, where the request names one.
    pub(super) fn subject(&self) -> Option<&str> {
        match self {
            Self::JwtBearer { subject, .. } => Some(subject),
            Self::ClientCredentials | Self::AuthorizationCode { .. } => None,
        }
    }

    /// Whether somebody has to log in before there is a token.
    #[must_use]
    pub fn takes_login(&self) -> bool {
        matches!(self, Self::AuthorizationCode { .. })
    }
}

/// What a login in a browser has yielded: good for one token request within five minutes.
#[derive(Debug)]
pub struct AuthorizationCode {
    /// The code.
    pub code: Secret,
    /// What its challenge was made of.
    pub verifier: Option<Secret>,
    /// The subdomain that the vendor says the user belongs to.
    pub tssd: Option<String>,
    /// Whether the login serves every account of the tenant that has none of its own.
    pub whole_tenant: bool,
}

/// An RSA key that signs assertions.
pub struct SigningKey(rsa::KeyPair);

impl SigningKey {
    /// Reads a private key of 2048 bits or more from PEM: PKCS#8 or PKCS#1, not encrypted.
    pub fn from_pem(pem: &[u8]) -> Result<Self, String> {
        let key = PrivateKeyDer::from_pem_slice(pem)
            .map_err(|_quotes| "holds no private key as PEM".to_owned())?;
        let pair = match &key {
            PrivateKeyDer::Pkcs8(der) => rsa::KeyPair::from_pkcs8(der.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(der) => rsa::KeyPair::from_der(der.secret_pkcs1_der()),
            _ => return Err("holds a key that is not RSA".to_owned()),
        };
        pair.map(Self).map_err(|error| {
            format!("holds a key that is no RSA key of 2048 to 8192 bits ({error})")
        })
    }

    /// Whether it is the same key.
    pub(super) fn is(&self, other: &Self) -> bool {
        let public = |key: &Self| KeyPair::public_key(&key.0).as_ref().to_vec();
        public(self) == public(other)
    }

    /// The key pair itself.
    pub(super) fn pair(&self) -> &rsa::KeyPair {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SigningKey")
    }
}
