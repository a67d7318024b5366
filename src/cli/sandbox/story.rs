//! The story that `sandbox` plays, and curl lines to go on with.
//!
//! Tells what really happened: every line of the story is read from the proxy's answers and the tenant's journal.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Builder;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::sandbox::{Entry, Face, Tenant};

const ASSETS: &str = "/asset/v1/content/assets?$pageSize=1";
const SOAP_PATH: &str = "/Service.asmx";
const ENVELOPE: &str = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
    <RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>List</ObjectType>\
    <Properties>ID</Properties><Properties>ListName</Properties></RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>";
/// The life of a token in the third part, and how long calls go on.
const SHORT_LIFE: Duration = Duration::from_secs(2);
const RUN: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(50);

/// What the story could not do.
#[derive(Debug, thiserror::Error)]
#[error("the demonstration failed: {0}")]
pub(super) struct StoryError(String);

impl StoryError {
    fn new(what: impl std::fmt::Display) -> Self {
        Self(what.to_string())
    }
}

/// Plays the story against a running proxy and tenant; `say` gets it line by line.
pub(super) async fn play(
    proxy: SocketAddr,
    tenant: &Tenant,
    mut say: impl FnMut(&str),
) -> Result<(), StoryError> {
    let mut application = Application::connect(proxy).await?;
    plain_call(&mut application, tenant, &mut say).await?;
    revoked_token(&mut application, tenant, &mut say).await?;
    short_lives(&mut application, tenant, &mut say).await?;
    soap_call(&mut application, tenant, &mut say).await
}

async fn plain_call(
    application: &mut Application,
    tenant: &Tenant,
    say: &mut impl FnMut(&str),
) -> Result<(), StoryError> {
    say("1. An application calls the proxy, without any credentials:");
    say(&format!("     GET http://{}{ASSETS}", application.address));
    let answer = application.get(ASSETS).await?;
    say(&format!(
        "   It gets {}, {} bytes.",
        answer.status(),
        answer.body().len()
    ));
    let entry = last_call(tenant)?;
    say("   What the tenant received:");
    say(&format!("     {} {}", entry.method, entry.target));
    for (name, value) in entry.headers.iter().take(6) {
        say(&format!("     {name}: {}", shortened(value, 32)));
    }
    say("");
    expect_ok(&answer)
}

async fn revoked_token(
    application: &mut Application,
    tenant: &Tenant,
    say: &mut impl FnMut(&str),
) -> Result<(), StoryError> {
    say("2. The tenant forgets the token in the middle of the run. The application calls again:");
    tenant.revoke_all();
    let seen = last_call(tenant)?.sequence;
    let mints = tenant.mints();
    let answer = application.get(ASSETS).await?;
    say(&format!(
        "   It gets {}. What the tenant saw meanwhile:",
        answer.status()
    ));
    for entry in tenant.journal_since(seen) {
        say(&row(&entry));
    }
    say(&format!(
        "   Token calls for that: {}.",
        tenant.mints() - mints
    ));
    say("");
    expect_ok(&answer)
}

async fn short_lives(
    application: &mut Application,
    tenant: &Tenant,
    say: &mut impl FnMut(&str),
) -> Result<(), StoryError> {
    say(&format!(
        "3. Tokens now live {} s. The application calls 20 times a second for {} s:",
        SHORT_LIFE.as_secs(),
        RUN.as_secs()
    ));
    tenant.set_lifetime(SHORT_LIFE);
    tenant.revoke_all();
    let (mints, start) = (tenant.mints(), Instant::now());
    let (mut calls, mut good) = (0_u32, 0_u32);
    while start.elapsed() < RUN {
        let answer = application.get(ASSETS).await?;
        calls += 1;
        good += u32::from(answer.status() == 200);
        tokio::time::sleep(PACE).await;
    }
    tenant.set_lifetime(tenant.settings().lifetime);
    say(&format!(
        "   {good} of {calls} calls got 200. Token calls for that: {}.",
        tenant.mints() - mints
    ));
    say("");
    if good == calls {
        Ok(())
    } else {
        Err(StoryError::new("a call did not get 200"))
    }
}

async fn soap_call(
    application: &mut Application,
    tenant: &Tenant,
    say: &mut impl FnMut(&str),
) -> Result<(), StoryError> {
    say(
        "4. A SOAP application calls, its envelope without any credentials, and the tenant has just forgotten the token:",
    );
    say(&format!(
        "     POST http://{}{SOAP_PATH}",
        application.address
    ));
    tenant.revoke_all();
    let seen = tenant.journal().last().map_or(0, |entry| entry.sequence);
    let answer = application.post_envelope().await?;
    let text = String::from_utf8_lossy(answer.body());
    say(&format!(
        "   It gets {}, OverallStatus {}. What the tenant saw meanwhile:",
        answer.status(),
        between(&text, "<OverallStatus>", "</OverallStatus>").unwrap_or("-")
    ));
    let calls = tenant.journal_since(seen);
    for entry in &calls {
        say(&row(entry));
    }
    let accepted = calls.iter().rev().find(|entry| entry.face == Face::Soap);
    let envelope = accepted.map(|entry| entry.body_text()).unwrap_or_default();
    let header = between(&envelope, "<s:Header>", "</s:Header>")
        .ok_or_else(|| StoryError::new("the tenant received no Header"))?;
    say("   The Header of the last one:");
    say(&format!("     {}", shortened(header, 64)));
    say("");
    expect_ok(&answer)
}

