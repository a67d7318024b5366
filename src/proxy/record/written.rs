//! How a record is written: metrics, one log line, one audit line. No path becomes a label, and no query is ever written.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use super::{Details, Record};
use crate::audit::Line;
use crate::policy::ROOTS;
use crate::proxy::asked::Api;
use crate::proxy::error::Code;
use crate::telemetry;

/// A line with all that is said of every request, and something more.
macro_rules! write_line {
    ($level:ident, $record:expr, $details:expr, $route:expr, $took:expr, $message:literal, $($name:ident = $value:expr),+) => {{
        let (record, details) = ($record, $details);
        let labels = details
            .account
            .as_ref()
            .map(|account| account.token.labels());
        let path = record.path(details);
        tracing::event!(
            target: "access",
            tracing::Level::$level,
            request_id = record.request_id.to_str().unwrap_or_default(),
            trace_id = record.trace_id.as_deref(),
            client = details.client(),
            tenant = labels.as_ref().map(|labels| labels.tenant.as_str()),
            account = labels.as_ref().map(|labels| labels.account.as_str()),
            api = details.api.map(Api::name),
            operation = details.operation(path),
            method = record.method.as_str(),
            route = $route,
            status = details.status.unwrap_or(CLIENT_GONE).as_u16(),
            upstream_status = details.upstream_status.map(|status| status.as_u16()),
            duration_ms = milliseconds($took),
            upstream_ms = details.upstream_status.map(|_answered| milliseconds(details.upstream)),
            bytes_in = record.progress.bytes(),
            bytes_out = record.bytes_out.load(Ordering::Relaxed),
            replayed = details.replayed,
            error = details.error.map(Code::name),
            cause = details.cause.as_deref(),
            advice = details.advice.as_deref(),
            would_refuse = details.would_refuse.map(Code::name),
            $($name = $value,)+
            $message
        );
    }};
}

impl Record {
    pub(super) fn count(&self, details: &Details, took: Duration) {
        let labels = details
            .account
            .as_ref()
            .map(|account| account.token.labels());
        let (tenant, account) = labels.as_ref().map_or(("", ""), |labels| {
            (labels.tenant.as_str(), labels.account.as_str())
        });
        let api = details.api.map_or("", Api::name);
        let path = details.path.as_ref().map_or("", |path| path.path());
        let status = details.status.unwrap_or(CLIENT_GONE);
        let labels = [
            tenant,
            account,
            api,
            details.operation(path),
            details.client(),
            method_label(&self.method),
            status.as_str(),
        ];
        self.metrics.requests_total.with_label_values(&labels).inc();
        self.metrics
            .request_duration_seconds
            .with_label_values(&[tenant, api])
            .observe(took.as_secs_f64());
    }

    /// The request's line: always where there is something to be said of it, else for the share that is asked for.
    pub(super) fn log(&self, details: &Details, route: &str, took: Duration, is_slow: bool) {
        if is_slow {
            if tracing::enabled!(target: "access", tracing::Level::WARN) {
                self.log_slow(details, route, took);
            }
            return;
        }
        if !tracing::enabled!(target: "access", tracing::Level::INFO) {
            return;
        }
        let sample = telemetry::sample();
        let is_sampled = sample < 1.0 && details.is_ordinary();
        if is_sampled && fastrand::f64() >= sample {
            return;
        }
        write_line!(
            INFO,
            self,
            details,
            route,
            took,
            "request",
            sample = is_sampled.then_some(sample)
        );
    }

    fn log_slow(&self, details: &Details, route: &str, took: Duration) {
        let waits = &details.waits;
        write_line!(
            WARN,
            self,
            details,
            route,
            took,
            "slow request",
            token_wait_ms = milliseconds(waits.token),
            connect_ms = milliseconds(waits.connect),
            head_ms = milliseconds(waits.head),
            body_ms = milliseconds(waits.body(took))
        );
    }

