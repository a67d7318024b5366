//! Spans as a collector sees them, read by the code that is generated from the protocol's own files; and what tracing changes of
//! a call, which is one header with it and nothing without.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;

use sfmc_auth_proxy::collector;
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::sandbox::{self, Face, Script};
use sfmc_auth_proxy::spans::{Root, Sampler};

use crate::harness::{Client, Stage, tenant_settings, until};
use crate::process::{Process, configuration};

const PATH: &str = "/asset/v1/content/assets";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A collector in the test: takes what is posted, and says what it is told to.
pub struct Collector {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    posted: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Collector {
    /// Answers the first posts with these statuses, and all others with 200. With 504 it asks to be left alone for ever.
    pub async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, posted) = (Arc::<AtomicUsize>::default(), Arc::default());
        let statuses = Arc::new(Mutex::new(statuses.to_vec()));
        let collector = Self {
            address,
            connections: Arc::clone(&connections),
            posted: Arc::clone(&posted),
        };
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (posted, statuses) = (Arc::clone(&posted), Arc::clone(&statuses));
                let service = service_fn(move |request: Request<Incoming>| {
                    let (posted, statuses) = (Arc::clone(&posted), Arc::clone(&statuses));
                    async move {
                        assert_eq!(request.uri(), "/v1/traces");
                        let (head, body) = request.into_parts();
                        let body = body.collect().await.unwrap().to_bytes();
                        let mut statuses = statuses.lock().unwrap();
                        let status = if statuses.is_empty() {
                            posted.lock().unwrap().push((head.headers, body));
                            200
                        } else {
                            statuses.remove(0)
                        };
                        let wait = if status == 504 { u64::MAX } else { 0 };
                        let answer = Response::builder()
                            .status(status)
                            .header("retry-after", wait);
                        Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
                    }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        collector
    }

    /// All that was posted, as it came.
    pub fn posted(&self) -> Vec<(HeaderMap, Bytes)> {
        self.posted.lock().unwrap().clone()
    }

    fn spans(&self) -> Vec<Seen> {
        let mut seen = Vec::new();
        for (headers, body) in self.posted() {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            let request = ExportTraceServiceRequest::decode(body).expect("OTLP");
            for of_process in request.resource_spans {
                for scope in of_process.scope_spans {
                    seen.extend(scope.spans.into_iter().map(Seen));
                }
            }
        }
        seen
    }

    /// The spans of one trace, as soon as there are so many, by the time that they began.
    async fn trace(&self, trace: &str, count: usize) -> Vec<Seen> {
        let of_trace = || {
            let mut spans = self.spans();
            spans.retain(|span| span.trace() == trace);
            spans
        };
        let what = format!("{count} spans of {trace}");
        until(&what, async || of_trace().len() >= count).await;
        let mut spans = of_trace();
        spans.sort_by_key(|span| span.0.start_time_unix_nano);
        assert_eq!(spans.len(), count, "{spans:#?}");
        spans
    }
}

#[derive(Debug)]
struct Seen(Span);

impl Seen {
    fn trace(&self) -> String {
        hexadecimal(&self.0.trace_id)
    }

    fn id(&self) -> String {
        hexadecimal(&self.0.span_id)
    }

    fn parent(&self) -> String {
        hexadecimal(&self.0.parent_span_id)
    }

    /// Kind, as the protocol numbers it, and name.
    fn title(&self) -> (i32, &str) {
        (self.0.kind, &self.0.name)
    }

    fn has_failed(&self) -> bool {
        self.0
            .status
            .as_ref()
            .is_some_and(|status| status.code == 2)
    }

    fn attributes(&self) -> BTreeMap<&str, String> {
        let pairs = self.0.attributes.iter().map(|pair| {
            let value = match pair.value.clone().and_then(|any| any.value) {
                Some(Value::StringValue(text)) => text,
                Some(Value::IntValue(number)) => number.to_string(),
                other => panic!("{other:?}"),
            };
            (pair.key.as_str(), value)
        });
        pairs.collect()
    }

