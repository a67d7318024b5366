//! Every metric of the proxy, in one registry that the admin listener prints. No path, no id and no secret ever becomes
//! a label, so the number of series is bounded by the configuration.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use prometheus::process_collector::ProcessCollector;
use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// A call through the proxy, in seconds: from a cached token and a fast route up to the vendor's 300 s.
const CALL_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];
/// A token request, in seconds, up to the 15 s that one mint may take.
const TOKEN_BUCKETS: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// All families. Fields are named as the metrics are, without the prefix `sfmc_auth_proxy_`.
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
    /// Replays by tenant, api and outcome: accepted, refused, failed.
    pub replays_total: IntCounterVec,
    /// Refusals by tenant, api and cause.
    pub refusals_total: IntCounterVec,
    /// Calls to the token endpoint by tenant, account, grant and outcome.
    pub token_requests_total: IntCounterVec,
    /// How long a call to the token endpoint took, by tenant.
    pub token_request_duration_seconds: HistogramVec,
    /// When the present token expires, in seconds since the epoch; 0 without one. By tenant and account.
    pub token_expiry_timestamp_seconds: GaugeVec,
    /// Answers that say the vendor's rate limit was met, by tenant and api.
    pub throttled_total: IntCounterVec,
    /// The proxy's own errors, by their code.
    pub errors_total: IntCounterVec,
    /// Bytes held for replays.
    pub buffered_bytes: IntGauge,
    /// Open connections, by listener.
    pub connections: IntGaugeVec,
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
    /// 1 while state is shared with other replicas on Redis; 0 while that is away, and where nothing is shared.
    pub shared_state_up: IntGauge,
    /// Questions that Redis did not answer, by operation.
    pub shared_state_errors_total: IntCounterVec,
    /// Spans that the collector has taken.
    pub spans_exported_total: IntCounter,
    /// Spans that were not sent, by reason: no room, no collector, or refused by it.
    pub spans_dropped_total: IntCounterVec,
}

impl Metrics {
    /// A fresh registry with every family in it.
    #[expect(clippy::too_many_lines, reason = "a table, one row for each family")]
    pub fn new() -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let families = Families(&registry);
        let metrics = Self {
            requests_total: families.counters(
                "requests_total",
                "Requests, by the status code that the caller got.",
                &[
                    "tenant",
                    "account",
                    "api",
                    "operation",
                    "client",
                    "method",
                    "code",
                ],
            )?,
            request_duration_seconds: families.histograms(
                "request_duration_seconds",
                "From a request's head to the end of its answer.",
                &["tenant", "api"],
                CALL_BUCKETS,
            )?,
            upstream_duration_seconds: families.histograms(
                "upstream_duration_seconds",
                "From a request leaving for the tenant to the head of the answer.",
                &["tenant", "api"],
                CALL_BUCKETS,
            )?,
            requests_in_flight: families
                .gauge("requests_in_flight", "Requests whose answer has not ended.")?,
            replays_total: families.counters(
                "replays_total",
                "Requests sent again after a refusal.",
                &["tenant", "api", "outcome"],
            )?,
            refusals_total: families.counters(
                "refusals_total",
                "Answers that refused a token.",
                &["tenant", "api", "cause"],
            )?,
            token_requests_total: families.counters(
                "token_requests_total",
                "Calls to the token endpoint.",
                &["tenant", "account", "grant", "outcome"],
            )?,
            token_request_duration_seconds: families.histograms(
                "token_request_duration_seconds",
                "How long a call to the token endpoint took.",
                &["tenant"],
                TOKEN_BUCKETS,
            )?,
            token_expiry_timestamp_seconds: families.register(GaugeVec::new(
                named(
                    "token_expiry_timestamp_seconds",
                    "When the present token expires; 0 without one.",
                ),
                &["tenant", "account"],
            )?)?,
            throttled_total: families.counters(
                "throttled_total",
                "Answers that met the vendor's rate limit.",
                &["tenant", "api"],
            )?,
            errors_total: families.counters(
                "errors_total",
                "The proxy's own errors, by code.",
                &["reason"],
            )?,
            buffered_bytes: families.gauge(
                "buffered_bytes",
                "Bytes of request bodies held for a replay.",
            )?,
            connections: families.gauges(
                "connections",
                "Open client connections.",
                &["listener"],
            )?,
            config_last_reload_successful: families.gauge(
                "config_last_reload_successful",
                "Whether the last reading of the configuration was good.",
            )?,
            config_last_reload_success_timestamp_seconds: families.register(Gauge::with_opts(
                named(
                    "config_last_reload_success_timestamp_seconds",
                    "When the configuration was last read well.",
                ),
            )?)?,
            tenant_ready: families.gauges(
                "tenant_ready",
                "Whether the tenant has had a token.",
                &["tenant"],
            )?,
            client_secret_in_use: families.gauges(
                "client_secret_in_use",
                "Which client secret the token endpoint took last.",
                &["tenant", "secret"],
            )?,
            client_authentications_total: families.counters(
                "client_authentications_total",
                "Secrets of clients that were right, by their place in the client's list.",
                &["client", "secret"],
            )?,
            login_valid: families.gauges(
                "login_valid",
                "Whether a user's login yields tokens, or somebody has to log in.",
                &["tenant", "account"],
            )?,
            shared_state_up: families.gauge(
                "shared_state_up",
                "Whether state is shared with other replicas now.",
            )?,
            shared_state_errors_total: families.counters(
                "shared_state_errors_total",
                "Questions that Redis did not answer, or not in time.",
                &["operation"],
            )?,
            spans_exported_total: families.register(IntCounter::with_opts(named(
                "spans_exported_total",
                "Spans that the OpenTelemetry collector has taken.",
            ))?)?,
            spans_dropped_total: families.counters(
                "spans_dropped_total",
                "Spans that did not reach the OpenTelemetry collector.",
                &["reason"],
            )?,
            registry: registry.clone(),
        };
        for reason in ["queue_full", "not_exported", "rejected"] {
            metrics.spans_dropped_total.with_label_values(&[reason]);
        }
        let build_info = families.gauges("build_info", "The version that runs.", &["version"])?;
        build_info
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

/// Seconds since the epoch, with fractions.
#[must_use]
pub fn epoch_seconds(at: SystemTime) -> f64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs_f64()
}

fn named(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("sfmc_auth_proxy")
}

struct Families<'a>(&'a Registry);

impl Families<'_> {
    fn register<M: prometheus::core::Collector + Clone + 'static>(
        &self,
        family: M,
    ) -> Result<M, prometheus::Error> {
        self.0.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.register(IntCounterVec::new(named(name, help), labels)?)
    }

    fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.register(IntGaugeVec::new(named(name, help), labels)?)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.register(IntGauge::with_opts(named(name, help))?)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts {
            common_opts: named(name, help),
            buckets: buckets.to_vec(),
        };
        self.register(HistogramVec::new(options, labels)?)
    }
}
