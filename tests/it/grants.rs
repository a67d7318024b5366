//! Every block of docs/grants.md, run by the real binary against the simulated tenant: a call goes through, and after the
//! tenant has ended all tokens another one does.

use std::fs;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use toml::{Table, Value};

use sfmc_auth_proxy::sandbox::{self, Face};

use crate::harness::{Client, tenant_settings, until};
use crate::logins;
use crate::process::Process;

const DOCUMENT: &str = include_str!("../../docs/grants.md");

/// Each heading with its block: `### KIND GRANT [public]`.
pub fn blocks() -> Vec<(&'static str, Table)> {
    let sections = DOCUMENT.split("\n### ").skip(1);
    sections
        .map(|section| {
            let (heading, rest) = section.split_once('\n').unwrap();
            let block = rest.split("```toml\n").nth(1).unwrap();
            let block = block.split("```").next().unwrap();
            (heading, block.parse().unwrap())
        })
        .collect()
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// The block as it stands, with the hosts of this tenant in place of the vendor's.
pub fn written(tenant: &sandbox::Tenant, kind: &str, mut block: Table, folder: &Path) {
    let tenants = block["tenants"].as_table_mut().unwrap();
    let (_name, table) = tenants.iter_mut().next().unwrap();
    let table = table.as_table_mut().unwrap();
    let auth_url = if kind == "marketing_cloud" {
        tenant.auth_url()
    } else {
        tenant.core_url()
    };
    let hosts = [
        tenant.rest_authority(),
        tenant.soap_authority(),
        tenant.core_authority(),
        tenant.data_cloud_authority(),
        tenant.account_engagement_authority(),
    ];
    table.insert(
        "subdomain".to_owned(),
        tenant.settings().subdomain.clone().into(),
    );
    table.insert("auth_url".to_owned(), auth_url.into());
    table.insert(
        "trusted_hosts".to_owned(),
        Value::Array(hosts.map(Value::from).to_vec()),
    );
    table.insert("ca_file".to_owned(), "ca.pem".into());
    if kind == "account_engagement" {
        let url = tenant.account_engagement_url();
        table.insert("api_url".to_owned(), url.into());
    }
    if table.get("grant").and_then(Value::as_str) == Some("authorization_code") {
        let url = "http://127.0.0.1:7363/oauth/callback";
        table.insert("redirect_uri".to_owned(), url.into());
    }
    let text = format!(
        "[listen]\nhttp = [\"127.0.0.1:0\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n{}",
        toml::to_string(&block).unwrap()
    );
    fs::write(folder.join("sfmc-auth-proxy.toml"), text).unwrap();
    fs::write(folder.join("ca.pem"), tenant.ca_pem()).unwrap();
    fs::write(
        folder.join("state.key"),
        STANDARD.encode((0..32).collect::<Vec<u8>>()),
    )
    .unwrap();
    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private = pem("PRIVATE KEY", pair.as_der().unwrap().as_ref());
    fs::write(folder.join("jwt.key"), private).unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    tenant
        .set_jwt_public_key(&pem("PUBLIC KEY", public.as_ref()))
        .unwrap();
}

/// A call that each kind of tenant serves, and where it has to arrive.
fn call_of(kind: &str) -> (Face, &'static str) {
    match kind {
        "marketing_cloud" => (Face::Rest, "/sandbox/echo"),
        "salesforce" => (Face::Core, "/services/data/v61.0/sandbox/echo"),
        "data_cloud" => (Face::DataCloud, "/api/v1/sandbox/echo"),
        "account_engagement" => (Face::AccountEngagement, "/api/v5/sandbox/echo"),
        other => panic!("{other} has no call"),
    }
}

async fn holds(heading: &str, block: Table) {
    let mut words = heading.split(' ');
    let (kind, grant) = (words.next().unwrap(), words.next().unwrap());
    let mut settings = tenant_settings();
    settings.public_package = words.next() == Some("public");
    let tenant = sandbox::Tenant::start(settings).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let name = block["tenants"]
        .as_table()
        .unwrap()
        .keys()
        .next()
        .unwrap()
        .clone();
    written(&tenant, kind, block, folder.path());
    let environment = [
        ("CLIENT_ID", tenant.settings().client_id.as_str()),
        ("CLIENT_SECRET", tenant.settings().client_secret.as_str()),
    ];
    let process = Process::start(folder.path(), &[], &environment).await;
    if grant == "authorization_code" {
        let page = logins::attempt_at(process.admin, &tenant, &name).await;
        assert_eq!(page.status, 200, "{heading}: {}", page.text());
    }
    let (face, target) = call_of(kind);
    for round in 0..2 {
        let answer = Client::connect(process.address).await.get(target).await;
        assert_eq!(answer.status, 200, "{heading}, {round}: {}", answer.text());
        tenant.revoke_all();
    }
    let journal = tenant.journal();
    let calls: Vec<_> = journal
        .iter()
        .filter(|entry| entry.target.starts_with(target.split('?').next().unwrap()))
        .collect();
    assert_eq!(
        calls.len(),
        3,
        "{heading}: the call, its refusal, its replay"
    );
    assert!(calls.iter().all(|entry| entry.face == face), "{heading}");
    let faults: Vec<_> = journal
        .iter()
        .filter(|entry| !entry.faults.is_empty())
        .collect();
    assert!(faults.is_empty(), "{heading}: {faults:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_grant_of_the_documentation_works_as_it_is_written_there() {
    let blocks = blocks();
    let mut headings: Vec<_> = blocks.iter().map(|(heading, _block)| *heading).collect();
    headings.sort_unstable();
    let mut linked: Vec<_> = DOCUMENT
        .lines()
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| line.split("](#").skip(1))
        .filter_map(|link| link.split(')').next())
        .collect();
    linked.sort_unstable();
    let anchors: Vec<_> = headings
        .iter()
        .map(|heading| heading.replace(' ', "-"))
        .collect();
    assert_eq!(
        anchors, linked,
        "the table has each block, and nothing else"
    );
    assert_eq!(headings.len(), 13);
    for (heading, block) in blocks {
        holds(heading, block).await;
    }
}

/// A file with two tenants of one connected app.
fn both_kinds(tenant: &sandbox::Tenant, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let of_kind = |name: &str, kind: &str| {
        format!(
            "[tenants.{name}]\nkind = \"{kind}\"\nauth_url = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n\
             trusted_hosts = [\"{}\", \"{}\"]\nca_file = \"ca.pem\"\n{more}\n",
            tenant.core_url(),
            tenant.settings().client_id,
            tenant.settings().client_secret,
            tenant.core_authority(),
            tenant.data_cloud_authority(),
        )
    };
    let text = format!(
        "default_tenant = \"core\"\n[listen]\nhttp = [\"127.0.0.1:0\"]\n[admin]\nlisten = \"127.0.0.1:0\"\n{}{}",
        of_kind("core", "salesforce"),
        of_kind("lake", "data_cloud"),
    );
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    fs::write(folder.path().join("ca.pem"), tenant.ca_pem()).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_that_data_cloud_exchanges_is_nobody_elses() {
    // This tenant ends a core token once it was exchanged, as the vendor's own connector does.
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    assert!(tenant.switches().exchange_revokes_core);
    let folder = both_kinds(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    for _round in 0..3 {
        for target in [
            "/services/data/v61.0/sandbox/echo",
            "/@lake/api/v1/sandbox/echo",
        ] {
            let answer = client.get(target).await;
            assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        }
    }
    let journal = tenant.journal();
    assert!(journal.iter().all(|entry| entry.status == Some(200)));
    assert_eq!((tenant.core_mints(), tenant.exchanges()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_core_token_is_renewed_after_the_lifetime_that_the_configuration_gives() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = both_kinds(&tenant, "token_lifetime = \"2s\"");
    let process = Process::start(folder.path(), &[], &[]).await;
    let mut client = Client::connect(process.address).await;
    // Two tenants, each with its first; and those of `core` that follow, without any refusal.
    until("renewed twice", async || {
        let target = "/services/data/v61.0/sandbox/echo";
        assert_eq!(client.get(target).await.status, 200);
        tenant.core_mints() >= 4
    })
    .await;
    assert!(
        tenant
            .journal()
            .iter()
            .all(|entry| entry.status == Some(200))
    );
}