    /// The path at the API, or as it was asked for if it did not come so far.
    pub(super) fn path<'a>(&'a self, details: &'a Details) -> &'a str {
        match &details.path {
            Some(path) => path.path(),
            None => self.target.path(),
        }
    }

    /// The same as the log's line, with what an audit asks for beside it.
    pub(super) fn audit_line(&self, details: &Details, route: &str, took: Duration) -> String {
        let account = details.account.as_ref();
        let labels = account.map(|account| account.token.labels());
        let path = self.path(details);
        let types = (!details.object_types.is_empty()).then_some(details.object_types.as_slice());
        let upstream = details.upstream_status;
        let ts = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
        let audit_id = format!("{:032x}", fastrand::u128(..));
        Line::new()
            .text("ts", ts.as_str())
            .text("audit_id", audit_id.as_str())
            .text("request_id", self.request_id.to_str().ok())
            .text("trace_id", self.trace_id.as_deref())
            .text("client", details.client())
            .text(
                "tenant",
                labels.as_ref().map(|labels| labels.tenant.as_str()),
            )
            .text(
                "account",
                labels.as_ref().map(|labels| labels.account.as_str()),
            )
            .number("account_id", account.and_then(|account| account.mid()))
            .text("api", details.api.map(Api::name))
            .text("operation", details.operation(path))
            .list("object_types", types)
            .flag("untyped_objects", only(details.untyped_objects))
            .text("method", self.method.as_str())
            .text("route", route)
            .number(
                "status",
                u64::from(details.status.unwrap_or(CLIENT_GONE).as_u16()),
            )
            .number(
                "upstream_status",
                upstream.map(|status| u64::from(status.as_u16())),
            )
            .decimal("duration_ms", milliseconds(took))
            .decimal(
                "upstream_ms",
                upstream.map(|_answered| milliseconds(details.upstream)),
            )
            .number("bytes_in", self.progress.bytes())
            .number("bytes_out", self.bytes_out.load(Ordering::Relaxed))
            .flag("replayed", details.replayed)
            .text("error", details.error.map(Code::name))
            .text("cause", details.cause.as_deref())
            .text("advice", details.advice.as_deref())
            .text("would_refuse", details.would_refuse.map(Code::name))
            .flag("unclear", only(details.unclear))
            .flag("names_accounts", only(details.names_accounts))
            .finish()
    }
}

/// What is logged and counted where the caller went away before its answer began, as nginx has it.
pub(super) const CLIENT_GONE: StatusCode = match StatusCode::from_u16(499) {
    Ok(status) => status,
    Err(_) => StatusCode::BAD_REQUEST,
};

/// Said where it is so; nothing else is worth a word in each line.
fn only(is_so: bool) -> Option<bool> {
    is_so.then_some(true)
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// The service root of a path; any other than the vendor's counts as `other`.
pub(super) fn root(path: &str) -> &'static str {
    let root = path
        .split('/')
        .find(|segment| !segment.is_empty())
        .unwrap_or_default();
    ROOTS
        .iter()
        .find(|known| **known == root)
        .copied()
        .unwrap_or("other")
}

pub(super) fn method_label(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
        _ => "other",
    }
}

/// The vendor's files, whose names are no ids.
const FILES: [&str; 3] = ["Service.asmx", "etframework.wsdl", "ETFrameworkFault.xsd"];

/// The first three segments of a path, ids masked: a segment that holds a digit, a colon, a dot or an escape is an id, unless it
/// is a version or one of the vendor's files.
pub(super) fn masked(path: &str) -> String {
    let mut route = String::new();
    for segment in path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .take(3)
    {
        let digits = segment.strip_prefix('v').unwrap_or_default();
        let is_version = !digits.is_empty()
            && digits.len() <= 2
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = segment.len() <= 40
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'-' || byte == b'_');
        let is_file = FILES.iter().any(|file| file.eq_ignore_ascii_case(segment));
        route.push('/');
        route.push_str(if is_version || is_word || is_file {
            segment
        } else {
            "{id}"
        });
    }
    if route.is_empty() {
        "/".to_owned()
    } else {
        route
    }
}
