//! Which tenants and accounts a client may use. What it can never use is a fault.

use std::collections::BTreeMap;

use super::super::Review;
use super::super::account::{self, Found};
use super::super::tenant::{self, Tenant};
use crate::config::key_path::KeyPath;
use crate::identity::Grant;
use crate::token::Mid;

/// Tenants and accounts alone. `None` if a part is wrong or was not to be read.
pub(super) fn reach(
    review: &mut Review<'_>,
    table: &KeyPath,
    tenants: &[Tenant],
    default_tenant: Option<&str>,
) -> Option<Grant> {
    let tenants = tenants_of(review, table, tenants, default_tenant)?;
    let path = table.child("accounts");
    if review.values.is_spoiled(&path) {
        return None;
    }
    let accounts = if review.values.is_given(&path) {
        accounts(review, &path, &tenants)?
    } else {
        has_defaults(review, &path, table, &tenants)?;
        BTreeMap::new()
    };
    Some(Grant {
        tenants: tenants.iter().map(|tenant| tenant.name.clone()).collect(),
        accounts,
        ..Grant::default()
    })
}

fn tenants_of<'t>(
    review: &mut Review<'_>,
    table: &KeyPath,
    tenants: &'t [Tenant],
    default_tenant: Option<&str>,
) -> Option<Vec<&'t Tenant>> {
    let path = table.child("tenants");
    let named = |name: &str| tenants.iter().find(|tenant| tenant.name == name);
    if review.values.is_spoiled(&path) {
        return None;
    }
    if !review.values.is_given(&path) {
        let default_path = KeyPath::of("default_tenant");
        let silent = review.values.is_given(&default_path) || review.values.is_partial;
        if default_tenant.is_none() && tenants.len() > 1 && !silent {
            let origin = review.origin(table);
            let what = "is missing: there are several tenants, and none is the default";
            let instead = "write tenants = [\"NAME\"], or set default_tenant";
            review.faults.add(origin, &path, what, instead);
        }
        return Some(vec![named(default_tenant?)?]);
    }
    let items = review.list(&path);
    if items.is_empty() {
        let instead = "name its tenants, or leave it out for the default tenant";
        review.fault(&path, "is empty", instead);
        return None;
    }
    let mut found: Option<Vec<&Tenant>> = Some(Vec::new());
    for item in items {
        match (named(&item.text), &mut found) {
            (Some(tenant), Some(found)) => {
                if !found.iter().any(|known| known.name == tenant.name) {
                    found.push(tenant);
                }
            }
            (Some(_), None) => {}
            (None, _) => {
                let origin = Some(item.origin.clone());
                tenant::unknown(review, origin, &path, &item.text, tenants);
                found = None;
            }
        }
    }
    found
}

/// Without `accounts`, a client has each tenant's default account, so each has to have one.
fn has_defaults(
    review: &mut Review<'_>,
    path: &KeyPath,
    table: &KeyPath,
    tenants: &[&Tenant],
) -> Option<()> {
    let mut fine = Some(());
    for tenant in tenants.iter().filter(|tenant| tenant.has_no_default) {
        let origin = review.origin(table);
        let what = format!(
            "is missing: tenant {} has no default account, so that this client could use none of its accounts",
            tenant.name
        );
        let instead = format!(
            "write accounts = [\"NAME\"], or account_id in [tenants.{}]",
            tenant.name
        );
        review.faults.add(origin, path, what, instead);
        fine = None;
    }
    fine
}

fn accounts(
    review: &mut Review<'_>,
    path: &KeyPath,
    tenants: &[&Tenant],
) -> Option<BTreeMap<String, Vec<Mid>>> {
    let items = review.list(path);
    if items.is_empty() {
        let what = "is empty, so that the client could call nothing";
        let instead = "name its accounts, or leave it out for the default account of each tenant";
        review.fault(path, what, instead);
        return None;
    }
    let mut by_tenant: BTreeMap<String, Vec<Mid>> = BTreeMap::new();
    let mut is_whole = true;
    let mut all_found = true;
    for item in items {
        let mut somewhere = false;
        for tenant in tenants {
            match account::find(tenant, &item.text) {
                Found::Nothing => continue,
                Found::Vague => {
                    by_tenant.entry(tenant.name.clone()).or_default();
                    is_whole = false;
                }
                Found::Mid(mid) => {
                    let mids = by_tenant.entry(tenant.name.clone()).or_default();
                    if !mids.contains(&mid) {
                        mids.push(mid);
                    }
                }
            }
            somewhere = true;
        }
        if !somewhere {
            let origin = Some(item.origin.clone());
            account::unknown(review, origin, path, &item.text, tenants);
            all_found = false;
        }
    }
    // A name that was not found may be the one that is missed here.
    for tenant in tenants.iter().filter(|_| all_found) {
        if !by_tenant.contains_key(&tenant.name) {
            let what = format!(
                "names no account of tenant {}, so that this client could not use that tenant",
                tenant.name
            );
            let instead = "name one, or take the tenant out of its tenants";
            review.fault(path, what, instead);
            is_whole = false;
        }
    }
    (is_whole && all_found).then_some(by_tenant)
}
