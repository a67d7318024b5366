//! The stage for a test: a sandbox tenant, a proxy in front of it, and callers that speak HTTP by hand or through hyper.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use rustls_pki_types::{CertificateDer, pem::PemObject};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use sfmc_auth_proxy::app::{self, Running};
use sfmc_auth_proxy::config::{AuthorityPlace, Resolved};
use sfmc_auth_proxy::policy::Mode;
use sfmc_auth_proxy::proxy::OtherHosts;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::server::Address;
use sfmc_auth_proxy::token::{EndpointSettings, GrantType, InstanceLock, Kind, TrustedHost};
use sfmc_auth_proxy::{admin, proxy, sandbox, server, telemetry, upstream};

/// Long enough for any answer on loopback, short enough to fail a hung test.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The enterprise's default business unit in every test.
pub const PARENT: u64 = 510_001_234;
/// Its child that the configuration calls `emea`.
pub const EMEA: u64 = 510_001_235;
/// Its child that the configuration calls `apac`.
pub const APAC: u64 = 510_001_236;

pub struct Stage {
    pub tenant: sandbox::Tenant,
    pub proxy: Running,
}

pub fn tenant_settings() -> sandbox::Settings {
    sandbox::Settings {
        accounts: vec![PARENT, EMEA, APAC],
        ..sandbox::Settings::default()
    }
}

/// A proxy's configuration with this sandbox as its tenant `acme`.
pub fn resolved(tenant: &sandbox::Tenant) -> Resolved {
    let settings = tenant.settings();
    let acme = proxy::TenantSettings {
        name: "acme".to_owned(),
        endpoint: EndpointSettings {
            kind: Kind::MarketingCloud,
            grant_type: GrantType::ClientCredentials,
            token_lifetime: Duration::from_secs(3600),
            auth_url: tenant.auth_url().parse().unwrap(),
            client_id: settings.client_id.clone(),
            client_secrets: vec![Secret::new(settings.client_secret.clone())],
            scope: None,
            refresh_before: Duration::from_secs(120),
            lock: InstanceLock {
                subdomain: Some(settings.subdomain.clone()),
                trusted: vec![
                    trusted(tenant.rest_authority()),
                    trusted(tenant.soap_authority()),
                ],
            },
        },
        accounts: BTreeMap::from([("emea".to_owned(), EMEA), ("apac".to_owned(), APAC)]),
        default_account: Some(PARENT),
        allow_any_account: false,
        mode: Mode::Full,
        extra_roots: Arc::new(vec![
            CertificateDer::from_pem_slice(tenant.ca_pem().as_bytes()).unwrap(),
        ]),
    };
    let second = Duration::from_secs(1);
    Resolved {
        server: server::Settings {
            listeners: vec![Address::Tcp("127.0.0.1:0".parse().unwrap())],
            tls_listeners: Vec::new(),
            tls: server::TlsSettings::default(),
            workers: 2,
            connections_max: 4096,
            headers_max: 256,
            header_size_max: 64 << 10,
            preserve_header_case: false,
            request_head_timeout: 30 * second,
            client_idle_timeout: 75 * second,
            body_stall_timeout: 120 * second,
            drain_delay: Duration::ZERO,
            drain_timeout: 10 * second,
        },
        optional_listeners: Vec::new(),
        authority: AuthorityPlace::Nowhere,
        admin: admin::Settings {
            allowed_hosts: Vec::new(),
            listen: "127.0.0.1:0".parse().unwrap(),
            token: None,
            quit: false,
        },
        proxy: proxy::Settings {
            tenants: vec![acme],
            default_tenant: None,
            listeners: vec![proxy::ListenerSelection::default()],
            public_url: None,
            allowed_hosts: Vec::new(),
            response_head_timeout: 300 * second,
            body_stall_timeout: 120 * second,
            replay_size_max: 4 << 20,
            envelope_size_max: 16 << 20,
            buffered_size_max: 256 << 20,
            forced_mints_max: 20,
            clients: Vec::new(),
            client_requests_max: 0,
            intercept: false,
            other_hosts: OtherHosts::Deny,
            via: false,
        },
        upstream: upstream::Settings {
            resolve_with: upstream::ResolveWith::System,
            proxy: upstream::EgressProxy::None,
            connect_timeout: 10 * second,
            pool_idle_timeout: 50 * second,
            headers_max: 256,
            header_size_max: 64 << 10,
            preserve_header_case: false,
            body_stall_timeout: 120 * second,
        },
        audit: None,
        state: None,
        shared: None,
        telemetry: telemetry::Settings {
            format: None,
            level: tracing::Level::INFO,
            sample: 1.0,
            slow: 10 * second,
        },
        collector: None,
        file: None,
        warnings: Vec::new(),
    }
}

