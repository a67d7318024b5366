//! A client for the tenant's own tests, which knows nothing of the proxy.
//!
//! One connection a call; fails loudly.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Face, Settings, Tenant};

pub(super) async fn tenant() -> Tenant {
    Tenant::start(Settings::default()).await.unwrap()
}

pub(super) async fn connect(tenant: &Tenant, face: Face) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(tenant, face, "localhost").await
}

/// The same under another name, as a client does for which names are overridden.
pub(super) async fn connect_as(
    tenant: &Tenant,
    face: Face,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(tenant.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(tenant.address(face)).await?;
    let name = name.to_owned().try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn authority(tenant: &Tenant, face: Face) -> &str {
    match face {
        Face::Auth => tenant.auth_authority(),
        Face::Rest => tenant.rest_authority(),
        Face::Soap => tenant.soap_authority(),
        Face::Core => tenant.core_authority(),
        Face::DataCloud => tenant.data_cloud_authority(),
        Face::AccountEngagement => tenant.account_engagement_authority(),
    }
}

pub(super) async fn call(
    tenant: &Tenant,
    face: Face,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Response<Bytes>, hyper::Error> {
    let stream = connect(tenant, face).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(20_000)
        .handshake(TokioIo::new(stream))
        .await?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(method).uri(target);
    if !headers.iter().any(|(name, _)| *name == "Host") {
        request = request.header("Host", authority(tenant, face));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request
        .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
        .unwrap();
    let (parts, body) = sender.send_request(request).await?.into_parts();
    Ok(Response::from_parts(
        parts,
        body.collect().await?.to_bytes(),
    ))
}

pub(super) async fn ask_token(tenant: &Tenant, changes: Value) -> (u16, Value) {
    let mut body = json!({
        "grant_type": "client_credentials",
        "client_id": tenant.settings().client_id,
        "client_secret": tenant.settings().client_secret,
    });
    for (key, value) in changes.as_object().unwrap() {
        body[key] = value.clone();
    }
    // What is null is left out.
    body.as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    let headers = [("Content-Type", "application/json")];
    let answer = call(
        tenant,
        Face::Auth,
        "POST",
        "/v2/token",
        &headers,
        &body.to_string(),
    )
    .await
    .unwrap();
    (
        answer.status().as_u16(),
        serde_json::from_slice(answer.body()).unwrap(),
    )
}

pub(super) async fn token(tenant: &Tenant, changes: Value) -> String {
    let (status, answer) = ask_token(tenant, changes).await;
    assert_eq!(status, 200, "{answer}");
    format!("Bearer {}", answer["access_token"].as_str().unwrap())
}

pub(super) async fn rest(
    tenant: &Tenant,
    method: &str,
    target: &str,
    bearer: &str,
    body: &str,
) -> Response<Bytes> {
    let headers = [
        ("Authorization", bearer),
        ("Content-Type", "application/json"),
    ];
    call(tenant, Face::Rest, method, target, &headers, body)
        .await
        .unwrap()
}

/// An authorize request as it should be, with these parameters changed, or left out where they are empty.
pub(super) fn authorize_target(tenant: &Tenant, face: Face, changes: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", tenant.settings().client_id.as_str()),
        ("redirect_uri", "http://127.0.0.1:7363/oauth/callback"),
        ("state", "the state"),
    ];
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (key, value) in usual {
        if !changes.iter().any(|(changed, _)| *changed == key) {
            query.append_pair(key, value);
        }
    }
    query.extend_pairs(changes);
    let path = match face {
        Face::Core => "/services/oauth2/authorize",
        _ => "/v2/authorize",
    };
    format!("{path}?{}", query.finish())
}

/// A code for an authorize request with these changes, as a user who allows would give it.
pub(super) fn code(tenant: &Tenant, face: Face, changes: &[(&str, &str)]) -> String {
    let base = match face {
        Face::Core => tenant.core_url(),
        _ => tenant.auth_url(),
    };
    let target = authorize_target(tenant, face, changes);
    let url = format!("{}{target}", base.trim_end_matches('/'));
    query_of(&tenant.authorize(&url).unwrap())["code"].clone()
}

/// The query of a URL.
pub(super) fn query_of(url: &str) -> HashMap<String, String> {
    let query = url.split_once('?').unwrap().1;
    form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect()
}

/// Posts a form to the core face and reads the JSON that comes.
pub(super) async fn core_form(
    tenant: &Tenant,
    target: &str,
    fields: &[(&str, &str)],
) -> (u16, Value) {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = call(tenant, Face::Core, "POST", target, &headers, &form.finish())
        .await
        .unwrap();
    (answer.status().as_u16(), parsed(&answer))
}

/// A core token of the client's own.
pub(super) async fn core_token(tenant: &Tenant) -> String {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", tenant.settings().client_id.as_str()),
        ("client_secret", tenant.settings().client_secret.as_str()),
    ];
    let (status, answer) = core_form(tenant, "/services/oauth2/token", &fields).await;
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

pub(super) fn parsed(answer: &Response<Bytes>) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

pub(super) async fn control(
    tenant: &Tenant,
    method: &str,
    target: &str,
    body: &str,
    more: &str,
) -> String {
    let address = tenant.control_url();
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
