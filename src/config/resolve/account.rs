//! Accounts as the configuration names them: a name of the tenant's, or a member id that it admits.

use super::Review;
use super::tenant::Tenant;
use crate::config::fault::{Origin, shown};
use crate::config::key_path::KeyPath;
use crate::config::suggest;
use crate::token::Mid;

/// What a tenant makes of an account's name or member id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// This one.
    Mid(Mid),
    /// It is there, but which one it is could not be made out.
    Vague,
    /// The tenant has no such account.
    Nothing,
}

pub(super) fn find(tenant: &Tenant, text: &str) -> Found {
    match text.parse::<Mid>() {
        Ok(mid) if mid > 0 && tenant.admits(mid) => Found::Mid(mid),
        Ok(_) => Found::Nothing,
        Err(_) => match tenant.accounts.get(text) {
            Some(Some(mid)) => Found::Mid(*mid),
            Some(None) => Found::Vague,
            None => Found::Nothing,
        },
    }
}

/// Notes that none of these tenants has this account.
pub(super) fn unknown(
    review: &mut Review<'_>,
    origin: Option<Origin>,
    path: &KeyPath,
    text: &str,
    tenants: &[&Tenant],
) {
    let names: Vec<&str> = tenants.iter().map(|tenant| tenant.name.as_str()).collect();
    let first = names.first().copied().unwrap_or("NAME");
    let (of_them, have) = match names.as_slice() {
        [_only] => (format!("tenant {first}"), "has"),
        _ => (format!("the tenants {}", names.join(", ")), "have"),
    };
    let (what, instead) = if !tenants.iter().any(|tenant| tenant.may_have_accounts) {
        (
            format!("{of_them} {have} no accounts, being of core Salesforce"),
            "leave it out".to_owned(),
        )
    } else if text.parse::<Mid>().is_ok() {
        let which = match names.as_slice() {
            [_only] => String::new(),
            _ => "any of ".to_owned(),
        };
        (
            format!("{text} is not an account of {which}{of_them}"),
            format!("name it in [tenants.{first}.accounts], or set allow_any_account = true there"),
        )
    } else {
        let known = tenants.iter().flat_map(|tenant| tenant.accounts.keys());
        let near = suggest::nearest(text, known.map(String::as_str));
        (
            format!("{of_them} {have} no account {}", shown(text)),
            near.map_or_else(
                || format!("name it in [tenants.{first}.accounts]"),
                |near| format!("did you mean {near:?}?"),
            ),
        )
    };
    review.faults.add(origin, path, what, instead);
}
