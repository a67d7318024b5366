//! What stands between this machine and the tenant: names, proxies, firewalls, TLS.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;

use sfmc_auth_proxy::doctor::{Code, Mark, Stage};
use sfmc_auth_proxy::sandbox::Face;
use sfmc_auth_proxy::upstream::{EgressProxy, ResolveWith};

use super::Case;
use crate::egress::ConnectProxy;

/// Asked for by the doctor only where another name is not known.
const CONTROL: &str = "login.salesforce.com";
/// Soon enough for a test, and late enough for any answer on loopback.
const SHORT: Duration = Duration::from_millis(600);

/// A name server that knows these names, and says of all others that there are none.
async fn name_server(known: &[(&str, Ipv4Addr)]) -> ResolveWith {
    let known: BTreeMap<_, _> = known
        .iter()
        .map(|(name, address)| ((*name).to_owned(), *address))
        .collect();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut datagram = [0; 1500];
        while let Ok((length, asker)) = socket.recv_from(&mut datagram).await {
            let answer = answer_to(&datagram[..length], &known);
            socket.send_to(&answer, asker).await.unwrap();
        }
    });
    ResolveWith::Servers(vec![address])
}

/// RFC 1035, section 4.
fn answer_to(query: &[u8], known: &BTreeMap<String, Ipv4Addr>) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut place = 12;
    while query[place] != 0 {
        let end = place + 1 + usize::from(query[place]);
        labels.push(String::from_utf8(query[place + 1..end].to_vec()).unwrap());
        place = end;
    }
    let is_v4 = query[place + 2] == 1;
    let address = known.get(&labels.join("."));
    let code = if address.is_some() { 0x80 } else { 0x83 };
    let address = address.filter(|_| is_v4);
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, code, 0, 1, 0, u8::from(address.is_some())]);
    answer.extend([0; 4]);
    answer.extend(&query[12..place + 5]);
    if let Some(address) = address {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

/// A name server that is there and says nothing.
async fn silent_name_server() -> (UdpSocket, ResolveWith) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    (socket, ResolveWith::Servers(vec![address]))
}

/// The vendor's name for the tenant's auth host.
fn vendor_host(case: &Case) -> String {
    case.tenant.settings().vendor_host(Face::Auth)
}

/// The tenant under the vendor's name, which only `resolve_with` knows.
async fn vendor(known: bool, control: bool) -> Case {
    let mut case = Case::new().await;
    let host = vendor_host(&case);
    let mut names = Vec::new();
    if known {
        names.push((host.as_str(), Ipv4Addr::LOCALHOST));
    }
    if control {
        names.push((CONTROL, Ipv4Addr::LOCALHOST));
    }
    case.resolved.upstream.resolve_with = name_server(&names).await;
    let port = case.tenant.address(Face::Auth).port();
    let url = format!("https://{host}:{port}/");
    case.acme().endpoint.auth_url = url.parse().unwrap();
    case
}

