//! Variables inside strings, and what need not be there when only a part is asked for.

use std::fs;

use super::super::expand::{ExpandError, Expanded, expand};
use super::*;

#[test]
fn variables_expand() {
    let environment: BTreeMap<_, _> = [("A", "1"), ("EMPTY", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let plain = |text: &str, substituted| {
        Ok(Expanded {
            text: text.to_owned(),
            substituted,
        })
    };
    for (written, expected) in [
        ("", plain("", false)),
        ("a $ b $c", plain("a $ b $c", false)),
        ("$${A}", plain("${A}", false)),
        ("x${A}y", plain("x1y", true)),
        ("${EMPTY}", plain("", true)),
        ("${EMPTY:-d}", plain("d", true)),
        ("${B:-${A", Err(ExpandError::Unclosed)),
        ("${B:-a:-b}", plain("a:-b", true)),
        ("${B}", Err(ExpandError::Unset("B".to_owned()))),
        ("${1B}", Err(ExpandError::NoName)),
        ("${A B}", Err(ExpandError::NoName)),
    ] {
        assert_eq!(expand(written, &environment), expected, "{written}");
    }
    let text = format!(
        "[limits]\nworkers = \"${{W}}\"\n[listen]\npreserve_header_case = \"${{P}}\"\nhttp = \"${{L}}\"\n{TENANT}"
    );
    let set = sources(&[("W", "3"), ("P", "true"), ("L", "127.0.0.1:1,127.0.0.1:2")]);
    let resolved = with_text(&set, &text).unwrap();
    assert_eq!(
        (
            resolved.server.workers,
            resolved.server.preserve_header_case,
            resolved.server.listeners.len()
        ),
        (3, true, 2)
    );
    assert_eq!(
        lines(&found(&text, &[], Depth::Syntax)),
        [""; 0],
        "the syntax is fine without them"
    );
}

#[test]
fn the_syntax_alone_needs_no_secret() {
    let text = "default_tenant = \"${T}\"\n[tenants.a]\nsubdomain = \"${S}\"\nclient_id = \"${I}\"\nclient_secret_file = \"/none\"\nca_file = \"/none\"\naccount_id = \"${M}\"\n\
                [tenants.b]\nsubdomain = \"mc2\"\nclient_id = \"i\"\nclient_secret = \"${X}\"\ntrusted_hosts = [\"${H}\"]\n\
                [[listener]]\naddress = \"${L}\"\ntenant = \"a\"\naccount = 7\n[[listener]]\naddress = \"127.0.0.1:1\"\naccount = 8\n";
    assert_eq!(lines(&found(text, &[], Depth::Syntax)), [""; 0]);
    assert!(found(text, &[], Depth::Whole).faults.len() >= 9);
    let client = "[clients.c]\nsecret = \"${A}\"\ntenants = [\"${B}\"]\naccounts = [\"${C}\"]\nallow = [\"${D}\"]\nusernames = \"${E}\"\n\
                  [clients.d]\nsecret_file = \"${F}\"\ntenants = [\"a\", \"b\"]\n\
                  [[listener]]\naddress = \"0.0.0.0:2\"\nclient = \"${G}\"\n\
                  [[listener]]\naddress = \"127.0.0.1:3\"\nclient = \"c\"\ntenant = \"b\"\n\
                  [listen]\nhttps = [\"${H}\"]\ntls.cert_file = \"${I}\"\n[intercept]\nca_dir = \"${J}\"\n\
                  [upstream]\nproxy = \"${K}\"\nresolve_with = \"${L}\"\n";
    let more = format!("{text}{client}");
    assert_eq!(
        lines(&found(&more, &[("I", "x")], Depth::Syntax)),
        ["38: listen.tls.cert_file: needs key_file too; write key_file = \"….pem\" beside it"],
        "what is there is judged"
    );
    let summary = check_summary(text);
    assert_eq!((summary.tenants, summary.accounts), (2, 2));
}

fn check_summary(text: &str) -> Summary {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..sources(&[])
    };
    super::super::check(&sources, Depth::Syntax).unwrap()
}

#[test]
fn only_the_admin_address_is_needed_for_a_healthcheck() {
    let address = |text: &str, environment: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
        let sources = Sources {
            working_directory: folder.path().to_owned(),
            ..sources(environment)
        };
        admin_address(&sources)
            .map(|address| address.to_string())
            .map_err(|faults| lines(&faults).join("\n"))
    };
    let broken = "[tenants.acme]\nclient_id = 5\nclient_secret_file = \"/none\"\n[admin]\nlisten = \"0.0.0.0:9\"";
    assert_eq!(address(broken, &[]).as_deref(), Ok("0.0.0.0:9"));
    assert_eq!(
        address(broken, &[("SFMC_AUTH_PROXY_ADMIN_LISTEN", "localhost:8")]).as_deref(),
        Ok("127.0.0.1:8")
    );
    assert_eq!(address("", &[]).as_deref(), Ok("127.0.0.1:7363"));
    assert!(address("[admin]\nlisten = \"x\"", &[]).is_err());
    assert!(
        address("[admin]\nlisten = \"${NOPE}\"", &[])
            .unwrap_err()
            .contains("--url")
    );
}
