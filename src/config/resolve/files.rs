//! What the configuration names and this process has to read: secrets and certificates. Shows none of it.

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::Review;
use crate::config::Depth;
use crate::config::fault::Origin;
use crate::config::key_path::KeyPath;
use crate::config::source;
use crate::config::value::{Hidden, Value};
use crate::secret::Secret;

const SECRET_SIZE_MAX: u64 = 64 * 1024;
const CERTIFICATES_SIZE_MAX: u64 = 4 * 1024 * 1024;

/// A secret, and where it was given.
pub(super) type Found = (Hidden, KeyPath, Origin);

/// The secret of a table, given as `leaf` or as `leaf_file`. `None` if a fault was found, or nothing was to be read.
pub(super) fn secret(review: &mut Review<'_>, table: &KeyPath, leaf: &str) -> Option<Secret> {
    let found = optional_secret(review, table, leaf)?;
    if found.is_none() {
        let instead = format!("write {leaf}_file = \"/run/secrets/…\", or {leaf} = \"${{NAME}}\"");
        review.missing(table, leaf, &instead);
    }
    found.map(|(hidden, _path, _origin)| hidden.secret)
}

/// As [`secret`], where it may be left out: the inner `None` says that it is.
pub(super) fn optional_secret(
    review: &mut Review<'_>,
    table: &KeyPath,
    leaf: &str,
) -> Option<Option<Found>> {
    let (inline, file) = places(review, table, leaf)?;
    if let Some(Value::Secret(hidden)) = review.value(&inline) {
        let origin = review.origin(&inline)?;
        let hidden = checked(review, &inline, &origin, hidden.clone());
        return Some(Some((hidden, inline, origin)));
    }
    let Some(text) = review.text(&file) else {
        return Some(None);
    };
    let origin = review.origin(&file)?;
    let hidden = read_secret(review, &file, &origin, text)?;
    let hidden = checked(review, &file, &origin, hidden);
    Some(Some((hidden, file, origin)))
}

/// The secrets of a table, given as one `leaf` or as one or several `leaf_file`s, each with its place; none where neither is
/// given. `None` if a fault was found, or nothing was to be read.
pub(super) fn secrets(review: &mut Review<'_>, table: &KeyPath, leaf: &str) -> Option<Vec<Found>> {
    let (inline, file) = places(review, table, leaf)?;
    if let Some(Value::Secret(hidden)) = review.value(&inline) {
        let origin = review.origin(&inline)?;
        let hidden = checked(review, &inline, &origin, hidden.clone());
        return Some(vec![(hidden, inline, origin)]);
    }
    let items = review.list(&file);
    if items.is_empty() && review.values.is_given(&file) {
        review.fault(&file, "is empty", "name a file that holds the secret");
        return None;
    }
    let read: Vec<_> = items
        .iter()
        .map(|item| {
            let hidden = read_secret(review, &file, &item.origin, &item.text)?;
            let hidden = checked(review, &file, &item.origin, hidden);
            Some((hidden, file.clone(), item.origin.clone()))
        })
        .collect();
    read.into_iter().collect()
}

/// Where a secret may be given: `leaf` and `leaf_file`. `None` if it is in both, or of no use in one.
pub(super) fn places(
    review: &mut Review<'_>,
    table: &KeyPath,
    leaf: &str,
) -> Option<(KeyPath, KeyPath)> {
    let (inline, file) = (table.child(leaf), table.child(&format!("{leaf}_file")));
    if review.values.is_given(&inline) && review.values.is_given(&file) {
        let what = format!("{} and {} are both given", inline.leaf(), file.leaf());
        review.fault(&inline, what, "keep one of them");
        return None;
    }
    let useless = review.values.is_spoiled(&inline) || review.values.is_spoiled(&file);
    (!useless).then_some((inline, file))
}

/// Nothing is read where the syntax alone is asked for.
fn read_secret(
    review: &mut Review<'_>,
    path: &KeyPath,
    origin: &Origin,
    text: &str,
) -> Option<Hidden> {
    if review.depth == Depth::Syntax {
        return None;
    }
    let file = review.sources.path(text, origin);
    let read = source::read_file(&file, SECRET_SIZE_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_invalid| "is not UTF-8".to_owned()));
    let (what, instead) = match read {
        Err(why) => (why, "name a file that holds the secret"),
        Ok(text) => {
            let line = text.strip_suffix('\n').unwrap_or(&text);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if !line.is_empty() {
                return Some(Hidden::new(line.to_owned()));
            }
            ("is empty".to_owned(), "put the secret into it")
        }
    };
    let what = format!("the file {} {what}", file.display());
    review.faults.add(Some(origin.clone()), path, what, instead);
    None
}

/// Odd, but not for us to judge: who knows what the vendor takes.
fn checked(review: &mut Review<'_>, path: &KeyPath, origin: &Origin, hidden: Hidden) -> Hidden {
    if hidden.is_odd {
        let words = "begins or ends with white space, or holds control characters; is that meant?";
        review.warn(Some(origin), path, words);
    }
    hidden
}

/// The certificates of a CA file; none where no file is named. `None` if a fault was found, or nothing was to be read.
pub(super) fn certificates(
    review: &mut Review<'_>,
    path: &KeyPath,
) -> Option<Vec<CertificateDer<'static>>> {
    if !review.values.is_given(path) {
        return Some(Vec::new());
    }
    let instead = "name a PEM file with -----BEGIN CERTIFICATE----- in it";
    pem(review, path, roots, instead)
}

/// The certificates of a PEM text, each of which can be a root of trust.
pub(super) fn roots(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = chain(pem)?;
    usable(&certificates)?;
    Ok(certificates)
}

/// What is made of a PEM file. `None` if a fault was found, or nothing was to be read.
pub(super) fn pem<T>(
    review: &mut Review<'_>,
    path: &KeyPath,
    read: impl FnOnce(&[u8]) -> Result<T, String>,
    instead: &str,
) -> Option<T> {
    let text = review.text(path)?;
    if review.depth == Depth::Syntax {
        return None;
    }
    let origin = review.origin(path)?;
    let file = review.sources.path(text, &origin);
    let bytes = source::read_file(&file, CERTIFICATES_SIZE_MAX);
    match bytes.and_then(|bytes| read(&bytes)) {
        Ok(found) => Some(found),
        Err(why) => {
            let what = format!("the file {} {why}", file.display());
            review.fault(path, what, instead);
            None
        }
    }
}

/// All certificates of a PEM text, at least one.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("is no PEM ({error})"))?;
    if certificates.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    Ok(certificates)
}

/// Whether each can be a root of trust.
fn usable(certificates: &[CertificateDer<'static>]) -> Result<(), String> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates.iter().enumerate() {
        store.add(certificate.clone()).map_err(|error| {
            format!(
                "holds a certificate, number {}, that cannot be used ({error})",
                index + 1
            )
        })?;
    }
    Ok(())
}
