//! Every metric of the proxy, in one registry that the admin listener prints. No path, no id and no secret ever becomes
//! a label, so the number of series is bounded by the configuration.

mod family;
pub mod label;
mod reading;
mod reference;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

pub use family::{FAMILIES, Family, Kind};
pub use reading::{Calls, Latency, Reading};
pub use reference::reference;

/// What the name of every family begins with.
pub const PREFIX: &str = "sfmc_auth_proxy";

/// All families. Fields are named as the metrics are, without the prefix `sfmc_auth_proxy_`; what each says stands in
/// [`FAMILIES`].
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Requests by tenant, account, api, operation, client, method and the code that the caller got.
    pub requests_total: IntCounterVec,
    /// From the request's head to the end of the answer's body, by tenant and api.
    pub request_duration_seconds: HistogramVec,
    /// From the request's head leaving to the answer's head, by tenant and api.
    pub upstream_duration_seconds: HistogramVec,
    /// Requests whose answer has not ended.
    pub requests_in_flight: IntGauge,
    /// Replays by tenant, api and outcome.
    pub replays_total: IntCounterVec,
    /// Refusals by tenant, api and cause.
    pub refusals_total: IntCounterVec,
    /// Calls to the token endpoint by tenant, account, grant and outcome.
    pub token_requests_total: IntCounterVec,
    /// How long a call to the token endpoint took, by tenant.
    pub token_request_duration_seconds: HistogramVec,
    /// When the present token expires, in seconds since the epoch; 0 without one. By tenant and account.
    pub token_expiry_timestamp_seconds: GaugeVec,
    /// From when on the present token is renewed if a call comes. By tenant and account.
    pub token_renewal_due_timestamp_seconds: GaugeVec,
    /// When a call last found the token due for renewal, or none. By tenant and account.
    pub token_renewal_wanted_timestamp_seconds: GaugeVec,
    /// Answers that say the vendor's rate limit was met, by tenant and api.
    pub throttled_total: IntCounterVec,
    /// The proxy's own errors, by their code.
    pub errors_total: IntCounterVec,
    /// Calls that were made although their client's policy is against them, by client and by the code that they would have been
    /// refused with.
    pub would_be_refusals_total: IntCounterVec,
    /// Bytes held for replays,
    pub buffered_bytes: IntGauge,
    /// and how many may be.
    pub buffered_max_bytes: IntGauge,
    /// Open connections, by listener,
    pub connections: IntGaugeVec,
    /// and how many there may be on all together.
    pub connections_max: IntGauge,
    /// 1 if the last reading of the configuration was good.
    pub config_last_reload_successful: IntGauge,
    /// When the configuration was last read well.
    pub config_last_reload_success_timestamp_seconds: Gauge,
    /// 1 if the tenant's default account has had a token.
    pub tenant_ready: IntGaugeVec,
    /// 1 for the client secret that the token endpoint took last, by tenant and secret: `current` or `next`.
    pub client_secret_in_use: IntGaugeVec,
    /// Credentials that were right, by client and by the place of the secret in the client's list, from 1.
    pub client_authentications_total: IntCounterVec,
    /// 1 while a user's login yields tokens, 0 when somebody has to log in. By tenant, and the account that has a login of its
    /// own; empty for the one that serves all others.
    pub login_valid: IntGaugeVec,
    /// 1 where state is meant to be shared with other replicas,
    pub shared_state_configured: IntGauge,
    /// and 1 while it is shared on Redis; 0 while that is away, and where nothing is shared.
    pub shared_state_up: IntGauge,
    /// Questions that Redis did not answer, by operation.
    pub shared_state_errors_total: IntCounterVec,
    /// 1 while the audit log cannot be written.
    pub audit_failing: IntGauge,
    /// Lines that the audit log has lost.
    pub audit_lines_lost_total: IntCounter,
    /// Spans that the collector has taken.
    pub spans_exported_total: IntCounter,
    /// Spans that were not sent, by reason: no room, no collector, or refused by it.
    pub spans_dropped_total: IntCounterVec,
}

