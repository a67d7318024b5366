//! What the configuration means: values become the settings of every room, and how they fit together is checked. Finds
//! every fault and stops at none.

mod account;
mod address;
mod client;
mod collector;
mod egress;
mod files;
mod guard;
mod intercept;
mod limits;
mod listen;
mod names;
mod state;
mod tenant;
mod tls;
mod url;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::fault::{Faults, Origin};
use super::key_path::KeyPath;
use super::keys;
use super::layers::Values;
use super::machine::Machine;
use super::source::Sources;
use super::value::{Complaint, Item, Value};
use super::{AuthorityPlace, Depth, Resolved, Summary, shorthand};
use crate::identity::ClientSettings;
use crate::policy::Mode;
use crate::secret::Secret;
use crate::{admin, audit, proxy, server, telemetry, upstream};

pub(super) use intercept::authority as authority_place;
pub(super) use listen::admin as admin_address;
pub(super) use listen::admin_token;

/// The values under review, and what has been found.
pub(super) struct Review<'a> {
    pub(super) values: &'a Values,
    pub(super) sources: &'a Sources,
    pub(super) depth: Depth,
    pub(super) machine: &'a Machine,
    pub(super) faults: &'a mut Faults,
}

/// Resolves everything. The second part is there if nothing is wrong and everything was read.
pub(super) fn resolve(
    review: &mut Review<'_>,
    file: Option<PathBuf>,
) -> (Summary, Option<Resolved>) {
    let admin = listen::admin(review);
    let tenants = tenant::all(review, admin);
    let default_tenant = tenant::default(review, &tenants);
    let clients = client::all(review, &tenants, default_tenant.as_deref());
    let known = listen::Known {
        tenants: &tenants,
        clients: &clients,
        default_tenant: default_tenant.as_deref(),
    };
    let listening = listen::listeners(review, &known);
    listen::keep_apart(review, &listening, admin);
    let summary = Summary {
        file: file.clone(),
        tenants: tenants.len(),
        accounts: tenants.iter().map(tenant::Tenant::accounts_count).sum(),
        clients: clients.len(),
        listeners: listening.addresses.len(),
        warnings: Vec::new(),
    };
    let parts = Parts {
        tls: tls::settings(review, &listening),
        authority: intercept::authority(review),
        other_hosts: intercept::other_hosts(review, &listening),
        resolve_with: egress::resolve_with(review),
        egress: egress::proxy(review, &listening, admin),
        public_url: url::public(review),
        allowed_hosts: url::allowed_hosts(review),
        limits: limits::limits(review),
        audit: audit(review),
        admin_token: admin_token(review),
        state: state::state(review, &tenants),
        collector: collector::settings(review),
        tenants: tenants.into_iter().map(|tenant| tenant.settings).collect(),
        clients: clients.into_iter().map(|client| client.settings).collect(),
        default_tenant,
        listening,
        admin,
    };
    if !review.faults.faults.is_empty() {
        return (summary, None);
    }
    (summary, parts.put_together(review, file))
}

/// What was made out, some of which may be missing.
struct Parts {
    tenants: Option<Vec<proxy::TenantSettings>>,
    default_tenant: Option<String>,
    clients: Option<Vec<ClientSettings>>,
    listening: listen::Listening,
    admin: Option<SocketAddr>,
    tls: Option<server::TlsSettings>,
    authority: Option<AuthorityPlace>,
    other_hosts: proxy::OtherHosts,
    resolve_with: Option<upstream::ResolveWith>,
    egress: Option<upstream::EgressProxy>,
    public_url: Option<String>,
    allowed_hosts: Vec<String>,
    limits: limits::Limits,
    audit: Option<audit::Settings>,
    admin_token: Option<Option<Secret>>,
    state: Option<state::State>,
    collector: Option<crate::collector::Settings>,
}

