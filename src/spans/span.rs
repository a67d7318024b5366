//! One span, from its beginning to its end. Ends by being dropped, so that no way out of what it measures can forget it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Context, Queue};
use crate::clock::Now;

/// Which side of a call a span tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Neither: work of this process.
    Internal,
    /// A call that came in.
    Server,
    /// A call that went out.
    Client,
}

/// What an attribute holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Text(Cow<'static, str>),
    Number(i64),
}

/// A span that goes on. One that is not kept has a place in its trace, and costs nothing else.
pub struct Span {
    context: Context,
    kept: Option<Box<Kept>>,
}

struct Kept {
    queue: Arc<Queue>,
    begun: Now,
    told: Ended,
}

/// A span that is over.
#[derive(Debug)]
pub struct Ended {
    pub(super) context: Context,
    pub(super) parent_id: Option<u64>,
    pub(super) is_parent_remote: bool,
    pub(super) kind: Kind,
    pub(super) name: Cow<'static, str>,
    pub(super) begun: SystemTime,
    pub(super) took: Duration,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) has_failed: bool,
}

impl Span {
    pub(super) fn begin(
        queue: &Arc<Queue>,
        kind: Kind,
        context: Context,
        parent_id: Option<u64>,
        is_parent_remote: bool,
    ) -> Self {
        let keep = || {
            let begun = Now::read();
            Box::new(Kept {
                queue: Arc::clone(queue),
                begun,
                told: Ended {
                    context,
                    parent_id,
                    is_parent_remote,
                    kind,
                    name: Cow::Borrowed("unnamed"),
                    begun: begun.wall,
                    took: Duration::ZERO,
                    attributes: Vec::new(),
                    has_failed: false,
                },
            })
        };
        Self {
            context,
            kept: context.is_sampled.then(keep),
        }
    }

    /// Its place in its trace.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context
    }

    /// Whether anybody will see what it is told; if not, it need not be made out.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// What it is called: one of few names.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(kept) = &mut self.kept {
            kept.told.name = name.into();
        }
    }

    /// An attribute that is text.
    pub fn text(&mut self, name: &'static str, text: impl Into<Cow<'static, str>>) {
        self.set(name, || Value::Text(text.into()));
    }

    /// An attribute that is a number.
    pub fn number(&mut self, name: &'static str, number: impl Into<i64>) {
        self.set(name, || Value::Number(number.into()));
    }

    /// What it tells of has failed, with an error of this type: one of few words.
    pub fn failed(&mut self, error_type: impl Into<Cow<'static, str>>) {
        self.text("error.type", error_type);
        if let Some(kept) = &mut self.kept {
            kept.told.has_failed = true;
        }
    }

    /// The HTTP status that a call got. On the calling side 4xx are failures; on the called side they are the caller's.
    pub fn status(&mut self, status: http::StatusCode) {
        let Some(kept) = &self.kept else {
            return;
        };
        let is_error = match kept.told.kind {
            Kind::Client => status.is_client_error() || status.is_server_error(),
            Kind::Server | Kind::Internal => status.is_server_error(),
        };
        self.number("http.response.status_code", status.as_u16());
        if is_error {
            self.failed(status.as_str().to_owned());
        }
    }

    fn set(&mut self, name: &'static str, value: impl FnOnce() -> Value) {
        let Some(kept) = &mut self.kept else {
            return;
        };
        let attributes = &mut kept.told.attributes;
        match attributes.iter_mut().find(|(known, _value)| *known == name) {
            Some((_name, known)) => *known = value(),
            None => attributes.push((name, value())),
        }
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take() {
            let Kept {
                queue,
                begun,
                mut told,
            } = *kept;
            told.took = begun.monotonic.elapsed();
            queue.push(told);
        }
    }
}
