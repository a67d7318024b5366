//! What a running proxy tells of itself: `/status.json` of its admin listener, for commands that judge what was seen there.
//!
//! The configuration's admin token is shown to the configuration's admin listener alone; to any other place goes only the one
//! that was named for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONNECTION, HOST};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

use super::{Status, healthcheck};
use crate::config::{self, Faults, Sources};
use crate::secret::Secret;
use crate::token::Mid;

#[cfg(test)]
mod tests;

/// The proxy answers by itself and at once.
const PATIENCE: Duration = Duration::from_secs(15);
/// What is told is bounded there; this is far above it.
const ANSWER_SIZE_MAX: usize = 32 << 20;
const PATH: &str = "/status.json";
/// Shorter than this, a job that runs once a month may not have been seen.
const LONG_ENOUGH: Duration = Duration::from_secs(31 * 24 * 60 * 60);

/// Where the running proxy is.
#[derive(Debug, Default, Args)]
pub(super) struct Place {
    /// The running proxy's admin listener, as http://127.0.0.1:7363 [default: what the configuration says]
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<String>,
    /// A file with the admin token [default: that of the configuration, where the proxy is that of the configuration too]
    #[arg(long, value_name = "FILE")]
    pub(super) admin_token_file: Option<PathBuf>,
}

/// Why it could not be asked, or what it told instead.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// What was typed or configured is wrong.
    #[error("{0}")]
    Usage(String),
    /// Nobody is there, or somebody who does not tell.
    #[error("{0}")]
    Failure(String),
}

impl Trouble {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Usage(_) => Status::Usage,
            Self::Failure(_) => Status::Failure,
        }
    }
}

/// What it tells, as far as it matters here. What is not there is not known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Report {
    pub(super) at: String,
    pub(super) started_at: String,
    pub(super) tenants: Vec<Tenant>,
    pub(super) clients: Vec<Client>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tenant {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) grant: String,
    pub(super) accounts: Vec<Account>,
    pub(super) scopes: Scopes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) account_id: Option<Mid>,
    #[serde(rename = "default")]
    pub(super) is_default: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scopes {
    pub(super) asked: Option<Vec<String>>,
    pub(super) granted: Option<Vec<String>>,
    pub(super) used: Vec<Scope>,
    pub(super) missing: Vec<Scope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    pub(super) scope: String,
    pub(super) calls: u64,
    pub(super) last: String,
    pub(super) example: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) default_tenant: Option<String>,
    pub(super) default_accounts: BTreeMap<String, String>,
    pub(super) calls: Vec<Call>,
    pub(super) calls_left_out: u64,
    pub(super) unclear: Option<Noted>,
    pub(super) names_accounts: Option<Noted>,
}

/// Calls of one kind, and one of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Noted {
    pub(super) calls: u64,
    pub(super) example: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Call {
    pub(super) tenant: String,
    pub(super) account: String,
    pub(super) call: String,
    pub(super) times: u64,
}

impl Report {
    /// For how long it has watched: since when, until when.
    pub(super) fn span(&self) -> (Option<SystemTime>, Option<SystemTime>) {
        let moment = |text: &str| humantime::parse_rfc3339_weak(text).ok();
        (moment(&self.started_at), moment(&self.at))
    }
}

/// Why what was seen may not be all, if it was seen for too short a time.
pub(super) fn too_short(since: Option<SystemTime>, until: Option<SystemTime>) -> Option<String> {
    let (Some(since), Some(until)) = (since, until) else {
        let words = "it is not known for how long calls were watched";
        return Some(format!("{words}: jobs that run seldom may be missing"));
    };
    let watched = until.duration_since(since).unwrap_or_default();
    if watched >= LONG_ENOUGH {
        return None;
    }
    // Whole minutes are enough to judge by.
    let watched = Duration::from_secs(watched.as_secs() / 60 * 60);
    let watched = match watched.as_secs() {
        0 => "less than a minute".to_owned(),
        _ => humantime::format_duration(watched).to_string(),
    };
    Some(format!(
        "calls were watched for {watched} only: what runs once a month, or once a quarter, may be missing"
    ))
}

/// A moment, fit to print.
pub(super) fn written(at: Option<SystemTime>) -> String {
    at.map_or_else(
        || "a time that is not known".to_owned(),
        |at| humantime::format_rfc3339_seconds(at).to_string(),
    )
}

/// Several names in a sentence.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// Asks it.
pub(super) fn ask(sources: &Sources, place: &Place) -> Result<Report, Trouble> {
    let (authority, bearer) = question(sources, place).map_err(Trouble::Usage)?;
    let has_token = bearer.is_some();
    let (status, body) = asked(&authority, bearer).map_err(Trouble::Failure)?;
    judge(&authority, status, &body, has_token).map_err(Trouble::Failure)
}

