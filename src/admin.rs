//! The admin listener: health, metrics, the status page, the pages for logins, and actions on the running proxy. Never shows a
//! token.
//!
//! Runs beside the workers, so that a busy or stuck worker cannot make a healthy proxy look dead.

mod action;
mod alone;
mod form;
mod gate;
mod health;
mod log;
mod login;
mod origin;
mod page;
mod quit;
mod session;
mod sign_in;
mod status;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use aws_lc_rs::error::Unspecified;
use http::header::{CONNECTION, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};

use crate::ledger::{Ledger, Roll};
use crate::login::{Desk, Tenant};
use crate::metrics::Metrics;
use crate::secret::Secret;

pub use alone::receive;
pub use health::Health;

use gate::Gate;
use health::Told;
use origin::Names;
use page::{Answer, method_not_allowed, text};
use session::{Sessions, Ticket};
use status::Sources;

const CONNECTIONS_MAX: usize = 64;
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where logins come back to.
const CALLBACK: &str = "/oauth/callback";

/// Where the admin listener is bound.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Who knows it may do more than look at health and metrics.
    pub token: Option<Secret>,
    /// Host names that count as its own, in lower case and without a port.
    pub allowed_hosts: Vec<String>,
    /// Whether the process may be stopped here.
    pub quit: bool,
}

/// Tells who there is at the moment.
pub type Rollcall = Arc<dyn Fn() -> Roll + Send + Sync>;

/// What the admin listener shows, and to whom.
pub struct Admin {
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    desk: Desk,
    tenants: Vec<String>,
    sight: Sight,
    started_at: SystemTime,
    /// Since when this configuration is in force.
    in_force_since: SystemTime,
    names: Names,
    listen: SocketAddr,
    gate: Arc<Gate>,
    sessions: Arc<Sessions>,
    may_quit: bool,
    quit_asked: Arc<Notify>,
}

/// What the status page looks at.
pub struct Sight {
    /// Who there is under this configuration.
    pub roll: Rollcall,
    /// What was seen under all of them.
    pub ledger: Arc<Ledger>,
}

impl Admin {
    /// `settings` name the address that is really bound. `tenants` are all tenants' names.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn new(
        settings: &Settings,
        health: Arc<Health>,
        metrics: Arc<Metrics>,
        desk: Desk,
        tenants: Vec<String>,
        sight: Sight,
    ) -> Result<Self, Unspecified> {
        let now = SystemTime::now();
        Ok(Self {
            health,
            metrics,
            names: Names::new(desk.redirect_uris(), &settings.allowed_hosts),
            desk,
            tenants,
            sight,
            started_at: now,
            in_force_since: now,
            listen: settings.listen,
            gate: Arc::new(Gate::new(settings.listen, settings.token.as_ref())?),
            sessions: Arc::new(Sessions::new()?),
            may_quit: settings.quit,
            quit_asked: Arc::default(),
        })
    }

    /// The same listener, at the same address, under another configuration. Sessions and logins that were begun go on, but not
    /// under another token.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub fn next(
        &self,
        settings: &Settings,
        logins: HashMap<String, Tenant>,
        are_kept: bool,
        tenants: Vec<String>,
        sight: Sight,
    ) -> Result<Self, Unspecified> {
        let token = settings.token.as_ref();
        let (gate, sessions) = if self.gate.is_for(token) {
            (Arc::clone(&self.gate), Arc::clone(&self.sessions))
        } else {
            let gate = Gate::new(self.listen, token)?;
            (Arc::new(gate), Arc::new(Sessions::new()?))
        };
        let desk = self.desk.next(logins, are_kept);
        Ok(Self {
            health: Arc::clone(&self.health),
            metrics: Arc::clone(&self.metrics),
            names: Names::new(desk.redirect_uris(), &settings.allowed_hosts),
            desk,
            tenants,
            sight,
            started_at: self.started_at,
            in_force_since: SystemTime::now(),
            listen: self.listen,
            gate,
            sessions,
            may_quit: settings.quit,
            quit_asked: Arc::clone(&self.quit_asked),
        })
    }

    /// Told when somebody who may has asked the process to stop.
    #[must_use]
    pub fn quit_asked(&self) -> Arc<Notify> {
        Arc::clone(&self.quit_asked)
    }
}

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, present: Arc<ArcSwap<Admin>>) {
    let answer = move |request, peer| {
        // Each request is answered by what is configured when it comes.
        let admin = present.load_full();
        async move { admin.answer(request, peer).await }
    };
    accept(listener, answer).await;
}

