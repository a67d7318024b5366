//! The way out, and what a command's argument selects.

use super::*;
use crate::upstream::{EgressProxy, ResolveWith};

#[test]
fn who_resolves_names() {
    let resolved = |line: &str| {
        resolve(&format!("[upstream]\n{line}\n{TENANT}"))
            .upstream
            .resolve_with
    };
    let servers = |addresses: &[&str]| {
        ResolveWith::Servers(
            addresses
                .iter()
                .map(|address| address.parse().unwrap())
                .collect(),
        )
    };
    assert_eq!(resolved(""), ResolveWith::System);
    assert_eq!(resolved("resolve_with = \"system\""), ResolveWith::System);
    assert_eq!(
        resolved("resolve_with = \"10.0.0.10\""),
        servers(&["10.0.0.10:53"])
    );
    let several = servers(&[
        "10.0.0.10:5353",
        "[fd00::1]:53",
        "[fd00::2]:53",
        "[fd00::3]:54",
    ]);
    assert_eq!(
        resolved("resolve_with = \"10.0.0.10:5353, fd00::1, [fd00::2], [fd00::3]:54\""),
        several
    );
    assert_eq!(
        resolved(
            "resolve_with = [\"10.0.0.10:5353\", \"fd00::1\", \"[fd00::2]\", \"[fd00::3]:54\"]"
        ),
        several
    );
    let environment = [("SFMC_AUTH_PROXY_UPSTREAM_RESOLVE_WITH", "10.0.0.1,10.0.0.2")];
    let by_variable = with_text(&sources(&environment), TENANT).unwrap();
    assert_eq!(
        by_variable.upstream.resolve_with,
        servers(&["10.0.0.1:53", "10.0.0.2:53"])
    );
}

#[test]
fn who_cannot_resolve_names() {
    for address in ["ns.example", "10.0.0.10:0", "udp://10.0.0.10", "0.0.0.0"] {
        check(
            &format!("[upstream]\nresolve_with = [\"10.0.0.1\",\n{address:?}]"),
            &[&format!(
                "3: upstream.resolve_with: {address:?} is no address of a name server; write \"system\", or an IP address with or without a port, as \"10.0.0.10:53\""
            )],
        );
    }
    check(
        "[upstream]\nresolve_with = [\"system\", \"10.0.0.1\"]",
        &[
            "2: upstream.resolve_with: names the system and name servers, and only one of the two can be asked; write \"system\", or the name servers alone",
        ],
    );
    check(
        "[upstream]\nresolve_with = []",
        &[
            "2: upstream.resolve_with: names nobody to ask; write \"system\", or a name server such as \"10.0.0.10:53\"",
        ],
    );
}

fn proxy(line: &str, environment: &[(&str, &str)]) -> Result<EgressProxy, Vec<String>> {
    let text = format!(
        "[upstream]\n{line}\n[listen]\nhttp = [\"127.0.0.1:7362\", \"[::1]:7362\"]\n{TENANT}"
    );
    match with_text(&sources(environment), &text) {
        Ok(resolved) => Ok(resolved.upstream.proxy),
        Err(faults) => Err(lines(&faults)),
    }
}

#[test]
fn the_environment_says_where_to_go_out() {
    let environment = [
        ("HTTPS_PROXY", "http://me:pw@proxy.example:3128"),
        ("http_proxy", ""),
        ("NO_PROXY", "internal.example"),
    ];
    for line in ["", "proxy = \"env\""] {
        let Ok(EgressProxy::Environment(read)) = proxy(line, &environment) else {
            panic!("{line}");
        };
        assert_eq!(read.https_proxy.unwrap().authority(), "proxy.example:3128");
        assert!(read.http_proxy.is_none() && read.no_proxy.as_deref() == Some("internal.example"));
    }
    assert!(matches!(
        proxy("proxy = \"none\"", &environment),
        Ok(EgressProxy::None)
    ));
    let Ok(EgressProxy::Url(url)) = proxy("proxy = \"http://me:pw@one.example\"", &environment)
    else {
        panic!("a URL");
    };
    assert_eq!(url.authority(), "one.example:80");
    let broken = [("ALL_PROXY", "socks5://me:s3cret@proxy.example")];
    let faults = proxy("", &broken).unwrap_err();
    assert_eq!(
        faults,
        [
            "environment ALL_PROXY: upstream.proxy: a proxy that is spoken to by socks5:// is not supported; give an http:// one (what goes through it to https hosts is encrypted all the same), or correct or unset the variable, or write proxy = \"none\" or a URL in [upstream]"
        ]
    );
    assert!(proxy("proxy = \"none\"", &broken).is_ok());
    assert_eq!(lines(&found(TENANT, &broken, Depth::Syntax)), [""; 0]);
    assert_eq!(
        proxy("proxy = \"me:s3cret@proxy.example:3128\"", &[]).unwrap_err(),
        [
            "2: upstream.proxy: it is not a URL like http://proxy.example.com:3128; write \"env\", \"none\" or \"http://proxy.example.com:3128\""
        ]
    );
}

