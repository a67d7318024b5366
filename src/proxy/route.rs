//! Where a request goes: tenant and account, from path, headers, placeholder, listener, host, client and defaults, in that
//! order.
//!
//! Nothing is guessed: selectors that disagree are an error.

mod accounts;

use std::collections::HashMap;
use std::sync::Arc;

use http::uri::PathAndQuery;

pub(super) use accounts::{Selected, Tenant, UNNAMED_MAX};

use super::ListenerSelection;
use super::asked::{Api, Asked, Selectors};
use super::error::{Code, ProxyError};
use super::vendor::VendorHost;
use crate::identity::{Client, Identity, Selection};
use crate::policy::Mode;
use crate::token::Mid;

/// One request's way.
pub(super) struct Choice {
    tenant: Arc<Tenant>,
    account: Arc<Selected>,
    client: Option<Arc<Client>>,
    /// What the caller's base URL selects for it by itself.
    plain: Option<(Arc<Tenant>, Option<Mid>)>,
    /// What the caller selected by name, if it did.
    pub(super) selected: Option<Selection>,
    /// What the call may do at most.
    pub(super) mode: Mode,
    /// The same, leaving aside what the client's own policy says.
    pub(super) imposed: Mode,
    pub(super) api: Api,
    /// What the caller asked for, without the selection.
    pub(super) target: PathAndQuery,
}

impl Choice {
    pub(super) fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    pub(super) fn account(&self) -> &Arc<Selected> {
        &self.account
    }

    pub(super) fn client(&self) -> Option<&Arc<Client>> {
        self.client.as_ref()
    }

    /// `/@tenant:account` where a link without it would lead elsewhere, else nothing.
    pub(super) fn prefix_for_links(&self) -> String {
        let same = self.plain.as_ref().is_some_and(|(tenant, mid)| {
            tenant.name() == self.tenant.name() && *mid == self.account.mid()
        });
        match self.account.mid() {
            _ if same => String::new(),
            Some(mid) => format!("/@{}:{mid}", self.tenant.name()),
            None => format!("/@{}", self.tenant.name()),
        }
    }
}

/// All tenants, and what selects them.
pub(super) struct Router {
    tenants: HashMap<String, Arc<Tenant>>,
    default_tenant: Option<Arc<Tenant>>,
    listeners: HashMap<usize, ListenerSelection>,
}

/// Who asks, and where.
pub(super) struct Asker<'a> {
    pub(super) identity: &'a Identity,
    pub(super) listener: usize,
    /// The vendor's host that links in the answer keep.
    pub(super) kept_host: Option<&'a VendorHost>,
}

impl Router {
    pub(super) fn new(
        tenants: Vec<Arc<Tenant>>,
        default_tenant: Option<&str>,
        listeners: HashMap<usize, ListenerSelection>,
    ) -> Self {
        let only = match tenants.as_slice() {
            [only] => Some(Arc::clone(only)),
            _ => None,
        };
        let tenants: HashMap<_, _> = tenants
            .into_iter()
            .map(|tenant| (tenant.name().to_owned(), tenant))
            .collect();
        let default_tenant = default_tenant
            .and_then(|name| tenants.get(name).cloned())
            .or(only);
        Self {
            tenants,
            default_tenant,
            listeners,
        }
    }

    /// The tenant of calls that select none.
    pub(super) fn default_tenant(&self) -> Option<&str> {
        self.default_tenant.as_deref().map(Tenant::name)
    }

    /// Every tenant.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// What a listener selects.
    pub(super) fn listener(&self, number: usize) -> Option<&ListenerSelection> {
        self.listeners.get(&number)
    }

    /// The tenant of this name.
    pub(super) fn tenant(&self, name: &str) -> Option<&Arc<Tenant>> {
        self.tenants.get(name)
    }

    /// Whether a host belongs to one of the tenants, or to all.
    pub(super) fn serves(&self, host: &VendorHost) -> bool {
        host.subdomain.is_none() || !self.on_host(host).is_empty()
    }

    /// Chooses, or says what is missing, contradictory or not this caller's.
    pub(super) fn choose(&self, asked: &Asked, asker: &Asker<'_>) -> Result<Choice, ProxyError> {
        let client = asker.identity.client.as_ref();
        let tenant = self.chosen_tenant(asked, asker)?;
        let (account, named) = self.account(asked, asker, &tenant)?;
        if let Some(client) = client {
            let default = tenant.default_mid();
            if !client.grant().covers(tenant.name(), account.mid(), default) {
                return Err(not_granted(client, &tenant, account.mid()));
            }
        }
        let plain = self.implied_tenant(asker.kept_host, asker);
        let plain = plain.map(|plain| {
            let mid = self.implied_account(asker, &plain).or(plain.default_mid());
            (plain, mid)
        });
        let by_name = self.names_tenant(asked, asker) || named;
        let selected = by_name.then(|| Selection {
            tenant: tenant.name().to_owned(),
            account: account.mid().filter(|_| named),
        });
        let listener = self.listener(asker.listener);
        let imposed = [
            tenant.mode(),
            asker.identity.mode,
            listener.map_or(Mode::Full, |listener| listener.mode),
        ];
        let imposed = imposed.into_iter().fold(Mode::Full, Mode::strictest);
        let own = client.map_or(Mode::Full, |client| client.grant().mode);
        Ok(Choice {
            api: asked.api.at(tenant.kind()),
            mode: imposed.strictest(own),
            imposed,
            client: client.cloned(),
            tenant,
            account,
            plain,
            selected,
            target: asked.target.clone(),
        })
    }

