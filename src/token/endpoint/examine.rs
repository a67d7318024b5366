//! A token request for a diagnosis: asked once with each secret, past store and cool-down, and told as it was seen.
//!
//! Never spends a refresh token, and keeps nothing of what it gets.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Response};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::Endpoint;
use super::secrets::is_about_credentials;
use crate::clock::Now;
use crate::metrics::Metrics;
use crate::secret::Secret;
use crate::token::recent::Recent;
use crate::token::tally::Tally;
use crate::token::wire::{Field, Question, date, retry_after, unavailable};
use crate::token::{AccessToken, Labels, Mid, MintError};
use crate::upstream::SendError;

/// Where the client secrets stand.
const CURRENT: usize = 0;
const NEXT: usize = 1;

/// What one token request has led to.
#[derive(Debug)]
pub struct Examination {
    /// The endpoint's answer, if there was one.
    pub seen: Option<Seen>,
    /// What came of it: a token, or why there is none.
    pub outcome: Result<AccessToken, MintError>,
    /// Why no answer came, where the way there was to blame.
    pub broken: Option<SendError>,
    /// What the endpoint said to the present client secret, where it is the next one that it was asked with then.
    pub current_refused: Option<MintError>,
}

/// An answer of a token endpoint, but for what is secret in it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// HTTP status.
    pub status: u16,
    /// When the request left.
    pub sent: Now,
    /// When the answer was there.
    pub received: Now,
    /// The server's clock at that time.
    pub date: Option<SystemTime>,
    /// `Content-Type`, bounded.
    pub media_type: String,
    /// How an HTML page calls itself; `None` if the answer is no such page.
    pub page: Option<String>,
    /// How long the endpoint asks us to stay away.
    pub retry_after: Option<Duration>,
    /// The scopes granted, as the answer has them.
    pub scope: Option<String>,
    /// Whether it is a token response, whatever the token is good for.
    pub is_granted: bool,
}

/// What stands beside a token.
#[derive(Deserialize)]
struct Beside {
    scope: Option<String>,
}

impl Endpoint {
    /// Asks for a token of this account: once, and once more with the next client secret where the present one is refused, as a
    /// proxy does. `None` where a user has to log in, for a diagnosis must not spend what a login has yielded.
    pub async fn examine(
        &self,
        account: Option<Mid>,
        metrics: &Arc<Metrics>,
        limit: Duration,
    ) -> Option<Examination> {
        if self.settings.grant_type.takes_login() {
            return None;
        }
        let assertion = match self.assertion() {
            Ok(assertion) => assertion,
            Err(error) => return Some(Examination::without_answer(error)),
        };
        let asking = |place| self.examine_with(place, account, assertion.as_ref(), metrics, limit);
        let examination = asking(CURRENT).await;
        match examination.outcome {
            Err(error) if is_about_credentials(&error) && self.secrets.get(NEXT).is_some() => {
                let next = asking(NEXT).await;
                Some(Examination {
                    current_refused: Some(error),
                    ..next
                })
            }
            outcome => Some(Examination {
                outcome,
                ..examination
            }),
        }
    }

    async fn examine_with(
        &self,
        place: usize,
        account: Option<Mid>,
        assertion: Option<&Secret>,
        metrics: &Arc<Metrics>,
        limit: Duration,
    ) -> Examination {
        let deadline = Instant::now() + limit;
        let secret = self.secrets.get(place);
        let secret = secret.map(|secret| ("client_secret", Field::Secret(secret)));
        let fields = self.asking(account, assertion);
        let fields = fields.into_iter().chain(secret).collect();
        let target = self.target();
        let question = self.question(self.grant(), &self.destination, &target, fields, deadline);
        let exchange = timeout_at(deadline, question.exchange(&self.upstream));
        let (sent, answer) = match exchange.await {
            Ok(Ok((sent, Ok(answer)))) => (sent, answer),
            Ok(Ok((_sent, Err(broken)))) => {
                let error = unavailable(broken.to_string());
                let broken = Some(broken);
                return Examination {
                    broken,
                    ..Examination::without_answer(error)
                };
            }
            Ok(Err(error)) => return Examination::without_answer(error),
            Err(_elapsed) => {
                let error = unavailable(format!("no answer within {limit:?}"));
                return Examination::without_answer(error);
            }
        };
        let mut seen = Seen::of(&question, sent, &answer);
        let tally = silent_tally(metrics);
        let outcome = match question.read(sent, &answer) {
            Ok(granted) => {
                seen.is_granted = true;
                self.token(&granted, &self.destination, &tally, deadline)
                    .await
            }
            Err(error) => Err(error),
        };
        Examination {
            seen: Some(seen),
            outcome,
            broken: None,
            current_refused: None,
        }
    }
}

/// What is counted here, nobody reads.
fn silent_tally(metrics: &Arc<Metrics>) -> Tally {
    let labels = Labels {
        tenant: String::new(),
        account: String::new(),
    };
    let recent = Arc::new(Mutex::new(Recent::new(Now::read().monotonic)));
    Tally::new(Arc::clone(metrics), labels, recent)
}

impl Examination {
    fn without_answer(error: MintError) -> Self {
        Self {
            seen: None,
            outcome: Err(error),
            broken: None,
            current_refused: None,
        }
    }
}

impl Seen {
    fn of(question: &Question<'_>, sent: Now, answer: &Response<Bytes>) -> Self {
        let media_type = media_type(answer.headers());
        let beside: Option<Beside> = serde_json::from_slice(answer.body()).ok();
        Self {
            status: answer.status().as_u16(),
            sent,
            received: Now::read(),
            date: date(answer.headers()),
            page: page(&media_type, answer.body()).map(|title| question.words(title)),
            media_type: question.words(media_type),
            retry_after: retry_after(answer.headers()),
            scope: beside.and_then(|beside| beside.scope),
            is_granted: false,
        }
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE);
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default().to_ascii_lowercase()
}

/// The title of an HTML page, empty where it has none.
fn page(media_type: &str, body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let start = text.trim_start().get(..14).unwrap_or_default();
    let start = start.to_ascii_lowercase();
    let is_page = media_type.starts_with("text/html")
        || start.starts_with("<!doctype html")
        || start.starts_with("<html");
    if !is_page {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").map(|place| place + "<title>".len());
    let title = title.and_then(|start| {
        let rest = text.get(start..)?;
        rest.get(..rest.find('<')?)
    });
    Some(title.unwrap_or_default().trim().to_owned())
}
