//! What the proxy itself costs, without TLS and without a network: one call through it on loopback, and the token's fast
//! path. Run with `cargo bench`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark that cannot go on stops"
)]

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sfmc_auth_proxy::metrics::Metrics;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::state::Keeper;
use sfmc_auth_proxy::token::{
    Account, Endpoint, EndpointSettings, GrantType, InstanceLock, Kind, Labels, Route, TokenStore,
    TrustedHost,
};
use sfmc_auth_proxy::upstream::{self, Trust, Upstream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// A tenant in clear on loopback that gives a token and 1 KiB answers.
async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let token = format!(
        "{{\"access_token\":\"a.b.c.d\",\"token_type\":\"Bearer\",\"expires_in\":3600,\"rest_instance_url\":\"http://{address}/\",\"soap_instance_url\":\"http://{address}/\"}}"
    );
    tokio::spawn(async move {
        loop {
            let (stream, _peer) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let token = token.clone();
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let body = if request.uri().path() == "/v2/token" {
                    token.clone()
                } else {
                    "x".repeat(1024)
                };
                async move {
                    Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(body))))
                }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

fn endpoint_settings(origin: SocketAddr) -> EndpointSettings {
    EndpointSettings {
        kind: Kind::MarketingCloud,
        grant_type: GrantType::ClientCredentials,
        token_lifetime: Duration::from_secs(3600),
        auth_url: format!("http://{origin}/").parse().unwrap(),
        client_id: "bench".to_owned(),
        client_secrets: vec![Secret::new("bench")],
        scope: None,
        refresh_before: Duration::from_secs(120),
        lock: InstanceLock {
            subdomain: None,
            trusted: vec![TrustedHost {
                host: "127.0.0.1".to_owned(),
                port: None,
            }],
        },
    }
}

fn upstream_settings() -> upstream::Settings {
    upstream::Settings {
        resolve_with: upstream::ResolveWith::System,
        proxy: upstream::EgressProxy::None,
        connect_timeout: Duration::from_secs(10),
        pool_idle_timeout: Duration::from_secs(50),
        headers_max: 256,
        header_size_max: 64 << 10,
        preserve_header_case: false,
        body_stall_timeout: Duration::from_secs(120),
    }
}

fn account(runtime: &Runtime) -> Arc<Account> {
    let origin = runtime.block_on(origin());
    let metrics = Metrics::new().unwrap();
    let store = TokenStore::new(runtime.handle().clone(), metrics, 10, 20);
    let trust = Trust::system().unwrap();
    let (settings, upstream) = (
        endpoint_settings(origin),
        Upstream::new(upstream_settings()),
    );
    let endpoint = Endpoint::new("bench", settings, upstream, trust, Keeper::Memory).unwrap();
    let labels = Labels {
        tenant: "bench".to_owned(),
        account: "default".to_owned(),
    };
    let account = store.account(&Arc::new(endpoint), None, labels);
    runtime.block_on(account.current(true, None)).unwrap();
    account
}

fn token_fast_path(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let account = account(&runtime);
    let token = runtime.block_on(account.current(true, None)).unwrap();
    let route = Route::rest("GET", "/asset/v1/content/assets");
    criterion.bench_function("token: current, fresh", |bencher| {
        bencher.iter(|| {
            let waker = std::task::Waker::noop();
            let mut context = std::task::Context::from_waker(waker);
            let mut asking = std::pin::pin!(account.current(true, None));
            black_box(asking.as_mut().poll(&mut context).is_ready())
        });
    });
    criterion.bench_function("token: accepted, nothing rests", |bencher| {
        bencher.iter(|| account.accepted(black_box(&token), route));
    });
    criterion.bench_function("route of a REST call", |bencher| {
        bencher.iter(|| {
            Route::rest(
                black_box("GET"),
                black_box("/asset/v1/content/assets/123/file"),
            )
        });
    });
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn call(sender: &mut SendRequest<Full<Bytes>>, host: &str, body: Bytes) {
    let method = if body.is_empty() { "GET" } else { "POST" };
    let request = Request::builder()
        .method(method)
        .uri("/asset/v1/content")
        .header("host", host);
    sender.ready().await.unwrap();
    let answer = sender
        .send_request(request.body(Full::new(body)).unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer.into_body().collect().await.unwrap();
}

fn whole_calls(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let origin = runtime.block_on(origin());
    let running = runtime.block_on(async {
        let text = format!(
            "[listen]\nhttp = [\"127.0.0.1:0\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n[tenants.bench]\nauth_url = \"http://{origin}\"\nclient_id = \"bench\"\nclient_secret = \"bench\"\ntrusted_hosts = [\"{origin}\"]\n"
        );
        let resolved = sfmc_auth_proxy::config::from_text(&text, std::path::Path::new(".")).unwrap();
        sfmc_auth_proxy::app::start(resolved).await.unwrap()
    });
    let proxy = running.tcp().unwrap();
    for (name, target, body) in [
        (
            "call: straight to the origin, GET 1 KiB",
            origin,
            Bytes::new(),
        ),
        ("call: through the proxy, GET 1 KiB", proxy, Bytes::new()),
        (
            "call: through the proxy, POST 4 KiB, recorded",
            proxy,
            Bytes::from(vec![b'x'; 4096]),
        ),
    ] {
        let mut sender = runtime.block_on(connect(target));
        let host = target.to_string();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(call(&mut sender, &host, body.clone())));
        });
    }
    runtime.block_on(running.stop());
}

criterion_group!(benches, token_fast_path, whole_calls);
criterion_main!(benches);
