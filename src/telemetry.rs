//! Logs: one JSON object or one readable line an event, to stderr. Never a secret, never a query.
//!
//! Lines are handed to a thread that writes them, so that a slow reader of stderr does not slow requests; at the bound of
//! its queue lines are dropped and not waited for.

mod in_force;

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

pub use in_force::{Change, InForce, change_for, configure, end_change, in_force, is_slow, sample};

/// Lines that wait for the writing thread.
const LINES_MAX: usize = 8192;

/// Shape of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// One readable line.
    Text,
}

/// How the proxy logs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Shape of a line; `None` takes text on a terminal, else JSON.
    pub format: Option<Format>,
    /// Least severe level that is written.
    pub level: tracing::Level,
    /// The share of requests that is written of those of which there is nothing to be said, from 0 to 1.
    pub sample: f64,
    /// A request that takes longer is written as a slow one; none is where this is zero.
    pub slow: Duration,
}

/// Starts logging for the whole process; what is still to be written is written when the guard is dropped. `None` if
/// logging had been started before.
#[must_use]
pub fn start(settings: &Settings) -> Option<WorkerGuard> {
    let terminal = io::stderr().is_terminal();
    let format = settings
        .format
        .unwrap_or(if terminal { Format::Text } else { Format::Json });
    let (writer, guard) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .lossy(true)
        .thread_name("log")
        .finish(io::stderr());
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(settings.level));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .event_format(Lines { format });
    let subscriber = Registry::default().with(filter).with(lines);
    if subscriber.try_init().is_err() {
        return None;
    }
    in_force::start(settings, move |level| {
        // Fails only where nothing is logged any more.
        let _gone = handle.reload(LevelFilter::from_level(level));
    });
    Some(guard)
}

struct Lines {
    format: Format,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let line = line(self.format, SystemTime::now(), event);
        writer.write_str(&line)
    }
}

fn line(format: Format, at: SystemTime, event: &Event<'_>) -> String {
    let mut fields = Fields {
        format,
        message: String::new(),
        rest: String::new(),
    };
    event.record(&mut fields);
    let ts = humantime::format_rfc3339_millis(at);
    let level = event.metadata().level().as_str();
    match format {
        Format::Json => {
            let level = level.to_ascii_lowercase();
            let message = json_text(&fields.message);
            format!(
                "{{\"ts\":\"{ts}\",\"level\":\"{level}\",\"msg\":{message}{}}}\n",
                fields.rest
            )
        }
        Format::Text => format!(
            "{ts} {level:<5} {}{}\n",
            plain(&fields.message),
            fields.rest
        ),
    }
}

/// Collects an event's fields in their order, already written.
struct Fields {
    format: Format,
    message: String,
    rest: String,
}

impl Fields {
    fn put(&mut self, field: &Field, json: &str, text: &str) {
        let written = match self.format {
            Format::Json => write!(self.rest, ",\"{}\":{json}", field.name()),
            Format::Text => write!(self.rest, " {}={text}", field.name()),
        };
        // Writing to a String cannot fail.
        let _always_ok = written;
    }

    fn put_words(&mut self, field: &Field, words: &str) {
        if field.name() == "message" {
            words.clone_into(&mut self.message);
        } else {
            let quoted = json_text(words);
            let bare = !words.is_empty()
                && words
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'=');
            self.put(field, &quoted, if bare { words } else { &quoted });
        }
    }

    fn put_number(&mut self, field: &Field, number: &impl fmt::Display) {
        let number = number.to_string();
        self.put(field, &number, &number);
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put_words(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put_words(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put_number(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put_number(field, &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put_number(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put_number(field, &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.put_number(field, &value);
        } else {
            self.put(field, "null", "-");
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_never| "\"\"".to_owned())
}

/// One line stays one line, and a terminal is told nothing by what others wrote.
fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}