impl Parts {
    fn put_together(self, review: &Review<'_>, file: Option<PathBuf>) -> Option<Resolved> {
        let limits = &self.limits;
        let (kept, shared) = self.state?;
        Some(Resolved {
            server: server_settings(review, limits, &self.listening, self.tls?),
            optional_listeners: self.listening.optional,
            authority: self.authority?,
            admin: admin::Settings {
                listen: self.admin?,
                token: self.admin_token?,
                allowed_hosts: self.allowed_hosts.clone(),
                quit: review.flag("admin.quit"),
            },
            proxy: proxy::Settings {
                tenants: self.tenants?,
                default_tenant: self.default_tenant,
                listeners: self.listening.selections,
                public_url: self.public_url,
                allowed_hosts: self.allowed_hosts,
                response_head_timeout: review.duration("timeouts.response_head"),
                body_stall_timeout: review.duration("timeouts.body_stall"),
                replay_size_max: limits.replay_size_max,
                envelope_size_max: limits.envelope_size_max,
                buffered_size_max: limits.buffered_size_max,
                forced_mints_max: limits.forced_mints_max,
                clients: self.clients?,
                client_requests_max: limits.client_requests_max,
                intercept: intercept::is_on(review),
                other_hosts: self.other_hosts,
                via: review.flag("upstream.via"),
            },
            upstream: upstream::Settings {
                resolve_with: self.resolve_with?,
                proxy: self.egress?,
                connect_timeout: review.duration("timeouts.connect"),
                pool_idle_timeout: review.duration("timeouts.pool_idle"),
                headers_max: limits.headers_max,
                header_size_max: limits.header_size_max,
                preserve_header_case: review.flag("listen.preserve_header_case"),
                body_stall_timeout: review.duration("timeouts.body_stall"),
            },
            audit: self.audit,
            state: kept,
            shared,
            telemetry: telemetry(review),
            collector: self.collector,
            file,
            warnings: Vec::new(),
        })
    }
}

fn server_settings(
    review: &Review<'_>,
    limits: &limits::Limits,
    listening: &listen::Listening,
    tls: server::TlsSettings,
) -> server::Settings {
    server::Settings {
        listeners: listening.addresses.clone(),
        tls_listeners: listening.secure.clone(),
        tls,
        workers: limits.workers,
        connections_max: limits.connections_max,
        headers_max: limits.headers_max,
        header_size_max: limits.header_size_max,
        preserve_header_case: review.flag("listen.preserve_header_case"),
        request_head_timeout: review.duration("timeouts.request_head"),
        client_idle_timeout: review.duration("timeouts.client_idle"),
        body_stall_timeout: review.duration("timeouts.body_stall"),
        drain_delay: review.duration("shutdown.drain_delay"),
        drain_timeout: review.duration("shutdown.drain_timeout"),
    }
}

/// Where calls are recorded. A directory that is not there is a fault now, and not at the first call.
fn audit(review: &mut Review<'_>) -> Option<audit::Settings> {
    let path = KeyPath::of("audit.file");
    let on_error_path = KeyPath::of("audit.on_error");
    let Some(text) = review.text(&path) else {
        let refuses = review.text(&on_error_path) == Some("refuse");
        if refuses && !review.values.is_spoiled(&path) {
            let instead =
                "write file = \"/var/log/sfmc-auth-proxy/audit.jsonl\", or leave [audit] out";
            review.fault(&on_error_path, "says nothing without audit.file", instead);
        }
        return None;
    };
    let file = review.sources.path(text, &review.origin(&path)?);
    let folder = file.parent().filter(|folder| !folder.is_dir());
    if let Some(folder) = folder.filter(|_| review.depth == Depth::Whole) {
        let what = format!("there is no directory {}", folder.display());
        review.fault(&path, what, "make it, or name another file");
    }
    let on_error = match review.text(&on_error_path) {
        Some("refuse") => audit::OnError::Refuse,
        _ => audit::OnError::Continue,
    };
    Some(audit::Settings { file, on_error })
}