fn trusted(authority: &str) -> TrustedHost {
    let (host, port) = authority.rsplit_once(':').unwrap();
    TrustedHost {
        host: host.to_owned(),
        port: Some(port.parse().unwrap()),
    }
}

impl Stage {
    /// A tenant with three accounts and a proxy with all defaults.
    pub async fn new() -> Self {
        Self::with(|_tenant| {}, |_resolved| {}).await
    }

    /// The same, with changes to the tenant's settings and to the proxy's.
    pub async fn with(
        change_tenant: impl FnOnce(&mut sandbox::Settings),
        change_proxy: impl FnOnce(&mut Resolved),
    ) -> Self {
        let mut settings = tenant_settings();
        change_tenant(&mut settings);
        let tenant = sandbox::Tenant::start(settings)
            .await
            .expect("the sandbox starts");
        let mut resolved = resolved(&tenant);
        change_proxy(&mut resolved);
        let proxy = app::start(resolved).await.expect("the proxy starts");
        Self { tenant, proxy }
    }

    pub fn address(&self) -> SocketAddr {
        self.proxy.tcp().expect("a TCP listener")
    }

    /// A kept-alive connection to the proxy.
    pub async fn client(&self) -> Client {
        Client::connect(self.address()).await
    }

    /// One GET on a connection of its own.
    pub async fn get(&self, target: &str) -> Answer {
        self.client().await.get(target).await
    }

    /// One request on a connection of its own; `Host` is filled in.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Answer {
        self.client().await.send(request).await
    }

    /// What the REST face received, in order.
    pub fn received(&self) -> Vec<Arc<sandbox::Entry>> {
        self.tenant
            .journal()
            .into_iter()
            .filter(|entry| entry.face == sandbox::Face::Rest)
            .collect()
    }

    /// Bytes written by hand, and everything that comes back until the proxy closes or `PATIENCE` passes.
    pub async fn speak(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer))
            .await
            .expect("an end")
            .ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The value of one metric series, by its whole left side; 0 if it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = Client::connect(self.proxy.admin())
            .await
            .get("/metrics")
            .await
            .text();
        text.lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
            .unwrap_or(0.0)
    }

    /// An answer of the admin listener.
    pub async fn admin(&self, target: &str) -> Answer {
        Client::connect(self.proxy.admin()).await.get(target).await
    }
}

/// A kept-alive HTTP/1.1 connection.
pub struct Client {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self {
            sender,
            host: address.to_string(),
        }
    }

    /// The same over any stream; `host` fills in `Host`.
    pub async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        host: &str,
    ) -> Self {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self {
            sender,
            host: host.to_owned(),
        }
    }

    pub async fn get(&mut self, target: &str) -> Answer {
        self.send(Request::get(target).body(Bytes::new()).unwrap())
            .await
    }

    pub async fn post(&mut self, target: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(target).header("content-type", "application/json");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub async fn send(&mut self, request: Request<impl Into<Bytes>>) -> Answer {
        self.try_send(request).await.expect("an answer")
    }

    /// Sends, and gives the answer as soon as its head is there.
    pub async fn begin(&mut self, request: Request<impl Into<Bytes>>) -> Response<Incoming> {
        let mut request = request.map(|body| Full::new(body.into()));
        let host = self.host.parse().unwrap();
        request.headers_mut().insert("host", host);
        self.sender.ready().await.unwrap();
        tokio::time::timeout(PATIENCE, self.sender.send_request(request))
            .await
            .expect("an answer in time")
            .expect("an answer")
    }

    pub async fn try_send(&mut self, request: Request<impl Into<Bytes>>) -> hyper::Result<Answer> {
        let mut request = request.map(|body| Full::new(body.into()));
        if !request.headers().contains_key("host") {
            request
                .headers_mut()
                .insert("host", self.host.parse().unwrap());
        }
        self.sender.ready().await?;
        let answer = tokio::time::timeout(PATIENCE, self.sender.send_request(request))
            .await
            .expect("an answer in time")?;
        let (head, body) = answer.into_parts();
        let body = tokio::time::timeout(PATIENCE, body.collect())
            .await
            .expect("a body in time")?;
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The cookie that a page of the admin listener gives, and the token in its form.
    pub fn session(&self) -> (String, String) {
        let cookie = self.header("set-cookie").split(';').next();
        let text = self.text();
        let (_before, after) = text.split_once("name=\"form_token\" value=\"").unwrap();
        let form_token = after.split('"').next();
        (
            cookie.unwrap_or_default().to_owned(),
            form_token.unwrap_or_default().to_owned(),
        )
    }

    /// The proxy's own error code.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Waits until something holds, in small steps; fails when `PATIENCE` has passed.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "never happened: {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
