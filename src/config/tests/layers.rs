//! Who wins, what comes from where, and what each variable sets.

use super::super::keys::KEYS;
use super::*;

fn print(sources: &Sources) -> String {
    effective(sources).text
}

fn flag(key: &'static str, name: &'static str, value: &str) -> Flag {
    Flag {
        key,
        value: value.to_owned(),
        name,
    }
}

/// Sources whose working directory holds this file.
fn with_file(text: &str, environment: &[(&str, &str)]) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    let sources = Sources {
        working_directory: folder.path().to_owned(),
        ..sources(environment)
    };
    (folder, sources)
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let file = format!(
        "{TENANT}[log]\nlevel = \"warn\"\n[limits]\nworkers = 2\n[timeouts]\nconnect = \"3s\"\n"
    );
    let (_folder, mut sources) = with_file(
        &file,
        &[
            ("SFMC_AUTH_PROXY_LOG_LEVEL", "debug"),
            ("SFMC_AUTH_PROXY_LIMITS_WORKERS", "3"),
        ],
    );
    sources.flags = vec![flag("log.level", "--log-level", "trace")];
    let resolved = load(&sources).unwrap();
    assert_eq!(resolved.telemetry.level, tracing::Level::TRACE);
    assert_eq!(resolved.server.workers, 3);
    assert_eq!(resolved.upstream.connect_timeout.as_secs(), 3);
    assert_eq!(resolved.upstream.pool_idle_timeout.as_secs(), 50);
    let printed = print(&sources);
    for line in [
        "level = \"trace\"  # flag --log-level",
        "workers = 3  # environment SFMC_AUTH_PROXY_LIMITS_WORKERS",
        "connect = \"3s\"  # sfmc-auth-proxy.toml:11",
        "pool_idle = \"50s\"  # default",
        "client_secret = \"[redacted]\"  # sfmc-auth-proxy.toml:4",
    ] {
        assert!(printed.contains(line), "{line} in\n{printed}");
    }
    assert!(!printed.contains("s3cret"), "{printed}");
}

#[test]
fn what_is_printed_is_toml_and_means_the_same() {
    let file = format!(
        "{TENANT}account_id = 7\nscope = \"email_read email_send\"\n[tenants.acme.accounts]\nemea = 8\n[[listener]]\naddress = \"127.0.0.1:1\"\naccount = 8\n[[listener]]\naddress = \"unix:/x\"\n"
    );
    let (_folder, sources) = with_file(&file, &[]);
    assert_means_the_same(&sources);
    let more = "answer_urls = \"as_called\"\nmode = \"no_send\"\nclient = \"app.example.com\"\n\
                [clients.\"app.example.com\"]\nsecret = \"s3cret\"\nusernames = [\"u\"]\naccounts = [8]\nallow = [\"GET /asset/v1/**\"]\n\
                [intercept]\nca_dir = \"/nonexistent\"\n[upstream]\nresolve_with = \"10.0.0.1\"\n[listen]\nhttps = [\"127.0.0.1:2\"]\n";
    let (_folder, sources) = with_file(&format!("{file}{more}"), &[]);
    assert_means_the_same(&sources);
    let core = "subdomain = \"acme\"\nclient_id = \"i\"\nclient_secret = \"s3cret\"\n";
    let kinds = format!(
        "[tenants.a]\nkind = \"salesforce\"\ngrant = \"authorization_code\"\ntoken_lifetime = \"2h\"\n{core}\
         [tenants.b]\nkind = \"data_cloud\"\ndataspace = \"d\"\n{core}\
         [tenants.c]\nkind = \"account_engagement\"\nbusiness_unit_id = \"0Uv000000000123AAA\"\n{core}"
    );
    let (_folder, sources) = with_file(&kinds, &[]);
    assert_means_the_same(&sources);
}

#[track_caller]
fn assert_means_the_same(sources: &Sources) {
    let printed = print(sources).replace("[redacted]", "s3cret");
    let (_again, again) = with_file(&printed, &[]);
    let settings = |sources| {
        let resolved = load(sources).unwrap();
        format!(
            "{:?} {:?} {:?} {:?}",
            resolved.server, resolved.proxy, resolved.upstream, resolved.authority
        )
    };
    assert_eq!(settings(sources), settings(&again), "{printed}");
}

