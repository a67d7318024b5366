//! Logs: one JSON object or one readable line an event, to stderr. Never a secret, never a query.

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
    /// Shape of a line; `None` reads better of the two: text on a terminal, else JSON.
    pub format: Option<Format>,
    /// Least severe level that is written: error, warn, info, debug or trace.
    pub level: tracing::Level,
}
