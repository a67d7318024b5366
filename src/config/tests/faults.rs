//! Each thing that can be wrong, and the words for it.

use super::*;

#[test]
fn names_that_nobody_knows() {
    check(
        "defaut_tenant = \"acme\"",
        &["1: defaut_tenant: is not known; did you mean `default_tenant`?"],
    );
    check(
        "[listen]\nhtp = []",
        &["2: listen.htp: is not known; did you mean `listen.http`?"],
    );
    check(
        "[listen]\nmax_headers = 3",
        &["2: listen.max_headers: is not known; it belongs in [limits]"],
    );
    check(
        "[log]\ndefault_tenant = \"acme\"",
        &[
            "2: log.default_tenant: is not known; it belongs at the top of the file, before the first [table]",
        ],
    );
    check(
        "[listen]\nsubdomain = \"x\"",
        &["2: listen.subdomain: is not known; it belongs in [tenants.NAME]"],
    );
    check(
        "[[listener]]\naddress = \"127.0.0.1:1\"\nclient_id = \"x\"",
        &["3: listener[0].client_id: is not known; it belongs in [tenants.NAME]"],
    );
    check(
        "[timeout]\nconnect = \"1s\"",
        &["1: timeout: is not known; did you mean `timeouts`?"],
    );
    check(
        "[log]\ncolour = 1",
        &["2: log.colour: is not known; known here: format, level, sample, slow"],
    );
    check_tenant(
        "client-secret = 1",
        &[
            "6: tenants.acme.client-secret: is not known; did you mean `tenants.acme.client_secret`?",
        ],
    );
    check_tenant(
        "secret = \"s3cret\"",
        &["6: tenants.acme.secret: is not known; did you mean `tenants.acme.client_secret`?"],
    );
}

#[test]
fn tables_that_are_written_otherwise() {
    check(
        "[listener]\naddress = \"127.0.0.1:1\"",
        &["1: listener: must be an array of tables; write [[listener]], once for each"],
    );
    check(
        "[[limits]]",
        &["1: limits: must be a table; write [limits]"],
    );
    check(
        "[tenants]\nsubdomain = \"x\"",
        &[
            "2: tenants.subdomain: must be a table; it belongs under a name: write [tenants.NAME] above it",
        ],
    );
}

#[test]
fn broken_toml_is_told_once_a_line_beside_everything_else() {
    let faults = found(
        "default_tenant = \n[limits]\nworkers = \"many\n[log]\nlevl = \"info\"\n",
        &[],
        Depth::Whole,
    );
    let found = lines(&faults);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("1: is no TOML: "), "{found:?}");
    assert!(found[1].starts_with("3: is no TOML: "), "{found:?}");
    assert_eq!(
        found[2],
        "5: log.levl: is not known; did you mean `log.level`?"
    );
}

#[test]
fn a_broken_line_does_not_show_the_secret_on_it() {
    for line in [
        "client_secret = s3cret",
        "client_secret = \"s3cret",
        "client_secret = 's3cret\nx = 1",
        "client_secret \"s3cret\"",
        "client_secret = \"s3cret\" s3cret",
    ] {
        let text = format!("[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"id\"\n{line}\n");
        let found = found(&text, &[], Depth::Whole).to_string();
        assert!(
            !found.is_empty() && !found.contains("s3cret"),
            "{line}: {found}"
        );
    }
}

#[test]
fn a_key_twice_is_a_fault() {
    check(
        "[log]\nlevel = \"info\"\nlevel = \"warn\"",
        &["3: is no TOML: duplicate key; write key = \"value\", with text in quotes"],
    );
}

