//! Which traces are kept. Decides by the trace's id, so that every process that keeps the same share keeps the same traces.

use super::Context;

/// What becomes of a trace that begins here.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Root {
    /// It is kept.
    Always,
    /// It is not.
    Never,
    /// This share of all is kept, from 0 to 1.
    Share(f64),
}

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// For traces that begin here.
    pub root: Root,
    /// Whether a caller's decision holds for traces that begin elsewhere.
    pub follows_parent: bool,
}

impl Default for Sampler {
    fn default() -> Self {
        Self {
            root: Root::Always,
            follows_parent: true,
        }
    }
}

impl Sampler {
    /// Whether a span of this trace is kept.
    #[must_use]
    pub fn samples(&self, trace_id: u128, parent: Option<&Context>) -> bool {
        match (parent, self.root) {
            (Some(parent), _) if self.follows_parent => parent.is_sampled,
            (_, Root::Always) => true,
            (_, Root::Never) => false,
            (_, Root::Share(share)) => is_within(trace_id, share),
        }
    }
}

/// As other implementations have it: the lower 63 of the id's 128 bits, as a part of all that they could be.
fn is_within(trace_id: u128, share: f64) -> bool {
    let bound = (share.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
    let place = (trace_id as u64) >> 1;
    place < bound
}
