//! What a command gets for its environment, what `TENANT[:ACCOUNT]` means, what holds for a private proxy, which URLs can be
//! attached to.

use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::proxy::{AnswerUrls, OtherHosts};
use crate::upstream::EgressProxy;

const TEXT: &str = r#"
default_tenant = "beta"
[listen]
http = ["127.0.0.1:7362", "[::1]:7362"]
[tenants.acme]
subdomain = "mc1"
client_id = "id"
client_secret = "s3cret"
account_id = 3
[tenants.acme.accounts]
emea = 1
apac = 2
[tenants.beta]
subdomain = "mc2"
client_id = "id"
client_secret = "s3cret"
[tenants.gamma]
subdomain = "mc3"
client_id = "id"
client_secret = "s3cret"
[tenants.gamma.accounts]
one = 7
two = 8
"#;

fn resolved() -> Resolved {
    config::from_text(TEXT, Path::new("/")).unwrap()
}

fn narrowed(selection: Option<&str>, mode: Mode) -> Resolved {
    let mut resolved = resolved();
    private::narrow(&mut resolved, &Sources::default(), selection, mode).unwrap();
    resolved
}

fn access(host: &str) -> Access {
    Access {
        host: host.to_owned(),
        port: 4711,
        password: "p4ss".to_owned(),
        token: "sfmc-auth-proxy.1.x.y".to_owned(),
    }
}

fn environment_of(surroundings: &[(&str, &str)], access: &Access) -> BTreeMap<String, String> {
    let own = |(name, value): &(&str, &str)| (OsString::from(name), OsString::from(value));
    let expanded = ["MY_SECRET", "HOME", "XDG_DATA_HOME"].map(str::to_owned);
    let certificates = Certificates {
        pem: "/t/bundle.pem".into(),
        store: "/t/truststore.jks".into(),
        php: "/t/php".into(),
    };
    let environment = environment::environment(
        surroundings.iter().map(own).collect(),
        &BTreeSet::from(expanded),
        access,
        &certificates,
    );
    let text = |text: OsString| text.into_string().unwrap();
    environment
        .into_iter()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

#[test]
fn the_command_goes_through_the_proxy_and_trusts_it() {
    let environment = environment_of(&[], &access("127.0.0.1"));
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
        assert_eq!(environment[name], "http://exec:p4ss@127.0.0.1:4711");
    }
    for name in environment::CA_VARIABLES {
        assert_eq!(environment[name], "/t/bundle.pem");
    }
    assert_eq!(environment["NODE_USE_ENV_PROXY"], "1");
    assert_eq!(environment["SFMC_AUTH_PROXY_URL"], "http://127.0.0.1:4711");
    assert_eq!(
        environment["SFMC_AUTH_PROXY_TOKEN"],
        "sfmc-auth-proxy.1.x.y"
    );
    assert_eq!(environment["PHP_INI_SCAN_DIR"], ":/t/php");
    let java = &environment["JAVA_TOOL_OPTIONS"];
    for option in [
        "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=4711 -Dhttp.proxyUser=exec -Dhttp.proxyPassword=p4ss ",
        "-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=4711 -Dhttps.proxyUser=exec -Dhttps.proxyPassword=p4ss ",
        "-Dhttp.nonProxyHosts= -Djdk.http.auth.tunneling.disabledSchemes= ",
        "-Djavax.net.ssl.trustStoreType=JKS -Djavax.net.ssl.trustStorePassword=changeit ",
        "-Djavax.net.ssl.trustStore=/t/truststore.jks",
    ] {
        assert!(java.contains(option), "{option} is missing in {java}");
    }
    let environment = environment_of(&[], &access("::1"));
    assert_eq!(environment["HTTPS_PROXY"], "http://exec:p4ss@[::1]:4711");
    assert!(environment["JAVA_TOOL_OPTIONS"].starts_with("-Dhttp.proxyHost=::1 "));
}

