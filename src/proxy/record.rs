//! What is remembered of one request: written as metrics and one log line when the last part of it is over.
//!
//! Closes by being dropped, so that no way out of the route can forget it. Holds no header value but ids, and no query.

mod noted;
mod traced;
mod waits;
mod written;

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, Uri, request};
use tokio::sync::OwnedSemaphorePermit;

use super::advice::Needed;
use super::arrived::Permit;
use super::asked::{Api, Asked};
use super::error::{Code, ProxyError};
use super::headers;
use super::replay::Progress;
use super::route::{Choice, Selected};
use super::verdict::{self, Verdict};
use crate::audit::Audit;
use crate::identity::{Client, Identity};
use crate::ledger::{ANYONE, Ledger, OBJECT_TYPES_MAX};
use crate::metrics::Metrics;
use crate::policy;
use crate::soap::Version;
use crate::soap::envelope::{Envelope, Operation};
use crate::telemetry;
use crate::token::Because;
use waits::Waits;

pub(super) use traced::{CANCELLED, Traced};

/// One request's record.
pub(super) struct Record {
    metrics: Arc<Metrics>,
    started: Instant,
    method: Method,
    target: Uri,
    request_id: HeaderValue,
    trace_id: Option<String>,
    traced: Option<Traced>,
    progress: Arc<Progress>,
    bytes_out: AtomicU64,
    audit: Option<Arc<Audit>>,
    ledger: Arc<Ledger>,
    details: Mutex<Details>,
}

