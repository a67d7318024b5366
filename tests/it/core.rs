//! Core Salesforce and what is built on it: a tiny tenant that says what each test tells it, and clients that speak its APIs.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sfmc_auth_proxy::app::{self, Running};
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::identity::{ClientSettings, Grant};
use sfmc_auth_proxy::policy::Mode;
use sfmc_auth_proxy::proxy::TenantSettings;
use sfmc_auth_proxy::sandbox;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::token::{EndpointSettings, GrantType, InstanceLock, Kind, TrustedHost};
use tokio::net::TcpListener;

use crate::harness::{Answer, Client, resolved, tenant_settings};
use crate::raw::Raw;

pub const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const PARTNER: &str = "urn:partner.soap.sforce.com";
pub const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
const UNIT: &str = "0Uv000000000001CAA";
const DATA: &str = "/services/data/v60.0/query?q=SELECT%20Id";

/// One call as it reached the tenant.
#[derive(Debug, Clone)]
pub struct Call {
    method: String,
    pub target: String,
    headers: HeaderMap,
    pub body: String,
    /// How many calls came before it, token requests not counted.
    before: usize,
}

impl Call {
    fn values(&self, name: &str) -> Vec<&str> {
        let values = self.headers.get_all(name).iter();
        values.map(|value| value.to_str().unwrap()).collect()
    }

    /// The token that it came with, wherever its API has it.
    pub fn token(&self) -> String {
        let bearers = self.values("authorization");
        let bearer = bearers
            .first()
            .and_then(|value| value.strip_prefix("Bearer "));
        let sessions = self.values("x-sfdc-session");
        let inside = self.body.split("<sessionId>").nth(1);
        let inside = inside.and_then(|rest| rest.split('<').next());
        let token = bearer.or(sessions.first().copied()).or(inside);
        token.unwrap_or_default().to_owned()
    }
}

