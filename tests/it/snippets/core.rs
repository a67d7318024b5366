//! Snippets for tenants of core Salesforce: the published SDK runs what is printed, against a tenant of the test's own.

use std::fs;

use sfmc_auth_proxy::config::{AuthorityPlace, Resolved};
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::server::Address;
use tempfile::TempDir;

use super::{check_ran, run_past_a_proxy};
use crate::clients::{node, python};
use crate::core::{Call, Field, Said, newsletter};
use crate::process::{self, undisturbed};

const SECRET: &str = "news-secret";

/// A proxy with an http and an https listener, and a client where callers have to show one.
async fn field(has_client: bool) -> Field {
    let limits = |call: &Call| -> Said {
        assert!(call.token().starts_with("00Dcore!"), "{call:?}");
        (
            200,
            "application/json",
            br#"{"DailyApiRequests":{"Max":5}}"#.to_vec(),
        )
    };
    let more = move |resolved: &mut Resolved| {
        resolved.authority = AuthorityPlace::ThisProcess;
        resolved.proxy.intercept = true;
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        resolved.server.listeners.push(address);
        resolved.server.tls_listeners = vec![1];
        resolved.proxy.listeners.push(ListenerSelection::default());
        if has_client {
            newsletter(resolved);
        }
    };
    Field::with(limits, more).await
}

/// A configuration that says of this proxy what matters to snippets, with its CA where it says that it is.
fn configured(field: &Field, has_client: bool) -> TempDir {
    let folder = TempDir::new().unwrap();
    let addresses: Vec<_> = field
        .proxy
        .addresses()
        .iter()
        .map(ToString::to_string)
        .collect();
    let clients = if has_client {
        "[clients.newsletter]\nsecret_file = \"news\"\n"
    } else {
        ""
    };
    let text = format!(
        "[listen]\nhttp = [\"{}\"]\nhttps = [\"{}\"]\n[intercept]\nca_dir = \"ca\"\n\
         [tenants.sales]\nkind = \"salesforce\"\nsubdomain = \"acme\"\nclient_id = \"id\"\n\
         client_secret = \"of-the-tenant\"\n{clients}",
        addresses[0], addresses[1]
    );
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    fs::write(folder.path().join("news"), SECRET).unwrap();
    folder
}

fn printed(name: &str, folder: &TempDir, field: &Field) -> String {
    let output = process::run(&["snippet", name], &[], folder.path());
    check_ran(name, &output);
    fs::create_dir(folder.path().join("ca")).unwrap();
    fs::write(
        folder.path().join("ca/ca.pem"),
        field.proxy.authority().unwrap().pem(),
    )
    .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The tenant was asked with its own token, and saw nothing that clients show.
fn check(field: &Field) {
    let heard = field.heard();
    assert!(!heard.is_empty());
    for call in heard {
        assert!(
            call.target.ends_with("/limits") || call.target.ends_with("/limits/"),
            "{call:?}"
        );
        let whole = format!("{call:?}");
        assert!(
            !whole.contains(SECRET) && !whole.contains("sfmc-auth-proxy."),
            "{whole}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simple_salesforce_calls_as_it_is_printed() {
    let Some(python) = python() else {
        return;
    };
    for has_client in [false, true] {
        let field = field(has_client).await;
        let folder = configured(&field, has_client);
        let file = folder.path().join("call.py");
        fs::write(&file, printed("python-simple-salesforce", &folder, &field)).unwrap();
        let mut command = undisturbed(&python);
        command.arg(file);
        let name = "python-simple-salesforce";
        check_ran(name, &run_past_a_proxy(name, command).await);
        check(&field);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jsforce_calls_as_it_is_printed() {
    let Some(packages) = node("jsforce", &["jsforce@3.10.8"], "jsforce_client.mjs") else {
        return;
    };
    for has_client in [false, true] {
        let field = field(has_client).await;
        let folder = configured(&field, has_client);
        let file = packages.join("printed.mjs");
        fs::write(&file, printed("jsforce", &folder, &field)).unwrap();
        let mut command = undisturbed("node");
        command.arg(file);
        check_ran("jsforce", &run_past_a_proxy("jsforce", command).await);
        check(&field);
    }
}
