//! The way out: names asked of the operator's own servers, connections that would lead back here, egress proxies, and raw
//! tunnels to foreign hosts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use sfmc_auth_proxy::app;
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::sandbox::{Face, Tenant};
use sfmc_auth_proxy::server::Address;
use sfmc_auth_proxy::token::TrustedHost;
use sfmc_auth_proxy::upstream::{
    DialError, EgressProxy, Reach, ResolveWith, SendError, Settings, Trust, Upstream,
};

use crate::harness::{PATIENCE, Stage, resolved, tenant_settings};

const ECHO: &str = "/sandbox/echo";
/// A name that no resolver of any machine knows.
const NAME: &str = "tenant.example";
/// What a DNS question for an IPv4 address has as its type.
const A: u16 = 1;

/// A name server that knows one set of addresses for whatever name, and remembers what it was asked.
struct NameServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, u16)>>>,
}

impl NameServer {
    async fn start(addresses: &[Ipv4Addr]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (questions, addresses) = (Arc::clone(&asked), addresses.to_vec());
        tokio::spawn(async move {
            let mut datagram = [0; 1500];
            while let Ok((length, asker)) = socket.recv_from(&mut datagram).await {
                let (question, answer) = answer_to(&datagram[..length], &addresses);
                questions.lock().unwrap().push(question);
                socket.send_to(&answer, asker).await.unwrap();
            }
        });
        Self { address, asked }
    }

    fn resolve_with(&self) -> ResolveWith {
        ResolveWith::Servers(vec![self.address])
    }

    fn asked(&self) -> Vec<(String, u16)> {
        self.asked.lock().unwrap().clone()
    }

    /// How often an IPv4 address of the name was asked for.
    fn asked_for(&self, name: &str) -> usize {
        let asked = self.asked();
        let wanted = (name.to_owned(), A);
        asked.iter().filter(|question| **question == wanted).count()
    }
}

/// RFC 1035, section 4: the question of a query, and an answer with these addresses if they were asked for.
fn answer_to(query: &[u8], addresses: &[Ipv4Addr]) -> ((String, u16), Vec<u8>) {
    let mut labels = Vec::new();
    let mut place = 12;
    while query[place] != 0 {
        let end = place + 1 + usize::from(query[place]);
        labels.push(String::from_utf8(query[place + 1..end].to_vec()).unwrap());
        place = end;
    }
    let kind = u16::from_be_bytes([query[place + 1], query[place + 2]]);
    let addresses = if kind == A { addresses } else { &[] };
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::try_from(addresses.len()).unwrap()]);
    answer.extend([0; 4]);
    answer.extend(&query[12..place + 5]);
    for address in addresses {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4]);
        answer.extend(address.octets());
    }
    ((labels.join("."), kind), answer)
}

