//! Why an envelope is refused. Never quotes it.

use crate::soap::Malformed;
use crate::soap::encoding::Undecodable;

/// Why an envelope is not sent on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// `malformed_envelope`: it is not well formed, not an envelope, or beyond a bound.
    #[error("the envelope is malformed at byte {position}: {reason}")]
    Malformed {
        /// Counted from 0 in what was received.
        position: usize,
        /// What is wrong there.
        reason: Malformed,
    },
    /// `unsupported_encoding`: none of UTF-8, UTF-16, ISO-8859-1 and windows-1252.
    #[error("the envelope's encoding {label} is not supported; send UTF-8")]
    UnsupportedEncoding {
        /// What it calls itself, printable and short.
        label: String,
    },
    /// `unsupported_encoding`: SOAP with Attachments or MTOM.
    #[error(
        "the envelope comes with attachments (multipart or MTOM), which Salesforce does not take; send it alone"
    )]
    Attachments,
}

impl From<Undecodable> for EnvelopeError {
    fn from(undecodable: Undecodable) -> Self {
        match undecodable {
            Undecodable::Unsupported(label) => Self::UnsupportedEncoding { label },
            Undecodable::Malformed { position, reason } => Self::Malformed { position, reason },
        }
    }
}
