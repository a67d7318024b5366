//! The keys that seal. Read once from base64, wiped when dropped; never printed, and known outside only by fingerprints.

use std::fmt;
use std::mem;
use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, Zeroizing};

use crate::secret::Secret;

const KEY_SIZE: usize = 32;
const NONCE_SIZE: usize = 24;
const TAG_SIZE: usize = 16;
const HOW_TO_MAKE: &str = "make one with: head -c 32 /dev/urandom | base64";
/// What the fingerprint of a key is made of, so that it says nothing of the key.
const FINGERPRINT_LABEL: &[u8] = b"sfmc-auth-proxy: which key sealed this state";

/// Which key sealed a file: 64 bits, derived one-way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyId(u64);

impl KeyId {
    /// The id that a text stands for. Takes more than `to_string` gives.
    pub(super) fn parse(text: &str) -> Option<Self> {
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// On the heap, so that no copy stays where it was moved from.
struct Key {
    bytes: Zeroizing<Vec<u8>>,
    id: KeyId,
}

/// Keys of 32 bytes: the first seals, each opens.
#[derive(Clone)]
pub struct Keys {
    first: Arc<Key>,
    others: Arc<[Key]>,
}

impl Keys {
    /// Reads keys from base64 of 32 bytes each, in either alphabet, padded or not. The index of the first that is none,
    /// and what is wrong with it.
    pub fn new(texts: &[Secret]) -> Result<Self, (usize, String)> {
        let mut keys = Vec::with_capacity(texts.len());
        for (index, text) in texts.iter().enumerate() {
            keys.push(key(text).map_err(|what| (index, what))?);
        }
        let mut keys = keys.into_iter();
        let Some(first) = keys.next() else {
            return Err((0, format!("no key is given; {HOW_TO_MAKE}")));
        };
        Ok(Self {
            first: Arc::new(first),
            others: keys.collect(),
        })
    }

    /// Under which key `seal` seals.
    pub(super) fn first(&self) -> KeyId {
        self.first.id
    }

    /// The ids of all, for people.
    pub(super) fn names(&self) -> String {
        let ids: Vec<_> = self.all().map(|key| key.id.to_string()).collect();
        ids.join(", ")
    }

    /// Whether there is this key.
    pub(super) fn has(&self, id: KeyId) -> bool {
        self.all().any(|key| key.id == id)
    }

    /// Seals content together with the line that stands before it, which is made from the sealed content's length; both as
    /// they are to be kept. `None` where the system has no random bytes.
    pub(super) fn seal(
        &self,
        content: &Secret,
        line: impl FnOnce(usize) -> String,
    ) -> Option<Vec<u8>> {
        let content = content.expose().as_bytes();
        let line = line(NONCE_SIZE + content.len() + TAG_SIZE).into_bytes();
        let mut nonce = [0; NONCE_SIZE];
        rand::fill(&mut nonce).ok()?;
        // Room for all from the start: a buffer that grows leaves a copy of what it held behind.
        let mut buffer = Zeroizing::new(Vec::with_capacity(content.len() + TAG_SIZE));
        buffer.extend_from_slice(content);
        self.first
            .cipher()?
            .encrypt_in_place(&XNonce::from(nonce), &line, &mut *buffer)
            .ok()?;
        Some([line.as_slice(), &nonce, &buffer].concat())
    }

    /// What was sealed under a key; `None` if there is no such key, or if it is not that, to the last bit.
    pub(super) fn open(&self, id: KeyId, bound: &[u8], sealed: &[u8]) -> Option<Secret> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_SIZE>()?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        self.all()
            .find(|key| key.id == id)?
            .cipher()?
            .decrypt_in_place(&XNonce::from(*nonce), bound, &mut *buffer)
            .ok()?;
        match String::from_utf8(mem::take(&mut *buffer)) {
            Ok(text) => Some(Secret::new(text)),
            Err(error) => {
                error.into_bytes().zeroize();
                None
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&*self.first).chain(self.others.iter())
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Keys({})", self.names())
    }
}

impl Key {
    fn cipher(&self) -> Option<XChaCha20Poly1305> {
        XChaCha20Poly1305::new_from_slice(&self.bytes).ok()
    }
}

fn key(text: &Secret) -> Result<Key, String> {
    let text = text.expose().trim();
    let alphabet = if text.contains(['-', '_']) {
        &URL_SAFE
    } else {
        &STANDARD
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    // The error would quote a letter of the key.
    decoder(alphabet)
        .decode_vec(text, &mut bytes)
        .map_err(|_quotes| format!("is no base64 of {KEY_SIZE} bytes; {HOW_TO_MAKE}"))?;
    if bytes.len() != KEY_SIZE {
        return Err(format!(
            "is base64 of {} bytes, where {KEY_SIZE} are needed; {HOW_TO_MAKE}",
            bytes.len()
        ));
    }
    if bytes.windows(2).all(|pair| pair.first() == pair.last()) {
        return Err(format!(
            "is one byte {KEY_SIZE} times over, which anyone guesses; {HOW_TO_MAKE}"
        ));
    }
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, &bytes),
        FINGERPRINT_LABEL,
    );
    let id = tag.as_ref().first_chunk().copied().unwrap_or_default();
    Ok(Key {
        id: KeyId(u64::from_be_bytes(id)),
        bytes,
    })
}

fn decoder(alphabet: &Alphabet) -> GeneralPurpose {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}
