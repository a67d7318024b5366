//! What is remembered of one request: written as metrics and one log line when the last part of it is over.
//!
//! Closes by being dropped, so that no way out of the route can forget it. Holds no header value but ids, and no query.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, Uri, request};

use super::error::{Code, ProxyError};
use super::headers;
use super::replay::Progress;
use super::route::{Api, Choice, Selected};
use crate::metrics::Metrics;
use crate::soap::Version;
use crate::soap::envelope::Operation;

/// The service roots of the vendor's REST API; any other root is counted as `other`.
const ROOTS: [&str; 15] = [
    "address",
    "asset",
    "automation",
    "contacts",
    "data",
    "email",
    "guide",
    "hub",
    "interaction",
    "legacy",
    "messaging",
    "platform",
    "provisioning",
    "push",
    "sms",
];
/// The one client of a proxy that has no `[clients]`.
const ANYONE: &str = "anonymous";

/// One request's record.
pub(super) struct Record {
    metrics: Arc<Metrics>,
    started: Instant,
    method: Method,
    target: Uri,
    request_id: HeaderValue,
    trace_id: Option<String>,
    progress: Arc<Progress>,
    bytes_out: AtomicU64,
    details: Mutex<Details>,
}

#[derive(Default)]
struct Details {
    account: Option<Arc<Selected>>,
    api: Option<Api>,
    soap: Option<(Version, Option<Operation>)>,
    path: Option<http::uri::PathAndQuery>,
    status: Option<StatusCode>,
    upstream_status: Option<StatusCode>,
    upstream: Duration,
    replayed: bool,
    error: Option<Code>,
    cause: Option<String>,
    advice: Option<&'static str>,
}

impl Record {
    /// Opens the record of a request that has just come in.
    pub(super) fn open(
        metrics: &Arc<Metrics>,
        head: &request::Parts,
        progress: Arc<Progress>,
    ) -> Arc<Self> {
        metrics.requests_in_flight.inc();
        Arc::new(Self {
            metrics: Arc::clone(metrics),
            started: Instant::now(),
            method: head.method.clone(),
            target: head.uri.clone(),
            request_id: headers::request_id(&head.headers),
            trace_id: headers::trace_id(&head.headers).map(str::to_owned),
            progress,
            bytes_out: AtomicU64::new(0),
            details: Mutex::default(),
        })
    }

    /// The id that the request goes by, here and at the tenant.
    pub(super) fn request_id(&self) -> &HeaderValue {
        &self.request_id
    }

    /// How far the request has come.
    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// The account that the request was routed to, if it came so far.
    pub(super) fn account(&self) -> Option<Arc<Selected>> {
        self.details().account.clone()
    }

    pub(super) fn routed(&self, choice: &Choice) {
        let mut details = self.details();
        details.account = Some(Arc::clone(choice.account()));
        details.api = Some(choice.api);
        details.path = Some(choice.target.clone());
    }

    pub(super) fn upstream_answered(&self, status: StatusCode, took: Duration) {
        let mut details = self.details();
        details.upstream_status = Some(status);
        details.upstream = took;
        if let (Some(account), Some(api)) = (&details.account, details.api) {
            let labels = account.token.labels();
            let family = &self.metrics.upstream_duration_seconds;
            family
                .with_label_values(&[labels.tenant.as_str(), api.name()])
                .observe(took.as_secs_f64());
        }
    }

    /// The envelope was read.
    pub(super) fn enclosed(&self, version: Version, operation: Option<Operation>) {
        self.details().soap = Some((version, operation));
    }

    /// The version of the envelope, if there was one.
    pub(super) fn soap_version(&self) -> Option<Version> {
        self.details().soap.map(|(version, _operation)| version)
    }

