//! What a snippet leads to: tenant, account and client, and the listener by which that client gets there. Pure: goes by the
//! configuration alone, and where that leaves a choice open it asks instead of guessing.

use std::path::PathBuf;

use crate::config::Resolved;
use crate::identity::ClientSettings;
use crate::proxy::{ListenerSelection, TenantSettings};
use crate::server::Address;
use crate::token::Mid;

/// Why a snippet cannot be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unmade {
    /// What was selected, or the configuration: no other snippet can be made either.
    Selection(String),
    /// Something about this one, told after its name.
    Snippet(String),
    /// It is for tenants of another kind, told after its name.
    Kind(String),
}

/// What a client can speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// HTTP and https, and Unix sockets.
    Any,
    /// HTTP and https.
    Tcp,
    /// https alone.
    Tls,
}

/// Tenant, account and client.
#[derive(Debug)]
pub(super) struct Aim<'a> {
    pub(super) tenant: &'a TenantSettings,
    /// `None`: the installed package's own account.
    pub(super) account: Option<Mid>,
    /// `None`: there are no clients.
    pub(super) client: Option<&'a ClientSettings>,
}

/// How a call gets there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// `http://127.0.0.1:7362`.
    pub(super) origin: String,
    /// `/@acme:emea` where the origin alone leads elsewhere, else nothing.
    pub(super) prefix: String,
    /// The Unix socket that stands for the origin's host.
    pub(super) socket: Option<PathBuf>,
    /// It speaks TLS.
    pub(super) is_secure: bool,
    /// What it shows is of the local CA.
    pub(super) is_of_local_authority: bool,
    /// It knows the client without being told.
    pub(super) knows_client: bool,
    /// The client shows a certificate, since it has no secret.
    pub(super) wants_certificate: bool,
}

/// Makes out what is meant.
///
/// # Errors
///
/// There is no such client, several could be meant, or it may not go there.
pub(super) fn aim<'a>(
    resolved: &'a Resolved,
    selected: Option<(&str, Option<Mid>)>,
    client: Option<&str>,
) -> Result<Aim<'a>, String> {
    let clients = &resolved.proxy.clients;
    let named = client.map(|name| named(clients, name)).transpose()?;
    let client = match (named, clients.as_slice()) {
        (Some(named), _) => Some(named),
        (None, []) => None,
        (None, [only]) => Some(only),
        (None, several) => Some(the_one(resolved, selected, several)?),
    };
    let (tenant, account) = target(resolved, selected, client)?;
    if let Some(client) = client
        && !client
            .grant
            .covers(&tenant.name, account, tenant.default_account)
    {
        let whose = account.map_or("its own account".to_owned(), |mid| format!("account {mid}"));
        return Err(format!(
            "client {} may not use {whose} of tenant {}; select one that it may use, or name another client with --client",
            client.name, tenant.name
        ));
    }
    Ok(Aim {
        tenant,
        account,
        client,
    })
}

fn named<'a>(clients: &'a [ClientSettings], name: &str) -> Result<&'a ClientSettings, String> {
    let found = clients
        .iter()
        .find(|client| client.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        if clients.is_empty() {
            return "--client: the configuration has no [clients]; leave it out".to_owned();
        }
        let names = names(clients.iter());
        format!("--client: there is no client {name:?}; there are: {names}")
    })
}

/// The only client that may go where was selected.
fn the_one<'a>(
    resolved: &'a Resolved,
    selected: Option<(&str, Option<Mid>)>,
    clients: &'a [ClientSettings],
) -> Result<&'a ClientSettings, String> {
    let may = |client: &&ClientSettings| {
        selected.is_none()
            || target(resolved, selected, Some(client)).is_ok_and(|(tenant, account)| {
                let default = tenant.default_account;
                client.grant.covers(&tenant.name, account, default)
            })
    };
    let candidates: Vec<_> = clients.iter().filter(may).collect();
    match candidates.as_slice() {
        [only] => Ok(only),
        [] => Err(
            "no client may use that account; add it to accounts in its [clients.NAME]".to_owned(),
        ),
        several => Err(format!(
            "the snippet is for one client, and there are several: name one with --client ({})",
            names(several.iter().copied())
        )),
    }
}

fn names<'a>(clients: impl Iterator<Item = &'a ClientSettings>) -> String {
    let names: Vec<_> = clients.map(|client| client.name.as_str()).collect();
    names.join(", ")
}

