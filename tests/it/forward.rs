//! The proxy as a forward proxy: absolute targets, CONNECT with the local CA, https listeners, and hosts that are no tenant's.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use rcgen::{CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use sfmc_auth_proxy::config::{AuthorityPlace, Resolved};
use sfmc_auth_proxy::proxy::{AnswerUrls, ListenerSelection, OtherHosts};
use sfmc_auth_proxy::server::{Address, Certificate};

use crate::harness::{Answer, Client, EMEA, PARENT, PATIENCE, Stage};
use crate::identities::{ECHO, basic, two_clients};

fn intercepting(resolved: &mut Resolved) {
    resolved.authority = AuthorityPlace::ThisProcess;
    resolved.proxy.intercept = true;
}

pub fn host(stage: &Stage, api: &str) -> String {
    let subdomain = &stage.tenant.settings().subdomain;
    format!("{subdomain}.{api}.marketingcloudapis.com")
}

fn account(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["account"].as_u64().unwrap()
}

/// Sends a CONNECT by hand; the status line and headers, and the stream behind them.
async fn connect(proxy: SocketAddr, target: &str, headers: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(proxy).await.unwrap();
    let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        match byte.expect("an answer in time") {
            Ok(byte) => head.push(byte),
            Err(_end) => break,
        }
    }
    (String::from_utf8_lossy(&head).into_owned(), stream)
}

fn trusting(
    pem: &str,
    identity: Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        Some((certificate, key)) => config
            .with_client_auth_cert(vec![certificate], key)
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    TlsConnector::from(Arc::new(config))
}

