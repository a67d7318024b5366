//! One certificate for one host, short-lived and signed with the authority's key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use super::{AuthorityError, CLOCK_SLACK, is_loopback};

const LIFE: Duration = Duration::days(30);
/// A process that runs for long issues anew well before callers would complain.
const FRESH_FOR: Duration = Duration::days(15);

/// A certificate that was issued, and until when it is given out.
pub(super) struct Leaf {
    key: Arc<CertifiedKey>,
    fresh_until: OffsetDateTime,
}

impl Leaf {
    pub(super) fn issue(
        name: &str,
        key: &KeyPair,
        issuer: &Issuer<'static, KeyPair>,
        chained: Option<CertificateDer<'static>>,
    ) -> Result<Self, AuthorityError> {
        let now = OffsetDateTime::now_utc();
        let mut params = CertificateParams::new(Vec::new())?;
        params.subject_alt_names = names(name)?;
        params.distinguished_name = DistinguishedName::new();
        // Not a host name: some check those against the constraints even beside the names that count.
        params
            .distinguished_name
            .push(DnType::CommonName, "SFMC Auth Proxy");
        params.not_before = now - CLOCK_SLACK;
        params.not_after = now + LIFE;
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(key, issuer)?.der().clone();
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = std::iter::once(certificate).chain(chained).collect();
        Ok(Self {
            key: Arc::new(CertifiedKey::new(chain, any_supported_type(&private)?)),
            fresh_until: now + FRESH_FOR,
        })
    }

    pub(super) fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    pub(super) fn is_fresh(&self) -> bool {
        OffsetDateTime::now_utc() < self.fresh_until
    }
}

/// The host itself; for loopback all that callers call it.
fn names(name: &str) -> Result<Vec<SanType>, AuthorityError> {
    let dns = |name: &str| Ok::<_, rcgen::Error>(SanType::DnsName(name.to_owned().try_into()?));
    if !is_loopback(name) {
        return Ok(vec![dns(name)?]);
    }
    let mut names = vec![
        dns("localhost")?,
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    let own = match name.parse() {
        Ok(address) => SanType::IpAddress(address),
        Err(_) => dns(name)?,
    };
    if !names.contains(&own) {
        names.push(own);
    }
    Ok(names)
}
