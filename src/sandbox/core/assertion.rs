//! Assertions of the JWT bearer grant: RS256, verified under the key that is registered with the connected app.
//!
//! Never trusts what an assertion says of its own algorithm: RS256 is the one that is verified.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde_json::Value;

use super::token::Refusal;
use crate::sandbox::digest::from_base64;
use crate::sandbox::face::Face;
use crate::sandbox::shared::Shared;

/// How far ahead an assertion may end.
const AHEAD_MAX: Duration = Duration::from_secs(300);

/// The key that verifies assertions cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key that verifies assertions is neither an RSA public key nor a certificate as PEM")]
pub struct KeyError;

/// Reads a public key, or that of a certificate, from PEM; DER comes out.
pub(in crate::sandbox) fn public_key(pem: &str) -> Result<Vec<u8>, KeyError> {
    if let Ok(key) = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()) {
        return Ok(key.to_vec());
    }
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_fault| KeyError)?;
    let (_, certificate) =
        x509_parser::parse_x509_certificate(&certificate).map_err(|_fault| KeyError)?;
    Ok(certificate.public_key().raw.to_vec())
}

/// Judges an assertion.
pub(super) fn check(shared: &Shared, assertion: &str) -> Result<(), Refusal> {
    let invalid = ("invalid_grant", "invalid assertion");
    let (signed, signature) = assertion.rsplit_once('.').ok_or(invalid)?;
    let (header, claims) = signed.split_once('.').ok_or(invalid)?;
    let header = part(header).ok_or(invalid)?;
    if header.get("alg").and_then(Value::as_str) != Some("RS256") {
        return Err(invalid);
    }
    let claims = part(claims).ok_or(invalid)?;
    let text = |key| claims.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("iss") != shared.settings.client_id {
        return Err(("invalid_client_id", "client identifier invalid"));
    }
    let key = shared.logins().jwt_public_key.clone();
    let key = key.ok_or(("invalid_grant", "user hasn't approved this consumer"))?;
    let signature = decoded(signature).ok_or(invalid)?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_unspecified| invalid)?;
    let core = shared.url(Face::Core);
    let audience = text("aud");
    let known = audience == core.trim_end_matches('/')
        || shared
            .settings
            .jwt_audiences
            .iter()
            .any(|known| known == audience);
    if !known {
        return Err(("invalid_grant", "audience is invalid"));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    let end = claims
        .get("exp")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let end = Duration::from_secs(end);
    if end <= now {
        return Err(("invalid_grant", "assertion expired"));
    }
    if end > now + AHEAD_MAX {
        return Err(("invalid_grant", "assertion ends too far ahead"));
    }
    if text("sub") != shared.settings.username {
        return Err(("invalid_grant", "authentication failure"));
    }
    Ok(())
}

fn part(text: &str) -> Option<Value> {
    serde_json::from_slice(&decoded(text)?).ok()
}

/// Base64 as a JWT has it: the URL alphabet, and no padding.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.contains(['+', '/', '=']) {
        return None;
    }
    from_base64(text)
}
