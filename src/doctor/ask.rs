//! The calls of a diagnosis: one read of userinfo, REST and SOAP each. Nothing here writes or sends anything at the tenant, and
//! the token leaves for the instances of its own response alone.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;
use tokio::time::timeout;

use super::answer::Answered;
use crate::secret::{REDACTED, Secret};
use crate::token::{AccessToken, InstanceUrl, Kind};
use crate::upstream::{SendError, Upstream};

/// An answer that is longer is none to these questions.
const ANSWER_SIZE_MAX: usize = 1 << 20;
const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// The way there.
    #[error(transparent)]
    Broken(#[from] SendError),
    /// It takes too long.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// A request that cannot be made.
    #[error("the question cannot be put: {0}")]
    Impossible(#[from] http::Error),
}

/// One question.
pub(super) struct Question<'a> {
    instance: &'a InstanceUrl,
    method: Method,
    path: &'static str,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Asks whom the token stands for; `None` where there is no such endpoint.
pub(super) fn userinfo<'a>(kind: &Kind, token: &'a AccessToken) -> Option<Question<'a>> {
    let path = match kind {
        Kind::MarketingCloud => "/v2/userinfo",
        Kind::Salesforce | Kind::AccountEngagement { .. } => "/services/oauth2/userinfo",
        Kind::DataCloud { .. } => return None,
    };
    Some(Question::get(token.auth(), path, token))
}

/// The cheapest read that needs a token.
pub(super) fn rest<'a>(kind: &Kind, token: &'a AccessToken) -> Question<'a> {
    let path = match kind {
        Kind::MarketingCloud => "/platform/v1/tokenContext",
        Kind::Salesforce => {
            "/services/data/v60.0/query?q=SELECT%20Id%20FROM%20Organization%20LIMIT%201"
        }
        Kind::DataCloud { .. } => "/api/v1/metadata",
        Kind::AccountEngagement { .. } => "/api/v5/objects/campaigns?fields=id&limit=1",
    };
    let mut question = Question::get(token.rest(), path, token);
    if let Kind::AccountEngagement {
        business_unit_id, ..
    } = kind
        && let Ok(unit) = HeaderValue::from_str(business_unit_id)
    {
        let name = HeaderName::from_static("pardot-business-unit-id");
        question.headers.push((name, unit));
    }
    question
}

/// The same by SOAP; `None` where there is none.
pub(super) fn soap<'a>(kind: &Kind, token: &'a AccessToken) -> Option<Question<'a>> {
    let text = escaped(token.secret());
    let (path, action, header, body) = match kind {
        Kind::MarketingCloud => (
            "/Service.asmx",
            "GetSystemStatus",
            format!("<fueloauth xmlns=\"http://exacttarget.com\">{text}</fueloauth>"),
            "<SystemStatusRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"/>",
        ),
        Kind::Salesforce => (
            "/services/Soap/u/60.0",
            "\"\"",
            format!(
                "<SessionHeader xmlns=\"urn:partner.soap.sforce.com\"><sessionId>{text}</sessionId></SessionHeader>"
            ),
            "<getUserInfo xmlns=\"urn:partner.soap.sforce.com\"/>",
        ),
        Kind::DataCloud { .. } | Kind::AccountEngagement { .. } => return None,
    };
    let envelope = format!(
        "<soapenv:Envelope xmlns:soapenv=\"{ENVELOPE}\"><soapenv:Header>{header}</soapenv:Header><soapenv:Body>{body}\
         </soapenv:Body></soapenv:Envelope>"
    );
    let headers = vec![
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/xml; charset=utf-8"),
        ),
        (
            HeaderName::from_static("soapaction"),
            HeaderValue::from_static(action),
        ),
    ];
    Some(Question {
        instance: token.soap(),
        method: Method::POST,
        path,
        headers,
        body: Bytes::from(envelope),
    })
}

/// As it stands in an element's text.
fn escaped(token: &Secret) -> String {
    let text = token.expose();
    text.replace('&', "&amp;").replace('<', "&lt;")
}

impl<'a> Question<'a> {
    fn get(instance: &'a InstanceUrl, path: &'static str, token: &AccessToken) -> Self {
        Self {
            instance,
            method: Method::GET,
            path,
            headers: vec![
                (AUTHORIZATION, token.bearer().clone()),
                (ACCEPT, HeaderValue::from_static("application/json")),
            ],
            body: Bytes::new(),
        }
    }

    /// Where it goes.
    pub(super) fn instance(&self) -> &InstanceUrl {
        self.instance
    }

    /// Asks, once.
    pub(super) async fn ask(
        self,
        upstream: &Upstream,
        token: &AccessToken,
        limit: Duration,
    ) -> Result<Answered, AskError> {
        let destination = self.instance.destination();
        let agent = concat!("sfmc-auth-proxy/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::builder()
            .method(self.method)
            .uri(format!("{}{}", self.instance.base_path(), self.path))
            .header(HOST, destination.authority())
            .header(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body))?;
        let asking = upstream.send_alone(destination, request, ANSWER_SIZE_MAX);
        let answer = timeout(limit, asking)
            .await
            .map_err(|_elapsed| AskError::Silent(limit))??;
        let media_type = answer.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        Ok(Answered {
            status: answer.status().as_u16(),
            is_page: media_type.is_some_and(|value| value.starts_with("text/html")),
            text: text.replace(token.secret().expose(), REDACTED),
        })
    }
}
