//! What the configuration names and this process has to read: secrets and certificates. Shows none of it.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Review;
use crate::config::Depth;
use crate::config::key_path::KeyPath;
use crate::config::source;
use crate::config::value::{Hidden, Value};
use crate::secret::Secret;

const SECRET_SIZE_MAX: u64 = 64 * 1024;
const CERTIFICATES_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// The secret of a table, given as `leaf` or as `leaf_file`. `None` if a fault was found, or nothing was to be read.
pub(super) fn secret(review: &mut Review<'_>, table: &KeyPath, leaf: &str) -> Option<Secret> {
    let (inline, file) = (table.child(leaf), table.child(&format!("{leaf}_file")));
    if review.values.is_given(&inline) && review.values.is_given(&file) {
        let what = format!("{leaf} and {leaf}_file are both given");
        review.fault(&inline, what, "keep one of them");
        return None;
    }
    if let Some(Value::Secret(secret)) = review.value(&inline) {
        return Some(checked(review, &inline, secret.clone()));
    }
    let Some(text) = review.text(&file) else {
        if !review.values.is_given(&file) {
            let instead =
                format!("write {leaf}_file = \"/run/secrets/…\", or {leaf} = \"${{NAME}}\"");
            review.missing(table, leaf, &instead);
        }
        return None;
    };
    if review.depth == Depth::Syntax {
        return None;
    }
    let secret = read_secret(review, &file, text)?;
    Some(checked(review, &file, secret))
}

fn read_secret(review: &mut Review<'_>, path: &KeyPath, text: &str) -> Option<Hidden> {
    let origin = review.origin(path)?;
    let file = review.sources.path(text, &origin);
    let read = source::read_file(&file, SECRET_SIZE_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_invalid| "is not UTF-8".to_owned()));
    let text = match read {
        Ok(text) => text,
        Err(why) => {
            let what = format!("the file {} {why}", file.display());
            review.fault(path, what, "name a file that holds the secret");
            return None;
        }
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        let what = format!("the file {} is empty", file.display());
        review.fault(path, what, "put the secret into it");
        return None;
    }
    Some(Hidden::new(line.to_owned()))
}

/// Odd, but not for us to judge: who knows what the vendor takes.
fn checked(review: &mut Review<'_>, path: &KeyPath, hidden: Hidden) -> Secret {
    if hidden.is_odd {
        let origin = review.origin(path);
        let words = "begins or ends with white space, or holds control characters; is that meant?";
        review.warn(origin.as_ref(), path, words);
    }
    hidden.secret
}

/// The certificates of a CA file; none where no file is named. `None` if a fault was found, or nothing was to be read.
pub(super) fn certificates(
    review: &mut Review<'_>,
    path: &KeyPath,
) -> Option<Vec<CertificateDer<'static>>> {
    let Some(text) = review.text(path) else {
        return (!review.values.is_given(path)).then(Vec::new);
    };
    if review.depth == Depth::Syntax {
        return None;
    }
    let origin = review.origin(path)?;
    let file = review.sources.path(text, &origin);
    match source::read_file(&file, CERTIFICATES_SIZE_MAX).and_then(|pem| roots(&pem)) {
        Ok(certificates) => Some(certificates),
        Err(why) => {
            let what = format!("the file {} {why}", file.display());
            let instead = "name a PEM file with -----BEGIN CERTIFICATE----- in it";
            review.fault(path, what, instead);
            None
        }
    }
}

fn roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is no PEM ({error})"))?;
    if certificates.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        store.add(certificate.clone()).map_err(|error| {
            format!(
                "holds a certificate, number {}, that cannot be used ({error})",
                index + 1
            )
        })?;
    }
    Ok(certificates)
}