/// The tenant and the account that a call of this client shall be for.
fn target<'a>(
    resolved: &'a Resolved,
    selected: Option<(&str, Option<Mid>)>,
    client: Option<&ClientSettings>,
) -> Result<(&'a TenantSettings, Option<Mid>), String> {
    let tenants = &resolved.proxy.tenants;
    let name = match selected {
        Some((name, _account)) => Some(name),
        None => implied_tenant(resolved, client),
    };
    let tenant = tenants
        .iter()
        .find(|tenant| Some(tenant.name.as_str()) == name);
    let tenant = tenant.ok_or_else(|| {
        let names: Vec<_> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
        format!(
            "there are several tenants, and none is the default: name one ({})",
            names.join(", ")
        )
    })?;
    let account = selected
        .and_then(|(_tenant, account)| account)
        .or_else(|| client.and_then(|client| client.grant.default_account(&tenant.name)))
        .or(tenant.default_account);
    if account.is_none() && !tenant.accounts.is_empty() {
        let names: Vec<_> = tenant.accounts.keys().map(String::as_str).collect();
        return Err(format!(
            "tenant {name} has no default account: name one, as {name}:{first} (there are: {all})",
            name = tenant.name,
            first = names.first().unwrap_or(&"ACCOUNT"),
            all = names.join(", ")
        ));
    }
    Ok((tenant, account))
}

/// The tenant of a client's calls that select none.
fn implied_tenant<'a>(
    resolved: &'a Resolved,
    client: Option<&'a ClientSettings>,
) -> Option<&'a str> {
    let of_client = client.and_then(|client| client.grant.default_tenant());
    of_client.or_else(|| default_tenant(resolved))
}

fn default_tenant(resolved: &Resolved) -> Option<&str> {
    let only = match resolved.proxy.tenants.as_slice() {
        [only] => Some(only.name.as_str()),
        _ => None,
    };
    resolved.proxy.default_tenant.as_deref().or(only)
}

/// The listener that leads there with the least ado: one that needs no prefix, then one without TLS, then the first.
///
/// # Errors
///
/// There is none that would do; says what to add.
pub(super) fn way(resolved: &Resolved, aim: &Aim<'_>, transport: Transport) -> Result<Way, Unmade> {
    let mut best: Option<(Cost, Way)> = None;
    let mut is_free = false;
    for door in doors(resolved) {
        if !door.takes(resolved, aim, transport) {
            continue;
        }
        let Some(origin) = door.origin(resolved) else {
            is_free = true;
            continue;
        };
        let way = door.way(resolved, aim, origin);
        let cost = Cost {
            has_prefix: !way.prefix.is_empty(),
            is_pinned: !door.is_general(),
            is_socket: way.socket.is_some(),
            is_secure: way.is_secure,
        };
        if best.as_ref().is_none_or(|(least, _way)| cost < *least) {
            best = Some((cost, way));
        }
    }
    if let Some((_cost, way)) = best {
        return Ok(way);
    }
    Err(no_door(aim, transport, is_free))
}

fn no_door(aim: &Aim<'_>, transport: Transport, is_free: bool) -> Unmade {
    if is_free {
        let words = "the listener takes any free port (port 0), so that no address can be told: give it a port, or name the \
                     address that is logged with --listen";
        return Unmade::Selection(words.to_owned());
    }
    if let Some(client) = aim.client.filter(|client| client.secrets.is_empty()) {
        return Unmade::Snippet(format!(
            "finds no listener that knows client {}, which has no secret: name it in a [[listener]] that speaks what this \
             needs, or give it a secret_file",
            client.name
        ));
    }
    let words = match transport {
        Transport::Tls => {
            "speaks https alone, and there is no https listener: write https = [\"127.0.0.1:7443\"] in [listen], with \
             [intercept] or a certificate in [listen.tls]"
        }
        Transport::Any | Transport::Tcp => {
            "cannot call a Unix socket, and there is no other listener: add \"127.0.0.1:7362\" to http in [listen]"
        }
    };
    Unmade::Snippet(words.to_owned())
}

/// Least first, and the foremost field counts most.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    has_prefix: bool,
    is_pinned: bool,
    is_socket: bool,
    is_secure: bool,
}

/// A place where calls come in.
struct Door<'a> {
    address: &'a Address,
    selection: &'a ListenerSelection,
    is_secure: bool,
    /// What callers call it, where the configuration says so.
    public_url: Option<&'a str>,
}

fn doors(resolved: &Resolved) -> impl Iterator<Item = Door<'_>> {
    let server = &resolved.server;
    let listeners = server.listeners.iter().zip(&resolved.proxy.listeners);
    listeners
        .enumerate()
        .flat_map(|(index, (address, selection))| {
            let door = Door {
                address,
                selection,
                is_secure: server.tls_listeners.contains(&index),
                public_url: None,
            };
            let public = resolved
                .proxy
                .public_url
                .as_deref()
                .filter(|_| door.is_general());
            // Under its public name it is another door: something may stand before it that speaks TLS, or ends it.
            let named = public.map(|url| Door {
                is_secure: url.starts_with("https:"),
                public_url: Some(url),
                ..door
            });
            // Where there is a public name, the address behind it serves for nothing but https.
            let bare = (public.is_none() || door.is_secure).then_some(door);
            named.into_iter().chain(bare)
        })
}

