//! Whom we trust on the way out: the system's roots, a bundled set where the system has none, and a tenant's own.
//!
//! There is no setting that turns verification off.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

/// Why roots could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A certificate of a `ca_file` is not one.
    #[error("certificate {position} of the CA file cannot be used: {cause}")]
    Certificate {
        /// Its place in the file, from 1.
        position: usize,
        /// The TLS library's words.
        cause: rustls::Error,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
}

/// One set of roots, as a ready TLS configuration.
#[derive(Clone)]
pub struct Trust {
    identity: usize,
    client_config: Arc<ClientConfig>,
    roots: Arc<RootCertStore>,
}

static IDENTITIES: AtomicUsize = AtomicUsize::new(0);

impl Trust {
    /// The system's roots; where it has none, the bundled Mozilla set.
    pub fn system() -> Result<Self, TrustError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(cause = %error, "a system root was left out");
        }
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            tracing::info!("the system has no root certificates: using the bundled Mozilla set");
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        Self::with_roots(roots)
    }

    /// These roots and some more.
    pub fn extended(&self, extra: &[CertificateDer<'static>]) -> Result<Self, TrustError> {
        if extra.is_empty() {
            return Ok(self.clone());
        }
        let mut roots = (*self.roots).clone();
        for (index, certificate) in extra.iter().enumerate() {
            roots
                .add(certificate.clone())
                .map_err(|cause| TrustError::Certificate {
                    position: index + 1,
                    cause,
                })?;
        }
        Self::with_roots(roots)
    }

    fn with_roots(roots: RootCertStore) -> Result<Self, TrustError> {
        let roots = Arc::new(roots);
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(TrustError::Tls)?
                .with_root_certificates(Arc::clone(&roots))
                .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            identity: IDENTITIES.fetch_add(1, Ordering::Relaxed),
            client_config: Arc::new(config),
            roots,
        })
    }

    /// The system's roots and these, for a protocol other than HTTP.
    pub fn without_http(
        extra: &[CertificateDer<'static>],
    ) -> Result<Arc<ClientConfig>, TrustError> {
        let mut config = ClientConfig::clone(&Self::system()?.extended(extra)?.client_config);
        config.alpn_protocols = Vec::new();
        Ok(Arc::new(config))
    }

    /// Tells these roots from every other of this process.
    #[must_use]
    pub fn identity(&self) -> usize {
        self.identity
    }

    pub(super) fn roots(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.roots)
    }

    pub(super) fn client_config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client_config)
    }
}

/// Whether this is the name of an authority of the bundled Mozilla set. `name` is as it stands in a certificate, in DER.
#[must_use]
pub fn is_public_authority(name: &[u8]) -> bool {
    // The set has names without the head of their SEQUENCE, which is two to four bytes.
    webpki_roots::TLS_SERVER_ROOTS.iter().any(|root| {
        let head = name.strip_suffix(&*root.subject);
        head.is_some_and(|head| (2..=4).contains(&head.len()))
    })
}