    fn names_tenant(&self, asked: &Asked, asker: &Asker<'_>) -> bool {
        let by_host = asked.vendor.as_ref();
        asked.path.tenant.is_some()
            || asked.headers.tenant.is_some()
            || asker.identity.selection.is_some()
            || by_host.is_some_and(|host| host.subdomain.is_some())
    }

    fn chosen_tenant(&self, asked: &Asked, asker: &Asker<'_>) -> Result<Arc<Tenant>, ProxyError> {
        let placeholder = asker.identity.selection.as_ref();
        let explicit = agreed(
            "tenants",
            [
                ("path", asked.path.tenant.as_deref()),
                ("headers", asked.headers.tenant.as_deref()),
                (
                    "token",
                    placeholder.map(|selection| selection.tenant.as_str()),
                ),
            ],
            |one, other| one.eq_ignore_ascii_case(other),
        )?;
        let explicit = explicit
            .map(|name| self.named(name, asker.identity.client.as_deref()))
            .transpose()?;
        match (&asked.vendor, explicit) {
            (Some(host), Some(tenant)) if host.subdomain.is_some() => {
                self.must_serve(host)?;
                if !tenant.is_below(host) {
                    return Err(ambiguous(format!(
                        "The host {} and the selected tenant {} are not the same. Give one of them.",
                        host.name,
                        tenant.name()
                    )));
                }
                Ok(tenant)
            }
            (Some(host), None) if host.subdomain.is_some() => self.of_host(host, asker),
            (_, Some(tenant)) => Ok(tenant),
            (_, None) => self
                .implied_tenant(None, asker)
                .ok_or_else(|| self.which_tenant()),
        }
    }

    /// The tenant of one of the vendor's hosts.
    fn of_host(&self, host: &VendorHost, asker: &Asker<'_>) -> Result<Arc<Tenant>, ProxyError> {
        self.must_serve(host)?;
        let pinned = self.listener(asker.listener);
        let pinned = pinned.and_then(|listener| listener.tenant.as_deref());
        if let Some(pinned) = pinned.and_then(|name| self.tenants.get(name))
            && !pinned.is_below(host)
        {
            return Err(ambiguous(format!(
                "The host {} is not that of tenant {}, which this listener is for. Call another listener.",
                host.name,
                pinned.name()
            )));
        }
        self.implied_tenant(Some(host), asker).ok_or_else(|| {
            ambiguous(format!(
                "Several tenants have the host {} and nothing selects one. Put /@TENANT before the path, or send Sfmc-Tenant.",
                host.name
            ))
        })
    }

    fn must_serve(&self, host: &VendorHost) -> Result<(), ProxyError> {
        if self.serves(host) {
            return Ok(());
        }
        Err(ProxyError::new(
            Code::DestinationNotAllowed,
            format!(
                "{} belongs to no tenant of this proxy. Nothing was sent. Add a tenant with this subdomain, or correct the \
                 host.",
                host.name
            ),
        ))
    }

    fn on_host(&self, host: &VendorHost) -> Vec<&Arc<Tenant>> {
        self.tenants()
            .filter(|tenant| tenant.is_below(host))
            .collect()
    }

    /// The tenant that nothing names: of the listener, the host, the client, the default.
    fn implied_tenant(&self, host: Option<&VendorHost>, asker: &Asker<'_>) -> Option<Arc<Tenant>> {
        let named = |name: &str| self.tenants.get(name).cloned();
        let listener = self.listener(asker.listener);
        let pinned = listener.and_then(|listener| listener.tenant.as_deref());
        let client = asker.identity.client.as_ref();
        let granted = client.and_then(|client| client.grant().tenants());
        let default = self.default_tenant.clone();
        let Some(host) = host.filter(|host| host.subdomain.is_some()) else {
            let first = client.and_then(|client| client.grant().default_tenant());
            return match (pinned, first) {
                (Some(pinned), _) => named(pinned),
                (None, Some(first)) => named(first),
                (None, None) => default,
            };
        };
        let mut candidates = self.on_host(host);
        if let Some(granted) = granted.filter(|_| candidates.len() > 1) {
            candidates.retain(|tenant| granted.iter().any(|name| name == tenant.name()));
        }
        if let [only] = candidates.as_slice() {
            return Some(Arc::clone(only));
        }
        let preferred = pinned.and_then(named).or(default)?;
        candidates
            .into_iter()
            .find(|tenant| tenant.name() == preferred.name())
            .cloned()
    }

