//! Which address, tenant, account and client a snippet names, and that no value of the configuration can end a literal.

mod inside;
mod straight;

use std::fs;
use std::path::Path;

use super::*;
use crate::config::Sources;

const ACME: &str = r#"
[tenants.acme]
subdomain = "mc1234567890abcdefghijklmnop"
client_id = "id"
client_secret = "of-the-tenant"
account_id = 510001234

[tenants.acme.accounts]
emea = 510001235
"#;
const OTHER: &str = r#"
[tenants.other]
subdomain = "mc0987654321abcdefghijklmnop"
client_id = "id"
client_secret = "of-the-other-tenant"
"#;
const NEWSLETTER: &str = r#"
[clients.newsletter]
secret_file = "of newsletter"
accounts = ["emea", 510001234]
"#;
const SECRET: &str = "0f6tWm8vKqXc2RyB7uZsJ4nEaHd9LpG1";

/// Status, stdout and stderr of `snippet` with these arguments and this configuration.
fn told(text: &str, typed: &str) -> (Status, String, String) {
    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        arguments: Arguments,
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sfmc-auth-proxy.toml"), text).unwrap();
    fs::write(folder.path().join("of newsletter"), SECRET).unwrap();
    let mut sources = Sources {
        working_directory: folder.path().to_owned(),
        environment: [("OF_BATCH".to_owned(), SECRET.to_owned())].into(),
        ..Sources::default()
    };
    let typed = std::iter::once("snippet").chain(typed.split_whitespace());
    let typed = <Typed as clap::Parser>::try_parse_from(typed).unwrap();
    for value in typed.arguments.overrides().listen {
        let (key, name) = ("listen.http", "--listen");
        sources.flags.push(config::Flag { key, value, name });
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = snippet(&sources, &typed.arguments, &mut out, &mut err);
    let folder = folder.path().display().to_string();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&folder, "/etc/p");
    (status, text(out), text(err))
}

/// The snippet holds all of these.
fn check(text: &str, typed: &str, expected: &[&str]) -> String {
    let (status, out, err) = told(text, typed);
    assert_eq!(status, Status::Clean, "{typed}: {err}");
    for part in expected {
        assert!(out.contains(part), "{part} is missing in:\n{out}");
    }
    assert!(
        !out.contains(SECRET) && !out.contains("of-the-tenant"),
        "{out}"
    );
    out
}

/// There is none, for this reason.
fn check_refused(text: &str, typed: &str, expected: &str) {
    let (status, out, err) = told(text, typed);
    assert_eq!((status, out.as_str()), (Status::Usage, ""), "{typed}");
    assert!(err.contains(expected), "{expected} is missing in:\n{err}");
}

#[test]
fn the_address_alone_is_enough_where_it_leads_there() {
    let out = check(ACME, "curl", &[]);
    assert_eq!(
        out,
        "# Tenant acme, account 510001234.\n\
         # Whoever reaches this address may call: no name and no secret are needed.\n\
         curl --fail --silent --show-error --noproxy '*' \\\n  \
         http://127.0.0.1:7362/asset/v1/content/assets\n"
    );
    check(ACME, "curl acme", &[" http://127.0.0.1:7362/asset/"]);
    check(
        ACME,
        "curl ACME:510001234",
        &[" http://127.0.0.1:7362/asset/"],
    );
}

#[test]
fn what_leads_elsewhere_gets_a_prefix_of_what_differs() {
    check(
        ACME,
        "curl acme:emea",
        &[
            " http://127.0.0.1:7362/@acme:emea/asset/",
            "account emea (510001235)",
        ],
    );
    check(ACME, "curl acme:510001235", &["/@acme:emea/asset/"]);
    let two = format!("default_tenant = \"acme\"\n{ACME}{OTHER}");
    check(
        &two,
        "curl other",
        &["7362/@other/asset/", "Tenant other, its own account"],
    );
    check(
        &two,
        "sfmc-sdk acme:emea",
        &[
            "auth_url: \"http://127.0.0.1:7362/@acme:emea/https://mc1234567890abcdefghijklmnop.auth.marketingcloudapis.com/\"",
            "account_id: 510001235,",
        ],
    );
    check_refused(
        &two,
        "sfmc-sdk other",
        "sfmc-sdk has to be given a member id: set account_id in [tenants.other]",
    );
    let undecided = format!("{ACME}{OTHER}");
    check_refused(&undecided, "curl", "name one (acme, other)");
    check_refused(&undecided, "curl nobody", "there is no tenant");
    check_refused(
        &ACME.replace("account_id = 510001234\n", ""),
        "curl",
        "as acme:emea (there are: emea)",
    );
}

