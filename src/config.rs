//! What the operator wrote, from file, environment and flags, and what it means.

use crate::{admin, proxy, server, telemetry, upstream};

/// The whole configuration, checked and ready to build from.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// How it listens.
    pub server: server::Settings,
    /// Indexes of listeners that are left out where the machine lacks the address: the default's IPv6 one.
    pub optional_listeners: Vec<usize>,
    /// The admin listener.
    pub admin: admin::Settings,
    /// How it routes.
    pub proxy: proxy::Settings,
    /// How it calls out.
    pub upstream: upstream::Settings,
    /// How it logs.
    pub telemetry: telemetry::Settings,
}
