//! A trust store as every Java reads it: the JDK's own format, JKS, version 2, with certificates alone.
//!
//! All in it is public. The password only makes the digest at its end, which tells a damaged file.

use aws_lc_rs::digest;
use rustls_pki_types::CertificateDer;

/// What every JDK takes for its own trust store.
pub(super) const PASSWORD: &str = "changeit";
const MAGIC: u32 = 0xFEED_FEED;
const VERSION: u32 = 2;
const CERTIFICATE: u32 = 2;
/// Goes into the digest between password and content, by the format's definition.
const WHITENER: &[u8] = b"Mighty Aphrodite";

/// The store's bytes.
pub(super) fn write(certificates: &[CertificateDer<'_>]) -> Vec<u8> {
    let mut store = Vec::new();
    let count = u32::try_from(certificates.len()).unwrap_or(u32::MAX);
    for number in [MAGIC, VERSION, count] {
        store.extend_from_slice(&number.to_be_bytes());
    }
    for (index, certificate) in certificates.iter().enumerate() {
        store.extend_from_slice(&CERTIFICATE.to_be_bytes());
        put_text(&mut store, &format!("root-{index:04}"));
        // When it was put in, in milliseconds since 1970; nobody looks at it.
        store.extend_from_slice(&0_u64.to_be_bytes());
        put_text(&mut store, "X.509");
        let size = u32::try_from(certificate.len()).unwrap_or(u32::MAX);
        store.extend_from_slice(&size.to_be_bytes());
        store.extend_from_slice(certificate);
    }
    let mut digest = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    for unit in PASSWORD.encode_utf16() {
        digest.update(&unit.to_be_bytes());
    }
    digest.update(WHITENER);
    digest.update(&store);
    store.extend_from_slice(digest.finish().as_ref());
    store
}

/// Its length in two bytes, then ASCII, which reads the same in Java's own UTF-8.
fn put_text(store: &mut Vec<u8>, text: &str) {
    let size = u16::try_from(text.len()).unwrap_or(u16::MAX);
    store.extend_from_slice(&size.to_be_bytes());
    store.extend_from_slice(text.as_bytes());
}
