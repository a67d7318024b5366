//! Snippets that are programs: each is run, and the tenant's journal says whether its call came through, and as whom.

use std::process::Command;

use sfmc_auth_proxy::sandbox::Face::{Rest, Soap};
use tempfile::TempDir;

use super::Printer;
use crate::clients::{node, python};
use crate::harness::{APAC, EMEA, PARENT};
use crate::process::{has_part, has_program, undisturbed};

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = undisturbed(program);
    command.args(arguments);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_calls_as_it_is_printed() {
    if !has_program("curl") {
        return;
    }
    let printer = Printer::of_anyone().await;
    for (typed, account) in [("curl", PARENT), ("curl acme:emea", EMEA)] {
        let curl = command("sh", &["-ec", &printer.printed(typed)]);
        printer.check(typed, curl, &[(Rest, account)]).await;
    }
    let printer = Printer::of_client().await;
    for (typed, account) in [
        ("curl", EMEA),
        ("curl acme:510001234", PARENT),
        ("curl acme:apac", APAC),
    ] {
        let text = printer.printed(typed);
        // A listener that is the client, and selects its account, needs neither secret nor prefix.
        let is_bare = !text.contains("--user") && !text.contains("/@");
        assert_eq!(is_bare, account == APAC, "{text}");
        let curl = command("sh", &["-ec", &text]);
        printer.check(typed, curl, &[(Rest, account)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_calls_an_https_listener_as_it_is_printed() {
    if !has_program("curl") {
        return;
    }
    let printer = Printer::of_client().await;
    // Where it is the only listener.
    let file = printer.field.folder.path().join(super::FILE);
    let text = std::fs::read_to_string(&file).unwrap();
    let (http, https) = (printer.field.process.address, printer.field.addresses()[1]);
    let text = text.replace(
        &format!("http = [\"{http}\"]"),
        &format!("http = []\nhttps = [\"{https}\"]"),
    );
    let (before, _listeners) = text.split_once("[[listener]]").unwrap();
    std::fs::write(&file, before).unwrap();
    let text = printer.printed("curl");
    assert!(
        text.contains("--cacert") && text.contains("https://localhost:"),
        "{text}"
    );
    printer
        .check("curl", command("sh", &["-ec", &text]), &[(Rest, EMEA)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pythons_clients_call_as_they_are_printed() {
    let Some(python) = python() else {
        return;
    };
    for (printer, account) in [
        (Printer::of_anyone().await, PARENT),
        (Printer::of_client().await, EMEA),
    ] {
        for (name, face) in [
            ("python-requests", Rest),
            ("python-zeep", Soap),
            ("python-fuelsdk", Soap),
        ] {
            let scratch = TempDir::new().unwrap();
            let file = printer.saved(name, scratch.path(), "call.py");
            let mut python = command(python.to_str().unwrap(), &[&file]);
            // suds keeps parsed documents in the temporary folder, the SDK its endpoint in the current one.
            python
                .env("TMPDIR", scratch.path())
                .current_dir(scratch.path());
            printer.check(name, python, &[(face, account)]).await;
        }
    }
    let printer = Printer::of_client().await;
    for (name, face) in [("python-zeep", Soap), ("python-fuelsdk", Soap)] {
        let scratch = TempDir::new().unwrap();
        let typed = format!("{name} acme:510001234");
        let file = printer.saved(&typed, scratch.path(), "call.py");
        let mut python = command(python.to_str().unwrap(), &[&file]);
        python
            .env("TMPDIR", scratch.path())
            .current_dir(scratch.path());
        printer.check(&typed, python, &[(face, PARENT)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sfmc_sdk_calls_as_it_is_printed() {
    let Some(folder) = node("sfmc-sdk", &["sfmc-sdk@2.1.2"], "sfmc-sdk.mjs") else {
        return;
    };
    let printer = Printer::of_anyone().await;
    let file = printer.saved("sfmc-sdk acme:emea", &folder, "printed-of-anyone.mjs");
    printer
        .check("sfmc-sdk", command("node", &[&file]), &[(Rest, EMEA)])
        .await;
    let printer = Printer::of_client().await;
    let file = printer.saved("sfmc-sdk acme:510001234", &folder, "printed-of-client.mjs");
    printer
        .check("sfmc-sdk", command("node", &[&file]), &[(Rest, PARENT)])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_for_node_calls_as_it_is_printed() {
    let packages = ["fuel-rest@3.2.2", "fuel-soap@2.2.4"];
    let Some(folder) = node("fuel-node", &packages, "fuel_node.cjs") else {
        return;
    };
    for (printer, typed, account) in [
        (Printer::of_anyone().await, "fuel-rest", PARENT),
        (
            Printer::of_client().await,
            "fuel-rest acme:510001234",
            PARENT,
        ),
        (Printer::of_client().await, "fuel-rest", EMEA),
    ] {
        let file = printer.saved(typed, &folder, "printed.cjs");
        let node = command("node", &[&file]);
        printer
            .check(typed, node, &[(Rest, account), (Soap, account)])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_fetch_calls_as_it_is_printed() {
    if !has_program("node") {
        return;
    }
    for (printer, account) in [
        (Printer::of_anyone().await, PARENT),
        (Printer::of_client().await, EMEA),
    ] {
        let scratch = TempDir::new().unwrap();
        let file = printer.saved("node-fetch", scratch.path(), "call.mjs");
        printer
            .check("node-fetch", command("node", &[&file]), &[(Rest, account)])
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn phps_clients_call_as_they_are_printed() {
    let mut look = Command::new("php");
    look.args([
        "-r",
        "exit(extension_loaded('soap') && extension_loaded('curl') ? 0 : 1);",
    ]);
    if !has_program("php") || !has_part("PHP's extensions soap and curl", &mut look) {
        return;
    }
    for (printer, account) in [
        (Printer::of_anyone().await, PARENT),
        (Printer::of_client().await, EMEA),
    ] {
        for (name, face) in [("php-curl", Rest), ("php-soap", Soap)] {
            let scratch = TempDir::new().unwrap();
            let file = printer.saved(name, scratch.path(), "call.php");
            // Other tests have other WSDLs at other addresses.
            let php = command("php", &["-d", "soap.wsdl_cache_enabled=0", &file]);
            printer.check(name, php, &[(face, account)]).await;
        }
        // What the SDK does with its file: it calls by PHP's curl.
        let scratch = TempDir::new().unwrap();
        let file = printer.saved("php-fuelsdk", scratch.path(), "config.php");
        let call = "$c = include $argv[1]; $call = curl_init($c['baseUrl'] . '/asset/v1/content/assets'); \
                    curl_setopt($call, CURLOPT_FAILONERROR, true); \
                    curl_setopt($call, CURLOPT_USERPWD, $c['clientid'] . ':' . $c['clientsecret']); \
                    exit(curl_exec($call) === false ? 1 : 0);";
        let php = command("php", &["-r", call, &file]);
        printer.check("php-fuelsdk", php, &[(Rest, account)]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ruby_calls_as_it_is_printed() {
    if !has_program("ruby") {
        return;
    }
    for (printer, account) in [
        (Printer::of_anyone().await, PARENT),
        (Printer::of_client().await, EMEA),
    ] {
        let scratch = TempDir::new().unwrap();
        let file = printer.saved("ruby-http", scratch.path(), "call.rb");
        printer
            .check("ruby-http", command("ruby", &[&file]), &[(Rest, account)])
            .await;
    }
    let printer = Printer::of_client().await;
    let text = printer.printed("ruby-fuelsdk");
    let told = super::run(command("ruby", &["-c", "-e", &text])).await;
    super::check_ran("ruby-fuelsdk", &told);
    // All but the SDK itself, which is not here.
    let (before, _client) = text.split_once("client = ").unwrap();
    let before = before.replace("require 'marketingcloudsdk'", "");
    let script = format!("{before}\nputs ENV['no_proxy']");
    let mut ruby = command("ruby", &["-e", &script]);
    ruby.env("NO_PROXY", "elsewhere.example");
    let told = super::run(ruby).await;
    assert_eq!(told.stdout, b"elsewhere.example,localhost\n", "{script}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn java_calls_as_it_is_printed() {
    let mut look = Command::new("java");
    look.args(["--describe-module", "jdk.compiler"]);
    if !has_program("java") || !has_part("the JDK's compiler", &mut look) {
        return;
    }
    for (printer, account) in [
        (Printer::of_anyone().await, PARENT),
        (Printer::of_client().await, EMEA),
    ] {
        let scratch = TempDir::new().unwrap();
        let file = printer.saved("java-http", scratch.path(), "Call.java");
        printer
            .check("java-http", command("java", &[&file]), &[(Rest, account)])
            .await;
    }
}
