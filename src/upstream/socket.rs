//! Opens one connection: names, egress proxy, TCP, TLS, HTTP/1.1. One limit covers all of it.
//!
//! A connection that leads back to this proxy is closed before a byte is sent.

use std::sync::Arc;

use http::Uri;
use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::destination::causes;
use super::egress::ProxyUrl;
use super::parting::Parting;
use super::tunnel::{self, Refusal};
use super::{Destination, SendError, Settings, Upstream};
use crate::watch::{Activity, Watched};

/// An open connection and the task that drives it.
pub(super) struct Opened<B> {
    pub(super) sender: SendRequest<B>,
    pub(super) activity: Arc<Activity>,
    pub(super) task: AbortHandle,
}

/// Connects within `connect_timeout`.
pub(super) async fn connect<B>(
    upstream: &Upstream,
    destination: &Destination,
) -> Result<Opened<B>, SendError>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    let settings = &*upstream.settings.load_full();
    let limit = settings.connect_timeout;
    let deadline = Instant::now() + limit;
    let host = || destination.host().to_owned();
    let proxy = upstream.egress.proxy_for(destination.connect_to());
    let opening = async {
        match proxy {
            Some(proxy) => open_through(upstream, proxy, destination).await,
            None => open_tcp(upstream, destination).await,
        }
    };
    let stream = match (timeout_at(deadline, opening).await, proxy) {
        (Ok(opened), _) => opened?,
        (Err(_elapsed), None) => {
            return Err(SendError::ConnectTimeout {
                host: host(),
                limit,
            });
        }
        (Err(_elapsed), Some(proxy)) => {
            let refusal = Refusal {
                status: None,
                cause: format!("no answer within {limit:?}"),
            };
            return Err(refused(destination, proxy, refusal));
        }
    };
    let stream = Parting::new(stream);
    let starting = async {
        let Some((config, name)) = destination.tls() else {
            return start_http(stream, destination, settings).await;
        };
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name.clone(), stream)
            .await
            .map_err(|error| SendError::Tls {
                host: host(),
                cause: causes(&error),
            })?;
        start_http(stream, destination, settings).await
    };
    timeout_at(deadline, starting)
        .await
        .unwrap_or_else(|_elapsed| {
            Err(SendError::ConnectTimeout {
                host: host(),
                limit,
            })
        })
}

/// A TCP connection to a URL's host and port, by happy eyeballs; or why there is none, beginning with "dns" where the name
/// was to blame.
pub(super) async fn dial(upstream: &Upstream, url: &Uri) -> Result<TcpStream, String> {
    let mut connector = upstream.connector.clone();
    match connector.call(url.clone()).await {
        Ok(stream) => Ok(stream.into_inner()),
        Err(error) => Err(causes(&error)),
    }
}

async fn open_tcp(upstream: &Upstream, destination: &Destination) -> Result<TcpStream, SendError> {
    let host = destination.host().to_owned();
    match dial(upstream, destination.connect_to()).await {
        Ok(stream) if upstream.own.reached_by(&stream) => Err(SendError::Loop { host }),
        Ok(stream) => Ok(stream),
        Err(cause) if cause.starts_with("dns") => Err(SendError::Resolve { host, cause }),
        Err(cause) => Err(SendError::Connect { host, cause }),
    }
}

async fn open_through(
    upstream: &Upstream,
    proxy: &ProxyUrl,
    destination: &Destination,
) -> Result<TcpStream, SendError> {
    let authority = destination.connect_to().authority();
    let authority = authority.map_or("", |authority| authority.as_str());
    tunnel::open(upstream, proxy, authority)
        .await
        .map_err(|refusal| refused(destination, proxy, refusal))
}

fn refused(destination: &Destination, proxy: &ProxyUrl, refusal: Refusal) -> SendError {
    SendError::Proxy {
        host: destination.host().to_owned(),
        proxy: proxy.authority().to_owned(),
        status: refusal.status,
        cause: refusal.cause,
    }
}

async fn start_http<S, B>(
    stream: S,
    destination: &Destination,
    settings: &Settings,
) -> Result<Opened<B>, SendError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    let activity = Activity::new();
    let (sender, connection) = http1::Builder::new()
        .title_case_headers(!settings.preserve_header_case)
        .preserve_header_case(settings.preserve_header_case)
        .max_headers(settings.headers_max)
        .max_header_size(settings.header_size_max)
        .handshake(TokioIo::new(Watched::new(stream, Arc::clone(&activity))))
        .await
        .map_err(|error| destination.broken(&error))?;
    let task = tokio::spawn(async move {
        // What went wrong reaches the caller through the answer's future or its body.
        let _reported_elsewhere = connection.await;
    });
    Ok(Opened {
        sender,
        activity,
        task: task.abort_handle(),
    })
}
