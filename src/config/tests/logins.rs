//! Logins of users: where the browser comes back to, what binds a login to this proxy, where logins are kept, and who may
//! use the admin listener from elsewhere.

use std::fs;

use super::*;
use crate::secret::Secret;
use crate::token::GrantType;

const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const LOGIN: &str = "subdomain = \"mc1\"\nclient_id = \"i\"\ngrant = \"authorization_code\"\n";

/// The way back and the use of PKCE, the client secret, and the warnings.
#[track_caller]
fn login(tenant: &str, more: &str) -> (String, bool, Option<String>, Vec<String>) {
    let resolved = resolve(&format!("[tenants.acme]\n{tenant}\n{more}"));
    let endpoint = &resolved.proxy.tenants[0].endpoint;
    let secret = endpoint.client_secrets.first().map(Secret::expose);
    match &endpoint.grant_type {
        GrantType::AuthorizationCode { redirect_uri, pkce } => (
            redirect_uri.clone(),
            *pkce,
            secret.map(str::to_owned),
            resolved.warnings.clone(),
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_browser_comes_back_to_the_admin_listener() {
    for (admin, back) in [
        ("", "http://127.0.0.1:7363/oauth/callback"),
        (
            "listen = \"localhost:9\"",
            "http://127.0.0.1:9/oauth/callback",
        ),
        ("listen = \"[::1]:9\"", "http://[::1]:9/oauth/callback"),
    ] {
        assert_eq!(login(LOGIN, &format!("[admin]\n{admin}")).0, back);
    }
    for uri in [
        "http://localhost:7363/oauth/callback",
        "https://Proxy.example/sfmc/oauth/callback",
    ] {
        let lines = format!("{LOGIN}redirect_uri = {uri:?}");
        assert_eq!(
            login(&lines, "[admin]\nlisten = \"0.0.0.0:7363\"").0,
            uri,
            "to the letter"
        );
    }
}

#[test]
fn a_way_back_that_is_none() {
    for (uri, expected) in [
        (
            "https://p.example/callback",
            "\"https://p.example/callback\" does not end in /oauth/callback, where codes are taken; write \"https://p.example/callback/oauth/callback\", and register it with the package",
        ),
        (
            "https://p.example/",
            "\"https://p.example/\" does not end in /oauth/callback, where codes are taken; write \"https://p.example/oauth/callback\", and register it with the package",
        ),
        (
            "http://p.example/oauth/callback",
            "\"http://p.example/oauth/callback\" would bring codes back in clear; write https://; http is for loopback alone",
        ),
        (
            "https://p.example/oauth/callback?x",
            "\"https://p.example/oauth/callback?x\" has a query or fragment; leave out what stands from the first ? or # on",
        ),
    ] {
        check_bare_tenant(
            &format!("{LOGIN}redirect_uri = {uri:?}"),
            &[&format!("5: tenants.acme.redirect_uri: {expected}")],
        );
    }
    for (listen, why) in [
        ("0.0.0.0:7363", "admin.listen is beyond loopback"),
        ("127.0.0.1:0", "admin.listen takes any free port"),
    ] {
        check_bare_tenant(
            &format!("{LOGIN}[admin]\nlisten = {listen:?}"),
            &[&format!(
                "1: tenants.acme.redirect_uri: is missing, and cannot be made up, because {why}; write redirect_uri = \
                 \"https://…/oauth/callback\", the URL of the admin listener as browsers know it, and register it with the \
                 package to the letter"
            )],
        );
    }
}

#[test]
fn what_binds_a_login_to_this_proxy() {
    let core = "kind = \"salesforce\"\nsubdomain = \"acme\"\nclient_id = \"i\"\ngrant = \"authorization_code\"\n";
    let secret = "client_secret = \"s\"\n";
    let folder = tempfile::tempdir().unwrap();
    let state = format!(
        "[state]\ndir = {:?}\nkey = {KEY:?}",
        folder.path().join("state")
    );
    let of = |tenant: &str, lines: &str| {
        let (_uri, pkce, secret, warnings) = login(&format!("{tenant}{lines}"), &state);
        let warned = warnings.iter().any(|warning| {
            warning.starts_with("sfmc-auth-proxy.toml:1: tenants.acme.client_secret: is not given, and without PKCE nothing else binds a login")
        });
        assert_eq!(warnings.len(), usize::from(warned), "{warnings:?}");
        (pkce, secret, warned)
    };
    let given = Some("s".to_owned());
    assert_eq!(of(core, ""), (true, None, false));
    assert_eq!(of(core, secret), (true, given.clone(), false));
    assert_eq!(of(core, "pkce = false"), (false, None, true));
    assert_eq!(of(LOGIN, ""), (false, None, true));
    assert_eq!(of(LOGIN, "pkce = true"), (true, None, false));
    assert_eq!(of(LOGIN, secret), (false, given, false));
}

#[test]
fn accounts_go_with_logins() {
    let lines = format!("{LOGIN}client_secret = \"s\"\naccount_id = 5\naccounts.emea = 6");
    assert_eq!(login(&lines, "").2.as_deref(), Some("s"));
}

#[test]
fn logins_that_a_restart_loses_are_warned_of() {
    let secret = "client_secret = \"s\"\n";
    let warnings = login(&format!("{LOGIN}{secret}"), "").3;
    assert_eq!(
        warnings,
        [
            "state: is not there, so that tenant acme will need its logins anew after every restart; write dir = \"/var/lib/sfmc-auth-proxy\" and key_file = \"…\" in [state]"
        ]
    );
    let two = format!("[tenants.other]\n{LOGIN}{secret}");
    let warnings = login(&format!("{LOGIN}{secret}"), &two).3;
    assert!(
        warnings[0].contains("so that the tenants acme, other will need their logins anew"),
        "{warnings:?}"
    );
    assert!(resolve(TENANT).warnings.is_empty(), "nobody logs in");
}

#[test]
fn state_has_a_directory_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let resolve_in = |text: &str| from_text(&format!("{TENANT}{text}"), folder.path());
    assert!(resolve_in("").unwrap().state.is_none());
    let inline = resolve_in(&format!("[state]\ndir = \"kept\"\nkey = {KEY:?}"));
    let state = inline.unwrap().state.unwrap();
    assert_eq!(state.directory, folder.path().join("kept"));
    assert!(!folder.path().join("kept").exists(), "nothing is made here");
    fs::write(folder.path().join("new"), format!("{KEY}\n")).unwrap();
    fs::write(folder.path().join("old"), KEY.replace('M', "N")).unwrap();
    for files in ["\"new\"", "[\"new\", \"old\"]"] {
        let resolved = resolve_in(&format!("[state]\ndir = \"kept\"\nkey_file = {files}")).unwrap();
        assert!(resolved.state.is_some());
        let shown = format!("{resolved:?}");
        assert!(!shown.contains(KEY), "debug output hides it");
    }
}

#[test]
fn state_that_replicas_share() {
    let folder = tempfile::tempdir().unwrap();
    let resolve_in = |text: &str| from_text(&format!("{TENANT}{text}"), folder.path());
    fs::write(
        folder.path().join("url"),
        "rediss://me:s3cret@r.example/3\n",
    )
    .unwrap();
    for url in [
        "redis_url = \"rediss://me:s3cret@r.example/3\"",
        "redis_url_file = \"url\"",
    ] {
        let resolved = resolve_in(&format!("[state]\nkey = {KEY:?}\n{url}")).unwrap();
        assert!(resolved.state.is_none() && resolved.warnings.is_empty());
        let shown = format!("{resolved:?}");
        assert!(shown.contains("rediss://r.example:6379"), "{shown}");
        assert!(!shown.contains("s3cret"), "debug output hides it");
    }
    let open = resolve_in(&format!(
        "[state]\nkey = {KEY:?}\nredis_url = \"redis://:s3cret@r.example\""
    ));
    assert_eq!(
        open.unwrap().warnings,
        [
            "sfmc-auth-proxy.toml:8: state.redis_url: shows a password without TLS, to everyone on the way; write rediss://, if the server speaks it"
        ]
    );
    check_tenant(
        "[state]\nredis_url = \"redis://r\"",
        &[
            "6: state.key: is missing; make one with `head -c 32 /dev/urandom | base64`, put it into a file, and write key_file = \"…\" in [state]",
        ],
    );
    check_tenant(
        &format!("[state]\nkey = {KEY:?}\nca_file = \"/nonexistent/ca\""),
        &[
            "6: state.redis_url: is missing; write redis_url = \"rediss://…\", or leave ca_file out",
            "8: state.ca_file: the file /nonexistent/ca does not exist; name a PEM file with -----BEGIN CERTIFICATE----- in it",
        ],
    );
    check_tenant(
        &format!("[state]\nkey = {KEY:?}\ndir = \"/x\"\nredis_url = \"redis://r/one\""),
        &[
            "8: state.dir: dir and redis_url are both given; keep one of them: logins are on Redis, or in a directory",
            "9: state.redis_url: has a path that is no database number, as /0, or a query; write redis_url = \"rediss://USER:PASSWORD@HOST:PORT/DATABASE\"",
        ],
    );
}

#[test]
fn state_that_is_half_there() {
    const MAKE: &str = "make one with `head -c 32 /dev/urandom | base64`, put it into a file, and write key_file = \"…\" in [state]";
    let directory = "write dir = \"/var/lib/sfmc-auth-proxy\", or leave [state] out";
    check_tenant(
        "[state]\ndir = \"/nonexistent/state\"",
        &[&format!("6: state.key: is missing; {MAKE}")],
    );
    check_tenant(
        &format!("[state]\nkey = {KEY:?}"),
        &[&format!("6: state.dir: is missing; {directory}")],
    );
    check_tenant(
        "[state]",
        &[
            &format!("6: state.key: is missing; {MAKE}"),
            &format!("6: state.dir: is missing; {directory}"),
        ],
    );
    check_tenant(
        "[state]\ndir = \"/nonexistent/state\"\nkey = \"a\"\nkey_file = \"b\"",
        &["8: state.key: key and key_file are both given; keep one of them"],
    );
    check_tenant(
        "[state]\ndir = \"/nonexistent/state\"\nkey_file = [\"/nonexistent/key\"]",
        &[
            "8: state.key_file: the file /nonexistent/key does not exist; name a file that holds the secret",
        ],
    );
    let environment = [("SFMC_AUTH_PROXY_STATE_DIR", "/nonexistent/state")];
    assert_eq!(
        lines(&found(TENANT, &environment, Depth::Whole)),
        [format!(
            "environment SFMC_AUTH_PROXY_STATE_DIR: state.key: is missing; {MAKE}"
        )]
    );
}

#[test]
fn keys_that_are_none_and_a_directory_that_will_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (good, bad) = (at("good", KEY), at("bad", "c2hvcnQ=\n"));
    let make = "make one with: head -c 32 /dev/urandom | base64";
    check_tenant(
        &format!("[state]\ndir = \"/nonexistent/state\"\nkey_file = [{good:?}, {bad:?}]"),
        &[&format!(
            "8: state.key_file: is base64 of 5 bytes, where 32 are needed; {make}"
        )],
    );
    check_tenant(
        "[state]\nkey = \"s3cret\"",
        &[
            "6: state.dir: is missing; write dir = \"/var/lib/sfmc-auth-proxy\", or leave [state] out",
            &format!("7: state.key: is no base64 of 32 bytes; {make}"),
        ],
    );
    let state = format!("[state]\ndir = {good:?}\nkey = {KEY:?}");
    check_tenant(
        &state,
        &[&format!(
            "7: state.dir: {good}: is no directory; name one, or a place where one can be made"
        )],
    );
    let text = format!("{TENANT}{state}");
    assert_eq!(lines(&found(&text, &[], Depth::Syntax)), [""; 0]);
}

#[test]
fn a_token_for_the_admin_listener_cannot_be_guessed() {
    let token = |text: &str| {
        let resolved = resolve(&format!("{TENANT}[admin]\n{text}"));
        resolved
            .admin
            .token
            .map(|token| Secret::expose(&token).to_owned())
    };
    assert_eq!(token(""), None);
    assert_eq!(
        token("listen = \"0.0.0.0:7363\""),
        None,
        "health and metrics alone"
    );
    assert_eq!(
        token("token = \"0123456789abcdef\"").as_deref(),
        Some("0123456789abcdef")
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "a token of a file of its own\n").unwrap();
    assert_eq!(
        token(&format!("token_file = {file:?}")).as_deref(),
        Some("a token of a file of its own")
    );
    let short = "can be guessed: it has fewer than 16 characters; use 32 random ones, as of `head -c 24 /dev/urandom | base64`";
    check_tenant(
        "[admin]\ntoken = \"0123456789abcde\"",
        &[&format!("7: admin.token: {short}")],
    );
    fs::write(&file, "short\n").unwrap();
    check_tenant(
        &format!("[admin]\ntoken_file = {file:?}"),
        &[&format!("7: admin.token_file: {short}")],
    );
    check_tenant(
        "[admin]\ntoken = \"0123456789abcdef\"\ntoken_file = \"x\"",
        &["7: admin.token: token and token_file are both given; keep one of them"],
    );
}

#[test]
fn what_is_secret_is_never_printed() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[tenants.acme]\nkind = \"salesforce\"\nsubdomain = \"acme\"\nclient_id = \"i\"\ngrant = \"jwt_bearer\"\n\
         jwt_key = \"s3cret-one\"\njwt_subject = \"u\"\n[state]\ndir = \"x\"\nkey = \"s3cret-two\"\n\
         [admin]\ntoken = \"s3cret-three\"\n";
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..sources(&[])
    };
    let printed = effective(&sources).text;
    assert_eq!(printed.matches("[redacted]").count(), 3, "{printed}");
    let told = load(&sources).unwrap_err().to_string();
    assert!(
        !printed.contains("s3cret") && !told.contains("s3cret"),
        "{printed}\n{told}"
    );
    assert_eq!(told.lines().count(), 3, "{told}");
}

