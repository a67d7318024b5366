//! OpenTelemetry's own variables: what they amount to, and that what is wrong with one is told and stops nothing.

use std::time::Duration;

use super::*;
use crate::collector;
use crate::spans::{Root, Sampler};

const ON: (&str, &str) = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "http://collector.example:4318",
);

fn read(environment: &[(&str, &str)]) -> (Option<collector::Settings>, Vec<String>) {
    let resolved = with_text(&sources(environment), TENANT).unwrap();
    (resolved.collector, resolved.warnings)
}

/// With these variables and an endpoint.
#[track_caller]
fn on(environment: &[(&str, &str)]) -> collector::Settings {
    let (settings, warnings) = read(&[&[ON], environment].concat());
    assert_eq!(warnings, [""; 0], "{environment:?}");
    settings.unwrap()
}

#[test]
fn without_a_word_of_it_there_is_none() {
    for environment in [
        &[][..],
        &[
            ("OTEL_SERVICE_NAME", "x"),
            ("OTEL_TRACES_SAMPLER", "nonsense"),
        ],
        &[ON, ("OTEL_TRACES_EXPORTER", "none")],
        &[ON, ("OTEL_SDK_DISABLED", "TRUE")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
    ] {
        let (settings, warnings) = read(environment);
        assert!(settings.is_none(), "{environment:?}");
        assert_eq!(warnings, [""; 0], "{environment:?}");
    }
}

#[test]
fn an_endpoint_is_the_base_or_the_whole_url() {
    for (environment, expected) in [
        (&[ON][..], "http://collector.example:4318/v1/traces"),
        (
            &[("OTEL_TRACES_EXPORTER", "otlp")],
            "http://localhost:4318/v1/traces",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example/base/")],
            "https://c.example/base/v1/traces",
        ),
        (
            &[
                ON,
                ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://c.example/in"),
            ],
            "https://c.example/in",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c.example")],
            "http://c.example/",
        ),
    ] {
        let (settings, warnings) = read(environment);
        assert_eq!(warnings, [""; 0], "{environment:?}");
        assert_eq!(settings.unwrap().endpoint, expected, "{environment:?}");
    }
}

#[test]
fn every_variable_has_its_place() {
    let default = on(&[]);
    assert_eq!(default.sampler, Sampler::default());
    assert_eq!(
        (default.queue_size_max, default.batch_size_max),
        (2048, 512)
    );
    assert_eq!(default.timeout, Duration::from_secs(10));
    assert!(!default.gzip && default.headers.is_empty());
    let set = on(&[
        ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "2"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "3"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "4"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "team=mail%2C%20ops,service.name=a",
        ),
        ("OTEL_SERVICE_NAME", "b"),
    ]);
    let milliseconds = Duration::from_millis;
    assert_eq!(set.schedule_delay, milliseconds(1));
    assert_eq!(set.export_timeout, milliseconds(2));
    assert_eq!(set.timeout, milliseconds(4));
    // A batch is no larger than what may wait.
    assert_eq!((set.queue_size_max, set.batch_size_max), (100, 100));
    assert!(set.gzip);
    assert_eq!(set.sampler.root, Root::Share(0.25));
    assert!(set.sampler.follows_parent);
    let of = |name: &str| {
        let mut pairs = set.resource.iter();
        let found = pairs.find(|(known, _value)| known == name);
        found.map(|(_name, value)| value.as_str())
    };
    assert_eq!(
        (of("team"), of("service.name")),
        (Some("mail, ops"), Some("b"))
    );
    assert_eq!(of("service.version"), Some(env!("CARGO_PKG_VERSION")));
}

