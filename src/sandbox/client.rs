//! A client for the tenant's own tests, which knows nothing of the proxy.
//!
//! One connection a call; fails loudly.

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
    let name = "localhost".try_into().unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn authority(tenant: &Tenant, face: Face) -> &str {
    match face {
        Face::Auth => tenant.auth_authority(),
        Face::Rest => tenant.rest_authority(),
        Face::Soap => tenant.soap_authority(),
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
