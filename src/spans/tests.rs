//! Contexts as they are written, which traces are kept, what becomes of spans, and their bytes as the generated code reads them.

use std::collections::BTreeMap;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode as SpanStatus;
use prost::Message;

use super::*;
use crate::metrics::Metrics;

const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
const SPAN: u64 = 0x00f0_67aa_0ba9_02b7;

fn queue(size_max: usize, batch_size: usize) -> (Arc<Queue>, Arc<Metrics>) {
    let metrics = Metrics::new().unwrap();
    (
        Queue::new(size_max, batch_size, Arc::clone(&metrics)),
        metrics,
    )
}

#[test]
fn a_traceparent_is_read_as_w3c_has_it() {
    let given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let context = Context::parse(given).unwrap();
    assert_eq!(
        context,
        Context {
            trace_id: TRACE,
            span_id: SPAN,
            is_sampled: true
        }
    );
    assert_eq!(context.traceparent().unwrap(), given);
    assert_eq!(context.trace_id_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
    for (flags, is_sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
        let text = given.replace("-01", &format!("-{flags}"));
        assert_eq!(Context::parse(&text).unwrap().is_sampled, is_sampled);
    }
    // What a later version adds is not for us.
    for (version, more) in [("01", ""), ("01", "-more"), ("fe", "-")] {
        let text = format!("{}{more}", given.replacen("00", version, 1));
        assert_eq!(Context::parse(&text), Some(context), "{text}");
    }
    for wrong in [
        "",
        "00",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "00-4bf92f3577b34da6a3ce929d0e0e473é-0f067aa0ba902b7-01",
    ] {
        assert_eq!(Context::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_sampler_follows_the_caller_or_keeps_its_share() {
    let parent = |is_sampled| Context {
        trace_id: TRACE,
        span_id: SPAN,
        is_sampled,
    };
    let default = Sampler::default();
    assert!(default.samples(TRACE, None));
    assert!(!default.samples(TRACE, Some(&parent(false))));
    let never = Sampler {
        root: Root::Never,
        follows_parent: true,
    };
    assert!(!never.samples(TRACE, None) && never.samples(TRACE, Some(&parent(true))));
    let alone = Sampler {
        root: Root::Always,
        follows_parent: false,
    };
    assert!(alone.samples(TRACE, Some(&parent(false))));
    let share = |share| Sampler {
        root: Root::Share(share),
        follows_parent: true,
    };
    // The lower half of the id decides, from nothing to everything.
    assert!(!share(0.0).samples(1 << 127, None) && !share(0.0).samples(0, None));
    assert!(share(1.0).samples(u128::MAX, None) && share(1.0).samples(TRACE, None));
    assert!(share(0.5).samples(u128::MAX << 64 | 0x7fff_ffff_ffff_ffff, None));
    assert!(!share(0.5).samples(0x8000_0000_0000_0000, None));
}

#[tokio::test]
async fn spans_without_room_are_dropped_and_counted() {
    let (queue, metrics) = queue(3, 2);
    let tracer = Tracer::new(Sampler::default(), Arc::clone(&queue));
    drop(tracer.begin(Kind::Internal, None));
    let mut due = std::pin::pin!(queue.is_due());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(due.as_mut().poll(&mut context).is_pending());
    for _span in 0..4 {
        drop(tracer.begin(Kind::Internal, None));
    }
    due.await;
    assert_eq!(queue.take().len(), 2);
    assert_eq!(queue.take().len(), 1);
    assert!(queue.take().is_empty());
    let dropped = metrics
        .spans_dropped_total
        .with_label_values(&["queue_full"]);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_span_that_is_not_kept_still_has_a_place() {
    let (queue, _metrics) = queue(10, 10);
    let sampler = Sampler {
        root: Root::Never,
        follows_parent: true,
    };
    let tracer = Tracer::new(sampler, Arc::clone(&queue));
    let mut span = tracer.begin(Kind::Server, None);
    assert!(!span.is_kept() && !span.context().is_sampled);
    span.name("x");
    span.status(StatusCode::BAD_GATEWAY);
    drop(span);
    assert!(queue.take().is_empty());
}

fn text(value: &str) -> Option<Value> {
    Some(Value::StringValue(value.to_owned()))
}

fn attributes(given: &[KeyValue]) -> BTreeMap<String, Option<Value>> {
    let pairs = given.iter().map(|pair| {
        let value = pair.value.clone().and_then(|any| any.value);
        (pair.key.clone(), value)
    });
    pairs.collect()
}

#[test]
fn the_bytes_are_those_of_the_protocol() {
    let (queue, _metrics) = queue(10, 10);
    let tracer = Tracer::new(Sampler::default(), Arc::clone(&queue));
    let caller = Context {
        trace_id: TRACE,
        span_id: SPAN,
        is_sampled: true,
    };
    let mut server = tracer.begin_remote(Kind::Server, Some(caller));
    server.name("GET /asset/v1/content");
    let mut client = tracer.begin(Kind::Client, Some(server.context()));
    client.text("server.address", "host.example".to_owned());
    client.number("http.request.resend_count", 300);
    client.status(StatusCode::NOT_FOUND);
    let (server_id, client_id) = (server.context().span_id, client.context().span_id);
    drop(client);
    server.status(StatusCode::NOT_FOUND);
    drop(server);
    let resource = vec![("service.name".to_owned(), "naïve".to_owned())];
    let bytes = encode(&resource, &queue.take());
    let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
    let [of_process] = request.resource_spans.as_slice() else {
        panic!("{request:?}");
    };
    let own = &of_process.resource.as_ref().unwrap().attributes;
    assert_eq!(attributes(own)["service.name"], text("naïve"));
    let [scope] = of_process.scope_spans.as_slice() else {
        panic!("{of_process:?}");
    };
    assert_eq!(scope.scope.as_ref().unwrap().name, "sfmc-auth-proxy");
    let [client, server] = scope.spans.as_slice() else {
        panic!("{scope:?}");
    };
    for span in [client, server] {
        assert_eq!(span.trace_id, TRACE.to_be_bytes());
        assert!(span.start_time_unix_nano > 1_700_000_000_000_000_000);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    }
    assert_eq!(client.span_id, client_id.to_be_bytes());
    assert_eq!(client.parent_span_id, server_id.to_be_bytes());
    assert_eq!(server.span_id, server_id.to_be_bytes());
    assert_eq!(server.parent_span_id, SPAN.to_be_bytes());
    assert_eq!((client.kind, server.kind), (3, 2));
    assert_eq!((client.flags, server.flags), (0x101, 0x301));
    assert_eq!(server.name, "GET /asset/v1/content");
    let number = |number| Some(Value::IntValue(number));
    let expected = [
        ("error.type", text("404")),
        ("http.request.resend_count", number(300)),
        ("http.response.status_code", number(404)),
        ("server.address", text("host.example")),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(attributes(&client.attributes), BTreeMap::from(expected));
    let status = client.status.as_ref().unwrap();
    assert_eq!(status.code(), SpanStatus::Error);
    // A caller's mistake is no failure of the called.
    assert!(server.status.is_none());
    assert_eq!(server.attributes.len(), 1);
}
