//! Listeners: where, what each selects, and that nobody gets in whom nobody asked.

use std::net::SocketAddr;

use super::client::{self, Client};
use super::tenant::{self, Tenant};
use super::{Review, account, address, files, guard, tls};
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::proxy::{AnswerUrls, ListenerSelection};
use crate::secret::Secret;
use crate::server::Address;
use crate::token::Mid;

/// All listeners of calls.
#[derive(Default)]
pub(super) struct Listening {
    pub(super) addresses: Vec<Address>,
    /// One for each address.
    pub(super) selections: Vec<ListenerSelection>,
    /// Those that are left out where the machine lacks the address.
    pub(super) optional: Vec<usize>,
    /// Those that speak TLS.
    pub(super) secure: Vec<usize>,
    /// Somebody beyond this machine may call without saying who it is.
    pub(super) is_open: bool,
    /// Where each was written.
    places: Vec<(KeyPath, Option<Origin>)>,
}

impl Listening {
    /// The key of the first listener on a TCP address like this.
    pub(super) fn found(&self, is_it: impl Fn(SocketAddr) -> bool) -> Option<String> {
        let mut pairs = self.addresses.iter().zip(&self.places);
        pairs.find_map(|(address, (path, _origin))| match address {
            Address::Tcp(tcp) if is_it(*tcp) => Some(path.to_string()),
            _ => None,
        })
    }
}

/// What listeners may name.
pub(super) struct Known<'a> {
    pub(super) tenants: &'a [Tenant],
    pub(super) clients: &'a [Client],
    pub(super) default_tenant: Option<&'a str>,
}

/// One listener as it was written.
pub(super) struct Wanted<'a> {
    pub(super) path: &'a KeyPath,
    pub(super) text: &'a str,
    pub(super) origin: Option<Origin>,
    pub(super) is_secure: bool,
    /// The client that it names, whether there is one or not.
    pub(super) client: Option<&'a str>,
    selection: ListenerSelection,
}

