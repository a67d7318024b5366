//! Spans of mints. A mint is a part of the trace of whatever started it, though it goes on by itself; one that nobody's call
//! started, as at the start of the process, has a trace of its own.

use std::sync::Arc;

use super::{Account, TokenStore};
use crate::spans::{Context, Kind, Span, Tracer};
use crate::token::tally::Tally;

impl TokenStore {
    /// The same, with spans of its mints.
    #[must_use]
    pub fn traced(self, tracer: Option<Arc<Tracer>>) -> Self {
        Self { tracer, ..self }
    }
}

impl Account {
    /// The span of a mint that begins now, if there are spans.
    pub(super) fn span_of_mint(&self, asker: Option<Context>) -> Option<Span> {
        let mut span = self.tracer.as_ref()?.begin(Kind::Internal, asker);
        if span.is_kept() {
            let labels = self.labels();
            span.name("mint");
            span.text("sfmc.tenant", labels.tenant.clone());
            span.text("sfmc.account", labels.account.clone());
            span.text("sfmc.operation", self.endpoint().grant());
        }
        Some(span)
    }

    /// The tally whose requests are parts of the mint in flight.
    pub(super) fn tally_of_mint(&self) -> Tally {
        let tally = self.tally();
        let Some(tracer) = &self.tracer else {
            return tally;
        };
        let mint = self.state().span.as_ref().map(Span::context);
        match mint {
            Some(mint) => tally.within(tracer, mint),
            None => tally,
        }
    }
}