#[test]
fn what_the_proxy_was_configured_with_is_kept_from_the_command() {
    let surroundings = [
        ("SFMC_CLIENT_SECRET", "x"),
        ("SFMC_AUTH_PROXY_LOG_LEVEL", "debug"),
        ("SFMC_AUTH_PROXY_URL", "http://another"),
        ("MY_SECRET", "x"),
        ("NO_PROXY", "*"),
        ("no_proxy", "*"),
        ("HTTPS_PROXY", "http://egress:3128"),
        ("HOME", "/home/u"),
        ("XDG_DATA_HOME", "/home/u/data"),
        ("OTHER", "stays"),
        ("JAVA_TOOL_OPTIONS", "-Xmx1g"),
        ("PHP_INI_SCAN_DIR", "/etc/php"),
    ];
    let environment = environment_of(&surroundings, &access("127.0.0.1"));
    for gone in [
        "SFMC_CLIENT_SECRET",
        "SFMC_AUTH_PROXY_LOG_LEVEL",
        "MY_SECRET",
        "NO_PROXY",
        "no_proxy",
    ] {
        assert!(!environment.contains_key(gone), "{gone}");
    }
    assert_eq!(environment["SFMC_AUTH_PROXY_URL"], "http://127.0.0.1:4711");
    assert_eq!(
        environment["HTTPS_PROXY"],
        "http://exec:p4ss@127.0.0.1:4711"
    );
    assert_eq!(environment["HOME"], "/home/u", "no program can do without");
    assert_eq!(environment["XDG_DATA_HOME"], "/home/u/data");
    assert_eq!(environment["OTHER"], "stays");
    assert!(environment["JAVA_TOOL_OPTIONS"].starts_with("-Xmx1g -Dhttp.proxyHost="));
    assert_eq!(environment["PHP_INI_SCAN_DIR"], "/etc/php:/t/php");
}

#[test]
fn a_tenant_whose_users_log_in_at_the_configured_admin_listener_is_no_fault_here() {
    let text = "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret = \"s\"\ngrant = \"authorization_code\"\n";
    let sources = with_own_listeners(&Sources::default());
    let resolved = config::with_text(&sources, text).unwrap();
    assert_eq!(resolved.server.listeners.len(), 1);
    assert_eq!(resolved.admin.listen.to_string(), "127.0.0.1:7363");
}

#[test]
fn a_private_proxy_has_one_listener_one_client_and_its_own_ca() {
    let resolved = narrowed(None, Mode::NoSend);
    let listeners: Vec<_> = resolved
        .server
        .listeners
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(listeners, ["127.0.0.1:0"]);
    assert_eq!(resolved.admin.listen.to_string(), "127.0.0.1:0");
    assert_eq!(resolved.authority, AuthorityPlace::ThisProcess);
    assert!(resolved.optional_listeners.is_empty());
    assert_eq!(resolved.telemetry.level, tracing::Level::WARN);
    let proxy = resolved.proxy;
    assert!(proxy.intercept);
    assert_eq!(proxy.other_hosts, OtherHosts::TunnelAnywhere);
    assert_eq!(proxy.listeners.len(), 1);
    assert_eq!(proxy.listeners[0].answer_urls, AnswerUrls::AsCalled);
    assert_eq!(proxy.default_tenant.as_deref(), Some("beta"));
    let [client] = proxy.clients.as_slice() else {
        panic!("one client");
    };
    assert_eq!(client.secrets.len(), 1);
    let grant = &client.grant;
    assert_eq!(grant.mode, Mode::NoSend);
    assert!(grant.everything && grant.covers("gamma", Some(8), None));
    assert_eq!(grant.default_tenant(), None, "the configured one holds");
    assert_eq!(
        grant.default_account("gamma"),
        None,
        "a tenant that names no default account has none here either"
    );
}

