//! Nobody gets in whom nobody asked: listeners that others than this machine can reach need callers who say who they are,
//! or the operator's word that they need not.

use super::listen::Wanted;
use super::{Review, address, client, tls};
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::server::Address;

const INSTEAD: &str = "listen on a loopback address or a Unix socket, or accept it with \
                       listen.insecure_allow_unauthenticated = true";

/// Notes what is wrong. Tells whether somebody beyond this machine may call without saying who it is.
pub(super) fn check(review: &mut Review<'_>, wanted: &Wanted<'_>, address: &Address) -> bool {
    if address::is_local(address) {
        return false;
    }
    let insecure = KeyPath::of("listen.insecure_allow_unauthenticated");
    let allowed = review.flag_at(&insecure) || review.values.is_spoiled(&insecure);
    let has_clients = client::are_there(review);
    if has_clients && !wanted.is_secure {
        let words = format!(
            "secrets and tokens of clients travel in clear to {}; where that network is not trusted, use listen.https",
            shown(wanted.text)
        );
        review.warn(wanted.origin.as_ref(), wanted.path, words);
    }
    let who = match wanted.client {
        Some(client) => format!("be client {client}"),
        None if has_clients => return false,
        None if wanted.is_secure && tls::asks_for_certificates(review) => return false,
        None => "act as the tenant".to_owned(),
    };
    if !allowed {
        let what = format!(
            "{} is beyond loopback, and whoever can reach it would {who}",
            shown(wanted.text)
        );
        let instead = match wanted.client {
            Some(_) => {
                format!("leave out client here, so that callers show its secret, {INSTEAD}")
            }
            None => format!("add [clients.NAME] with a secret for each caller, {INSTEAD}"),
        };
        review
            .faults
            .add(wanted.origin.clone(), wanted.path, what, instead);
    }
    true
}
