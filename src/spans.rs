//! Spans of OpenTelemetry: where they begin, which of them are kept, and their bytes. Sends nothing, and waits for nothing: a
//! span that finds no room is dropped and counted.
//!
//! A span holds methods, statuses, host names and names of the configuration; never a token, a query, a path or an id of a
//! caller's.

mod context;
mod otlp;
mod queue;
mod sampler;
mod span;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use context::Context;
pub use otlp::{Resource, encode};
pub use queue::Queue;
pub use sampler::{Root, Sampler};
pub use span::{Ended, Kind, Span};

/// Where spans begin.
pub struct Tracer {
    sampler: Sampler,
    queue: Arc<Queue>,
}

impl Tracer {
    /// Spans that the sampler wants go to this queue when they end.
    #[must_use]
    pub fn new(sampler: Sampler, queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Self { sampler, queue })
    }

    /// Begins a span of this process: below one of its own, or in a trace of its own.
    #[must_use]
    pub fn begin(self: &Arc<Self>, kind: Kind, parent: Option<Context>) -> Span {
        self.begin_below(kind, parent, false)
    }

    /// Begins the span of something that came in, below the span that its sender says it belongs to.
    #[must_use]
    pub fn begin_remote(self: &Arc<Self>, kind: Kind, parent: Option<Context>) -> Span {
        self.begin_below(kind, parent, true)
    }

    fn begin_below(self: &Arc<Self>, kind: Kind, parent: Option<Context>, is_remote: bool) -> Span {
        let trace_id = parent.map_or_else(|| fastrand::u128(1..), |parent| parent.trace_id);
        let context = Context {
            trace_id,
            span_id: fastrand::u64(1..),
            is_sampled: self.sampler.samples(trace_id, parent.as_ref()),
        };
        let parent_id = parent.map(|parent| parent.span_id);
        Span::begin(&self.queue, kind, context, parent_id, is_remote)
    }
}
