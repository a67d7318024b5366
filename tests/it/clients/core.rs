//! SDKs for core Salesforce: their instance leads to the proxy, their token is any text, or they log in at the proxy with name and
//! secret of one of its clients. At the tenant each token is good for one call.

use std::collections::HashSet;
use std::fs;
use std::sync::Mutex;

use serde_json::json;
use sfmc_auth_proxy::config::{AuthorityPlace, Resolved};
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::server::Address;
use tempfile::TempDir;

use super::{OF_ELSEWHERE, driver, node, python, told, undisturbed};
use crate::core::{Call, Field, METADATA, SOAP11, Said, fault, newsletter};

/// What the SDKs ask for. A token that was used once is refused, in the words of each API.
fn of_one_use() -> impl Fn(&Call) -> Said + Send + Sync + 'static {
    let used = Mutex::new(HashSet::new());
    move |call| {
        let token = call.token();
        assert!(token.starts_with("00Dcore!"), "{call:?}");
        let path = call.target.split('?').next().unwrap_or_default();
        if !used.lock().unwrap().insert(token) {
            return refusal(path);
        }
        let after_version = path.splitn(5, '/').nth(4).unwrap_or_default();
        match after_version {
            "query" | "query/" => json_of(
                200,
                &json!({
                    "totalSize": 1, "done": true,
                    "records": [{"attributes": {"type": "Contact", "url": "/x"}, "Id": "003000000000001AAA", "LastName": "Ångström"}],
                }),
            ),
            "sobjects/Contact" | "sobjects/Contact/" => json_of(
                201,
                &json!({"id": "003000000000002AAA", "success": true, "errors": []}),
            ),
            _ if path == "/services/oauth2/userinfo" => json_of(
                200,
                &json!({"user_id": "005000000000001AAA", "organization_id": "00D000000000001AAA"}),
            ),
            _ if path.starts_with("/services/Soap/m/") => metadata(&call.body),
            _ if path.starts_with("/services/async/") && call.body.starts_with('<') => {
                let job = "<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><id>750000000000001</id>\
                           <state>Open</state></jobInfo>";
                (201, "application/xml", job.into())
            }
            _ => json_of(
                201,
                &json!({"id": "750000000000001", "jobId": "750000000000001", "state": "Open"}),
            ),
        }
    }
}

fn json_of(status: u16, told: &serde_json::Value) -> Said {
    (
        status,
        "application/json;charset=UTF-8",
        told.to_string().into_bytes(),
    )
}

fn refusal(path: &str) -> Said {
    if path.starts_with("/services/Soap/") {
        fault(
            "sf:INVALID_SESSION_ID",
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session",
        )
    } else if path.starts_with("/services/async/") {
        let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
                    <exceptionCode>InvalidSessionId</exceptionCode><exceptionMessage>Invalid session id</exceptionMessage></error>";
        (400, "application/xml", body.into())
    } else {
        json_of(
            401,
            &json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]),
        )
    }
}

fn metadata(asked: &str) -> Said {
    let result = if asked.contains("deploy>") {
        "<deployResponse><result><done>false</done><id>0Af000000000001AAA</id><state>Queued</state></result></deployResponse>"
    } else if asked.contains("describeMetadata>") {
        "<describeMetadataResponse><result><organizationNamespace></organizationNamespace>\
         <partialSaveAllowed>true</partialSaveAllowed><testRequired>false</testRequired></result></describeMetadataResponse>"
    } else {
        "<listMetadataResponse><result><fullName>Contact</fullName><type>CustomObject</type></result>\
         <result><fullName>Order__c</fullName><type>CustomObject</type></result></listMetadataResponse>"
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{SOAP11}\" xmlns=\"{METADATA}\">\
         <soapenv:Body>{result}</soapenv:Body></soapenv:Envelope>"
    );
    (200, "text/xml;charset=UTF-8", body.into_bytes())
}

/// Each refusal was cured, and nothing of what a client shows has reached the tenant.
fn check(field: &Field, calls_min: usize) {
    let heard = field.heard();
    let cured = heard.len() / 2;
    assert!(cured >= calls_min, "{cured} calls were cured");
    for call in heard {
        let whole = format!("{call:?}");
        for kept in [OF_ELSEWHERE, "news-secret", "pass-word", "sfmc-auth-proxy."] {
            assert!(!whole.contains(kept), "{kept}: {whole}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simple_salesforce_needs_only_its_instance_and_works_through_refusals() {
    let Some(python) = python() else {
        return;
    };
    let secure = |resolved: &mut Resolved| {
        resolved.authority = AuthorityPlace::ThisProcess;
        resolved.proxy.intercept = true;
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        resolved.server.listeners.push(address);
        resolved.server.tls_listeners = vec![1];
        resolved.proxy.listeners.push(ListenerSelection::default());
    };
    let field = Field::with(of_one_use(), secure).await;
    let Address::Tcp(address) = field.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let folder = TempDir::new().unwrap();
    let authority = folder.path().join("ca.pem");
    fs::write(&authority, field.proxy.authority().unwrap().pem()).unwrap();
    let mut command = undisturbed(python);
    command.arg(driver("simple_salesforce_client.py"));
    command.arg(format!("https://localhost:{}", address.port()));
    command.env("REQUESTS_CA_BUNDLE", authority);
    let expected = json!({
        "found": ["Ångström"],
        "created": "003000000000002AAA",
        "deployed": ["0Af000000000001AAA", "Queued"],
        "described": true,
    });
    assert_eq!(told(command).await, expected);
    check(&field, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jsforce_needs_only_its_instance_or_its_login_url_and_works_through_refusals() {
    let Some(folder) = node("jsforce", &["jsforce@3.10.8"], "jsforce_client.mjs") else {
        return;
    };
    let work = json!({
        "found": ["Ångström"],
        "created": "003000000000002AAA",
        "listed": ["Contact", "Order__c"],
        "job": "750000000000001",
    });
    let field = Field::new(of_one_use()).await;
    let mut command = undisturbed("node");
    command
        .arg(folder.join("jsforce_client.mjs"))
        .arg(field.base());
    assert_eq!(told(command).await, json!({"work": work}));
    check(&field, 3);

    let field = Field::with(of_one_use(), newsletter).await;
    let mut command = undisturbed("node");
    command.arg(folder.join("jsforce_client.mjs"));
    command.args([field.base().as_str(), "newsletter", "news-secret"]);
    let told = told(command).await;
    let expected = json!({
        "instance": field.base(),
        "work": work,
        "identity": "005000000000001AAA",
        "wrong_secret": told["wrong_secret"],
        "by_soap": told["by_soap"],
    });
    assert_eq!(told, expected);
    for (key, words) in [
        ("wrong_secret", "invalid_client"),
        ("by_soap", "credentials"),
    ] {
        assert!(told[key].as_str().unwrap().contains(words), "{told}");
    }
    check(&field, 4);
}
