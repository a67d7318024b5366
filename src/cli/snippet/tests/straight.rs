//! Calls go straight to the proxy, past any other that the environment names.

use super::*;

#[test]
fn what_json_has_no_place_for_is_told_beside_it() {
    let (_status, out, err) = told(&format!("[listen]\nhttp = [\"[::1]:80\"]\n{ACME}"), "mcdev");
    assert!(out.starts_with('{'), "{out}");
    assert!(
        err.contains("Tenant acme") && err.contains("NO_PROXY has to name ::1,[::1]."),
        "{err}"
    );
}

#[test]
fn the_host_is_named_as_each_client_looks_for_it() {
    let with = |url: &str| format!("[listen]\npublic_url = \"{url}\"\n{ACME}");
    for (url, name, expected) in [
        (
            "http://[fd00::5]:80",
            "sfmc-sdk",
            "NO_PROXY, \"fd00::5,[fd00::5]\"]",
        ),
        (
            "https://sfmc.example:8443",
            "sfmc-sdk",
            "NO_PROXY, \"sfmc.example\"]",
        ),
        (
            "https://sfmc.example",
            "node-fetch",
            "NO_PROXY, \"sfmc.example\"]",
        ),
        (
            "https://sfmc.example",
            "python-fuelsdk",
            "[others, \"sfmc.example\"]",
        ),
        (
            "https://sfmc.example",
            "php-fuelsdk",
            "getenv('NO_PROXY'), 'sfmc.example']",
        ),
        (
            "https://sfmc.example",
            "ruby-fuelsdk",
            "ENV['NO_PROXY'], 'sfmc.example']",
        ),
        ("https://sfmc.example", "curl", " --noproxy '*' "),
        (
            "https://sfmc.example",
            "compose",
            "NO_PROXY has to name 127.0.0.1\n",
        ),
    ] {
        check(&with(url), name, &[expected]);
    }
}
