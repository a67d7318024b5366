//! Clients by name: every way to say who one is, on every API, and what becomes of those who are nobody.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::json;

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::identity::{ClientSettings, Grant};
use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::server::Address;

use crate::harness::{APAC, Answer, Client, EMEA, PARENT, Stage, until};

pub const ECHO: &str = "/sandbox/echo";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/// A client of tenant `acme` with these accounts; none: the default one.
pub fn client(name: &str, secret: &str, accounts: &[u64]) -> ClientSettings {
    let accounts = match accounts {
        [] => BTreeMap::new(),
        _ => BTreeMap::from([("acme".to_owned(), accounts.to_vec())]),
    };
    ClientSettings {
        name: name.to_owned(),
        secrets: vec![Secret::new(secret)],
        usernames: vec![format!("API_{name}@example.com")],
        grant: Grant {
            tenants: vec!["acme".to_owned()],
            accounts,
            ..Grant::default()
        },
    }
}

/// `newsletter` with EMEA and APAC, `billing` with the default account.
pub fn two_clients(resolved: &mut Resolved) {
    resolved.proxy.clients = vec![
        client("newsletter", "news-secret", &[EMEA, APAC]),
        client("billing", "bill-secret", &[]),
    ];
}

pub fn basic(name: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{secret}")))
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request<Bytes> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::new()).unwrap()
}

fn account(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["account"].as_u64().unwrap()
}

/// Asks for a token as an SDK does.
pub async fn token(stage: &Stage, name: &str, secret: &str) -> Answer {
    let body =
        json!({"grant_type": "client_credentials", "client_id": name, "client_secret": secret});
    let request = Request::post("/v2/token").header("content-type", "application/json");
    stage
        .send(request.body(Bytes::from(body.to_string())).unwrap())
        .await
}

fn envelope(header: &str) -> Request<Bytes> {
    let body = format!(
        "<s:Envelope xmlns:s=\"{SOAP11}\"><s:Header>{header}</s:Header><s:Body><RetrieveRequestMsg \
         xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><RetrieveRequest><ObjectType>List</ObjectType><Properties>ID\
         </Properties></RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>"
    );
    Request::post("/Service.asmx")
        .header("content-type", "text/xml")
        .header("soapaction", "Retrieve")
        .body(Bytes::from(body))
        .unwrap()
}

