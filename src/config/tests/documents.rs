//! What is kept beside the code: sample, schema and reference. `BLESS=1 cargo test` writes the last two anew.

use std::fs;

use super::super::keys::{KEYS, Kind};
use super::*;

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_default()
}

fn assert_fresh(file: &str, text: &str) {
    if std::env::var_os("BLESS").is_some() {
        fs::write(path(file), text).unwrap();
    }
    assert!(
        read(file) == text,
        "{file} is stale: run BLESS=1 cargo test documents"
    );
}

fn sample() -> String {
    read("config/sfmc-auth-proxy.toml")
}

/// The sample with every key that is only shown switched on.
fn sample_in_full() -> String {
    let is_key = |line: &str| {
        let name = line.split(" = ").next().unwrap_or_default();
        line.contains(" = ") && KEYS.iter().any(|key| key.leaf() == name)
    };
    let is_table = |line: &str| line.starts_with('[') && line.ends_with(']');
    let line = |line: &str| match line.strip_prefix("# ") {
        Some(key) if is_key(key) || is_table(key) => key.to_owned(),
        _ => line.to_owned(),
    };
    sample().lines().map(line).collect::<Vec<_>>().join("\n")
}

fn as_json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn the_schema_is_fresh() {
    assert_fresh("config/schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_reference_is_fresh_and_names_every_key() {
    let reference = reference();
    assert_fresh("docs/configuration.md", &reference);
    for key in KEYS.iter().filter(|key| key.leaf() != "*") {
        assert!(
            reference.contains(&format!("- **`{}`**", key.leaf())),
            "{}",
            key.pattern
        );
        assert!(key.doc.ends_with('.'), "{}", key.pattern);
        if let Some(name) = key.environment_name() {
            assert!(reference.contains(&format!("`{name}`")), "{name}");
        }
    }
}

#[test]
fn the_sample_is_fine_as_it_is_and_in_full() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    // A directory and a server keep the same things, so that only one of them can be named.
    let without = |leaf: &str| {
        let full = sample_in_full();
        let lines = full.lines().filter(|line| !line.starts_with(leaf));
        lines.collect::<Vec<_>>().join("\n")
    };
    let shared = without("dir = ");
    let kept = without("redis_url_file = ")
        .replace("\nca_file = \"/etc/sfmc-auth-proxy/redis-ca.pem\"", "");
    for text in [sample(), shared, kept] {
        let faults = found(&text, &[], Depth::Syntax);
        assert_eq!(lines(&faults), [""; 0]);
        assert_eq!(faults.warnings, [""; 0]);
        let errors: Vec<String> = validator
            .iter_errors(&as_json(&text))
            .map(|error| error.to_string())
            .collect();
        assert_eq!(errors, [""; 0]);
    }
}

#[test]
fn the_sample_shows_every_key_at_its_default() {
    let mut values = Values::default();
    let document = Document {
        path: Path::new("sample").into(),
        text: sample_in_full(),
    };
    let sources = sources(&[]);
    document::read(
        &document,
        &sources.environment,
        Depth::Syntax,
        &mut values,
        &mut Faults::default(),
    );
    for key in KEYS.iter().filter(|key| key.kind != Kind::Secret) {
        let shown = values.all().find(|(path, _)| path.fits(key.pattern));
        let (path, given) = shown.unwrap_or_else(|| panic!("the sample lacks {}", key.pattern));
        let examples = [
            "listen.allowed_hosts",
            "listen.https",
            "tenants.*.trusted_hosts",
        ];
        let example = examples.contains(&key.pattern);
        if let (Some(default), false) = (key.default, example) {
            let default = value::Value::read(key.kind, value::Raw::bare(default), &Origin::Default)
                .ok()
                .unwrap();
            assert_eq!(given.value.plain(), default.plain(), "{path}");
        }
    }
}

