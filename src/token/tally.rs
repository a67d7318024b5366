//! What is counted of token requests. Nothing is decided by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::endpoint::SECRET_NAMES;
use super::recent::Recent;
use super::{Labels, MintError};
use crate::metrics::Metrics;
use crate::spans::{Context, Kind, Span, Tracer};
use crate::state::Slot;

/// The word of metrics and spans for what went wrong.
pub(super) fn word(error: &MintError) -> &'static str {
    match error {
        MintError::Rejected { .. } | MintError::LoginNeeded { .. } | MintError::NoRefreshToken => {
            "rejected"
        }
        MintError::Unavailable { .. } | MintError::NotShared { .. } | MintError::Busy => {
            "unavailable"
        }
        MintError::Untrusted { .. } => "untrusted",
    }
}

/// Counts one account's token requests.
#[derive(Clone)]
pub(super) struct Tally {
    metrics: Arc<Metrics>,
    labels: Labels,
    recent: Arc<Mutex<Recent>>,
    spans: Option<(Arc<Tracer>, Context)>,
}

impl Tally {
    pub(super) fn new(metrics: Arc<Metrics>, labels: Labels, recent: Arc<Mutex<Recent>>) -> Self {
        Self {
            metrics,
            labels,
            recent,
            spans: None,
        }
    }

    /// The same, for a mint that is traced.
    pub(super) fn within(mut self, tracer: &Arc<Tracer>, mint: Context) -> Self {
        self.spans = Some((Arc::clone(tracer), mint));
        self
    }

    /// The span of one request, if its mint is traced. Says nothing of what is in the request.
    pub(super) fn span(&self, grant: &'static str, host: &str, path: &str) -> Option<Span> {
        let (tracer, mint) = self.spans.as_ref()?;
        let mut span = tracer.begin(Kind::Client, Some(*mint));
        if span.is_kept() {
            span.name(format!("POST {path}"));
            span.text("http.request.method", "POST");
            span.text("url.template", path.to_owned());
            span.text("server.address", host.to_owned());
            span.text("sfmc.tenant", self.labels.tenant.clone());
            span.text("sfmc.account", self.labels.account.clone());
            span.text("sfmc.api", "auth");
            span.text("sfmc.operation", grant);
        }
        Some(span)
    }

    /// One request has ended, with this error if there was one.
    pub(super) fn count(&self, grant: &str, error: Option<&MintError>, took: Duration) {
        let outcome = error.map_or("ok", word);
        let Labels { tenant, account } = &self.labels;
        self.metrics
            .token_requests_total
            .with_label_values(&[tenant, account, grant, outcome])
            .inc();
        self.metrics
            .token_request_duration_seconds
            .with_label_values(&[tenant])
            .observe(took.as_secs_f64());
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.note(error.is_none(), Instant::now());
    }

    /// Another of the client's secrets is in use now.
    pub(super) fn client_secret(&self, place: usize) {
        let tenant = &self.labels.tenant;
        for (name, known) in SECRET_NAMES.iter().zip(0..) {
            self.metrics
                .client_secret_in_use
                .with_label_values(&[tenant.as_str(), name])
                .set(i64::from(known == place));
        }
        let secret = SECRET_NAMES.get(place).copied().unwrap_or_default();
        tracing::info!(
            tenant,
            secret,
            "the token endpoint takes another client secret than before"
        );
    }

    /// Another replica's login works, and is taken for the tenant's.
    pub(super) fn login_of_another(&self) {
        self.metrics
            .login_valid
            .with_label_values(&[self.labels.tenant.as_str(), ""])
            .set(1);
    }

    /// Whether a login works: the tenant's, or this account's own.
    pub(super) fn login(&self, slot: &Slot, valid: bool) {
        let Labels { tenant, account } = &self.labels;
        let own = slot.account.map(|_own| account.as_str());
        let family = &self.metrics.login_valid;
        family
            .with_label_values(&[tenant.as_str(), own.unwrap_or_default()])
            .set(i64::from(valid));
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let lacked = std::mem::replace(&mut recent.lacks_login, own.is_none() && !valid);
        // It has one of its own by now. Whoever still needs the tenant's says so with the next call.
        if own.is_some() && lacked && self.metrics.login(tenant, "") == Some(false) {
            let _absent = family.remove_label_values(&[tenant.as_str(), ""]);
        }
    }
}
