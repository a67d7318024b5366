//! Health and metrics: what orchestrators and scrapers ask for, without any credential.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::Full;

use super::page::{Answer, method_not_allowed, text};
use crate::login::Desk;
use crate::metrics::Metrics;

/// What keeps it from being ready before Redis has been reached.
pub(super) const WAITING_FOR_REDIS: &str = "waiting for Redis (state.redis_url)";

/// What the health paths tell. Latches go one way only; the wait for Redis at the start ends once.
#[derive(Debug, Default)]
pub struct Health {
    tried: AtomicBool,
    had_token: AtomicBool,
    draining: AtomicBool,
    refused: Mutex<Option<Refused>>,
    waits_for_redis: AtomicBool,
}

/// A configuration that is not in force.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) at: SystemTime,
    /// What is wrong with it, each with its place; none of it is secret.
    pub(super) faults: Vec<String>,
}

impl Health {
    /// One account of every tenant has been tried once.
    pub fn set_tried(&self) {
        self.tried.store(true, Ordering::Relaxed);
    }

    /// A token has been had, or there is none to be had before somebody calls.
    pub fn set_had_token(&self) {
        self.had_token.store(true, Ordering::Relaxed);
    }

    /// The proxy is going to stop.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// A new configuration was refused at this time, for these faults; the one before stays in force.
    pub fn set_refused(&self, at: SystemTime, faults: Vec<String>) {
        *self.held() = Some(Refused { at, faults });
    }

    /// A new configuration is in force.
    pub fn set_accepted(&self) {
        *self.held() = None;
    }

    fn held(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration that was read last, if it is not in force.
    pub(super) fn refused(&self) -> Option<Refused> {
        self.held().clone()
    }

    fn configuration(&self) -> String {
        match self.refused() {
            None => "configuration: in force as it was read last\n".to_owned(),
            Some(Refused { at, faults }) => format!(
                "configuration: refused at {}: {} fault{}, see the log; the one before stays in force\n",
                humantime::format_rfc3339_seconds(at),
                faults.len(),
                if faults.len() == 1 { "" } else { "s" },
            ),
        }
    }

    /// Whether nothing is minted yet because Redis has not been reached.
    pub fn set_waits_for_redis(&self, waits: bool) {
        self.waits_for_redis.store(waits, Ordering::Relaxed);
    }

    /// Whether the proxy is going to stop.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// What keeps it from being ready, if anything does.
    pub(super) fn not_ready_because(&self) -> Option<&'static str> {
        if self.is_draining() {
            Some("draining")
        } else if self.waits_for_redis.load(Ordering::Relaxed) {
            Some(WAITING_FOR_REDIS)
        } else if !self.had_token.load(Ordering::Relaxed) {
            Some("no token has been had yet")
        } else {
            None
        }
    }
}

/// Where the answers come from.
pub(super) struct Told<'a> {
    pub(super) health: &'a Health,
    pub(super) metrics: &'a Metrics,
    pub(super) tenants: &'a [String],
    pub(super) desk: &'a Desk,
}

impl Told<'_> {
    /// The answer, if this is a path for health or metrics.
    pub(super) fn answer(
        &self,
        method: &Method,
        path: &str,
        query: Option<&str>,
    ) -> Option<Answer> {
        if !matches!(
            path,
            "/livez" | "/healthz" | "/startupz" | "/readyz" | "/metrics"
        ) {
            return None;
        }
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(method_not_allowed("GET, HEAD"));
        }
        Some(match path {
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n"),
            "/startupz" if self.health.tried.load(Ordering::Relaxed) => {
                text(StatusCode::OK, "ok\n")
            }
            "/startupz" => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not every tenant has been tried yet\n",
            ),
            "/readyz" => self.ready(query),
            _ => self.metrics(),
        })
    }

    fn ready(&self, query: Option<&str>) -> Answer {
        let (status, first) = match self.health.not_ready_because() {
            None => (StatusCode::OK, "ok"),
            Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, reason),
        };
        let mut words = format!("{first}\n");
        if query.is_some_and(|query| {
            query
                .split('&')
                .any(|pair| pair == "verbose" || pair.starts_with("verbose="))
        }) {
            words.push_str(&self.health.configuration());
            for tenant in self.tenants {
                let told = self.tenant(tenant);
                words.push_str(&format!("tenant {tenant}: {told}\n"));
            }
        }
        text(status, &words)
    }

    /// How a tenant stands, in words.
    pub(super) fn tenant(&self, tenant: &str) -> String {
        let metrics = self.metrics;
        let ready = metrics.tenant_ready.with_label_values(&[tenant]).get() == 1;
        let token = if ready {
            "has had a token"
        } else {
            "no token yet"
        };
        if !self.desk.tenants().contains(&tenant) {
            return token.to_owned();
        }
        let logins = metrics.logins(tenant).into_iter();
        let lacking = logins.filter(|(_account, valid)| !valid);
        let named = self.desk.accounts(tenant);
        let places = lacking.map(|(account, _valid)| match account.as_str() {
            "" => format!("/login/{tenant}"),
            own if named.contains(&own) => format!("/login/{tenant}?account={own}"),
            // Metrics have one name for several.
            _ => "/login".to_owned(),
        });
        let places: Vec<_> = places.collect();
        if places.is_empty() {
            token.to_owned()
        } else {
            let places = places.join(" and ");
            format!("{token}; somebody has to log in, at {places}")
        }
    }

    fn metrics(&self) -> Answer {
        let mut answer = Response::new(Full::new(Bytes::from(self.metrics.render())));
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        );
        answer
    }
}
