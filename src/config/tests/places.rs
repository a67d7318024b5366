//! What is wrong with addresses, hosts, URLs and names.

use super::*;

#[test]
fn addresses() {
    let beyond = "is beyond loopback, and whoever can reach it would act as the tenant; add [clients.NAME] with a secret for each caller, listen on a loopback address or a Unix socket, or accept it with listen.insecure_allow_unauthenticated = true";
    for (address, expected) in [
        (
            "127.0.0.1",
            "is no address to listen on; write \"127.0.0.1:7362\"",
        ),
        (
            "7362",
            "is no address to listen on; write \"127.0.0.1:7362\"",
        ),
        (
            ":7362",
            "is no address to listen on; write \"127.0.0.1:7362\"",
        ),
        ("*:80", "is no address to listen on; write \"0.0.0.0:80\""),
        ("::1", "is no address to listen on; write \"[::1]:7362\""),
        (
            "http://127.0.0.1:80/",
            "is no address to listen on; write \"127.0.0.1:80\"",
        ),
        (
            "example.com:80",
            "is no address to listen on; write an IP address and a port, as \"127.0.0.1:7362\"",
        ),
        (
            "unix:run/x",
            "is no absolute path of a socket; write \"unix:/run/sfmc/proxy.sock\"",
        ),
        ("0.0.0.0:80", beyond),
        ("[::]:80", beyond),
        ("10.0.0.1:80", beyond),
    ] {
        check(
            &format!("[listen]\nhttp = [{address:?}]"),
            &[&format!("2: listen.http: {address:?} {expected}")],
        );
    }
    let long = format!("[listen]\nhttp = [\"unix:/{}\"]", "x".repeat(108));
    check(
        &long,
        &["2: listen.http: the socket's path is longer than 107 bytes; choose a shorter one"],
    );
    check(
        "[listen]\nhttp = []",
        &[
            "2: listen.http: there is nothing to listen on; write http = [\"127.0.0.1:7362\"] in [listen], or add a [[listener]]",
        ],
    );
    check(
        "[admin]\nlisten = \"unix:/x\"",
        &[
            "2: admin.listen: cannot be a Unix socket; write an IP address and a port, as \"127.0.0.1:7363\"",
        ],
    );
}

#[test]
fn addresses_that_clash() {
    check(
        "[listen]\nhttp = [\"127.0.0.1:1\",\n\"localhost:1\"]",
        &[
            "3: listen.http: \"localhost:1\" is taken twice; choose another address than that of listen.http",
        ],
    );
    check(
        "[[listener]]\naddress = \"127.0.0.1:7362\"",
        &[
            "2: listener[0].address: \"127.0.0.1:7362\" is taken twice; choose another address than the default of listen.http, or set listen.http too",
        ],
    );
    check(
        "[listen]\nhttp = [\"0.0.0.0:1\", \"127.0.0.1:1\"]\ninsecure_allow_unauthenticated = true",
        &[
            "2: listen.http: \"127.0.0.1:1\" is taken twice; choose another address than that of listen.http",
        ],
    );
    check(
        "[admin]\nlisten = \"127.0.0.1:7362\"",
        &[
            "2: admin.listen: is taken by a listener for calls; choose another address than the default of listen.http, or set listen.http too",
        ],
    );
    check(
        "[listen]\nhttp = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"127.0.0.1:1\", \"[::1]:1\", \"unix:/a\", \"unix:/b\"]",
        &[],
    );
}

#[test]
fn names_of_tenants_and_accounts() {
    let tenant = |name: &str| TENANT.replace("acme", name);
    let check_named = |name: &str, expected: &[&str]| {
        assert_eq!(lines(&found(&tenant(name), &[], Depth::Whole)), expected);
    };
    check_named(
        "Acme",
        &["1: tenants.Acme: a name is made of a-z, 0-9 and -; write \"acme\""],
    );
    check_named(
        "my_unit",
        &["1: tenants.my_unit: a name is made of a-z, 0-9 and -; write \"my-unit\""],
    );
    check_named(
        "\"\"",
        &["1: tenants.\"\": a name is made of a-z, 0-9 and -; choose a name of these letters"],
    );
    let twins = format!("{}{}", tenant("acme"), tenant("ACME"));
    assert_eq!(
        lines(&found(&twins, &[], Depth::Whole)),
        [
            "6: tenants.ACME: is the same name as \"acme\", because case does not count; give one of them another name"
        ]
    );
    check_tenant(
        "[tenants.acme.accounts]\nEmea = 1",
        &["7: tenants.acme.accounts.Emea: a name is made of a-z, 0-9 and -; write \"emea\""],
    );
    check_tenant(
        "[tenants.acme.accounts]\n510 = 1",
        &[
            "7: tenants.acme.accounts.510: a name of digits alone reads as a member id; write a word, as unit-510",
        ],
    );
    check_tenant(
        "[tenants.acme.accounts]\nemea = 0",
        &[
            "7: tenants.acme.accounts.emea: 0 is no member id; write the MID, a positive number such as 510001234",
        ],
    );
    check_tenant(
        "account_id = \"x1\"",
        &[
            "6: tenants.acme.account_id: \"x1\" is no member id; write the MID, a number such as 510001234",
        ],
    );
    check_tenant(
        "account_id = -1",
        &[
            "6: tenants.acme.account_id: -1 is no member id; write the MID, a positive number such as 510001234",
        ],
    );
}