impl Metrics {
    /// A fresh registry with every family in it.
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let families = Families(&registry);
        let metrics = Self {
            requests_total: families.counters(&family::REQUESTS_TOTAL)?,
            request_duration_seconds: families.histograms(&family::REQUEST_DURATION_SECONDS)?,
            upstream_duration_seconds: families.histograms(&family::UPSTREAM_DURATION_SECONDS)?,
            requests_in_flight: families.gauge(&family::REQUESTS_IN_FLIGHT)?,
            replays_total: families.counters(&family::REPLAYS_TOTAL)?,
            refusals_total: families.counters(&family::REFUSALS_TOTAL)?,
            token_requests_total: families.counters(&family::TOKEN_REQUESTS_TOTAL)?,
            token_request_duration_seconds: families
                .histograms(&family::TOKEN_REQUEST_DURATION_SECONDS)?,
            token_expiry_timestamp_seconds: families
                .moments(&family::TOKEN_EXPIRY_TIMESTAMP_SECONDS)?,
            token_renewal_due_timestamp_seconds: families
                .moments(&family::TOKEN_RENEWAL_DUE_TIMESTAMP_SECONDS)?,
            token_renewal_wanted_timestamp_seconds: families
                .moments(&family::TOKEN_RENEWAL_WANTED_TIMESTAMP_SECONDS)?,
            throttled_total: families.counters(&family::THROTTLED_TOTAL)?,
            errors_total: families.counters(&family::ERRORS_TOTAL)?,
            would_be_refusals_total: families.counters(&family::WOULD_BE_REFUSALS_TOTAL)?,
            buffered_bytes: families.gauge(&family::BUFFERED_BYTES)?,
            buffered_max_bytes: families.gauge(&family::BUFFERED_MAX_BYTES)?,
            connections: families.gauges(&family::CONNECTIONS)?,
            connections_max: families.gauge(&family::CONNECTIONS_MAX)?,
            config_last_reload_successful: families
                .gauge(&family::CONFIG_LAST_RELOAD_SUCCESSFUL)?,
            config_last_reload_success_timestamp_seconds: families
                .moment(&family::CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS)?,
            tenant_ready: families.gauges(&family::TENANT_READY)?,
            client_secret_in_use: families.gauges(&family::CLIENT_SECRET_IN_USE)?,
            client_authentications_total: families
                .counters(&family::CLIENT_AUTHENTICATIONS_TOTAL)?,
            login_valid: families.gauges(&family::LOGIN_VALID)?,
            shared_state_configured: families.gauge(&family::SHARED_STATE_CONFIGURED)?,
            shared_state_up: families.gauge(&family::SHARED_STATE_UP)?,
            shared_state_errors_total: families.counters(&family::SHARED_STATE_ERRORS_TOTAL)?,
            audit_failing: families.gauge(&family::AUDIT_FAILING)?,
            audit_lines_lost_total: families.counter(&family::AUDIT_LINES_LOST_TOTAL)?,
            spans_exported_total: families.counter(&family::SPANS_EXPORTED_TOTAL)?,
            spans_dropped_total: families.counters(&family::SPANS_DROPPED_TOTAL)?,
            registry: registry.clone(),
        };
        for operation in label::names(&label::SHARED_OPERATIONS) {
            let errors = &metrics.shared_state_errors_total;
            errors.with_label_values(&[operation]);
        }
        for reason in label::names(&label::SPAN_LOSSES) {
            metrics.spans_dropped_total.with_label_values(&[reason]);
        }
        families
            .gauges(&family::BUILD_INFO)?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(Arc::new(metrics))
    }

    /// Notes that a configuration has been taken into use.
    pub fn configuration_loaded(&self, at: SystemTime) {
        self.config_last_reload_successful.set(1);
        self.config_last_reload_success_timestamp_seconds
            .set(epoch_seconds(at));
    }

    /// Notes that a configuration has been refused.
    pub fn configuration_refused(&self) {
        self.config_last_reload_successful.set(0);
    }

    /// Takes away every series of a tenant, an account or a client for which `holds` does not. What was only ever counted
    /// goes as well: names that come and go must not add up.
    pub fn retain(&self, holds: impl Fn(&Series<'_>) -> bool) {
        let holds = &holds;
        sweep(&self.requests_total, holds);
        sweep(&self.request_duration_seconds, holds);
        sweep(&self.upstream_duration_seconds, holds);
        sweep(&self.replays_total, holds);
        sweep(&self.refusals_total, holds);
        sweep(&self.token_requests_total, holds);
        sweep(&self.token_request_duration_seconds, holds);
        sweep(&self.token_expiry_timestamp_seconds, holds);
        sweep(&self.token_renewal_due_timestamp_seconds, holds);
        sweep(&self.token_renewal_wanted_timestamp_seconds, holds);
        sweep(&self.throttled_total, holds);
        sweep(&self.would_be_refusals_total, holds);
        sweep(&self.tenant_ready, holds);
        sweep(&self.client_secret_in_use, holds);
        sweep(&self.client_authentications_total, holds);
        sweep(&self.login_valid, holds);
    }

    /// Everything in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            tracing::error!(cause = %error, "metrics could not be written");
        }
        text
    }
}

