//! `--attach`: a running proxy is asked for a placeholder, which then is the command's password there. It carries who asks,
//! the selection and the mode; the client's secret itself goes no further.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST};
use http::uri::Authority;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::TcpStream;

use super::environment::Access;
use crate::identity::is_placeholder;
use crate::policy::Mode;

/// The proxy answers by itself and at once.
const PATIENCE: Duration = Duration::from_secs(15);
const ANSWER_SIZE_MAX: usize = 64 << 10;
const PORT: u16 = 80;

/// A running proxy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    host: String,
    port: u16,
    /// Name and secret of a client.
    client: Option<(String, String)>,
}

impl Proxy {
    /// Reads `http://[CLIENT:SECRET@]HOST[:PORT]`. Quotes nothing of it: a secret may stand in it.
    pub(super) fn read(url: &str) -> Result<Self, String> {
        let wrong =
            || "--attach wants the URL of a running proxy, as http://CLIENT:SECRET@127.0.0.1:7362";
        let uri: Uri = url.parse().map_err(|_quotes| wrong())?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(
                    "--attach speaks http only; give the URL of one of the proxy's http listeners"
                        .to_owned(),
                );
            }
            _ => return Err(wrong().to_owned()),
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(
                "--attach takes no path; tenant and account are given as TENANT:ACCOUNT".to_owned(),
            );
        }
        let authority = uri.authority().ok_or_else(wrong)?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(wrong().to_owned());
        }
        Ok(Self {
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(PORT),
            client: client(authority).map_err(str::to_owned)?,
        })
    }

    /// Asks it for a placeholder.
    pub(super) async fn ask(&self, selection: Option<&str>, mode: Mode) -> Result<Access, String> {
        let request = self.request(selection, mode)?;
        let asked = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let (status, body) = asked
            .unwrap_or_else(|_elapsed| Err(format!("no answer within {PATIENCE:?}")))
            .map_err(|cause| {
                format!("the proxy at {} cannot be asked: {cause}", self.authority())
            })?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status != StatusCode::OK {
            let words = ["detail", "error_description", "message"]
                .into_iter()
                .find_map(|name| body.get(name)?.as_str())
                .unwrap_or("(no words)");
            let authority = self.authority();
            return Err(format!(
                "the proxy at {authority} answers {}: {words}",
                status.as_u16()
            ));
        }
        let token = body.get("access_token").and_then(Value::as_str);
        match token.filter(|token| is_placeholder(token)) {
            Some(token) => Ok(Access {
                host: self.host.clone(),
                port: self.port,
                password: token.to_owned(),
                token: token.to_owned(),
            }),
            None => Err(format!(
                "what answers at {} is no sfmc-auth-proxy: its token is none of ours",
                self.authority()
            )),
        }
    }

    fn authority(&self) -> String {
        super::environment::authority(&self.host, self.port)
    }

    fn request(&self, selection: Option<&str>, mode: Mode) -> Result<Request<Full<Bytes>>, String> {
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b':');
        let path = match selection {
            Some(selection) if selection.bytes().all(plain) => format!("/@{selection}/v2/token"),
            Some(selection) => return Err(format!("{selection:?} is no TENANT[:ACCOUNT]")),
            None => "/v2/token".to_owned(),
        };
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some((name, secret)) = &self.client {
            form.append_pair("client_id", name);
            form.append_pair("client_secret", secret);
        }
        let mut request = Request::post(path)
            .header(HOST, self.authority())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(CONNECTION, "close");
        if mode != Mode::Full {
            request = request.header("sfmc-mode", mode.name());
        }
        let body = Full::new(Bytes::from(form.finish()));
        request.body(body).map_err(|error| error.to_string())
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), String> {
        let words = |error: &dyn std::error::Error| error.to_string();
        let stream = TcpStream::connect((self.host.as_str(), self.port))
            .await
            .map_err(|error| words(&error))?;
        let (mut sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| words(&error))?;
        tokio::spawn(connection);
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| words(&error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_SIZE_MAX).collect().await;
        let body = body.map_err(|error| words(error.as_ref()))?;
        Ok((head.status, body.to_bytes()))
    }
}

/// The URL's user information, its percent signs decoded.
fn client(authority: &Authority) -> Result<Option<(String, String)>, &'static str> {
    let Some((user_information, _host)) = authority.as_str().rsplit_once('@') else {
        return Ok(None);
    };
    let (name, secret) = user_information
        .split_once(':')
        .unwrap_or((user_information, ""));
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(|text| text.into_owned())
            .map_err(|_quotes| "the user or password in the URL of --attach is not UTF-8")
    };
    Ok(Some((decoded(name)?, decoded(secret)?)))
}
