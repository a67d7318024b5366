//! `suggest` against a running proxy: what it was seen to call is what its list lets through.

use std::fs;

use bytes::Bytes;
use http::Request;
use tempfile::TempDir;

use sfmc_auth_proxy::sandbox;

use crate::harness::{Client, tenant_settings, until};
use crate::identities::basic;
use crate::process::{Process, configuration, run};

const SECRET: &str = "news-secret-0123456789";

async fn call(process: &Process, method: &str, path: &str, body: &str) -> u16 {
    let is_envelope = path.ends_with(".asmx");
    let media_type = if is_envelope {
        "text/xml"
    } else {
        "application/json"
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", basic("newsletter", SECRET))
        .header("content-type", media_type)
        .header("soapaction", "Retrieve")
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    let mut client = Client::connect(process.address).await;
    client.send(request).await.status.as_u16()
}

/// The suggestion of the proxy that runs there.
fn suggested(process: &Process, folder: &TempDir) -> String {
    let url = format!("http://{}", process.admin);
    let output = run(
        &["suggest", "newsletter", "--url", &url],
        &[],
        folder.path(),
    );
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("calls were watched for"), "{err}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_running_proxy_saw_is_what_the_list_lets_through() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let secret = format!("\n[clients.newsletter]\nsecret = \"{SECRET}\"\n");
    let folder = configuration(&tenant, &secret);
    let retrieve = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><RetrieveRequestMsg \
                    xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>List</ObjectType><Properties>ID\
                    </Properties></RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>";
    let seen = [
        ("GET", "/asset/v1/content/assets", ""),
        ("POST", "/hub/v1/dataevents/key:A/rowset", "[]"),
        ("POST", "/Service.asmx", retrieve),
    ];
    let process = Process::start(folder.path(), &[], &[]).await;
    for (method, path, body) in seen {
        assert!(call(&process, method, path, body).await < 300, "{path}");
    }
    // A call is noted when its answer's last part is gone.
    until("all is noted", async || {
        suggested(&process, &folder).contains("SOAP Retrieve List")
    })
    .await;
    let list = suggested(&process, &folder);
    drop(process);
    let read: toml::Value = toml::from_str(&list).unwrap();
    assert_eq!(
        read["allow"],
        toml::Value::from(vec![
            "GET /asset/v1/content/**",
            "POST /hub/v1/dataevents/**",
            "SOAP Retrieve List"
        ])
    );
    assert_eq!(read["mode"].as_str(), Some("no_send"));
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + &list).unwrap();
    let process = Process::start(folder.path(), &[], &[]).await;
    for (method, path, body) in seen {
        assert!(call(&process, method, path, body).await < 300, "{path}");
    }
    assert_eq!(
        call(&process, "DELETE", "/asset/v1/content/assets/1", "").await,
        403
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_observed_policy_let_through_is_suggested_too() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let more = format!(
        "\n[clients.newsletter]\nsecret = \"{SECRET}\"\nallow = []\npolicy = \"observe\"\n"
    );
    let folder = configuration(&tenant, &more);
    let process = Process::start(folder.path(), &[], &[]).await;
    assert_eq!(
        call(&process, "GET", "/asset/v1/content/assets", "").await,
        200
    );
    until("it is noted", async || {
        suggested(&process, &folder).contains("GET /asset/v1/content/**")
    })
    .await;
}

/// The first of `accounts` is what calls get that select none: a list that is pasted changes nothing of that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_selects_stays_first() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let more = format!(
        "apac = 510001236\n\n[clients.newsletter]\nsecret = \"{SECRET}\"\naccounts = [\"emea\", \"apac\"]\n"
    );
    let folder = configuration(&tenant, &more);
    let process = Process::start(folder.path(), &[], &[]).await;
    for path in [
        "/asset/v1/content/assets",
        "/@acme:apac/asset/v1/content/assets",
    ] {
        assert_eq!(call(&process, "GET", path, "").await, 200);
    }
    until("both are noted", async || {
        suggested(&process, &folder).contains("accounts = [\"emea\", \"apac\"]\n")
    })
    .await;
}
