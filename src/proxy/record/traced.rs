//! The spans of one request: its own, which ends with its record, and one for each attempt. Named by method and route or
//! operation; no path, no query, no header and no id is in them.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method};

use super::{Details, Record, written};
use crate::policy;
use crate::proxy::asked::Api;
use crate::proxy::error::Code;
use crate::proxy::headers;
use crate::server::Connection;
use crate::spans::{Context, Kind, Span, Tracer};
use crate::upstream::Destination;

/// The error of a call that nobody waited for any more.
pub(in crate::proxy) const CANCELLED: &str = "cancelled";

/// What a traced request has beside others.
pub(in crate::proxy) struct Traced {
    tracer: Arc<Tracer>,
    span: Span,
    scheme: &'static str,
    /// Its caller began the trace.
    is_continued: bool,
}

impl Traced {
    /// The request's span begins.
    pub(in crate::proxy) fn begin(
        tracer: &Arc<Tracer>,
        headers: &HeaderMap,
        connection: &Connection,
    ) -> Self {
        let caller = headers::trace_context(headers);
        let is_secure = connection.tls().is_some() || connection.intercepted().is_some();
        Self {
            scheme: if is_secure { "https" } else { "http" },
            tracer: Arc::clone(tracer),
            span: tracer.begin_remote(Kind::Server, caller),
            is_continued: caller.is_some(),
        }
    }

    pub(super) fn trace_id(&self) -> String {
        self.span.context().trace_id_text()
    }
}

impl Record {
    /// The request's place in its trace, if there are spans.
    pub(in crate::proxy) fn context(&self) -> Option<Context> {
        self.traced.as_ref().map(|traced| traced.span.context())
    }

    /// Whether the trace begins here, so that what the caller says of another means nothing.
    pub(in crate::proxy) fn begins_trace(&self) -> bool {
        self.traced
            .as_ref()
            .is_some_and(|traced| !traced.is_continued)
    }

    /// The span of an attempt that begins now, if there are spans.
    pub(in crate::proxy) fn attempt(&self, destination: &Destination) -> Option<Span> {
        let traced = self.traced.as_ref()?;
        let mut span = traced
            .tracer
            .begin(Kind::Client, Some(traced.span.context()));
        let mut details = self.details();
        let resent = details.attempts;
        details.attempts += 1;
        if span.is_kept() {
            describe(&mut span, &self.method, &details);
            span.text("server.address", destination.host().to_owned());
            span.number("server.port", destination.port());
            if resent > 0 {
                span.number("http.request.resend_count", resent);
            }
        }
        Some(span)
    }
}

/// The request is over.
pub(super) fn conclude(traced: Traced, method: &Method, details: &Details) {
    let mut span = traced.span;
    if !span.is_kept() {
        return;
    }
    describe(&mut span, method, details);
    span.text("url.scheme", traced.scheme);
    match details.status {
        Some(status) => span.status(status),
        None => span.failed(CANCELLED),
    }
    if let Some(error) = details.error {
        // A caller's own fault is no failure of this process.
        let is_ours = error.status().is_server_error();
        let name = Code::name(error);
        if is_ours {
            span.failed(name);
        } else {
            span.text("error.type", name);
        }
    }
}

fn describe(span: &mut Span, method: &Method, details: &Details) {
    let route = route(method, details);
    let target = match (&details.soap, &route) {
        (Some((_version, operation)), _) => Some(Cow::Borrowed(operation.unwrap_or("other"))),
        (None, route) => route.clone(),
    };
    let (method, verb) = match written::method_label(method) {
        "other" => ("_OTHER", "HTTP"),
        known => (known, known),
    };
    span.name(match target {
        Some(target) => format!("{verb} {target}"),
        None => verb.to_owned(),
    });
    span.text("http.request.method", method.to_owned());
    if let Some(route) = route {
        span.text("http.route", route);
    }
    if let Some(account) = &details.account {
        let labels = account.token.labels();
        span.text("sfmc.tenant", labels.tenant.clone());
        span.text("sfmc.account", labels.account.clone());
    }
    if let Some(api) = details.api {
        let path = details.path.as_ref().map_or("", |path| path.path());
        span.text("sfmc.api", api.name());
        span.text("sfmc.operation", details.operation(path));
    }
}

/// One of few, whoever calls whatever: no segment of a path is in it that no table has.
fn route(method: &Method, details: &Details) -> Option<Cow<'static, str>> {
    let path = details.path.as_ref()?.path();
    Some(match details.api? {
        Api::Soap(_) if details.soap.is_some() => Cow::Borrowed("/Service.asmx"),
        Api::Soap(_) => return None,
        Api::Wsdl => Cow::Borrowed("/etframework.wsdl"),
        Api::UserInfo => Cow::Borrowed("/v2/userinfo"),
        Api::Token(_) => Cow::Borrowed("/v2/token"),
        Api::Rest | Api::Endpoints | Api::Bulk => Cow::Owned(policy::template(method, path)?),
    })
}