#[test]
fn a_listener_that_already_knows_is_better_than_a_prefix() {
    let pinned = format!(
        "{ACME}[[listener]]\naddress = \"127.0.0.1:7401\"\naccount = \"emea\"\n{NEWSLETTER}\
         [[listener]]\naddress = \"127.0.0.1:7402\"\nclient = \"newsletter\"\naccount = 510001234\n"
    );
    check(
        &pinned,
        "curl acme:emea",
        &[
            "--user newsletter:\"$(cat '/etc/p/of newsletter')\"",
            " http://127.0.0.1:7362/asset/",
        ],
    );
    let out = check(
        &pinned,
        "curl acme:510001234",
        &[
            " http://127.0.0.1:7402/asset/",
            "is client newsletter: no secret is needed",
        ],
    );
    assert!(!out.contains("--user"), "{out}");
    let of_anyone =
        format!("{ACME}[[listener]]\naddress = \"127.0.0.1:7401\"\naccount = \"emea\"\n");
    check(
        &of_anyone,
        "curl acme:emea",
        &[" http://127.0.0.1:7401/asset/"],
    );
    check(&of_anyone, "curl", &[" http://127.0.0.1:7362/asset/"]);
}

#[test]
fn the_address_is_the_one_that_callers_can_use() {
    let with = |listen: &str| format!("[listen]\n{listen}\n{ACME}");
    check(
        &with("public_url = \"https://sfmc.example\""),
        "curl acme:emea",
        &[" https://sfmc.example/@acme:emea/asset/"],
    );
    check(
        &with("public_url = \"https://sfmc.example\""),
        "csharp-fuelsdk",
        &["soapEndPoint=\"https://sfmc.example/Service.asmx\""],
    );
    check(
        &with("http = [\"[::1]:80\"]"),
        "curl",
        &[" 'http://[::1]:80/asset/v1/content/assets'"],
    );
    check(
        &with("http = [\"unix:/run/a b.sock\"]"),
        "curl",
        &["--unix-socket '/run/a b.sock'", "  http://localhost/asset/"],
    );
    check_refused(
        &with("http = [\"unix:/run/p.sock\"]"),
        "python-requests",
        "python-requests cannot call a Unix socket",
    );
    check_refused(&with("http = [\"127.0.0.1:0\"]"), "curl", "port 0");
    check(
        &with("http = [\"127.0.0.1:0\"]"),
        "curl --listen 127.0.0.1:81",
        &["http://127.0.0.1:81/asset/"],
    );
    let open = "http = [\"0.0.0.0:7362\"]\ninsecure_allow_unauthenticated = true";
    check(&with(open), "curl", &[" http://127.0.0.1:7362/asset/"]);
    check(
        &with(&format!("{open}\nallowed_hosts = [\"proxy.internal\"]")),
        "curl",
        &[" http://proxy.internal:7362/asset/"],
    );
}

#[test]
fn clients_that_speak_https_alone_get_an_https_listener() {
    for name in ["csharp-fuelsdk", "ruby-fuelsdk"] {
        check_refused(
            ACME,
            name,
            &format!("{name} speaks https alone, and there is no https listener"),
        );
    }
    let both =
        format!("[listen]\nhttps = [\"127.0.0.1:7443\"]\n{ACME}[intercept]\nca_dir = \"ca\"\n");
    check(
        &both,
        "csharp-fuelsdk acme:emea",
        &[
            "authEndPoint=\"https://localhost:7443/@acme:emea\"",
            "Trust /etc/p/ca/ca.pem:",
        ],
    );
    check(
        &both,
        "ruby-fuelsdk",
        &["'request_token_url' => 'https://localhost:7443'"],
    );
    check(&both, "curl", &[" http://127.0.0.1:7362/"]);
    let alone = both.replace("[listen]", "[listen]\nhttp = []");
    check(
        &alone,
        "curl",
        &[
            "--cacert /etc/p/ca/ca.pem",
            " https://localhost:7443/asset/",
        ],
    );
}

#[test]
fn the_client_is_named_and_its_secret_is_not() {
    let batch = "[clients.\"batch-2.example\"]\nsecret = \"${OF_BATCH}\"\n";
    let one = format!("{ACME}{NEWSLETTER}");
    check(
        &one,
        "python-requests",
        &[
            "session.auth = (\"newsletter\", open(\"/etc/p/of newsletter\").read().rstrip(\"\\r\\n\"))",
            "account emea (510001235)",
            "\"http://127.0.0.1:7362/asset/",
        ],
    );
    check(
        &one,
        "curl acme:510001234",
        &["7362/@acme:510001234/asset/"],
    );
    let two = format!("{one}{batch}");
    check_refused(
        &two,
        "curl",
        "there are several: name one with --client (batch-2.example, newsletter)",
    );
    check_refused(
        &two,
        "curl --client newsleter",
        "there is no client \"newsleter\"; there are: batch-2.example, newsletter",
    );
    check_refused(
        &two,
        "curl acme:emea --client batch-2.example",
        "may not use account 510001235 of tenant acme",
    );
    check(&two, "curl acme:emea", &["--user newsletter:"]);
    check(
        &two,
        "curl --client batch-2.example",
        &[
            "--user batch-2.example:\"$OF_BATCH\"",
            "in the variable OF_BATCH of the proxy",
        ],
    );
    let inline = format!("{ACME}[clients.\"batch-2.example\"]\nsecret = \"{SECRET}\"\n");
    check(
        &inline,
        "node-fetch",
        &[
            "process.env.SECRET_OF_BATCH_2_EXAMPLE",
            "in the configuration (sfmc-auth-proxy.toml:11)",
        ],
    );
    check(
        &inline,
        "java-fuelsdk",
        &["clientSecret=FILL-IN-THE-SECRET\n"],
    );
    check_refused(
        ACME,
        "curl --client newsletter",
        "the configuration has no [clients]",
    );
}

