//! What a configuration without faults means.

use std::fs;
use std::net::SocketAddr;

use super::*;
use crate::proxy::TenantSettings;
use crate::secret::Secret;
use crate::server::Address;
use crate::token::TrustedHost;

fn tcp(address: &str) -> Address {
    Address::Tcp(address.parse::<SocketAddr>().unwrap())
}

#[track_caller]
fn tenant(text: &str) -> TenantSettings {
    resolve(&format!("{TENANT}{text}")).proxy.tenants.remove(0)
}

#[test]
fn defaults() {
    let resolved = resolve(TENANT);
    let server = &resolved.server;
    assert_eq!(server.listeners, [tcp("127.0.0.1:7362"), tcp("[::1]:7362")]);
    assert_eq!(resolved.optional_listeners, [1], "IPv6 may be left out");
    assert!(server.workers > 0);
    assert_eq!(
        (
            server.connections_max,
            server.headers_max,
            server.header_size_max
        ),
        (4096, 256, 64 << 10)
    );
    assert_eq!(
        (server.drain_delay.as_secs(), server.drain_timeout.as_secs()),
        (0, 30)
    );
    assert_eq!(
        (
            server.request_head_timeout.as_secs(),
            server.client_idle_timeout.as_secs(),
            server.body_stall_timeout.as_secs()
        ),
        (30, 75, 120)
    );
    assert_eq!(
        (
            resolved.upstream.connect_timeout.as_secs(),
            resolved.upstream.pool_idle_timeout.as_secs()
        ),
        (10, 50)
    );
    assert_eq!(resolved.admin.listen, "127.0.0.1:7363".parse().unwrap());
    let proxy = &resolved.proxy;
    assert_eq!(proxy.default_tenant.as_deref(), Some("acme"));
    assert_eq!(
        (
            proxy.response_head_timeout.as_secs(),
            proxy.replay_size_max,
            proxy.forced_mints_max
        ),
        (300, 4 << 20, 20)
    );
    assert!(proxy.public_url.is_none() && proxy.allowed_hosts.is_empty() && !proxy.via);
    assert_eq!(
        (resolved.telemetry.format, resolved.telemetry.level),
        (None, tracing::Level::INFO)
    );
    let acme = &proxy.tenants[0];
    assert_eq!(
        acme.endpoint.auth_url,
        "https://mc1.auth.marketingcloudapis.com/"
    );
    assert_eq!(acme.endpoint.lock.subdomain.as_deref(), Some("mc1"));
    assert!(
        acme.endpoint.lock.trusted.is_empty()
            && acme.endpoint.scope.is_none()
            && acme.extra_roots.is_empty()
    );
    assert_eq!(acme.endpoint.refresh_before.as_secs(), 120);
}

#[test]
fn listeners_carry_their_selection() {
    let resolved = resolve(&format!(
        "{TENANT}account_id = 5\n[tenants.acme.accounts]\nemea = 6\n[tenants.other]\nsubdomain = \"mc2\"\nclient_id = \"i\"\nclient_secret = \"s\"\n\
         allow_any_account = true\n\
         [listen]\nhttp = [\"localhost:0\", \"unix:///run/a\"]\n\
         [[listener]]\naddress = \"127.0.0.1:1\"\ntenant = \"acme\"\naccount = \"emea\"\n\
         [[listener]]\naddress = \"127.0.0.1:2\"\ntenant = \"acme\"\naccount = 5\n\
         [[listener]]\naddress = \"127.0.0.1:3\"\ntenant = \"other\"\naccount = \"77\"\n\
         [[listener]]\naddress = \"127.0.0.1:4\"\ntenant = \"other\"\n"
    ));
    assert_eq!(
        resolved.server.listeners[..2],
        [tcp("127.0.0.1:0"), Address::Unix("/run/a".into())]
    );
    let selections: Vec<_> = resolved
        .proxy
        .listeners
        .iter()
        .map(|listener| (listener.tenant.as_deref(), listener.account))
        .collect();
    assert_eq!(
        selections,
        [
            (None, None),
            (None, None),
            (Some("acme"), Some(6)),
            (Some("acme"), Some(5)),
            (Some("other"), Some(77)),
            (Some("other"), None)
        ]
    );
    assert_eq!(
        resolved.proxy.default_tenant, None,
        "several, and none named"
    );
    let only = resolve(&format!(
        "{TENANT}[tenants.acme.accounts]\nemea = 6\n[[listener]]\naddress = \"127.0.0.1:1\"\naccount = \"emea\"\n"
    ));
    assert_eq!(
        only.proxy.listeners[2].tenant.as_deref(),
        Some("acme"),
        "the default tenant is pinned with its account"
    );
}