#[test]
fn a_selection_leaves_nothing_else() {
    let proxy = narrowed(Some("gamma:two"), Mode::Full).proxy;
    let [gamma] = proxy.tenants.as_slice() else {
        panic!("one tenant");
    };
    assert_eq!(
        (gamma.name.as_str(), gamma.default_account),
        ("gamma", Some(8))
    );
    assert_eq!(proxy.default_tenant.as_deref(), Some("gamma"));
    let grant = &proxy.clients[0].grant;
    assert!(grant.covers("gamma", Some(8), Some(8)));
    assert!(!grant.covers("gamma", Some(7), Some(8)));
    assert!(!grant.covers("acme", Some(3), Some(3)));
}

#[test]
fn secrets_are_of_one_run() {
    let credentials = || {
        let mut resolved = resolved();
        let sources = Sources::default();
        private::narrow(&mut resolved, &sources, None, Mode::Full).unwrap()
    };
    let (one, other) = (credentials(), credentials());
    assert_eq!(one.password.len(), 43);
    assert_ne!(one.password, other.password);
    assert_ne!(one.token, other.token);
}

#[test]
fn what_the_user_set_stays() {
    let text = format!("{TEXT}\n[log]\nlevel = \"info\"\n");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let proxy = ("HTTPS_PROXY".to_owned(), "http://egress:3128".to_owned());
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        environment: [proxy].into(),
        ..Sources::default()
    };
    let mut resolved = config::load(&sources).unwrap();
    private::narrow(&mut resolved, &sources, None, Mode::Full).unwrap();
    assert_eq!(resolved.telemetry.level, tracing::Level::INFO);
    let EgressProxy::Environment(egress) = resolved.upstream.proxy else {
        panic!("the surrounding proxy is used");
    };
    assert_eq!(
        egress.https_proxy.unwrap().to_string(),
        "http://egress:3128"
    );
}

#[test]
fn a_bundle_holds_the_ca_first_and_what_the_surroundings_name() {
    let authority = crate::authority::Authority::of_this_process().unwrap();
    let other = crate::authority::Authority::of_this_process().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other.pem");
    std::fs::write(&file, other.pem()).unwrap();
    let surroundings = BTreeMap::from([
        ("REQUESTS_CA_BUNDLE".to_owned(), file.display().to_string()),
        ("NODE_EXTRA_CA_CERTS".to_owned(), file.display().to_string()),
        ("AWS_CA_BUNDLE".to_owned(), "/nonexistent".to_owned()),
    ]);
    let known = [authority.certificate().clone()];
    let bundle = Bundle::write(&surroundings, &known).unwrap();
    let certificates = bundle::in_file(&bundle.pem());
    assert_eq!(certificates[0], known[0]);
    let others = certificates
        .iter()
        .filter(|certificate| *certificate == other.certificate());
    assert_eq!(others.count(), 1);
    assert!(certificates.len() > 50, "the system's or the bundled roots");
    let store = std::fs::read(bundle.store()).unwrap();
    for certificate in &certificates {
        let held = store
            .windows(certificate.len())
            .any(|part| part == &**certificate);
        assert!(held, "Java's store has all of them");
    }
    let directory = bundle.pem().parent().unwrap().to_owned();
    bundle.remove().unwrap();
    assert!(!directory.exists());
}

#[test]
fn only_urls_of_a_plain_listener_can_be_attached_to() {
    for (url, words) in [
        ("127.0.0.1:7362", "--attach wants the URL"),
        ("ftp://127.0.0.1", "--attach wants the URL"),
        ("http://", "--attach wants the URL"),
        ("https://127.0.0.1:7362", "http only"),
        ("http://127.0.0.1:7362/@acme", "no path"),
        ("http://a:%ff@127.0.0.1:7362", "not UTF-8"),
    ] {
        let said = Proxy::read(url).unwrap_err();
        assert!(said.contains(words), "{url}: {said}");
    }
    for url in [
        "http://127.0.0.1:7362",
        "http://a:b%40c@[::1]:7362/",
        "http://localhost",
    ] {
        assert!(Proxy::read(url).is_ok(), "{url}");
    }
}