fn username_token(name: &str, password: &str) -> String {
    format!(
        "<w:Security xmlns:w=\"{WSSE}\"><w:UsernameToken><w:Username>{name}</w:Username><w:Password>{password}</w:Password>\
         </w:UsernameToken></w:Security>"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_way_to_say_who_one_is_works_and_nothing_of_it_leaves() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    let told = token(&stage, "newsletter", "news-secret").await.json();
    let placeholder = told["access_token"].as_str().unwrap();
    assert_eq!(
        told["rest_instance_url"],
        format!("http://{}/", stage.address()),
        "the client's own default needs no selection"
    );
    let bearer = format!("Bearer {placeholder}");
    let newsletter = basic("newsletter", "news-secret");
    let foreign = "Bearer eyJhbGciOi.of.salesforce";
    for headers in [
        vec![("authorization", bearer.as_str())],
        vec![("authorization", newsletter.as_str())],
        vec![("proxy-authorization", newsletter.as_str())],
        vec![
            ("authorization", foreign),
            ("proxy-authorization", newsletter.as_str()),
        ],
    ] {
        let answer = stage.send(get(ECHO, &headers)).await;
        assert_eq!(account(&answer), EMEA, "the first account is the default");
    }
    let by_query = format!("{ECHO}?access_token={placeholder}");
    assert_eq!(account(&stage.get(&by_query).await), EMEA);
    let old_name = basic("api_newsletter@EXAMPLE.com", "news-secret");
    let answer = stage.send(get(ECHO, &[("authorization", &old_name)])).await;
    assert_eq!(account(&answer), EMEA);
    let answer = stage
        .send(get(
            "/@acme:apac/sandbox/echo",
            &[("authorization", &newsletter)],
        ))
        .await;
    assert_eq!(account(&answer), APAC);
    for header in [
        username_token("API_newsletter@example.com", "news-secret"),
        username_token("newsletter", "news-secret"),
        format!("<fueloauth xmlns=\"http://exacttarget.com\">{placeholder}</fueloauth>"),
        format!(
            "<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken>{placeholder}</oAuthToken></oAuth>"
        ),
    ] {
        let answer = stage.send(envelope(&header)).await;
        assert_eq!(answer.status, 200, "{header}: {}", answer.text());
        assert_eq!(answer.header("sfmc-account"), EMEA.to_string());
    }
    let journal = format!("{:?}", stage.tenant.journal());
    for secret in ["news-secret", placeholder, &newsletter[6..]] {
        assert!(!journal.contains(secret), "{secret} left the proxy");
    }
    let counted = "sfmc_auth_proxy_requests_total{account=\"emea\",api=\"rest\",client=\"newsletter\",code=\"200\",\
                   method=\"GET\",operation=\"other\",tenant=\"acme\"}";
    until("calls are counted by client", async || {
        stage.metric(counted).await >= 6.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_and_no_answer_says_which_part_was_wrong() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    let known = basic("billing", "bill-secret");
    let answer = stage.send(get(ECHO, &[("authorization", &known)])).await;
    assert_eq!(account(&answer), PARENT);
    let (mints, sent) = (stage.tenant.token_requests(), stage.received().len());
    let mut bodies = Vec::new();
    for headers in [
        vec![],
        vec![("authorization", basic("newsletter", "wrong"))],
        vec![("authorization", basic("nobody", "news-secret"))],
        vec![("authorization", "Bearer of-salesforce".to_owned())],
        vec![("authorization", "Bearer sfmc-auth-proxy.1.e30.".to_owned())],
    ] {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = stage.send(get(ECHO, &headers)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (401, "client_unauthenticated")
        );
        assert!(
            answer
                .header("www-authenticate")
                .starts_with("Basic realm=")
        );
        bodies.push(answer.json()["detail"].as_str().unwrap().to_owned());
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    for (name, secret) in [("newsletter", "wrong"), ("nobody", "x"), ("", "")] {
        let answer = token(&stage, name, secret).await;
        assert_eq!(answer.status, 401);
        assert_eq!(answer.json()["error"], "invalid_client");
    }
    for header in [
        String::new(),
        username_token("*", "*"),
        username_token("newsletter", "wrong"),
        "<fueloauth xmlns=\"http://exacttarget.com\">of-salesforce</fueloauth>".to_owned(),
    ] {
        let answer = stage.send(envelope(&header)).await;
        assert_eq!(answer.status, 401, "{header}");
        assert!(answer.text().contains("client_unauthenticated"));
        assert!(answer.text().contains("<soap:Fault>"));
    }
    let two = [
        ("authorization", basic("billing", "bill-secret")),
        ("proxy-authorization", basic("newsletter", "news-secret")),
    ];
    let headers: Vec<_> = two.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = stage.send(get(ECHO, &headers)).await;
    assert_eq!(answer.code(), "client_unauthenticated");
    assert_eq!(stage.received().len(), sent);
    assert_eq!(stage.tenant.token_requests(), mints);
    let reason = "sfmc_auth_proxy_errors_total{reason=\"client_unauthenticated\"}";
    until("failures are counted", async || {
        stage.metric(reason).await >= 13.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_has_its_own_accounts_and_no_others() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    let billing = basic("billing", "bill-secret");
    let newsletter = basic("newsletter", "news-secret");
    let as_billing = [("authorization", billing.as_str())];
    assert_eq!(account(&stage.send(get(ECHO, &as_billing)).await), PARENT);
    for (path, headers) in [
        ("/@acme:emea/sandbox/echo", &as_billing),
        (
            "/@acme:510001234/sandbox/echo",
            &[("authorization", newsletter.as_str())],
        ),
    ] {
        let answer = stage.send(get(path, headers)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (403, "account_not_allowed"),
            "{path}"
        );
    }
    let told = token(&stage, "newsletter", "news-secret").await.json();
    let stolen = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let answer = stage
        .send(get(
            "/@acme:510001234/sandbox/echo",
            &[("authorization", &stolen)],
        ))
        .await;
    assert_eq!(answer.code(), "account_not_allowed");
    let unknown = stage.send(get("/@beta/sandbox/echo", &as_billing)).await;
    assert_eq!(unknown.code(), "unknown_tenant");
    assert_eq!(stage.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_of_a_client_is_that_client_and_takes_no_other() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            two_clients(resolved);
            let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
            resolved.server.listeners.push(address);
            resolved.proxy.listeners.push(ListenerSelection {
                tenant: Some("acme".to_owned()),
                account: Some(APAC),
                client: Some("newsletter".to_owned()),
                ..ListenerSelection::default()
            });
        },
    )
    .await;
    let Address::Tcp(pinned) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let mut caller = Client::connect(pinned).await;
    assert_eq!(account(&caller.get(ECHO).await), APAC);
    let foreign = [("authorization", "Bearer of-salesforce")];
    assert_eq!(account(&caller.send(get(ECHO, &foreign)).await), APAC);
    let other = basic("billing", "bill-secret");
    let answer = caller.send(get(ECHO, &[("authorization", &other)])).await;
    assert_eq!(answer.code(), "client_unauthenticated");
    let body = json!({"grant_type": "client_credentials", "client_id": "of-salesforce", "client_secret": "x"});
    let request = Request::post("/v2/token").header("content-type", "application/json");
    let answer = caller
        .send(request.body(Bytes::from(body.to_string())).unwrap())
        .await;
    let told = answer.json();
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let elsewhere = stage.send(get(ECHO, &[("authorization", &bearer)])).await;
    assert_eq!(
        account(&elsewhere),
        EMEA,
        "what it was handed is the client's"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_placeholder_outlives_a_restart_but_not_its_client() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    let told = token(&stage, "newsletter", "news-secret").await.json();
    let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
    let with = async |change: fn(&mut Resolved)| {
        let stage = Stage::with(|_tenant| {}, change).await;
        let answer = stage.send(get(ECHO, &[("authorization", &bearer)])).await;
        (answer, stage.received().len())
    };
    assert_eq!(account(&with(two_clients).await.0), EMEA);
    for change in [
        |resolved: &mut Resolved| {
            resolved.proxy.clients = vec![client("billing", "bill-secret", &[])];
        },
        |resolved: &mut Resolved| {
            resolved.proxy.clients = vec![client("newsletter", "another", &[EMEA])];
        },
    ] {
        let (answer, sent) = with(change).await;
        assert_eq!(
            (answer.code().as_str(), sent),
            ("client_unauthenticated", 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_take_all_turns() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            two_clients(resolved);
            resolved.proxy.client_requests_max = 1;
        },
    )
    .await;
    let newsletter = basic("newsletter", "news-secret");
    let mut first = stage.client().await;
    // Its answer is not read to its end, so that it stays under way.
    let held = first
        .begin(get(
            "/sandbox/bytes/67108864",
            &[("authorization", &newsletter)],
        ))
        .await;
    assert_eq!(held.status(), 200);
    let waiting = tokio::spawn({
        let mut second = stage.client().await;
        let request = get(ECHO, &[("authorization", &newsletter)]);
        async move { second.send(request).await }
    });
    let billing = basic("billing", "bill-secret");
    let other = stage.send(get(ECHO, &[("authorization", &billing)])).await;
    assert_eq!(account(&other), PARENT, "others go on");
    assert!(!waiting.is_finished());
    drop((held, first));
    assert_eq!(account(&waiting.await.unwrap()), EMEA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_needs_no_name_as_long_as_nothing_is_selected() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    for path in ["/etframework.wsdl", "/ETFrameworkFault.xsd"] {
        let answer = stage.get(path).await;
        assert_eq!(answer.status, 200, "{path}");
    }
    let foreign = [("authorization", "Bearer of-salesforce")];
    let answer = stage.send(get("/etframework.wsdl", &foreign)).await;
    assert_eq!(answer.status, 200);
    let wsdl = answer.text();
    let ours = format!("location=\"http://{}/Service.asmx\"", stage.address());
    assert!(
        wsdl.contains(&ours),
        "the caller's own default account is at the plain address"
    );
    let sent = stage.tenant.journal();
    let calls = sent
        .iter()
        .filter(|entry| entry.face == sfmc_auth_proxy::sandbox::Face::Soap);
    let calls: Vec<_> = calls.collect();
    assert!(
        calls.len() == 3
            && calls
                .iter()
                .all(|entry| entry.header("authorization").is_none())
    );
    let wrong = basic("newsletter", "wrong");
    for (path, headers) in [
        ("/@acme/etframework.wsdl", vec![]),
        ("/etframework.wsdl", vec![("sfmc-account", "emea")]),
        ("/etframework.wsdl", vec![("authorization", wrong.as_str())]),
        ("/Service.asmx", vec![("authorization", wrong.as_str())]),
    ] {
        let answer = stage.send(get(path, &headers)).await;
        assert_eq!(answer.status, 401, "{path} {headers:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_wait_and_who_is_right_does_not() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    let right = basic("newsletter", "news-secret");
    let wrong = basic("newsletter", "a-guess");
    let guess = |mut client: Client| {
        let request = get(ECHO, &[("authorization", &wrong)]);
        tokio::spawn(async move { client.send(request).await.status })
    };
    let mut guesses = Vec::new();
    for _guess in 0..30 {
        guesses.push(guess(stage.client().await));
    }
    for guess in guesses {
        assert_eq!(guess.await.unwrap(), 401);
    }
    let held_back = guess(stage.client().await);
    for _call in 0..5 {
        let answer = stage.send(get(ECHO, &[("authorization", &right)])).await;
        assert_eq!(account(&answer), EMEA);
    }
    assert!(!held_back.is_finished(), "the guess still waits");
    assert_eq!(held_back.await.unwrap(), 401);
}