    /// The account, and whether the caller named it.
    fn account(
        &self,
        asked: &Asked,
        asker: &Asker<'_>,
        tenant: &Arc<Tenant>,
    ) -> Result<(Arc<Selected>, bool), ProxyError> {
        let read = |selectors: &Selectors| {
            let account = selectors.account.as_deref();
            account.map(|text| tenant.read_account(text)).transpose()
        };
        let placeholder = asker.identity.selection.as_ref();
        let explicit = agreed(
            "accounts",
            [
                ("path", read(&asked.path)?),
                ("headers", read(&asked.headers)?),
                ("body", read(&asked.body)?),
                ("token", placeholder.and_then(|selection| selection.account)),
            ],
            |one, other| one == other,
        )?;
        if let Some(mid) = explicit {
            return Ok((tenant.account(mid)?, true));
        }
        let implied = match self.implied_account(asker, tenant) {
            Some(mid) => tenant.account(mid)?,
            None => tenant.default_account()?,
        };
        Ok((implied, false))
    }

    /// The account that nothing names: of the listener, the client. `None`: the tenant's default.
    fn implied_account(&self, asker: &Asker<'_>, tenant: &Tenant) -> Option<Mid> {
        let listener = self.listener(asker.listener)?;
        let of_listener = match (&listener.tenant, &self.default_tenant) {
            (Some(name), _) => name == tenant.name(),
            (None, Some(default)) => default.name() == tenant.name(),
            (None, None) => false,
        };
        let client = asker.identity.client.as_ref();
        listener
            .account
            .filter(|_| of_listener)
            .or_else(|| client.and_then(|client| client.grant().default_account(tenant.name())))
    }

    fn named(&self, name: &str, client: Option<&Client>) -> Result<Arc<Tenant>, ProxyError> {
        let tenant = self.tenants.get(&name.to_ascii_lowercase()).cloned();
        tenant.ok_or_else(|| {
            // A client learns no names but its own.
            let names = match client.and_then(|client| client.grant().tenants()) {
                Some(names) => names.join(", "),
                None => self.names(),
            };
            ProxyError::new(
                Code::UnknownTenant,
                format!(
                    "There is no tenant {} here; configured: {names}.",
                    printable(name),
                ),
            )
        })
    }

    fn which_tenant(&self) -> ProxyError {
        ambiguous(format!(
            "Several tenants are configured ({}) and nothing selects one. Put /@TENANT before the path, send Sfmc-Tenant, \
             or set default_tenant.",
            self.names()
        ))
    }

    fn names(&self) -> String {
        let mut names: Vec<_> = self.tenants.keys().map(String::as_str).collect();
        names.sort_unstable();
        names.join(", ")
    }
}

/// What all of them say that say anything.
fn agreed<T: Copy + std::fmt::Display, const N: usize>(
    what: &str,
    said: [(&str, Option<T>); N],
    same: impl Fn(&T, &T) -> bool,
) -> Result<Option<T>, ProxyError> {
    let mut first: Option<(&str, T)> = None;
    for (place, value) in said {
        let Some(value) = value else { continue };
        match &first {
            Some((other_place, other)) if !same(other, &value) => {
                let (one, two) = (printable(&other.to_string()), printable(&value.to_string()));
                return Err(ambiguous(format!(
                    "The {other_place} and the {place} select different {what} ({one} and {two}). Give one of them, or the \
                     same in both."
                )));
            }
            Some(_) => {}
            None => first = Some((place, value)),
        }
    }
    Ok(first.map(|(_place, value)| value))
}

fn ambiguous(detail: String) -> ProxyError {
    ProxyError::new(Code::AmbiguousSelection, detail)
}

fn not_granted(client: &Client, tenant: &Tenant, account: Option<Mid>) -> ProxyError {
    let account = account.map_or_else(
        || "its own account".to_owned(),
        |mid| format!("account {mid}"),
    );
    ProxyError::new(
        Code::AccountNotAllowed,
        format!(
            "Client {} may not use {account} of tenant {}. Nothing was sent. Select one that it may use, or add it to the \
             client's tenants and accounts.",
            client.name(),
            tenant.name()
        ),
    )
}

/// A caller's own words, fit for a message: printable and short.
pub(super) fn printable(text: &str) -> String {
    let clean: String = text
        .chars()
        .filter(|letter| letter.is_ascii_graphic())
        .take(64)
        .collect();
    format!("\"{clean}\"")
}
