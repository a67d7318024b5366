//! Listeners: where, what each selects, and that nobody gets in whom nobody asked.

use std::net::SocketAddr;

use super::tenant::{self, Tenant};
use super::{Review, address};
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::config::suggest;
use crate::proxy::ListenerSelection;
use crate::server::Address;

/// All listeners of calls.
#[derive(Default)]
pub(super) struct Listening {
    pub(super) addresses: Vec<Address>,
    /// One for each address.
    pub(super) selections: Vec<ListenerSelection>,
    /// Those that are left out where the machine lacks the address.
    pub(super) optional: Vec<usize>,
    /// Where each was written.
    places: Vec<(KeyPath, Option<Origin>)>,
}

/// `listen.http`, then each `[[listener]]`.
pub(super) fn listeners(
    review: &mut Review<'_>,
    tenants: &[Tenant],
    default_tenant: Option<&str>,
) -> Listening {
    let mut listening = Listening::default();
    let http = KeyPath::of("listen.http");
    for item in review.list(&http) {
        let selection = ListenerSelection::default();
        let origin = Some(item.origin.clone());
        add(review, &mut listening, &http, &item.text, origin, selection);
    }
    let array = KeyPath::of("listener");
    for place in review.values.places(&array) {
        let table = array.item(place);
        let selection = selection(review, &table, tenants, default_tenant);
        let path = table.child("address");
        match review.text(&path) {
            Some(text) => {
                let origin = review.origin(&path);
                add(review, &mut listening, &path, text, origin, selection);
            }
            None => review.missing(&table, "address", r#"write address = "127.0.0.1:7401""#),
        }
    }
    let nothing = review.list(&http).is_empty() && review.values.places(&array).is_empty();
    if nothing && !review.values.is_spoiled(&http) {
        let instead = r#"write http = ["127.0.0.1:7362"] in [listen], or add a [[listener]]"#;
        review.fault(&http, "there is nothing to listen on", instead);
    }
    listening
}

fn add(
    review: &mut Review<'_>,
    listening: &mut Listening,
    path: &KeyPath,
    text: &str,
    origin: Option<Origin>,
    selection: ListenerSelection,
) {
    let address = match address::address(text) {
        Ok(address) => address,
        Err(complaint) => return review.complaint(origin, path, complaint),
    };
    let insecure = KeyPath::of("listen.insecure_allow_unauthenticated");
    let allowed = review.flag_at(&insecure) || review.values.is_spoiled(&insecure);
    if !address::is_local(&address) && !allowed {
        let what = format!(
            "{} is beyond loopback, and whoever can reach it would act as the tenant",
            shown(text)
        );
        let instead = "listen on a loopback address or a Unix socket, or accept it with \
                       listen.insecure_allow_unauthenticated = true";
        review.faults.add(origin.clone(), path, what, instead);
    }
    if let Some(taken) = taken(listening, &address) {
        let instead = format!("choose another address than {taken}");
        let what = format!("{} is taken twice", shown(text));
        review.faults.add(origin.clone(), path, what, instead);
    }
    let is_ipv6 = matches!(address, Address::Tcp(tcp) if tcp.is_ipv6());
    if is_ipv6 && origin == Some(Origin::Default) {
        listening.optional.push(listening.addresses.len());
    }
    listening.addresses.push(address);
    listening.selections.push(selection);
    listening.places.push((path.clone(), origin));
}

/// Which listener has an address already, in words.
fn taken(listening: &Listening, address: &Address) -> Option<String> {
    let index = listening
        .addresses
        .iter()
        .position(|other| address::clash(other, address))?;
    let (path, origin) = listening.places.get(index)?;
    Some(match origin {
        Some(Origin::Default) => format!("the default of {path}, or set {path} too"),
        _ => format!("that of {path}"),
    })
}

/// The admin listener's address. `None` if a fault was found.
pub(in crate::config) fn admin(review: &mut Review<'_>) -> Option<SocketAddr> {
    let path = KeyPath::of("admin.listen");
    let text = review.text(&path)?;
    if text.starts_with("unix:") {
        let instead = r#"write an IP address and a port, as "127.0.0.1:7363""#;
        review.fault(&path, "cannot be a Unix socket", instead);
        return None;
    }
    match address::tcp(text) {
        Ok(address) => Some(address),
        Err(complaint) => {
            let origin = review.origin(&path);
            review.complaint(origin, &path, complaint);
            None
        }
    }
}

/// Calls and health cannot share an address.
pub(super) fn keep_apart(
    review: &mut Review<'_>,
    listening: &Listening,
    admin: Option<SocketAddr>,
) {
    let taken = admin.and_then(|admin| taken(listening, &Address::Tcp(admin)));
    if let Some(taken) = taken {
        let path = KeyPath::of("admin.listen");
        let instead = format!("choose another address than {taken}");
        review.fault(&path, "is taken by a listener for calls", instead);
    }
}

fn selection(
    review: &mut Review<'_>,
    table: &KeyPath,
    tenants: &[Tenant],
    default_tenant: Option<&str>,
) -> ListenerSelection {
    let (tenant_path, account_path) = (table.child("tenant"), table.child("account"));
    let named = review.text(&tenant_path);
    let account = review.text(&account_path);
    let tenant = tenants
        .iter()
        .find(|tenant| Some(tenant.name.as_str()) == named.or(default_tenant));
    match (named, account, tenant) {
        (Some(name), _, None) => tenant::unknown(review, &tenant_path, name, tenants),
        (None, Some(_), None)
            if tenants.len() > 1
                && !review.values.is_given(&tenant_path)
                && !review.values.is_given(&KeyPath::of("default_tenant")) =>
        {
            let what = "selects an account, but of which tenant is not said";
            let instead = "add tenant = \"NAME\" to this listener, or set default_tenant";
            review.fault(&account_path, what, instead);
        }
        _ => {}
    }
    let account = match (account, tenant) {
        (Some(account), Some(tenant)) => member_id(review, &account_path, account, tenant),
        _ => None,
    };
    let pinned = named.is_some() || account.is_some();
    ListenerSelection {
        tenant: tenant.filter(|_| pinned).map(|tenant| tenant.name.clone()),
        account,
    }
}

fn member_id(
    review: &mut Review<'_>,
    path: &KeyPath,
    account: &str,
    tenant: &Tenant,
) -> Option<u64> {
    if let Ok(mid) = account.parse::<u64>() {
        if tenant.admits(mid) {
            return Some(mid);
        }
        let what = format!("{mid} is not an account of tenant {}", tenant.name);
        let instead = format!(
            "name it in [tenants.{}.accounts], or set allow_any_account = true there",
            tenant.name
        );
        review.fault(path, what, instead);
        return None;
    }
    if let Some(mid) = tenant.accounts.get(account) {
        return *mid;
    }
    let near = suggest::nearest(account, tenant.accounts.keys().map(String::as_str));
    let instead = match near {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("name it in [tenants.{}.accounts]", tenant.name),
    };
    let what = format!("tenant {} has no account {}", tenant.name, shown(account));
    review.fault(path, what, instead);
    None
}
