//! Opens one connection: names, TCP, TLS, HTTP/1.1. One limit covers all of it.

use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::destination::causes;
use super::{Destination, SendError, Settings};
use crate::watch::{Activity, Watched};

/// An open connection and the task that drives it.
pub(super) struct Opened<B> {
    pub(super) sender: SendRequest<B>,
    pub(super) activity: Arc<Activity>,
    pub(super) task: AbortHandle,
}

/// Connects within `connect_timeout`.
pub(super) async fn connect<B>(
    connector: &HttpConnector,
    destination: &Destination,
    settings: &Settings,
) -> Result<Opened<B>, SendError>
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static,
{
    let limit = settings.connect_timeout;
    let connecting = async {
        let stream = open_tcp(connector, destination).await?;
        let Some((config, name)) = destination.tls() else {
            return start_http(stream, destination, settings).await;
        };
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name.clone(), stream)
            .await
            .map_err(|error| SendError::Tls {
                host: destination.host().to_owned(),
                cause: causes(&error),
            })?;
        start_http(stream, destination, settings).await
    };
    match tokio::time::timeout(limit, connecting).await {
        Ok(opened) => opened,
        Err(_elapsed) => Err(timed_out(destination, limit)),
    }
}

fn timed_out(destination: &Destination, limit: Duration) -> SendError {
    SendError::ConnectTimeout {
        host: destination.host().to_owned(),
        limit,
    }
}

async fn open_tcp(
    connector: &HttpConnector,
    destination: &Destination,
) -> Result<TcpStream, SendError> {
    let mut connector = connector.clone();
    match connector.call(destination.connect_to().clone()).await {
        Ok(stream) => Ok(stream.into_inner()),
        Err(error) => {
            let host = destination.host().to_owned();
            let cause = causes(&error);
            if cause.starts_with("dns") {
                Err(SendError::Resolve { host, cause })
            } else {
                Err(SendError::Connect { host, cause })
            }
        }
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