/// One line of the journal.
fn row(entry: &Entry) -> String {
    let face = entry.face.name();
    let status = entry
        .status
        .map_or("-".to_owned(), |status| status.to_string());
    // What SOAP refuses, it refuses in words.
    let words = entry
        .soap
        .as_ref()
        .and_then(|soap| soap.answered.as_deref());
    let words = words.map_or(String::new(), |words| format!(" {words}"));
    format!(
        "     {face}  {:4} {:40} {status}{words}",
        entry.method,
        entry.path()
    )
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_before, rest) = text.split_once(start)?;
    rest.split_once(end).map(|(inside, _after)| inside)
}

/// Curl lines that work as printed while the command stays up: `proxy` is its own and its admin listener's address.
pub(super) fn curl_lines(proxy: Option<(SocketAddr, SocketAddr)>, tenant: &Tenant) -> String {
    let control = tenant.control_url();
    let control = control.trim_end_matches('/');
    let mut lines = String::new();
    let mut line = |what: &str, command: String| {
        // Writing to a String cannot fail.
        let _always_ok = writeln!(lines, "   # {what}\n   {command}");
    };
    if let Some((proxy, _admin)) = proxy {
        line(
            "a plain call; the proxy puts the token in",
            format!("curl -s 'http://{proxy}{ASSETS}'"),
        );
        line(
            "the same in another business unit",
            format!("curl -si 'http://{proxy}/@sandbox:emea{ASSETS}'"),
        );
        line(
            "SOAP: an envelope without credentials",
            format!(
                "curl -s http://{proxy}{SOAP_PATH} -H 'Content-Type: text/xml' -H 'SOAPAction: Retrieve' --data '{ENVELOPE}'"
            ),
        );
    }
    line(
        "let the tenant forget every token; then call again",
        format!("curl -s -X POST {control}/tokens/revoke"),
    );
    line(
        "what the tenant received",
        format!("curl -s '{control}/journal?face=rest'"),
    );
    line(
        "how many tokens it gave",
        format!("curl -s {control}/state"),
    );
    if let Some((_proxy, admin)) = proxy {
        line("metrics", format!("curl -s http://{admin}/metrics"));
        line("health", format!("curl -s 'http://{admin}/readyz?verbose'"));
    }
    lines
}

fn last_call(tenant: &Tenant) -> Result<Arc<Entry>, StoryError> {
    let journal = tenant.journal();
    journal
        .into_iter()
        .rev()
        .find(|entry| entry.face == Face::Rest)
        .ok_or_else(|| StoryError::new("the tenant received nothing"))
}

fn expect_ok(answer: &Response<Bytes>) -> Result<(), StoryError> {
    if answer.status() == 200 {
        Ok(())
    } else {
        Err(StoryError::new(format!("a call got {}", answer.status())))
    }
}

/// A token is long, and its start is enough to know it by.
fn shortened(value: &str, length: usize) -> String {
    if value.len() <= 2 * length {
        return value.to_owned();
    }
    let start: String = value.chars().take(length).collect();
    format!("{start}… ({} characters)", value.chars().count())
}

/// A plain HTTP client, as an application without any knowledge of OAuth.
struct Application {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl Application {
    async fn connect(address: SocketAddr) -> Result<Self, StoryError> {
        let stream = TcpStream::connect(address).await.map_err(StoryError::new)?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(StoryError::new)?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    async fn get(&mut self, target: &str) -> Result<Response<Bytes>, StoryError> {
        let request = Request::get(target)
            .header("host", self.address.to_string())
            .header("accept", "application/json");
        self.call(request, "").await
    }

    async fn post_envelope(&mut self) -> Result<Response<Bytes>, StoryError> {
        let request = Request::post(SOAP_PATH)
            .header("host", self.address.to_string())
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", "Retrieve");
        self.call(request, ENVELOPE).await
    }

    async fn call(
        &mut self,
        request: Builder,
        body: &'static str,
    ) -> Result<Response<Bytes>, StoryError> {
        let body = Full::new(Bytes::from_static(body.as_bytes()));
        let request = request.body(body).map_err(StoryError::new)?;
        self.sender.ready().await.map_err(StoryError::new)?;
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(StoryError::new)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(StoryError::new)?.to_bytes();
        Ok(Response::from_parts(head, body))
    }
}
