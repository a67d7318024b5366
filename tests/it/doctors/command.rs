//! The command: what it prints, how it exits, which secret it tries, and that it shows none.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use jsonschema::validator_for;
use serde_json::{Value, json};

use sfmc_auth_proxy::doctor::Code;
use sfmc_auth_proxy::sandbox::{self, Face, Script, Switches};

use crate::harness::tenant_settings;
use crate::process::{Process, configuration, run};
use crate::{grants, logins};

const DOCUMENT: &str = include_str!("../../../docs/doctor.md");

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

async fn doctor(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Output {
    let arguments: Vec<_> = ["doctor"]
        .iter()
        .chain(arguments)
        .map(|it| (*it).to_owned())
        .collect();
    let environment: Vec<_> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<_> = environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        run(&arguments, &environment, &folder)
    })
    .await
    .unwrap()
}

/// The document that `--json` prints, which is of the documented shape.
fn document(output: &Output) -> Value {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let schema = DOCUMENT.split("```json\n").nth(1).unwrap();
    let schema: Value = serde_json::from_str(schema.split("```").next().unwrap()).unwrap();
    let validator = validator_for(&schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(&document)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{errors:?}\n{document:#}");
    document
}

fn marks(document: &Value, step: &str) -> Vec<String> {
    let steps = document["steps"].as_array().unwrap();
    let named = steps.iter().filter(|found| found["step"] == step);
    named
        .map(|step| {
            format!(
                "{} {}",
                step["mark"].as_str().unwrap(),
                step["code"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn every_code_is_documented() {
    for code in Code::ALL {
        let row = format!("| `{}` |", code.name());
        assert!(DOCUMENT.contains(&row), "docs/doctor.md has no row {row}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_exits_by_what_it_found_and_prints_plain_lines_or_json() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let output = doctor(&[], &[], folder.path()).await;
    let said = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{said}{}",
        text(&output.stderr)
    );
    assert!(said.is_ascii(), "no terminal, no signs: {said}");
    assert!(
        said.contains("\ntenant acme, account 510001234\n"),
        "{said}"
    );
    assert!(
        said.contains("\nok   token          a token for the configured client_secret"),
        "{said}"
    );
    assert!(said.ends_with("\nnothing is wrong\n"), "{said}");
    assert_eq!(text(&output.stderr), "");

    tenant.set_client_secret("rotated-canary-secret");
    let output = doctor(&["acme:emea"], &[], folder.path()).await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("\ntenant acme, account emea (510001235)\n"),
        "{said}"
    );
    assert!(
        said.contains("\nFAIL token          client_id and the configured"),
        "{said}"
    );
    assert!(
        said.contains("                    fix: copy both anew"),
        "{said}"
    );
    assert!(said.ends_with("\n1 step failed\n"), "{said}");

    let output = doctor(&["acme:emea", "--json"], &[], folder.path()).await;
    assert_eq!(output.status.code(), Some(1));
    let document = document(&output);
    assert_eq!(document["verdict"], "failed");
    assert_eq!(marks(&document, "configuration"), ["ok ok"]);
    assert_eq!(marks(&document, "token"), ["failed wrong_client"]);
    assert_eq!(marks(&document, "soap"), ["left_out left_out"]);
    let step = &document["steps"][6];
    assert_eq!(
        (&step["tenant"], &step["account"]),
        (&json!("acme"), &json!("emea"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn warnings_alone_exit_with_0() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    tenant.script(Script::status(Face::Rest, 429));
    let output = doctor(&["--json"], &[], folder.path()).await;
    let document = document(&output);
    assert_eq!(
        (output.status.code(), &document["verdict"]),
        (Some(0), &json!("warning"))
    );
    assert_eq!(marks(&document, "rest"), ["warning throttled"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_tried_before_it_is_rolled_out() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    tenant.set_client_secret("next-canary-secret");
    fs::write(folder.path().join("next"), "next-canary-secret\n").unwrap();
    let old = doctor(&[], &[], folder.path()).await;
    let new = doctor(&["acme", "--secret-file", "next"], &[], folder.path()).await;
    assert_eq!((old.status.code(), new.status.code()), (Some(1), Some(0)));
    let said = text(&new.stdout);
    assert!(
        said.contains("tenant acme, account 510001234, with the secret in next\n"),
        "{said}"
    );
    assert!(
        said.contains("a token for the secret in next, good for"),
        "{said}"
    );
    fs::write(folder.path().join("next"), "another-canary-secret\n").unwrap();
    let wrong = doctor(&["--secret-file", "next"], &[], folder.path()).await;
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stdout).contains("client_id and the secret in next are not accepted"));
    for (what, output) in [("old", &old), ("new", &new), ("wrong", &wrong)] {
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(!said.contains("canary"), "{what}: {said}");
    }
    for (content, words) in [(None, "cannot be read"), (Some(""), "is empty")] {
        fs::remove_file(folder.path().join("next")).ok();
        if let Some(content) = content {
            fs::write(folder.path().join("next"), content).unwrap();
        }
        let output = doctor(&["--secret-file", "next"], &[], folder.path()).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(
            text(&output.stderr).contains(words),
            "{}",
            text(&output.stderr)
        );
    }
}

/// In the middle of a rotation calls get through by the next secret, and a diagnosis says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_has_not_ended_is_a_warning() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let current = "client_secret_file = \"secret\"";
    let config = fs::read_to_string(&file).unwrap();
    let both = format!("{current}\nclient_secret_next_file = \"next\"");
    fs::write(&file, config.replace(current, &both)).unwrap();
    fs::write(folder.path().join("next"), "next-canary-secret\n").unwrap();

    let before = doctor(&["--json"], &[], folder.path()).await;
    assert_eq!(marks(&document(&before), "token"), ["ok ok"]);
    assert_eq!(tenant.token_requests(), 1, "one is enough");

    tenant.set_client_secret("next-canary-secret");
    let output = doctor(&["--json"], &[], folder.path()).await;
    let document = document(&output);
    assert_eq!(output.status.code(), Some(0), "{document}");
    assert_eq!(marks(&document, "token"), ["warning next_secret_in_use"]);
    assert_eq!(marks(&document, "rest"), ["ok ok"]);

    tenant.set_client_secret("neither-canary-secret");
    let output = doctor(&[], &[], folder.path()).await;
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("client_id and both client_secret and client_secret_next are not accepted"),
        "{said}"
    );
    assert!(!said.contains("canary"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_the_configuration_and_of_what_was_typed_exit_with_2() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let output = doctor(&["nobody"], &[], folder.path()).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no tenant \"nobody\""));
    let folder = configuration(&tenant, "colour = \"red\"");
    let output = doctor(&["--json"], &[], folder.path()).await;
    assert_eq!(output.status.code(), Some(2));
    let document = document(&output);
    assert_eq!(
        marks(&document, "configuration"),
        ["failed configuration_fault"]
    );
    assert!(
        document["steps"][0]["message"]
            .as_str()
            .unwrap()
            .contains("colour")
    );
    assert_eq!(tenant.token_requests(), 0);
}

/// Whatever goes wrong, neither a secret nor a token is printed, at any level of the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_and_no_token_is_ever_printed() {
    const CANARY: &str = "canary-Zq7+&%=\"\\é-secret";
    let mut settings = tenant_settings();
    settings.client_secret = CANARY.to_owned();
    let tenant = sandbox::Tenant::start(settings).await.unwrap();
    let folder = configuration(&tenant, "[log]\nlevel = \"trace\"");
    let echo = |text: &str| json!({"error": "invalid_client", "error_description": text});
    let mut said = String::new();
    for round in 0..6 {
        let script = match round {
            1 => Script::status(Face::Auth, 401).body(echo(CANARY)),
            2 => Script::status(Face::Auth, 200).body(format!("<html><title>{CANARY}</title>")),
            3 => Script::status(Face::Auth, 500).body(json!({"message": CANARY})),
            4 => Script::status(Face::Soap, 401),
            5 => Script::status(Face::Rest, 401),
            _ => Script::status(Face::Rest, 403),
        };
        tenant.script(script.times(2));
        for json in [false, true] {
            let arguments: &[&str] = if json { &["--json"] } else { &[] };
            let environment = [("HTTPS_PROXY", "http://user:canary-Zq7@proxy.example:1")];
            let output = doctor(arguments, &environment, folder.path()).await;
            said += &text(&output.stdout);
            said += &text(&output.stderr);
        }
    }
    assert!(
        said.contains("wrong_client") && said.contains("captive_portal"),
        "{said}"
    );
    for form in ["canary-Zq7", "Zq7%2B"] {
        assert!(!said.contains(form), "{form} in:\n{said}");
    }
    let mut tokens = 0;
    for entry in tenant.journal() {
        if let Some(token) = entry
            .header("authorization")
            .and_then(|it| it.strip_prefix("Bearer "))
        {
            tokens += 1;
            let middle = token.split('.').nth(1).unwrap();
            assert!(!said.contains(middle), "part of a token in:\n{said}");
        }
    }
    assert!(tokens > 10);
}

/// Every kind of tenant by every grant, as docs/grants.md has them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_and_grant_is_examined() {
    for (heading, block) in grants::blocks() {
        let kind = heading.split(' ').next().unwrap();
        let mut settings = tenant_settings();
        settings.public_package = heading.ends_with(" public");
        let tenant = sandbox::Tenant::start(settings).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        grants::written(&tenant, kind, block, folder.path());
        let environment = [
            ("CLIENT_ID", tenant.settings().client_id.as_str()),
            ("CLIENT_SECRET", tenant.settings().client_secret.as_str()),
        ];
        let output = doctor(&["--json"], &environment, folder.path()).await;
        let document = document(&output);
        let takes_login = heading.contains("authorization_code");
        let expected = if takes_login {
            "failed login_needed"
        } else {
            "ok ok"
        };
        assert_eq!(
            marks(&document, "token"),
            [expected],
            "{heading}: {document:#}"
        );
        assert_eq!(
            output.status.code(),
            Some(i32::from(takes_login)),
            "{heading}: {document:#}"
        );
        let (rest, soap) = (marks(&document, "rest"), marks(&document, "soap"));
        if takes_login {
            assert_eq!(tenant.token_requests(), 0, "{heading}");
            assert_eq!(
                (marks(&document, "clock"), rest),
                (
                    vec!["ok ok".to_owned()],
                    vec!["left_out left_out".to_owned()]
                )
            );
            continue;
        }
        assert_eq!(rest, ["ok ok"], "{heading}");
        let has_soap = matches!(kind, "marketing_cloud" | "salesforce");
        assert_eq!(
            soap,
            [if has_soap {
                "ok ok"
            } else {
                "left_out left_out"
            }],
            "{heading}"
        );
        let journal = tenant.journal();
        assert!(
            journal.iter().all(|entry| entry.faults.is_empty()),
            "{heading}"
        );
        assert_eq!(tenant.writes(), 0, "{heading}");
    }
}

/// What core Salesforce refuses of a tenant of this kind and grant.
async fn of_core(start: &str, refuse: impl FnOnce(&sandbox::Tenant)) -> Value {
    let mut blocks = grants::blocks().into_iter();
    let (heading, block) = blocks.find(|(heading, _block)| *heading == start).unwrap();
    let kind = heading.split(' ').next().unwrap();
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    grants::written(&tenant, kind, block, folder.path());
    refuse(&tenant);
    let environment = [
        ("CLIENT_ID", tenant.settings().client_id.as_str()),
        ("CLIENT_SECRET", tenant.settings().client_secret.as_str()),
    ];
    document(&doctor(&["--json"], &environment, folder.path()).await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assertions_and_exchanges_that_are_refused_are_told() {
    let unapproved = |tenant: &sandbox::Tenant| {
        tenant.set_switches(Switches {
            core_approved: false,
            ..Switches::default()
        });
    };
    let found = of_core("salesforce jwt_bearer", unapproved).await;
    assert_eq!(marks(&found, "token"), ["failed grant_refused"]);
    assert!(found.to_string().contains("pre-authorized"), "{found:#}");

    let late = SystemTime::now() + Duration::from_secs(3600);
    let skewed = |tenant: &sandbox::Tenant| {
        unapproved(tenant);
        let mut script = Script::delay(Face::Core, Duration::ZERO);
        script
            .headers
            .insert("date".to_owned(), httpdate::fmt_http_date(late));
        tenant.script(script);
    };
    let found = of_core("salesforce jwt_bearer", skewed).await;
    assert_eq!(marks(&found, "clock"), ["failed clock_skew"]);
    assert!(
        found.to_string().contains("set the clock first"),
        "{found:#}"
    );

    for (status, code) in [(400, "exchange_refused"), (500, "tenant_trouble")] {
        let refused = |tenant: &sandbox::Tenant| {
            tenant.script(Script::status(Face::Core, status).below("/services/a360/token"));
        };
        let found = of_core("data_cloud jwt_bearer", refused).await;
        assert_eq!(
            marks(&found, "token"),
            [format!("failed {code}")],
            "{found:#}"
        );
        assert_eq!(marks(&found, "rest"), ["left_out left_out"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_is_looked_for_and_never_spent() {
    let (heading, block) = grants::blocks()
        .into_iter()
        .find(|(heading, _block)| heading.starts_with("marketing_cloud authorization_code"))
        .unwrap();
    let mut settings = tenant_settings();
    settings.public_package = heading.ends_with(" public");
    let tenant = sandbox::Tenant::start(settings).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let tables = block["tenants"].as_table().unwrap();
    let name = tables.keys().next().unwrap().clone();
    grants::written(&tenant, "marketing_cloud", block, folder.path());
    let environment = [
        ("CLIENT_ID", tenant.settings().client_id.as_str()),
        ("CLIENT_SECRET", tenant.settings().client_secret.as_str()),
    ];
    let mut process = Process::start(folder.path(), &[], &environment).await;
    let page = logins::attempt_at(process.admin, &tenant, &name).await;
    assert_eq!(page.status, 200);
    let requests = tenant.token_requests();
    let output = doctor(&["--json"], &environment, folder.path()).await;
    let held = document(&output);
    assert_eq!(marks(&held, "token"), ["left_out left_out"], "{held:#}");
    assert!(held.to_string().contains("holds the logins"), "{held:#}");
    process.signal("TERM");
    process.ended().await;
    let output = doctor(&["--json"], &environment, folder.path()).await;
    let kept = document(&output);
    assert_eq!(
        (output.status.code(), marks(&kept, "token")),
        (Some(0), vec!["ok ok".to_owned()]),
        "{kept:#}"
    );
    assert_eq!(tenant.token_requests(), requests, "nothing was asked for");
    let output = doctor(&["--secret-file", "jwt.key"], &environment, folder.path()).await;
    assert_eq!(output.status.code(), Some(2));
}
