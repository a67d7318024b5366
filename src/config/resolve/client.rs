//! Clients: who may call, how each is known, and what it may do. No two can be taken for one another.

mod reach;

use std::collections::BTreeMap;

use super::names::{self, Naming};
use super::tenant::Tenant;
use super::{Review, files, tls};
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::config::suggest;
use crate::config::value::Hidden;
use crate::identity::{ClientSettings, Grant};
use crate::policy::{self, AllowList, Mode, Pattern, Posture};

/// A client as far as it could be made out.
pub(super) struct Client {
    pub(super) name: String,
    /// Tenants and accounts; `None` if a part is wrong or was not to be read, and nothing is held against it.
    pub(super) reach: Option<Grant>,
    /// Everything; `None` if a part is wrong or was not to be read.
    pub(super) settings: Option<ClientSettings>,
}

/// Secrets that have been seen, by their likeness: whose, and where.
type Seen = BTreeMap<u64, String>;

/// Whether callers have to say who they are.
pub(super) fn are_there(review: &Review<'_>) -> bool {
    !review.values.names(&KeyPath::of("clients")).is_empty()
}

pub(super) fn all(
    review: &mut Review<'_>,
    tenants: &[Tenant],
    default_tenant: Option<&str>,
) -> Vec<Client> {
    let table = KeyPath::of("clients");
    let all = review.values.names(&table);
    if all.is_empty() && review.values.has_table(&table) && !review.values.is_partial {
        let instead = "add a [clients.NAME] table, or leave it out to let everyone call";
        review.fault(&table, "names no client", instead);
    }
    let mut seen = Seen::new();
    let mut clients = Vec::new();
    for name in &all {
        names::check(review, &table, name, &all, Naming::Hosts);
        let path = table.child(name);
        let reach = reach::reach(review, &path, tenants, default_tenant);
        clients.push(client(review, &path, name, reach, tenants, &mut seen));
    }
    tell_apart(review, &table, &all);
    clients
}

fn client(
    review: &mut Review<'_>,
    table: &KeyPath,
    name: &str,
    reach: Option<Grant>,
    tenants: &[Tenant],
    seen: &mut Seen,
) -> Client {
    let secrets = secrets(review, table, name, seen);
    let usernames = usernames(review, table);
    let mode = review.mode(&table.child("mode"));
    // What one of its tenants lets through may be matched.
    let of_tenants = tenants
        .iter()
        .filter(|tenant| {
            reach
                .as_ref()
                .is_none_or(|reach| reach.tenants.contains(&tenant.name))
        })
        .map(|tenant| tenant.mode)
        .min();
    let effective = mode.strictest(of_tenants.unwrap_or_default());
    let policy = policy(review, table, mode);
    let allow = allow(review, &table.child("allow"), effective, policy);
    let settings = match (secrets, allow, &reach) {
        (Some(secrets), Some(allow), Some(reach)) => Some(ClientSettings {
            name: name.to_owned(),
            secrets: secrets.into_iter().map(|hidden| hidden.secret).collect(),
            usernames,
            grant: Grant {
                mode,
                allow,
                policy,
                ..reach.clone()
            },
        }),
        _ => None,
    };
    Client {
        name: name.to_owned(),
        reach,
        settings,
    }
}

fn secrets(
    review: &mut Review<'_>,
    table: &KeyPath,
    name: &str,
    seen: &mut Seen,
) -> Option<Vec<Hidden>> {
    let found = files::secrets(review, table, "secret")?;
    if found.is_empty() {
        let is_known = tls::asks_for_certificates(review) || is_of_a_listener(review, name);
        if !is_known {
            let instead = "write secret_file = \"/run/secrets/…\", or secret = \"${NAME}\"; or let it be known by \
                           certificate (client_ca_file in [listen.tls]) or by the [[listener]] that names it";
            review.missing(table, "secret", instead);
        } else if review.values.is_given(&table.child("usernames")) {
            let path = table.child("usernames");
            let origin = review.origin(&path);
            let words = "are of no use to a client without a secret, which would be their password";
            review.warn(origin.as_ref(), &path, words);
        }
    }
    let mut secrets = Vec::new();
    for (hidden, path, origin) in found {
        if hidden.is_short {
            let words = "can be guessed; use 32 random characters";
            review.warn(Some(&origin), &path, words);
        }
        match seen.get(&hidden.likeness) {
            Some(other) if other != name => {
                let words = format!(
                    "is the secret of client {other} too: whoever knows it can be either; give each its own"
                );
                review.warn(Some(&origin), &path, words);
            }
            _ => {
                seen.insert(hidden.likeness, name.to_owned());
            }
        }
        secrets.push(hidden);
    }
    Some(secrets)
}

