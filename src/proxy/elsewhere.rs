//! What a forward proxy is asked beyond plain calls: CONNECT, and requests for hosts that are no tenant's.
//!
//! No token of a tenant and no credential of a client ever goes this way.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri, Version, request};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::answer::{AnswerBody, ReceivedBody, Streamed};
use super::caller::Named;
use super::error::{Code, ProxyError};
use super::replay::{OutBody, Source};
use super::{OtherHosts, Visit, Worker, headers};
use crate::authority;
use crate::identity::Presented;
use crate::server::{Intercepted, Upgrade};
use crate::upstream::{PooledBody, Reach};

const HTTPS_PORT: u16 = 443;

impl Worker {
    /// Answers a CONNECT: TLS of our own for hosts that we serve, a way through for others where that is wanted.
    pub(super) async fn connect(
        &self,
        visit: Visit<'_>,
        presented: &Presented<'_>,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let Visit {
            head,
            caller,
            connection,
            record,
        } = visit;
        if connection.intercepted().is_some() {
            return Err(refused(
                "There is no CONNECT inside a CONNECT. Nothing was sent.".to_owned(),
            ));
        }
        let identity = self.identify(presented, caller).await?;
        record.identified(&identity);
        let target = head.uri.authority().cloned();
        let target = target.filter(|authority| authority.port().is_some());
        let Some(target) = target else {
            return Err(ProxyError::new(
                Code::MalformedRequest,
                "CONNECT needs a host and a port, as mc1.rest.marketingcloudapis.com:443.",
            ));
        };
        let port = target.port_u16().unwrap_or(HTTPS_PORT);
        let host = target.host().trim_end_matches('.').to_ascii_lowercase();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let ours = match &caller.named {
            Named::Own => authority::vouches_for(host),
            Named::Vendor(vendor) => port == HTTPS_PORT && self.proxy.router.serves(vendor),
            Named::Other { .. } => false,
        };
        let upgrade = if ours {
            if !self.proxy.intercept {
                return Err(refused(format!(
                    "CONNECT to {host} needs a local CA, by which this proxy can take part in the call. Nothing was sent. Add \
                     [intercept] to its configuration, or call it by a path alone."
                )));
            }
            Upgrade::Intercept(Intercepted {
                host: host.to_owned(),
                port,
                caller: identity.client.map(|client| client.name().to_owned()),
                // A placeholder says more than who asks: a selection, a mode.
                shown: presented.placeholders().map(str::to_owned).collect(),
                server_name: None,
            })
        } else {
            let reach = self.reach(host)?;
            let idle = self.proxy.patience.response_head;
            Upgrade::Tunnel {
                host: self.proxy.upstream.dial(host, port, reach).await?,
                idle_timeout: idle.max(Duration::from_secs(1)),
            }
        };
        connection.upgrade(upgrade);
        record.answering(http::StatusCode::OK);
        Ok(Response::new(AnswerBody::Whole(bytes::Bytes::new())))
    }

    fn reach(&self, host: &str) -> Result<Reach, ProxyError> {
        match self.proxy.other_hosts {
            OtherHosts::Deny => Err(refused(format!(
                "This proxy does not fetch {host}: it serves the hosts of its tenants. Nothing was sent. Call the host without \
                 the proxy (NO_PROXY), or set intercept.other_hosts = \"tunnel\"."
            ))),
            OtherHosts::Tunnel => Ok(Reach::Public),
            OtherHosts::TunnelAnywhere => Ok(Reach::Anywhere),
        }
    }

    /// Passes a plain request on to a host that is no tenant's, as any forward proxy would.
    pub(super) async fn fetch(
        &self,
        visit: Visit<'_>,
        body: Incoming,
        presented: &Presented<'_>,
    ) -> Result<Response<AnswerBody>, ProxyError> {
        let Visit {
            head,
            caller,
            connection,
            record,
        } = visit;
        let Named::Other { host, port } = &caller.named else {
            return Err(refused("The request names no host.".to_owned()));
        };
        let identity = self.identify(presented, caller).await?;
        record.identified(&identity);
        let reach = self.reach(host)?;
        if head.uri.scheme_str() == Some("https") {
            return Err(refused(format!(
                "An https URL of {host} cannot be fetched in clear. Nothing was sent. Use CONNECT, as HTTPS_PROXY does."
            )));
        }
        let stream = self.proxy.upstream.dial(host, *port, reach).await?;
        let patience = self.proxy.patience;
        let meter = self.meter(connection, record);
        let body = if http_body::Body::is_end_stream(&body) {
            OutBody::Empty
        } else {
            OutBody::Once(Box::new(Source::new(body, meter)))
        };
        let request = self.request_for(head, body)?;
        let broken = |error: hyper::Error| {
            let mut broken = ProxyError::new(
                Code::UpstreamUnreachable,
                format!("The connection to {host} broke before an answer."),
            );
            broken.cause = Some(error.to_string());
            broken
        };
        let (mut sender, driver) = http1::Builder::new()
            .title_case_headers(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        // Ends with the answer's body, or with the connection to the caller.
        tokio::spawn(driver);
        let answer = tokio::time::timeout(patience.response_head, sender.send_request(request));
        let answer = answer.await.map_err(|_elapsed| {
            ProxyError::new(
                Code::UpstreamTimeout,
                format!("{host} gave no answer in time (timeouts.response_head)."),
            )
        })?;
        let (mut parts, body) = answer.map_err(broken)?.into_parts();
        parts.headers = headers::from_elsewhere(&parts.headers);
        record.answering(parts.status);
        let body = ReceivedBody::new(PooledBody::alone(body));
        let (record, connection) = (Arc::clone(record), Arc::clone(connection));
        let streamed = Streamed::new(body, record, connection, patience.body_stall);
        Ok(Response::from_parts(
            parts,
            AnswerBody::Streamed(Box::new(streamed)),
        ))
    }

    fn request_for(
        &self,
        head: &request::Parts,
        body: OutBody,
    ) -> Result<Request<OutBody>, ProxyError> {
        let invalid = || ProxyError::new(Code::MalformedRequest, "The request's target is no URL.");
        let authority = head.uri.authority().ok_or_else(invalid)?;
        let host = HeaderValue::try_from(authority.as_str()).map_err(|_invalid| invalid())?;
        let mut target = http::uri::Parts::default();
        let path = head.uri.path_and_query().cloned();
        target.path_and_query = Some(path.unwrap_or(PathAndQuery::from_static("/")));
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = Uri::from_parts(target).map_err(|_invalid| invalid())?;
        *request.version_mut() = Version::HTTP_11;
        let theirs = !self.proxy.clients.claims(&head.headers);
        *request.headers_mut() = headers::elsewhere(head, host, theirs);
        Ok(request)
    }
}

fn refused(detail: String) -> ProxyError {
    ProxyError::new(Code::DestinationNotAllowed, detail)
}
