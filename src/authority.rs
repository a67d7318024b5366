//! The local certificate authority: certificates for Salesforce's hosts and loopback, issued as callers ask for them.
//!
//! Its own certificate is constrained, critically, to those names, so that a stolen key opens nothing else. The key leaves
//! this room only into its one file, which nobody else may read.

mod keep;
mod leaf;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DnType, GeneralSubtree, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, NameConstraints,
};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};

use leaf::Leaf;

/// Below these stand the hosts that may be certified, beside loopback.
pub const DOMAINS: [&str; 3] = [
    "marketingcloudapis.com",
    "exacttargetapis.com",
    "exacttarget.com",
];
const CA_LIFE: Duration = Duration::days(3_650);
/// Clocks of callers may be behind.
const CLOCK_SLACK: Duration = Duration::days(1);
/// Certificates that are kept; beyond it all are issued anew as they are asked for.
const LEAVES_MAX: usize = 256;

/// Why there is no authority, or no certificate.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file or directory.
    #[error("{path}: {what}")]
    Kept {
        /// Which.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// The certificate library.
    #[error("the local CA cannot work: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A name that this authority does not vouch for.
    #[error("{0} is neither a Salesforce host nor a loopback name")]
    ForeignName(String),
    /// The TLS library.
    #[error("the local CA's certificate is refused: {0}")]
    Tls(#[from] rustls::Error),
}

/// A certificate authority of this machine, or of this process alone.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    /// Not signed by itself: callers need it beside each certificate.
    is_intermediate: bool,
    /// One key for all certificates: they end with this process.
    leaf_key: KeyPair,
    leaves: Mutex<HashMap<String, Leaf>>,
}

impl Authority {
    /// One that nobody else knows and that ends with this process. Nothing of it is written anywhere.
    ///
    /// # Errors
    ///
    /// The certificate library's.
    pub fn of_this_process() -> Result<Arc<Self>, AuthorityError> {
        let (pem, key) = made()?;
        Self::new(&pem, key)
    }

    /// The one in this directory, as `ca.pem` and `ca.key`; made if neither is there.
    ///
    /// # Errors
    ///
    /// A directory that cannot be used, a key that others can read, files that do not belong together or are out of date.
    pub fn kept_in(directory: &Path) -> Result<Arc<Self>, AuthorityError> {
        let (pem, key) = keep::read_or_make(directory)?;
        Self::new(&pem, key)
    }

    /// Looks at what [`Authority::kept_in`] would use, and changes nothing. Nothing there yet is as good.
    ///
    /// # Errors
    ///
    /// As [`Authority::kept_in`].
    pub fn check(directory: &Path) -> Result<(), AuthorityError> {
        keep::read(directory).map(|_found| ())
    }

    fn new(pem: &str, key: KeyPair) -> Result<Arc<Self>, AuthorityError> {
        let certificate = keep::certificate(pem)?;
        let is_intermediate = keep::is_intermediate(&certificate);
        Ok(Arc::new(Self {
            issuer: Issuer::from_ca_cert_der(&certificate, key)?,
            certificate,
            pem: pem.to_owned(),
            is_intermediate,
            leaf_key: KeyPair::generate()?,
            leaves: Mutex::default(),
        }))
    }

    /// Its own certificate, as PEM: what callers have to trust.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its own certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Certificate and key for a host: from memory, or issued now.
    ///
    /// # Errors
    ///
    /// A name that it does not vouch for.
    pub fn certify(&self, name: &str) -> Result<Arc<CertifiedKey>, AuthorityError> {
        let name = plain(name);
        if !vouches_for(&name) {
            return Err(AuthorityError::ForeignName(name));
        }
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leaf) = leaves.get(&name).filter(|leaf| leaf.is_fresh()) {
            return Ok(leaf.key());
        }
        let chained = self.is_intermediate.then(|| self.certificate.clone());
        let leaf = Leaf::issue(&name, &self.leaf_key, &self.issuer, chained)?;
        let key = leaf.key();
        if leaves.len() >= LEAVES_MAX {
            leaves.clear();
        }
        leaves.insert(name, leaf);
        Ok(key)
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Authority")
    }
}

/// Whether certificates for this name may be issued: Salesforce's hosts and loopback names.
#[must_use]
pub fn vouches_for(name: &str) -> bool {
    let name = plain(name);
    is_loopback(&name)
        || DOMAINS.iter().any(|domain| {
            name.strip_suffix(domain)
                .is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
        })
}

fn is_loopback(name: &str) -> bool {
    name == "localhost"
        || name.ends_with(".localhost")
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Lower case, without a closing dot or an IPv6 literal's brackets.
fn plain(name: &str) -> String {
    let name = name.trim_end_matches('.');
    name.trim_start_matches('[')
        .trim_end_matches(']')
        .to_ascii_lowercase()
}

/// A new authority's certificate as PEM, and its key.
fn made() -> Result<(String, KeyPair), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    let now = OffsetDateTime::now_utc();
    params.not_before = now - CLOCK_SLACK;
    params.not_after = now + CA_LIFE;
    // Told apart in trust stores by a part of the key's print, without naming the machine.
    let print: String = params
        .key_identifier(&key)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(
        DnType::CommonName,
        format!("sfmc-auth-proxy local CA {print}"),
    );
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let domains = DOMAINS.iter().chain(&["localhost"]);
    let domains = domains.map(|domain| GeneralSubtree::DnsName((*domain).to_owned()));
    let loopback = [
        CidrSubnet::from_addr_prefix(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        CidrSubnet::from_addr_prefix(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: domains
            .chain(loopback.map(GeneralSubtree::IpAddress))
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), key))
}