/// `listen.http`, then each `[[listener]]`, then `listen.https`.
pub(super) fn listeners(review: &mut Review<'_>, known: &Known<'_>) -> Listening {
    let mut listening = Listening::default();
    let (http, https) = (KeyPath::of("listen.http"), KeyPath::of("listen.https"));
    listed(review, &mut listening, &http, false);
    let array = KeyPath::of("listener");
    for place in review.values.places(&array) {
        let table = array.item(place);
        let selection = selection(review, &table, known);
        let path = table.child("address");
        let Some(text) = review.text(&path) else {
            review.missing(&table, "address", r#"write address = "127.0.0.1:7401""#);
            continue;
        };
        let wanted = Wanted {
            path: &path,
            text,
            origin: review.origin(&path),
            is_secure: review.flag_at(&table.child("https")),
            client: review.text(&table.child("client")),
            selection,
        };
        add(review, &mut listening, wanted);
    }
    listed(review, &mut listening, &https, true);
    let lists = [&http, &https];
    let nothing = review.values.places(&array).is_empty()
        && lists
            .iter()
            .all(|list| review.list(list).is_empty() && !review.values.is_spoiled(list));
    if nothing {
        let instead = r#"write http = ["127.0.0.1:7362"] in [listen], or add a [[listener]]"#;
        review.fault(&http, "there is nothing to listen on", instead);
    }
    listening
}

/// The addresses of one list.
fn listed(review: &mut Review<'_>, listening: &mut Listening, list: &KeyPath, is_secure: bool) {
    let answer_urls = answer_urls(review, &KeyPath::of("listen.answer_urls"));
    for item in review.list(list) {
        let wanted = Wanted {
            path: list,
            text: &item.text,
            origin: Some(item.origin.clone()),
            is_secure,
            client: None,
            selection: ListenerSelection {
                answer_urls,
                ..ListenerSelection::default()
            },
        };
        add(review, listening, wanted);
    }
}

fn add(review: &mut Review<'_>, listening: &mut Listening, wanted: Wanted<'_>) {
    let (path, origin) = (wanted.path, wanted.origin.clone());
    let address = match address::address(wanted.text) {
        Ok(address) => address,
        Err(complaint) => return review.complaint(origin, path, complaint),
    };
    listening.is_open |= guard::check(review, &wanted, &address);
    if let Some(taken) = taken(listening, &address) {
        let instead = format!("choose another address than {taken}");
        let what = format!("{} is taken twice", shown(wanted.text));
        review.faults.add(origin.clone(), path, what, instead);
    }
    let is_ipv6 = matches!(address, Address::Tcp(tcp) if tcp.is_ipv6());
    let index = listening.addresses.len();
    if is_ipv6 && origin == Some(Origin::Default) {
        listening.optional.push(index);
    }
    if wanted.is_secure {
        tls::require(review, origin.clone(), path, wanted.text);
        listening.secure.push(index);
    }
    listening.addresses.push(address);
    listening.selections.push(wanted.selection);
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

/// What opens the admin listener's doors to others than this machine. The inner `None` says that they stay closed; the outer
/// one that a fault was found, or nothing was to be read.
pub(in crate::config) fn admin_token(review: &mut Review<'_>) -> Option<Option<Secret>> {
    let Some((hidden, path, origin)) =
        files::optional_secret(review, &KeyPath::of("admin"), "token")?
    else {
        return Some(None);
    };
    if hidden.is_short {
        let what = "can be guessed: it has fewer than 16 characters";
        let instead = "use 32 random ones, as of `head -c 24 /dev/urandom | base64`";
        review.faults.add(Some(origin), &path, what, instead);
        return None;
    }
    Some(Some(hidden.secret))
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

fn selection(review: &mut Review<'_>, table: &KeyPath, known: &Known<'_>) -> ListenerSelection {
    let (tenant_path, account_path) = (table.child("tenant"), table.child("account"));
    let named = review.text(&tenant_path);
    let account = review.text(&account_path);
    let client = client::named(review, &table.child("client"), known.clients);
    let own = client
        .and_then(|client| client.reach.as_ref()?.tenants.first())
        .map(String::as_str);
    let meant = named.or(own).or(known.default_tenant);
    let tenants = known.tenants;
    let tenant = tenants
        .iter()
        .find(|tenant| Some(tenant.name.as_str()) == meant);
    match (named, account, tenant) {
        (Some(name), _, None) => {
            let origin = review.origin(&tenant_path);
            tenant::unknown(review, origin, &tenant_path, name, tenants);
        }
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
    let pinned = tenant.filter(|_| named.is_some() || account.is_some());
    if let (Some(client), Some(tenant)) = (client, pinned) {
        within_reach(review, table, client, tenant, account);
    }
    ListenerSelection {
        tenant: pinned.map(|tenant| tenant.name.clone()),
        account,
        client: client.map(|client| client.name.clone()),
        answer_urls: answer_urls(review, &table.child("answer_urls")),
        mode: review.mode(&table.child("mode")),
    }
}

fn answer_urls(review: &Review<'_>, path: &KeyPath) -> AnswerUrls {
    match review.text(path) {
        Some("as_called") => AnswerUrls::AsCalled,
        _ => AnswerUrls::Proxy,
    }
}

fn member_id(
    review: &mut Review<'_>,
    path: &KeyPath,
    account: &str,
    tenant: &Tenant,
) -> Option<Mid> {
    match account::find(tenant, account) {
        account::Found::Mid(mid) => Some(mid),
        account::Found::Vague => None,
        account::Found::Nothing => {
            let origin = review.origin(path);
            account::unknown(review, origin, path, account, &[tenant]);
            None
        }
    }
}

/// A listener cannot select for its client what that client may not use.
fn within_reach(
    review: &mut Review<'_>,
    table: &KeyPath,
    client: &Client,
    tenant: &Tenant,
    account: Option<Mid>,
) {
    let Some(reach) = &client.reach else { return };
    let (name, tenant_name) = (&client.name, &tenant.name);
    if !reach.tenants.contains(tenant_name) {
        let what = format!("client {name} may not use tenant {tenant_name}");
        let instead = format!("add it to tenants in [clients.{name}], or select another here");
        return review.fault(&table.child("tenant"), what, instead);
    }
    let selected = account.filter(|_| !tenant.has_vague_default);
    if let Some(mid) = selected
        && !reach.covers(tenant_name, Some(mid), tenant.default_account)
    {
        let what = format!("client {name} may not use account {mid} of tenant {tenant_name}");
        let instead = format!("add it to accounts in [clients.{name}], or select another here");
        review.fault(&table.child("account"), what, instead);
    }
}