/// A port that is taken, and where nobody listens.
fn deaf() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn environment(proxy: &str, no_proxy: &str) -> EgressProxy {
    EgressProxy::environment(|name| match name {
        "https_proxy" => Some(proxy.to_owned()),
        "no_proxy" => Some(no_proxy.to_owned()),
        _ => None,
    })
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_vendors_name_is_looked_up_as_calls_do() {
    let case = vendor(true, false).await;
    let report = case.examined().await;
    report.check_well();
    let found = &report.at(Stage::Dns).message;
    assert_eq!(*found, format!("{} is 127.0.0.1", vendor_host(&case)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_subdomain_is_told_from_a_network_without_names() {
    let report = vendor(false, true).await.examined().await;
    let finding = report.check_failure(Stage::Dns, Code::WrongSubdomain);
    assert!(
        finding
            .message
            .contains("mcsandbox0000000000000000000 is wrong"),
        "{finding:?}"
    );
    report.check_end(Stage::Dns);

    let report = vendor(false, false).await.examined().await;
    report.check_failure(Stage::Dns, Code::DnsBlocked);
    report.check_end(Stage::Dns);

    let mut case = vendor(false, true).await;
    case.acme().endpoint.auth_url = "https://login.tenant.example/".parse().unwrap();
    case.examined()
        .await
        .check_failure(Stage::Dns, Code::UnknownHost);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn name_servers_that_say_nothing_are_blocked() {
    let mut case = vendor(false, false).await;
    let (_server, resolve_with) = silent_name_server().await;
    case.resolved.upstream.resolve_with = resolve_with;
    case.resolved.upstream.connect_timeout = SHORT;
    case.examined()
        .await
        .check_failure(Stage::Dns, Code::DnsBlocked);
    // A proxy is known that would look the name up.
    case.environment = environment("http://proxy.example:3128", "");
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Dns, Code::ProxyNeeded);
    assert!(
        finding
            .fix
            .as_ref()
            .unwrap()
            .contains("upstream.proxy = \"env\"")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_is_known_and_not_used_is_named() {
    let mut case = vendor(true, true).await;
    let (_deaf, address) = deaf();
    let host = vendor_host(&case);
    let url = format!("https://{host}:{}/", address.port());
    case.acme().endpoint.auth_url = url.parse().unwrap();
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Tcp, Code::ConnectionRefused);
    assert!(
        finding.fix.as_ref().unwrap().contains("HTTPS_PROXY"),
        "{finding:?}"
    );
    report.check_end(Stage::Tcp);

    case.resolved.upstream.proxy = environment("http://user:canary@proxy.example:3128", "*");
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Tcp, Code::ProxyNeeded);
    assert!(
        finding.fix.as_ref().unwrap().contains("NO_PROXY"),
        "{finding:?}"
    );
    assert!(
        report
            .at(Stage::Egress)
            .message
            .contains("http://proxy.example:3128")
    );
    assert!(!format!("{:?}", report.0).contains("canary"));

    case.environment = case.resolved.upstream.proxy.clone();
    case.resolved.upstream.proxy = EgressProxy::None;
    case.examined()
        .await
        .check_failure(Stage::Tcp, Code::ProxyNeeded);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_calls_go_through_the_egress_proxy_and_it_is_named() {
    let mut case = vendor(false, false).await;
    let settings = case.tenant.settings().clone();
    let url = |face: Face, port: u16| format!("https://{}:{port}/", settings.vendor_host(face));
    let ports = [Face::Rest, Face::Soap].map(|face| case.tenant.address(face).port());
    case.tenant
        .set_instance_urls(&url(Face::Rest, ports[0]), &url(Face::Soap, ports[1]));
    for face in [Face::Rest, Face::Soap] {
        let trusted = sfmc_auth_proxy::token::TrustedHost {
            host: settings.vendor_host(face),
            port: None,
        };
        case.acme().endpoint.lock.trusted.push(trusted);
    }
    let proxy = ConnectProxy::willing().await;
    case.resolved.upstream.proxy = proxy.egress();
    let report = case.examined().await;
    report.check_well();
    assert_eq!(report.at(Stage::Dns).mark, Mark::LeftOut);
    for stage in [Stage::Egress, Stage::Rest, Stage::Soap] {
        assert!(report.at(stage).message.contains(&proxy.url()), "{stage:?}");
    }
    for face in [Face::Auth, Face::Rest, Face::Soap] {
        let wanted = format!("CONNECT {}:", settings.vendor_host(face));
        assert!(
            proxy.heads().iter().any(|head| head.starts_with(&wanted)),
            "{wanted}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_egress_proxy_that_opens_no_way_is_told_by_its_answer() {
    for (answer, code) in [
        ("HTTP/1.1 403 Forbidden\r\n\r\n", Code::EgressProxyDenied),
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            Code::EgressProxyAuthentication,
        ),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Code::EgressProxyNoWay),
        ("SSH-2.0-OpenSSH\r\n\r\n", Code::EgressProxyUnreachable),
    ] {
        let mut case = vendor(true, true).await;
        case.resolved.upstream.proxy = ConnectProxy::start(answer).await.egress();
        let report = case.examined().await;
        report.check_failure(Stage::Tcp, code);
        report.check_end(Stage::Tcp);
    }
    let mut case = vendor(true, true).await;
    let (_deaf, address) = deaf();
    case.resolved.upstream.proxy = EgressProxy::url(&format!("http://{address}")).unwrap();
    case.examined()
        .await
        .check_failure(Stage::Tcp, Code::EgressProxyUnreachable);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_takes_no_connections_or_never_answers_is_blocked() {
    let mut case = Case::new().await;
    let (_deaf, address) = deaf();
    case.acme().endpoint.auth_url = format!("https://{address}/").parse().unwrap();
    let report = case.examined().await;
    report.check_failure(Stage::Tcp, Code::ConnectionRefused);
    // The kernel takes the connection, and nobody ever says a word.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    case.acme().endpoint.auth_url = url.parse().unwrap();
    case.resolved.upstream.connect_timeout = SHORT;
    let report = case.examined().await;
    report.check_failure(Stage::Tls, Code::EgressBlocked);
    report.check_end(Stage::Tls);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_to_the_proxy_itself_is_seen() {
    let case = vendor(true, true).await;
    let mut settings = super::settings(&case);
    settings.listeners = vec![case.tenant.address(Face::Auth)];
    let report = super::examined(&settings, &super::subject(&case)).await;
    report.check_failure(Stage::Tcp, Code::LeadsBack);
    assert_eq!(case.tenant.token_requests(), 0);
}

/// A TLS server for `name`, signed by an authority of this name, good until that year.
async fn presenting(authority: &str, name: &str, until: i32) -> SocketAddr {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, authority);
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Contoso");
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.not_before = date_time_ymd(2020, 1, 1);
    leaf.not_after = date_time_ymd(until, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = leaf.signed_by(&key, &issuer).unwrap();
    let chain: Vec<CertificateDer<'static>> =
        vec![certificate.der().clone(), authority.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            drop(acceptor.accept(stream).await);
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_a_corporate_proxy_opens_is_told_with_the_proxys_name() {
    let mut case = Case::new().await;
    let address = presenting("Contoso Web Gateway CA", "localhost", 2090).await;
    let url = format!("https://localhost:{}/", address.port());
    case.acme().endpoint.auth_url = url.parse().unwrap();
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Tls, Code::TlsIntercepted);
    assert!(
        finding.message.contains("Contoso Web Gateway CA, Contoso"),
        "{finding:?}"
    );
    assert!(finding.fix.as_ref().unwrap().contains("ca_file"));
    report.check_end(Stage::Tls);
}

/// The certificate that the last authority of the chain would be trusted by.
async fn trusting(name: &str, until: i32) -> Case {
    let mut case = Case::new().await;
    let address = presenting("Contoso Web Gateway CA", name, until).await;
    let url = format!("https://localhost:{}/", address.port());
    case.acme().endpoint.auth_url = url.parse().unwrap();
    let seen = presented(address).await;
    case.acme().extra_roots = Arc::new(vec![seen]);
    case
}

/// The authority's certificate, as a server presents it.
async fn presented(address: SocketAddr) -> CertificateDer<'static> {
    use sfmc_auth_proxy::upstream::{Settings, Trust, Upstream};
    let settings: Settings = crate::egress::upstream_settings();
    let upstream = Upstream::new(settings);
    let trust = Trust::system().unwrap();
    let url = format!("https://{address}/").parse().unwrap();
    let destination = upstream.destination(&url, &trust).unwrap();
    let reached = upstream.reach(&destination, &[address.ip()]).await.unwrap();
    let shaken = upstream.shake_hands(reached, &destination, &trust).await;
    shaken.unwrap().chain.last().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_are_over_or_for_another_name_are_told_apart() {
    let report = trusting("localhost", 2021).await.examined().await;
    let finding = report.check_failure(Stage::Tls, Code::CertificateExpired);
    assert!(finding.message.contains("2021"), "{finding:?}");
    let report = trusting("portal.example", 2090).await.examined().await;
    let finding = report.check_failure(Stage::Tls, Code::CertificateWrongName);
    assert!(finding.message.contains("portal.example"), "{finding:?}");
}

/// A listener that answers the first bytes of everyone with these.
async fn answering(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _peer)) = listener.accept().await {
            tokio::spawn(async move {
                let mut hello = [0; 4096];
                if stream.read(&mut hello).await.is_ok() {
                    stream.write_all(bytes).await.ok();
                    // Held open until the other end has read it.
                    stream.read_u8().await.ok();
                }
            });
        }
    });
    address
}

/// RFC 5246: an alert that says `protocol_version`.
const TOO_OLD_ALERT: &[u8] = &[21, 3, 2, 0, 2, 2, 70];
/// RFC 6066: one that says `unrecognized_name`.
const UNKNOWN_NAME_ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 112];
/// A ServerHello of TLS 1.1: version, 32 random bytes, no session, one suite, no compression.
const TOO_OLD_HELLO: &[u8] = &[
    22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0x2f, 0,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_that_is_too_old_and_what_is_no_tls_are_told_apart() {
    for (bytes, code) in [
        (TOO_OLD_ALERT, Code::TlsTooOld),
        (TOO_OLD_HELLO, Code::TlsTooOld),
        (UNKNOWN_NAME_ALERT, Code::UnknownHost),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n",
            Code::NoTls,
        ),
    ] {
        let mut case = Case::new().await;
        let url = format!("https://localhost:{}/", answering(bytes).await.port());
        case.acme().endpoint.auth_url = url.parse().unwrap();
        let report = case.examined().await;
        report.check_failure(Stage::Tls, code);
        report.check_end(Stage::Tls);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_cannot_be_reached_is_told_as_the_auth_host_is() {
    let case = Case::new().await;
    let (_deaf, address) = deaf();
    let rest = format!("https://{}/", case.tenant.rest_authority());
    let soap = format!("https://localhost:{}/", address.port());
    case.tenant.set_instance_urls(&rest, &soap);
    let mut case = case;
    case.acme()
        .endpoint
        .lock
        .trusted
        .push(sfmc_auth_proxy::token::TrustedHost {
            host: "localhost".to_owned(),
            port: None,
        });
    let report = case.examined().await;
    report.check_failure(Stage::Soap, Code::ConnectionRefused);
}
