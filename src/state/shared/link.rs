//! The one connection to Redis: opened in the background, asked within bounds, given up at once where it is slow.
//!
//! While there is none every question fails at once, so that nobody waits for a server that does not answer. Never sends
//! anything twice.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, FromRedisValue, RedisConnectionInfo, RedisError, ScriptInvocation,
};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::complaint::{self, words};
use super::sealed;
use super::{PREFIX, SharedError, SharedSettings};
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::state::Fault;

/// How long one answer is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Questions on their way at one time. More wait, and their time begins only then: ten thousand accounts that mint together
/// must not look like a server that is slow.
const QUESTIONS_MAX: usize = 64;
/// How long name resolution, TCP, TLS and the greeting may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How often an idle connection is asked whether it still is one.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PAUSE_SHORTEST: Duration = Duration::from_millis(100);
const PAUSE_LONGEST: Duration = Duration::from_secs(3);
/// While Redis has never been reached, that is said so often.
const REMINDER: Duration = Duration::from_secs(5);
/// What the one value that every replica has to be able to open says.
const GREETING: &str = "whoever opens this has the state key";

/// What is known of the state keys of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// There was no connection yet.
    Unknown,
    /// Ours opens what they write.
    Shared,
    /// It does not.
    Foreign,
}

/// One connection, from its greeting to its end.
struct Session {
    connection: MultiplexedConnection,
    /// A question met silence or a complaint: the connection is to be given up,
    broken: Notify,
    /// for this reason.
    because: Mutex<String>,
}

/// The connection, and what is known of it.
pub(super) struct Link {
    settings: SharedSettings,
    /// What each connection says first.
    info: RedisConnectionInfo,
    tls: Option<TlsConnector>,
    metrics: Arc<Metrics>,
    session: ArcSwapOption<Session>,
    questions: Semaphore,
    /// Whether there is a connection, and whether there has ever been one.
    up: watch::Sender<bool>,
    reached: watch::Sender<bool>,
    foreign: AtomicBool,
    /// When this connection began, in ms by Redis's clock.
    connected_ms: AtomicU64,
    standing: Mutex<Standing>,
}

impl Link {
    pub(super) fn new(
        settings: SharedSettings,
        tls: Option<Arc<ClientConfig>>,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.shared_state_configured.set(1);
        Self {
            info: settings.url.connection_info(),
            settings,
            tls: tls.map(TlsConnector::from),
            metrics,
            session: ArcSwapOption::empty(),
            questions: Semaphore::new(QUESTIONS_MAX),
            up: watch::Sender::new(false),
            reached: watch::Sender::new(false),
            foreign: AtomicBool::new(false),
            connected_ms: AtomicU64::new(0),
            standing: Mutex::new(Standing::Unknown),
        }
    }

    pub(super) fn settings(&self) -> &SharedSettings {
        &self.settings
    }

    /// Whether Redis has ever been reached.
    pub(super) fn has_been_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Waits until it has.
    pub(super) async fn reached(&self) {
        let mut reached = self.reached.subscribe();
        // The sender lives as long as this does.
        let _closed = reached.wait_for(|reached| *reached).await;
    }

    /// Waits until there is a connection.
    pub(super) async fn up(&self) {
        let mut up = self.up.subscribe();
        // The sender lives as long as this does.
        let _closed = up.wait_for(|up| *up).await;
    }

    pub(super) fn connected_ms(&self) -> u64 {
        self.connected_ms.load(Ordering::Relaxed)
    }

