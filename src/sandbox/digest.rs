//! Fingerprints and encodings that the sandbox tenant needs: SHA-256 in hex, base64, gzip, identifiers.
//!
//! Never keeps a secret: what is made here is as random as a test needs, and no more.

use aws_lc_rs::digest::{Context, SHA256, digest};

/// SHA-256 of nothing.
pub(super) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A SHA-256 that is fed piece by piece.
pub(super) struct Sha256(Context);

impl Sha256 {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of what has come so far, in lower-case hex.
    pub(super) fn hex(&self) -> String {
        let digest = self.0.clone().finish();
        let mut text = String::with_capacity(64);
        for byte in digest.as_ref() {
            text.push(char::from(hex_digit(byte >> 4)));
            text.push(char::from(hex_digit(byte & 15)));
        }
        text
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 in the URL alphabet without padding, as in a JWT.
pub(super) fn base64_url(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let mut bits = 0_u32;
        for place in 0..3 {
            bits = (bits << 8) | u32::from(group.get(place).copied().unwrap_or(0));
        }
        for place in 0..=group.len() {
            let index = (bits >> (18 - 6 * place)) & 63;
            let letter = URL_SAFE.get(index as usize).copied().unwrap_or(b'A');
            text.push(char::from(letter));
        }
    }
    text
}

/// Whether a PKCE verifier is one, and `challenge` was made of it: RFC 7636, method S256.
pub(super) fn answers_challenge(verifier: &str, challenge: &str) -> bool {
    let lawful = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len())
        && verifier.bytes().all(lawful)
        && base64_url(digest(&SHA256, verifier.as_bytes()).as_ref()) == challenge
}

/// Reads base64 in either alphabet, padded or not; none if a foreign character stands in it.
pub(super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut data = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        bits = ((bits << 6) | u32::from(value)) & 0xFFFF;
        count += 6;
        if count >= 8 {
            count -= 8;
            data.push(u8::try_from((bits >> count) & 0xFF).unwrap_or_default());
        }
    }
    Some(data)
}

/// Random characters of the URL alphabet.
pub(super) fn random_text(length: usize) -> String {
    let mut data = vec![0; length.div_ceil(4) * 3];
    fastrand::fill(&mut data);
    let mut text = base64_url(&data);
    text.truncate(length);
    text
}

/// A random identifier in the shape of a UUID version 4.
pub(super) fn random_uuid() -> String {
    let value = fastrand::u128(..) & !(0xF << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let digits = format!("{value:032x}");
    let mut text = String::with_capacity(36);
    for (place, digit) in digits.char_indices() {
        if matches!(place, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// A gzip member whose data is stored, not compressed: every reader accepts it, and no compressor is needed.
pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut member = vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
    let mut blocks = data.chunks(0xFFFF).peekable();
    if blocks.peek().is_none() {
        member.extend_from_slice(&[1, 0, 0, 0xFF, 0xFF]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        member.push(u8::from(blocks.peek().is_none()));
        member.extend_from_slice(&length.to_le_bytes());
        member.extend_from_slice(&(!length).to_le_bytes());
        member.extend_from_slice(block);
    }
    member.extend_from_slice(&crc32(data).to_le_bytes());
    // RFC 1952: the size modulo 2^32.
    let size = u32::try_from(data.len() as u64 & 0xFFFF_FFFF).unwrap_or_default();
    member.extend_from_slice(&size.to_le_bytes());
    member
}

fn crc32(data: &[u8]) -> u32 {
    let mut remainder = u32::MAX;
    for byte in data {
        remainder ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = remainder & 1;
            remainder >>= 1;
            if carry == 1 {
                remainder ^= 0xEDB8_8320;
            }
        }
    }
    !remainder
}

/// Undoes percent-encoding once; bytes that are not UTF-8 afterwards are replaced.
pub(super) fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let digits = (ahead.next().and_then(nibble), ahead.next().and_then(nibble));
        if let (b'%', (Some(high), Some(low))) = (byte, digits) {
            bytes.push(high << 4 | low);
            rest = ahead;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(letter: u8) -> Option<u8> {
    char::from(letter)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}
