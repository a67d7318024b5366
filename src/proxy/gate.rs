//! Who presents what, and whether it is their turn. Whoever shows something wrong waits for the answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use hyper::body::Incoming;
use tokio::sync::Semaphore;

use super::arrived::Arrived;
use super::asked::Asked;
use super::caller::Caller;
use super::error::{Code, ProxyError};
use super::record::Record;
use super::replay::Source;
use super::{Visit, Worker, headers};
use crate::identity::{Identity, Presented, Unknown};
use crate::server::Connection;
use crate::soap::envelope::Dialect;

/// How long a request waits for others of its client to end.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

impl Worker {
    /// What a request shows of who sends it, but for what its body may hold.
    pub(super) fn presented<'a>(
        &'a self,
        headers: &'a HeaderMap,
        connection: &'a Connection,
    ) -> Presented<'a> {
        let mut presented = Presented::in_headers(headers);
        for value in headers.get_all(headers::SESSION) {
            if let Ok(session) = value.to_str() {
                presented.token(session.trim());
            }
        }
        let listener = self.proxy.router.listener(connection.listener());
        if let Some(client) = listener.and_then(|listener| listener.client.as_deref()) {
            presented.establish(client);
        }
        if let Some(intercepted) = connection.intercepted() {
            if let Some(client) = intercepted.caller.as_deref() {
                presented.establish(client);
            }
            for placeholder in &intercepted.shown {
                presented.token(placeholder);
            }
        }
        if let Some(tls) = connection.tls() {
            presented.certificate(&tls.client_names);
        }
        presented
    }

    /// Who presents this. Whoever presents something wrong waits for the answer the longer, the more of it there was.
    pub(super) async fn identify(
        &self,
        presented: &Presented<'_>,
        caller: &Caller,
    ) -> Result<Identity, ProxyError> {
        match self.proxy.clients.identify(presented) {
            Ok(identity) => {
                self.count_secret(&identity);
                Ok(identity)
            }
            Err(unknown) => {
                if !presented.is_empty() {
                    let delay = self.proxy.throttle.failed(Instant::now());
                    tokio::time::sleep(delay).await;
                }
                let mut error = ProxyError::from(unknown);
                error.for_proxy = caller.forward;
                Err(error)
            }
        }
    }

    /// A rotation is over when nobody shows the old secret any more.
    fn count_secret(&self, identity: &Identity) {
        if let (Some(client), Some(place)) = (&identity.client, identity.secret) {
            let place = place.to_string();
            self.proxy
                .metrics
                .client_authentications_total
                .with_label_values(&[client.name(), place.as_str()])
                .inc();
        }
    }

    /// Who asks for this. What is public needs nobody: toolkits fetch it before they know of any credentials.
    pub(super) async fn asker(
        &self,
        presented: &Presented<'_>,
        caller: &Caller,
        asked: &Asked,
        method: &Method,
    ) -> Result<Identity, ProxyError> {
        let nobody =
            |found: &Result<Identity, Unknown>| matches!(found, Err(Unknown::NoCredentials));
        if asked.is_public(method) && nobody(&self.proxy.clients.identify(presented)) {
            return Ok(Identity::default());
        }
        self.identify(presented, caller).await
    }

    /// Reads an envelope and adds the credentials in it to what is presented, unless the head alone shows that it is in vain.
    pub(super) async fn enclosed(
        &self,
        dialect: Dialect,
        visit: Visit<'_>,
        body: Incoming,
        asked: &Asked,
        presented: &mut Presented<'_>,
    ) -> Result<Arrived, ProxyError> {
        if !presented.is_empty() {
            // Nobody yet may become somebody by the envelope; somebody wrong stays wrong.
            match self.proxy.clients.identify(presented) {
                Ok(_) | Err(Unknown::NoCredentials) => {}
                Err(_wrong) => drop(self.identify(presented, visit.caller).await?),
            }
        }
        let record = visit.record;
        let progress = record.progress();
        let source = Source::new(body, self.meter(visit.connection, record));
        let path = asked.target.path();
        let enclosed = self
            .proxy
            .desk
            .read(dialect, &visit.head.headers, path, source, progress)
            .await?;
        record.enclosed(enclosed.envelope());
        enclosed.present(presented);
        Ok(Arrived::Envelope(Box::new(enclosed)))
    }

    /// Waits until the client has fewer requests under way than it may have.
    pub(super) async fn take_turn(
        &self,
        identity: &Identity,
        record: &Record,
    ) -> Result<(), ProxyError> {
        let client = identity.client.as_ref();
        let Some(turns) = client.and_then(|client| self.proxy.turns.get(client.name())) else {
            return Ok(());
        };
        let turn = Semaphore::acquire_owned(Arc::clone(turns));
        match tokio::time::timeout(TURN_PATIENCE, turn).await {
            Ok(Ok(turn)) => {
                record.takes_turn(turn);
                Ok(())
            }
            _ => {
                let mut error = ProxyError::new(
                    Code::Overloaded,
                    "This client has as many requests under way as it may have (limits.max_client_requests), and none of them \
                     ended in time. Nothing was sent. Send it again later, or with fewer at the same time.",
                );
                error.retry_after = Some(TURN_PATIENCE);
                Err(error)
            }
        }
    }
}
