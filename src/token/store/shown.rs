//! Where a token is shown once it is there: to requests, and by its times to metrics. Decides nothing.

use std::sync::Arc;

use super::{Account, Labels};
use crate::clock::Now;
use crate::metrics::epoch_seconds;
use crate::token::AccessToken;
use crate::token::tally::Tally;

impl Account {
    pub(super) fn tally(&self) -> Tally {
        let labels = (*self.labels()).clone();
        Tally::new(Arc::clone(&self.metrics), labels, Arc::clone(&self.recent))
    }

    /// A call has found no token that is fresh: the account is in use.
    pub(super) fn wants_another(&self, now: Now) {
        let terms = self.terms.load();
        let Labels { tenant, account } = &*terms.labels;
        self.metrics
            .token_renewal_wanted_timestamp_seconds
            .with_label_values(&[tenant, account])
            .set(epoch_seconds(now.wall));
    }

    /// The token that is used from now on.
    pub(super) fn show(&self, token: Arc<AccessToken>) {
        let terms = self.terms.load();
        let Labels { tenant, account } = &*terms.labels;
        let labels = [tenant.as_str(), account.as_str()];
        let metrics = &self.metrics;
        metrics
            .token_expiry_timestamp_seconds
            .with_label_values(&labels)
            .set(epoch_seconds(token.expires_at()));
        let refresh_before = terms.endpoint.settings().refresh_before;
        metrics
            .token_renewal_due_timestamp_seconds
            .with_label_values(&labels)
            .set(epoch_seconds(token.renewable_from(refresh_before)));
        metrics.tenant_ready.with_label_values(&[tenant]).set(1);
        self.current.store(Some(token));
    }
}
