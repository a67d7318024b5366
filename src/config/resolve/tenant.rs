//! Tenants: names and accounts; and in the rooms below, what kind each is, where its tokens come from, by which grant, and for
//! which scopes.

mod authority;
mod grant;
mod kind;
mod scope;
mod shape;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use shape::{GrantWord, Shape};

use super::names::{self, Naming};
use super::{Review, files, url};
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::config::suggest;
use crate::policy::Mode;
use crate::proxy::TenantSettings;
use crate::token::{EndpointSettings, Mid};

/// A tenant as far as it could be made out.
pub(super) struct Tenant {
    pub(super) name: String,
    /// Named accounts; without a member id where that is wrong.
    pub(super) accounts: BTreeMap<String, Option<Mid>>,
    pub(super) default_account: Option<Mid>,
    /// Callers may select any member id, or it could not be made out which.
    admits_any: bool,
    /// Which account is the default could not be made out.
    pub(super) has_vague_default: bool,
    /// Calls have to select one of its accounts.
    pub(super) has_no_default: bool,
    /// What its calls may do at most.
    pub(super) mode: Mode,
    /// Its kind has accounts.
    pub(super) may_have_accounts: bool,
    /// A user has to log in for its tokens.
    pub(super) takes_login: bool,
    /// Everything; `None` if a part is wrong or was not to be read.
    pub(super) settings: Option<TenantSettings>,
}

impl Tenant {
    /// Whether calls may select this member id.
    pub(super) fn admits(&self, mid: Mid) -> bool {
        self.admits_any
            || self.default_account == Some(mid)
            || self.accounts.values().any(|named| *named == Some(mid))
    }

    /// How many accounts are configured; one, where none is.
    pub(super) fn accounts_count(&self) -> usize {
        let unnamed = self
            .default_account
            .is_some_and(|mid| !self.accounts.values().any(|named| *named == Some(mid)));
        (self.accounts.len() + usize::from(unnamed)).max(1)
    }
}

/// All tenants. `admin` is where the admin listener is, which takes browsers back from logins.
pub(super) fn all(review: &mut Review<'_>, admin: Option<SocketAddr>) -> Vec<Tenant> {
    let table = KeyPath::of("tenants");
    let names = review.values.names(&table);
    if names.is_empty() && !review.values.is_partial {
        no_tenant(review);
    }
    names
        .iter()
        .map(|name| {
            names::check(review, &table, name, &names, Naming::Plain);
            tenant(review, &table.child(name), name, admin)
        })
        .collect()
}

fn no_tenant(review: &mut Review<'_>) {
    let searched: Vec<String> = review
        .sources
        .candidates()
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    let instead = format!(
        "write a configuration file with a [tenants.NAME] table ({}, or any with --config), or set SFMC_SUBDOMAIN, \
         SFMC_CLIENT_ID and SFMC_CLIENT_SECRET; to try the proxy without either, run `sfmc-auth-proxy sandbox`",
        searched.join(", ")
    );
    review.faults.add(None, "", "there is no tenant", instead);
}

/// The tenant of calls that select none: the one named, or the only one.
pub(super) fn default(review: &mut Review<'_>, tenants: &[Tenant]) -> Option<String> {
    let path = KeyPath::of("default_tenant");
    match review.text(&path) {
        Some(name) => {
            if !tenants.iter().any(|tenant| tenant.name == name) {
                let origin = review.origin(&path);
                unknown(review, origin, &path, name, tenants);
            }
            Some(name.to_owned())
        }
        None => match tenants {
            [only] => Some(only.name.clone()),
            _ => None,
        },
    }
}

/// Notes that there is no tenant of this name.
pub(super) fn unknown(
    review: &mut Review<'_>,
    origin: Option<Origin>,
    path: &KeyPath,
    name: &str,
    tenants: &[Tenant],
) {
    if review.values.is_partial || tenants.is_empty() {
        return;
    }
    let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    let instead = match suggest::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("there are: {}", names.join(", ")),
    };
    let what = format!("there is no tenant {}", shown(name));
    review.faults.add(origin, path, what, instead);
}