#[test]
fn lists_come_with_commas_and_from_repeated_flags() {
    let (_folder, mut sources) = with_file(
        TENANT,
        &[("SFMC_AUTH_PROXY_LISTEN_HTTP", "127.0.0.1:1, unix:/a")],
    );
    let listeners = |sources: &Sources| -> Vec<String> {
        let resolved = load(sources).unwrap();
        assert_eq!(resolved.optional_listeners, [0; 0]);
        resolved
            .server
            .listeners
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    assert_eq!(listeners(&sources), ["127.0.0.1:1", "unix:/a"]);
    sources.flags = vec![
        flag("listen.http", "--listen", "127.0.0.1:2"),
        flag("listen.http", "--listen", "[::1]:3"),
    ];
    assert_eq!(listeners(&sources), ["127.0.0.1:2", "[::1]:3"]);
}

#[test]
fn faults_name_the_variable_and_the_flag() {
    let (_folder, mut sources) = with_file(
        TENANT,
        &[
            ("SFMC_AUTH_PROXY_TIMEOUTS_CONNECT", "ten"),
            ("SFMC_AUTH_PROXY_STATE_REDIS_URL", "redis+tls://:pw@r"),
            (
                "SFMC_AUTH_PROXY_STATE_KEY",
                "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
            ),
            ("SFMC_AUTH_PROXY_UPSTREAM_PROXY", "socks5://me:pw@proxy"),
        ],
    );
    sources.flags = vec![flag("limits.workers", "--workers", "x")];
    assert_eq!(
        lines(&load(&sources).unwrap_err()),
        [
            "environment SFMC_AUTH_PROXY_TIMEOUTS_CONNECT: timeouts.connect: \"ten\" is no duration; write a number and a unit, as \"500ms\", \"90s\" or \"2h\"",
            "flag --workers: limits.workers: \"x\" is no number; write digits alone",
            "environment SFMC_AUTH_PROXY_UPSTREAM_PROXY: upstream.proxy: a proxy that is spoken to by socks5:// is not supported; give an http:// one (what goes through it to https hosts is encrypted all the same), or write \"env\", \"none\" or \"http://proxy.example.com:3128\"",
            "environment SFMC_AUTH_PROXY_STATE_REDIS_URL: state.redis_url: has a scheme that is none of redis://, rediss:// (TLS), valkey:// and valkeys:// (TLS); write redis_url = \"rediss://USER:PASSWORD@HOST:PORT/DATABASE\"",
        ]
    );
}

#[test]
fn every_key_outside_tenants_and_clients_has_a_variable_of_its_own() {
    let mut names = Vec::new();
    for key in KEYS {
        let name = key.environment_name();
        let repeated = ["tenants.", "clients.", "listener."]
            .iter()
            .any(|table| key.pattern.starts_with(table));
        assert_eq!(name.is_none(), repeated, "{}", key.pattern);
        names.extend(name);
    }
    for name in &names {
        assert!(
            !["PORT", "HOST", "SERVICE"]
                .iter()
                .any(|end| name.ends_with(end)),
            "{name} could come from Kubernetes"
        );
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two keys have one variable");
    assert!(names.contains(&"SFMC_AUTH_PROXY_ADMIN_LISTEN".to_owned()));
    assert!(names.contains(&"SFMC_AUTH_PROXY_DEFAULT_TENANT".to_owned()));
    assert!(names.contains(&"SFMC_AUTH_PROXY_LISTEN_INSECURE_ALLOW_UNAUTHENTICATED".to_owned()));
}

#[test]
fn unknown_variables_are_warned_of() {
    let environment = [
        ("SFMC_AUTH_PROXY_LOG_LEVL", "debug"),
        ("SFMC_AUTH_PROXY_PORT", "tcp://10.0.0.1:7362"),
        ("SFMC_AUTH_PROXY_SERVICE_HOST", "10.0.0.1"),
        ("SFMC_AUTH_PROXY_SERVICE_PORT", "7362"),
        ("SFMC_AUTH_PROXY_PORT_7362_TCP_ADDR", "10.0.0.1"),
        ("SFMC_AUTH_PROXY_URL", "http://127.0.0.1:7362"),
        ("SFMC_AUTH_PROXY_LOG_FORMAT", ""),
    ];
    let faults = found(TENANT, &environment, Depth::Whole);
    assert_eq!(lines(&faults), [""; 0]);
    assert_eq!(
        faults.warnings,
        [
            "the variable SFMC_AUTH_PROXY_LOG_LEVL is not known and is ignored; did you mean SFMC_AUTH_PROXY_LOG_LEVEL?",
            "variables that Kubernetes sets for a service of our name are ignored: SFMC_AUTH_PROXY_PORT, SFMC_AUTH_PROXY_PORT_7362_TCP_ADDR, SFMC_AUTH_PROXY_SERVICE_HOST, SFMC_AUTH_PROXY_SERVICE_PORT",
        ]
    );
}

const OWN_TENANT: [(&str, &str); 3] = [
    ("SFMC_SUBDOMAIN", "mc9"),
    ("SFMC_CLIENT_ID", "id9"),
    ("SFMC_CLIENT_SECRET", "s3cret"),
];

#[test]
fn a_tenant_from_variables_alone() {
    let mut environment = OWN_TENANT.to_vec();
    environment.extend([
        ("SFMC_ACCOUNT_ID", "5"),
        ("SFMC_ACCOUNTS", "emea=510001235, apac=510001236"),
        ("SFMC_SCOPE", "email_read,email_send"),
    ]);
    let resolved = load(&sources(&environment)).unwrap();
    let tenant = &resolved.proxy.tenants[0];
    assert_eq!(
        (tenant.name.as_str(), tenant.default_account),
        ("default", Some(5))
    );
    assert_eq!(resolved.proxy.default_tenant.as_deref(), Some("default"));
    assert_eq!(
        tenant.endpoint.auth_url,
        "https://mc9.auth.marketingcloudapis.com/"
    );
    assert_eq!(
        tenant.endpoint.scope.as_deref(),
        Some("email_read email_send")
    );
    let accounts: Vec<_> = tenant
        .accounts
        .iter()
        .map(|(name, mid)| (name.as_str(), *mid))
        .collect();
    assert_eq!(accounts, [("apac", 510_001_236), ("emea", 510_001_235)]);
    assert_eq!(resolved.file, None);
    // A file without tenants leaves room for them; one with tenants does not.
    let (_folder, with_log) = with_file("[log]\nlevel = \"debug\"", &OWN_TENANT);
    assert_eq!(load(&with_log).unwrap().proxy.tenants[0].name, "default");
    let (_folder, with_tenant) = with_file(TENANT, &OWN_TENANT);
    let names: Vec<_> = load(&with_tenant)
        .unwrap()
        .proxy
        .tenants
        .into_iter()
        .map(|tenant| tenant.name)
        .collect();
    assert_eq!(names, ["acme"]);
}

#[test]
fn what_a_tenant_from_variables_lacks_is_named_by_its_variable() {
    let wrong = |environment: &[(&str, &str)]| lines(&load(&sources(environment)).unwrap_err());
    assert_eq!(
        wrong(&[("SFMC_SUBDOMAIN", "mc9"), ("SFMC_ACCOUNTS", "emea")]),
        [
            "environment SFMC_ACCOUNTS: tenants.default.accounts: \"emea\" is no pair of a name and a member id; write \"emea=510001235,apac=510001236\"",
            "environment SFMC_*: tenants.default.client_id: is missing; set SFMC_CLIENT_ID",
            "environment SFMC_*: tenants.default.client_secret: is missing; set SFMC_CLIENT_SECRET",
        ]
    );
    let mut both = OWN_TENANT.to_vec();
    both.push(("SFMC_CLIENT_SECRET_FILE", "/x"));
    assert_eq!(
        wrong(&both),
        [
            "environment SFMC_CLIENT_SECRET: tenants.default.client_secret: client_secret and client_secret_file are both given; keep one of them"
        ]
    );
    let bad = [
        ("SFMC_SUBDOMAIN", "https://mc9.auth.marketingcloudapis.com"),
        ("SFMC_CLIENT_ID", "id"),
        ("SFMC_CLIENT_SECRET", "s"),
    ];
    assert_eq!(
        wrong(&bad),
        [
            "environment SFMC_SUBDOMAIN: tenants.default.subdomain: \"https://mc9.auth.marketingcloudapis.com\" is more than the subdomain; write \"mc9\""
        ]
    );
}

#[test]
fn where_a_file_is_searched() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let xdg = folder.path().join("xdg");
    for (directory, level) in [
        (home.join(".config/sfmc-auth-proxy"), "warn"),
        (xdg.join("sfmc-auth-proxy"), "error"),
    ] {
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(
            directory.join("config.toml"),
            format!("{TENANT}[log]\nlevel = \"{level}\""),
        )
        .unwrap();
    }
    let level = |environment: &[(&str, &str)], directory: &Path, file: Option<&str>| {
        let sources = Sources {
            file: file.map(PathBuf::from),
            working_directory: directory.to_owned(),
            ..sources(environment)
        };
        load(&sources)
            .map(|resolved| resolved.telemetry.level)
            .map_err(|faults| faults.to_string())
    };
    let (home, xdg) = (home.to_str().unwrap(), xdg.to_str().unwrap());
    let both = [("HOME", home), ("XDG_CONFIG_HOME", xdg)];
    assert_eq!(
        level(&both[..1], folder.path(), None),
        Ok(tracing::Level::WARN)
    );
    assert_eq!(level(&both, folder.path(), None), Ok(tracing::Level::ERROR));
    std::fs::write(
        folder.path().join("sfmc-auth-proxy.toml"),
        format!("{TENANT}[log]\nlevel = \"trace\""),
    )
    .unwrap();
    assert_eq!(level(&both, folder.path(), None), Ok(tracing::Level::TRACE));
    assert_eq!(
        level(
            &both,
            folder.path(),
            Some("xdg/sfmc-auth-proxy/config.toml")
        ),
        Ok(tracing::Level::ERROR)
    );
    let variable = [(
        "SFMC_AUTH_PROXY_CONFIG",
        "home/.config/sfmc-auth-proxy/config.toml",
    )];
    assert_eq!(
        level(&variable, folder.path(), None),
        Ok(tracing::Level::WARN)
    );
    assert_eq!(
        level(&OWN_TENANT, folder.path(), Some("nope.toml")),
        Err("flag --config: the configuration file nope.toml does not exist; name a file that can be read with --config".to_owned())
    );
}