fn name(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// TLS inside a CONNECT, trusting the proxy's CA.
pub async fn through(
    stage: &Stage,
    target: &str,
    headers: &str,
    sni: &str,
) -> TlsStream<TcpStream> {
    let (head, stream) = connect(stage.address(), target, headers).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let pem = stage.proxy.authority().unwrap().pem().to_owned();
    trusting(&pem, None)
        .connect(name(sni), stream)
        .await
        .expect("a certificate for the host")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn absolute_targets_lead_to_the_tenants_instance_over_tls() {
    let stage = Stage::new().await;
    for target in [
        format!("http://{}{ECHO}?x=%2F", host(&stage, "rest")),
        format!("https://{}{ECHO}?x=%2F", host(&stage, "rest")),
        format!("https://{}:443{ECHO}?x=%2F", host(&stage, "REST")),
        format!("http://www.exacttargetapis.com{ECHO}?x=%2F"),
        format!("http://{}{ECHO}?x=%2F", stage.address()),
        format!("http://localhost:{}{ECHO}?x=%2F", stage.address().port()),
    ] {
        assert_eq!(account(&stage.get(&target).await), PARENT, "{target}");
        let received = stage.received();
        let sent = received.last().unwrap();
        assert_eq!(sent.target, format!("{ECHO}?x=%2F"), "{target}");
        assert_eq!(sent.header("host"), Some(stage.tenant.rest_authority()));
    }
    let answer = stage
        .get(&format!("http://{}/@acme:emea{ECHO}", host(&stage, "rest")))
        .await;
    assert_eq!(account(&answer), EMEA);
    for soap in [
        host(&stage, "soap"),
        "webservice.s7.exacttarget.com".to_owned(),
    ] {
        let wsdl = stage.get(&format!("http://{soap}/etframework.wsdl")).await;
        assert_eq!(wsdl.status, 200, "{soap}");
        let ours = format!("location=\"http://{}/Service.asmx\"", stage.address());
        assert!(wsdl.text().contains(&ours), "{soap}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_are_no_tenants_are_denied_and_nothing_is_sent() {
    let stage = Stage::with(|_tenant| {}, intercepting).await;
    let foreign = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = foreign.local_addr().unwrap().port();
    for target in [
        "http://example.com/".to_owned(),
        "https://example.com/".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        format!("http://mcother.rest.marketingcloudapis.com{ECHO}"),
        "http://api.s4.exacttarget.com/integrate.aspx".to_owned(),
        format!("http://{}:8080{ECHO}", host(&stage, "rest")),
    ] {
        let answer = stage.get(&target).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "destination_not_allowed"),
            "{target}"
        );
    }
    for target in [
        "example.com:443",
        "169.254.169.254:80",
        "metadata.google.internal:80",
        &format!("127.0.0.1:{port}"),
        "mcother.rest.marketingcloudapis.com:443",
        &format!("{}:8443", host(&stage, "rest")),
    ] {
        let (head, _stream) = connect(stage.address(), target, "").await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{target}: {head}");
        assert!(head.contains("destination_not_allowed"), "{head}");
    }
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_serves_the_tenants_hosts_with_the_local_ca() {
    let stage = Stage::with(|_tenant| {}, intercepting).await;
    let rest = host(&stage, "rest");
    let stream = through(&stage, &format!("{rest}:443"), "", &rest).await;
    let mut client = Client::over(stream, &rest).await;
    for _kept_alive in 0..3 {
        assert_eq!(account(&client.get(ECHO).await), PARENT);
    }
    let sent = stage.received();
    assert!(
        sent.iter()
            .all(|entry| entry.header("host") == Some(stage.tenant.rest_authority()))
    );
    let auth = host(&stage, "auth");
    let stream = through(&stage, &format!("{auth}:443"), "", &auth).await;
    let mut client = Client::over(stream, &auth).await;
    let body = json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"});
    let told = client.post("/v2/token", body.to_string()).await.json();
    assert_eq!(
        told["rest_instance_url"],
        format!("http://{}/", stage.address())
    );
    let retired = client.post("/v1/requestToken?legacy=1", "{}").await;
    assert_eq!(retired.json()["errorcode"], 10_007);
    let own = stage.address().to_string();
    let stream = through(&stage, &own, "", "127.0.0.1").await;
    let mut client = Client::over(stream, &own).await;
    assert_eq!(account(&client.get("/@acme:emea/sandbox/echo").await), EMEA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn urls_can_keep_the_hosts_that_the_caller_asked() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            intercepting(resolved);
            resolved.proxy.listeners[0].answer_urls = AnswerUrls::AsCalled;
        },
    )
    .await;
    let auth = host(&stage, "auth");
    let stream = through(&stage, &format!("{auth}:443"), "", &auth).await;
    let mut client = Client::over(stream, &auth).await;
    let body = json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"});
    let told = client.post("/v2/token", body.to_string()).await.json();
    assert_eq!(
        told["rest_instance_url"],
        format!("https://{}/", host(&stage, "rest"))
    );
    assert_eq!(
        told["soap_instance_url"],
        format!("https://{}/", host(&stage, "soap"))
    );
    let plain = stage
        .client()
        .await
        .post("/v2/token", body.to_string())
        .await;
    assert_eq!(
        plain.json()["rest_instance_url"],
        format!("http://{}/", stage.address()),
        "who asked the proxy by its own name stays with it"
    );
    let endpoints = format!("http://{}/platform/v1/endpoints/soap", host(&stage, "rest"));
    let told = stage.get(&endpoints).await.json();
    assert_eq!(
        told["url"],
        format!("http://{}/Service.asmx", host(&stage, "soap"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_tls_name_and_host_have_to_be_one() {
    let stage = Stage::with(|_tenant| {}, intercepting).await;
    let (rest, soap) = (host(&stage, "rest"), host(&stage, "soap"));
    let target = format!("{rest}:443");
    for (sni, named) in [(&rest, &soap), (&soap, &soap), (&soap, &rest)] {
        let stream = through(&stage, &target, "", sni).await;
        let answer = Client::over(stream, named).await.get(ECHO).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (421, "host_not_allowed"),
            "{sni} {named}"
        );
    }
    let stream = through(&stage, &target, "", &rest).await;
    let mut client = Client::over(stream, &rest).await;
    let elsewhere = client.get(&format!("http://{soap}{ECHO}")).await;
    assert_eq!(elsewhere.code(), "host_not_allowed");
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connect_needs_interception_and_does_not_nest() {
    let plain = Stage::new().await;
    let target = format!("{}:443", host(&plain, "rest"));
    let (head, _stream) = connect(plain.address(), &target, "").await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let stage = Stage::with(|_tenant| {}, intercepting).await;
    let rest = host(&stage, "rest");
    let mut stream = through(&stage, &target, "", &rest).await;
    stream
        .write_all(
            format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n")
                .as_bytes(),
        )
        .await
        .unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.ok();
    assert!(said.starts_with(b"HTTP/1.1 403 "));
    for nonsense in ["localhost", ":443", "a b:443"] {
        let (head, _stream) = connect(stage.address(), nonsense, "").await;
        assert!(!head.starts_with("HTTP/1.1 2"), "{nonsense}: {head}");
    }
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forward_callers_are_asked_for_credentials_as_by_a_proxy() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            intercepting(resolved);
            two_clients(resolved);
        },
    )
    .await;
    let rest = host(&stage, "rest");
    let target = format!("{rest}:443");
    for wrong in [String::new(), basic("newsletter", "wrong")] {
        let header = match wrong.as_str() {
            "" => String::new(),
            value => format!("Proxy-Authorization: {value}\r\n"),
        };
        let (head, _stream) = connect(stage.address(), &target, &header).await;
        assert!(head.starts_with("HTTP/1.1 407 "), "{head}");
        assert!(
            head.to_lowercase().contains("proxy-authenticate: basic"),
            "{head}"
        );
    }
    let answer = stage.get(&format!("http://{rest}{ECHO}")).await;
    assert_eq!(answer.status, 407);
    let newsletter = basic("newsletter", "news-secret");
    let header = format!("Proxy-Authorization: {newsletter}\r\n");
    let stream = through(&stage, &target, &header, &rest).await;
    let mut client = Client::over(stream, &rest).await;
    assert_eq!(
        account(&client.get(ECHO).await),
        EMEA,
        "known by its CONNECT"
    );
    let other = Request::get(ECHO)
        .header("authorization", basic("billing", "bill-secret"))
        .body(Bytes::new())
        .unwrap();
    let refused = client.send(other).await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (401, "client_unauthenticated"),
        "inside, the caller speaks to a host and not to a proxy"
    );
    let foreign = Request::get(ECHO)
        .header("authorization", "Bearer of-salesforce")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(account(&client.send(foreign).await), EMEA);
    let absolute = Request::get(format!("http://{rest}{ECHO}"))
        .header("proxy-authorization", newsletter)
        .body(Bytes::new())
        .unwrap();
    assert_eq!(account(&stage.send(absolute).await), EMEA);
}

/// A server that says back what it hears, once.
async fn echo_server() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let size = stream.read(&mut heard).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Theirs: yes\r\n\r\nhi")
            .await
            .unwrap();
        String::from_utf8_lossy(&heard[..size]).into_owned()
    });
    (port, heard)
}