/// Whom to ask, and what to show.
fn question(sources: &Sources, place: &Place) -> Result<(String, Option<HeaderValue>), String> {
    let (authority, token) = match &place.url {
        Some(url) => (authority(url)?, None),
        None => {
            let address = config::admin_address(sources).map_err(|faults| words(&faults))?;
            let address = healthcheck::reachable(address)?;
            (address.to_string(), Some(sources))
        }
    };
    let token = match (&place.admin_token_file, token) {
        (Some(file), _) => Some(read(sources, file)?),
        (None, Some(sources)) => config::admin_token(sources).map_err(|faults| words(&faults))?,
        (None, None) => None,
    };
    let bearer = token.as_ref().map(bearer).transpose()?;
    Ok((authority, bearer))
}

fn bearer(token: &Secret) -> Result<HeaderValue, String> {
    let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()));
    let mut bearer = bearer.map_err(|_quotes| "no header can carry the admin token".to_owned())?;
    bearer.set_sensitive(true);
    Ok(bearer)
}

fn asked(authority: &str, bearer: Option<HeaderValue>) -> Result<(StatusCode, Bytes), String> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let exchange = exchange(authority, bearer);
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, exchange).await });
    // A name server that does not answer may still be waited for.
    runtime.shutdown_background();
    asked
        .unwrap_or_else(|_elapsed| Err(format!("no answer within {PATIENCE:?}")))
        .map_err(|cause| {
            format!(
                "no running proxy can be asked at {authority}: {cause}. Start it, or name its admin listener with --url"
            )
        })
}

fn judge(
    authority: &str,
    status: StatusCode,
    body: &[u8],
    has_token: bool,
) -> Result<Report, String> {
    match status {
        StatusCode::OK => serde_json::from_slice(body).map_err(|error| {
            format!("what {authority} says at {PATH} is no status of an sfmc-auth-proxy: {error}")
        }),
        StatusCode::UNAUTHORIZED if has_token => Err(format!(
            "{authority} does not take the admin token ({status}): give the one of the proxy that runs there with \
             --admin-token-file"
        )),
        StatusCode::UNAUTHORIZED => Err(format!(
            "{authority} wants the admin token ({status}): give --admin-token-file FILE; without --url, the configuration's \
             admin.token or admin.token_file does"
        )),
        StatusCode::FORBIDDEN => Err(format!(
            "{authority} shows this to nobody ({status}): it listens beyond loopback without an admin token. Set \
             admin.token_file in the configuration of that proxy, and give the same file here with --admin-token-file"
        )),
        StatusCode::MISDIRECTED_REQUEST => Err(format!(
            "{authority} is no name that the proxy there goes by ({status}): write its IP address in --url, or add the name to \
             listen.allowed_hosts of that proxy"
        )),
        StatusCode::TOO_MANY_REQUESTS => Err(format!(
            "{authority} has had too many wrong admin tokens from here ({status}): wait a minute, then give the right one"
        )),
        StatusCode::NOT_FOUND => Err(format!(
            "{authority} has no {PATH}: it is no sfmc-auth-proxy, not its admin listener, or an earlier version"
        )),
        status => Err(format!("{authority} answers {status} at {PATH}")),
    }
}

async fn exchange(
    authority: &str,
    bearer: Option<HeaderValue>,
) -> Result<(StatusCode, Bytes), String> {
    let stream = TcpStream::connect(authority).await;
    let stream = stream.map_err(|error| error.to_string())?;
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let mut request = Request::get(PATH)
        .header(HOST, authority)
        .header(CONNECTION, "close");
    if let Some(bearer) = bearer {
        request = request.header(AUTHORIZATION, bearer);
    }
    let request = request
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await;
    let (head, body) = answer.map_err(|error| error.to_string())?.into_parts();
    let body = Limited::new(body, ANSWER_SIZE_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?;
    Ok((head.status, body.to_bytes()))
}

/// Host and port of `http://HOST[:PORT]`, with or without the status's path.
fn authority(url: &str) -> Result<String, String> {
    let wrong =
        || "--url wants the http URL of an admin listener, as http://127.0.0.1:7363".to_owned();
    let uri: Uri = url.parse().map_err(|_invalid| wrong())?;
    let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong());
    };
    if !matches!(uri.path(), "" | "/" | PATH) || authority.as_str().contains('@') {
        return Err(wrong());
    }
    match authority.port_u16() {
        Some(_) => Ok(authority.to_string()),
        None => Ok(format!("{authority}:80")),
    }
}

/// As the configuration reads one: a newline at the end is dropped.
fn read(sources: &Sources, file: &PathBuf) -> Result<Secret, String> {
    let path = sources.working_directory.join(file);
    let text = fs::read_to_string(&path).map_err(|error| {
        format!(
            "--admin-token-file: {} cannot be read: {error}",
            path.display()
        )
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

fn words(faults: &Faults) -> String {
    let all = faults.faults.iter().map(ToString::to_string);
    let all: Vec<_> = all.collect();
    format!(
        "the configuration does not say how the running proxy is asked: {}. Or name its admin listener with --url",
        all.join("; ")
    )
}
