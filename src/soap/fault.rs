//! Faults: recognising the tenant's in the first part of an answer, and writing our own.
//!
//! Reads the Fault and not the status, because Marketing Cloud tells an expired token with HTTP 500. Looks at elements, never
//! at words in data, and never keeps more of an answer than its first part.

mod render;
mod unpack;
mod walk;

pub use render::{Blame, render};
pub use unpack::Coding;

pub(super) use unpack::Unpacked;

use walk::Walk;

use super::xml::{Reader, Stop};

/// How much of an answer is looked at unless said otherwise, in bytes after decompression.
pub const SNIFFED_SIZE: usize = 16 * 1024;

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not known yet.
    NeedMore,
    /// A result, or no SOAP at all.
    NotAFault,
    /// A Fault: the token is not accepted.
    Refusal(Refusal),
    /// A Fault: too many calls. The vendor documents no words for it; these are the usual ones.
    Throttled,
    /// The token is good, but its package or user lacks a permission: `OverallStatus` says so, or a Fault.
    PermissionDenied,
    /// Any other Fault.
    OtherFault,
}

/// How a token was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Marketing Cloud: `Token Expired`.
    TokenExpired,
    /// Marketing Cloud: `Login Failed`, in any case.
    LoginFailed,
    /// Core Salesforce: `INVALID_SESSION_ID`.
    InvalidSession,
}

/// Reads the first part of an answer's body as it comes in. How it is cut into chunks makes no difference.
#[derive(Debug)]
pub struct Sniffer {
    verdict: Verdict,
    unpacked: Unpacked,
    reader: Reader,
    walk: Walk,
}

impl Sniffer {
    /// Looks at up to `sniffed_size` bytes, counted after decompression.
    #[must_use]
    pub fn new(coding: Coding, sniffed_size: usize) -> Self {
        Self {
            verdict: Verdict::NeedMore,
            unpacked: Unpacked::new(coding, sniffed_size),
            reader: Reader::new(),
            walk: Walk::default(),
        }
    }

    /// The next chunk. Once the verdict is not `NeedMore`, it stays and chunks are ignored.
    pub fn feed(&mut self, chunk: &[u8]) -> Verdict {
        if self.verdict == Verdict::NeedMore {
            self.unpacked.push(chunk);
            self.look();
        }
        self.verdict
    }

    /// The body has ended. Never `NeedMore`.
    pub fn finish(&mut self) -> Verdict {
        if self.verdict == Verdict::NeedMore {
            self.unpacked.finish();
            self.look();
        }
        if self.verdict == Verdict::NeedMore {
            self.verdict = self.walk.conclude();
        }
        self.verdict
    }

    /// What is known by now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether the answer may still turn out to be a Fault.
    #[must_use]
    pub fn may_be_fault(&self) -> bool {
        self.verdict == Verdict::NeedMore && !self.walk.is_result()
    }

    fn look(&mut self) {
        let Some(text) = self.unpacked.text() else {
            return;
        };
        let mut pass = self.reader.over(text);
        self.verdict = loop {
            match pass.next() {
                Ok(Some(event)) => {
                    if let Some(verdict) = self.walk.step(text, pass.reader(), event) {
                        break verdict;
                    }
                }
                Err(Stop::Incomplete) if !self.unpacked.is_over() => break Verdict::NeedMore,
                Ok(None) | Err(Stop::Incomplete | Stop::Malformed { .. }) => {
                    break self.walk.conclude();
                }
            }
        };
    }
}
