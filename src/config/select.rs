//! `TENANT` or `TENANT:ACCOUNT`, as a command's argument names what it is about.

use super::Resolved;
use super::fault::shown;
use super::suggest;
use crate::proxy::TenantSettings;
use crate::token::Mid;

/// The tenant's name, and the account's member id where one is named. Case does not count.
///
/// # Errors
///
/// There is no such tenant or account; says which there are.
pub fn select(resolved: &Resolved, text: &str) -> Result<(String, Option<Mid>), String> {
    let (name, account) = match text.split_once(':') {
        Some((name, account)) => (name, Some(account)),
        None => (text, None),
    };
    let tenants = &resolved.proxy.tenants;
    let tenant = tenants
        .iter()
        .find(|tenant| tenant.name.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            let names = tenants.iter().map(|tenant| tenant.name.as_str());
            let names: Vec<&str> = names.collect();
            let missing = format!("there is no tenant {}", shown(name));
            or_nearest(&missing, name, &names)
        })?;
    let account = account
        .map(|account| member_id(tenant, account))
        .transpose()?;
    Ok((tenant.name.clone(), account))
}

fn member_id(tenant: &TenantSettings, account: &str) -> Result<Mid, String> {
    if let Ok(mid) = account.parse::<Mid>() {
        let is_known = tenant.default_account == Some(mid)
            || tenant.accounts.values().any(|named| *named == mid);
        return if mid > 0 && (is_known || tenant.allow_any_account) {
            Ok(mid)
        } else {
            let missing = format!("{mid} is not an account of tenant {}", tenant.name);
            Err(format!("{missing}; {}", accounts_of(tenant)))
        };
    }
    if let Some(mid) = tenant.accounts.get(&account.to_lowercase()) {
        return Ok(*mid);
    }
    let missing = format!("tenant {} has no account {}", tenant.name, shown(account));
    let names: Vec<&str> = tenant.accounts.keys().map(String::as_str).collect();
    Err(match suggest::nearest(account, names) {
        Some(near) => format!("{missing}; did you mean {near:?}?"),
        None => format!("{missing}; {}", accounts_of(tenant)),
    })
}

fn accounts_of(tenant: &TenantSettings) -> String {
    let named = tenant.accounts.iter();
    let mut all: Vec<String> = named.map(|(name, mid)| format!("{name} ({mid})")).collect();
    let unnamed = |mid: &Mid| !tenant.accounts.values().any(|named| named == mid);
    let default = tenant.default_account.filter(unnamed);
    all.extend(default.map(|mid| mid.to_string()));
    if tenant.allow_any_account {
        return "it takes any member id".to_owned();
    }
    if all.is_empty() {
        return "it has none but the installed package's own, so name the tenant alone".to_owned();
    }
    format!("there are: {}", all.join(", "))
}

fn or_nearest(missing: &str, word: &str, names: &[&str]) -> String {
    match suggest::nearest(word, names.iter().copied()) {
        Some(near) => format!("{missing}; did you mean {near:?}?"),
        None => format!("{missing}; there are: {}", names.join(", ")),
    }
}