#[test]
fn the_schema_refuses_what_is_wrong() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let tenant = |lines: &str| format!("{TENANT}{lines}");
    for bad in [
        "defaut_tenant = \"acme\"".to_owned(),
        "[listen]\nhttp = \"127.0.0.1:1\"".to_owned(),
        "[listen]\nhttp = [\"127.0.0.1\"]".to_owned(),
        "[listen]\nhttps = [\"127.0.0.1\"]".to_owned(),
        "[listen]\nanswer_urls = \"mine\"".to_owned(),
        "[listen.tls]\ncert_file = \"x\"".to_owned(),
        "[listen]\npublic_url = \"p.example\"".to_owned(),
        "[[listener]]\ntenant = \"acme\"".to_owned(),
        "[listener]\naddress = \"127.0.0.1:1\"".to_owned(),
        "[[listener]]\naddress = \"127.0.0.1:1\"\nhttps = \"x\"".to_owned(),
        "[tenants.Acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"\nclient_secret = \"s\"".to_owned(),
        "[tenants.acme]\nsubdomain = \"mc1\"\nclient_id = \"i\"".to_owned(),
        "[tenants.acme]\nclient_id = \"i\"\nclient_secret = \"s\"".to_owned(),
        tenant("client_secret_file = \"x\""),
        tenant("mode = \"none\""),
        tenant("account_id = 0"),
        tenant("account_id = \"x\""),
        tenant("refresh_before = 120"),
        tenant("[tenants.acme.accounts]\n510 = 1"),
        "[intercept]\nother_hosts = \"allow\"".to_owned(),
        tenant("[clients.X]\nsecret = \"x\""),
        tenant("[clients.x]\nsecret = \"x\"\nsecret_file = \"x\""),
        tenant("[clients.x]\nsecret_file = []"),
        tenant("[clients.x]\nsecret = \"x\"\naccounts = \"emea\""),
        tenant("[clients.x]\nsecret = \"x\"\nmode = \"x\""),
        tenant("[state]\nredis_url = \"rediss://x\"\ndir = \"/x\"\nkey = \"a\""),
        tenant("[state]\ndir = \"/x\"\nkey = \"a\"\nkey_file = \"b\""),
        tenant("[admin]\ntoken = \"0123456789abcdef\"\ntoken_file = \"b\""),
        tenant("kind = \"pardot\""),
        tenant("grant = \"password\""),
        tenant("grant = \"authorization_code\"\nclient_secret_file = \"x\""),
        tenant("token_lifetime = 3600"),
        tenant("pkce = \"yes\""),
        tenant("redirect_uri = \"/oauth/callback\""),
        "[audit]\non_error = \"stop\"".to_owned(),
        "[upstream]\nproxy = \"socks5://x\"".to_owned(),
        "[upstream]\nresolve_with = \"ns.example\"".to_owned(),
        "[upstream]\nresolve_with = []".to_owned(),
        "[timeouts]\nconnect = \"10\"".to_owned(),
        "[limits]\nmax_headers = 0".to_owned(),
        "[limits]\nmax_replay_size = \"4Mi\"".to_owned(),
        "[limits]\nmax_envelope_size = \"4Mi\"".to_owned(),
        "[log]\nlevel = \"loud\"".to_owned(),
        "[log]\nsample = 1.5".to_owned(),
    ] {
        assert!(
            !validator.is_valid(&as_json(&bad)),
            "the schema lets through: {bad}"
        );
        assert!(
            !found(&bad, &[], Depth::Syntax).faults.is_empty(),
            "check lets through: {bad}"
        );
    }
    for good in [
        tenant(
            "mode = \"no_send\"\n[clients.\"app.example.com\"]\nsecret_file = [\"a\", \"b\"]\naccounts = [\"emea\", 7]\nallow = [\"GET /**\"]",
        ),
        tenant("[listen.tls]\ncert_file = \"a\"\nkey_file = \"b\"\n[intercept]\n"),
        "[tenants.a]\nkind = \"salesforce\"\ngrant = \"jwt_bearer\"\nsubdomain = \"acme\"\nclient_id = \"i\"\njwt_key_file = \"k\"\njwt_subject = \"u\""
            .to_owned(),
        "[tenants.a]\ngrant = \"authorization_code\"\nsubdomain = \"mc1\"\nclient_id = \"i\"".to_owned(),
        "[tenants.a]\ngrant = \"${GRANT}\"\nsubdomain = \"mc1\"\nclient_id = \"i\"".to_owned(),
        tenant("[state]\ndir = \"/x\"\nkey_file = [\"a\", \"b\"]\n[admin]\ntoken = \"${TOKEN}\""),
        tenant("[state]\nredis_url = \"rediss://u:p@x:1/2\"\nkey_file = \"a\"\nca_file = \"b\""),
        tenant("[upstream]\nproxy = \"http://u:p@x:1\"\nresolve_with = \"10.0.0.1, [::1]:53\""),
        tenant("[upstream]\nproxy = \"${PROXY}\"\nresolve_with = [\"10.0.0.1\"]"),
        tenant("account_id = \"510001234\"\nscope = \"email_read\""),
        tenant("account_id = \"${MID}\"\nmode = \"${MODE}\"\nrefresh_before = \"${BEFORE}\""),
        tenant(
            "[limits]\nmax_headers = \"${HEADERS}\"\nmax_replay_size = \"0B\"\n[timeouts]\nconnect = \"1m 30s\"",
        ),
    ] {
        assert!(
            validator.is_valid(&as_json(&good)),
            "the schema refuses: {good}"
        );
    }
}