fn is_of_a_listener(review: &Review<'_>, name: &str) -> bool {
    let array = KeyPath::of("listener");
    let places = review.values.places(&array);
    places.into_iter().any(|place| {
        let path = array.item(place).child("client");
        review.values.is_spoiled(&path) || review.text(&path) == Some(name)
    })
}

fn usernames(review: &mut Review<'_>, table: &KeyPath) -> Vec<String> {
    let path = table.child("usernames");
    let items = review.list(&path);
    for item in items.iter().filter(|item| item.text.trim().is_empty()) {
        let origin = Some(item.origin.clone());
        let instead = "write the name, or take it out";
        review
            .faults
            .add(origin, &path, "has a name that is empty", instead);
    }
    items.iter().map(|item| item.text.clone()).collect()
}

/// A user name means one client.
fn tell_apart(review: &mut Review<'_>, table: &KeyPath, all: &[String]) {
    let mut taken: BTreeMap<String, &String> = BTreeMap::new();
    for name in all {
        let path = table.child(name).child("usernames");
        for item in review.list(&path) {
            let lower = item.text.to_lowercase();
            let namesake = all
                .iter()
                .find(|other| *other != name && other.to_lowercase() == lower);
            let owner = taken.get(&lower).copied().filter(|owner| *owner != name);
            let what = match (namesake, owner) {
                (Some(other), _) => format!("{} is the name of client {other}", shown(&item.text)),
                (None, Some(owner)) => {
                    format!("{} is a user name of client {owner} too", shown(&item.text))
                }
                (None, None) => {
                    taken.insert(lower, name);
                    continue;
                }
            };
            let instead = "leave it to one of the two: a user name has to say which client it is";
            let origin: Option<Origin> = Some(item.origin.clone());
            review.faults.add(origin, &path, what, instead);
        }
    }
}

/// Whether the client's own policy holds. One that does not is worth a word each time.
fn policy(review: &mut Review<'_>, table: &KeyPath, mode: Mode) -> Posture {
    let path = table.child("policy");
    let posture = review.text(&path).and_then(Posture::parse);
    let posture = posture.unwrap_or_default();
    if posture == Posture::Observe {
        let origin = review.origin(&path);
        let has_policy = mode != Mode::Full || review.values.is_given(&table.child("allow"));
        let words = if has_policy {
            "lets through what mode and allow of this client refuse, and only records it; write \"enforce\" once the records \
             show nothing that is meant"
        } else {
            "has nothing to observe: this client has neither mode nor allow; give it what you want to try"
        };
        review.warn(origin.as_ref(), &path, words);
    }
    posture
}

/// The outer `None` says that a fault was found, or nothing was to be read.
fn allow(
    review: &mut Review<'_>,
    path: &KeyPath,
    mode: Mode,
    policy: Posture,
) -> Option<Option<AllowList>> {
    if review.values.is_spoiled(path) {
        return None;
    }
    if !review.values.is_given(path) {
        return Some(None);
    }
    let items = review.list(path);
    if items.is_empty() && policy == Posture::Enforce {
        let origin = review.origin(path);
        let words =
            "is empty, so that the client may call nothing; leave it out to allow everything";
        review.warn(origin.as_ref(), path, words);
    }
    let mut patterns = Some(Vec::new());
    for item in items {
        match Pattern::parse(&item.text) {
            Ok(pattern) => {
                if let Some(why) = policy::futile(&pattern, mode) {
                    let words = format!("{} matches nothing: {why}", shown(&item.text));
                    review.warn(Some(&item.origin), path, words);
                }
                if let Some(patterns) = &mut patterns {
                    patterns.push(pattern);
                }
            }
            Err(error) => {
                let origin = Some(item.origin.clone());
                let what = format!("{} cannot be read: {}", shown(&item.text), error.what);
                review.faults.add(origin, path, what, error.instead);
                patterns = None;
            }
        }
    }
    Some(Some(patterns?.into_iter().collect()))
}

/// The client that a listener names. `None` if it names none, or there is none of this name, which is noted.
pub(super) fn named<'c>(
    review: &mut Review<'_>,
    path: &KeyPath,
    clients: &'c [Client],
) -> Option<&'c Client> {
    let name = review.text(path)?;
    let found = clients.iter().find(|client| client.name == name);
    if found.is_none() && !review.values.is_partial {
        let names: Vec<&str> = clients.iter().map(|client| client.name.as_str()).collect();
        let instead = match suggest::nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if names.is_empty() => "add its table, [clients.NAME]".to_owned(),
            None => format!("there are: {}", names.join(", ")),
        };
        review.fault(path, format!("there is no client {}", shown(name)), instead);
    }
    found
}
