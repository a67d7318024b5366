//! Listeners that speak TLS, listeners beyond loopback, and interception.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::AuthorityPlace;
use super::*;
use crate::authority::Authority;
use crate::proxy::{AnswerUrls, OtherHosts};

const CLIENT: &str = "[clients.a]\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
const INSTEAD: &str = "listen on a loopback address or a Unix socket, or accept it with listen.insecure_allow_unauthenticated = true";

/// A folder with certificates for tests, and sources that start there.
fn folder() -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    for name in ["one", "two"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        write(&format!("{name}.crt"), &made.cert.pem());
        write(&format!("{name}.key"), &made.signing_key.serialize_pem());
    }
    write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    write("empty.key", "nothing");
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..sources(&[("HOME", &folder.path().display().to_string())])
    };
    (folder, sources)
}

/// What is wrong with these lines, where a tenant follows them, without the folder's path.
fn wrong(sources: &Sources, text: &str) -> Vec<String> {
    let folder = format!("{}/", sources.working_directory.display());
    match with_text(sources, &format!("{text}\n{TENANT}")) {
        Ok(_) => Vec::new(),
        Err(faults) => lines(&faults)
            .iter()
            .map(|line| line.replace(&folder, ""))
            .collect(),
    }
}

#[test]
fn tls_listeners_come_last_and_have_their_certificate() {
    let (_folder, sources) = folder();
    let text = format!(
        "{TENANT}[listen]\nhttp = [\"127.0.0.1:1\"]\nhttps = [\"127.0.0.1:2\", \"unix:/x\"]\nanswer_urls = \"as_called\"\n\
         [listen.tls]\ncert_file = \"one.crt\"\nkey_file = \"one.key\"\nclient_ca_file = \"two.crt\"\n\
         [[listener]]\naddress = \"127.0.0.1:3\"\nhttps = true\n[[listener]]\naddress = \"127.0.0.1:4\"\n"
    );
    let resolved = with_text(&sources, &text).unwrap();
    let addresses: Vec<String> = resolved
        .server
        .listeners
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        addresses,
        [
            "127.0.0.1:1",
            "127.0.0.1:3",
            "127.0.0.1:4",
            "127.0.0.1:2",
            "unix:/x"
        ]
    );
    assert_eq!(resolved.server.tls_listeners, [1, 3, 4]);
    let answer_urls: Vec<_> = resolved
        .proxy
        .listeners
        .iter()
        .map(|it| it.answer_urls)
        .collect();
    let (proxy, as_called) = (AnswerUrls::Proxy, AnswerUrls::AsCalled);
    assert_eq!(answer_urls, [as_called, proxy, proxy, as_called, as_called]);
    let tls = &resolved.server.tls;
    assert_eq!(tls.certificate.as_ref().unwrap().chain.len(), 1);
    assert_eq!(
        (tls.client_roots.len(), tls.client_certificate_required),
        (1, true)
    );
    let with_client = with_text(&sources, &format!("{text}{CLIENT}")).unwrap();
    assert!(
        !with_client.server.tls.client_certificate_required,
        "a secret will do"
    );
    let plain = resolve(TENANT).server;
    assert!(plain.tls_listeners.is_empty() && plain.tls.certificate.is_none());
    assert!(!plain.tls.client_certificate_required);
}

/// What is wrong with these lines of `[listen.tls]`; the first of them is line 4.
fn wrong_tls(sources: &Sources, lines: &str) -> Vec<String> {
    let text = format!("[listen]\nhttps = [\"127.0.0.1:2\"]\n[listen.tls]\n{lines}");
    wrong(sources, &text)
}

#[test]
fn tls_needs_certificate_and_key() {
    let (_folder, sources) = folder();
    let tls = |lines: &str| wrong_tls(&sources, lines);
    let none = "2: listen.https: \"127.0.0.1:2\" speaks TLS, but has no certificate to show; write cert_file and key_file in [listen.tls], or add [intercept], whose local CA makes some for Salesforce's hosts and loopback names";
    assert_eq!(tls(""), [none]);
    assert_eq!(tls("client_ca_file = \"one.crt\""), [none]);
    assert_eq!(
        wrong(
            &sources,
            "[[listener]]\naddress = \"127.0.0.1:2\"\nhttps = true"
        ),
        [none.replace("listen.https", "listener[0].address")]
    );
    assert_eq!(tls("[intercept]"), [""; 0]);
    assert_eq!(
        tls("cert_file = \"one.crt\""),
        ["4: listen.tls.cert_file: needs key_file too; write key_file = \"….pem\" beside it"]
    );
    assert_eq!(
        tls("key_file = \"one.key\""),
        ["4: listen.tls.key_file: needs cert_file too; write cert_file = \"….pem\" beside it"]
    );
}

