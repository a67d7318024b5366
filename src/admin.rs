//! The admin listener: health and metrics. Never shows a token.
//!
//! Runs beside the workers, so that a busy or stuck worker cannot make a healthy proxy look dead.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::metrics::Metrics;

const CONNECTIONS_MAX: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where the admin listener is bound.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address; port 0 takes a free one.
    pub listen: SocketAddr,
}

/// What the health paths tell. Latches go one way only.
#[derive(Debug, Default)]
pub struct Health {
    tried: AtomicBool,
    had_token: AtomicBool,
    draining: AtomicBool,
}

impl Health {
    /// Every default account has been tried once.
    pub fn set_tried(&self) {
        self.tried.store(true, Ordering::Relaxed);
    }

    /// A token has been had.
    pub fn set_had_token(&self) {
        self.had_token.store(true, Ordering::Relaxed);
    }

    /// The proxy is going to stop.
    pub fn set_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    fn not_ready_because(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Relaxed) {
            Some("draining")
        } else if !self.had_token.load(Ordering::Relaxed) {
            Some("no token has been had yet")
        } else {
            None
        }
    }
}

/// What the admin listener shows.
pub struct Admin {
    /// Health.
    pub health: Arc<Health>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// The tenants' names.
    pub tenants: Vec<String>,
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, admin: Arc<Admin>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::debug!(cause = %error, "the admin listener could not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let admin = Arc::clone(&admin);
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| {
                let answer = admin.answer(&request);
                async move { Ok::<_, std::convert::Infallible>(answer) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(cause = %error, "admin connection ended with an error");
            }
        });
    }
}

impl Admin {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !is_own_host(request) {
            return text(
                StatusCode::MISDIRECTED_REQUEST,
                "This Host is not the admin listener's. Use its address.\n",
            );
        }
        if !is_own_origin(request) {
            return text(
                StatusCode::FORBIDDEN,
                "A web page of another origin may not read this.\n",
            );
        }
        let path = request.uri().path();
        if !matches!(
            path,
            "/livez" | "/healthz" | "/startupz" | "/readyz" | "/metrics"
        ) {
            return text(
                StatusCode::NOT_FOUND,
                "Here are /livez, /readyz, /startupz and /metrics.\n",
            );
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "GET only.\n");
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        match path {
            "/livez" | "/healthz" => text(StatusCode::OK, "ok\n"),
            "/startupz" if self.health.tried.load(Ordering::Relaxed) => {
                text(StatusCode::OK, "ok\n")
            }
            "/startupz" => text(
                StatusCode::SERVICE_UNAVAILABLE,
                "not every default account has been tried yet\n",
            ),
            "/readyz" => self.ready(request.uri().query()),
            _ => self.metrics(),
        }
    }

    fn ready(&self, query: Option<&str>) -> Response<Full<Bytes>> {
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
            for tenant in &self.tenants {
                let ready = self.metrics.tenant_ready.with_label_values(&[tenant]).get() == 1;
                words.push_str(&format!(
                    "tenant {tenant}: {}\n",
                    if ready {
                        "has had a token"
                    } else {
                        "no token yet"
                    }
                ));
            }
        }
        text(status, &words)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        let mut answer = Response::new(Full::new(Bytes::from(self.metrics.render())));
        let headers = answer.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        );
        answer
    }
}

/// A page that lets its own name point here gets nothing: only addresses and loopback names are ours.
fn is_own_host(request: &Request<Incoming>) -> bool {
    let Some(host) = request.headers().get(HOST) else {
        return true;
    };
    let Ok(authority) = Authority::try_from(host.as_bytes()) else {
        return false;
    };
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(&host);
    host == "localhost" || host.ends_with(".localhost") || bare.parse::<IpAddr>().is_ok()
}

fn is_own_origin(request: &Request<Incoming>) -> bool {
    let headers = request.headers();
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let own = format!("http://{host}");
    let origin_is_own = headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
    origin_is_own && site.is_none_or(|site| site == b"same-origin" || site == b"none")
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(words.as_bytes())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
