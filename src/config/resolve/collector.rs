//! Where spans go, from OpenTelemetry's own variables. What is wrong with one is a warning and no fault: they are often set for
//! every program of a machine or a cluster, and no call should fail for them.

use std::collections::BTreeMap;
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use rustls_pki_types::CertificateDer;

use super::Review;
use super::files;
use crate::collector::Settings;
use crate::config::Depth;
use crate::config::source::{self, Sources};
use crate::spans::{Root, Sampler};
use crate::token::is_loopback;

const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
const SERVICE_NAME: &str = "sfmc-auth-proxy";
const CERTIFICATES_SIZE_MAX: u64 = 4 * 1024 * 1024;
/// A longer queue would hold more memory than anybody means.
const QUEUE_SIZE_MAX: u64 = 1 << 20;
const MILLISECONDS_MAX: u64 = 10 * 60 * 1000;

/// Where spans go; `None` without a word of it, and where what is said cannot be done.
pub(super) fn settings(review: &mut Review<'_>) -> Option<Settings> {
    let mut variables = Variables {
        sources: review.sources,
        warnings: Vec::new(),
    };
    let settings = read(&mut variables, review.depth);
    for warning in variables.warnings {
        review.faults.warn(warning);
    }
    settings
}

fn read(variables: &mut Variables<'_>, depth: Depth) -> Option<Settings> {
    if !variables.are_on() {
        return None;
    }
    variables.speaks_our_protocol()?;
    let endpoint = variables.endpoint()?;
    let headers = variables.headers();
    let is_clear = endpoint.scheme_str() == Some("http");
    if is_clear
        && !headers.is_empty()
        && !endpoint
            .host()
            .is_some_and(|host| is_loopback(host.trim_matches(['[', ']'])))
    {
        variables.warn(
            "OTEL_EXPORTER_OTLP_HEADERS go to the collector in clear: its endpoint is an http:// one beyond loopback. Use \
             https:// if there is a key in them",
        );
    }
    let queue_size = variables.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, QUEUE_SIZE_MAX);
    let batch_size = variables.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, QUEUE_SIZE_MAX);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Some(Settings {
        endpoint,
        headers,
        timeout: variables.timeout(),
        gzip: variables.gzip(),
        extra_roots: variables.certificates(depth)?,
        resource: variables.resource(),
        sampler: variables.sampler(),
        schedule_delay: variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY", 5_000),
        export_timeout: variables.milliseconds("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
        queue_size_max: count(queue_size),
        batch_size_max: count(batch_size.min(queue_size)),
    })
}

/// OpenTelemetry's variables, and what is wrong with them. A value is never quoted where it may be a key.
struct Variables<'a> {
    sources: &'a Sources,
    warnings: Vec<String>,
}

