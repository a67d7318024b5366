//! Clients with the vendor's URLs in their code: HTTPS_PROXY and a file of roots, or names that lead to an https listener.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::{
    Field, NAME, OF_ELSEWHERE, SECRET, driver, has_program, python, run, told, undisturbed,
};
use crate::harness::{APAC, EMEA};
use crate::identities::ECHO;

const ENVELOPE: &str = r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><fueloauth
xmlns="http://exacttarget.com">of-long-ago</fueloauth></s:Header><s:Body><RetrieveRequestMsg
xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>List</ObjectType><Properties>ID</Properties>
</RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>"#;

/// curl; what it says at the end is the status of the proxy's answer to CONNECT and that of the call.
fn curl(authority: &Path) -> Command {
    let mut command = undisturbed("curl");
    command.args(["-q", "-sS", "-w", "\n%{http_connect} %{http_code}"]);
    command.arg("--cacert").arg(authority);
    command
}

fn said(output: &Output) -> (String, String) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, statuses) = said.rsplit_once('\n').unwrap();
    (body.to_owned(), statuses.to_owned())
}

fn account(body: &str) -> Value {
    serde_json::from_str::<Value>(body).unwrap()["account"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_needs_only_https_proxy_and_the_ca() {
    if !has_program("curl") {
        return;
    }
    let field = Field::of_clients().await;
    let address = field.process.address;
    let through = |credentials: &str| {
        let mut command = curl(&field.authority());
        command.env("HTTPS_PROXY", format!("http://{credentials}{address}"));
        command
    };
    let known = format!("{NAME}:{SECRET}@");
    for _once_with_a_dead_token in 0..2 {
        let mut command = through(&known);
        command.args(["-H", &format!("Authorization: Bearer {OF_ELSEWHERE}")]);
        command.arg(field.url("rest", ECHO));
        let (body, statuses) = said(&run(command).await);
        assert_eq!(statuses, "200 200", "{body}");
        assert_eq!(account(&body), EMEA);
        field.tenant.revoke_all();
    }
    let mut command = through(&known);
    command.args(["-H", "Content-Type: text/xml", "-H", "SOAPAction: Retrieve"]);
    command.args(["-d", ENVELOPE, &field.url("soap", "/Service.asmx")]);
    let (body, statuses) = said(&run(command).await);
    assert_eq!(statuses, "200 200", "{body}");
    assert!(body.contains("<OverallStatus>OK</OverallStatus>"), "{body}");
    assert!(field.tenant.mints() >= 3, "each revocation was cured");
    field.check_journal();
    let before = field.tenant.journal().len();
    for unknown in [String::new(), format!("{NAME}:wrong@")] {
        let mut command = through(&unknown);
        command.arg(field.url("rest", ECHO));
        let output = run(command).await;
        assert!(!output.status.success());
        assert_eq!(said(&output).1, "407 000");
    }
    assert_eq!(field.tenant.journal().len(), before, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_needs_only_https_proxy_and_the_ca() {
    let Some(python) = python() else {
        return;
    };
    let field = Field::of_clients().await;
    let addresses = field.addresses();
    let through = |credentials: &str, address| {
        let mut command = undisturbed(&python);
        command.arg(driver("requests_client.py"));
        command.args([field.subdomain(), &field.control(), NAME, SECRET]);
        command.env("HTTPS_PROXY", format!("http://{credentials}{address}"));
        command.env("REQUESTS_CA_BUNDLE", field.authority());
        command
    };
    let known = format!("{NAME}:{SECRET}@");
    let own = field.proxy();
    let kept = [field.url("rest", "/"), field.url("soap", "/")];
    for (address, urls, soap_by_url) in [
        (addresses[0], [own.clone(), own], Value::Null),
        (addresses[2], kept, json!("OK")),
    ] {
        let told = told(through(&known, address)).await;
        let expected = json!({
            "account": EMEA,
            "again": EMEA,
            "soap": "OK",
            "urls": urls,
            "by_token": EMEA,
            "soap_by_url": soap_by_url,
        });
        assert_eq!(told, expected);
    }
    assert!(field.tenant.mints() >= 7, "each revocation was cured");
    field.check_journal();
    let told = told(through("", addresses[0])).await;
    assert!(told["refused"].as_str().unwrap().contains("407"), "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pysfmc_needs_only_https_proxy_and_the_ca() {
    let Some(python) = python() else {
        return;
    };
    let field = Field::of_clients().await;
    let address = field.process.address;
    let mut command = undisturbed(&python);
    command.arg(driver("pysfmc_client.py")).arg(field.control());
    command.env("SFMC_SUBDOMAIN", field.subdomain());
    command.env("SFMC_CLIENT_ID", NAME);
    command.env("SFMC_CLIENT_SECRET", SECRET);
    command.env("SFMC_ACCOUNT_ID", APAC.to_string());
    command.env("HTTPS_PROXY", format!("http://{NAME}:{SECRET}@{address}"));
    command.env("SSL_CERT_FILE", field.authority());
    let expected = json!({"account": APAC, "posted": "from-pysfmc", "member": APAC});
    assert_eq!(told(command).await, expected);
    assert!(field.tenant.mints() >= 3, "the revocation was cured");
    field.check_journal();
}

/// As a hosts file does it, for tools that take a subdomain and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_lead_to_an_https_listener_are_the_tenants() {
    if !has_program("curl") {
        return;
    }
    let field = Field::of_clients().await;
    let listener = field.addresses()[1];
    let led = |path_of: (&str, &str)| {
        let mut command = curl(&field.authority());
        command.args(["--connect-to", &format!("::{listener}")]);
        command.arg(field.url(path_of.0, path_of.1));
        command
    };
    let mut command = led(("rest", ECHO));
    command.args(["-u", &format!("{NAME}:{SECRET}")]);
    let (body, statuses) = said(&run(command).await);
    assert_eq!(statuses, "000 200", "{body}");
    assert_eq!(account(&body), EMEA);
    let (body, statuses) = said(&run(led(("rest", ECHO))).await);
    assert_eq!(statuses, "000 401", "{body}");
    let mut command = led(("auth", "/v2/token"));
    let asked =
        json!({"grant_type": "client_credentials", "client_id": NAME, "client_secret": SECRET});
    command.args([
        "-H",
        "Content-Type: application/json",
        "-d",
        &asked.to_string(),
    ]);
    let (body, statuses) = said(&run(command).await);
    assert_eq!(statuses, "000 200", "{body}");
    let token: Value = serde_json::from_str(&body).unwrap();
    let mut command = led(("rest", ECHO));
    let bearer = format!(
        "Authorization: Bearer {}",
        token["access_token"].as_str().unwrap()
    );
    command.args(["-H", &bearer]);
    let (body, statuses) = said(&run(command).await);
    assert_eq!(statuses, "000 200", "{body}");
    assert_eq!(account(&body), EMEA);
    field.check_journal();
}
