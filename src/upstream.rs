//! The way to the tenant: roots, connector and pool. Knows TLS and HTTP, knows no tenant and no token.

use std::time::Duration;

/// How the proxy calls out.
#[derive(Debug, Clone)]
pub struct Settings {
    /// TCP and TLS handshake together.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept.
    pub pool_idle_timeout: Duration,
    /// Header lines that an answer's head may have.
    pub headers_max: usize,
    /// Bytes that an answer's head may have.
    pub header_size_max: usize,
    /// Write header names as the caller wrote them instead of in Title-Case.
    pub preserve_header_case: bool,
    /// A body that moves no byte for this long.
    pub body_stall_timeout: Duration,
}