#[test]
fn durations_and_sizes() {
    check(
        "[timeouts]\nconnect = 10",
        &["2: timeouts.connect: is a number, not a duration; write \"10s\" if these are seconds"],
    );
    check(
        "[timeouts]\nconnect = \"10\"",
        &["2: timeouts.connect: \"10\" has no unit; write \"10s\" if these are seconds"],
    );
    check(
        "[timeouts]\nconnect = \"0s\"",
        &["2: timeouts.connect: must be longer than nothing; write a duration such as \"30s\""],
    );
    check(
        "[timeouts]\nconnect = \"10 parsecs\"",
        &[
            "2: timeouts.connect: \"10 parsecs\" is no duration; write a number and a unit, as \"500ms\", \"90s\" or \"2h\"",
        ],
    );
    check(
        "[timeouts]\nconnect = \"9999days\"",
        &["2: timeouts.connect: \"9999days\" is too long; write at most \"7days\""],
    );
    check(
        "[limits]\nmax_replay_size = 4096",
        &["2: limits.max_replay_size: is a number, not a size; write \"4096B\" if these are bytes"],
    );
    check(
        "[limits]\nmax_replay_size = \"4Mi\"",
        &["2: limits.max_replay_size: \"4Mi\" is no size; write \"4MiB\""],
    );
    check(
        "[limits]\nmax_replay_size = \"1.5MiB\"",
        &[
            "2: limits.max_replay_size: \"1.5MiB\" is no size; write a whole number and a unit, as \"64KiB\" or \"4MiB\"",
        ],
    );
    check(
        "[limits]\nmax_header_size = \"1B\"",
        &[
            "2: limits.max_header_size: \"1B\" is out of bounds; write a size from \"1KiB\" to \"16MiB\"",
        ],
    );
    check(
        "[limits]\nmax_replay_size = \"99999999999GiB\"",
        &[
            "2: limits.max_replay_size: \"99999999999GiB\" is out of bounds; write a size from \"0B\" to \"1GiB\"",
        ],
    );
}

#[test]
fn numbers_lists_flags_and_words() {
    check(
        "[limits]\nmax_headers = 0",
        &["2: limits.max_headers: 0 is out of bounds; write a number from 1 to 4096"],
    );
    check(
        "[limits]\nmax_headers = \"12\"",
        &["2: limits.max_headers: is text, not a whole number; write digits, without quotes"],
    );
    check(
        "[limits]\nmax_headers = 1.5",
        &[
            "2: limits.max_headers: is a decimal number, not a whole number; write digits, without quotes",
        ],
    );
    check(
        "[listen]\nhttp = \"127.0.0.1:1\"",
        &["2: listen.http: is text, not a list; write a list such as [\"127.0.0.1:7362\"]"],
    );
    check(
        "[listen]\nhttp = [7362]",
        &["2: listen.http: holds a number, where text belongs; write each entry in quotes"],
    );
    check(
        "[listen]\npreserve_header_case = \"yes\"",
        &[
            "2: listen.preserve_header_case: is text, not true or false; write true or false, without quotes",
        ],
    );
    check(
        "[log]\nlevel = \"loud\"",
        &[
            "2: log.level: \"loud\" is not one of the words for it; write \"error\" or \"warn\" or \"info\" or \"debug\" or \"trace\"",
        ],
    );
    check(
        "default_tenant = \"\"",
        &["1: default_tenant: is empty; give it a value, or take the key out"],
    );
}

#[test]
fn what_is_missing() {
    check_bare_tenant(
        "",
        &[
            "1: tenants.acme.subdomain: is missing; write subdomain = \"mc…\", the SUB in https://SUB.auth.marketingcloudapis.com/",
            "1: tenants.acme.client_id: is missing; write client_id = \"…\", the installed package's client id",
            "1: tenants.acme.client_secret: is missing; write client_secret_file = \"/run/secrets/…\", or client_secret = \"${NAME}\"",
        ],
    );
    check(
        "[[listener]]\ntenant = \"acme\"",
        &["1: listener[0].address: is missing; write address = \"127.0.0.1:7401\""],
    );
    let nothing = lines(&found("", &[], Depth::Whole));
    assert_eq!(nothing.len(), 1);
    for word in [
        "there is no tenant",
        "[tenants.NAME]",
        "SFMC_SUBDOMAIN",
        "SFMC_CLIENT_SECRET",
        "sandbox",
    ] {
        assert!(nothing[0].contains(word), "{nothing:?}");
    }
}

#[test]
fn tenants_and_accounts_that_are_not_there() {
    check(
        "default_tenant = \"acne\"",
        &["1: default_tenant: there is no tenant \"acne\"; did you mean \"acme\"?"],
    );
    let listener = |lines: &str| {
        format!(
            "[tenants.acme.accounts]\nemea = 7\n[[listener]]\naddress = \"127.0.0.1:1\"\n{lines}"
        )
    };
    check_tenant(
        &listener("tenant = \"x\""),
        &["10: listener[0].tenant: there is no tenant \"x\"; there are: acme"],
    );
    check_tenant(
        &listener("account = \"emae\""),
        &["10: listener[0].account: tenant acme has no account \"emae\"; did you mean \"emea\"?"],
    );
    check_tenant(
        &listener("account = 8"),
        &[
            "10: listener[0].account: 8 is not an account of tenant acme; name it in [tenants.acme.accounts], or set allow_any_account = true there",
        ],
    );
    check_tenant(
        &format!(
            "{}\n{}",
            TENANT.replace("acme", "other"),
            listener("account = \"emea\"")
        ),
        &[
            "16: listener[0].account: selects an account, but of which tenant is not said; add tenant = \"NAME\" to this listener, or set default_tenant",
        ],
    );
}