#[test]
fn certificates_are_read_and_matched() {
    let (_folder, sources) = folder();
    let tls = |lines: &str| wrong_tls(&sources, lines);
    assert_eq!(
        tls("cert_file = \"one.crt\"\nkey_file = \"two.key\""),
        [
            "5: listen.tls.key_file: is not the key of the first certificate in cert_file; name the two that belong together, the listener's own certificate first"
        ]
    );
    let begin = "with -----BEGIN";
    for (key, words) in [
        ("gone.key", "does not exist"),
        ("empty.key", "holds no private key"),
        ("one.crt", "holds no private key"),
        (
            "locked.key",
            "holds an encrypted key, and nothing here knows its password",
        ),
    ] {
        assert_eq!(
            tls(&format!(
                "cert_file = \"one.key\"\nkey_file = {key:?}\nclient_ca_file = \"empty.key\""
            )),
            [
                format!(
                    "4: listen.tls.cert_file: the file one.key holds no certificate; name a PEM file {begin} CERTIFICATE----- in it"
                ),
                format!(
                    "5: listen.tls.key_file: the file {key} {words}; name a PEM file {begin} PRIVATE KEY----- in it"
                ),
                format!(
                    "6: listen.tls.client_ca_file: the file empty.key holds no certificate; name a PEM file {begin} CERTIFICATE----- in it"
                ),
            ]
        );
    }
    let syntax = format!(
        "{TENANT}[listen]\nhttps = [\"127.0.0.1:2\"]\n[listen.tls]\ncert_file = \"/none\"\nkey_file = \"${{KEY}}\"\nclient_ca_file = \"/none\""
    );
    assert_eq!(lines(&found(&syntax, &[], Depth::Syntax)), [""; 0]);
    let useless = format!("{TENANT}[listen.tls]\ncert_file = \"one.crt\"\nkey_file = \"one.key\"");
    assert_eq!(
        with_text(&sources, &useless).unwrap().warnings,
        [
            "sfmc-auth-proxy.toml:6: listen.tls: is of no use, because no listener speaks TLS; name its address in listen.https"
        ]
    );
}

#[test]
fn beyond_loopback_callers_say_who_they_are() {
    let (_folder, sources) = folder();
    let tls = "[listen.tls]\ncert_file = \"one.crt\"\nkey_file = \"one.key\"\n";
    let roots = "client_ca_file = \"two.crt\"\n";
    let secure = "[listen]\nhttps = [\"0.0.0.0:2\"]\n";
    let anyone = format!(
        "2: listen.https: \"0.0.0.0:2\" is beyond loopback, and whoever can reach it would act as the tenant; add [clients.NAME] with a secret for each caller, {INSTEAD}"
    );
    assert_eq!(wrong(&sources, &format!("{secure}{tls}")), [anyone]);
    assert_eq!(
        wrong(&sources, &format!("{secure}{tls}{roots}")),
        [""; 0],
        "a certificate is asked for"
    );
    assert_eq!(wrong(&sources, &format!("{secure}{tls}{CLIENT}")), [""; 0]);
    let warnings = |text: &str| {
        with_text(&sources, &format!("{text}\n{TENANT}"))
            .unwrap()
            .warnings
    };
    assert_eq!(warnings(&format!("{secure}{tls}{CLIENT}")), [""; 0]);
    // A certificate on one listener is of no help on another.
    let clear = "[listen]\nhttp = [\"0.0.0.0:1\"]\nhttps = [\"0.0.0.0:2\"]\n";
    assert_eq!(wrong(&sources, &format!("{clear}{tls}{roots}")).len(), 1);
    assert_eq!(
        warnings(&format!("{clear}{tls}{roots}{CLIENT}")),
        [
            "sfmc-auth-proxy.toml:2: listen.http: secrets and tokens of clients travel in clear to \"0.0.0.0:1\"; where that network is not trusted, use listen.https"
        ]
    );
    let named = |more: &str| {
        format!(
            "{CLIENT}{more}[[listener]]\naddress = \"0.0.0.0:3\"\nclient = \"a\"\nhttps = true\n{tls}"
        )
    };
    assert_eq!(
        wrong(&sources, &named("")),
        [format!(
            "4: listener[0].address: \"0.0.0.0:3\" is beyond loopback, and whoever can reach it would be client a; leave out client here, so that callers show its secret, {INSTEAD}"
        )]
    );
    assert_eq!(
        wrong(
            &sources,
            &named("[listen]\ninsecure_allow_unauthenticated = true\n")
        ),
        [""; 0]
    );
    assert_eq!(
        wrong(&sources, &format!("[clients]\n{secure}{tls}")).len(),
        2,
        "a table without clients lets nobody in"
    );
}

