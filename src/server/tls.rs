//! TLS towards callers: which certificate a listener shows, and whose certificates it takes for a client's name.
//!
//! Certificates come from the operator's files or from the local authority. TLS 1.2 or newer.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::authority::{self, Authority};

/// Names that one client certificate may offer.
const NAMES_MAX: usize = 16;

/// A certificate and its key, as `[listen.tls]` names them.
#[derive(Clone)]
pub struct Certificate {
    /// The chain, the listener's own certificate first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key, ready to sign.
    pub key: Arc<dyn SigningKey>,
}

impl Certificate {
    /// Puts certificate and key together.
    ///
    /// # Errors
    ///
    /// A key that is of no kind that TLS knows, or that is not the certificate's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: &PrivateKeyDer<'static>,
    ) -> Result<Self, rustls::Error> {
        let key = aws_lc_rs::sign::any_supported_type(key)?;
        CertifiedKey::new(chain.clone(), Arc::clone(&key)).keys_match()?;
        Ok(Self { chain, key })
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Certificate(chain of {})", self.chain.len())
    }
}

/// What https listeners do.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// The operator's certificate.
    pub certificate: Option<Certificate>,
    /// Authorities whose certificates name clients; empty: none are asked for.
    pub client_roots: Vec<CertificateDer<'static>>,
    /// Refuse the handshake of whoever has none.
    pub client_certificate_required: bool,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The TLS library.
    #[error("TLS cannot be offered: {0}")]
    Tls(#[from] rustls::Error),
    /// The authorities of clients.
    #[error("listen.tls.client_ca_file cannot be used: {0}")]
    ClientRoots(String),
}

/// What https listeners present.
pub(super) fn listener_config(
    settings: &TlsSettings,
    authority: Option<&Arc<Authority>>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chooser = Chooser {
        own: settings
            .certificate
            .as_ref()
            .map(|own| Arc::new(CertifiedKey::new(own.chain.clone(), Arc::clone(&own.key)))),
        authority: authority.cloned(),
        unnamed: "localhost".to_owned(),
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if settings.client_roots.is_empty() {
        builder.with_no_client_auth()
    } else {
        let mut roots = RootCertStore::empty();
        for root in &settings.client_roots {
            roots.add(root.clone())?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = if settings.client_certificate_required {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        let verifier = verifier
            .build()
            .map_err(|error| TlsError::ClientRoots(error.to_string()))?;
        builder.with_client_cert_verifier(verifier)
    };
    Ok(finished(builder.with_cert_resolver(Arc::new(chooser))))
}

/// What is presented inside a CONNECT for this host.
pub(super) fn intercept_config(
    authority: &Arc<Authority>,
    host: &str,
) -> Result<Arc<ServerConfig>, TlsError> {
    let chooser = Chooser {
        own: None,
        authority: Some(Arc::clone(authority)),
        unnamed: host.to_owned(),
    };
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(chooser));
    Ok(finished(config))
}

fn finished(mut config: ServerConfig) -> Arc<ServerConfig> {
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config)
}

/// Chooses by the name that the caller asks for.
#[derive(Debug)]
struct Chooser {
    own: Option<Arc<CertifiedKey>>,
    authority: Option<Arc<Authority>>,
    /// The name of callers that send none.
    unnamed: String,
}

impl ResolvesServerCert for Chooser {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name();
        let name = named.unwrap_or(&self.unnamed);
        // The operator's certificate is for the operator's names; Salesforce's hosts are never among them.
        let issued = self
            .authority
            .as_ref()
            .filter(|_| self.own.is_none() || (named.is_some() && authority::vouches_for(name)))
            .and_then(|authority| authority.certify(name).ok());
        issued.or_else(|| self.own.clone())
    }
}

/// What a TLS handshake told of the caller.
#[derive(Debug, Clone, Default)]
pub struct TlsFacts {
    /// The name that the caller asked for, lower case.
    pub server_name: Option<String>,
    /// The names in its certificate, which an authority of `client_roots` has signed: the common name, then each DNS name.
    pub client_names: Vec<String>,
}

/// Reads them off a finished handshake.
pub(super) fn facts(connection: &rustls::ServerConnection) -> TlsFacts {
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    TlsFacts {
        server_name: connection.server_name().map(str::to_ascii_lowercase),
        client_names: certificate.map(names).unwrap_or_default(),
    }
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_rest, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let common = parsed
        .subject()
        .iter_common_name()
        .filter_map(|name| name.as_str().ok());
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let dns = alternative.into_iter().flat_map(|extension| {
        let names = extension.value.general_names.iter();
        names.filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
    });
    common
        .chain(dns)
        .take(NAMES_MAX)
        .map(str::to_ascii_lowercase)
        .collect()
}
