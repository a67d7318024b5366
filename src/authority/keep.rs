//! The authority's two files. Made once, whole or not at all, under a lock on their directory; never written over.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{AuthorityError, made};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
const KEY_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
const SIZE_MAX: u64 = 64 << 10;

/// Certificate and key, from the files or new.
pub(super) fn read_or_make(directory: &Path) -> Result<(String, KeyPair), AuthorityError> {
    // What is wrong without the lock may be half of what another process is making.
    if let Ok(Some(found)) = read(directory) {
        return Ok(found);
    }
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)
        .map_err(|error| kept(directory, format!("cannot be made ({error})")))?;
    let lock = File::open(directory)
        .and_then(|lock| lock.lock().map(|()| lock))
        .map_err(|error| kept(directory, format!("cannot be locked ({error})")))?;
    // Another process may have been faster.
    if let Some(found) = read(directory)? {
        return Ok(found);
    }
    let (pem, key) = made()?;
    write(&directory.join(KEY), KEY_MODE, &key.serialize_pem())?;
    write(&directory.join(CERTIFICATE), 0o644, &pem)?;
    drop(lock);
    Ok((pem, key))
}

/// What is there; `None` if neither file is.
pub(super) fn read(directory: &Path) -> Result<Option<(String, KeyPair)>, AuthorityError> {
    let (pem_path, key_path) = (directory.join(CERTIFICATE), directory.join(KEY));
    let pem = read_file(&pem_path)?;
    let key_text = read_key(&key_path)?;
    let (pem, key_text) = match (pem, key_text) {
        (None, None) => return Ok(None),
        (Some(pem), Some(key)) => (pem, key),
        (Some(_), None) => {
            let what = "is not there, although ca.pem is; put it back, or take ca.pem away to have a new CA made, which \
                        every client has to be told to trust";
            return Err(kept(&key_path, what));
        }
        (None, Some(_)) => {
            let what = "is not there, although ca.key is; put it back, or take ca.key away to have a new CA made";
            return Err(kept(&pem_path, what));
        }
    };
    let key = KeyPair::from_pem(&key_text).map_err(|_quotes| {
        kept(
            &key_path,
            "is no private key in PEM; put the right one back",
        )
    })?;
    check(&pem_path, &pem, &key)?;
    Ok(Some((pem, key)))
}

fn check(path: &Path, pem: &str, key: &KeyPair) -> Result<(), AuthorityError> {
    let certificate = certificate(pem).map_err(|_error| {
        kept(
            path,
            "is no certificate in PEM; put the right one back, or take it and ca.key away",
        )
    })?;
    let (_rest, parsed) = X509Certificate::from_der(&certificate)
        .map_err(|error| kept(path, format!("is no certificate ({error})")))?;
    let of_key = key.subject_public_key_info();
    if parsed.public_key().raw != of_key.as_slice() {
        return Err(kept(
            path,
            "does not belong to ca.key; put the right one back",
        ));
    }
    if !parsed.is_ca() {
        return Err(kept(
            path,
            "is not the certificate of a CA; name the directory of one",
        ));
    }
    if !parsed.validity().is_valid() {
        let what = "is not valid at this time; set the clock, or take ca.pem and ca.key away to have a new CA made, which \
                    every client has to be told to trust";
        return Err(kept(path, what));
    }
    Ok(())
}

/// The first certificate of a PEM text.
pub(super) fn certificate(pem: &str) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_error| AuthorityError::Certificate(rcgen::Error::CouldNotParseCertificate))
}

/// Whether a certificate is signed by another authority.
pub(super) fn is_intermediate(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate)
        .is_ok_and(|(_rest, parsed)| parsed.issuer().as_raw() != parsed.subject().as_raw())
}

fn read_key(path: &Path) -> Result<Option<String>, AuthorityError> {
    let Some(text) = read_file(path)? else {
        return Ok(None);
    };
    let metadata = fs::metadata(path).map_err(|error| kept(path, error.to_string()))?;
    let mode = metadata.mode();
    // A key that was put there by somebody else, as from a cluster's secret, can be had through the group alone.
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    if mode & 0o007 != 0 || (own && mode & 0o070 != 0) {
        let what = format!(
            "can be read by others (mode {:03o}): whoever has it can pose as Salesforce to those who trust this CA; \
             chmod 600 it, or make a new CA if others had access",
            mode & 0o777
        );
        return Err(kept(path, what));
    }
    Ok(Some(text))
}

fn read_file(path: &Path) -> Result<Option<String>, AuthorityError> {
    use io::Read;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(kept(path, format!("cannot be read ({error})"))),
    };
    let mut text = String::new();
    file.take(SIZE_MAX)
        .read_to_string(&mut text)
        .map_err(|error| kept(path, format!("cannot be read ({error})")))?;
    Ok(Some(text))
}

/// Under another name first, so that nobody ever sees half of it.
fn write(path: &Path, mode: u32, text: &str) -> Result<(), AuthorityError> {
    let fault = |error: io::Error| kept(path, format!("cannot be written ({error})"));
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&new)
        .map_err(fault)?;
    file.set_permissions(Permissions::from_mode(mode))
        .map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    file.sync_all().map_err(fault)?;
    fs::rename(&new, path).map_err(fault)
}

fn kept(path: &Path, what: impl Into<String>) -> AuthorityError {
    AuthorityError::Kept {
        path: path.to_owned(),
        what: what.into(),
    }
}