/// The labels of one series that name something of the configuration.
#[derive(Debug)]
pub struct Series<'a> {
    /// The tenant; empty if the request was refused before it was known.
    pub tenant: Option<&'a str>,
    /// Its account; empty where it is the tenant's that is meant.
    pub account: Option<&'a str>,
    /// The client.
    pub client: Option<&'a str>,
}

fn sweep<B: MetricVecBuilder>(family: &MetricVec<B>, holds: &impl Fn(&Series<'_>) -> bool) {
    for collected in family.collect() {
        for metric in collected.get_metric() {
            let labels = metric.get_label().iter();
            let labels: HashMap<_, _> = labels.map(|pair| (pair.name(), pair.value())).collect();
            let series = Series {
                tenant: labels.get("tenant").copied(),
                account: labels.get("account").copied(),
                client: labels.get("client").copied(),
            };
            if !holds(&series) {
                // It was there a moment ago, and nobody else takes any away.
                let _absent = family.remove(&labels);
            }
        }
    }
}

/// Seconds since the epoch, with fractions.
#[must_use]
pub fn epoch_seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

struct Families<'a>(&'a Registry);

impl Families<'_> {
    fn register<M: Collector + Clone + 'static>(&self, family: M) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, family: &Family) -> Result<IntCounter, prometheus::Error> {
        self.register(IntCounter::with_opts(named(family))?)
    }

    fn counters(&self, family: &Family) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(named(family), family.labels)?)
    }

    fn gauge(&self, family: &Family) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::with_opts(named(family))?)
    }

    fn gauges(&self, family: &Family) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(named(family), family.labels)?)
    }

    /// A point in time.
    fn moment(&self, family: &Family) -> Result<Gauge, prometheus::Error> {
        self.register(Gauge::with_opts(named(family))?)
    }

    fn moments(&self, family: &Family) -> Result<GaugeVec, prometheus::Error> {
        self.register(GaugeVec::new(named(family), family.labels)?)
    }

    fn histograms(&self, family: &Family) -> Result<HistogramVec, prometheus::Error> {
        let Kind::Histogram(buckets) = family.kind else {
            return Err(prometheus::Error::Msg(format!(
                "{} has no buckets",
                family.name
            )));
        };
        let options = HistogramOpts {
            common_opts: named(family),
            buckets: buckets.to_vec(),
        };
        self.register(HistogramVec::new(options, family.labels)?)
    }
}

fn named(family: &Family) -> Opts {
    Opts::new(family.name, family.help).namespace(PREFIX)
}
