//! What the metrics say, read back for people to look at. Counts nothing, and makes no series.

use std::collections::BTreeMap;

use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily};

use super::Metrics;

/// What was counted of one API of one tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calls {
    /// Requests that have ended.
    pub calls: u64,
    /// Answers that refused a token.
    pub refusals: u64,
    /// Requests that were sent again.
    pub replays: u64,
    /// Answers that met the vendor's rate limit.
    pub throttled: u64,
    /// How long requests took, from their head to the end of the answer.
    pub latency: Latency,
}

/// A histogram of times.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latency {
    /// All of them.
    pub count: u64,
    /// For each bound in seconds, how many took no longer; in order of the bounds.
    pub buckets: Vec<(f64, u64)>,
}

/// Calls by tenant and API.
pub type Reading = BTreeMap<(String, String), Calls>;

impl Metrics {
    /// What was counted until now.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mut reading = Reading::new();
        let mut add = |families: Vec<MetricFamily>, write: fn(&mut Calls, &Metric)| {
            for family in &families {
                for metric in family.get_metric() {
                    let key = (label(metric, "tenant"), label(metric, "api"));
                    write(reading.entry(key).or_default(), metric);
                }
            }
        };
        add(self.request_duration_seconds.collect(), |calls, metric| {
            calls.latency = Latency::of(metric);
            calls.calls = calls.latency.count;
        });
        add(self.refusals_total.collect(), |calls, metric| {
            calls.refusals += count(metric);
        });
        add(self.replays_total.collect(), |calls, metric| {
            calls.replays += count(metric);
        });
        add(self.throttled_total.collect(), |calls, metric| {
            calls.throttled += count(metric);
        });
        reading
    }

    /// Whether a login works, the account's own or, without an account, the tenant's; `None` before that is known.
    #[must_use]
    pub fn login(&self, tenant: &str, account: &str) -> Option<bool> {
        let mut logins = self.logins(tenant).into_iter();
        let (_account, valid) = logins.find(|(name, _valid)| name == account)?;
        Some(valid)
    }

    /// The tenant's logins of which it is known whether they work, by account; empty for the one that serves all without one
    /// of their own.
    #[must_use]
    pub fn logins(&self, tenant: &str) -> BTreeMap<String, bool> {
        let families = self.login_valid.collect();
        let series = families.iter().flat_map(MetricFamily::get_metric);
        series
            .filter(|metric| label(metric, "tenant") == tenant)
            .map(|metric| {
                (
                    label(metric, "account"),
                    metric.get_gauge().get_value() == 1.0,
                )
            })
            .collect()
    }
}

impl Latency {
    fn of(metric: &Metric) -> Self {
        let histogram = metric.get_histogram();
        let buckets = histogram.get_bucket().iter();
        Self {
            count: histogram.get_sample_count(),
            buckets: buckets
                .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                .filter(|(bound, _count)| bound.is_finite())
                .collect(),
        }
    }

    /// The time in seconds that this part of the requests did not exceed, `None` without any. An estimate: within a bucket
    /// times are taken to be spread evenly, and what took longer than the last bound counts as that.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = part * as_float(self.count);
        let (mut lower, mut below) = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            let count = as_float(*count);
            if count >= rank && count > below {
                return Some(lower + (bound - lower) * ((rank - below) / (count - below)));
            }
            (lower, below) = (*bound, count);
        }
        Some(lower)
    }
}

fn label(metric: &Metric, name: &str) -> String {
    let labels = metric.get_label().iter();
    let mut named = labels.filter(|label| label.name() == name);
    named
        .next()
        .map(|label| label.value().to_owned())
        .unwrap_or_default()
}

fn count(metric: &Metric) -> u64 {
    metric.get_counter().get_value() as u64
}

fn as_float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_the_bucket_that_it_falls_into() {
        let latency = Latency {
            count: 100,
            buckets: vec![(0.1, 50), (0.2, 90), (1.0, 99)],
        };
        for (part, seconds) in [
            (0.5, 0.1),
            (0.25, 0.05),
            (0.7, 0.15),
            (0.9, 0.2),
            (0.99, 1.0),
            (1.0, 1.0),
        ] {
            let estimate = latency.quantile(part).unwrap();
            assert!((estimate - seconds).abs() < 1e-9, "{part}: {estimate}");
        }
        assert_eq!(Latency::default().quantile(0.5), None);
        let slow = Latency {
            count: 1,
            buckets: vec![(0.1, 0), (0.2, 0)],
        };
        assert_eq!(slow.quantile(0.5), Some(0.2), "beyond the last bound");
    }

    #[test]
    fn every_counter_is_added_to_its_tenant_and_api() {
        let metrics = Metrics::new().unwrap();
        let of = ["acme", "rest"];
        metrics
            .request_duration_seconds
            .with_label_values(&of)
            .observe(0.03);
        metrics.throttled_total.with_label_values(&of).inc_by(2);
        for cause in ["replayed", "route_rests"] {
            metrics
                .refusals_total
                .with_label_values(&["acme", "rest", cause])
                .inc();
        }
        metrics
            .replays_total
            .with_label_values(&["acme", "rest", "accepted"])
            .inc();
        metrics
            .replays_total
            .with_label_values(&["other", "soap", "refused"])
            .inc();
        let reading = metrics.read();
        let calls = &reading[&("acme".to_owned(), "rest".to_owned())];
        assert_eq!(
            (calls.calls, calls.refusals, calls.replays, calls.throttled),
            (1, 2, 1, 2)
        );
        assert!(calls.latency.buckets.contains(&(0.025, 0)));
        assert!(calls.latency.buckets.contains(&(0.05, 1)));
        assert_eq!(reading[&("other".to_owned(), "soap".to_owned())].replays, 1);
    }
}
