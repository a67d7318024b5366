//! The way of one request on a TLS face: journal, strictness, script, and then the face itself.
//!
//! What a face says is the face's business; nothing here reads a token's meaning or a path.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderValue, Request, Version};
use hyper::body::{Body, Incoming};
use serde_json::Value;

use super::answer::{self, Answer};
use super::face::Face;
use super::intake::{self, Content, Reading};
use super::journal::{Arrival, Message};
use super::ledger::Bearer;
use super::listen::Connection;
use super::payload::Payload;
use super::script::Script;
use super::shared::Shared;
use super::switches::{ErrorShape, Switches, WrongHost};
use super::wire::Head;
use super::{account_engagement, auth, core, data_cloud, digest, rest, soap, strict};

/// Bytes of a body that the routes get to see; a longer one is answered 413.
pub(super) const BODY_MAX: usize = 16 * 1024 * 1024;

/// One request, on its way.
pub(super) struct Visit {
    pub(super) shared: Arc<Shared>,
    pub(super) connection: Arc<Connection>,
    pub(super) switches: Arc<Switches>,
    pub(super) parts: Parts,
    pub(super) head: Arc<Head>,
    pub(super) bearer: Option<Bearer>,
    sequence: u64,
    body: Option<Incoming>,
    reset_after: Option<u64>,
}

/// Answers one request.
pub(super) async fn serve(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let (parts, body) = request.into_parts();
    let head = connection.tap.head(&parts);
    let bodiless = body.is_end_stream();
    if bodiless {
        connection.tap.expect_head();
    }
    let bearer = shared.bearer(&head);
    let mut faults = strict::faults(&head);
    let host_fault = strict::host_fault(&head, connection.face, |host| {
        shared.is_host(connection.face, host)
    });
    let (faulty, misdirected) = (!faults.is_empty(), host_fault.is_some());
    faults.extend(host_fault);
    let issuer = connection.face.issuer();
    if let Some(bearer) = bearer.as_ref().filter(|bearer| bearer.issuer != issuer) {
        // The face itself refuses it, in its own words.
        faults.push(strict::foreign_token(bearer.issuer, connection.face));
    }
    let own = bearer.as_ref().filter(|bearer| bearer.issuer == issuer);
    let sequence = shared.journal.arrive(Arrival {
        faults: faults.clone(),
        account: own.and_then(|bearer| bearer.business_unit()),
        token_valid: own.is_some_and(|bearer| bearer.alive),
        bodiless,
        ..arrival(&connection, &parts, &head)
    });
    let switches = shared.switches();
    let mut visit = Visit {
        shared,
        connection,
        switches,
        parts,
        head: Arc::new(head),
        bearer,
        sequence,
        body: Some(body),
        reset_after: None,
    };
    let answer = if faulty {
        visit.take_in().await;
        answer::vendor(400, &format!("Refused: {}.", faults.join("; ")), 10_000)
    } else if misdirected && visit.switches.wrong_host != WrongHost::Serve {
        visit.take_in().await;
        let status = if visit.switches.wrong_host == WrongHost::NotFound {
            404
        } else {
            421
        };
        answer::vendor(status, &faults.join("; "), 0)
    } else {
        Box::pin(visit.answer()).await
    };
    visit
        .shared
        .journal
        .answered(sequence, answer.status().as_u16());
    Ok(answer)
}

/// What the journal is told of a head before anything is made of it.
fn arrival(connection: &Connection, parts: &Parts, head: &Head) -> Arrival {
    Arrival {
        face: connection.face,
        connection: connection.id,
        server_name: connection.server_name.clone(),
        method: parts.method.to_string(),
        target: head.target.clone(),
        version: if parts.version == Version::HTTP_10 {
            "HTTP/1.0"
        } else {
            "HTTP/1.1"
        },
        headers: head.headers.clone(),
        faults: Vec::new(),
        account: None,
        token_valid: false,
        bodiless: false,
    }
}

impl Visit {
    pub(super) fn face(&self) -> Face {
        self.connection.face
    }

    /// The body up to [`BODY_MAX`], read to its end.
    pub(super) async fn content(&mut self) -> Content {
        self.read(BODY_MAX).await
    }

    /// Reads the body to its end and keeps none of it.
    pub(super) async fn drain(&mut self) -> Content {
        self.read(0).await
    }

    /// Reads the body to its end for the journal only, which also hears of a SOAP message in it.
    async fn take_in(&mut self) {
        if self.face() == Face::Soap {
            Box::pin(soap::overhear(self)).await;
        } else {
            self.drain().await;
        }
    }

    /// The token, if there is exactly one `Authorization: Bearer TOKEN`, the token lives, and this face takes it.
    pub(super) fn lawful_bearer(&self) -> Option<Bearer> {
        let mut values = self.head.values("authorization");
        let value = values.next()?;
        let token = value.strip_prefix("Bearer ")?;
        if values.next().is_some() || token.contains(' ') {
            return None;
        }
        let issuer = self.face().issuer();
        let bearer = self.bearer.clone()?;
        (bearer.alive && bearer.issuer == issuer).then_some(bearer)
    }

    /// What this face says to a token that it does not accept.
    pub(super) fn refused(&self) -> Answer {
        match self.face() {
            Face::Auth | Face::Rest | Face::Soap => rest::refused(&self.switches),
            Face::Core => core::refused(),
            Face::DataCloud => data_cloud::refused(),
            Face::AccountEngagement => account_engagement::refused(self),
        }
    }