#[test]
fn variables_in_the_file() {
    check(
        "default_tenant = \"${NOPE}\"",
        &["1: default_tenant: the variable NOPE is not set; set it, or write ${NOPE:-default}"],
    );
    check(
        "default_tenant = \"${NOPE\"",
        &["1: default_tenant: a ${ has no }; write ${NAME}, or $$ for a dollar"],
    );
    check(
        "default_tenant = \"${}\"",
        &[
            "1: default_tenant: what stands between ${ and } is no variable's name; write ${NAME}, or $$ for a dollar",
        ],
    );
    check("default_tenant = \"${NOPE:-acme}\"", &[]);
}

#[test]
fn files_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let empty = at("empty", b"\n");
    let binary = at("binary", b"\xff\xfe");
    let no_pem = at("no.pem", b"nothing here");
    let bad_pem = at(
        "bad.pem",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let gone = folder.path().join("gone").display().to_string();
    let directory = folder.path().display().to_string();
    for (file, expected) in [
        (&gone, "does not exist"),
        (&directory, "is a directory"),
        (&empty, "is empty"),
        (&binary, "is not UTF-8"),
    ] {
        let text = format!("subdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret_file = {file:?}");
        let instead = if expected == "is empty" {
            "put the secret into it"
        } else {
            "name a file that holds the secret"
        };
        check_bare_tenant(
            &text,
            &[&format!(
                "4: tenants.acme.client_secret_file: the file {file} {expected}; {instead}"
            )],
        );
    }
    for (file, expected) in [
        (&gone, "does not exist"),
        (&no_pem, "holds no certificate"),
        (
            &bad_pem,
            "holds a certificate, number 1, that cannot be used (",
        ),
    ] {
        let text = format!("{TENANT}ca_file = {file:?}");
        let found = lines(&found(&text, &[], Depth::Whole));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with(&format!(
                "6: tenants.acme.ca_file: the file {file} {expected}"
            )),
            "{found:?}"
        );
    }
    check_tenant(
        "client_secret_file = \"x\"",
        &[
            "4: tenants.acme.client_secret: client_secret and client_secret_file are both given; keep one of them",
        ],
    );
}

#[test]
fn no_fault_shows_a_secret() {
    for (value, _why) in [
        ("12345678", "a number"),
        ("[\"12345678\"]", "a list"),
        ("12345678.5", "a decimal"),
        ("{ x = \"12345678\" }", "a table"),
    ] {
        let text = format!(
            "[tenants.acme]\nclient_secret = {value}\nclient_secret_file = \"x\"\nclient_secrt = {value}\n[admin]\ntoken = {value}\n[upstream]\nproxy = \"http://me:12345678@proxy\""
        );
        let found = found(
            &text,
            &[("SFMC_AUTH_PROXY_STATE_REDIS_URL", "http://:12345678@r")],
            Depth::Whole,
        );
        assert!(!found.to_string().contains("12345678"), "{found}");
        assert!(found.to_string().contains("state.redis_url"), "{found}");
    }
}

#[test]
fn a_share_is_a_number_from_0_to_1() {
    let fine = |text: &str| with_text(&sources(&[]), &format!("[log]\nsample = {text}\n{TENANT}"));
    for (text, expected) in [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-3", 0.001)] {
        assert!((fine(text).unwrap().telemetry.sample - expected).abs() < 1e-9);
    }
    let instead = "write a number from 0 to 1, as 0.1";
    for (text, what) in [
        ("1.5", "1.5 is out of bounds"),
        ("-1", "-1 is out of bounds"),
        ("nan", "NaN is out of bounds"),
    ] {
        let expected = format!("2: log.sample: {what}; {instead}");
        check(&format!("[log]\nsample = {text}"), &[expected.as_str()]);
    }
    check(
        "[log]\nsample = \"0.5\"",
        &["2: log.sample: is text, not a number; write a number from 0 to 1, without quotes"],
    );
    let by_variable = |value| {
        let sources = sources(&[("SFMC_AUTH_PROXY_LOG_SAMPLE", value)]);
        with_text(&sources, TENANT)
    };
    assert!((by_variable("0.5").unwrap().telemetry.sample - 0.5).abs() < 1e-9);
    assert!(by_variable("half").is_err());
}
