//! Snippets that are files of some tool: each is read by that tool, or by a parser of its format that is not ours.

use std::fs;
use std::net::SocketAddr;

use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Printer, check_ran};
use crate::clients::{NAME, SECRET, run};
use crate::harness::{Client, EMEA};
use crate::process::{has_program, undisturbed};

/// The host of an http URL, and its path.
fn parts(url: &str) -> (SocketAddr, &str) {
    let after = url.strip_prefix("http://").unwrap();
    let (host, path) = after.split_at(after.find('/').unwrap_or(after.len()));
    (host.parse().unwrap(), path)
}

/// A GET with what a file gives as base URL, user and password.
async fn account(base: &str, identity: Option<(&str, &str)>) -> Value {
    let (address, prefix) = parts(base);
    let mut request = Request::get(format!("{prefix}/sandbox/echo"));
    if let Some((user, password)) = identity {
        use base64::Engine as _;
        let both = format!("{user}:{password}");
        let basic = base64::engine::general_purpose::STANDARD.encode(both);
        request = request.header("authorization", format!("Basic {basic}"));
    }
    let answer = Client::connect(address)
        .await
        .send(request.body(Vec::new()).unwrap())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["account"].clone()
}

/// As Ruby's YAML reads it.
async fn yaml(text: &str) -> Value {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file.yaml");
    fs::write(&file, text).unwrap();
    let mut ruby = undisturbed("ruby");
    ruby.args([
        "-ryaml",
        "-rjson",
        "-e",
        "puts YAML.safe_load(File.read(ARGV[0])).to_json",
    ]);
    ruby.arg(file);
    let output = run(ruby).await;
    check_ran(text, &output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postman_finds_base_user_and_a_place_for_the_secret() {
    let printer = Printer::of_client().await;
    let environment: Value = serde_json::from_str(&printer.printed("postman acme:emea")).unwrap();
    assert_eq!(environment["_postman_variable_scope"], "environment");
    assert_eq!(environment["name"], "sfmc-auth-proxy acme:emea");
    let value = |key: &str| {
        let values = environment["values"].as_array().unwrap();
        let found = values.iter().find(|value| value["key"] == key).unwrap();
        assert_eq!(found["enabled"], true);
        found["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(value("password"), "FILL-IN-THE-SECRET");
    let identity = value("username");
    assert_eq!(
        account(&value("baseUrl"), Some((&identity, SECRET))).await,
        EMEA
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mcdev_gets_the_auth_url_that_it_takes() {
    let printer = Printer::of_client().await;
    let printed: Value = serde_json::from_str(&printer.printed("mcdev")).unwrap();
    let expected = json!({"sfmc-auth-proxy": {
        "client_id": NAME,
        "client_secret": "FILL-IN-THE-SECRET",
        "auth_url": format!(
            "http://{}/https://{}.auth.marketingcloudapis.com/", printer.field.process.address, printer.field.subdomain()
        ),
        "account_id": EMEA,
    }});
    assert_eq!(printed, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubernetes_and_compose_give_the_application_what_it_needs() {
    if !has_program("ruby") {
        return;
    }
    for (printer, identity) in [
        (Printer::of_anyone().await, None),
        (Printer::of_client().await, Some((NAME, SECRET))),
    ] {
        let pod = yaml(&printer.printed("kubernetes acme:emea")).await;
        let sidecar = &pod["initContainers"][0];
        assert_eq!(sidecar["restartPolicy"], "Always");
        let ready = sidecar["readinessProbe"]["exec"]["command"][3]
            .as_str()
            .unwrap();
        assert_eq!(parts(ready), (printer.field.process.admin, "/readyz"));
        let variables = pod["containers"][0]["env"].as_array().unwrap();
        let base = variables
            .iter()
            .find(|variable| variable["name"] == "SFMC_BASE_URL")
            .unwrap();
        assert_eq!(
            account(base["value"].as_str().unwrap(), identity).await,
            EMEA
        );
        let has_password = variables
            .iter()
            .any(|variable| variable["valueFrom"].is_object());
        assert_eq!(has_password, identity.is_some());

        let file = yaml(&printer.printed("compose acme:emea")).await;
        let application = &file["services"]["application"];
        assert_eq!(application["network_mode"], "service:sfmc-auth-proxy");
        let base = application["environment"]["SFMC_BASE_URL"]
            .as_str()
            .unwrap();
        assert_eq!(account(base, identity).await, EMEA);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_takes_the_scrape_configuration_and_its_target_answers() {
    if !has_program("promtool") {
        return;
    }
    let printer = Printer::of_client().await;
    let file = printer.saved("prometheus", printer.field.folder.path(), "prometheus.yml");
    let mut promtool = undisturbed("promtool");
    promtool.args(["check", "config", &file]);
    check_ran("prometheus", &run(promtool).await);
    let text = fs::read_to_string(file).unwrap();
    let admin = printer.field.process.admin;
    assert!(text.contains(&format!("targets: [\"{admin}\"]")), "{text}");
    let answer = Client::connect(admin).await.get("/metrics").await;
    assert!(answer.text().contains("sfmc_auth_proxy_"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_sdks_find_their_keys_in_the_files_that_are_printed() {
    let printer = Printer::of_client().await;
    let base = format!("https://localhost:{}", printer.field.addresses()[1].port());
    let text = printer.printed("csharp-fuelsdk");
    let document = roxmltree::Document::parse(&text).unwrap();
    let section = document
        .descendants()
        .find(|node| node.has_tag_name("fuelSDK"))
        .unwrap();
    let soap = format!("{base}/Service.asmx");
    for (key, value) in [
        ("clientId", NAME),
        ("authEndPoint", &base),
        ("restEndPoint", &base),
        ("soapEndPoint", &soap),
    ] {
        assert_eq!(section.attribute(key), Some(value), "{text}");
    }
    let http = format!("http://{}", printer.field.process.address);
    let text = printer.printed("java-fuelsdk");
    for line in [
        format!("clientId={NAME}"),
        format!("authEndpoint={http}"),
        format!("soapEndpoint={http}/Service.asmx"),
    ] {
        assert!(text.lines().any(|own| own == line), "{text}");
    }
    if !has_program("php") {
        return;
    }
    let file = printer.saved("php-fuelsdk", printer.field.folder.path(), "config.php");
    let mut php = undisturbed("php");
    php.args(["-r", "echo json_encode(include $argv[1]);", &file]);
    let output = run(php).await;
    check_ran("php-fuelsdk", &output);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["clientid"], &told["clientsecret"]),
        (&json!(NAME), &json!(SECRET))
    );
    assert_eq!(
        (&told["baseAuthUrl"], &told["baseSoapUrl"]),
        (&json!(http), &json!(format!("{http}/Service.asmx")))
    );
}