    /// Asks one question, about what is kept under `name`. Fails at once while there is no connection, and where another state
    /// key is in use.
    pub(super) async fn ask<T: FromRedisValue>(
        &self,
        operation: &'static str,
        name: &str,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, SharedError> {
        let outcome = self.try_ask(name, invocation).await;
        if let Err(SharedError::Away(_) | SharedError::Fault { .. }) = &outcome {
            let errors = &self.metrics.shared_state_errors_total;
            errors.with_label_values(&[operation]).inc();
        }
        outcome
    }

    async fn try_ask<T: FromRedisValue>(
        &self,
        name: &str,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, SharedError> {
        if self.foreign.load(Ordering::Relaxed) {
            return Err(SharedError::Foreign);
        }
        // It is never closed.
        let _turn = self.questions.acquire().await;
        let Some(session) = self.session.load_full() else {
            return Err(SharedError::Away("there is no connection".to_owned()));
        };
        let mut connection = session.connection.clone();
        let asking = async { invocation.invoke_async(&mut connection).await };
        // What the server says is for the log; who asked may pass on what it is told.
        let (cause, told) = match bounded(asking).await {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) if complaint::is_of_the_value(&error) => {
                let (server, cause) = (&self.settings.url, words(&error));
                tracing::warn!(%server, name, cause, "what Redis (state.redis_url) holds under this name, or another with the same digest, was not written by this proxy and is of no use: delete it there");
                return Err(SharedError::Fault {
                    name: name.to_owned(),
                    what: "it was not written by this proxy".to_owned(),
                });
            }
            Some(Err(error)) => (words(&error), "it has complained, or hung up".to_owned()),
            None => {
                let cause = format!("no answer within {ANSWER_TIMEOUT:?}");
                (cause.clone(), cause)
            }
        };
        // A server that complains may have become a read-only copy; another connection may lead to the one that writes.
        session.because().clone_from(&cause);
        session.broken.notify_one();
        Err(SharedError::Away(told))
    }

    /// Keeps a connection open for as long as it is polled.
    pub(super) async fn keep(self: Arc<Self>) {
        let mut pause = PAUSE_SHORTEST;
        let mut reminded = None;
        loop {
            let opened = timeout(CONNECT_TIMEOUT, self.open()).await;
            let cause = match opened {
                Err(_elapsed) => format!("no connection within {CONNECT_TIMEOUT:?}"),
                Ok(Err(cause)) => cause,
                Ok(Ok((connection, driver))) => {
                    let mut was_up = false;
                    let cause = tokio::select! {
                        () = driver => "the connection has ended".to_owned(),
                        cause = self.serve(connection, &mut was_up) => cause,
                    };
                    if was_up {
                        pause = PAUSE_SHORTEST;
                    }
                    cause
                }
            };
            self.lost(&cause, &mut reminded);
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
    }

    fn lost(&self, cause: &str, reminded: &mut Option<Instant>) {
        self.session.store(None);
        let was_up = self.up.send_replace(false);
        self.metrics.shared_state_up.set(0);
        let server = &self.settings.url;
        if !self.has_been_reached() {
            if reminded.is_none_or(|last| last.elapsed() >= REMINDER) {
                *reminded = Some(Instant::now());
                tracing::warn!(%server, cause, "waiting for Redis (state.redis_url): no token is minted before it has been reached once");
            }
        } else if was_up {
            tracing::warn!(%server, cause, "Redis (state.redis_url) is away: going on alone with what is held; no refresh token is spent meanwhile");
        } else {
            tracing::debug!(%server, cause, "Redis is still away");
        }
    }

    async fn open(&self) -> Result<(MultiplexedConnection, impl Future<Output = ()> + '_), String> {
        let url = &self.settings.url;
        let stream = TcpStream::connect((url.host(), url.port()))
            .await
            .map_err(|error| error.to_string())?;
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
        // A socket that takes no options still carries bytes.
        let _refused = stream.set_nodelay(true);
        let _refused = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let stream: Box<dyn Stream> = match &self.tls {
            None if url.tls() => return Err("TLS is asked for and not set up".to_owned()),
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(url.host().to_owned());
                let connecting = tls.connect(name.map_err(|error| error.to_string())?, stream);
                Box::new(connecting.await.map_err(|error| format!("TLS: {error}"))?)
            }
        };
        // The bound is ours, so that an answer that comes late is told from one that a stopped process did not see.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        MultiplexedConnection::new_with_config(&self.info, stream, config)
            .await
            .map_err(|error| words(&error))
    }

    /// Looks whether the others have our key, lets questions through, and asks after the connection now and then. Ends with
    /// why it is of no use any more.
    async fn serve(&self, mut connection: MultiplexedConnection, was_up: &mut bool) -> String {
        let greeted = timeout(CONNECT_TIMEOUT, self.greet(&mut connection)).await;
        let standing = match greeted {
            Err(_elapsed) => return "no answer to the first question".to_owned(),
            Ok(Err(error)) => return words(&error),
            Ok(Ok(standing)) => standing,
        };
        self.stand(standing);
        let session = Arc::new(Session {
            connection: connection.clone(),
            broken: Notify::new(),
            because: Mutex::default(),
        });
        self.session.store(Some(Arc::clone(&session)));
        *was_up = true;
        self.metrics
            .shared_state_up
            .set(i64::from(standing == Standing::Shared));
        let again = self.has_been_reached();
        let was_up_before = self.up.send_replace(true);
        self.reached.send_replace(true);
        let server = &self.settings.url;
        if !was_up_before && again {
            tracing::info!(%server, "Redis (state.redis_url) is back");
        } else if !again {
            tracing::info!(%server, "Redis (state.redis_url) is reached");
        }
        loop {
            tokio::select! {
                () = session.broken.notified() => return session.because().clone(),
                () = tokio::time::sleep(PING_INTERVAL) => {}
            }
            let ping = redis::cmd("PING");
            match bounded(ping.query_async::<()>(&mut connection)).await {
                Some(Ok(())) => {}
                Some(Err(error)) => return words(&error),
                None => return format!("no answer within {ANSWER_TIMEOUT:?}"),
            }
        }
    }

    /// One value is there for all replicas to open: who cannot has another state key, and would only spoil what is there.
    async fn greet(&self, connection: &mut MultiplexedConnection) -> Result<Standing, RedisError> {
        let time: (u64, u64) = redis::cmd("TIME").query_async(connection).await?;
        self.connected_ms
            .store(time.0 * 1000 + time.1 / 1000, Ordering::Relaxed);
        let name = format!("{PREFIX}key");
        let keys = &self.settings.keys;
        let Ok(ours) = sealed::seal(keys, &name, 0, &Secret::new(GREETING)) else {
            return Ok(Standing::Foreign);
        };
        let _there: Option<String> = redis::cmd("SET")
            .arg(&name)
            .arg(&ours)
            .arg("NX")
            .query_async(connection)
            .await?;
        let found: Vec<u8> = redis::cmd("GET").arg(&name).query_async(connection).await?;
        Ok(match sealed::open(keys, &name, 0, &found) {
            Ok((_greeting, true)) => Standing::Shared,
            Ok((_greeting, false)) => {
                // Sealed under an older key of ours: whoever comes later need not have that any more.
                let renewing = redis::cmd("SET").arg(&name).arg(&ours).to_owned();
                renewing.query_async::<()>(connection).await?;
                Standing::Shared
            }
            Err(fault) => {
                self.complain(&name, &fault);
                Standing::Foreign
            }
        })
    }

    fn complain(&self, name: &str, fault: &Fault) {
        let server = &self.settings.url;
        let standing = *self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing != Standing::Foreign {
            let cause = super::words(fault);
            tracing::error!(%server, name, cause, "the replicas at this Redis have another state.key than this one, which therefore goes on alone: give all of them the same key, or delete sfmc-auth-proxy:* there to begin anew");
        }
    }

    fn stand(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        self.foreign
            .store(standing == Standing::Foreign, Ordering::Relaxed);
    }
}

impl Session {
    fn because(&self) -> MutexGuard<'_, String> {
        self.because.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Waits for an answer, not longer than its time. A process that was stopped finds its time over and the answer not looked
/// at yet, so it looks once more.
async fn bounded<T>(asking: impl Future<Output = T>) -> Option<T> {
    let mut asking = std::pin::pin!(asking);
    let started = Instant::now();
    if let Ok(answer) = timeout(ANSWER_TIMEOUT, &mut asking).await {
        return Some(answer);
    }
    if started.elapsed() < ANSWER_TIMEOUT * 2 {
        return None;
    }
    timeout(ANSWER_TIMEOUT, asking).await.ok()
}
