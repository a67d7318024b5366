//! Signed assertions for the JWT bearer grant (RFC 7523). Pure: the time comes in as an argument.
//!
//! Source of the claims: Salesforce's "OAuth 2.0 JWT Bearer Flow"; it takes RS256 alone, and an `exp` that is near.

use std::time::{Duration, SystemTime};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::kind::SigningKey;
use crate::secret::Secret;

/// An assertion is used at once, and good for no longer than this.
const LIFETIME: Duration = Duration::from_secs(180);

/// Who says what to whom.
pub(super) struct Claims<'a> {
    /// `iss`: the connected app's client id.
    pub(super) issuer: &'a str,
    /// `sub`: the user's name.
    pub(super) subject: &'a str,
    /// `aud`
    pub(super) audience: &'a str,
}

impl Claims<'_> {
    /// The assertion, signed; `None` if the key cannot sign.
    pub(super) fn signed(&self, key: &SigningKey, now: SystemTime) -> Option<Secret> {
        let expires = now + LIFETIME;
        let expires = expires.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let claims = json!({
            "iss": self.issuer,
            "sub": self.subject,
            "aud": self.audience,
            "exp": expires.as_secs(),
        });
        let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
        let header = encode(br#"{"alg":"RS256","typ":"JWT"}"#);
        let mut assertion = format!("{header}.{}", encode(claims.to_string().as_bytes()));
        let pair = key.pair();
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            assertion.as_bytes(),
            &mut signature,
        )
        .ok()?;
        assertion.push('.');
        assertion.push_str(&encode(&signature));
        Some(Secret::new(assertion))
    }
}