#[test]
fn subdomains() {
    for (written, expected) in [
        (
            "https://mc1.auth.marketingcloudapis.com/",
            "is more than the subdomain; write \"mc1\"",
        ),
        (
            "MC1.rest.marketingcloudapis.com",
            "is more than the subdomain; write \"mc1\"",
        ),
        ("mc1:443", "is more than the subdomain; write \"mc1\""),
        ("mc1/@evil", "is more than the subdomain; write \"mc1\""),
        ("evil.com#mc1", "is more than the subdomain; write \"evil\""),
        (
            "mc_1",
            "is no subdomain: it has letters, digits and hyphens alone; write what stands before .auth.marketingcloudapis.com, as \"mc1234567890abcdefghijklmnop\"",
        ),
        (
            "-mc1",
            "is no subdomain: it has letters, digits and hyphens alone; write what stands before .auth.marketingcloudapis.com, as \"mc1234567890abcdefghijklmnop\"",
        ),
    ] {
        let text = format!(
            "[tenants.acme]\nsubdomain = {written:?}\nclient_id = \"id\"\nclient_secret = \"s\""
        );
        assert_eq!(
            lines(&found(&text, &[], Depth::Whole)),
            [format!("2: tenants.acme.subdomain: {written:?} {expected}")]
        );
    }
}

#[test]
fn auth_urls() {
    for (url, expected) in [
        (
            "http://auth.example/",
            "\"http://auth.example/\" would send credentials in clear; write https://; http is for loopback alone",
        ),
        (
            "https://auth.example/v2/token",
            "\"https://auth.example/v2/token\" does not end with a slash: it is the base of the token endpoint; write \"https://auth.example/\"",
        ),
        (
            "https://auth.example/base",
            "\"https://auth.example/base\" does not end with a slash: it is the base of the token endpoint; write \"https://auth.example/base/\"",
        ),
        (
            "https://me:s3cret@auth.example/",
            "holds a user name or password; write the URL without them",
        ),
        (
            "https://auth.example/?x=1",
            "\"https://auth.example/?x=1\" has a query or fragment; leave out what stands from the first ? or # on",
        ),
        (
            "https://auth.example/#x",
            "\"https://auth.example/#x\" has a query or fragment; leave out what stands from the first ? or # on",
        ),
        (
            "auth.example",
            "\"auth.example\" is no http or https URL; write a URL such as \"https://proxy.example.com\"",
        ),
        (
            "https://auth.example:99999/",
            "\"https://auth.example:99999/\" has no usable host and port; write a URL such as \"https://proxy.example.com\"",
        ),
    ] {
        check_tenant(
            &format!("auth_url = {url:?}"),
            &[&format!("6: tenants.acme.auth_url: {expected}")],
        );
    }
}

#[test]
fn trusted_hosts() {
    for (host, expected) in [
        (
            "https://h.example/x",
            "is no host name; write \"h.example\", without scheme and path",
        ),
        (
            "*.example",
            "is no host name; name each host: there are no wildcards",
        ),
        ("h.example:x", "is no host name; write host or host:port"),
        ("h.example/x", "is no host name; write host or host:port"),
        (
            "[::g]:1",
            "is no host name; write an IPv6 address between the brackets",
        ),
    ] {
        check_tenant(
            &format!("trusted_hosts = [{host:?}]"),
            &[&format!(
                "6: tenants.acme.trusted_hosts: {host:?} {expected}"
            )],
        );
    }
    check_bare_tenant(
        "auth_url = \"https://a.example/\"\nclient_id = \"i\"\nclient_secret = \"s\"",
        &[
            "2: tenants.acme.auth_url: says where tokens come from, but not where they may be sent; add subdomain = \"mc…\", or trusted_hosts = [\"host:port\"] with the instances' hosts",
        ],
    );
    check_bare_tenant(
        "auth_url = \"https://mc7.auth.marketingcloudapis.com/\"\nclient_id = \"i\"\nclient_secret = \"s\"",
        &[
            "2: tenants.acme.auth_url: says where tokens come from, but not where they may be sent; write subdomain = \"mc7\" instead",
        ],
    );
}

#[test]
fn urls_and_hosts_of_our_own() {
    check(
        "[listen]\npublic_url = \"https://p.example/x\"",
        &["2: listen.public_url: \"https://p.example/x\" has a path; write \"https://p.example\""],
    );
    check(
        "[listen]\npublic_url = \"ftp://p.example\"",
        &[
            "2: listen.public_url: \"ftp://p.example\" is no http or https URL; write a URL such as \"https://proxy.example.com\"",
        ],
    );
    check(
        "[listen]\nallowed_hosts = [\"p.example:80\"]",
        &["2: listen.allowed_hosts: \"p.example:80\" has a port; write \"p.example\""],
    );
    check(
        "[listen]\nallowed_hosts = [\"http://p.example\"]",
        &[
            "2: listen.allowed_hosts: \"http://p.example\" is no host name; write \"p.example\", without scheme and path",
        ],
    );
}
