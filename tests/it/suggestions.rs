//! `suggest` against a running proxy: what it was seen to call is what its list lets through.

use std::fs;

use bytes::Bytes;
use http::Request;
use tempfile::TempDir;

use sfmc_auth_proxy::sandbox;

use crate::harness::{Answer, Client, tenant_settings, until};
use crate::identities::basic;
use crate::process::{Process, configuration, run};

const SECRET: &str = "news-secret-0123456789";

/// A call by `newsletter`.
fn request(method: &str, path: &str, body: &str) -> Request<Bytes> {
    let is_envelope = path.ends_with(".asmx");
    let media_type = if is_envelope {
        "text/xml"
    } else {
        "application/json"
    };
    let action = if body.contains("CreateRequest") {
        "Create"
    } else {
        "Retrieve"
    };
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", basic("newsletter", SECRET))
        .header("content-type", media_type)
        .header("soapaction", action)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

async fn send(process: &Process, request: Request<Bytes>) -> Answer {
    Client::connect(process.address).await.send(request).await
}

async fn call(process: &Process, method: &str, path: &str, body: &str) -> u16 {
    let answer = send(process, request(method, path, body)).await;
    answer.status.as_u16()
}

/// What is printed for this client, and what it is warned of.
fn suggested_for(client: &str, source: &[&str], folder: &TempDir) -> (String, String) {
    let arguments = [&["suggest", client], source].concat();
    let output = run(&arguments, &[], folder.path());
    let err = String::from_utf8(output.stderr).unwrap();
    (String::from_utf8(output.stdout).unwrap(), err)
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

/// So it does where nothing of it was seen: a job that selects nothing may run once a month.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nothing_selects_stays_first_though_nothing_of_it_was_seen() {
    for (accounts, path) in [
        (
            "[\"emea\", \"apac\"]",
            "/@acme:apac/asset/v1/content/assets",
        ),
        // The tenant's own default alone, which a client without `accounts` would have.
        (
            "[\"emea\", 510001234]",
            "/@acme:510001234/asset/v1/content/assets",
        ),
    ] {
        let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let more = format!(
            "apac = 510001236\n\n[clients.newsletter]\nsecret = \"{SECRET}\"\naccounts = {accounts}\n"
        );
        let folder = configuration(&tenant, &more);
        let process = Process::start(folder.path(), &[], &[]).await;
        assert_eq!(call(&process, "GET", path, "").await, 200);
        let url = format!("http://{}", process.admin);
        let source = ["--url", url.as_str()];
        let expected = format!("accounts = {accounts}\n");
        until("it is noted", async || {
            suggested_for("newsletter", &source, &folder)
                .0
                .contains("GET /asset/v1/content/**")
        })
        .await;
        let (list, err) = suggested_for("newsletter", &source, &folder);
        assert!(list.contains(&expected), "{list}");
        assert!(
            err.contains("no call for account emea of tenant acme was seen; it is listed because"),
            "{err}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_account_is_named_by_its_member_id() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    for path in [
        "/asset/v1/content/assets",
        "/@acme:emea/asset/v1/content/assets",
    ] {
        assert_eq!(call(&process, "GET", path, "").await, 200);
    }
    let url = format!("http://{}", process.admin);
    until("both are noted", async || {
        let (list, err) = suggested_for("anonymous", &["--url", &url], &folder);
        list.contains("accounts = [510001234, \"emea\"]\n") && !err.contains("member id")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_without_a_type_is_let_through_by_what_is_suggested() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let audited =
        format!("[audit]\nfile = \"audit.jsonl\"\n\n[clients.newsletter]\nsecret = \"{SECRET}\"\n");
    let folder = configuration(&tenant, &audited);
    let create = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                  xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Body><CreateRequest \
                  xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Objects i:type=\"Subscriber\"><EmailAddress>a@b.example\
                  </EmailAddress></Objects><Objects><Name>x</Name></Objects></CreateRequest></s:Body></s:Envelope>";
    let post = || request("POST", "/Service.asmx", create);
    let process = Process::start(folder.path(), &[], &[]).await;
    assert_eq!(send(&process, post()).await.status, 200);
    let url = format!("http://{}", process.admin);
    let sources = [["--url", url.as_str()], ["--from", "audit.jsonl"]];
    for source in sources {
        until("it is noted", async || {
            let (list, _err) = suggested_for("newsletter", &source, &folder);
            list.contains("\"SOAP Create\",") && list.contains("mode = \"full\"\n")
        })
        .await;
        let (_list, err) = suggested_for("newsletter", &source, &folder);
        assert!(
            err.contains("an object that says none, and such a call counts as one that sends"),
            "{err}"
        );
    }
    let (list, _err) = suggested_for("newsletter", &sources[0], &folder);
    drop(process);
    let file = folder.path().join("sfmc-auth-proxy.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + &list).unwrap();
    let process = Process::start(folder.path(), &[], &[]).await;
    let answer = send(&process, post()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(
        answer.text().contains("CreateResponse"),
        "of the tenant: {}",
        answer.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_list_lets_through_is_told() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "[audit]\nfile = \"audit.jsonl\"\n");
    let retrieve = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><RetrieveRequestMsg \
                    xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ClientIDs><ID>510001235</ID></ClientIDs>\
                    <ObjectType>List</ObjectType><Properties>ID</Properties></RetrieveRequest></RetrieveRequestMsg></s:Body>\
                    </s:Envelope>";
    let own = retrieve.replace("510001235", "510001234");
    let mut overridden = request("POST", "/asset/v1/content/assets", "{}");
    let header = overridden.headers_mut();
    header.insert("x-http-method-override", "DELETE".parse().unwrap());
    let process = Process::start(folder.path(), &[], &[]).await;
    let calls = [
        request("GET", "/asset/v1/content/assets", ""),
        request("POST", "/Service.asmx", &own),
    ];
    for request in calls {
        assert_eq!(send(&process, request).await.status, 200);
    }
    let url = format!("http://{}", process.admin);
    let sources = [["--url", url.as_str()], ["--from", "audit.jsonl"]];
    for source in sources {
        until("all is noted", async || {
            let (list, _err) = suggested_for("anonymous", &source, &folder);
            list.contains("SOAP Retrieve List") && list.contains("GET /asset")
        })
        .await;
        let (_list, err) = suggested_for("anonymous", &source, &folder);
        for words in ["cannot be told", "further accounts"] {
            assert!(!err.contains(words), "{err}");
        }
    }
    send(&process, overridden).await;
    send(&process, request("POST", "/Service.asmx", retrieve)).await;
    for source in sources {
        let told = [
            "warning: 1 call, such as \"POST /asset/v1/content\", cannot be told for certain",
            "warning: 1 call, such as \"SOAP Retrieve List\", named further accounts in the envelope",
        ];
        until("both are told", async || {
            let (_list, err) = suggested_for("anonymous", &source, &folder);
            told.iter().all(|words| err.contains(words))
        })
        .await;
    }
}

/// It is for everybody, so that there is no pattern for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wsdl_is_no_call_that_a_list_has_to_allow() {
    let tenant = sandbox::Tenant::start(tenant_settings()).await.unwrap();
    let folder = configuration(&tenant, "");
    let process = Process::start(folder.path(), &[], &[]).await;
    for path in ["/etframework.wsdl", "/asset/v1/content/assets"] {
        assert_eq!(call(&process, "GET", path, "").await, 200);
    }
    let url = format!("http://{}", process.admin);
    let source = ["--url", url.as_str()];
    until("the calls are noted", async || {
        let (list, _err) = suggested_for("anonymous", &source, &folder);
        list.contains("GET /asset/v1/content/**")
    })
    .await;
    let (list, err) = suggested_for("anonymous", &source, &folder);
    assert!(
        list.starts_with("# For [clients.anonymous]: 1 call,"),
        "{list}"
    );
    assert!(!err.contains("no pattern"), "{err}");
}
