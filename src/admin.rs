//! The admin listener: health and metrics. Never shows a token.

use std::net::SocketAddr;

/// Where the admin listener is bound.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its address; port 0 takes a free one.
    pub listen: SocketAddr,
}
