//! What listeners that speak TLS show, and whose certificates they take for a client's name. The files are read, and
//! certificate and key held against each other.

use rustls::Error;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::listen::Listening;
use super::{Review, client, files, intercept};
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::server::{Certificate, TlsSettings};

const CERTIFICATE: &str = "listen.tls.cert_file";
const KEY: &str = "listen.tls.key_file";
const CLIENT_ROOTS: &str = "listen.tls.client_ca_file";

/// Whether certificates are asked of callers.
pub(super) fn asks_for_certificates(review: &Review<'_>) -> bool {
    review.values.is_given(&KeyPath::of(CLIENT_ROOTS))
}

/// Notes that a listener that speaks TLS has no certificate to show.
pub(super) fn require(review: &mut Review<'_>, origin: Option<Origin>, path: &KeyPath, text: &str) {
    let given = |key| review.values.is_given(&KeyPath::of(key));
    if given(CERTIFICATE) || given(KEY) || intercept::is_on(review) || review.values.is_partial {
        return;
    }
    let what = format!("{} speaks TLS, but has no certificate to show", shown(text));
    let instead = "write cert_file and key_file in [listen.tls], or add [intercept], whose local CA makes some for \
                   Salesforce's hosts and loopback names";
    review.faults.add(origin, path, what, instead);
}

/// `None` if a fault was found, or nothing was to be read.
pub(super) fn settings(review: &mut Review<'_>, listening: &Listening) -> Option<TlsSettings> {
    warn_of_no_use(review, listening);
    let certificate = certificate(review);
    let client_roots = files::certificates(review, &KeyPath::of(CLIENT_ROOTS));
    let has_clients = client::are_there(review);
    Some(TlsSettings {
        certificate: certificate?,
        client_roots: client_roots?,
        client_certificate_required: asks_for_certificates(review) && !has_clients,
    })
}

fn warn_of_no_use(review: &mut Review<'_>, listening: &Listening) {
    let table = KeyPath::of("listen.tls");
    if listening.secure.is_empty() && review.values.has_table(&table) {
        let origin = review.origin(&table);
        let words =
            "is of no use, because no listener speaks TLS; name its address in listen.https";
        review.warn(origin.as_ref(), &table, words);
    }
}

/// The operator's certificate, if there is one. The outer `None` says that a fault was found, or nothing was to be read.
fn certificate(review: &mut Review<'_>) -> Option<Option<Certificate>> {
    let (chain_path, key_path) = (KeyPath::of(CERTIFICATE), KeyPath::of(KEY));
    let given = |path| review.values.is_given(path);
    let lacking = match (given(&chain_path), given(&key_path)) {
        (false, false) => return Some(None),
        (true, true) => None,
        (true, false) => Some((&chain_path, &key_path)),
        (false, true) => Some((&key_path, &chain_path)),
    };
    if let Some((there, lacking)) = lacking {
        if !review.values.is_partial {
            let instead = format!("write {} = \"….pem\" beside it", lacking.leaf());
            let what = format!("needs {} too", lacking.leaf());
            review.fault(there, what, instead);
        }
        return None;
    }
    let instead = "name a PEM file with -----BEGIN CERTIFICATE----- in it";
    let chain = files::pem(review, &chain_path, files::chain, instead);
    let instead = "name a PEM file with -----BEGIN PRIVATE KEY----- in it";
    let key = files::pem(review, &key_path, private_key, instead);
    matched(review, &chain_path, &key_path, chain?, &key?).map(Some)
}

fn matched(
    review: &mut Review<'_>,
    chain_path: &KeyPath,
    key_path: &KeyPath,
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Option<Certificate> {
    match Certificate::new(chain, key) {
        Ok(certificate) => Some(certificate),
        Err(Error::InconsistentKeys(_)) => {
            let what = "is not the key of the first certificate in cert_file";
            let instead = "name the two that belong together, the listener's own certificate first";
            review.fault(key_path, what, instead);
            None
        }
        Err(error @ Error::InvalidCertificate(_)) => {
            let what = format!("cannot be shown ({error})");
            review.fault(chain_path, what, "have it issued anew");
            None
        }
        Err(error) => {
            let what = format!("cannot be used ({error})");
            let instead = "have a key of ECDSA P-256 or RSA with 2048 bits or more";
            review.fault(key_path, what, instead);
            None
        }
    }
}

/// Never quotes what it cannot read.
fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(text).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            let encrypted = b"-----BEGIN ENCRYPTED PRIVATE KEY-----";
            if memchr::memmem::find(text, encrypted).is_some() {
                "holds an encrypted key, and nothing here knows its password".to_owned()
            } else {
                "holds no private key".to_owned()
            }
        }
        _ => "is no PEM".to_owned(),
    })
}
