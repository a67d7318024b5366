//! Spans as OTLP has them: an `ExportTraceServiceRequest` in the Protocol Buffers wire format. Only writes.
//!
//! Written by hand: six messages of a format that is stable and will stay, against four crates of generated code. The numbers
//! are those of `opentelemetry/proto/trace/v1/trace.proto`, and tests read the bytes with the generated code.

use std::time::{Duration, SystemTime};

use super::span::{Ended, Kind, Value};

/// Attributes of this process, in their order.
pub type Resource = Vec<(String, String)>;

const SCOPE: &str = "sfmc-auth-proxy";
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.37.0";
/// `Status.StatusCode` for what has failed.
const STATUS_ERROR: u64 = 2;
/// Whether the parent is known to be of another process, or of this one.
const FLAG_HAS_IS_REMOTE: u32 = 0x100;
const FLAG_IS_REMOTE: u32 = 0x200;

/// The body of one export.
#[must_use]
pub fn encode(resource: &[(String, String)], spans: &[Ended]) -> Vec<u8> {
    let mut request = Message::default();
    request.message(1, |resource_spans| {
        resource_spans.message(1, |message| {
            for (name, value) in resource {
                attribute(message, 1, name, |any| any.text(1, value));
            }
        });
        resource_spans.message(2, |scope_spans| {
            scope_spans.message(1, |scope| {
                scope.text(1, SCOPE);
                scope.text(2, env!("CARGO_PKG_VERSION"));
            });
            for span in spans {
                scope_spans.message(2, |message| write(message, span));
            }
            scope_spans.text(3, SCHEMA_URL);
        });
        resource_spans.text(3, SCHEMA_URL);
    });
    request.bytes
}

fn write(message: &mut Message, span: &Ended) {
    message.bytes(1, &span.context.trace_id.to_be_bytes());
    message.bytes(2, &span.context.span_id.to_be_bytes());
    if let Some(parent_id) = span.parent_id {
        message.bytes(4, &parent_id.to_be_bytes());
    }
    message.text(5, &span.name);
    message.number(
        6,
        match span.kind {
            Kind::Internal => 1,
            Kind::Server => 2,
            Kind::Client => 3,
        },
    );
    let begun = span.begun.duration_since(SystemTime::UNIX_EPOCH);
    let begun = begun.unwrap_or(Duration::ZERO);
    message.fixed64(7, nanoseconds(begun));
    message.fixed64(8, nanoseconds(begun.saturating_add(span.took)));
    for (name, value) in &span.attributes {
        attribute(message, 9, name, |any| match value {
            Value::Text(text) => any.text(1, text),
            Value::Number(number) => any.number(3, number.cast_unsigned()),
        });
    }
    if span.has_failed {
        message.message(15, |status| status.number(3, STATUS_ERROR));
    }
    let mut flags = u32::from(span.context.is_sampled);
    if span.parent_id.is_some() {
        flags |= FLAG_HAS_IS_REMOTE;
        if span.is_parent_remote {
            flags |= FLAG_IS_REMOTE;
        }
    }
    message.fixed32(16, flags);
}

/// A `KeyValue`.
fn attribute(message: &mut Message, field: u64, name: &str, value: impl FnOnce(&mut Message)) {
    message.message(field, |pair| {
        pair.text(1, name);
        pair.message(2, value);
    });
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A message while it is written.
#[derive(Default)]
struct Message {
    bytes: Vec<u8>,
}

/// How a field's value is written.
const VARINT: u64 = 0;
const SIXTY_FOUR_BITS: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const THIRTY_TWO_BITS: u64 = 5;

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.bytes.push((number & 0x7f) as u8 | 0x80);
            number >>= 7;
        }
        self.bytes.push(number as u8);
    }

    fn head(&mut self, field: u64, wire_type: u64) {
        self.varint(field << 3 | wire_type);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.head(field, VARINT);
        self.varint(number);
    }

    fn fixed64(&mut self, field: u64, number: u64) {
        self.head(field, SIXTY_FOUR_BITS);
        self.bytes.extend(number.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, number: u32) {
        self.head(field, THIRTY_TWO_BITS);
        self.bytes.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.head(field, LENGTH_DELIMITED);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        write(&mut inner);
        self.bytes(field, &inner.bytes);
    }
}
