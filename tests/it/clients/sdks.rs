//! SDKs: their token URL leads to the proxy, their id and secret are those of a client of the proxy, all else follows from the
//! answer.

use serde_json::json;
use tempfile::TempDir;

use super::{Field, NAME, SECRET, driver, node, python, told, undisturbed};
use crate::harness::{APAC, EMEA, PARENT};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sfmc_sdk_needs_only_its_auth_url_and_works_through_revocations() {
    let Some(folder) = node("sfmc-sdk", &["sfmc-sdk@2.1.2"], "sfmc-sdk.mjs") else {
        return;
    };
    let field = Field::of_clients().await;
    let auth_url = format!("{}{}", field.proxy(), field.url("auth", "/"));
    let mut command = undisturbed("node");
    command.arg(folder.join("sfmc-sdk.mjs"));
    command.args([&auth_url, &field.control(), NAME, SECRET]);
    command.args([EMEA, APAC, PARENT].map(|account| account.to_string()));
    let told = told(command).await;
    let expected = json!({
        "account": EMEA,
        "posted": "from-sfmc-sdk",
        "rows": 25,
        "created": "OK",
        "found": ["from-sfmc-sdk@example.com"],
        "pages": [10, 10, 5],
        "last": "OK",
        "refused": told["refused"],
        "other": APAC,
        "other_url": format!("{}@acme:{APAC}/", field.proxy()),
        "wrong_secret": told["wrong_secret"],
        "forbidden": told["forbidden"],
    });
    assert_eq!(told, expected);
    for (key, part) in [
        ("refused", "NoSuchObject"),
        ("wrong_secret", "RestError"),
        ("forbidden", "RestError"),
    ] {
        assert!(told[key].as_str().unwrap().contains(part), "{told}");
    }
    assert!(field.tenant.mints() >= 7, "each revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_for_node_needs_only_its_token_url_and_works_through_revocations() {
    let packages = ["fuel-rest@3.2.2", "fuel-soap@2.2.4"];
    let Some(folder) = node("fuel-node", &packages, "fuel_node.cjs") else {
        return;
    };
    let field = Field::of_clients().await;
    let mut command = undisturbed("node");
    command.arg(folder.join("fuel_node.cjs"));
    command.args([&field.proxy(), &field.control(), NAME, SECRET]);
    let each =
        json!({"account": EMEA, "posted": "from-fuel-rest", "pages": [10, 10, 5], "last": "OK"});
    assert_eq!(told(command).await, json!({"v2": each, "v1": each}));
    assert!(field.tenant.mints() >= 9, "each revocation was cured");
    field.check_journal();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fuel_sdk_needs_only_its_configuration_and_works_through_revocations() {
    let Some(python) = python() else {
        return;
    };
    let field = Field::of_clients().await;
    let scratch = TempDir::new().unwrap();
    let mut command = undisturbed(python);
    command.arg(driver("fuel_sdk.py"));
    let wsdl = format!("{}etframework.wsdl", field.proxy());
    command.args([&field.proxy(), &wsdl, &field.control(), NAME, SECRET]);
    // suds keeps parsed documents in the temporary folder, the SDK its endpoint in the current one.
    command.env("TMPDIR", scratch.path());
    command.current_dir(scratch.path());
    let told = told(command).await;
    for (oauth2, endpoint) in [("True", "service.asmx"), ("False", "Service.asmx")] {
        let told = &told[oauth2];
        let name = format!("from-fuelsdk-{oauth2}");
        let expected = json!({
            "posted": [201, name],
            "listed": [200, true],
            "created": [200, "OK"],
            "found": [200, "OK", [format!("{name}@example.com")]],
            "soap_endpoint": format!("{}{endpoint}", field.proxy()),
            "wrong_secret": told["wrong_secret"],
        });
        assert_eq!(*told, expected, "{oauth2}");
        let refused = told["wrong_secret"].as_str().unwrap();
        assert!(refused.contains("Unable to validate App Keys"), "{refused}");
    }
    assert!(field.tenant.mints() >= 9, "each revocation was cured");
    field.check_journal();
}