async fn accept<F>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Answer> + Send + 'static,
{
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(cause = %error, "the admin listener could not accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return;
        };
        let answer = answer.clone();
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| {
                let answer = answer(request, peer.ip());
                async move { Ok::<_, std::convert::Infallible>(answer.await) }
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

/// A request's head, and whence and when it came.
struct Asked {
    parts: Parts,
    peer: IpAddr,
    now: Instant,
}

impl Asked {
    fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// Whether something is to be shown, and nothing done.
    fn is_get(&self) -> bool {
        matches!(self.parts.method, Method::GET | Method::HEAD)
    }
}

impl Admin {
    async fn answer(&self, request: Request<Incoming>, peer: IpAddr) -> Answer {
        let (parts, body) = request.into_parts();
        let asked = Asked {
            parts,
            peer,
            now: Instant::now(),
        };
        let mut answer = self.judge_and_answer(&asked, body).await;
        if asked.parts.method == Method::POST && !answer.status().is_redirection() {
            // Perhaps its body was not read.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }

    async fn judge_and_answer(&self, asked: &Asked, body: Incoming) -> Answer {
        let path = asked.path();
        let has_page = path == CALLBACK || path == "/login" || path.starts_with("/login/");
        if let Some(refusal) = foreign(asked, &self.names, has_page) {
            return refusal;
        }
        let told = Told {
            health: &self.health,
            desk: &self.desk,
            metrics: &self.metrics,
            tenants: &self.tenants,
        };
        let query = asked.parts.uri.query();
        if let Some(answer) = told.answer(&asked.parts.method, asked.path(), query) {
            return answer;
        }
        match asked.path() {
            "/style.css" if asked.is_get() => return page::style(),
            "/sign-in" => return self.sign_in(asked, body).await,
            _ => {}
        }
        let ticket = match self.admit(asked) {
            Ok(ticket) => ticket,
            Err(refusal) => return *refusal,
        };
        match asked.path() {
            "/" => self.status(asked, status::page),
            "/status.json" => self.status(asked, status::json),
            CALLBACK => self.callback(asked, ticket.as_ref()).await,
            "/login" => self.all_logins(asked),
            "/log" => self.log(asked, ticket, body).await,
            "/quitquitquit" => self.quit(asked, ticket, body).await,
            path => match path.strip_prefix("/login/") {
                Some(tenant) => self.login(asked, tenant, ticket, body).await,
                None => text(
                    StatusCode::NOT_FOUND,
                    "Here are /, /status.json, /livez, /readyz, /startupz, /metrics, /login and /log.\n",
                ),
            },
        }
    }

    fn status(&self, asked: &Asked, write: fn(&Sources<'_>, Option<&str>) -> Answer) -> Answer {
        if !asked.is_get() {
            return method_not_allowed("GET, HEAD");
        }
        let sources = Sources {
            health: &self.health,
            metrics: &self.metrics,
            desk: &self.desk,
            roll: &*self.sight.roll,
            ledger: &self.sight.ledger,
            started_at: self.started_at,
            in_force_since: self.in_force_since,
        };
        write(&sources, asked.parts.uri.query())
    }

    /// The session of whoever asks, or a new one, for the answer to carry.
    fn ticket(
        &self,
        asked: &Asked,
        known: Option<Ticket>,
        is_secure: bool,
    ) -> Result<Ticket, Unspecified> {
        match known {
            Some(ticket) => Ok(ticket),
            None => {
                let is_secure = is_secure || self.names.asked_as_https(&asked.parts.headers);
                self.sessions.begin(false, is_secure, asked.now)
            }
        }
    }
}

/// Web pages of others get nothing, and neither does a name that somebody has let point here.
/// `has_page`: people may come to that path from elsewhere.
fn foreign(asked: &Asked, names: &Names, has_page: bool) -> Option<Answer> {
    let headers = &asked.parts.headers;
    if !names.own_host(headers) {
        return Some(text(
            StatusCode::MISDIRECTED_REQUEST,
            "This Host is not the admin listener's. Use its address.\n",
        ));
    }
    let is_visit = has_page && origin::is_navigation(&asked.parts.method, headers);
    (!is_visit && !names.own_origin(headers)).then(|| {
        text(
            StatusCode::FORBIDDEN,
            "A web page of another origin may not come here. Type the address into the browser instead.\n",
        )
    })
}

fn with_cookie(answer: Answer, ticket: &Ticket) -> Answer {
    match ticket.cookie() {
        Some(cookie) => page::with(answer, SET_COOKIE, cookie),
        None => answer,
    }
}

fn no_random_numbers() -> Answer {
    text(
        StatusCode::INTERNAL_SERVER_ERROR,
        "This system gives no random numbers.\n",
    )
}
