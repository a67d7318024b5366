//! The token endpoint's wire: `POST /v2/token` with a JSON body, and both shapes in which it says no.
//!
//! One call is one attempt; how often and when is `store`'s matter. What the endpoint sends is never logged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde::{Deserialize, Serialize};

use super::{AccessToken, EndpointSettings, InstanceUrl, Instances, Mid, MintError};
use crate::clock::Now;
use crate::secret::{REDACTED, Secret};
use crate::upstream::{Destination, DestinationError, Trust, Upstream};

/// A token response larger than this is not one; the vendor's is below 2 KiB.
const ANSWER_SIZE_MAX: usize = 1 << 20;
/// Words of the endpoint that are passed on to callers and logs.
const WORDS_MAX: usize = 300;

/// One tenant's token endpoint.
pub struct Endpoint {
    settings: EndpointSettings,
    destination: Arc<Destination>,
    target: String,
    upstream: Arc<Upstream>,
    trust: Trust,
}

#[derive(Serialize)]
struct TokenRequest<'a> {
    grant_type: &'a str,
    client_id: &'a str,
    client_secret: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<Mid>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: serde_json::Value,
    rest_instance_url: String,
    soap_instance_url: String,
}

/// `{error, error_description}` as OAuth has it, or `{message, errorcode}` as the vendor's REST has it.
#[derive(Deserialize, Default)]
struct ErrorAnswer {
    error: Option<String>,
    error_description: Option<String>,
    message: Option<String>,
    errorcode: Option<serde_json::Value>,
}

impl Endpoint {
    /// Looks the endpoint's address up in `upstream`; calls nobody.
    pub fn new(
        settings: EndpointSettings,
        upstream: Arc<Upstream>,
        trust: Trust,
    ) -> Result<Self, DestinationError> {
        let destination = upstream.destination(&settings.auth_url, &trust)?;
        let target = format!(
            "{}/v2/token",
            settings.auth_url.path().trim_end_matches('/')
        );
        Ok(Self {
            settings,
            destination,
            target,
            upstream,
            trust,
        })
    }

    /// What the endpoint was told.
    #[must_use]
    pub fn settings(&self) -> &EndpointSettings {
        &self.settings
    }

    /// Asks once for a token of this account.
    pub async fn fetch(&self, account: Option<Mid>) -> Result<AccessToken, MintError> {
        let request = self.request(account)?;
        let sent = Now::read();
        let answer = self
            .upstream
            .send_alone(&self.destination, request, ANSWER_SIZE_MAX)
            .await
            .map_err(|error| unavailable(error.to_string()))?;
        if answer.status() != StatusCode::OK {
            return Err(self.read_refusal(&answer));
        }
        self.read_token(answer.body(), sent)
    }

    fn request(&self, account: Option<Mid>) -> Result<Request<Full<Bytes>>, MintError> {
        let body = TokenRequest {
            grant_type: "client_credentials",
            client_id: &self.settings.client_id,
            client_secret: self.settings.client_secret.expose(),
            scope: self.settings.scope.as_deref(),
            account_id: account,
        };
        let body = serde_json::to_vec(&body).map_err(|error| unavailable(error.to_string()))?;
        Request::builder()
            .method(Method::POST)
            .uri(&self.target)
            .header(HOST, self.destination.authority())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(ACCEPT, HeaderValue::from_static("application/json"))
            .header(
                USER_AGENT,
                HeaderValue::from_static(concat!("sfmc-auth-proxy/", env!("CARGO_PKG_VERSION"))),
            )
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| unavailable(error.to_string()))
    }

    fn read_token(&self, body: &[u8], sent: Now) -> Result<AccessToken, MintError> {
        // serde's message would quote the answer, and with it the token.
        let answer: TokenAnswer = serde_json::from_slice(body)
            .map_err(|_quotes| unavailable("its answer is not a token response".to_owned()))?;
        let lifetime = lifetime(&answer.expires_in)
            .ok_or_else(|| unavailable("its answer has no usable expires_in".to_owned()))?;
        let admit = |url: &str| self.settings.lock.admit(url, &self.upstream, &self.trust);
        let (rest, soap) = (
            admit(&answer.rest_instance_url)?,
            admit(&answer.soap_instance_url)?,
        );
        let secret = Secret::new(answer.access_token);
        if secret.is_empty() {
            return Err(unavailable(
                "its answer has an empty access_token".to_owned(),
            ));
        }
        let base_path = self.settings.auth_url.path().trim_end_matches('/');
        let auth = InstanceUrl::of_endpoint(Arc::clone(&self.destination), base_path.to_owned());
        let instances = Instances { rest, soap, auth };
        AccessToken::new(&secret, instances, sent, lifetime).ok_or_else(|| {
            unavailable("its access_token has characters that no header can carry".to_owned())
        })
    }

    fn read_refusal(&self, answer: &Response<Bytes>) -> MintError {
        let status = answer.status();
        let said: ErrorAnswer = serde_json::from_slice(answer.body()).unwrap_or_default();
        let error = said
            .error
            .or_else(|| said.errorcode.map(|code| format!("errorcode {code}")));
        let description = said.error_description.or(said.message);
        let error = self.words(&error.unwrap_or_default());
        let description = self.words(&description.unwrap_or_default());
        if !is_worth_another_try(status) {
            return MintError::Rejected {
                status: status.as_u16(),
                error,
                description,
            };
        }
        let cause = format!("{status} {error} {description}");
        MintError::Unavailable {
            cause: cause.trim_end().to_owned(),
            retry_after: retry_after(answer.headers()),
        }
    }

    /// Printable words of bounded length: what an endpoint says ends up in headers and logs. One that says the secret
    /// back is not quoted.
    fn words(&self, text: &str) -> String {
        text.replace(self.settings.client_secret.expose(), REDACTED)
            .chars()
            .map(|letter| if letter.is_control() { ' ' } else { letter })
            .take(WORDS_MAX)
            .collect()
    }
}

fn is_worth_another_try(status: StatusCode) -> bool {
    status.is_server_error()
        || status.is_informational()
        || status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
}

fn lifetime(expires_in: &serde_json::Value) -> Option<Duration> {
    let seconds = match expires_in {
        serde_json::Value::String(text) => text.trim().parse().ok()?,
        number => number.as_f64()?,
    };
    // A year is beyond any token; the bound keeps clock arithmetic sound.
    (seconds > 0.0 && seconds <= 31_536_000.0).then(|| Duration::from_secs_f64(seconds))
}

fn unavailable(cause: String) -> MintError {
    MintError::Unavailable {
        cause,
        retry_after: None,
    }
}

/// `Retry-After` as seconds or as a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(
        date.duration_since(Now::read().wall)
            .unwrap_or(Duration::ZERO),
    )
}