/// It selects nothing.
pub(super) fn is_general(selection: &ListenerSelection) -> bool {
    selection.tenant.is_none() && selection.account.is_none() && selection.client.is_none()
}

impl Door<'_> {
    fn is_general(&self) -> bool {
        is_general(self.selection)
    }

    fn is_socket(&self) -> bool {
        self.public_url.is_none() && matches!(self.address, Address::Unix(_))
    }

    /// Whether this client can come in here.
    fn takes(&self, resolved: &Resolved, aim: &Aim<'_>, transport: Transport) -> bool {
        let speaks = match transport {
            Transport::Any => true,
            Transport::Tcp => !self.is_socket(),
            Transport::Tls => self.is_secure && !self.is_socket(),
        };
        let pinned = self.selection.client.as_deref();
        let is_known = match (pinned, aim.client) {
            (Some(pinned), Some(client)) => pinned == client.name,
            (Some(_), None) => false,
            (None, Some(client)) => {
                !client.secrets.is_empty() || self.asks_for_certificates(resolved)
            }
            (None, None) => true,
        };
        speaks && is_known
    }

    fn asks_for_certificates(&self, resolved: &Resolved) -> bool {
        self.is_secure && self.public_url.is_none() && !resolved.server.tls.client_roots.is_empty()
    }

    fn way(&self, resolved: &Resolved, aim: &Aim<'_>, origin: String) -> Way {
        let knows_client = self.selection.client.is_some();
        let tls = &resolved.server.tls;
        Way {
            origin,
            prefix: self.prefix(resolved, aim),
            socket: match self.address {
                Address::Unix(path) if self.public_url.is_none() => Some(path.clone()),
                _ => None,
            },
            is_secure: self.is_secure,
            is_of_local_authority: self.is_secure
                && self.public_url.is_none()
                && tls.certificate.is_none(),
            knows_client,
            wants_certificate: !knows_client
                && aim.client.is_some_and(|client| client.secrets.is_empty()),
        }
    }

    /// `None`: its port is not known before it is bound.
    fn origin(&self, resolved: &Resolved) -> Option<String> {
        if let Some(url) = self.public_url {
            return Some(url.to_owned());
        }
        let scheme = if self.is_secure { "https" } else { "http" };
        let Address::Tcp(address) = self.address else {
            return Some(format!("{scheme}://localhost"));
        };
        if address.port() == 0 {
            return None;
        }
        let named = resolved.proxy.allowed_hosts.first();
        let ip = address.ip();
        let is_own = resolved.server.tls.certificate.is_none();
        let host = match named {
            // Callers are elsewhere, or a certificate has a name in it.
            Some(named) if ip.is_unspecified() || (self.is_secure && !is_own) => named.clone(),
            _ if ip.to_canonical().is_loopback() && self.is_secure && ip.is_ipv4() => {
                "localhost".to_owned()
            }
            _ if ip.is_unspecified() && self.is_secure => "localhost".to_owned(),
            _ if ip.is_unspecified() && ip.is_ipv4() => "127.0.0.1".to_owned(),
            _ if ip.is_unspecified() => "[::1]".to_owned(),
            _ if ip.is_ipv6() => format!("[{ip}]"),
            _ => ip.to_string(),
        };
        Some(format!("{scheme}://{host}:{}", address.port()))
    }

    /// As the proxy chooses where a path says nothing: listener, client, default.
    fn prefix(&self, resolved: &Resolved, aim: &Aim<'_>) -> String {
        let listener = self.selection;
        let tenant = aim.tenant;
        let implied = listener
            .tenant
            .as_deref()
            .or_else(|| implied_tenant(resolved, aim.client));
        let is_of_listener = match &listener.tenant {
            Some(name) => *name == tenant.name,
            None => default_tenant(resolved) == Some(tenant.name.as_str()),
        };
        let account = listener
            .account
            .filter(|_| is_of_listener)
            .or_else(|| {
                aim.client
                    .and_then(|client| client.grant.default_account(&tenant.name))
            })
            .or(tenant.default_account);
        if implied == Some(tenant.name.as_str()) && account == aim.account {
            return String::new();
        }
        match aim.account {
            Some(mid) if account != aim.account => {
                format!("/@{}:{}", tenant.name, account_name(tenant, mid))
            }
            _ => format!("/@{}", tenant.name),
        }
    }
}

/// What the configuration calls it, else its member id.
pub(super) fn account_name(tenant: &TenantSettings, mid: Mid) -> String {
    let mut named = tenant.accounts.iter();
    let name = named.find(|(_name, named)| **named == mid);
    name.map_or_else(|| mid.to_string(), |(name, _mid)| name.clone())
}
