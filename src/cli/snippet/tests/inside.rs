//! The proxy in a container beside its caller: everything is at loopback there, whatever the configuration says of this machine.

use super::*;

const NAMES: [&str; 2] = ["kubernetes", "compose"];

/// Both snippets hold this; their quotes and indents differ.
fn check_both(text: &str, typed: &str, expected: &[&str], absent: &[&str]) {
    for name in NAMES {
        let out = check(text, &format!("{name} {typed}"), &[]);
        // A name and its value stand on one line in Compose, on two in Kubernetes.
        let bare = out.lines().map(|line| line.split(" # ").next().unwrap());
        let flat = bare.collect::<Vec<_>>().join("\n");
        let flat = flat
            .replace("- name: ", "")
            .replace("\n        value: ", ": ");
        for part in expected {
            assert!(flat.contains(part), "{part} is missing in:\n{flat}");
        }
        for part in absent {
            assert!(!flat.contains(part), "{part} is in:\n{flat}");
        }
    }
}

#[test]
fn the_probes_are_where_the_admin_listener_is_inside() {
    for (listen, inside, probed) in [
        ("10.0.0.5:7400", "0.0.0.0:7400", "http://127.0.0.1:7400/"),
        ("127.0.0.1:0", "0.0.0.0:7363", "http://127.0.0.1:7363/"),
        ("0.0.0.0:7363", "0.0.0.0:7363", "http://127.0.0.1:7363/"),
        ("[fd00::5]:7363", "[::]:7363", "http://[::1]:7363/"),
    ] {
        let text = format!("{ACME}[admin]\nlisten = \"{listen}\"\ntoken = \"{SECRET}\"\n");
        let set = format!("SFMC_AUTH_PROXY_ADMIN_LISTEN: \"{inside}\"");
        let ready = format!("\"healthcheck\", \"--url\", \"{probed}readyz\"]");
        check_both(&text, "", &[&set, &ready], &["10.0.0.5", "fd00", ":0\""]);
    }
}

#[test]
fn the_application_calls_the_proxy_beside_it() {
    let with = |listen: &str| format!("[listen]\n{listen}\n{ACME}{NEWSLETTER}");
    let base = "SFMC_BASE_URL: \"http://127.0.0.1:7362\"";
    let http = "SFMC_AUTH_PROXY_LISTEN_HTTP";
    let url = "SFMC_AUTH_PROXY_LISTEN_PUBLIC_URL";
    check_both(ACME, "", &[base], &[http, url]);
    // The gateway's own name, and its certificate's.
    check_both(
        &with("public_url = \"https://a'$(touch).example\"\nallowed_hosts = [\"sfmc.example\"]"),
        "",
        &[base, "LISTEN_PUBLIC_URL: \"http://127.0.0.1:7362\""],
        &["example", "touch", http],
    );
    check_both(
        &with("http = [\"0.0.0.0:7362\"]\nallowed_hosts = [\"sfmc.example\"]"),
        "acme:510001234",
        &["SFMC_BASE_URL: \"http://127.0.0.1:7362/@acme:510001234\""],
        &["sfmc.example", http],
    );
    check_both(
        &with("http = [\"10.0.0.5:7362\", \"127.0.0.1:7362\", \"unix:/run/$p\", \"[fd00::5]:80\"]"),
        "",
        &[
            base,
            "LISTEN_HTTP: \"127.0.0.1:7362,unix:/run/$$p,[::1]:80\"",
        ],
        &["10.0.0.5", "fd00"],
    );
}

#[test]
fn what_no_variable_can_move_is_refused() {
    let text = format!(
        "{ACME}[[listener]]\naddress = \"10.0.0.5:7401\"\naccount = \"emea\"\n{NEWSLETTER}"
    );
    for name in NAMES {
        check_refused(
            &text,
            name,
            &format!("{name} finds a [[listener]] at 10.0.0.5:7401"),
        );
    }
    check(&text, "curl", &[" http://127.0.0.1:7362/"]);
}
