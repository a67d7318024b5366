//! The control API: plain HTTP and JSON, for whoever drives the tenant from another process.
//!
//! Changes the same state as calls in-process, and serves loopback callers only: no page in a browser gets through.

mod login;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::{Method, Request};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::answer::{self, Answer};
use super::face::Face;
use super::listen::stopped;
use super::rest::query;
use super::script::Script;
use super::shared::Shared;
use super::switches::Switches;

const BODY_MAX: usize = 4 * 1024 * 1024;

const CALLS: &str = "\
GET    /               this list
GET    /state          addresses, counts, live tokens by account, waiting scripts, switches
GET    /ca.pem         the certificate authority of the TLS faces
GET    /journal        what arrived; ?face=auth|rest|soap|core|data_cloud|account_engagement ?path=PREFIX
                       ?since=SEQUENCE
DELETE /journal        forget it
GET    /sends          messages that were accepted, one entry each
POST   /tokens/revoke  {\"account\": MID} or nothing for all
POST   /tokens/expire  {\"account\": MID} or nothing for all
PUT    /lifetime       {\"seconds\": 3, \"face\": \"auth\"} of tokens to come that this face takes; fractions are
                       fine, and without a face it is auth
PUT    /secret         {\"client_secret\": \"...\"} that counts from now on
PUT    /token-answer   keys laid over each token answer to come, null takes one away; {} ends it;
                       ?face=core for core tokens, ?face=data_cloud for exchanges
POST   /authorize      {\"url\", \"deny\": false}: plays a browser and its user; says the location that follows
POST   /codes/expire   codes not used yet are past their time
POST   /refresh-tokens {\"face\": \"auth|core\", \"account\": MID, \"scopes\": []} of a login that nobody has to click
                       through; all may be left out
POST   /logins/end     users take all consents back: no refresh token is good any more
PUT    /redirect-uris  {\"redirect_uris\": []} where browsers may be sent back to
PUT    /package        {\"public\": true}: the package has no secret
PUT    /jwt-public-key {\"pem\": \"...\"} that verifies assertions, a public key or a certificate
POST   /script         {\"face\", \"method\", \"path_prefix\", \"skip\", \"count\", \"status\", \"body\", \"headers\",
                        \"retry_after\", \"delay_ms\", \"reset\", \"reset_after_request_bytes\", \"truncate_after\",
                        \"error_shape\": \"oauth|vendor\",
                        \"fault\": \"token_expired|login_failed|missing_action|client|outage|throttled\", \"early\"}; all but face may be left out
DELETE /script         drop all scripts
PUT    /switches       the switches to change; GET shows them
PUT    /face           {\"face\": \"rest\", \"down\": true}: connections are reset, open ones too
";

/// Serves the control API until the tenant stops.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                let service = service_fn(move |request| handle(Arc::clone(&shared), request));
                connections.spawn(async move {
                    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = serving.await {
                        tracing::debug!(%error, "control connection ended");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
        }
    }
    connections.shutdown().await;
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    if let Some(refusal) = foreign(&parts) {
        return Ok(refusal);
    }
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Ok(error(413, "The body is too long, or broke off.")),
    };
    let body = match body.is_empty() {
        true => Ok(Map::new()),
        false => serde_json::from_slice(&body),
    };
    Ok(match body {
        Ok(body) => call(&shared, &parts, body).unwrap_or_else(|refusal| *refusal),
        Err(fault) => error(400, &format!("The body is no JSON object: {fault}.")),
    })
}

fn error(status: u16, text: &str) -> Answer {
    answer::json(status, &json!({"error": text}))
}

fn refusal(status: u16, text: &str) -> Box<Answer> {
    Box::new(error(status, text))
}

/// The refusal of a caller that is no loopback client: another host's name, or a web page.
fn foreign(parts: &Parts) -> Option<Answer> {
    let host = parts
        .headers
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|byte| byte.is_ascii_digit()) {
            name
        } else {
            host
        }
    });
    if !matches!(name, "localhost" | "127.0.0.1" | "[::1]") {
        return Some(error(421, "Host is not a loopback name."));
    }
    let own = format!("http://{host}");
    let origin = parts.headers.get(ORIGIN)?;
    (origin.as_bytes() != own.as_bytes()).then(|| error(403, "Origin is foreign."))
}

fn call(shared: &Shared, parts: &Parts, body: Map<String, Value>) -> Result<Answer, Box<Answer>> {
    match (&parts.method, parts.uri.path()) {
        (&Method::GET, "/") => {
            return Ok(answer::whole(200, "text/plain; charset=utf-8", CALLS));
        }
        (&Method::GET, "/ca.pem") => {
            return Ok(answer::whole(
                200,
                "application/x-pem-file",
                shared.ca_pem.clone(),
            ));
        }
        (&Method::GET, "/state") => return Ok(answer::json(200, &shared.summary())),
        (&Method::GET, "/switches") => return Ok(answer::json(200, &json!(*shared.switches()))),
        (&Method::GET, "/sends") => {
            return Ok(answer::json(200, &json!(shared.records().sends())));
        }
        (&Method::GET, "/journal") => return journal(shared, parts.uri.query()),
        (&Method::DELETE, "/journal") => shared.journal.clear(),
        (&Method::DELETE, "/script") => shared.scripts().clear(),
        (&Method::POST, "/tokens/revoke") => {
            let order: TokensOrder = read(body, &["account"])?;
            shared.ledger().revoke(order.account);
        }
        (&Method::POST, "/tokens/expire") => {
            let order: TokensOrder = read(body, &["account"])?;
            shared.ledger().expire(order.account);
        }
        (&Method::PUT, "/lifetime") => {
            let order: LifetimeOrder = read(body, &["seconds", "face"])?;
            let lifetime = Duration::try_from_secs_f64(order.seconds)
                .map_err(|fault| refusal(400, &format!("seconds: {fault}.")))?;
            shared.set_lifetime(order.face.unwrap_or(Face::Auth).issuer(), lifetime);
        }
        (&Method::PUT, "/secret") => {
            let order: SecretOrder = read(body, &["client_secret"])?;
            shared.ledger().client_secret = order.client_secret;
        }
        (&Method::PUT, "/token-answer") => {
            let face = named_face(parts.uri.query())?.unwrap_or(Face::Auth);
            shared.set_token_answer(face.issuer(), body);
        }
        (&Method::POST, "/script") => {
            if !body.contains_key("face") {
                return Err(refusal(400, "face is missing."));
            }
            shared.scripts().add(read(body, Script::KEYS)?);
        }
        (&Method::PUT, "/switches") => set_switches(shared, body)?,
        (&Method::PUT, "/face") => {
            let order: FaceOrder = read(body, &["face", "down"])?;
            shared.set_down(order.face, order.down);
        }
        _ => return login::call(shared, parts, body),
    }
    Ok(done())
}

fn done() -> Answer {
    answer::json(200, &json!({"done": true}))
}

/// The face that a query names.
fn named_face(raw_query: Option<&str>) -> Result<Option<Face>, Box<Answer>> {
    let query = query(raw_query);
    let Some((_, name)) = query.iter().find(|(key, _)| key == "face") else {
        return Ok(None);
    };
    let face = Face::ALL.into_iter().find(|face| face.name() == name);
    let names = Face::ALL.map(Face::name).join(", ");
    face.map(Some)
        .ok_or_else(|| refusal(400, &format!("face is one of {names}.")))
}

#[derive(Deserialize)]
struct TokensOrder {
    account: Option<u64>,
}

#[derive(Deserialize)]
struct LifetimeOrder {
    seconds: f64,
    face: Option<Face>,
}

#[derive(Deserialize)]
struct SecretOrder {
    client_secret: String,
}

#[derive(Deserialize)]
struct FaceOrder {
    face: Face,
    down: bool,
}

/// Reads an order; a key that is not known is refused with the nearest one named.
fn read<T: DeserializeOwned>(body: Map<String, Value>, known: &[&str]) -> Result<T, Box<Answer>> {
    check_keys(body.keys().map(String::as_str), known)?;
    serde_json::from_value(Value::Object(body))
        .map_err(|fault| refusal(400, &format!("That cannot be: {fault}.")))
}

fn check_keys<'a>(
    mut keys: impl Iterator<Item = &'a str>,
    known: &[&str],
) -> Result<(), Box<Answer>> {
    let Some(key) = keys.find(|key| !known.contains(key)) else {
        return Ok(());
    };
    let nearest = known
        .iter()
        .min_by_key(|name| strsim::damerau_levenshtein(name, key));
    let nearest = nearest.copied().unwrap_or_default();
    let text = format!("Unknown key {key:?}; the nearest is {nearest:?}.");
    Err(Box::new(answer::json(
        400,
        &json!({"error": text, "known": known}),
    )))
}

/// Changes the switches named and leaves the others.
fn set_switches(shared: &Shared, body: Map<String, Value>) -> Result<(), Box<Answer>> {
    let Value::Object(mut switches) = json!(*shared.switches()) else {
        return Err(refusal(500, "The switches cannot be read."));
    };
    switches.extend(body);
    let switches: Switches = read(switches, Switches::KEYS)?;
    shared.set_switches(switches);
    Ok(())
}

fn journal(shared: &Shared, raw_query: Option<&str>) -> Result<Answer, Box<Answer>> {
    let query = query(raw_query);
    check_keys(
        query.iter().map(|(key, _)| key.as_str()),
        &["face", "path", "since"],
    )?;
    let text = |key| {
        query
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    let since = match text("since").map(str::parse) {
        None => 0,
        Some(Ok(since)) => since,
        Some(Err(_)) => return Err(refusal(400, "since is no sequence number.")),
    };
    let face = named_face(raw_query)?;
    let path = text("path").unwrap_or_default();
    let entries: Vec<_> = shared
        .journal
        .since(since)
        .into_iter()
        .filter(|entry| face.is_none_or(|face| entry.face == face))
        .filter(|entry| entry.target.starts_with(path))
        .collect();
    let entries: Vec<&super::Entry> = entries.iter().map(AsRef::as_ref).collect();
    Ok(answer::json(200, &json!(entries)))
}
