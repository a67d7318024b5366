//! What one file looks like: a line in clear text, and content that is sealed together with it. Pure; never touches a disk.
//!
//! ```text
//! sfmc-auth-proxy-state 1 key=0123456789abcdef tenant=acme account=- sequence=7 sealed=512
//! nonce, content, tag: as many bytes as the line says
//! ```

use std::fmt;

use super::keys::{KeyId, Keys};
use super::{Fault, Slot};
use crate::secret::Secret;

const MAGIC: &str = "sfmc-auth-proxy-state ";
const VERSION: &str = "1";
const LINE_SIZE_MAX: usize = 512;

/// No file of ours is longer.
pub(super) const FILE_SIZE_MAX: usize = 64 << 10;

/// The line. What it says is true once the content is open, because it is sealed with it.
struct Header {
    key: KeyId,
    slot: Slot,
    sequence: u64,
    sealed_size: usize,
}

/// A file that was opened.
pub(super) struct Opened {
    pub(super) key: KeyId,
    /// Grows with each write of a slot.
    pub(super) sequence: u64,
    pub(super) content: Secret,
}

/// The bytes of a file.
pub(super) fn seal(
    keys: &Keys,
    slot: &Slot,
    sequence: u64,
    content: &Secret,
) -> Result<Vec<u8>, Fault> {
    let bytes = keys.seal(content, |sealed_size| {
        let header = Header {
            key: keys.first(),
            slot: slot.clone(),
            sequence,
            sealed_size,
        };
        header.to_string()
    });
    let bytes = bytes.ok_or(Fault::NoRandomBytes)?;
    if bytes.len() > FILE_SIZE_MAX {
        return Err(Fault::TooLong);
    }
    Ok(bytes)
}

/// What is in a file that is for a slot.
pub(super) fn open(keys: &Keys, slot: &Slot, bytes: &[u8]) -> Result<Opened, Fault> {
    let (line, sealed) = split(bytes)?;
    let header = Header::parse(line)?;
    if sealed.len() < header.sealed_size {
        return Err(Fault::Truncated);
    }
    if sealed.len() > header.sealed_size {
        return Err(Fault::Damaged);
    }
    if !keys.has(header.key) {
        return Err(Fault::KeyNotGiven {
            wanted: header.key.to_string(),
            given: keys.names(),
        });
    }
    let content = keys
        .open(header.key, line.as_bytes(), sealed)
        .ok_or(Fault::Damaged)?;
    if header.slot != *slot {
        return Err(Fault::OtherSlot(header.slot.file_name()));
    }
    Ok(Opened {
        key: header.key,
        sequence: header.sequence,
        content,
    })
}

/// The line with its end, and the rest.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), Fault> {
    if !bytes.starts_with(MAGIC.as_bytes()) {
        // A file system that lost power may show a length whose bytes never came.
        let never_came = bytes.iter().all(|byte| *byte == 0);
        return Err(if never_came || MAGIC.as_bytes().starts_with(bytes) {
            Fault::Truncated
        } else {
            Fault::Foreign
        });
    }
    let end = bytes
        .iter()
        .take(LINE_SIZE_MAX)
        .position(|byte| *byte == b'\n');
    let Some((line, sealed)) = end.and_then(|end| bytes.split_at_checked(end + 1)) else {
        return Err(if bytes.len() < LINE_SIZE_MAX {
            Fault::Truncated
        } else {
            Fault::Damaged
        });
    };
    let line = str::from_utf8(line).map_err(|_error| Fault::Damaged)?;
    Ok((line, sealed))
}

impl Header {
    fn parse(line: &str) -> Result<Self, Fault> {
        let mut words = line.trim_end_matches('\n').split(' ').skip(1);
        let version = words.next().unwrap_or_default();
        if version != VERSION {
            return Err(match version.parse() {
                Ok(later @ 2..) => Fault::LaterVersion(later),
                _ => Fault::Damaged,
            });
        }
        let mut field = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=');
        let mut parsed = || {
            Some(Self {
                key: KeyId::parse(field("key")?)?,
                slot: Slot {
                    tenant: field("tenant")?.to_owned(),
                    account: match field("account")? {
                        "-" => None,
                        account => Some(account.parse().ok()?),
                    },
                },
                sequence: field("sequence")?.parse().ok()?,
                sealed_size: field("sealed")?.parse().ok()?,
            })
        };
        parsed()
            .filter(|header| header.to_string() == line)
            .ok_or(Fault::Damaged)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, tenant) = (self.key, &self.slot.tenant);
        write!(formatter, "{MAGIC}{VERSION} key={key} tenant={tenant} ")?;
        match self.slot.account {
            Some(account) => write!(formatter, "account={account} ")?,
            None => formatter.write_str("account=- ")?,
        }
        let (sequence, size) = (self.sequence, self.sealed_size);
        writeln!(formatter, "sequence={sequence} sealed={size}")
    }
}