#[test]
fn interception_is_on_where_its_table_is() {
    let (folder, mut sources) = folder();
    let resolved =
        |sources: &Sources, text: &str| with_text(sources, &format!("{text}\n{TENANT}")).unwrap();
    let off = resolved(&sources, "");
    assert_eq!(
        (off.authority, off.proxy.intercept),
        (AuthorityPlace::Nowhere, false)
    );
    let place = |directory: &str| AuthorityPlace::Directory(folder.path().join(directory));
    let on = resolved(&sources, "[intercept]");
    assert_eq!(on.authority, place(".local/share/sfmc-auth-proxy/ca"));
    assert!(on.proxy.intercept && on.proxy.other_hosts == OtherHosts::Deny);
    assert!(!folder.path().join(".local").exists(), "nothing is made");
    let elsewhere = resolved(
        &sources,
        "[intercept]\nca_dir = \"ca\"\nother_hosts = \"tunnel\"",
    );
    assert_eq!(elsewhere.authority, place("ca"));
    assert_eq!(elsewhere.proxy.other_hosts, OtherHosts::Tunnel);
    assert_eq!(elsewhere.warnings, [""; 0]);
    let mut set = |name: &str, value: &str| {
        sources
            .environment
            .insert(name.to_owned(), value.to_owned());
        (sources.clone(), resolved(&sources, ""))
    };
    let (_, by_variable) = set("SFMC_AUTH_PROXY_INTERCEPT_OTHER_HOSTS", "deny");
    assert_eq!(
        by_variable.authority,
        place(".local/share/sfmc-auth-proxy/ca")
    );
    assert_eq!(
        set("XDG_DATA_HOME", "data").1.authority,
        by_variable.authority
    );
    let data = folder.path().join("data").display().to_string();
    let (sources, by_convention) = set("XDG_DATA_HOME", &data);
    assert_eq!(by_convention.authority, place("data/sfmc-auth-proxy/ca"));
    let printed = effective(&sources).text;
    assert!(
        printed.contains(&format!(
            "ca_dir = \"{data}/sfmc-auth-proxy/ca\"  # environment XDG_DATA_HOME"
        )),
        "{printed}"
    );
    assert!(!effective(&super::sources(&[])).text.contains("[intercept]"));
}

#[test]
fn the_local_ca_is_looked_at() {
    let (folder, sources) = folder();
    let ca = folder.path().join("ca");
    let text = "[intercept]\nca_dir = \"ca\"";
    drop(Authority::kept_in(&ca).unwrap());
    assert_eq!(wrong(&sources, text), [""; 0]);
    fs::set_permissions(ca.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        wrong(&sources, text),
        [
            "2: intercept.ca_dir: ca/ca.key can be read by others (mode 644): whoever has it can pose as Salesforce to those who trust this CA; chmod 600 it, or make a new CA if others had access"
        ]
    );
    fs::remove_file(ca.join("ca.key")).unwrap();
    let lost = wrong(&sources, text);
    assert!(
        lost.len() == 1
            && lost[0].starts_with(
                "2: intercept.ca_dir: ca/ca.key is not there, although ca.pem is; put it back"
            ),
        "{lost:?}"
    );
    let document =
        format!("{text}\n{TENANT}").replace("\"ca\"", &format!("{:?}", ca.display().to_string()));
    assert_eq!(found(&document, &[], Depth::Whole).faults.len(), 1);
    assert_eq!(lines(&found(&document, &[], Depth::Syntax)), [""; 0]);
    check(
        "[intercept]",
        &[
            "default: intercept.ca_dir: begins at the home directory, but HOME is not set; write ca_dir = \"/…\" in [intercept]",
        ],
    );
}

#[test]
fn an_open_tunnel_is_warned_of() {
    let text = |more: &str| {
        format!(
            "[listen]\nhttp = [\"0.0.0.0:1\"]\ninsecure_allow_unauthenticated = true\n[intercept]\nca_dir = \"/nonexistent\"\nother_hosts = \"tunnel\"\n{more}{TENANT}"
        )
    };
    assert_eq!(
        resolve(&text("")).warnings,
        [
            "sfmc-auth-proxy.toml:6: intercept.other_hosts: whoever can reach a listener beyond loopback, and nobody has to say who it is, is let through to any public host; add [clients.NAME]"
        ]
    );
    let warnings = resolve(&text(CLIENT)).warnings;
    assert!(
        warnings.len() == 1 && warnings[0].contains("in clear"),
        "{warnings:?}"
    );
}
