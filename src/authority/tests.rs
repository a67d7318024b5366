//! What the authority vouches for, as a TLS library judges it, and what it makes of its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, Error, RootCertStore};
use rustls_pki_types::{ServerName, UnixTime};
use tempfile::TempDir;

use super::*;

/// Whether a client that trusts this authority takes a certificate for a name.
fn taken(authority: &Authority, leaf: &CertifiedKey, name: &str) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let (end, rest) = leaf.cert.split_first().unwrap();
    verifier
        .verify_server_cert(end, rest, &name, &[], UnixTime::now())
        .map(|_verified| ())
}

#[test]
fn its_certificates_are_taken_for_their_names_and_no_others() {
    let authority = Authority::of_this_process().unwrap();
    for name in [
        "mc1.rest.marketingcloudapis.com",
        "MC1.SOAP.marketingcloudapis.com.",
        "www.exacttargetapis.com",
        "webservice.s6.exacttarget.com",
        "localhost",
        "app.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "::1",
    ] {
        let leaf = authority.certify(name).unwrap();
        let asked = name.trim_end_matches('.').to_ascii_lowercase();
        assert_eq!(taken(&authority, &leaf, &asked), Ok(()), "{name}");
        let other = taken(&authority, &leaf, "mc2.rest.marketingcloudapis.com");
        assert!(
            matches!(
                other,
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForNameContext { .. }
                ))
            ),
            "{name}: {other:?}"
        );
    }
}

#[test]
fn it_vouches_for_nothing_else() {
    let authority = Authority::of_this_process().unwrap();
    for name in [
        "example.com",
        "marketingcloudapis.com",
        ".marketingcloudapis.com",
        "evilmarketingcloudapis.com",
        "mc1.rest.marketingcloudapis.com.evil.example",
        "login.salesforce.com",
        "10.0.0.1",
        "169.254.169.254",
        "localhost.evil.example",
        "",
    ] {
        assert!(
            matches!(authority.certify(name), Err(AuthorityError::ForeignName(_))),
            "{name}"
        );
    }
}

#[test]
fn a_stolen_key_opens_no_other_host() {
    let authority = Authority::of_this_process().unwrap();
    for name in ["login.salesforce.com", "example.com", "10.0.0.1"] {
        let forged = Leaf::issue(name, &authority.leaf_key, &authority.issuer, None).unwrap();
        let verdict = taken(&authority, &forged.key(), name);
        assert!(
            matches!(verdict, Err(Error::InvalidCertificate(_))),
            "{name}: {verdict:?}"
        );
    }
}

#[test]
fn certificates_are_issued_once_and_kept_within_bounds() {
    let authority = Authority::of_this_process().unwrap();
    let first = authority.certify("a.rest.marketingcloudapis.com").unwrap();
    let again = authority.certify("A.rest.marketingcloudapis.com").unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    for number in 0..=LEAVES_MAX {
        authority
            .certify(&format!("mc{number}.rest.marketingcloudapis.com"))
            .unwrap();
    }
    assert!(authority.leaves.lock().unwrap().len() <= LEAVES_MAX);
}

#[test]
fn it_is_made_once_and_its_key_is_nobody_elses() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path().join("share/ca");
    Authority::check(&directory).unwrap();
    assert!(!directory.exists(), "looking changes nothing");
    let together: Vec<_> = (0..4)
        .map(|_number| {
            let directory = directory.clone();
            std::thread::spawn(move || Authority::kept_in(&directory).unwrap().pem().to_owned())
        })
        .collect();
    let pems: Vec<_> = together
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect();
    assert!(pems.iter().all(|pem| *pem == pems[0]));
    let mode = |name: &str| {
        let metadata = fs::metadata(directory.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(
        (mode("ca.key"), mode("ca.pem"), mode("")),
        (0o600, 0o644, 0o700)
    );
    let again = Authority::kept_in(&directory).unwrap();
    let leaf = again.certify("localhost").unwrap();
    assert_eq!(taken(&again, &leaf, "localhost"), Ok(()));
    let files = fs::read_dir(&directory).unwrap().count();
    assert_eq!(files, 2, "nothing else is left behind");
}

fn refused(directory: &Path) -> String {
    let before = fs::read(directory.join("ca.key")).ok();
    let error = Authority::kept_in(directory).unwrap_err().to_string();
    let after = fs::read(directory.join("ca.key")).ok();
    assert_eq!(before, after, "nothing is written over");
    error
}

#[test]
fn files_that_cannot_be_trusted_are_refused_with_what_to_do() {
    let folder = TempDir::new().unwrap();
    let directory = folder.path();
    Authority::kept_in(directory).unwrap();
    let (key, pem) = (directory.join("ca.key"), directory.join("ca.pem"));
    for mode in [0o644, 0o640, 0o604] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let said = refused(directory);
        assert!(said.contains("can be read by others"), "{said}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read(&pem).unwrap();
    fs::write(&pem, Authority::of_this_process().unwrap().pem()).unwrap();
    let said = refused(directory);
    assert!(said.contains("does not belong to ca.key"), "{said}");
    fs::write(&pem, "nonsense").unwrap();
    assert!(refused(directory).contains("is no certificate"));
    fs::remove_file(&pem).unwrap();
    assert!(refused(directory).contains("ca.pem: is not there"));
    fs::write(&pem, good).unwrap();
    fs::write(&key, "nonsense").unwrap();
    let said = refused(directory);
    assert!(
        said.contains("no private key") && !said.contains("nonsense"),
        "{said}"
    );
    fs::remove_file(&key).unwrap();
    assert!(refused(directory).contains("ca.key: is not there"));
}
