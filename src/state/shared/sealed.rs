//! What one value in Redis looks like: a line in clear text, and content that is sealed together with it. Pure; asks nobody.
//!
//! ```text
//! sfmc-auth-proxy-shared 1 key=0123456789abcdef name=sfmc-auth-proxy:{…}:token generation=7
//! nonce, content, tag
//! ```

use crate::secret::Secret;
use crate::state::Fault;
use crate::state::keys::{KeyId, Keys};

const MAGIC: &str = "sfmc-auth-proxy-shared 1 ";
const LINE_SIZE_MAX: usize = 512;
/// No value of ours is longer.
const VALUE_SIZE_MAX: usize = 256 << 10;

fn line(key: KeyId, name: &str, generation: u64) -> String {
    format!("{MAGIC}key={key} name={name} generation={generation}\n")
}

/// The bytes that are kept under a name.
pub(super) fn seal(
    keys: &Keys,
    name: &str,
    generation: u64,
    content: &Secret,
) -> Result<Vec<u8>, Fault> {
    let bytes = keys.seal(content, |_size| line(keys.first(), name, generation));
    let bytes = bytes.ok_or(Fault::NoRandomBytes)?;
    if bytes.len() > VALUE_SIZE_MAX {
        return Err(Fault::TooLong);
    }
    Ok(bytes)
}

/// What is kept under a name, and whether the key that seals from now on has sealed it.
pub(super) fn open(
    keys: &Keys,
    name: &str,
    generation: u64,
    bytes: &[u8],
) -> Result<(Secret, bool), Fault> {
    let end = bytes
        .iter()
        .take(LINE_SIZE_MAX)
        .position(|byte| *byte == b'\n');
    let (head, sealed) = end
        .and_then(|end| bytes.split_at_checked(end + 1))
        .ok_or(Fault::Foreign)?;
    let head = str::from_utf8(head).map_err(|_error| Fault::Foreign)?;
    let fields = head.strip_prefix(MAGIC).ok_or(Fault::Foreign)?;
    let key = fields
        .strip_prefix("key=")
        .and_then(|rest| rest.split(' ').next())
        .and_then(KeyId::parse)
        .ok_or(Fault::Damaged)?;
    if !keys.has(key) {
        return Err(Fault::KeyNotGiven {
            wanted: key.to_string(),
            given: keys.names(),
        });
    }
    if head != line(key, name, generation) {
        return Err(Fault::Damaged);
    }
    let content = keys.open(key, head.as_bytes(), sealed);
    let content = content.ok_or(Fault::Damaged)?;
    Ok((content, key == keys.first()))
}