fn telemetry(review: &Review<'_>) -> telemetry::Settings {
    telemetry::Settings {
        format: match review.text(&KeyPath::of("log.format")) {
            Some("json") => Some(telemetry::Format::Json),
            Some("text") => Some(telemetry::Format::Text),
            _ => None,
        },
        level: review
            .text(&KeyPath::of("log.level"))
            .and_then(|level| level.parse().ok())
            .unwrap_or(tracing::Level::INFO),
        sample: match review.value(&KeyPath::of("log.sample")) {
            Some(Value::Share(share)) => *share,
            _ => 1.0,
        },
        slow: review.duration("log.slow"),
    }
}

impl<'a> Review<'a> {
    fn value(&self, path: &KeyPath) -> Option<&'a Value> {
        debug_assert!(keys::find(path).is_some(), "{path} is in the table of keys");
        self.values.get(path).map(|given| &given.value)
    }

    fn text(&self, path: &KeyPath) -> Option<&'a str> {
        match self.value(path) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn mode(&self, path: &KeyPath) -> Mode {
        self.text(path).and_then(Mode::parse).unwrap_or_default()
    }

    fn list(&self, path: &KeyPath) -> &'a [Item] {
        match self.value(path) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    fn number_at(&self, path: &KeyPath) -> Option<u64> {
        match self.value(path) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number that has a default; nothing where a fault was found.
    fn number(&self, key: &str) -> u64 {
        self.number_at(&KeyPath::of(key)).unwrap_or_default()
    }

    fn flag_at(&self, path: &KeyPath) -> bool {
        matches!(self.value(path), Some(Value::Flag(true)))
    }

    fn flag(&self, key: &str) -> bool {
        self.flag_at(&KeyPath::of(key))
    }

    fn duration_at(&self, path: &KeyPath) -> Duration {
        match self.value(path) {
            Some(Value::Duration(duration)) => *duration,
            _ => Duration::ZERO,
        }
    }

    fn duration(&self, key: &str) -> Duration {
        self.duration_at(&KeyPath::of(key))
    }

    fn origin(&self, path: &KeyPath) -> Option<Origin> {
        self.values.origin(path).cloned()
    }

    /// Whether a key stands at its default.
    fn is_default(&self, path: &KeyPath) -> bool {
        self.origin(path) == Some(Origin::Default)
    }

    fn fault(&mut self, path: &KeyPath, what: impl Into<String>, instead: impl Into<String>) {
        let origin = self.origin(path);
        self.faults.add(origin, path, what, instead);
    }

    fn complaint(&mut self, origin: Option<Origin>, path: &KeyPath, complaint: Complaint) {
        self.faults
            .add(origin, path, complaint.what, complaint.instead);
    }

    fn warn(&mut self, origin: Option<&Origin>, path: &KeyPath, warning: impl fmt::Display) {
        let place = origin.map_or_else(String::new, |origin| format!("{origin}: "));
        self.faults.warn(format!("{place}{path}: {warning}"));
    }

    /// Notes that a table lacks a key, unless the key may stand on a line that could not be read.
    fn missing(&mut self, table: &KeyPath, leaf: &str, instead: &str) {
        let path = table.child(leaf);
        if self.values.is_partial || self.values.is_given(&path) {
            return;
        }
        let origin = self.origin(table);
        let variable = match &origin {
            Some(Origin::Environment(_)) => shorthand::variable_for(leaf),
            _ => None,
        };
        let instead = variable.map_or_else(|| instead.to_owned(), |name| format!("set {name}"));
        self.faults.add(origin, path, "is missing", instead);
    }
}

/// One complaint.
fn complain<T>(what: impl Into<String>, instead: impl Into<String>) -> Result<T, Complaint> {
    Err(Complaint {
        what: what.into(),
        instead: instead.into(),
    })
}
