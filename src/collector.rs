//! The OpenTelemetry collector: spans go there in batches, by OTLP over HTTP with Protocol Buffers.
//!
//! Runs beside the requests, and no request ever waits for it: while it is slow or away, spans are dropped and counted. What its
//! headers say is never printed.

mod answer;

#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::Full;
use rustls_pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::metrics::Metrics;
use crate::spans::{self, Queue, Resource, Sampler, Tracer};
use crate::upstream::{Destination, DestinationError, Trust, TrustError, Upstream};
use answer::{Taken, judge};

/// An answer larger than this is not read; a whole one has some bytes.
const ANSWER_SIZE_MAX: usize = 64 << 10;
/// The pause before a batch is sent again; it doubles,
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// Where spans go, and which.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The whole URL that batches are posted to.
    pub endpoint: Uri,
    /// Headers of each request; sensitive, since a key may be in them.
    pub headers: HeaderMap,
    /// How long one request may take.
    pub timeout: Duration,
    /// Whether requests are packed.
    pub gzip: bool,
    /// Roots of trust beyond the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// What this process is.
    pub resource: Resource,
    /// Which traces are kept.
    pub sampler: Sampler,
    /// How long a span waits for others at most.
    pub schedule_delay: Duration,
    /// How long one batch may take, with all its attempts.
    pub export_timeout: Duration,
    /// Spans that may wait.
    pub queue_size_max: usize,
    /// Spans of one request.
    pub batch_size_max: usize,
}

/// Why spans cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    /// The endpoint.
    #[error("the OpenTelemetry endpoint cannot be used: {0}")]
    Endpoint(#[from] DestinationError),
    /// The roots of trust.
    #[error("the OpenTelemetry collector's certificates: {0}")]
    Trust(#[from] TrustError),
}

/// A collector that is sent to until it is told to finish.
pub struct Collector {
    tracer: Arc<Tracer>,
    finish: watch::Sender<bool>,
    sending: JoinHandle<()>,
}

impl Collector {
    /// Begins to send, on the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// The endpoint or the certificates cannot be used.
    pub fn start(
        settings: Settings,
        upstream: Arc<Upstream>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, CollectorError> {
        let trust = Trust::system()?.extended(&settings.extra_roots)?;
        let destination = upstream.destination(&settings.endpoint, &trust)?;
        let queue = Queue::new(settings.queue_size_max, settings.batch_size_max, metrics);
        let tracer = Tracer::new(settings.sampler, Arc::clone(&queue));
        // Without path and query: a key may be in them.
        tracing::info!(collector = %destination.url(), "spans are sent to an OpenTelemetry collector");
        let (finish, finished) = watch::channel(false);
        let sender = Sender {
            settings,
            upstream,
            destination,
            queue,
            finished,
            is_away: false,
        };
        Ok(Self {
            tracer,
            finish,
            sending: tokio::spawn(sender.run()),
        })
    }

    /// Where spans for it begin.
    #[must_use]
    pub fn tracer(&self) -> &Arc<Tracer> {
        &self.tracer
    }

    /// Sends what is left, if that takes no longer than this. Tells whether it did not.
    pub async fn finish(self, patience: Duration) -> bool {
        self.finish.send_replace(true);
        let mut sending = self.sending;
        let ended = tokio::time::timeout(patience, &mut sending).await;
        sending.abort();
        ended.is_ok()
    }
}

struct Sender {
    settings: Settings,
    upstream: Arc<Upstream>,
    destination: Arc<Destination>,
    queue: Arc<Queue>,
    finished: watch::Receiver<bool>,
    /// The last batch did not get through.
    is_away: bool,
}

impl Sender {
    async fn run(mut self) {
        let mut finished = self.finished.clone();
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.settings.schedule_delay) => {}
                () = self.queue.is_due() => {}
                () = is_finished(&mut finished) => {
                    self.send_all().await;
                    return;
                }
            }
            self.send_all().await;
        }
    }

    /// Sends all that there is, a batch at a time.
    async fn send_all(&mut self) {
        loop {
            let spans = self.queue.take();
            if spans.is_empty() {
                return;
            }
            let body = spans::encode(&self.settings.resource, &spans);
            let outcome = self.send(self.packed(body)).await;
            self.note(spans.len(), outcome);
        }
    }

    /// One batch, as often as the collector says that it is worth it and the time allows.
    async fn send(&self, body: Bytes) -> Result<usize, String> {
        let deadline = Instant::now() + self.settings.export_timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let limit = deadline.min(Instant::now() + self.settings.timeout);
            let posted = tokio::time::timeout_at(limit, self.post(body.clone())).await;
            let (cause, wait) = match posted {
                Ok(Taken::Rejected(count)) => return Ok(count),
                Ok(Taken::Never(cause)) => return Err(cause),
                Ok(Taken::Later(cause, wait)) => (cause, wait),
                Err(_elapsed) => ("no answer in time".to_owned(), None),
            };
            let wait = wait.unwrap_or_else(|| pause.mul_f64(0.5 + fastrand::f64()));
            if wait >= deadline.saturating_duration_since(Instant::now()) {
                return Err(cause);
            }
            let mut finished = self.finished.clone();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // Another attempt would only keep the process from stopping.
                () = is_finished(&mut finished) => return Err(cause),
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn post(&self, body: Bytes) -> Taken {
        let request = match self.request(body) {
            Ok(request) => request,
            Err(error) => return Taken::Never(error.to_string()),
        };
        let sent = self
            .upstream
            .send_alone(&self.destination, request, ANSWER_SIZE_MAX);
        match sent.await {
            Ok(answer) => judge(&answer),
            Err(error) => Taken::Later(error.to_string(), None),
        }
    }

    fn request(&self, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let target = self.settings.endpoint.path_and_query();
        let mut request = Request::post(target.map_or("/", |target| target.as_str()));
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.settings.headers);
            headers.insert(HOST, self.destination.authority().clone());
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-protobuf"),
            );
            headers.insert(
                USER_AGENT,
                HeaderValue::from_static(concat!("sfmc-auth-proxy/", env!("CARGO_PKG_VERSION"))),
            );
            if self.settings.gzip {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        request.body(Full::new(body))
    }

    fn packed(&self, body: Vec<u8>) -> Bytes {
        if !self.settings.gzip {
            return Bytes::from(body);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        // Writing to memory cannot fail.
        let _always_ok = encoder.write_all(&body);
        Bytes::from(encoder.finish().unwrap_or_default())
    }

    /// Counts what became of a batch. The log is told when that changes, and not of each batch.
    fn note(&mut self, count: usize, outcome: Result<usize, String>) {
        match outcome {
            Ok(rejected) => {
                let rejected = rejected.min(count);
                self.queue.exported(count - rejected);
                if rejected > 0 {
                    self.queue.dropped("rejected", rejected);
                    tracing::warn!(
                        spans = rejected,
                        "the OpenTelemetry collector refuses spans"
                    );
                }
                if std::mem::take(&mut self.is_away) {
                    tracing::info!("the OpenTelemetry collector takes spans again");
                }
            }
            Err(cause) => {
                self.queue.dropped("not_exported", count);
                if !std::mem::replace(&mut self.is_away, true) {
                    tracing::warn!(
                        cause,
                        "spans do not reach the OpenTelemetry collector and are dropped; calls are not affected"
                    );
                }
            }
        }
    }
}

/// Waits until the process is about to end, or nobody is left who could say so.
async fn is_finished(finished: &mut watch::Receiver<bool>) {
    let _gone = finished.wait_for(|finished| *finished).await;
}