#[test]
fn a_listener_beyond_loopback_if_that_is_said() {
    let resolved = resolve(&format!(
        "[listen]\nhttp = [\"0.0.0.0:7362\"]\ninsecure_allow_unauthenticated = true\n[admin]\nlisten = \"0.0.0.0:7363\"\n{TENANT}"
    ));
    assert_eq!(resolved.server.listeners, [tcp("0.0.0.0:7362")]);
    assert_eq!(resolved.admin.listen, "0.0.0.0:7363".parse().unwrap());
}

#[test]
fn urls_and_hosts() {
    let listen = resolve(&format!(
        "[listen]\npublic_url = \"https://P.example:8443/\"\nallowed_hosts = [\"Proxy.Internal\", \"fd00::1\"]\n{TENANT}"
    ));
    assert_eq!(
        listen.proxy.public_url.as_deref(),
        Some("https://P.example:8443")
    );
    assert_eq!(listen.proxy.allowed_hosts, ["proxy.internal", "[fd00::1]"]);
    assert_eq!(listen.admin.allowed_hosts, listen.proxy.allowed_hosts);
    let acme = tenant(
        "auth_url = \"http://127.0.0.1:9\"\ntrusted_hosts = [\"H.example\", \"localhost:8\", \"[::1]:7\", \"10.0.0.1\"]",
    );
    assert_eq!(acme.endpoint.auth_url, "http://127.0.0.1:9/");
    let trusted = |host: &str, port| TrustedHost {
        host: host.to_owned(),
        port,
    };
    assert_eq!(
        acme.endpoint.lock.trusted,
        [
            trusted("h.example", None),
            trusted("localhost", Some(8)),
            trusted("::1", Some(7)),
            trusted("10.0.0.1", None)
        ]
    );
    let elsewhere = "[tenants.acme]\nauth_url = \"https://a.example/base/\"\ntrusted_hosts = [\"b.example\"]\nclient_id = \"i\"\nclient_secret = \"s\"\n";
    let resolved = resolve(elsewhere);
    assert_eq!(
        resolved.proxy.tenants[0].endpoint.auth_url,
        "https://a.example/base/"
    );
    assert_eq!(resolved.proxy.tenants[0].endpoint.lock.subdomain, None);
    assert_eq!(tenant("").endpoint.lock.subdomain.as_deref(), Some("mc1"));
}

#[test]
fn a_scope_is_a_list_or_a_text() {
    assert_eq!(
        tenant("scope = [\"email_read\", \"email_send offline\"]")
            .endpoint
            .scope
            .as_deref(),
        Some("email_read email_send offline")
    );
    assert_eq!(
        tenant("scope = \"email_read, email_send\"")
            .endpoint
            .scope
            .as_deref(),
        Some("email_read email_send")
    );
    for empty in ["scope = []", "scope = \"\""] {
        let resolved = resolve(&format!("{TENANT}{empty}"));
        assert_eq!(resolved.proxy.tenants[0].endpoint.scope, None);
        assert!(
            resolved.warnings[0].starts_with(
                "sfmc-auth-proxy.toml:6: tenants.acme.scope: is empty and is left out"
            ),
            "{:?}",
            resolved.warnings
        );
    }
}

