//! Placeholders: tokens that the proxy hands to its clients in place of the tenant's. Nothing is stored for them: what one
//! says stands in it, signed under the client's own secret, so that it survives restarts, works on every replica and ends
//! when the secret does.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::policy::Mode;
use crate::secret::Secret;
use crate::token::Mid;

/// What every placeholder begins with: no token of the tenant does.
const PREFIX: &str = "sfmc-auth-proxy.1.";
/// What the key of a client's placeholders is derived for; bound to the form of what is signed.
const PURPOSE: &[u8] = b"sfmc-auth-proxy placeholder 1";
/// No placeholder is longer, in bytes.
pub const PLACEHOLDER_SIZE_MAX: usize = 512;

/// A tenant, and perhaps an account of it, that a client selected when it was handed its placeholder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The tenant's name.
    #[serde(rename = "t")]
    pub tenant: String,
    /// The account; `None` leaves it to whatever else selects one.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    pub account: Option<Mid>,
}

/// What a placeholder says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Placeholder {
    pub(super) client: Option<String>,
    pub(super) selection: Option<Selection>,
    pub(super) mode: Mode,
}

/// The written form, as short as may be.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    #[serde(flatten)]
    selection: Option<Selection>,
    #[serde(rename = "m", skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
}

/// Whether a token is one of ours, right or wrong.
#[must_use]
pub fn is_placeholder(token: &str) -> bool {
    token.starts_with(PREFIX)
}

/// The key with which a client's placeholders are signed.
pub(super) fn key(secret: &Secret) -> hmac::Key {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let derived = hmac::sign(&secret, PURPOSE);
    hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref())
}

/// Whether this is the signature of that placeholder's text.
pub(super) fn is_signed(token: &str, signature: &[u8], key: &hmac::Key) -> bool {
    let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
    hmac::verify(key, signed.as_bytes(), signature).is_ok()
}

impl Placeholder {
    /// The token; without a key it only says something, and proves nothing.
    pub(super) fn write(&self, key: Option<&hmac::Key>) -> String {
        let written = Written {
            client: self.client.clone(),
            selection: self.selection.clone(),
            mode: (self.mode != Mode::Full).then(|| self.mode.name().to_owned()),
        };
        // Names and numbers: there is nothing in it that could fail.
        let json = serde_json::to_vec(&written).unwrap_or_default();
        let said = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json));
        let signature = key.map(|key| hmac::sign(key, said.as_bytes()));
        let signature = signature.map(|signature| URL_SAFE_NO_PAD.encode(signature.as_ref()));
        format!("{said}.{}", signature.unwrap_or_default())
    }

    /// What a token says, and its signature, which is still to be checked. `None` if it is not whole.
    pub(super) fn read(token: &str) -> Option<(Self, Vec<u8>)> {
        if token.len() > PLACEHOLDER_SIZE_MAX {
            return None;
        }
        let (said, signature) = token.strip_prefix(PREFIX)?.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let json = URL_SAFE_NO_PAD.decode(said).ok()?;
        let written: Written = serde_json::from_slice(&json).ok()?;
        let mode = match written.mode {
            Some(mode) => Mode::parse(&mode)?,
            None => Mode::Full,
        };
        let placeholder = Self {
            client: written.client,
            selection: written.selection,
            mode,
        };
        Some((placeholder, signature))
    }
}
