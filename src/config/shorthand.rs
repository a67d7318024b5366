//! A tenant from a handful of variables, for those who have no file: `SFMC_SUBDOMAIN` and its like make the tenant
//! `default`. Where a file has tenants, these variables make none.

use super::fault::{Faults, Origin};
use super::key_path::KeyPath;
use super::keys;
use super::layers::Values;
use super::source::Sources;
use super::value::Raw;

const TENANT: &str = "default";
const ACCOUNTS: &str = "SFMC_ACCOUNTS";

/// Which variable stands for which key of the tenant.
const VARIABLES: [(&str, &str); 6] = [
    ("SFMC_SUBDOMAIN", "subdomain"),
    ("SFMC_CLIENT_ID", "client_id"),
    ("SFMC_CLIENT_SECRET", "client_secret"),
    ("SFMC_CLIENT_SECRET_FILE", "client_secret_file"),
    ("SFMC_ACCOUNT_ID", "account_id"),
    ("SFMC_SCOPE", "scope"),
];

/// The variable that stands for a key of a tenant, where variables made that tenant.
pub(super) fn variable_for(leaf: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .find(|(_, key)| *key == leaf)
        .map(|(variable, _)| *variable)
}

/// Makes the tenant, if there is none and a variable asks for it.
pub(super) fn add(sources: &Sources, values: &mut Values, faults: &mut Faults) {
    if values.is_partial || !values.names(&KeyPath::of("tenants")).is_empty() {
        return;
    }
    let tenant = KeyPath::of("tenants").child(TENANT);
    for (variable, leaf) in VARIABLES {
        if let Some(text) = sources.variable(variable) {
            let origin = Origin::Environment(variable.to_owned());
            set(&tenant.child(leaf), text, origin, values, faults);
        }
    }
    let accounts = sources.variable(ACCOUNTS).unwrap_or_default();
    for pair in accounts
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
    {
        let origin = Origin::Environment(ACCOUNTS.to_owned());
        let path = tenant.child("accounts");
        match pair.split_once('=') {
            Some((name, mid)) => {
                set(&path.child(name.trim()), mid.trim(), origin, values, faults);
            }
            None => faults.add(
                Some(origin),
                &path,
                format!("{pair:?} is no pair of a name and a member id"),
                r#"write "emea=510001235,apac=510001236""#,
            ),
        }
    }
    if !values.names(&KeyPath::of("tenants")).is_empty() {
        let origin = Origin::Environment("SFMC_*".to_owned());
        values.note_table(tenant, origin);
    }
}

fn set(path: &KeyPath, text: &str, origin: Origin, values: &mut Values, faults: &mut Faults) {
    if let Some(key) = keys::find(path) {
        values.accept(path.clone(), key, Raw::bare(text), origin, faults);
    }
}
