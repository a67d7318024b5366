//! What a presented chain says of itself: by whom it is signed, for which names and until when. Pure; trusts nothing of it.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

use super::answer::printable;
use super::way::listed;
use crate::upstream::is_public_authority;

/// A chain as it was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Presented {
    /// Who signed the last certificate.
    pub(super) issuer: String,
    /// Whether that is an authority that browsers know.
    pub(super) is_public: bool,
    /// The names that the first certificate is for.
    pub(super) names: String,
    /// From when and until when it is good.
    pub(super) not_before: String,
    pub(super) not_after: String,
}

impl Presented {
    /// Reads the chain, the host's own certificate first. `None` if it is none.
    pub(super) fn read<T: AsRef<[u8]>>(chain: &[T]) -> Option<Self> {
        let first = parse(chain.first()?.as_ref())?;
        let last = parse(chain.last()?.as_ref())?;
        let validity = first.validity();
        Some(Self {
            issuer: name(last.issuer()),
            is_public: is_public_authority(last.issuer().as_raw()),
            names: names(&first),
            not_before: validity.not_before.to_string(),
            not_after: validity.not_after.to_string(),
        })
    }
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    let (_rest, certificate) = X509Certificate::from_der(der).ok()?;
    Some(certificate)
}

/// Organisation and common name, as far as they are there.
fn name(name: &X509Name<'_>) -> String {
    let organizations = name.iter_organization();
    let parts = name.iter_common_name().chain(organizations);
    let mut parts: Vec<_> = parts.filter_map(|part| part.as_str().ok()).collect();
    parts.dedup();
    match parts.is_empty() {
        true => "somebody without a name".to_owned(),
        false => printable(&parts.join(", ")),
    }
}

fn names(certificate: &X509Certificate<'_>) -> String {
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    let general = alternatives
        .map(|found| found.value.general_names.as_slice())
        .unwrap_or_default();
    let names: Vec<_> = general
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(*name),
            _ => None,
        })
        .collect();
    match names.is_empty() {
        true => "no host name".to_owned(),
        false => printable(&listed(&names)),
    }
}