#[test]
fn secrets_and_paths() {
    let folder = tempfile::tempdir().unwrap();
    let resolve_in = |lines: &str, environment: &[(&str, &str)]| {
        let sources = Sources {
            working_directory: folder.path().to_owned(),
            ..sources(environment)
        };
        with_text(
            &sources,
            &format!("[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"\n{lines}"),
        )
        .map_err(|faults| faults.to_string())
    };
    let secret = |resolved: &Resolved| {
        Secret::expose(
            resolved.proxy.tenants[0]
                .endpoint
                .client_secrets
                .first()
                .unwrap(),
        )
        .to_owned()
    };
    for (written, read, odd) in [
        ("s3\n", "s3", false),
        ("s3\r\n", "s3", false),
        ("s3", "s3", false),
        ("s3\n\n", "s3\n", true),
        (" s3", " s3", true),
    ] {
        fs::write(folder.path().join("secret"), written).unwrap();
        let resolved = resolve_in("client_secret_file = \"secret\"", &[]).unwrap();
        assert_eq!(
            (secret(&resolved).as_str(), !resolved.warnings.is_empty()),
            (read, odd),
            "{written:?}"
        );
    }
    let home = folder.path().to_str().unwrap();
    assert!(resolve_in("client_secret_file = \"~/secret\"", &[("HOME", home)]).is_ok());
    let inline = resolve_in("client_secret = \"a$$b${X}${Y:-y}$\"", &[("X", "x$x")]).unwrap();
    assert_eq!(secret(&inline), "a$bx$xy$");
    assert_eq!(
        format!("{inline:?}").matches("a$b").count(),
        0,
        "debug output hides it"
    );
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])
        .unwrap()
        .cert;
    fs::write(
        folder.path().join("ca.pem"),
        format!("comment\n{}", certificate.pem()),
    )
    .unwrap();
    let rooted = resolve_in("client_secret = \"s\"\nca_file = \"ca.pem\"", &[]).unwrap();
    assert_eq!(
        rooted.proxy.tenants[0].extra_roots.as_slice(),
        [certificate.der().clone()]
    );
}

#[test]
fn the_audit_record_has_a_file_in_a_directory_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().display();
    let with = |audit: &str| format!("{TENANT}[audit]\n{audit}\n");
    let text = with(&format!(
        "file = \"{directory}/a.jsonl\"\non_error = \"refuse\""
    ));
    let audit = from_text(&text, folder.path()).unwrap().audit.unwrap();
    assert_eq!(audit.file, folder.path().join("a.jsonl"));
    assert_eq!(audit.on_error, audit::OnError::Refuse);
    assert!(from_text(TENANT, folder.path()).unwrap().audit.is_none());
    let faults = |audit: &str| lines(&from_text(&with(audit), folder.path()).unwrap_err());
    let absent = faults("file = \"/nonexistent/a.jsonl\"");
    assert!(
        absent[0].ends_with(
            "audit.file: there is no directory /nonexistent; make it, or name another file"
        ),
        "{absent:?}"
    );
    let alone = faults("on_error = \"refuse\"");
    assert!(
        alone[0].contains("says nothing without audit.file"),
        "{alone:?}"
    );
}

#[test]
fn a_client_secret_may_have_a_next_one() {
    let secrets = |lines: &str| {
        let text = format!("[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"\n{lines}\n");
        let endpoint = resolve(&text).proxy.tenants.remove(0).endpoint;
        let secrets = endpoint.client_secrets.iter();
        secrets
            .map(|secret| Secret::expose(secret).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(secrets("client_secret = \"a\""), ["a"]);
    assert_eq!(
        secrets("client_secret = \"a\"\nclient_secret_next = \"b\""),
        ["a", "b"]
    );
    let login = "grant = \"authorization_code\"\npkce = true\n";
    assert_eq!(secrets(login), [""; 0]);
    let both = "client_secret = \"a\"\nclient_secret_next = \"b\"";
    assert_eq!(secrets(&format!("{login}{both}")), ["a", "b"]);
}

#[test]
fn a_next_client_secret_alone_is_of_no_use() {
    check_bare_tenant(
        "subdomain = \"mc1\"\nclient_id = \"i\"\ngrant = \"authorization_code\"\npkce = true\nclient_secret_next = \"b\"\n",
        &[
            "6: tenants.acme.client_secret_next: takes the place of client_secret, and that is not given; call it client_secret",
        ],
    );
    check_bare_tenant(
        "subdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret_next_file = \"b\"\n",
        &[
            "1: tenants.acme.client_secret: is missing; write client_secret_file = \"/run/secrets/…\", or client_secret = \"${NAME}\"",
            "4: tenants.acme.client_secret_next_file: the file /nonexistent/b does not exist; name a file that holds the secret",
        ],
    );
}