    #[track_caller]
    fn assert_attributes(&self, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        assert_eq!(self.attributes(), expected.collect());
    }
}

const INTERNAL: i32 = 1;
const SERVER: i32 = 2;
const CLIENT: i32 = 3;

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn to(collector: SocketAddr) -> collector::Settings {
    collector::Settings {
        endpoint: format!("http://{collector}/v1/traces").parse().unwrap(),
        headers: HeaderMap::new(),
        timeout: Duration::from_secs(10),
        gzip: false,
        extra_roots: Vec::new(),
        resource: Vec::new(),
        sampler: Sampler::default(),
        schedule_delay: Duration::from_millis(20),
        export_timeout: Duration::from_secs(30),
        queue_size_max: 2048,
        batch_size_max: 512,
    }
}

/// A proxy that has its first token, and whose spans go to this collector.
async fn stage(collector: &Collector, change: impl FnOnce(&mut collector::Settings)) -> Stage {
    let mut settings = to(collector.address);
    change(&mut settings);
    let stage = Stage::with(
        |_tenant| {},
        |resolved: &mut Resolved| resolved.collector = Some(settings),
    )
    .await;
    ready(&stage).await;
    stage
}

async fn ready(stage: &Stage) {
    until("a token", async || {
        stage.admin("/readyz").await.status == 200
    })
    .await;
}

/// A GET within the trace above.
fn within(target: &str, flags: &str) -> Request<Bytes> {
    Request::get(target)
        .header("traceparent", format!("00-{TRACE}-{CALLER}-{flags}"))
        .header("tracestate", "vendor=1,other=2")
        .body(Bytes::new())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_has_a_span_of_its_own_and_one_for_its_attempt() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let answer = stage.send(within(&format!("{PATH}?q=1"), "01")).await;
    assert_eq!(answer.status, 200);
    let spans = collector.trace(TRACE, 2).await;
    let [server, client] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    let name = "GET /asset/v1/content/assets/**";
    assert_eq!(server.title(), (SERVER, name));
    assert_eq!(client.title(), (CLIENT, name));
    assert_eq!(
        (server.parent(), client.parent()),
        (CALLER.to_owned(), server.id())
    );
    let (host, port) = stage.tenant.rest_authority().rsplit_once(':').unwrap();
    let common = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/asset/v1/content/assets/**"),
        ("sfmc.tenant", "acme"),
        ("sfmc.account", "default"),
        ("sfmc.api", "rest"),
        ("sfmc.operation", "asset"),
    ];
    let with = |more: &[(&'static str, &'static str)]| [&common, more].concat();
    server.assert_attributes(&with(&[("url.scheme", "http")]));
    let of_client: Vec<(&str, &str)> = [
        &common[..],
        &[("server.address", host), ("server.port", port)],
    ]
    .concat();
    client.assert_attributes(&of_client);
    assert!(!server.has_failed() && !client.has_failed());
    // The tenant is called by the attempt, and what others say of the trace goes on.
    let entry = stage.received().pop().unwrap();
    let expected = format!("00-{TRACE}-{}-01", client.id());
    assert_eq!(entry.header("traceparent"), Some(expected.as_str()));
    assert_eq!(entry.header("tracestate"), Some("vendor=1,other=2"));
    // The token that was had at the start has a trace of its own.
    let spans = collector.spans();
    let of_start: Vec<_> = spans.iter().filter(|span| span.trace() != TRACE).collect();
    let mint = of_start
        .iter()
        .find(|span| span.title() == (INTERNAL, "mint"))
        .unwrap();
    assert_eq!(mint.parent(), "");
    assert_eq!(mint.attributes()["sfmc.tenant"], "acme");
    until("exported", async || {
        stage.metric("sfmc_auth_proxy_spans_exported_total").await >= 4.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_shows_mint_and_replay_in_the_same_trace() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    stage.tenant.revoke_all();
    assert_eq!(stage.send(within(PATH, "01")).await.status, 200);
    let spans = collector.trace(TRACE, 5).await;
    let titles: Vec<_> = spans.iter().map(Seen::title).collect();
    let route = "GET /asset/v1/content/assets/**";
    assert_eq!(
        titles,
        [
            (SERVER, route),
            (CLIENT, route),
            (INTERNAL, "mint"),
            (CLIENT, "POST /v2/token"),
            (CLIENT, route)
        ]
    );
    let [server, refused, mint, asked, replay] = spans.as_slice() else {
        panic!("{spans:?}");
    };
    for below in [refused, mint, replay] {
        assert_eq!(below.parent(), server.id());
    }
    assert_eq!(asked.parent(), mint.id());
    let of = |span: &Seen, name: &str| span.attributes().get(name).cloned();
    assert_eq!(of(refused, "http.response.status_code").unwrap(), "401");
    assert_eq!(of(refused, "error.type").unwrap(), "401");
    assert!(refused.has_failed());
    assert_eq!(of(refused, "http.request.resend_count"), None);
    assert_eq!(of(replay, "http.request.resend_count").unwrap(), "1");
    assert_eq!(of(replay, "http.response.status_code").unwrap(), "200");
    assert!(!replay.has_failed() && !server.has_failed() && !mint.has_failed());
    mint.assert_attributes(&[
        ("sfmc.account", "default"),
        ("sfmc.operation", "client_credentials"),
        ("sfmc.tenant", "acme"),
    ]);
    let auth_url: http::Uri = stage.tenant.auth_url().parse().unwrap();
    asked.assert_attributes(&[
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("server.address", auth_url.host().unwrap()),
        ("sfmc.account", "default"),
        ("sfmc.api", "auth"),
        ("sfmc.operation", "client_credentials"),
        ("sfmc.tenant", "acme"),
        ("url.template", "/v2/token"),
    ]);
    let sent: Vec<_> = stage
        .received()
        .iter()
        .map(|entry| entry.header("traceparent").unwrap().to_owned())
        .collect();
    let expected = [refused, replay].map(|span| format!("00-{TRACE}-{}-01", span.id()));
    assert_eq!(sent, expected);
}

/// Whoever reaches the listener could fill the collector with names, or put a key of letters alone into one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_word_of_a_callers_path_is_in_a_span() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let request = within("/asset/v1/abrahadabra/abrahadabra", "01");
    stage.send(request).await;
    let spans = collector.trace(TRACE, 2).await;
    for (span, kind) in spans.iter().zip([SERVER, CLIENT]) {
        assert_eq!(span.title(), (kind, "GET /asset/v1"));
        assert_eq!(span.attributes()["http.route"], "/asset/v1");
    }
    let bodies = collector.posted();
    let has_it =
        |(_head, body): &(HeaderMap, Bytes)| body.windows(11).any(|part| part == b"abrahadabra");
    assert!(!bodies.iter().any(has_it));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soap_is_named_by_its_operation() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let envelope = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
        <RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>Subscriber</ObjectType>\
        <Properties>SubscriberKey</Properties></RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>";
    let request = Request::post("/Service.asmx")
        .header("content-type", "text/xml; charset=utf-8")
        .header("soapaction", "\"Retrieve\"")
        .header("traceparent", format!("00-{TRACE}-{CALLER}-01"));
    let answer = stage.send(request.body(envelope).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let spans = collector.trace(TRACE, 2).await;
    for (span, kind) in spans.iter().zip([SERVER, CLIENT]) {
        assert_eq!(span.title(), (kind, "POST Retrieve"));
        let attributes = span.attributes();
        assert_eq!(attributes["sfmc.api"], "soap");
        assert_eq!(attributes["sfmc.operation"], "Retrieve");
        assert_eq!(attributes["http.route"], "/Service.asmx");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_of_ours_have_their_code() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let answer = stage.send(within("/@nobody/kunde-4711/x", "01")).await;
    assert_eq!(answer.status, 404);
    let [server] = collector.trace(TRACE, 1).await.try_into().unwrap();
    assert_eq!(server.title(), (SERVER, "GET"));
    server.assert_attributes(&[
        ("error.type", "unknown_tenant"),
        ("http.request.method", "GET"),
        ("http.response.status_code", "404"),
        ("sfmc.api", "rest"),
        ("sfmc.operation", "other"),
        ("url.scheme", "http"),
    ]);
    assert!(!server.has_failed(), "that is the caller's mistake");

    let other = TRACE.replace('4', "5");
    stage.tenant.script(Script::reset(Face::Rest));
    let mut request = within(PATH, "01");
    let traceparent = format!("00-{other}-{CALLER}-01").parse().unwrap();
    request.headers_mut().insert("traceparent", traceparent);
    assert_eq!(stage.send(request).await.status, 502);
    let spans = collector.trace(&other, 2).await;
    for span in &spans {
        assert_eq!(span.attributes()["error.type"], "upstream_unreachable");
        assert!(span.has_failed());
    }
    assert_eq!(spans[1].attributes().get("http.response.status_code"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_begins_here_where_none_is_continued() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let mut request = within(PATH, "01");
    // Not one that can be read: what belongs to it is of no trace either.
    let broken = format!("00-{TRACE}-0000000000000000-01").parse().unwrap();
    request.headers_mut().insert("traceparent", broken);
    assert_eq!(stage.send(request).await.status, 200);
    assert_eq!(stage.get(PATH).await.status, 200);
    let mut traces = Vec::new();
    for entry in stage.received() {
        let sent = entry.header("traceparent").unwrap();
        let parts: Vec<_> = sent.split('-').collect();
        let [_version, trace, id, flags] = parts.as_slice() else {
            panic!("{sent}");
        };
        assert_eq!(*flags, "01");
        assert_eq!(entry.header("tracestate"), None);
        let spans = collector.trace(trace, 2).await;
        assert_eq!(
            (spans[0].parent(), spans[1].id()),
            (String::new(), (*id).to_owned())
        );
        traces.push((*trace).to_owned());
    }
    assert_eq!(traces.len(), 2);
    assert!(traces[0] != traces[1] && !traces.contains(&TRACE.to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_callers_decision_holds_and_the_samplers_where_there_is_none() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |settings| {
        settings.sampler = Sampler {
            root: Root::Never,
            follows_parent: true,
        };
    })
    .await;
    assert_eq!(stage.get(PATH).await.status, 200);
    assert_eq!(stage.send(within(PATH, "00")).await.status, 200);
    let kept = TRACE.replace('4', "5");
    let mut request = within(PATH, "01");
    let traceparent = format!("00-{kept}-{CALLER}-01").parse().unwrap();
    request.headers_mut().insert("traceparent", traceparent);
    assert_eq!(stage.send(request).await.status, 200);
    collector.trace(&kept, 2).await;
    let others = collector.spans();
    assert!(others.iter().all(|span| span.trace() == kept), "{others:?}");
    // A trace that nobody keeps goes on all the same.
    let sent = stage.received()[1]
        .header("traceparent")
        .unwrap()
        .to_owned();
    assert!(
        sent.starts_with(&format!("00-{TRACE}-")) && sent.ends_with("-00"),
        "{sent}"
    );
    assert!(!sent.contains(CALLER), "{sent}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_collector_is_asked_again() {
    // Two answers that mean: later.
    let collector = Collector::start(&[503, 429]).await;
    let stage = stage(&collector, |_settings| {}).await;
    assert_eq!(stage.send(within(PATH, "01")).await.status, 200);
    collector.trace(TRACE, 2).await;
    for reason in ["queue_full", "not_exported", "rejected"] {
        let series = format!("sfmc_auth_proxy_spans_dropped_total{{reason=\"{reason}\"}}");
        assert_eq!(stage.metric(&series).await, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_wants_to_be_left_alone_for_ever_loses_one_batch() {
    let collector = Collector::start(&[504]).await;
    let stage = stage(&collector, |_settings| {}).await;
    let series = "sfmc_auth_proxy_spans_dropped_total{reason=\"not_exported\"}";
    until("the first batch is lost", async || {
        stage.metric(series).await > 0.0
    })
    .await;
    assert_eq!(stage.send(within(PATH, "01")).await.status, 200);
    collector.trace(TRACE, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_sent_when_the_proxy_stops() {
    let collector = Collector::start(&[]).await;
    let stage = stage(&collector, |settings| {
        settings.schedule_delay = Duration::from_hours(1);
        settings.gzip = true;
    })
    .await;
    assert_eq!(stage.send(within(PATH, "01")).await.status, 200);
    assert!(collector.posted().is_empty());
    assert!(stage.proxy.stop().await);
    let posted = collector.posted();
    let [(headers, body)] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    assert_eq!(headers["content-encoding"], "gzip");
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&body[..]), &mut plain).unwrap();
    let request = ExportTraceServiceRequest::decode(plain.as_slice()).unwrap();
    // Start: mint and token request; call: two.
    assert_eq!(request.resource_spans[0].scope_spans[0].spans.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_or_never_answers_costs_no_call() {
    // Accepts, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Nobody listens there any more.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = gone.local_addr().unwrap();
    drop(gone);
    for (address, reason) in [
        (silent.local_addr().unwrap(), "queue_full"),
        (away, "not_exported"),
    ] {
        let mut settings = to(address);
        settings.queue_size_max = 4;
        settings.batch_size_max = 4;
        settings.schedule_delay = Duration::from_millis(1);
        if reason == "not_exported" {
            settings.export_timeout = Duration::from_millis(1);
        }
        let stage = Stage::with(
            |_tenant| {},
            |resolved: &mut Resolved| resolved.collector = Some(settings),
        )
        .await;
        ready(&stage).await;
        let mut client = stage.client().await;
        for _call in 0..20 {
            assert_eq!(client.get(PATH).await.status, 200);
        }
        let series = format!("sfmc_auth_proxy_spans_dropped_total{{reason=\"{reason}\"}}");
        until(&series, async || stage.metric(&series).await > 0.0).await;
        assert_eq!(
            stage.metric("sfmc_auth_proxy_spans_exported_total").await,
            0.0
        );
        assert!(stage.proxy.stop().await, "and no stop either");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_standard_variables_are_all_that_it_takes() {
    let collector = Collector::start(&[]).await;
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let endpoint = format!("http://{}", collector.address);
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=canary-of-the-collector",
        ),
        ("OTEL_SERVICE_NAME", "mail-proxy"),
        ("OTEL_BSP_SCHEDULE_DELAY", "20"),
    ];
    let mut process = Process::start(folder.path(), &[], &environment).await;
    let mut client = Client::connect(process.address).await;
    let request = within(PATH, "01");
    assert_eq!(client.send(request).await.status, 200);
    collector.trace(TRACE, 2).await;
    let line = process.logged(|line| line["msg"] == "request").await;
    assert_eq!(line["trace_id"], TRACE);
    process.signal("TERM");
    assert!(process.ended().await.success());
    for (headers, body) in collector.posted() {
        assert_eq!(headers["api-key"], "canary-of-the-collector");
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        let resource = request.resource_spans[0].resource.clone().unwrap();
        let mut names = resource.attributes.iter();
        assert!(names.any(|pair| {
            pair.key == "service.name"
                && pair.value.clone().and_then(|any| any.value)
                    == Some(Value::StringValue("mail-proxy".to_owned()))
        }));
    }
    assert!(!process.log_text().contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_them_nothing_is_opened_and_no_header_is_touched() {
    let collector = Collector::start(&[]).await;
    let endpoint = format!("http://{}", collector.address);
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    for environment in [
        vec![],
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_SDK_DISABLED", "true"),
        ],
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ],
    ] {
        let folder = configuration(&tenant, "");
        let mut process = Process::start(folder.path(), &[], &environment).await;
        let mut client = Client::connect(process.address).await;
        let mut request = within(PATH, "01");
        let odd = format!("99-{TRACE}-{CALLER}-01-x").parse().unwrap();
        request.headers_mut().insert("traceparent", odd);
        assert_eq!(client.send(request).await.status, 200);
        let journal = tenant.journal();
        let entry = journal.iter().rfind(|entry| entry.face == Face::Rest);
        let entry = entry.unwrap();
        let odd = format!("99-{TRACE}-{CALLER}-01-x");
        assert_eq!(entry.header("traceparent"), Some(odd.as_str()));
        assert_eq!(entry.header("tracestate"), Some("vendor=1,other=2"));
        process.signal("TERM");
        assert!(process.ended().await.success());
        let warns = process.log_text().contains("is not spoken here");
        assert_eq!(warns, environment.iter().any(|pair| pair.1 == "grpc"));
    }
    assert_eq!(collector.connections.load(Ordering::SeqCst), 0);
}