#[test]
fn the_syntax_alone_needs_none_of_it() {
    let text = "[tenants.a]\nkind = \"${K}\"\ngrant = \"${G}\"\nsubdomain = \"${S}\"\nclient_id = \"i\"\naccount_id = 5\njwt_subject = \"u\"\n\
                [tenants.b]\nkind = \"salesforce\"\ngrant = \"jwt_bearer\"\nsubdomain = \"acme\"\nclient_id = \"i\"\njwt_key = \"${X}\"\njwt_subject = \"${X}\"\njwt_audience = \"${X}\"\n\
                [tenants.c]\ngrant = \"authorization_code\"\nsubdomain = \"mc1\"\nclient_id = \"i\"\nredirect_uri = \"${X}\"\npkce = \"${X}\"\nscope = \"${X}\"\n\
                [tenants.d]\nkind = \"account_engagement\"\nsubdomain = \"acme\"\nclient_id = \"i\"\nclient_secret_file = \"/none\"\nbusiness_unit_id = \"${X}\"\napi_url = \"${X}\"\n\
                [state]\ndir = \"${X}\"\nkey_file = [\"/none\"]\n[admin]\nlisten = \"${X}\"\ntoken = \"${X}\"\n";
    assert_eq!(lines(&found(text, &[], Depth::Syntax)), [""; 0]);
}