    /// Tells the journal what this request said as a SOAP message.
    pub(super) fn understood(&self, message: Message) {
        self.shared.journal.understood(self.sequence, message);
    }

    /// Reads the body on while the answer goes out already.
    pub(super) fn drain_beside(&mut self) {
        if let Some(body) = self.body.take() {
            let (shared, connection) = (Arc::clone(&self.shared), Arc::clone(&self.connection));
            let reading = Reading {
                keep_max: 0,
                reset_after: self.reset_after,
            };
            tokio::spawn(intake::read(
                shared,
                connection,
                self.sequence,
                body,
                reading,
            ));
        }
    }

    /// Leaves the body unread; the connection closes after the answer.
    pub(super) fn leave_body(&mut self) {
        self.body = None;
    }

    async fn read(&mut self, keep_max: usize) -> Content {
        let Some(body) = self.body.take() else {
            return Content::none();
        };
        let (shared, connection) = (Arc::clone(&self.shared), Arc::clone(&self.connection));
        let reading = Reading {
            keep_max,
            reset_after: self.reset_after,
        };
        intake::read(shared, connection, self.sequence, body, reading).await
    }

    async fn answer(&mut self) -> Answer {
        let path = self.parts.uri.path();
        let for_token = match self.face() {
            Face::Auth => auth::is_token_path(path),
            Face::Core => core::is_token_path(path),
            _ => false,
        };
        if for_token {
            self.shared.count_token_request();
        }
        let method = self.parts.method.as_str();
        let script = self
            .shared
            .take_script(self.face(), method, &self.head.target);
        let answer = match script {
            None => self.face_answer().await,
            Some(script) => self.play(script).await,
        };
        self.compressed(answer)
    }

    async fn face_answer(&mut self) -> Answer {
        match self.face() {
            Face::Auth => auth::answer(self).await,
            Face::Rest => rest::answer(self).await,
            Face::Soap => soap::answer(self).await,
            Face::Core => core::answer(self).await,
            Face::DataCloud => data_cloud::answer(self).await,
            Face::AccountEngagement => account_engagement::answer(self).await,
        }
    }

    async fn play(&mut self, script: Script) -> Answer {
        self.reset_after = script.reset_after_request_bytes;
        if script.reset_after_request_bytes == Some(0) {
            return self.reset().await;
        }
        let instead = script.reset && script.truncate_after.is_none();
        if script.early && script.answers() {
            self.drain_beside();
        } else if script.answers() || instead {
            self.take_in().await;
        }
        if script.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(script.delay_ms)).await;
        }
        if instead {
            return self.reset().await;
        }
        let mut answer = if script.answers() {
            self.scripted(&script)
        } else {
            self.face_answer().await
        };
        if let Some(seconds) = script.retry_after {
            answer::set_header(&mut answer, "retry-after", &seconds.to_string());
        }
        for (name, value) in &script.headers {
            answer::set_header(&mut answer, name, value);
        }
        match script.truncate_after {
            Some(bytes_max) => self.truncated(answer, bytes_max, script.reset),
            None => answer,
        }
    }

    /// Resets the connection; nothing is answered.
    async fn reset(&self) -> Answer {
        self.connection.lever.reset();
        std::future::pending().await
    }

    fn scripted(&self, script: &Script) -> Answer {
        if let Some(fault) = script.fault {
            return soap::scripted(self, fault, script.status);
        }
        let status = script.status.unwrap_or(200);
        match &script.body {
            Some(Value::String(text)) => {
                let json = text.starts_with(['{', '[']);
                let content_type = if json {
                    "application/json"
                } else if text.starts_with('<') {
                    "text/xml; charset=utf-8"
                } else {
                    "text/plain"
                };
                answer::whole(status, content_type, text.clone())
            }
            Some(body) => answer::json(status, body),
            None => self.usual_error(status, script),
        }
    }

    /// What this face says with a status that a script asked for.
    fn usual_error(&self, status: u16, script: &Script) -> Answer {
        let shape = match (script.error_shape, self.face()) {
            (Some(shape), _) => shape,
            (None, Face::Auth) => self.switches.token_errors,
            (None, Face::Rest) => ErrorShape::Vendor,
            (None, Face::Soap) => return soap::error(self, status),
            (None, Face::Core) => return core::error(self.parts.uri.path(), status),
            (None, Face::DataCloud) => return data_cloud::scripted(status),
            (None, Face::AccountEngagement) => return account_engagement::scripted(self, status),
        };
        answer::error(status, shape, script.retry_after)
    }

    /// The answer with its true length, but only a part of the body.
    fn truncated(&self, answer: Answer, bytes_max: u64, reset: bool) -> Answer {
        let (mut parts, payload) = answer.into_parts();
        if let Some(length) = payload.length() {
            parts
                .headers
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let lever = reset.then(|| Arc::clone(&self.connection.lever));
        Answer::from_parts(parts, payload.broken_after(bytes_max, lever))
    }

    fn compressed(&self, mut answer: Answer) -> Answer {
        let accepted = self.parts.headers.get_all(ACCEPT_ENCODING).iter();
        let accepts = accepted
            .into_iter()
            .any(|value| value.as_bytes().windows(4).any(|w| w == b"gzip"));
        if self.switches.gzip
            && accepts
            && matches!(self.face(), Face::Rest | Face::Soap)
            && !answer.headers().contains_key(CONTENT_ENCODING)
            && let Payload::Whole(body) = answer.body()
            && !body.is_empty()
        {
            let body = digest::gzip(body);
            *answer.body_mut() = Payload::Whole(body.into());
            answer
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        answer
    }
}