#[derive(Default)]
struct Details {
    account: Option<Arc<Selected>>,
    client: Option<Arc<Client>>,
    turn: Option<OwnedSemaphorePermit>,
    object_types: Vec<String>,
    object_types_left_out: usize,
    untyped_objects: bool,
    unaudited: bool,
    api: Option<Api>,
    soap: Option<(Version, Option<&'static str>)>,
    path: Option<http::uri::PathAndQuery>,
    status: Option<StatusCode>,
    upstream_status: Option<StatusCode>,
    upstream: Duration,
    throttled: bool,
    /// What became of a refusal: the metric's word.
    refusal: Option<&'static str>,
    replayed: bool,
    /// What became of the replay: the metric's word.
    replay: Option<&'static str>,
    attempts: u32,
    waits: Waits,
    error: Option<Code>,
    cause: Option<String>,
    advice: Option<Cow<'static, str>>,
    /// The client may make this call.
    permitted: bool,
    /// The scopes that the call needs, where they are known.
    needed: Option<Needed>,
    /// What its client's policy would have refused it with, had it not been set to observe.
    would_refuse: Option<Code>,
    /// No policy would let the call through, because it is unclear what it does.
    unclear: bool,
    /// Its envelope names other accounts than the one that it is for.
    names_accounts: bool,
    judged: Option<(Verdict, Option<Because>)>,
    told: Option<Told>,
}

/// An error of the proxy's own, for later.
struct Told {
    what: String,
    fix: String,
}

impl Record {
    /// Opens the record of a request that has just come in.
    pub(super) fn open(
        metrics: &Arc<Metrics>,
        head: &request::Parts,
        progress: Arc<Progress>,
        audit: Option<Arc<Audit>>,
        ledger: &Arc<Ledger>,
        traced: Option<Traced>,
    ) -> Arc<Self> {
        metrics.requests_in_flight.inc();
        let trace_id = match &traced {
            Some(traced) => Some(traced.trace_id()),
            None => headers::trace_id(&head.headers).map(str::to_owned),
        };
        Arc::new(Self {
            metrics: Arc::clone(metrics),
            started: Instant::now(),
            method: head.method.clone(),
            target: head.uri.clone(),
            request_id: headers::request_id(&head.headers),
            trace_id,
            traced,
            progress,
            bytes_out: AtomicU64::new(0),
            audit,
            ledger: Arc::clone(ledger),
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

    /// The API that the request is for, if it came so far.
    pub(super) fn api(&self) -> Option<Api> {
        self.details().api
    }

    pub(super) fn asked(&self, asked: &Asked) {
        let mut details = self.details();
        details.api = Some(asked.api);
        details.path = Some(asked.target.clone());
    }

    pub(super) fn identified(&self, identity: &Identity) {
        self.details().client.clone_from(&identity.client);
    }

    pub(super) fn routed(&self, choice: &Choice) {
        self.details().account = Some(Arc::clone(choice.account()));
    }

    /// The request is one of so many that its client may have at a time, until it is over.
    pub(super) fn takes_turn(&self, turn: OwnedSemaphorePermit) {
        self.details().turn = Some(turn);
    }

    pub(super) fn upstream_answered(&self, status: StatusCode, took: Duration) {
        let mut details = self.details();
        details.upstream_status = Some(status);
        details.upstream = took;
        self.attempted(&mut details, took);
        if let (Some(account), Some(api)) = (&details.account, details.api) {
            let labels = account.token.labels();
            let family = &self.metrics.upstream_duration_seconds;
            family
                .with_label_values(&[labels.tenant.as_str(), api.name()])
                .observe(took.as_secs_f64());
        }
    }

    /// The envelope was read.
    pub(super) fn enclosed(&self, envelope: &Envelope) {
        let core = envelope.core_operation().and_then(policy::core_operation);
        let operation = envelope.operation().map(Operation::name).or(core);
        let mut details = self.details();
        details.soap = Some((envelope.version(), operation));
        let types = envelope.object_types();
        details.object_types = types.iter().take(OBJECT_TYPES_MAX).cloned().collect();
        details.object_types_left_out = types.len().saturating_sub(OBJECT_TYPES_MAX);
        details.untyped_objects = envelope.has_untyped_objects();
    }

    /// Refuses a request that could not be recorded.
    pub(super) fn must_be_recordable(&self) -> Result<(), ProxyError> {
        if self.audit.as_ref().is_none_or(|audit| audit.admits()) {
            return Ok(());
        }
        self.details().unaudited = true;
        let mut error = ProxyError::new(
            Code::AuditUnavailable,
            "The audit record cannot be written, and this proxy makes no call that is not recorded (audit.on_error). Nothing \
             was sent. Make room on the disk of the audit file, or make it writable.",
        );
        error.retry_after = Some(Duration::from_secs(5));
        Err(error)
    }

    /// The version of the envelope, if there was one.
    pub(super) fn soap_version(&self) -> Option<Version> {
        self.details().soap.map(|(version, _operation)| version)
    }

    /// The tenant said: too many calls.
    pub(super) fn throttled(&self) {
        self.details().throttled = true;
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .throttled_total
                .with_label_values(&[tenant.as_str(), api])
                .inc();
        }
    }

    pub(super) fn refused(&self, cause: &'static str) {
        self.details().refusal = Some(cause);
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .refusals_total
                .with_label_values(&[tenant.as_str(), api, cause])
                .inc();
        }
    }

    pub(super) fn replayed(&self, outcome: &'static str) {
        if let Some((tenant, api)) = self.tenant_and_api() {
            self.metrics
                .replays_total
                .with_label_values(&[tenant.as_str(), api, outcome])
                .inc();
        }
        let mut details = self.details();
        details.replayed = true;
        details.replay = Some(outcome);
    }

    /// The call needs these scopes.
    pub(super) fn needs(&self, needed: Needed) {
        self.details().needed = Some(needed);
    }

    /// The client may make this call, if only because its policy observes. `None`: everybody may, and nobody was asked.
    pub(super) fn permitted(&self, permit: Option<Permit>) {
        let Some(permit) = permit else {
            return;
        };
        let mut details = self.details();
        details.permitted = true;
        details.unclear = permit.unclear;
        details.names_accounts = permit.names_accounts;
        let Some(code) = permit.would_refuse else {
            return;
        };
        details.would_refuse = Some(code);
        self.metrics
            .would_be_refusals_total
            .with_label_values(&[details.client(), code.name()])
            .inc();
    }

    /// What the tenant's answer says of the token, and what the caller is told beside it.
    pub(super) fn judged(
        &self,
        verdict: Verdict,
        because: Option<Because>,
        advice: Option<Cow<'static, str>>,
    ) {
        let mut details = self.details();
        details.judged = Some((verdict, because));
        details.advice = advice;
    }

    pub(super) fn failed(&self, error: &ProxyError) {
        self.metrics
            .errors_total
            .with_label_values(&[error.code.name()])
            .inc();
        let mut details = self.details();
        details.error = Some(error.code);
        details.cause.clone_from(&error.cause);
        details.told = Some(Told {
            what: error.what().to_owned(),
            fix: error.fix().into_owned(),
        });
    }

    /// The answer was cut short, or nobody was left to take it.
    pub(super) fn broke_off(&self, cause: impl Into<String>) {
        self.details().cause.get_or_insert_with(|| cause.into());
    }

    pub(super) fn answering(&self, status: StatusCode) {
        let after = self.started.elapsed();
        let mut details = self.details();
        details.status = Some(status);
        details.waits.answered = Some(after);
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
        let mut details = std::mem::take(
            self.details
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner),
        );
        let took = self.started.elapsed();
        self.metrics.requests_in_flight.dec();
        self.count(&details, took);
        let route = written::masked(self.path(&details));
        self.note(&details, &route, took);
        if let Some(traced) = self.traced.take() {
            traced::conclude(traced, &self.method, &details);
        }
        let is_slow = telemetry::is_slow(took);
        details.cause = details.causes(took, is_slow);
        self.log(&details, &route, took, is_slow);
        if let Some(audit) = self.audit.as_ref().filter(|_| !details.unaudited) {
            audit.write(self.audit_line(&details, &route, took));
        }
    }
}

impl Details {
    fn client(&self) -> &str {
        self.client.as_ref().map_or(ANYONE, |client| client.name())
    }

    /// Whether there is nothing to be said of it: it may be left out of a sample.
    fn is_ordinary(&self) -> bool {
        self.status.is_some_and(|status| {
            status.is_informational() || status.is_success() || status.is_redirection()
        }) && self.error.is_none()
            && self.cause.is_none()
            && !self.replayed
            && !self.throttled
            && self.would_refuse.is_none()
    }

    /// The SOAP operation, or the REST API's service root.
    fn operation(&self, path: &str) -> &'static str {
        match self.soap {
            Some((_version, operation)) => operation.unwrap_or("other"),
            None => written::root(path),
        }
    }
}
