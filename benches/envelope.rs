//! What reading an envelope costs: for each kind of document, the scan beside one pass of memchr over the same bytes. Hostile
//! ones come at 1 MiB and at 4 MiB; where the time per byte is the same for both, it is linear. Run with
//! `cargo bench --bench envelope`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a benchmark that cannot go on stops"
)]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sfmc_auth_proxy::soap::Content;
use sfmc_auth_proxy::soap::envelope;
use sfmc_auth_proxy::soap::fault::{Coding, SNIFFED_SIZE, Sniffer};

const MIB: usize = 1024 * 1024;

const HEADER: &str = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Header><fueloauth xmlns=\"http://exacttarget.com\">\
    none</fueloauth></s:Header>";

fn envelope_of(body: &str) -> Bytes {
    format!("{HEADER}<s:Body>{body}</s:Body></s:Envelope>").into()
}

/// This, over and over, up to about so many bytes.
fn filled(size: usize, piece: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(size + 1024);
    let mut number = 0;
    while text.len() < size {
        text.push_str(&piece(number));
        number += 1;
    }
    text
}

fn retrieve(size: usize) -> Bytes {
    let properties = filled(size, |number| {
        format!("<Properties>Attribute{number}</Properties>")
    });
    envelope_of(&format!(
        "<RetrieveRequestMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest>\
         <ObjectType>DataExtensionObject[orders]</ObjectType>{properties}</RetrieveRequest></RetrieveRequestMsg>"
    ))
}

fn create(size: usize) -> Bytes {
    let objects = filled(size, |number| {
        format!(
            "<Objects xsi:type=\"Subscriber\"><EmailAddress>caller{number}@example.com</EmailAddress><SubscriberKey>\
             key-{number}</SubscriberKey><Attributes><Name>First Name</Name><Value>Ann &amp; Bob</Value></Attributes></Objects>\n"
        )
    });
    envelope_of(&format!(
        "<CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Options/>{objects}</CreateRequest>"
    ))
}

/// Documents made to cost: as deep, as wide, as broken up as the bounds let them be. Some are refused at their end.
fn hostile(size: usize) -> Vec<(&'static str, Bytes)> {
    let depth = envelope::DEPTH_MAX - 2;
    let nest = format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    let attributes: String = (0..envelope::ATTRIBUTES_MAX)
        .map(|number| format!(" a{number}=''"))
        .collect();
    let namespaces: String = (0..100)
        .map(|number| format!(" xmlns:n{number}='urn:{number}'"))
        .collect();
    vec![
        ("nesting", envelope_of(&filled(size, |_| nest.clone()))),
        ("attributes", envelope_of(&filled(size, |_| format!("<a{attributes}/>")))),
        ("namespaces", envelope_of(&filled(size, |_| format!("<a{namespaces}/>")))),
        ("prefixes", envelope_of(&filled(size, |_| "<s:a s:b=''/>".to_owned()))),
        ("references", envelope_of(&"&amp;".repeat(size / 5))),
        ("comments", envelope_of(&"<!---->".repeat(size / 7))),
        ("brackets", envelope_of(&"]]".repeat(size / 2))),
        ("cdata", envelope_of(&"<![CDATA[]]>".repeat(size / 12))),
        ("open-quote", envelope_of(&format!("<a b='{}", ">".repeat(size)))),
        ("open-comment", envelope_of(&format!("<!--{}", "- ".repeat(size / 2)))),
        ("open-elements", envelope_of(&"<".repeat(size))),
        ("long-name", envelope_of(&format!("<{}/>", "a".repeat(size)))),
        (
            "header-text",
            format!(
                "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{}</s:Header><s:Body/></s:Envelope>",
                "<x>y</x>".repeat(size / 8)
            )
            .into(),
        ),
    ]
}

fn measure(bench: &mut Criterion, name: &str, documents: &[(String, Bytes)]) {
    let mut group = bench.benchmark_group(name);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for (label, document) in documents {
        group.throughput(Throughput::Bytes(document.len() as u64));
        group.bench_with_input(
            BenchmarkId::new("scan", label),
            document,
            |bencher, document| {
                bencher.iter(|| {
                    let content = Content {
                        content_type: Some("text/xml; charset=utf-8"),
                        soap_action: Some("Retrieve"),
                    };
                    black_box(envelope::scan(black_box(document), &content).is_ok())
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("memchr", label),
            document,
            |bencher, document| {
                bencher.iter(|| memchr::memchr_iter(b'<', black_box(document)).count());
            },
        );
    }
    group.finish();
}

fn usual(bench: &mut Criterion) {
    let documents = [
        ("retrieve-4k".to_owned(), retrieve(4 * 1024)),
        ("create-1m".to_owned(), create(MIB)),
    ];
    measure(bench, "envelope", &documents);
    let envelope = envelope::scan(&documents[1].1, &Content::default()).unwrap();
    bench.bench_function("envelope/render", |bencher| {
        bencher.iter(|| black_box(envelope.render("a.token", "https://localhost/Service.asmx")));
    });
}

fn costly(bench: &mut Criterion) {
    let mut documents = Vec::new();
    for (label, size) in [("1m", MIB), ("4m", 4 * MIB)] {
        documents.extend(
            hostile(size)
                .into_iter()
                .map(|(name, document)| (format!("{name}-{label}"), document)),
        );
    }
    documents.sort_by(|one, other| one.0.cmp(&other.0));
    measure(bench, "hostile", &documents);
}

/// An answer that is no Fault is known by its first chunk; one that might be costs no more than what is looked at.
fn answers(bench: &mut Criterion) {
    let head =
        "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>";
    let result = format!(
        "{head}<RetrieveResponseMsg><OverallStatus>OK</OverallStatus>{}",
        "x".repeat(8192)
    );
    let endless = format!("<!--{}", "-".repeat(MIB));
    for (name, text) in [("result", result), ("endless", endless)] {
        bench.bench_function(&format!("fault/{name}"), |bencher| {
            bencher.iter(|| {
                let mut sniffer = Sniffer::new(Coding::Identity, SNIFFED_SIZE);
                for chunk in text.as_bytes().chunks(8192) {
                    sniffer.feed(black_box(chunk));
                }
                black_box(sniffer.finish())
            });
        });
    }
}

criterion_group!(benches, usual, costly, answers);
criterion_main!(benches);