fn tunnelling(reach: OtherHosts) -> impl FnOnce(&mut Resolved) {
    move |resolved| {
        intercepting(resolved);
        two_clients(resolved);
        resolved.proxy.other_hosts = reach;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_hosts_are_reached_raw_where_that_is_wanted() {
    let stage = Stage::with(|_tenant| {}, tunnelling(OtherHosts::TunnelAnywhere)).await;
    let newsletter = basic("newsletter", "news-secret");
    let header = format!("Proxy-Authorization: {newsletter}\r\n");
    let (port, heard) = echo_server().await;
    let (head, mut stream) = connect(stage.address(), &format!("127.0.0.1:{port}"), &header).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    stream.write_all(b"anything at all").await.unwrap();
    let mut said = [0; 15];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(
        (heard.await.unwrap().as_str(), &said),
        ("anything at all", b"HTTP/1.1 200 OK")
    );
    let (port, heard) = echo_server().await;
    let request = Request::post(format!("http://127.0.0.1:{port}/x?y"))
        .header("proxy-authorization", newsletter.as_str())
        .header("authorization", "Bearer of-that-host")
        .header("sfmc-account", "emea")
        .header("connection", "x-hop")
        .header("x-hop", "1")
        .body(Bytes::from_static(b"body"))
        .unwrap();
    let answer = stage.send(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text().as_str()),
        (200, "hi")
    );
    assert_eq!(answer.header("x-theirs"), "yes");
    let heard = heard.await.unwrap().to_lowercase();
    assert!(heard.starts_with("post /x?y http/1.1\r\n"), "{heard}");
    assert!(
        heard.contains("authorization: bearer of-that-host\r\n"),
        "{heard}"
    );
    assert!(heard.contains(&format!("host: 127.0.0.1:{port}\r\n")) && heard.ends_with("body"));
    for kept in ["proxy-authorization", "sfmc-account", "x-hop"] {
        assert!(!heard.contains(kept), "{heard}");
    }
    let (port, heard) = echo_server().await;
    let ours = Request::get(format!("http://127.0.0.1:{port}/"))
        .header("proxy-authorization", newsletter.as_str())
        .header("authorization", newsletter.as_str())
        .body(Bytes::new())
        .unwrap();
    stage.send(ours).await;
    let heard = heard.await.unwrap().to_lowercase();
    assert!(
        !heard.contains("authorization"),
        "a client's secret goes nowhere: {heard}"
    );
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_lead_to_the_public_network_alone_and_to_nobody_unknown() {
    let stage = Stage::with(|_tenant| {}, tunnelling(OtherHosts::Tunnel)).await;
    let private = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = private.local_addr().unwrap().port();
    let header = format!(
        "Proxy-Authorization: {}\r\n",
        basic("newsletter", "news-secret")
    );
    for target in [
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("[::ffff:127.0.0.1]:{port}"),
        "169.254.169.254:80".to_owned(),
        "10.0.0.1:443".to_owned(),
        "[fd00::1]:443".to_owned(),
    ] {
        let (head, _stream) = connect(stage.address(), &target, &header).await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{target}: {head}");
    }
    let own = stage.proxy.admin();
    let (head, _stream) = connect(stage.address(), &own.to_string(), &header).await;
    assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    let (head, _stream) = connect(stage.address(), "example.com:443", "").await;
    assert!(head.starts_with("HTTP/1.1 407 "), "{head}");
    let accepted = private.accept();
    tokio::select! {
        biased;
        _ = accepted => panic!("somebody was let through"),
        () = std::future::ready(()) => {}
    }
}

/// A CA, and a certificate of it.
struct Issued {
    root: CertificateDer<'static>,
    root_pem: String,
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

fn issue(common_name: &str, names: &[&str]) -> Issued {
    let root_key = KeyPair::generate().unwrap();
    let mut root = CertificateParams::new(Vec::new()).unwrap();
    root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let signed = root.self_signed(&root_key).unwrap();
    let issuer = Issuer::new(root, root_key);
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    Issued {
        root: signed.der().clone(),
        root_pem: signed.pem(),
        certificate: params.signed_by(&key, &issuer).unwrap().der().clone(),
        key,
    }
}

fn private(issued: &Issued) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(issued.key.serialize_der().into())
}

/// Adds an https listener; its index is 1.
fn secure_listener(resolved: &mut Resolved, selection: ListenerSelection) {
    let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
    resolved.server.listeners.push(address);
    resolved.server.tls_listeners = vec![1];
    resolved.proxy.listeners.push(selection);
}

async fn secure(
    stage: &Stage,
    connector: &TlsConnector,
    sni: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let Address::Tcp(address) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let stream = TcpStream::connect(address).await?;
    connector.connect(name(sni), stream).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_https_listener_chooses_by_the_tls_name() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            intercepting(resolved);
            secure_listener(resolved, ListenerSelection::default());
        },
    )
    .await;
    let Address::Tcp(address) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let connector = trusting(stage.proxy.authority().unwrap().pem(), None);
    let auth = host(&stage, "auth");
    let stream = secure(&stage, &connector, &auth).await.unwrap();
    let mut client = Client::over(stream, &auth).await;
    let body = json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"});
    let told = client.post("/v2/token", body.to_string()).await.json();
    assert_eq!(told["rest_instance_url"], format!("https://{address}/"));
    let stream = secure(&stage, &connector, "127.0.0.1").await.unwrap();
    let mut client = Client::over(stream, &address.to_string()).await;
    assert_eq!(
        account(&client.get(ECHO).await),
        PARENT,
        "the address that was told works"
    );
    let rest = host(&stage, "rest");
    let stream = secure(&stage, &connector, &rest).await.unwrap();
    let mut client = Client::over(stream, &auth).await;
    assert_eq!(client.get(ECHO).await.code(), "host_not_allowed");
    for (name_of_header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let stream = secure(&stage, &connector, &rest).await.unwrap();
        let page = Request::get(ECHO).header(name_of_header, value);
        let answer = Client::over(stream, &rest)
            .await
            .send(page.body(Bytes::new()).unwrap())
            .await;
        assert_eq!(answer.code(), "browser_request_refused", "{value}");
    }
    let refused = secure(&stage, &connector, "example.com").await;
    assert!(refused.is_err(), "no certificate for foreign names");
    // In clear nothing is served here.
    let mut plain = TcpStream::connect(address).await.unwrap();
    plain
        .write_all(b"GET /sandbox/echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut said = Vec::new();
    plain.read_to_end(&mut said).await.ok();
    assert!(!said.starts_with(b"HTTP/"));
    assert_eq!(stage.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_name_clients() {
    let listener = issue("gateway", &["gateway.example", "localhost"]);
    let mut known = issue("Newsletter", &[]);
    let roots = vec![known.root.clone()];
    let certificate =
        Certificate::new(vec![listener.certificate.clone()], &private(&listener)).unwrap();
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            two_clients(resolved);
            resolved.proxy.clients[0].secrets.clear();
            resolved.server.tls.certificate = Some(certificate);
            resolved.server.tls.client_roots = roots;
            secure_listener(resolved, ListenerSelection::default());
            resolved.proxy.allowed_hosts = vec!["gateway.example".to_owned()];
        },
    )
    .await;
    let identity = Some((known.certificate.clone(), private(&known)));
    let with = trusting(&listener.root_pem, identity);
    let stream = secure(&stage, &with, "gateway.example").await.unwrap();
    let mut client = Client::over(stream, "gateway.example").await;
    assert_eq!(account(&client.get(ECHO).await), EMEA);
    let body = json!({"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"});
    let told = client.post("/v2/token", body.to_string()).await.json();
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let handed = |bearer: &str| {
        Request::get(ECHO)
            .header("authorization", bearer)
            .body(Bytes::new())
            .unwrap()
    };
    assert_eq!(account(&client.send(handed(&bearer)).await), EMEA);
    assert_eq!(
        stage.send(handed(&bearer)).await.code(),
        "client_unauthenticated",
        "without the certificate it proves nothing"
    );
    let without = trusting(&listener.root_pem, None);
    let stream = secure(&stage, &without, "gateway.example").await.unwrap();
    let mut client = Client::over(stream, "gateway.example").await;
    assert_eq!(client.get(ECHO).await.code(), "client_unauthenticated");
    let by_secret = Request::get(ECHO)
        .header("authorization", basic("billing", "bill-secret"))
        .body(Bytes::new())
        .unwrap();
    assert_eq!(account(&client.send(by_secret).await), PARENT);
    // Of another authority: the handshake itself fails, at the latest with the first answer.
    known = issue("newsletter", &[]);
    let identity = Some((known.certificate.clone(), private(&known)));
    let forged = trusting(&listener.root_pem, identity);
    let refused = match secure(&stage, &forged, "gateway.example").await {
        Err(_refused) => true,
        Ok(mut stream) => {
            let sent = stream
                .write_all(b"GET /sandbox/echo HTTP/1.1\r\nHost: gateway.example\r\n\r\n")
                .await;
            let mut said = Vec::new();
            sent.is_err() || stream.read_to_end(&mut said).await.is_err() || said.is_empty()
        }
    };
    assert!(refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_certificate_holds_for_new_handshakes() {
    let shown = |issued: &Issued| {
        Certificate::new(vec![issued.certificate.clone()], &private(issued)).unwrap()
    };
    let (old, new) = (issue("old", &["localhost"]), issue("new", &["localhost"]));
    let (old_shown, new_shown) = (shown(&old), shown(&new));
    let mut stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.server.tls.certificate = Some(old_shown);
            secure_listener(resolved, ListenerSelection::default());
        },
    )
    .await;
    let (by_old, by_new) = (trusting(&old.root_pem, None), trusting(&new.root_pem, None));
    let stream = secure(&stage, &by_old, "localhost").await.unwrap();
    let mut client = Client::over(stream, "localhost").await;
    assert_eq!(client.get(ECHO).await.status, 200);
    let mut settings = crate::harness::resolved(&stage.tenant);
    settings.server.tls.certificate = Some(new_shown);
    secure_listener(&mut settings, ListenerSelection::default());
    stage.proxy.reload(settings).await.unwrap();
    assert_eq!(client.get(ECHO).await.status, 200, "it stands");
    assert!(secure(&stage, &by_old, "localhost").await.is_err());
    let stream = secure(&stage, &by_new, "localhost").await.unwrap();
    let mut client = Client::over(stream, "localhost").await;
    assert_eq!(client.get(ECHO).await.status, 200);
    // What cannot be offered is refused whole.
    let mut settings = crate::harness::resolved(&stage.tenant);
    settings.server.tls.client_roots = vec![CertificateDer::from(vec![0])];
    secure_listener(&mut settings, ListenerSelection::default());
    assert!(stage.proxy.reload(settings).await.is_err());
    assert!(secure(&stage, &by_new, "localhost").await.is_ok());
}