/// Status, media type and body.
pub type Said = (u16, &'static str, Vec<u8>);

/// A tenant of core Salesforce, one of Account Engagement and one of Data Cloud, which share one host, beside Marketing
/// Cloud's `acme`; and the proxy in front of them all. What nothing selects is core's.
pub struct Field {
    marketing: sandbox::Tenant,
    pub proxy: Running,
    heard: Arc<Mutex<Vec<Call>>>,
}

struct Host {
    authority: String,
    heard: Arc<Mutex<Vec<Call>>>,
    /// By what each token request says of its client.
    mints: Mutex<BTreeMap<String, usize>>,
    mouth: Box<dyn Fn(&Call) -> Said + Send + Sync>,
}

impl Host {
    /// A token answer for every kind of endpoint, with another token each time.
    fn token(&self, request: &str) -> Said {
        let client = request
            .split('&')
            .find(|field| field.starts_with("client_id="));
        let mut mints = self.mints.lock().unwrap();
        let mints = mints
            .entry(client.unwrap_or_default().to_owned())
            .or_default();
        *mints += 1;
        let url = format!("http://{}", self.authority);
        let told = json!({
            "access_token": format!("00Dcore!{mints}"), "token_type": "Bearer", "instance_url": url,
            "id": format!("{url}/id/00D000000000001AAA/005000000000001AAA"), "issued_at": "1700000000000",
            "signature": "c2lnbmVk", "scope": "api", "expires_in": 1000,
            "rest_instance_url": format!("{url}/"), "soap_instance_url": format!("{url}/"),
        });
        (200, "application/json", told.to_string().into_bytes())
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let said = String::from_utf8(body.to_vec()).unwrap();
        let minting = match head.uri.path() {
            "/services/oauth2/token" => true,
            // An exchange of the proxy's own, and none that a caller has sent.
            "/services/a360/token" => said.contains("subject_token=00Dcore"),
            _ => false,
        };
        let (status, media_type, body) = if minting {
            self.token(&said)
        } else {
            let mut heard = self.heard.lock().unwrap();
            let call = Call {
                method: head.method.to_string(),
                target: head.uri.to_string(),
                headers: head.headers,
                body: said,
                before: heard.len(),
            };
            heard.push(call.clone());
            (self.mouth)(&call)
        };
        let mut response = Response::builder().status(status);
        if body.starts_with(&[0x1F, 0x8B]) {
            response = response.header("content-encoding", "gzip");
        }
        let response = response.header("content-type", media_type);
        response.body(Full::from(body)).unwrap()
    }
}

fn tenant(name: &str, kind: Kind, authority: &str) -> TenantSettings {
    let (host, port) = authority.rsplit_once(':').unwrap();
    TenantSettings {
        name: name.to_owned(),
        endpoint: EndpointSettings {
            kind,
            grant_type: GrantType::ClientCredentials,
            auth_url: format!("http://{authority}/").parse().unwrap(),
            client_id: format!("3MVG9.{name}"),
            client_secrets: vec![Secret::new("consumer-secret")],
            scope: None,
            refresh_before: Duration::from_secs(120),
            token_lifetime: Duration::from_secs(3600),
            lock: InstanceLock {
                subdomain: Some("sales".to_owned()),
                trusted: vec![TrustedHost {
                    host: host.to_owned(),
                    port: Some(port.parse().unwrap()),
                }],
            },
        },
        accounts: BTreeMap::new(),
        default_account: None,
        allow_any_account: false,
        mode: Mode::Full,
        extra_roots: Arc::new(Vec::new()),
    }
}

impl Field {
    pub async fn new(mouth: impl Fn(&Call) -> Said + Send + Sync + 'static) -> Self {
        Self::with(mouth, |_resolved| {}).await
    }

    pub async fn with(
        mouth: impl Fn(&Call) -> Said + Send + Sync + 'static,
        change: impl FnOnce(&mut Resolved),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let host = Arc::new(Host {
            authority: authority.clone(),
            heard: Arc::clone(&heard),
            mints: Mutex::default(),
            mouth: Box::new(mouth),
        });
        tokio::spawn(async move {
            while let Ok((stream, _peer)) = listener.accept().await {
                let host = Arc::clone(&host);
                let service = service_fn(move |request| {
                    let host = Arc::clone(&host);
                    async move { Ok::<_, Infallible>(host.answer(request).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        let marketing = sandbox::Tenant::start(tenant_settings()).await.unwrap();
        let mut resolved = resolved(&marketing);
        let engagement = Kind::AccountEngagement {
            api_url: format!("http://{authority}/").parse().unwrap(),
            business_unit_id: UNIT.to_owned(),
        };
        resolved.proxy.tenants.extend([
            tenant("sales", Kind::Salesforce, &authority),
            tenant("pardot", engagement, &authority),
            tenant("lake", Kind::DataCloud { dataspace: None }, &authority),
        ]);
        resolved.proxy.default_tenant = Some("sales".to_owned());
        change(&mut resolved);
        let proxy = app::start(resolved).await.unwrap();
        Self {
            marketing,
            proxy,
            heard,
        }
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.proxy.tcp().unwrap())
    }

    async fn send(&self, request: Request<impl Into<Bytes>>) -> Answer {
        let mut client = Client::connect(self.proxy.tcp().unwrap()).await;
        client.send(request).await
    }

    /// All calls so far, token requests not counted.
    pub fn heard(&self) -> Vec<Call> {
        self.heard.lock().unwrap().clone()
    }

    /// Neither core nor Marketing Cloud got a call.
    fn check_nothing_was_sent(&self, what: &str) {
        assert!(self.heard().is_empty(), "{what}: {:?}", self.heard());
        let journal = self.marketing.journal();
        assert!(
            journal
                .iter()
                .all(|entry| entry.face == sandbox::Face::Auth),
            "{what}"
        );
    }
}

fn ok(body: &str) -> Said {
    (200, "application/json", body.as_bytes().to_vec())
}

fn bodies(of: &[&str]) -> Vec<Said> {
    of.iter()
        .map(|body| {
            let media_type = if body.starts_with('<') {
                "text/xml; charset=utf-8"
            } else {
                "application/json;charset=UTF-8"
            };
            (400, media_type, body.as_bytes().to_vec())
        })
        .collect()
}

fn call(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::from(body.to_owned())).unwrap()
}

fn form(target: &str, body: &str) -> Request<Bytes> {
    let form = ("content-type", "application/x-www-form-urlencoded");
    call("POST", target, &[form], body)
}

fn soap(target: &str, envelope: &str) -> Request<Bytes> {
    let headers = [("content-type", "text/xml"), ("soapaction", "\"\"")];
    call("POST", target, &headers, envelope)
}

fn envelope(session: &str, namespace: &str, body: &str) -> String {
    format!(
        "<e:Envelope xmlns:e=\"{SOAP11}\"><e:Header>{session}</e:Header><e:Body xmlns='{namespace}'>{body}</e:Body>\
         </e:Envelope>"
    )
}

fn session(namespace: &str, token: &str) -> String {
    format!("<SessionHeader xmlns=\"{namespace}\"><sessionId>{token}</sessionId></SessionHeader>")
}

pub fn fault(code: &str, text: &str) -> Said {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"{SOAP11}\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" \
         xmlns:wsse=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\"><soapenv:Body>\
         <soapenv:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></soapenv:Fault></soapenv:Body>\
         </soapenv:Envelope>"
    );
    (500, "text/xml;charset=UTF-8", body.into_bytes())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub fn newsletter(resolved: &mut Resolved) {
    resolved.proxy.clients = vec![ClientSettings {
        name: "newsletter".to_owned(),
        secrets: vec![Secret::new("news-secret")],
        usernames: Vec::new(),
        grant: Grant {
            tenants: ["sales", "pardot", "lake"].map(str::to_owned).to_vec(),
            ..Grant::default()
        },
    }];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_an_array_is_cured_and_the_callers_session_stays_here() {
    let field = Field::new(|call| match call.before {
        0 => {
            let body =
                r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
            (401, "application/json;charset=UTF-8", body.into())
        }
        _ => ok(r#"{"done":true}"#),
    })
    .await;
    let headers = [
        ("authorization", "Bearer 00Dcallers!old"),
        ("x-sfdc-session", "00Dcallers!old"),
    ];
    let answer = field.send(call("GET", DATA, &headers, "")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text()),
        (200, r#"{"done":true}"#.to_owned())
    );
    let heard = field.heard();
    let bearers: Vec<_> = heard
        .iter()
        .map(|call| call.values("authorization"))
        .collect();
    assert_eq!(bearers, [["Bearer 00Dcore!1"], ["Bearer 00Dcore!2"]]);
    for call in &heard {
        assert_eq!((call.method.as_str(), call.target.as_str()), ("GET", DATA));
        assert!(!format!("{call:?}").contains("callers"), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_soap_api_gets_the_token_in_its_own_session_header() {
    let field = Field::new(|_call| (200, "text/xml", b"<ok/>".to_vec())).await;
    for (number, (path, namespace, body)) in [
        (
            "/services/Soap/u/60.0",
            PARTNER,
            "<query><queryString>a &lt; &#98;</queryString></query>",
        ),
        ("//services/soap/m/60.0/00D", METADATA, "<listMetadata/>"),
        // What is escaped is the same path to the tenant, and the caller's session must not get there.
        ("/services/%53oap/u/60.0", PARTNER, "<query/>"),
        (
            "/services/SOAP/c/60.0",
            "urn:enterprise.soap.sforce.com",
            "<query/>",
        ),
        (
            "/services/Soap/class/Mailer",
            "http://soap.sforce.com/schemas/class/Mailer",
            "<login/>",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let sent = envelope(&session(namespace, "00Dcallers!old"), namespace, body);
        let answer = field.send(soap(path, &sent)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let heard = &field.heard()[number];
        assert_eq!(heard.target, path);
        let expected = envelope(&session(namespace, "00Dcore!1"), namespace, body);
        assert_eq!(heard.body, expected);
        assert!(heard.values("authorization").is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_of_the_session_is_cured_and_no_other() {
    let sent = envelope("", PARTNER, "<query/>");
    let field = Field::new(|call| match call.before {
        0 => fault(
            "sf:INVALID_SESSION_ID",
            "INVALID_SESSION_ID: Invalid Session ID found in SessionHeader",
        ),
        _ => (200, "text/xml", b"<ok/>".to_vec()),
    })
    .await;
    let answer = field.send(soap("/services/Soap/u/60.0", &sent)).await;
    assert_eq!(answer.text(), "<ok/>");
    let heard = field.heard();
    assert_eq!(heard.len(), 2);
    for (call, token) in heard.iter().zip(["00Dcore!1", "00Dcore!2"]) {
        assert_eq!(
            call.body,
            envelope(&session(PARTNER, token), PARTNER, "<query/>")
        );
    }
    for (code, text) in [
        ("sf:INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS: no"),
        (
            "sf:MALFORMED_QUERY",
            "MALFORMED_QUERY: sf:INVALID_SESSION_ID",
        ),
        ("soapenv:INVALID_SESSION_ID", "an Apex class wrote this"),
        // What Marketing Cloud would say.
        ("wsse:Security", "Token Expired"),
    ] {
        let field = Field::new(move |_call| fault(code, text)).await;
        let answer = field.send(soap("/services/Soap/u/60.0", &sent)).await;
        assert_eq!(answer.status, 500, "{code}");
        assert_eq!(answer.body.to_vec(), fault(code, text).2, "{code}");
        assert_eq!(field.heard().len(), 1, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_apex_class_has_done_is_not_done_again() {
    let json = "application/json;charset=UTF-8";
    let own = r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#;
    let in_xml = "<?xml version=\"1.0\"?><Errors><Error><errorCode>INVALID_SESSION_ID</errorCode></Error></Errors>";
    for (said, times) in [
        ((401, json, own.as_bytes().to_vec()), 2),
        ((401, "application/xml", in_xml.as_bytes().to_vec()), 2),
        // What the class itself has answered, after whatever it did.
        (
            (401, json, br#"{"error":"INVALID_SESSION_ID"}"#.to_vec()),
            1,
        ),
        (
            (401, json, br#"[{"errorCode":"BACKEND_SAID_NO"}]"#.to_vec()),
            1,
        ),
        ((401, "text/plain", b"no".to_vec()), 1),
        ((401, json, Vec::new()), 1),
    ] {
        let answered = said.clone();
        let field = Field::new(move |call| match call.before {
            0 => answered.clone(),
            _ => ok("{}"),
        })
        .await;
        let order = call("POST", "/services/apexrest/orders", &[], "{\"count\":1}");
        let answer = field.send(order).await;
        assert_eq!(field.heard().len(), times, "{said:?}");
        if times == 1 {
            assert_eq!(
                (answer.status.as_u16(), answer.body.to_vec()),
                (401, said.2)
            );
        } else {
            assert_eq!(answer.status, 200);
        }
    }
    let field = Field::new(|_call| (401, "text/xml", b"<no/>".to_vec())).await;
    let namespace = "http://soap.sforce.com/schemas/class/Mailer";
    let sent = envelope("", namespace, "<mail/>");
    let answer = field.send(soap("/services/Soap/class/Mailer", &sent)).await;
    assert_eq!((answer.status.as_u16(), field.heard().len()), (401, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_fault_is_no_refusal_at_marketing_cloud() {
    let said = fault(
        "sf:INVALID_SESSION_ID",
        "INVALID_SESSION_ID: Invalid Session ID",
    )
    .2;
    let said = String::from_utf8(said).unwrap();
    let length = said.len();
    let answer = format!(
        "HTTP/1.1 500 Error\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n{said}"
    );
    let raw = Raw::answering(&answer, |_resolved| {}).await;
    let partner = "http://exacttarget.com/wsdl/partnerAPI";
    let sent = envelope("", partner, "<RetrieveRequestMsg/>");
    let answer = raw.stage.send(soap("/Service.asmx", &sent)).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (500, said));
    assert_eq!(raw.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_kind_of_tenant_lacks_is_refused_and_nothing_is_sent() {
    let field = Field::with(
        |_call| ok("{}"),
        |resolved| {
            // A My Domain name is no subdomain of Marketing Cloud, even where the names are alike.
            resolved.proxy.tenants[1].endpoint.lock.subdomain = Some("mcsales".to_owned());
        },
    )
    .await;
    let marketing = envelope(
        "",
        "http://exacttarget.com/wsdl/partnerAPI",
        "<RetrieveRequestMsg/>",
    );
    let core = envelope("", PARTNER, "<query/>");
    let token = "grant_type=client_credentials&client_id=a&client_secret=b";
    let exchange = "grant_type=urn:salesforce:grant-type:external:cdp&subject_token=t";
    for (request, words) in [
        (
            soap("/Service.asmx", &marketing),
            "tenant sales is one of core Salesforce",
        ),
        (
            soap("/@lake/Service.asmx", &marketing),
            "tenant lake is one of Data Cloud",
        ),
        (
            soap("/@acme/services/Soap/u/60.0", &core),
            "tenant acme is one of Marketing Cloud",
        ),
        (
            soap("/@pardot/services/Soap/u/60.0", &core),
            "tenant pardot is one of Account Engagement",
        ),
        (call("GET", "/etframework.wsdl", &[], ""), "tenant sales"),
        (
            call("GET", "/v2/userinfo", &[], ""),
            "/services/oauth2/userinfo",
        ),
        (form("/v2/token", token), "/services/oauth2/token"),
        (form("/v1/requestToken", "{}"), "/services/oauth2/token"),
        (form("/@acme/services/oauth2/token", token), "/v2/token"),
        (
            form("/@acme/services/oauth2/revoke", "token=t"),
            "tenant acme",
        ),
        (form("/services/a360/token", exchange), "Data Cloud"),
        (
            form("/services/oauth2/introspect", "token=t&client_secret=x"),
            "Introspection",
        ),
        (
            call("GET", "/services/oauth2/authorize", &[], ""),
            "login of a user",
        ),
        (
            call(
                "GET",
                "/https://mcsales.rest.marketingcloudapis.com/asset/v1/x",
                &[],
                "",
            ),
            "no tenant",
        ),
        (
            call(
                "GET",
                "/https://www.exacttargetapis.com/asset/v1/x",
                &[],
                "",
            ),
            "a host of Marketing Cloud",
        ),
    ] {
        let target = request.uri().to_string();
        let answer = field.send(request).await;
        let text = answer.text();
        assert!(
            text.contains("destination_not_allowed") && text.contains(words),
            "{target}: {text}"
        );
        let expected = if target.contains("oap/") || target.contains("asmx") {
            500
        } else {
            403
        };
        assert_eq!(answer.status, expected, "{target}");
    }
    field.check_nothing_was_sent("refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envelopes_that_log_in_or_out_are_refused_and_nothing_is_sent() {
    let field = Field::new(|_call| ok("{}")).await;
    for (namespace, body) in [
        (
            PARTNER,
            "<login><username>u@example.com</username><password>pass-word</password></login>",
        ),
        ("urn:other", "<login><password>pass-word</password></login>"),
        (PARTNER, "<logout/>"),
        (PARTNER, "<invalidateSessions/>"),
    ] {
        let answer = field
            .send(soap(
                "/services/Soap/u/60.0",
                &envelope("", namespace, body),
            ))
            .await;
        let text = answer.text();
        assert_eq!(answer.status, 500, "{text}");
        assert!(
            text.contains("destination_not_allowed") && text.contains("sales"),
            "{text}"
        );
        assert!(!text.contains("pass-word"));
    }
    for body in ["", "<query xmlns=''/>"] {
        let answer = field
            .send(soap("/services/Soap/u/60.0", &envelope("", PARTNER, body)))
            .await;
        let text = answer.text();
        assert!(
            text.contains("malformed_envelope") && text.contains("names no API"),
            "{text}"
        );
        assert!(text.starts_with("<?xml"), "a Fault, not {text}");
    }
    field.check_nothing_was_sent("refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_engagement_gets_its_business_unit_and_code_184_is_cured() {
    let refusals = [
        r#"{"@attributes":{"stat":"fail","version":1,"err_code":184},"err":"access_token is invalid"}"#,
        r#"{"code":184,"message":"access_token is invalid, unknown, or malformed"}"#,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rsp stat=\"fail\" version=\"1.0\"><err code=\"184\">no</err></rsp>",
    ];
    let mut said = bodies(&refusals);
    said.push((400, "application/json", gzip(refusals[1].as_bytes())));
    said.push((401, "application/json", refusals[0].into()));
    for refusal in said {
        let field = Field::new(move |call| match call.before {
            0 => refusal.clone(),
            _ => ok(r#"{"values":[]}"#),
        })
        .await;
        let headers = [
            ("pardot-business-unit-id", "0UvOFSOMEBODYELSE1"),
            ("accept-encoding", "br, gzip"),
        ];
        let target = "/@pardot/api/v5/objects/prospects?fields=id";
        let answer = field
            .send(call("POST", target, &headers, "{\"a\":1}"))
            .await;
        assert_eq!(answer.text(), r#"{"values":[]}"#);
        let heard = field.heard();
        let bearers: Vec<_> = heard
            .iter()
            .map(|call| call.values("authorization"))
            .collect();
        assert_eq!(bearers, [["Bearer 00Dcore!1"], ["Bearer 00Dcore!2"]]);
        for call in &heard {
            assert_eq!(call.values("pardot-business-unit-id"), [UNIT]);
            assert_eq!(call.values("accept-encoding"), ["gzip"]);
            assert_eq!(
                (call.target.as_str(), call.body.as_str()),
                ("/api/v5/objects/prospects?fields=id", "{\"a\":1}")
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_errors_of_account_engagement_pass_as_they_are() {
    let long = format!("{{\"message\":\"{}\",\"code\":184}}", "x".repeat(20_000));
    for body in [
        r#"{"@attributes":{"err_code":49},"err":"184"}"#,
        "<rsp stat=\"fail\"><err code=\"10\">184</err></rsp>",
        "plain words: err_code 184",
        "",
        &long,
    ] {
        let said = bodies(&[body]).remove(0);
        let field = Field::new(move |_call| said.clone()).await;
        let answer = field
            .send(call("GET", "/@pardot/api/v5/objects/prospects", &[], ""))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text().as_str()),
            (400, body)
        );
        assert_eq!(field.heard().len(), 1, "{body}");
    }
    // Nor does it mean anything elsewhere; and there the header is one like any other.
    let said = bodies(&[r#"{"code":184}"#]).remove(0);
    let field = Field::new(move |_call| said.clone()).await;
    let headers = [("pardot-business-unit-id", "0UvOFSOMEBODYELSE1")];
    let answer = field.send(call("GET", DATA, &headers, "")).await;
    assert_eq!(answer.status, 400);
    let heard = field.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        heard[0].values("pardot-business-unit-id"),
        ["0UvOFSOMEBODYELSE1"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bulk_api_gets_its_token_in_its_own_header() {
    let refusals = [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
         <exceptionCode>InvalidSessionId</exceptionCode><exceptionMessage>Invalid session id</exceptionMessage></error>",
        r#"{"exceptionCode":"InvalidSessionId","exceptionMessage":"Invalid session id"}"#,
    ];
    for refusal in bodies(&refusals) {
        let field = Field::new(move |call| match call.before {
            0 => refusal.clone(),
            _ => ok("{}"),
        })
        .await;
        let headers = [
            ("x-sfdc-session", "00Dcallers!old"),
            ("authorization", "Bearer 00Dcallers!old"),
        ];
        let answer = field
            .send(call(
                "POST",
                "/services/async/60.0/job",
                &headers,
                "<jobInfo/>",
            ))
            .await;
        assert_eq!(answer.text(), "{}");
        let heard = field.heard();
        let sessions: Vec<_> = heard
            .iter()
            .map(|call| call.values("x-sfdc-session"))
            .collect();
        assert_eq!(sessions, [["00Dcore!1"], ["00Dcore!2"]]);
        for call in &heard {
            assert_eq!(call.body, "<jobInfo/>");
            assert!(call.values("authorization").is_empty());
        }
    }
}

fn told(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cores_token_endpoint_hands_out_a_placeholder_that_works_everywhere() {
    let field = Field::with(|_call| ok("{}"), newsletter).await;
    let base = field.base();
    let token_at = async |target: &str, grant: &str| {
        let body = format!(
            "grant_type={grant}&client_id=newsletter&client_secret=news-secret&username=u&password=pass-word&assertion=a.b.c"
        );
        told(&field.send(form(target, &body)).await)
    };
    let grants = [
        "client_credentials",
        "password",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ];
    for grant in grants {
        let told = token_at("/services/oauth2/token", grant).await;
        assert_eq!(told["token_type"], "Bearer");
        assert_eq!(told["instance_url"], base.as_str(), "without a slash");
        assert_eq!(told["id"], format!("{base}/services/oauth2/userinfo"));
        assert!(told["scope"].is_string() && told["signature"].is_string());
        assert!(told["issued_at"].as_str().unwrap().parse::<u64>().unwrap() > 1_700_000_000_000);
    }
    let told = token_at("/@sales/services/oauth2/token", "password").await;
    assert_eq!(
        told["instance_url"],
        base.as_str(),
        "what is the default needs no selection"
    );
    let token = told["access_token"].as_str().unwrap();
    let pardot = token_at("/@pardot/services/oauth2/token", "password").await;
    assert_eq!(pardot["instance_url"], format!("{base}/@pardot"));
    field.check_nothing_was_sent("handed out");

    let bearer = format!("Bearer {token}");
    for request in [
        call("GET", DATA, &[("authorization", &bearer)], ""),
        call(
            "GET",
            &format!("/services/oauth2/userinfo?format=json&oauth_token={token}"),
            &[],
            "",
        ),
        soap(
            "/services/Soap/u/60.0",
            &envelope(&session(PARTNER, token), PARTNER, "<query/>"),
        ),
        call(
            "GET",
            "/services/async/60.0/job/1",
            &[("x-sfdc-session", token)],
            "",
        ),
    ] {
        let target = request.uri().to_string();
        assert_eq!(field.send(request).await.status, 200, "{target}");
    }
    let heard = field.heard();
    assert_eq!(heard.len(), 4);
    assert_eq!(heard[1].target, "/services/oauth2/userinfo?format=json");
    for call in heard {
        let whole = format!("{call:?}");
        assert!(
            whole.contains("00Dcore!") && !whole.contains("sfmc-auth-proxy."),
            "{whole}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_nothing_in_cores_words() {
    let field = Field::with(|_call| ok("{}"), newsletter).await;
    for (target, body, status, error) in [
        (
            "/services/oauth2/token",
            "grant_type=password&client_id=newsletter&client_secret=wrong",
            401,
            "invalid_client",
        ),
        (
            "/services/oauth2/token",
            "grant_type=client_credentials&client_id=3MVG9&client_secret=x",
            401,
            "invalid_client",
        ),
        (
            "/services/oauth2/token",
            "grant_type=authorization_code&code=c",
            400,
            "invalid_request",
        ),
        (
            "/services/oauth2/token",
            "client_id=newsletter",
            400,
            "invalid_request",
        ),
        (
            "/@lake/services/a360/token",
            "grant_type=urn:salesforce:grant-type:external:cdp&subject_token=t",
            401,
            "invalid_client",
        ),
    ] {
        let answer = field.send(form(target, body)).await;
        assert_eq!(answer.status, status, "{target} {body}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json");
        let told = answer.json();
        assert_eq!(told["error"], error);
        assert!(told["error_description"].as_str().unwrap().len() > 20);
    }
    let request = call("GET", DATA, &[("x-sfdc-session", "00Dcallers!old")], "");
    assert_eq!(field.send(request).await.status, 401);
    let request = soap(
        "/services/Soap/u/60.0",
        &envelope(&session(PARTNER, "00D!x"), PARTNER, "<query/>"),
    );
    assert_eq!(field.send(request).await.status, 401);
    field.check_nothing_was_sent("refused");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_or_exchanged_stays_here() {
    let field = Field::with(|_call| ok("{}"), newsletter).await;
    let body = "grant_type=password&client_id=newsletter&client_secret=news-secret";
    let core = told(&field.send(form("/@lake/services/oauth2/token", body)).await);
    let token = core["access_token"].as_str().unwrap();
    let body = format!("grant_type=urn:salesforce:grant-type:external:cdp&subject_token={token}");
    let lake = told(&field.send(form("/@lake/services/a360/token", &body)).await);
    let authority = field.proxy.tcp().unwrap().to_string();
    assert_eq!(
        lake["instance_url"],
        format!("{authority}/@lake"),
        "without a scheme"
    );
    assert_eq!(
        lake["issued_token_type"],
        "urn:ietf:params:oauth:token-type:jwt"
    );
    assert_eq!(lake["token_type"], "Bearer");
    assert!(lake["expires_in"].as_u64().unwrap() > 600);
    assert!(
        lake["access_token"]
            .as_str()
            .unwrap()
            .contains("sfmc-auth-proxy.")
    );
    // The vendor's own connector does so after every exchange.
    let answer = field
        .send(form(
            "/@lake/services/oauth2/revoke",
            &format!("token={token}"),
        ))
        .await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, ""));
    let again = field.send(form("/@lake/services/a360/token", &body)).await;
    assert_eq!(again.status, 200, "it still works");
    let get = field
        .send(call("GET", "/services/oauth2/revoke?token=t", &[], ""))
        .await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST"));
    field.check_nothing_was_sent("handed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes_know_cores_operations() {
    for (mode, body, code) in [
        (Mode::ReadOnly, "<query/>", None),
        (Mode::ReadOnly, "<create/>", Some("write_blocked")),
        (Mode::ReadOnly, "<sendEmail/>", Some("write_blocked")),
        (Mode::NoSend, "<create/>", None),
        (Mode::NoSend, "<sendEmail/>", Some("send_blocked")),
    ] {
        let field = Field::with(
            |_call| (200, "text/xml", b"<ok/>".to_vec()),
            |resolved| resolved.proxy.tenants[1].mode = mode,
        )
        .await;
        let answer = field
            .send(soap("/services/Soap/u/60.0", &envelope("", PARTNER, body)))
            .await;
        let text = answer.text();
        match code {
            None => assert_eq!((text.as_str(), field.heard().len()), ("<ok/>", 1), "{body}"),
            Some(code) => {
                assert!(text.contains(code), "{body}: {text}");
                field.check_nothing_was_sent(body);
            }
        }
    }
}
