//! One TLS handshake, and what was presented in it: the same roots and the same judgement as for calls, with a look at the
//! certificates whatever the judgement is.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error,
    PeerIncompatible, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::Reached;
use crate::upstream::destination::causes;
use crate::upstream::{Destination, Trust, Upstream};

type Chain = Vec<CertificateDer<'static>>;

/// What came of a handshake.
#[derive(Debug, Default)]
pub struct Handshake {
    /// As `TLS 1.3`; `None` where it did not get so far.
    pub version: Option<&'static str>,
    /// What the other end presented, its own certificate first; empty where it did not get so far.
    pub chain: Chain,
    /// Why a call could not use this connection.
    pub failure: Option<TlsFailure>,
}

/// Why TLS does not stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFailure {
    /// None of our roots stands at the end of the chain.
    UnknownIssuer,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is for other names.
    WrongName,
    /// The certificate cannot be used for another reason; in the library's words.
    Unusable(String),
    /// The other end says that it has no such name.
    UnknownName,
    /// The other end speaks nothing newer than TLS 1.1.
    TooOld,
    /// The other end speaks something else.
    NoTls,
    /// Nothing comes back.
    Silent(Duration),
    /// Anything else; in the library's words.
    Other(String),
}

impl Upstream {
    /// Does a handshake as a call to this destination would, and hangs up. `None` where calls go in clear.
    pub async fn shake_hands(
        &self,
        reached: Reached,
        destination: &Destination,
        trust: &Trust,
    ) -> Option<Handshake> {
        let (_config, name) = destination.tls()?;
        let presented = Arc::new(Mutex::new(Chain::new()));
        let config = match watching(trust, Arc::clone(&presented)) {
            Ok(config) => config,
            Err(failure) => {
                return Some(Handshake {
                    failure: Some(failure),
                    ..Handshake::default()
                });
            }
        };
        let limit = self.connect_timeout();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name.clone(), reached.0);
        let mut shaken = Handshake::default();
        match timeout(limit, connecting).await {
            Ok(Ok(stream)) => {
                let (_stream, session) = stream.get_ref();
                shaken.version = session.protocol_version().map(version);
            }
            Ok(Err(error)) => shaken.failure = Some(failure(&error)),
            Err(_elapsed) => shaken.failure = Some(TlsFailure::Silent(limit)),
        }
        let mut presented = presented.lock().unwrap_or_else(PoisonError::into_inner);
        shaken.chain = std::mem::take(&mut presented);
        Some(shaken)
    }
}

/// As calls have it, with a verifier that remembers what it was shown.
fn watching(trust: &Trust, presented: Arc<Mutex<Chain>>) -> Result<ClientConfig, TlsFailure> {
    let other = |error: &dyn std::error::Error| TlsFailure::Other(error.to_string());
    let provider = Arc::new(aws_lc_rs::default_provider());
    let judge =
        WebPkiServerVerifier::builder_with_provider(trust.roots(), Arc::clone(&provider)).build();
    let verifier = Watching {
        judge: judge.map_err(|error| other(&error))?,
        presented,
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| other(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config
        .alpn_protocols
        .clone_from(&trust.client_config().alpn_protocols);
    Ok(config)
}

fn version(version: rustls::ProtocolVersion) -> &'static str {
    match version {
        rustls::ProtocolVersion::TLSv1_3 => "TLS 1.3",
        _ => "TLS 1.2",
    }
}

fn failure(error: &io::Error) -> TlsFailure {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner {
        Some(Error::InvalidCertificate(error)) => match error {
            CertificateError::UnknownIssuer => TlsFailure::UnknownIssuer,
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                TlsFailure::Expired
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                TlsFailure::NotYetValid
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsFailure::WrongName
            }
            error => TlsFailure::Unusable(error.to_string()),
        },
        Some(
            Error::AlertReceived(AlertDescription::ProtocolVersion)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ),
        ) => TlsFailure::TooOld,
        Some(Error::AlertReceived(AlertDescription::UnrecognisedName)) => TlsFailure::UnknownName,
        Some(Error::InvalidMessage(_)) => TlsFailure::NoTls,
        _ => TlsFailure::Other(causes(error)),
    }
}

/// Judges as the verifier of calls does, and remembers what it has judged.
#[derive(Debug)]
struct Watching {
    judge: Arc<WebPkiServerVerifier>,
    presented: Arc<Mutex<Chain>>,
}

impl ServerCertVerifier for Watching {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let chain = chain.map(|certificate| certificate.clone().into_owned());
        *self
            .presented
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = chain.collect();
        self.judge
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}