#[test]
fn a_way_out_that_leads_back_is_refused() {
    for (url, listener) in [
        ("http://127.0.0.1:7362", "listen.http"),
        ("http://me:s3cret@localhost:7362/", "listen.http"),
        ("http://[::1]:7362", "listen.http"),
        ("http://0.0.0.0:7363", "admin.listen"),
    ] {
        let named = url
            .replace("me:s3cret@", "")
            .trim_end_matches('/')
            .to_owned();
        let what =
            format!("upstream.proxy: {named} is one of our own listeners, that of {listener}");
        assert_eq!(
            proxy(&format!("proxy = {url:?}"), &[]).unwrap_err(),
            [format!(
                "2: {what}; name the proxy on the way out, or write \"none\""
            )]
        );
        for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
            assert_eq!(
                proxy("", &[(variable, url)]).unwrap_err(),
                [format!(
                    "environment {variable}: {what}; unset the variable for this process, or write proxy = \"none\" in [upstream]"
                )]
            );
        }
    }
    for other in [
        "http://127.0.0.1:7361",
        "http://127.0.0.2:7362",
        "http://10.0.0.1:7362",
        "http://localhost.example:7362",
    ] {
        assert!(proxy(&format!("proxy = {other:?}"), &[]).is_ok(), "{other}");
    }
    let everywhere = format!(
        "[listen]\nhttp = [\"0.0.0.0:9\"]\ninsecure_allow_unauthenticated = true\n[upstream]\nproxy = \"http://127.0.0.5:9\"\n{TENANT}"
    );
    assert_eq!(found(&everywhere, &[], Depth::Syntax).faults.len(), 1);
}

#[test]
fn what_stands_before_a_proxys_at_sign_is_never_printed() {
    for (written, printed) in [
        (
            "http://me:s3cret@proxy.example:3128",
            "http://[redacted]@proxy.example:3128",
        ),
        ("me:s3cret@proxy.example", "[redacted]@proxy.example"),
        (
            "http://me:s3@cret@proxy.example",
            "http://[redacted]@proxy.example",
        ),
        ("http://proxy.example", "http://proxy.example"),
    ] {
        let environment = [("SFMC_AUTH_PROXY_UPSTREAM_PROXY", written)];
        let text = effective(&sources(&environment)).text;
        assert!(
            text.contains(&format!("proxy = \"{printed}\"  # environment")),
            "{text}"
        );
        assert!(!text.contains("s3"), "{text}");
        let found = found(TENANT, &environment, Depth::Whole);
        assert!(!found.to_string().contains("s3"), "{found}");
        if let Ok(resolved) = with_text(&sources(&environment), TENANT) {
            assert!(!format!("{resolved:?}").contains("s3"));
        }
    }
}

#[test]
fn requests_of_one_client_may_be_bounded() {
    assert_eq!(resolve(TENANT).proxy.client_requests_max, 0);
    let bounded = format!("[limits]\nmax_client_requests = 5\n{TENANT}");
    assert_eq!(resolve(&bounded).proxy.client_requests_max, 5);
}

#[test]
fn variables_that_the_file_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = "a = \"${ONE}${TWO:-x} $${NOT} $NO ${ BAD} ${THREE\"\n[b]\nlist = [\"${FOUR}\", { deep = \"$${X}${FIVE:-}\" }]\n# ${SIX}\n";
    std::fs::write(&file, text).unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..sources(&[("ONE", "1")])
    };
    let names: Vec<String> = expanded_variables(&sources).into_iter().collect();
    assert_eq!(names, ["FIVE", "FOUR", "ONE", "TWO"]);
    std::fs::remove_file(&file).unwrap();
    assert!(expanded_variables(&sources).is_empty());
}

#[test]
fn a_tenant_and_an_account_by_name() {
    let resolved = resolve(&format!(
        "{TENANT}account_id = 5\n[tenants.acme.accounts]\nemea = 6\n[tenants.any]\nallow_any_account = true\nsubdomain = \"mc2\"\nclient_id = \"i\"\nclient_secret = \"s\"\n"
    ));
    let selected = |text: &str| select(&resolved, text);
    let fine = |name: &str, mid| Ok((name.to_owned(), mid));
    assert_eq!(selected("acme"), fine("acme", None));
    assert_eq!(selected("ACME:Emea"), fine("acme", Some(6)));
    assert_eq!(selected("acme:5"), fine("acme", Some(5)));
    assert_eq!(selected("any:99"), fine("any", Some(99)));
    for (text, words) in [
        (
            "acne",
            "there is no tenant \"acne\"; did you mean \"acme\"?",
        ),
        ("", "there is no tenant \"\"; there are: acme, any"),
        (":emea", "there is no tenant \"\"; there are: acme, any"),
        (
            "acme:emae",
            "tenant acme has no account \"emae\"; did you mean \"emea\"?",
        ),
        (
            "acme:",
            "tenant acme has no account \"\"; there are: emea (6), 5",
        ),
        (
            "acme:7",
            "7 is not an account of tenant acme; there are: emea (6), 5",
        ),
        (
            "any:x",
            "tenant any has no account \"x\"; it takes any member id",
        ),
        (
            "any:0",
            "0 is not an account of tenant any; it takes any member id",
        ),
    ] {
        assert_eq!(selected(text).unwrap_err(), words);
    }
    let bare = resolve(TENANT);
    assert_eq!(
        select(&bare, "acme:7").unwrap_err(),
        "7 is not an account of tenant acme; it has none but the installed package's own, so name the tenant alone"
    );
}