#[test]
fn headers_may_be_keys_and_are_not_shown() {
    let (settings, warnings) = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "api-key=canary%3D1, x-scope=2",
        ),
    ]);
    assert_eq!(warnings, [""; 0]);
    let settings = settings.unwrap();
    assert_eq!(settings.headers["api-key"], "canary=1");
    assert_eq!(settings.headers["x-scope"], "2");
    assert!(!format!("{settings:?}").contains("canary"));
    let (settings, warnings) = read(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c.example"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "canary-without-name,a b=canary,x=1",
        ),
    ]);
    assert_eq!(settings.unwrap().headers.len(), 1);
    assert_eq!(
        warnings,
        [
            "OTEL_EXPORTER_OTLP_HEADERS: entry 1 is no name=value and is ignored",
            "OTEL_EXPORTER_OTLP_HEADERS: entry 2 is no name=value and is ignored"
        ]
    );
}

/// With these variables and an endpoint, there is this one warning.
#[track_caller]
fn check_warning(environment: &[(&str, &str)], is_on: bool, warning: &str) {
    let (settings, warnings) = read(&[&[ON], environment].concat());
    assert_eq!(warnings, [warning], "{environment:?}");
    assert_eq!(settings.is_some(), is_on, "{environment:?}");
}

#[test]
fn what_cannot_be_done_is_told_and_turns_it_off() {
    for (environment, warning) in [
        (
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")][..],
            "OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\" is not spoken here, so that no spans are sent; write http/protobuf, and name the collector's port for HTTP (4318)",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")],
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: \"http/json\" is not spoken here, so that no spans are sent; write http/protobuf, and name the collector's port for HTTP (4318)",
        ),
        (
            &[(
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://u:canary@c.example",
            )],
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no http:// or https:// URL without user and password, so that no spans are sent; write one such as http://localhost:4318",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector:4318")],
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no http:// or https:// URL without user and password, so that no spans are sent; write one such as http://localhost:4318",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem")],
            "OTEL_EXPORTER_OTLP_CERTIFICATE: the file /nonexistent/ca.pem does not exist, so that no spans are sent; name a PEM file",
        ),
    ] {
        check_warning(environment, false, warning);
    }
}

#[test]
fn what_is_wrong_otherwise_is_told_and_ignored() {
    for (environment, warning) in [
        (
            &[(
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://c.example:4317",
            )][..],
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT names port 4317, where collectors usually speak gRPC; OTLP over HTTP is spoken here, usually on 4318",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_HEADERS", "a=1")],
            "OTEL_EXPORTER_OTLP_HEADERS go to the collector in clear: its endpoint is an http:// one beyond loopback. Use https:// if there is a key in them",
        ),
        (
            &[("OTEL_TRACES_EXPORTER", "otlp,console")],
            "OTEL_TRACES_EXPORTER: \"console\" is not known here and is ignored; write otlp or none",
        ),
        (
            &[("OTEL_TRACES_SAMPLER", "xray")],
            "OTEL_TRACES_SAMPLER: \"xray\" is not known here and is ignored; write always_on, always_off or traceidratio, or one of them after parentbased_",
        ),
        (
            &[
                ("OTEL_TRACES_SAMPLER", "traceidratio"),
                ("OTEL_TRACES_SAMPLER_ARG", "2"),
            ],
            "OTEL_TRACES_SAMPLER_ARG: \"2\" is no number from 0 to 1 and is ignored",
        ),
        (
            &[("OTEL_BSP_MAX_QUEUE_SIZE", "0")],
            "OTEL_BSP_MAX_QUEUE_SIZE: \"0\" is no whole number from 1 to 1048576; 2048 is taken",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")],
            "OTEL_EXPORTER_OTLP_TIMEOUT: \"10s\" is no whole number from 1 to 600000; 10000 is taken",
        ),
        (
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")],
            "OTEL_EXPORTER_OTLP_COMPRESSION: \"zstd\" is not known here and is ignored; write gzip or none",
        ),
        (
            &[("OTEL_RESOURCE_ATTRIBUTES", "a")],
            "OTEL_RESOURCE_ATTRIBUTES is no list of name=value,name=value and is ignored",
        ),
    ] {
        check_warning(environment, true, warning);
    }
}
