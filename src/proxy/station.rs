//! Where a worker's requests begin: each goes through the proxy of the configuration that holds when it comes, and to its end
//! there, whatever is configured meanwhile.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{Request, Response};
use hyper::body::Incoming;

use super::record::{Record, Traced};
use super::replay::{OutBody, Progress};
use super::setup::Proxy;
use super::{AnswerBody, Worker, rescue};
use crate::server::{Connection, Handler};
use crate::upstream::Pool;

/// One worker thread's part: the proxy of the present configuration, and a pool of its own.
pub struct Station {
    present: Arc<ArcSwap<Proxy>>,
    pool: Arc<Pool<OutBody>>,
}

impl Station {
    /// Call it on the worker's runtime.
    #[must_use]
    pub fn new(present: Arc<ArcSwap<Proxy>>) -> Arc<Self> {
        let pool = Pool::new(Arc::clone(&present.load().upstream));
        Arc::new(Self { present, pool })
    }
}

impl Handler for Station {
    type Body = AnswerBody;

    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        connection: Arc<Connection>,
    ) -> Response<AnswerBody> {
        let _busy = connection.busy();
        let worker = Worker {
            proxy: self.present.load_full(),
            pool: Arc::clone(&self.pool),
        };
        let (mut head, body) = request.into_parts();
        let extensions = std::mem::take(&mut head.extensions);
        let progress = Progress::new(!http_body::Body::is_end_stream(&body));
        let tracer = worker.proxy.tracer.as_ref();
        let traced = tracer.map(|tracer| Traced::begin(tracer, &head.headers, &connection));
        let record = Record::open(
            &worker.proxy.metrics,
            &head,
            progress,
            worker.proxy.audit.clone(),
            &worker.proxy.ledger,
            traced,
        );
        match worker
            .forward(&head, extensions, body, &connection, &record)
            .await
        {
            Ok(answer) => answer,
            Err(error) => {
                let browser = head.headers.contains_key("sec-fetch-site");
                rescue::answer(&error, &record, browser, &head)
            }
        }
    }
}