fn tenant(
    review: &mut Review<'_>,
    table: &KeyPath,
    name: &str,
    admin: Option<SocketAddr>,
) -> Tenant {
    let shape = shape::shape(review, table);
    let accounts = accounts(review, table);
    let default_account = review.number_at(&table.child("account_id"));
    let allow_any_account = review.flag_at(&table.child("allow_any_account"));
    let spoiled = |leaf: &str| review.values.is_spoiled(&table.child(leaf));
    let admits_any = allow_any_account
        || spoiled("allow_any_account")
        || spoiled("account_id")
        || accounts.values().any(Option::is_none);
    let mode = review.mode(&table.child("mode"));
    let endpoint = endpoint(review, table, shape, admin);
    let roots = files::certificates(review, &table.child("ca_file"));
    let named: Option<BTreeMap<String, Mid>> = accounts
        .iter()
        .map(|(name, mid)| Some((name.clone(), (*mid)?)))
        .collect();
    let settings = match (endpoint, roots, named) {
        (Some(endpoint), Some(roots), Some(accounts)) => Some(TenantSettings {
            name: name.to_owned(),
            endpoint,
            accounts,
            default_account,
            allow_any_account,
            mode,
            extra_roots: Arc::new(roots),
        }),
        _ => None,
    };
    Tenant {
        name: name.to_owned(),
        has_no_default: !accounts.is_empty() && !review.values.is_given(&table.child("account_id")),
        has_vague_default: review.values.is_spoiled(&table.child("account_id")),
        accounts,
        default_account,
        admits_any,
        mode,
        may_have_accounts: shape.kind.is_none_or(|kind| !kind.is_core()),
        takes_login: shape.grant == Some(GrantWord::AuthorizationCode),
        settings,
    }
}

fn accounts(review: &mut Review<'_>, table: &KeyPath) -> BTreeMap<String, Option<Mid>> {
    let table = table.child("accounts");
    let names = review.values.names(&table);
    for name in &names {
        names::check(review, &table, name, &names, Naming::Plain);
        if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
            let instead = format!("write a word, as unit-{name}");
            review.fault(
                &table.child(name),
                "a name of digits alone reads as a member id",
                instead,
            );
        }
    }
    names
        .into_iter()
        .map(|name| {
            let mid = review.number_at(&table.child(&name));
            (name, mid)
        })
        .collect()
}

fn endpoint(
    review: &mut Review<'_>,
    table: &KeyPath,
    shape: Shape,
    admin: Option<SocketAddr>,
) -> Option<EndpointSettings> {
    let trusted = url::trusted_hosts(review, &table.child("trusted_hosts"));
    let kind = shape
        .kind
        .map(|kind| kind::kind(review, table, kind, trusted.as_deref()));
    let authority = authority::authority(review, table, shape, trusted);
    let client_id = client_id(review, table, shape);
    let grant = grant::grant(review, table, shape, admin);
    let scope = scope::scope(review, table, shape);
    let (auth_url, lock) = authority?;
    let (grant_type, client_secrets) = grant?;
    Some(EndpointSettings {
        kind: kind??,
        grant_type,
        token_lifetime: kind::token_lifetime(review, table),
        auth_url,
        client_id: client_id?,
        client_secrets,
        scope,
        refresh_before: review.duration_at(&table.child("refresh_before")),
        lock,
    })
}

fn client_id(review: &mut Review<'_>, table: &KeyPath, shape: Shape) -> Option<String> {
    let path = table.child("client_id");
    let Some(id) = review.text(&path) else {
        let whose = match shape.kind {
            Some(kind) if kind.is_core() => "the connected app's consumer key",
            _ => "the installed package's client id",
        };
        let instead = format!("write client_id = \"…\", {whose}");
        review.missing(table, "client_id", &instead);
        return None;
    };
    if id.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        review.fault(&path, "holds white space", "write the client id alone");
        return None;
    }
    Some(id.to_owned())
}