/// An egress proxy that sends every tunnel to loopback, or refuses, and remembers the heads that it was sent.
pub struct ConnectProxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ConnectProxy {
    /// Begins each answer with this; the tunnel follows where that is a 200.
    pub async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _caller)) = listener.accept().await {
                tokio::spawn(tunnel(stream, answer, Arc::clone(&remembered)));
            }
        });
        Self { address, heads }
    }

    pub async fn willing() -> Self {
        Self::start("HTTP/1.1 200 Connection established\r\n\r\n").await
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn egress(&self) -> EgressProxy {
        EgressProxy::url(&self.url()).unwrap()
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn tunnel(mut caller: TcpStream, answer: &'static str, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match caller.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_closed) => break,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let port = head
        .split(' ')
        .nth(1)
        .and_then(|authority| authority.rsplit(':').next())
        .map(|port| port.parse::<u16>().unwrap());
    heads.lock().unwrap().push(head);
    caller.write_all(answer.as_bytes()).await.unwrap();
    if answer.contains(" 200 ") {
        let target = ("127.0.0.1", port.unwrap());
        if let Ok(mut target) = TcpStream::connect(target).await {
            tokio::io::copy_bidirectional(&mut caller, &mut target)
                .await
                .ok();
        }
    }
}

/// A tenant under [`NAME`], faces, certificate and all.
async fn named(change: impl FnOnce(&mut Resolved)) -> Stage {
    Stage::with(|tenant| NAME.clone_into(&mut tenant.instance_host), change).await
}

/// A tenant whose tokens come from `localhost` and name [`NAME`] as the instance.
async fn tenant_with_named_instance() -> (Tenant, Resolved) {
    let tenant = Tenant::start(tenant_settings()).await.unwrap();
    let url = |face| format!("https://{NAME}:{}/", tenant.address(face).port());
    tenant.set_instance_urls(&url(Face::Rest), &url(Face::Soap));
    let mut resolved = resolved(&tenant);
    let lock = &mut resolved.proxy.tenants[0].endpoint.lock;
    lock.trusted.push(TrustedHost {
        host: NAME.to_owned(),
        port: None,
    });
    (tenant, resolved)
}

pub fn upstream_settings() -> Settings {
    Settings {
        resolve_with: ResolveWith::System,
        proxy: EgressProxy::None,
        connect_timeout: PATIENCE,
        pool_idle_timeout: Duration::from_secs(50),
        headers_max: 256,
        header_size_max: 64 << 10,
        preserve_header_case: false,
        body_stall_timeout: Duration::from_secs(120),
    }
}

fn upstream(change: impl FnOnce(&mut Settings)) -> Arc<Upstream> {
    let mut settings = upstream_settings();
    change(&mut settings);
    Upstream::new(settings)
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// One connection has come, brought nothing, and no other has.
async fn one_connection_without_a_byte(listener: TcpListener) {
    let (mut stream, _caller) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received, b"");
    no_connection(listener);
}

/// A connection that was made on loopback waits in the listener's queue from then on: none there means none made.
fn no_connection(listener: TcpListener) {
    let queue = listener.into_std().unwrap().accept();
    assert_eq!(
        queue.err().map(|error| error.kind()),
        Some(std::io::ErrorKind::WouldBlock)
    );
}

async fn send_alone(upstream: &Upstream, url: &str) -> Result<(), SendError> {
    let trust = Trust::system().unwrap();
    let destination = upstream.destination(&url.parse().unwrap(), &trust).unwrap();
    let request = Request::get("/").body(Full::new(Bytes::new())).unwrap();
    let connection = upstream.connect_alone(&destination).await?;
    let sent = connection.send(request, 1 << 10).await;
    sent.map(|_answer| ())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_asked_of_the_configured_servers_and_their_answers_kept() {
    let server = NameServer::start(&[Ipv4Addr::LOCALHOST]).await;
    let stage = named(|resolved| resolved.upstream.resolve_with = server.resolve_with()).await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    assert_eq!(stage.received().len(), 1);
    let asked = server.asked_for(NAME);
    assert!(asked > 0, "{:?}", server.asked());
    let before = stage.tenant.connections(Face::Auth);
    for account in ["emea", "apac"] {
        let answer = stage.get(&format!("/@acme:{account}{ECHO}")).await;
        assert_eq!(answer.status, 200);
    }
    assert!(stage.tenant.connections(Face::Auth) >= before + 2);
    assert_eq!(server.asked_for(NAME), asked, "{:?}", server.asked());
    let names: Vec<_> = server
        .asked()
        .into_iter()
        .map(|(name, _kind)| name)
        .collect();
    assert!(names.iter().all(|name| name == NAME), "{names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loopback_is_asked_of_nobody() {
    let server = NameServer::start(&[Ipv4Addr::new(127, 0, 0, 9)]).await;
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.upstream.resolve_with = server.resolve_with(),
    )
    .await;
    assert_eq!(stage.get(ECHO).await.status, 200);
    let (listener, address) = listener().await;
    let upstream = upstream(|settings| settings.resolve_with = server.resolve_with());
    for host in ["localhost", "a.localhost", "LOCALHOST.", "127.0.0.1"] {
        upstream
            .dial(host, address.port(), Reach::Anywhere)
            .await
            .unwrap();
        listener.accept().await.unwrap();
    }
    assert_eq!(server.asked(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_leads_back_here_is_refused_and_nothing_is_sent() {
    // The name's port is the tenant's; at another address of this machine the proxy itself has it.
    let here = Ipv4Addr::new(127, 0, 0, 2);
    let server = NameServer::start(&[here]).await;
    let (tenant, mut resolved) = tenant_with_named_instance().await;
    let port = tenant.address(Face::Rest).port();
    resolved.server.listeners = vec![Address::Tcp((here, port).into())];
    resolved.upstream.resolve_with = server.resolve_with();
    let proxy = app::start(resolved).await.unwrap();
    let stage = Stage { tenant, proxy };
    let answer = stage.get(ECHO).await;
    assert_eq!(answer.status, 502);
    assert_eq!(answer.code(), "upstream_unreachable");
    let said = answer.text();
    assert!(
        said.contains("tenant.example leads back to this proxy"),
        "{said}"
    );
    assert!(said.contains("upstream.resolve_with"), "{said}");
    assert!(stage.received().is_empty());
}

#[tokio::test]
async fn a_connection_to_ourselves_is_closed_without_a_byte_and_not_made_again() {
    for own in ["127.0.0.1", "0.0.0.0", "[::]"] {
        let (listener, address) = listener().await;
        let upstream = upstream(|_settings| {});
        let own = format!("{own}:{}", address.port()).parse().unwrap();
        upstream.own_addresses(vec![own]);
        for url in [format!("https://{address}/"), format!("http://{address}/")] {
            let error = send_alone(&upstream, &url).await.unwrap_err();
            let SendError::Loop { host } = &error else {
                panic!("{error}");
            };
            assert_eq!(host, "127.0.0.1");
            let (mut stream, _caller) = listener.accept().await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        }
        let error = upstream.dial("127.0.0.1", address.port(), Reach::Anywhere);
        assert!(matches!(error.await, Err(DialError::Loop { .. })));
        one_connection_without_a_byte(listener).await;
    }
}

#[tokio::test]
async fn an_egress_proxy_that_is_ourselves_is_refused() {
    let (listener, address) = listener().await;
    let upstream = upstream(|settings| {
        settings.proxy = EgressProxy::url(&format!("http://{address}")).unwrap();
    });
    upstream.own_addresses(vec![address]);
    let error = send_alone(&upstream, &format!("https://{NAME}/"))
        .await
        .unwrap_err();
    let words = error.to_string();
    assert!(
        words.contains("one of this proxy's own listeners"),
        "{words}"
    );
    one_connection_without_a_byte(listener).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_and_calls_go_through_the_egress_proxy() {
    let proxy = ConnectProxy::willing().await;
    let url = format!("http://user:p%40ss@{}", proxy.address);
    let stage = named(|resolved| resolved.upstream.proxy = EgressProxy::url(&url).unwrap()).await;
    let mut client = stage.client().await;
    for _call in 0..5 {
        assert_eq!(client.get(ECHO).await.status, 200);
    }
    assert_eq!(stage.received().len(), 5);
    let head = |authority: &str| {
        format!(
            "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\nProxy-Authorization: Basic dXNlcjpwQHNz\r\n\r\n"
        )
    };
    // One for the token, one that the pool keeps for all five.
    let expected = [
        head(stage.tenant.auth_authority()),
        head(stage.tenant.rest_authority()),
    ];
    assert_eq!(proxy.heads(), expected);
    let echoed = client.get(ECHO).await.text();
    assert!(
        !echoed.to_ascii_lowercase().contains("proxy-auth"),
        "{echoed}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_is_respected() {
    for (no_proxy, through) in [(NAME, false), ("example", false), ("other.example", true)] {
        let server = NameServer::start(&[Ipv4Addr::LOCALHOST]).await;
        let proxy = ConnectProxy::willing().await;
        let egress = EgressProxy::environment(|name| match name {
            "HTTPS_PROXY" => Some(proxy.url()),
            "no_proxy" => Some(no_proxy.to_owned()),
            _ => None,
        });
        let stage = named(|resolved| {
            resolved.upstream.resolve_with = server.resolve_with();
            resolved.upstream.proxy = egress.unwrap();
        })
        .await;
        assert_eq!(stage.get(ECHO).await.status, 200);
        assert_eq!(!proxy.heads().is_empty(), through, "{no_proxy}");
        assert_eq!(server.asked_for(NAME) == 0, through, "{no_proxy}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_egress_proxy_that_refuses_is_named_as_the_place_to_look() {
    for (refusal, words) in [
        (
            "HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n",
            "407",
        ),
        (
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            "403 Forbidden",
        ),
        ("HTTP/1.0 502 Bad Gateway\r\n\r\n", "502 Bad Gateway"),
        ("SSH-2.0-OpenSSH_9.6\r\n\r\n", "the log has the cause"),
        ("", "the log has the cause"),
    ] {
        let proxy = ConnectProxy::start(refusal).await;
        let (tenant, mut resolved) = tenant_with_named_instance().await;
        resolved.upstream.proxy = proxy.egress();
        let running = app::start(resolved).await.unwrap();
        let stage = Stage {
            tenant,
            proxy: running,
        };
        let answer = stage.get(ECHO).await;
        assert_eq!(answer.status, 502, "{words}");
        assert_eq!(answer.code(), "upstream_unreachable");
        let said = answer.text();
        assert!(said.contains("The egress proxy"), "{said}");
        assert!(said.contains("HTTPS_PROXY"), "{said}");
        assert!(said.contains(words), "{said}");
        assert!(!said.contains(&proxy.address.to_string()), "{said}");
        // The token came from loopback, directly; the call was tried once.
        assert_eq!(proxy.heads().len(), 1, "{:?}", proxy.heads());
        assert!(stage.received().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_an_egress_proxy_keeps_away_is_an_error_and_no_direct_call() {
    let server = NameServer::start(&[Ipv4Addr::LOCALHOST]).await;
    let proxy = ConnectProxy::start("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n").await;
    let stage = named(|resolved| {
        resolved.upstream.resolve_with = server.resolve_with();
        resolved.upstream.proxy = proxy.egress();
    })
    .await;
    let answer = stage.get(ECHO).await;
    assert_eq!(answer.code(), "token_unavailable");
    assert!(answer.text().contains("egress proxy"), "{}", answer.text());
    assert!(!proxy.heads().is_empty());
    assert_eq!(stage.tenant.connections(Face::Auth), 0);
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn a_tunnel_through_an_egress_proxy_begins_right_after_its_answer() {
    let banner =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nVia: x\r\n\r\nSSH-2.0-early\r\n";
    let proxy = ConnectProxy::start(banner).await;
    let upstream = upstream(|settings| settings.proxy = proxy.egress());
    let mut stream = upstream.dial(NAME, 22, Reach::Public).await.unwrap();
    assert!(stream.nodelay().unwrap());
    let mut received = String::new();
    stream.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "SSH-2.0-early\r\n");
    assert!(proxy.heads()[0].starts_with("CONNECT tenant.example:22 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_public_tunnel_is_judged_before_an_egress_proxy_is_asked() {
    let proxy = ConnectProxy::willing().await;
    let upstream = upstream(|settings| settings.proxy = proxy.egress());
    for host in [
        "10.0.0.1",
        "169.254.169.254",
        "[fd00::1]",
        "::ffff:10.0.0.1",
        "localhost",
        "a.LocalHost.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0X7F.1.",
    ] {
        let refused = upstream.dial(host, 443, Reach::Public).await;
        assert!(
            matches!(refused, Err(DialError::Prohibited { .. })),
            "{host}: {refused:?}"
        );
    }
    for host in [
        "",
        ".",
        "a b",
        "a\r\nX: y",
        "user@a.example",
        "a.example:22",
        "[::1",
        "fe80::1%lo",
    ] {
        let refused = upstream.dial(host, 443, Reach::Public).await;
        assert!(
            matches!(refused, Err(DialError::Host { .. })),
            "{host}: {refused:?}"
        );
    }
    assert_eq!(proxy.heads(), [] as [String; 0]);
    let refusing = ConnectProxy::start("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let settings = |settings: &mut Settings| settings.proxy = refusing.egress();
    let refused = self::upstream(settings)
        .dial(NAME, 443, Reach::Public)
        .await;
    let Err(DialError::Proxy { status, cause, .. }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(status.map(|status| status.as_u16()), Some(403));
    assert!(cause.contains("403"), "{cause}");
}

#[tokio::test]
async fn a_public_tunnel_is_judged_by_the_address_that_the_name_has() {
    let (listener, address) = listener().await;
    let server = NameServer::start(&[Ipv4Addr::LOCALHOST, Ipv4Addr::new(10, 0, 0, 1)]).await;
    let upstream = upstream(|settings| settings.resolve_with = server.resolve_with());
    let refused = upstream.dial(NAME, address.port(), Reach::Public).await;
    assert!(
        matches!(refused, Err(DialError::Prohibited { .. })),
        "{refused:?}"
    );
    for host in ["127.0.0.1", "localhost", "::1"] {
        let refused = upstream.dial(host, address.port(), Reach::Public).await;
        assert!(matches!(refused, Err(DialError::Prohibited { .. })));
    }
    no_connection(listener);
}

#[tokio::test]
async fn every_address_of_a_name_is_tried() {
    let (listener, address) = listener().await;
    // Nobody listens on the other two.
    let (first, last) = (Ipv4Addr::new(127, 0, 0, 8), Ipv4Addr::new(127, 0, 0, 9));
    let server = NameServer::start(&[first, Ipv4Addr::LOCALHOST, last]).await;
    let upstream = upstream(|settings| settings.resolve_with = server.resolve_with());
    let mut stream = upstream
        .dial(NAME, address.port(), Reach::Anywhere)
        .await
        .unwrap();
    assert!(stream.nodelay().unwrap());
    let (mut accepted, _caller) = listener.accept().await.unwrap();
    stream.write_all(b"x").await.unwrap();
    assert_eq!(accepted.read_u8().await.unwrap(), b'x');
    // Bound, so that nobody else listens there, and not listening itself.
    let deaf = TcpSocket::new_v4().unwrap();
    deaf.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let port = deaf.local_addr().unwrap().port();
    let refused = upstream.dial(NAME, port, Reach::Anywhere).await;
    assert!(
        matches!(refused, Err(DialError::Connect { .. })),
        "{refused:?}"
    );
    let nameless = NameServer::start(&[]).await;
    let upstream = self::upstream(|settings| settings.resolve_with = nameless.resolve_with());
    let refused = upstream.dial(NAME, address.port(), Reach::Anywhere).await;
    assert!(
        matches!(refused, Err(DialError::Resolve { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_dial_has_one_limit_for_everything() {
    // It takes the connection and says nothing.
    let (_silent, address) = listener().await;
    let upstream = upstream(|settings| {
        settings.proxy = EgressProxy::url(&format!("http://{address}")).unwrap();
        settings.connect_timeout = Duration::from_millis(50);
    });
    let refused = upstream.dial(NAME, 443, Reach::Public).await;
    assert!(
        matches!(refused, Err(DialError::Timeout { .. })),
        "{refused:?}"
    );
    let error = send_alone(&upstream, &format!("https://{NAME}/")).await;
    assert!(
        matches!(error, Err(SendError::Proxy { .. })),
        "a call's error names the egress proxy: {error:?}"
    );
}