    /// The tenant said: too many calls.
    pub(super) fn throttled(&self) {
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .throttled_total
                .with_label_values(&[tenant.as_str(), api])
                .inc();
        }
    }

    pub(super) fn refused(&self, cause: &str) {
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .refusals_total
                .with_label_values(&[tenant.as_str(), api, cause])
                .inc();
        }
    }

    pub(super) fn replayed(&self, outcome: &str) {
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .replays_total
                .with_label_values(&[tenant.as_str(), api, outcome])
                .inc();
        }
        self.details().replayed = true;
    }

    pub(super) fn advised(&self, advice: &'static str) {
        self.details().advice = Some(advice);
    }

    pub(super) fn failed(&self, error: &ProxyError) {
        self.metrics
            .errors_total
            .with_label_values(&[error.code.name()])
            .inc();
        let mut details = self.details();
        details.error = Some(error.code);
        details.cause.clone_from(&error.cause);
    }

    /// The answer was cut short, or nobody was left to take it.
    pub(super) fn broke_off(&self, cause: impl Into<String>) {
        self.details().cause.get_or_insert_with(|| cause.into());
    }

    pub(super) fn answering(&self, status: StatusCode) {
        self.details().status = Some(status);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.bytes_out
            .fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn tenant_and_api(&self) -> Option<(String, &'static str)> {
        let details = self.details();
        let account = details.account.as_ref()?;
        Some((account.token.labels().tenant.clone(), details.api?.name()))
    }

    fn details(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let details = std::mem::take(
            self.details
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let took = self.started.elapsed();
        self.metrics.requests_in_flight.dec();
        self.count(&details, took);
        if tracing::enabled!(target: "access", tracing::Level::INFO) {
            self.log(&details, took);
        }
    }
}

impl Details {
    /// The SOAP operation, or the REST API's service root.
    fn operation(&self, path: &str) -> &'static str {
        match self.soap {
            Some((_version, operation)) => operation.map_or("other", Operation::name),
            None => root(path),
        }
    }
}

impl Record {
    fn count(&self, details: &Details, took: Duration) {
        let labels = details
            .account
            .as_ref()
            .map(|account| account.token.labels());
        let (tenant, account) = labels.map_or(("", ""), |labels| {
            (labels.tenant.as_str(), labels.account.as_str())
        });
        let api = details.api.map_or("", Api::name);
        let path = details.path.as_ref().map_or("", |path| path.path());
        let status = details.status.unwrap_or(CLIENT_GONE);
        let labels = [
            tenant,
            account,
            api,
            details.operation(path),
            ANYONE,
            method_label(&self.method),
            status.as_str(),
        ];
        self.metrics.requests_total.with_label_values(&labels).inc();
        self.metrics
            .request_duration_seconds
            .with_label_values(&[tenant, api])
            .observe(took.as_secs_f64());
    }

    fn log(&self, details: &Details, took: Duration) {
        let labels = details
            .account
            .as_ref()
            .map(|account| account.token.labels());
        let path = details
            .path
            .as_ref()
            .map_or_else(|| self.target.path(), |path| path.path());
        tracing::info!(
            target: "access",
            request_id = self.request_id.to_str().unwrap_or_default(),
            trace_id = self.trace_id.as_deref(),
            client = ANYONE,
            tenant = labels.map(|labels| labels.tenant.as_str()),
            account = labels.map(|labels| labels.account.as_str()),
            api = details.api.map(Api::name),
            operation = details.operation(path),
            method = self.method.as_str(),
            route = masked(path),
            status = details.status.unwrap_or(CLIENT_GONE).as_u16(),
            upstream_status = details.upstream_status.map(|status| status.as_u16()),
            duration_ms = milliseconds(took),
            upstream_ms = details.upstream_status.map(|_answered| milliseconds(details.upstream)),
            bytes_in = self.progress.bytes(),
            bytes_out = self.bytes_out.load(Ordering::Relaxed),
            replayed = details.replayed,
            error = details.error.map(Code::name),
            cause = details.cause.as_deref(),
            advice = details.advice,
            "request"
        );
    }
}

/// What is logged and counted where the caller went away before its answer began, as nginx has it.
const CLIENT_GONE: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

fn root(path: &str) -> &'static str {
    let root = path
        .split('/')
        .find(|segment| !segment.is_empty())
        .unwrap_or_default();
    ROOTS
        .iter()
        .find(|known| **known == root)
        .copied()
        .unwrap_or("other")
}

fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

/// The first three segments of a path, ids masked: a segment that holds a digit, a colon or an escape is an id, unless it
/// is a version.
fn masked(path: &str) -> String {
    let mut route = String::new();
    for segment in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take(3)
    {
        let digits = segment.strip_prefix('v').unwrap_or_default();
        let is_version = !digits.is_empty()
            && digits.len() <= 2
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = segment.len() <= 40
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_');
        route.push('/');
        route.push_str(if is_version || is_word {
            segment
        } else {
            "{id}"
        });
    }
    if route.is_empty() {
        "/".to_owned()
    } else {
        route
    }
}