impl<'a> Variables<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        let value = self.sources.variable(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// The exporter's variable for traces, or the one for everything; with its name.
    fn exporter(&self, leaf: &str) -> Option<(String, &'a str)> {
        ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"]
            .into_iter()
            .find_map(|prefix| {
                let name = format!("{prefix}{leaf}");
                let value = self.get(&name)?;
                Some((name, value))
            })
    }

    fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// Whether spans are wanted: an exporter is named, or where it is.
    fn are_on(&mut self) -> bool {
        let is_disabled = self.get("OTEL_SDK_DISABLED");
        if is_disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return false;
        }
        let Some(exporters) = self.get("OTEL_TRACES_EXPORTER") else {
            return self.exporter("ENDPOINT").is_some();
        };
        let mut is_otlp = false;
        for exporter in exporters.split(',').map(str::trim) {
            match exporter {
                "otlp" => is_otlp = true,
                "none" | "" => {}
                other => self.warn(format!(
                    "OTEL_TRACES_EXPORTER: {other:?} is not known here and is ignored; write otlp or none"
                )),
            }
        }
        is_otlp
    }

    fn speaks_our_protocol(&mut self) -> Option<()> {
        match self.exporter("PROTOCOL") {
            None | Some((_, "http/protobuf")) => Some(()),
            Some((name, protocol)) => {
                self.warn(format!(
                    "{name}: {protocol:?} is not spoken here, so that no spans are sent; write http/protobuf, and name the \
                     collector's port for HTTP (4318)"
                ));
                None
            }
        }
    }

    fn endpoint(&mut self) -> Option<Uri> {
        let own = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        let common = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let (name, endpoint) = match (self.get(own), self.get(common)) {
            // This one is the whole URL.
            (Some(endpoint), _) => (own, parse(endpoint, "")),
            (None, endpoint) => (
                common,
                parse(endpoint.unwrap_or(DEFAULT_ENDPOINT), "v1/traces"),
            ),
        };
        let Some(endpoint) = endpoint else {
            self.warn(format!(
                "{name} is no http:// or https:// URL without user and password, so that no spans are sent; write one such \
                 as {DEFAULT_ENDPOINT}"
            ));
            return None;
        };
        if endpoint.port_u16() == Some(4317) && self.exporter("PROTOCOL").is_none() {
            self.warn(format!(
                "{name} names port 4317, where collectors usually speak gRPC; OTLP over HTTP is spoken here, usually on 4318"
            ));
        }
        Some(endpoint)
    }

    fn headers(&mut self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some((variable, text)) = self.exporter("HEADERS") else {
            return headers;
        };
        for (place, pair) in pairs(text).enumerate() {
            let header = pair.and_then(|(name, value)| {
                let mut value = HeaderValue::try_from(value).ok()?;
                value.set_sensitive(true);
                Some((HeaderName::try_from(name).ok()?, value))
            });
            match header {
                Some((name, value)) => drop(headers.append(name, value)),
                None => self.warn(format!(
                    "{variable}: entry {} is no name=value and is ignored",
                    place + 1
                )),
            }
        }
        headers
    }

    fn timeout(&mut self) -> Duration {
        let name = self.exporter("TIMEOUT").map(|(name, _value)| name);
        self.milliseconds(
            &name.unwrap_or_else(|| "OTEL_EXPORTER_OTLP_TIMEOUT".to_owned()),
            10_000,
        )
    }

    fn gzip(&mut self) -> bool {
        match self.exporter("COMPRESSION") {
            None | Some((_, "none")) => false,
            Some((_, "gzip")) => true,
            Some((name, other)) => {
                self.warn(format!(
                    "{name}: {other:?} is not known here and is ignored; write gzip or none"
                ));
                false
            }
        }
    }

    /// `None` if those that are named cannot be had: without them the collector would not be trusted.
    fn certificates(&mut self, depth: Depth) -> Option<Vec<CertificateDer<'static>>> {
        let Some((name, text)) = self.exporter("CERTIFICATE") else {
            return Some(Vec::new());
        };
        if depth == Depth::Syntax {
            return Some(Vec::new());
        }
        let file = self.sources.working_directory.join(text);
        let read = source::read_file(&file, CERTIFICATES_SIZE_MAX);
        match read.and_then(|pem| files::roots(&pem)) {
            Ok(certificates) => Some(certificates),
            Err(why) => {
                self.warn(format!(
                    "{name}: the file {} {why}, so that no spans are sent; name a PEM file",
                    file.display()
                ));
                None
            }
        }
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        let mut resource = BTreeMap::from([
            ("service.name".to_owned(), SERVICE_NAME.to_owned()),
            (
                "service.version".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
            ("telemetry.sdk.language".to_owned(), "rust".to_owned()),
            ("telemetry.sdk.name".to_owned(), SERVICE_NAME.to_owned()),
            (
                "telemetry.sdk.version".to_owned(),
                env!("CARGO_PKG_VERSION").to_owned(),
            ),
        ]);
        let given = self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let given: Option<Vec<_>> = pairs(given).collect();
        match given {
            Some(given) => resource.extend(given),
            // All or nothing, as the specification has it.
            None => self.warn(
                "OTEL_RESOURCE_ATTRIBUTES is no list of name=value,name=value and is ignored",
            ),
        }
        if let Some(name) = self.get("OTEL_SERVICE_NAME") {
            resource.insert("service.name".to_owned(), name.to_owned());
        }
        resource.into_iter().collect()
    }

    fn sampler(&mut self) -> Sampler {
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else {
            return Sampler::default();
        };
        let (rule, follows_parent) = match name.strip_prefix("parentbased_") {
            Some(rule) => (rule, true),
            None => (name, false),
        };
        let root = match rule {
            "always_on" => Root::Always,
            "always_off" => Root::Never,
            "traceidratio" => Root::Share(self.share()),
            _ => {
                self.warn(format!(
                    "OTEL_TRACES_SAMPLER: {name:?} is not known here and is ignored; write always_on, always_off or \
                     traceidratio, or one of them after parentbased_"
                ));
                return Sampler::default();
            }
        };
        Sampler {
            root,
            follows_parent,
        }
    }

    fn share(&mut self) -> f64 {
        let name = "OTEL_TRACES_SAMPLER_ARG";
        let Some(text) = self.get(name) else {
            return 1.0;
        };
        let share = text.parse().ok();
        match share.filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => share,
            None => {
                self.warn(format!(
                    "{name}: {text:?} is no number from 0 to 1 and is ignored"
                ));
                1.0
            }
        }
    }

    fn milliseconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_millis(self.number(name, default, MILLISECONDS_MAX))
    }

    fn number(&mut self, name: &str, default: u64, max: u64) -> u64 {
        let Some(text) = self.get(name) else {
            return default;
        };
        match text.parse() {
            Ok(number) if (1..=max).contains(&number) => number,
            _ => {
                self.warn(format!(
                    "{name}: {text:?} is no whole number from 1 to {max}; {default} is taken"
                ));
                default
            }
        }
    }
}

/// A URL with this after its path.
fn parse(text: &str, more: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let mut parts = uri.into_parts();
    let scheme = parts.scheme.as_ref()?.as_str();
    let is_plain =
        |authority: &Authority| !authority.host().is_empty() && !authority.as_str().contains('@');
    let authority = parts.authority.as_ref()?;
    if !matches!(scheme, "http" | "https") || !is_plain(authority) {
        return None;
    }
    if !more.is_empty() {
        let path = parts.path_and_query.as_ref();
        let path = path.map_or("", |path| path.path()).trim_end_matches('/');
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{path}/{more}")).ok()?);
    }
    Uri::from_parts(parts).ok()
}

/// `name=value,name=value`, with percent signs decoded; `None` for an entry that is something else.
fn pairs(text: &str) -> impl Iterator<Item = Option<(String, String)>> {
    let entries = text.split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).map(|entry| {
        let (name, value) = entry.split_once('=')?;
        let decoded = percent_decode_str(value.trim()).decode_utf8().ok()?;
        let name = name.trim();
        (!name.is_empty()).then(|| (name.to_owned(), decoded.into_owned()))
    })
}