#[test]
fn a_client_without_a_secret_needs_a_listener_that_knows_it() {
    let text = format!(
        "{ACME}[clients.batch]\n[[listener]]\naddress = \"127.0.0.1:7401\"\nclient = \"batch\"\n"
    );
    check(
        &text,
        "sfmc-sdk",
        &[
            "auth_url: \"http://127.0.0.1:7401/https://",
            "client_secret: \"anything\"",
        ],
    );
    check_refused(
        &text,
        "csharp-fuelsdk",
        "csharp-fuelsdk finds no listener that knows client batch, which has no secret",
    );
}

#[test]
fn no_value_ends_its_literal() {
    let hostile = "[listen]\npublic_url = \"http://a'$(touch)&b\"\n";
    let text = format!("{hostile}{ACME}[clients.batch]\nsecret_file = \"of newsletter\"\n");
    check(
        &text,
        "curl",
        &[r"  'http://a'\''$(touch)&b/asset/v1/content/assets'"],
    );
    check(
        &text,
        "php-curl",
        &[r"curl_init('http://a\'$(touch)&b/asset/v1/content/assets')"],
    );
    check(
        &text,
        "ruby-http",
        &[r"URI('http://a\'$(touch)&b/asset/v1/content/assets')"],
    );
    let secure = text.replace("http://a", "https://a");
    check(
        &secure,
        "csharp-fuelsdk",
        &["restEndPoint=\"https://a'$(touch)&amp;b\""],
    );
}

#[test]
fn names_are_found_listed_or_corrected() {
    let (status, list, err) = told("nonsense", "");
    assert_eq!(
        (status, err.as_str()),
        (Status::Clean, ""),
        "no configuration is needed"
    );
    for name in catalog::names() {
        assert!(
            list.lines()
                .any(|line| line.starts_with(&format!("{name} "))),
            "{name}"
        );
        assert!(!catalog::named(name).is_empty());
        assert_ne!(name, LIST);
    }
    for group in GROUPS {
        assert_eq!(
            catalog::named(group.name).len(),
            group.members.len(),
            "{}",
            group.name
        );
    }
    assert_eq!(told("", "list"), (Status::Clean, list, String::new()));
    check_refused(
        ACME,
        "crul",
        "there is no snippet \"crul\"; did you mean \"curl\"?",
    );
    check_refused(ACME, "cobol77", "`sfmc-auth-proxy snippet` lists all");
    check_refused("[tenants]", "curl", "sfmc-auth-proxy.toml");
}

#[test]
fn a_group_prints_what_can_be_made_and_says_why_the_rest_cannot() {
    let (status, out, err) = told(ACME, "ruby");
    assert_eq!(status, Status::Clean);
    assert!(
        out.starts_with("==== ruby-http: Ruby's Net::HTTP\n# Tenant acme"),
        "{out}"
    );
    assert!(!out.contains("==== ruby-fuelsdk"), "{out}");
    assert!(err.starts_with("ruby-fuelsdk speaks https alone"), "{err}");
    let sales = "[tenants.sales]\nkind = \"salesforce\"\nsubdomain = \"acme\"\nclient_id = \"id\"\nclient_secret = \"of-sales\"\n";
    let (_status, out, err) = told(sales, "node");
    assert!(
        out.contains("==== jsforce") && !out.contains("==== sfmc-sdk"),
        "{out}"
    );
    assert_eq!(err, "");
    assert!(out.contains("/services/data/v60.0/limits"), "{out}");
    check_refused(
        sales,
        "sfmc-sdk",
        "sfmc-sdk is not for tenants of the kind of sales",
    );
}

#[test]
fn every_text_can_be_filled_in_whoever_calls() {
    let secure = "[listen]\nhttps = [\"127.0.0.1:7443\"]\n";
    let intercept = "[intercept]\nca_dir = \"ca\"\n";
    for clients in ["", NEWSLETTER] {
        let text = format!("{secure}{ACME}{clients}{intercept}");
        for snippet in SNIPPETS
            .iter()
            .filter(|snippet| snippet.tenants != catalog::Tenants::Salesforce)
        {
            let out = check(&text, snippet.name, &[]);
            assert!(!out.contains("{{") && !out.contains("}}"), "{out}");
        }
    }
    let without = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/snippet/texts");
    assert_eq!(
        fs::read_dir(without).unwrap().count(),
        SNIPPETS.len(),
        "a text for each snippet"
    );
}
