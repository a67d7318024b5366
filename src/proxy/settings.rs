//! What the proxy has to be told. Filled in by `config`, or by whoever starts one for itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::CertificateDer;

use crate::audit::Audit;
use crate::identity::ClientSettings;
use crate::policy::Mode;
use crate::spans::Tracer;
use crate::token::{EndpointSettings, Mid};

/// One tenant as configured.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// Name in lower case, `a-z 0-9 -`.
    pub name: String,
    /// How its tokens are minted.
    pub endpoint: EndpointSettings,
    /// Names of accounts (lower case) and their member ids.
    pub accounts: BTreeMap<String, Mid>,
    /// The account used where nothing selects one.
    pub default_account: Option<Mid>,
    /// Accept member ids that have no name here.
    pub allow_any_account: bool,
    /// What calls may do at most.
    pub mode: Mode,
    /// Roots of trust beyond the system's, from `ca_file`.
    pub extra_roots: Arc<Vec<CertificateDer<'static>>>,
}

/// What a listener selects for whoever calls it.
#[derive(Debug, Clone, Default)]
pub struct ListenerSelection {
    /// A tenant's name.
    pub tenant: Option<String>,
    /// A member id of that tenant, already looked up.
    pub account: Option<Mid>,
    /// The client that whoever can reach it is.
    pub client: Option<String>,
    /// What URLs in answers name.
    pub answer_urls: AnswerUrls,
    /// What calls may do at most.
    pub mode: Mode,
}

/// What the URLs of the tenant's hosts become in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AnswerUrls {
    /// The proxy, as it was reached.
    #[default]
    Proxy,
    /// The tenant's hosts, for callers that asked those: their next call comes the same way.
    AsCalled,
}

/// What a forward-proxy request for a host that is no tenant's gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtherHosts {
    /// A refusal that says why.
    #[default]
    Deny,
    /// A way to that host and back, if it is on the public network.
    Tunnel,
    /// A way to any host: for the one command that the proxy was started for.
    TunnelAnywhere,
}

/// How the proxy routes and forwards.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Every tenant, at least one.
    pub tenants: Vec<TenantSettings>,
    /// The tenant used where nothing selects one; `None` if there are several and none was named.
    pub default_tenant: Option<String>,
    /// One for each of `server::Settings::listeners`, in their order.
    pub listeners: Vec<ListenerSelection>,
    /// Scheme and authority under which callers know the proxy, without a trailing slash; `None`: taken from each call's Host.
    pub public_url: Option<String>,
    /// Host names accepted beyond loopback names and the listeners' own addresses: lower case, without port.
    pub allowed_hosts: Vec<String>,
    /// From the last byte of a request to the head of its answer.
    pub response_head_timeout: Duration,
    /// A body that moves no byte for this long.
    pub body_stall_timeout: Duration,
    /// Largest body that is recorded for a replay, in bytes.
    pub replay_size_max: usize,
    /// Largest SOAP envelope, unpacked, in bytes.
    pub envelope_size_max: usize,
    /// Largest sum of all recorded bodies and all envelopes, in bytes.
    pub buffered_size_max: usize,
    /// Mints that refusals may cause, per account; one comes back each minute.
    pub forced_mints_max: u32,
    /// Everyone who may call; empty: whoever can reach a listener.
    pub clients: Vec<ClientSettings>,
    /// Requests of one client at a time; 0: as many as there are.
    pub client_requests_max: usize,
    /// Answer CONNECT for Salesforce's hosts.
    pub intercept: bool,
    /// What becomes of requests for others.
    pub other_hosts: OtherHosts,
    /// Add `Via`.
    pub via: bool,
}

/// Who is told of requests, beside log and metrics.
#[derive(Default)]
pub struct Watchers {
    /// Every call and every refusal.
    pub audit: Option<Arc<Audit>>,
    /// Where spans begin.
    pub tracer: Option<Arc<Tracer>>,
}
