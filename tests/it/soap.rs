//! SOAP on the wire: what leaves, what comes back, which Faults are cured, and what the proxy says itself.

use std::io::{Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::sandbox::{Face, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::harness::{Answer, Stage, until};
use crate::raw::{Heard, Raw, Said};

const BODY: &str = "<s:Body>\r\n <RetrieveRequestMsg xmlns='http://exacttarget.com/wsdl/partnerAPI'><RetrieveRequest>\
    <ObjectType>Subscriber</ObjectType><Properties>Na&#109;e</Properties></RetrieveRequest></RetrieveRequestMsg></s:Body>";
const SOAP11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP12: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

fn envelope(header: &str) -> String {
    format!("<s:Envelope xmlns:s=\"{SOAP11}\"><s:Header>{header}</s:Header>{BODY}</s:Envelope>")
}

fn post(body: impl Into<Bytes>) -> Request<Bytes> {
    Request::post("/Service.asmx")
        .header("content-type", "text/xml; charset=utf-8")
        .header("soapaction", "\"Retrieve\"")
        .body(body.into())
        .unwrap()
}

fn said(status: &str, body: &str) -> Said {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into()
}

fn result(status: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"{SOAP11}\"><soap:Header/><soap:Body>\
         <RetrieveResponseMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><OverallStatus>{status}</OverallStatus>\
         <RequestID>1</RequestID></RetrieveResponseMsg></soap:Body></soap:Envelope>"
    )
}

fn fault(code: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><soap:Envelope xmlns:soap=\"{SOAP11}\"><soap:Body><soap:Fault><faultcode \
         xmlns:q0=\"{WSSE}\">{code}</faultcode><faultstring>{text}</faultstring></soap:Fault></soap:Body></soap:Envelope>"
    )
}

fn fault_12(text: &str) -> String {
    format!(
        "<env:Envelope xmlns:env=\"{SOAP12}\"><env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode>\
         <env:Value xmlns:x=\"{WSSE}\">x:Security</env:Value></env:Subcode></env:Code><env:Reason><env:Text \
         xml:lang=\"en\">{text}</env:Text></env:Reason></env:Fault></env:Body></env:Envelope>"
    )
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

/// Refuses the first call in some way, and takes every other.
async fn refusing_once(refusal: impl Fn() -> Said + Send + Sync + 'static) -> Raw {
    let mouth = move |heard: &Heard| match heard.before {
        0 => refusal(),
        _ => said("200 OK", &result("OK")),
    };
    Raw::speaking(mouth, |_resolved| {}).await
}

async fn taking_all() -> Raw {
    Raw::speaking(|_heard| said("200 OK", &result("OK")), |_resolved| {}).await
}

/// The token in an envelope that arrived, read by another library.
fn token_of(heard: &Heard) -> String {
    let text = heard.body_text();
    let document = roxmltree::Document::parse(&text).unwrap();
    let tokens: Vec<_> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://exacttarget.com", "fueloauth")))
        .collect();
    assert_eq!(tokens.len(), 1, "{text}");
    tokens[0].text().unwrap().to_owned()
}

fn soap_fault(answer: &Answer) -> (String, String) {
    let text = answer.text();
    assert!(
        text.contains("<soap:Envelope") && text.contains("<soap:Body>"),
        "{text}"
    );
    let document = roxmltree::Document::parse(&text).unwrap();
    let find = |name: &str| {
        let node = document
            .descendants()
            .find(|node| node.tag_name().name() == name);
        node.and_then(|node| node.text())
            .unwrap_or_default()
            .to_owned()
    };
    (find("code"), find("faultstring"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_put_in_and_no_other_byte_changes() {
    let raw = taking_all().await;
    let other = "<a:Other xmlns:a='urn:x' s:mustUnderstand='1'>kept &amp; sound</a:Other>";
    let old = "<fueloauth xmlns='http://exacttarget.com'>old</fueloauth>";
    let answer = raw
        .stage
        .send(post(envelope(&format!("{old}{other}"))))
        .await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, result("OK")));
    let heard = &raw.heard()[0];
    let token = token_of(heard);
    assert!(token.len() > 100, "a token of the tenant's, not {token}");
    let ours = format!("<fueloauth xmlns=\"http://exacttarget.com\">{token}</fueloauth>");
    assert_eq!(heard.body_text(), envelope(&format!("{ours}{other}")));
    assert!(heard.head.starts_with("POST /Service.asmx HTTP/1.1\r\n"));
    assert_eq!(heard.values("host"), [heard.authority.as_str()]);
    assert_eq!(heard.values("authorization"), [""; 0]);
    assert_eq!(heard.values("soapaction"), ["\"Retrieve\""]);
    assert_eq!(heard.values("content-type"), ["text/xml; charset=utf-8"]);
    assert_eq!(heard.values("transfer-encoding"), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunked_packed_and_expecting_callers_are_served() {
    let raw = taking_all().await;
    let text = envelope("");
    let packed = gzip(text.as_bytes());
    let mut request = post(packed.clone());
    request
        .headers_mut()
        .insert("content-encoding", "gzip".parse().unwrap());
    request
        .headers_mut()
        .insert("accept-encoding", "gzip, deflate, br".parse().unwrap());
    assert_eq!(raw.stage.send(request).await.status, 200);

    let head = "POST /SERVICE.asmx HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nSOAPAction: Retrieve\r\nConnection: close\r\n";
    let (one, two) = text.split_at(text.len() / 2);
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
        one.len(),
        two.len()
    );
    let answer = raw.stage.speak(chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let mut caller = TcpStream::connect(raw.stage.address()).await.unwrap();
    let expecting = format!(
        "{head}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    caller.write_all(expecting.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    caller.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    caller.write_all(text.as_bytes()).await.unwrap();
    let mut rest = String::new();
    caller.read_to_string(&mut rest).await.unwrap();
    assert!(rest.starts_with("HTTP/1.1 200 "), "{rest}");

    let heard = raw.heard();
    assert_eq!(heard.len(), 3);
    for heard in &heard {
        let token = token_of(heard);
        let ours = format!("<fueloauth xmlns=\"http://exacttarget.com\">{token}</fueloauth>");
        assert_eq!(heard.body_text(), envelope(&ours));
        assert_eq!(heard.values("content-encoding"), [""; 0]);
        assert_eq!(heard.values("expect"), [""; 0]);
    }
    // What the proxy could not read would hide an expired token.
    assert_eq!(heard[0].values("accept-encoding"), ["gzip"]);
    assert!(
        heard[1].head.starts_with("POST /SERVICE.asmx "),
        "as it was written"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_refuses_the_token_is_cured() {
    let expired = fault("q0:Security", "Token Expired");
    let packed = gzip(expired.as_bytes());
    let refusals: Vec<Box<dyn Fn() -> Said + Send + Sync>> = vec![
        Box::new(|| {
            said(
                "500 Internal Server Error",
                &fault("q0:Security", "Token Expired"),
            )
        }),
        Box::new(|| said("200 OK", &fault("q0:Security", "Login Failed"))),
        Box::new(|| said("500 Oops", &fault("q0:Security", "Login failed"))),
        Box::new(|| said("400 Bad Request", &fault_12("Token Expired"))),
        Box::new(|| said("401 Unauthorized", "")),
        Box::new(move || {
            let head = format!(
                "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                packed.len()
            );
            [head.as_bytes(), packed.as_slice()].concat().into()
        }),
        Box::new(move || {
            // One byte a chunk.
            let mut answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
            for letter in expired.chars() {
                answer.push_str(&format!("1\r\n{letter}\r\n"));
            }
            answer.push_str("0\r\n\r\n");
            answer.into()
        }),
    ];
    for (index, refusal) in refusals.into_iter().enumerate() {
        let raw = refusing_once(refusal).await;
        let answer = raw.stage.send(post(envelope(""))).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, result("OK")),
            "{index}"
        );
        let heard = raw.heard();
        assert_eq!(heard.len(), 2, "{index}");
        let (first, second) = (token_of(&heard[0]), token_of(&heard[1]));
        assert_ne!(first, second, "{index}: never the same dead token again");
        assert_eq!(
            heard[0].body_text().replace(&first, "T"),
            heard[1].body_text().replace(&second, "T"),
            "{index}: else the same"
        );
        assert_eq!(raw.stage.tenant.mints(), 2, "{index}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_stays_goes_back_as_it_came() {
    let expired = fault("q0:Security", "Token Expired");
    let text = expired.clone();
    let raw = Raw::speaking(
        move |_heard| said("500 Internal Server Error", &text),
        |_resolved| {},
    )
    .await;
    let answer = raw.stage.send(post(envelope(""))).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (500, expired));
    assert_eq!(raw.heard().len(), 2, "once, and once more");
    let advice = answer.header("proxy-status").to_owned();
    assert!(
        advice.starts_with("sfmc-auth-proxy; received-status=500; details=\"missing scope?"),
        "{advice}"
    );
    // The same kind of call rests now; it costs no more mints.
    let again = raw.stage.send(post(envelope(""))).await;
    assert_eq!(again.status, 500);
    assert_eq!((raw.heard().len(), raw.stage.tenant.mints()), (3, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_a_refusal_is_sent_again() {
    let in_data = format!(
        "<soap:Envelope xmlns:soap=\"{SOAP11}\"><soap:Body><R xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Results>\
         &lt;faultstring&gt;Token Expired&lt;/faultstring&gt; q0:Security Login Failed</Results></R></soap:Body></soap:Envelope>"
    );
    for (status, body) in [
        (
            "500 Internal Server Error",
            fault("soap:Server", "Token Expired"),
        ),
        (
            "500 Internal Server Error",
            fault("soap:Client", "Login Failed, says the data"),
        ),
        (
            "500 Internal Server Error",
            fault("q0:Security", "Something else"),
        ),
        (
            "503 Service Unavailable",
            "<html>Token Expired</html>".to_owned(),
        ),
        ("500 Internal Server Error", String::new()),
        ("200 OK", in_data),
        ("200 OK", "not XML & Token Expired".to_owned()),
    ] {
        let text = body.clone();
        let raw = Raw::speaking(move |_heard| said(status, &text), |_resolved| {}).await;
        let answer = raw.stage.send(post(envelope(""))).await;
        assert_eq!(answer.text(), body);
        assert_eq!(raw.heard().len(), 1, "{status} {body}");
        assert_eq!(raw.stage.tenant.mints(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn throttling_and_missing_permission_are_told_and_counted() {
    let permission = result("Error: API Permission Failed. Contact your administrator.");
    for (status, body, advice, series) in [
        (
            "500 Internal Server Error",
            fault("soap:Server", "Request was throttled"),
            "the tenant throttles SOAP calls",
            "sfmc_auth_proxy_throttled_total{api=\"soap\",tenant=\"acme\"}",
        ),
        (
            "200 OK",
            permission,
            "the user of the package lacks the permission",
            "sfmc_auth_proxy_refusals_total{api=\"soap\",cause=\"not_permitted\",tenant=\"acme\"}",
        ),
    ] {
        let text = body.clone();
        let raw = Raw::speaking(move |_heard| said(status, &text), |_resolved| {}).await;
        let answer = raw.stage.send(post(envelope(""))).await;
        assert_eq!(answer.text(), body, "unchanged");
        let said = answer.header("proxy-status");
        assert!(said.contains(advice), "{said}");
        assert_eq!(raw.heard().len(), 1, "never replayed");
        assert_eq!(raw.stage.metric(series).await, 1.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_streams_from_its_first_byte() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let whole = result("OK");
    let (first, rest) = whole.split_at(whole.find("<OverallStatus>").unwrap());
    let (first, rest) = (first.to_owned(), rest.to_owned());
    let mouth = move |_heard: &Heard| Said {
        bytes: format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{first}",
            first.len() + rest.len()
        )
        .into(),
        later: Some((Arc::clone(&gate), rest.clone().into())),
        hang_up: false,
    };
    let raw = Raw::speaking(mouth, |_resolved| {}).await;
    let mut client = raw.stage.client().await;
    let mut answer = client.begin(post(envelope(""))).await;
    let begun = answer.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(whole.as_bytes().starts_with(&begun) && !begun.is_empty());
    // Only now does the tenant say the rest.
    opened.add_permits(1);
    let rest = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!([begun, rest].concat(), whole.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_cut_looks_cut() {
    let expired = fault("q0:Security", "Token Expired");
    // Once the Fault has been read to its end the refusal is sure; before that nothing is.
    let unsure = expired.find("</soap:Fault>").unwrap();
    for (text, last) in [(result("OK"), result("OK").len() - 1), (expired, unsure)] {
        for kept in [0, 10, last] {
            let text = text.clone();
            let mouth = move |_heard: &Heard| {
                let mut said = said("200 OK", &text);
                said.bytes.truncate(said.bytes.len() - (text.len() - kept));
                said.hang_up = true;
                said
            };
            let raw = Raw::speaking(mouth, |_resolved| {}).await;
            let read = raw.stage.client().await.try_send(post(envelope(""))).await;
            assert!(read.is_err(), "{kept}: taken for whole");
            assert_eq!(
                raw.heard().len(),
                1,
                "{kept}: nothing is known, so nothing is sent again"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_envelope_is_refused_with_a_fault() {
    let raw = Raw::speaking(
        |_heard| said("200 OK", &result("OK")),
        |resolved: &mut Resolved| resolved.proxy.envelope_size_max = 2000,
    )
    .await;
    let good = envelope("");
    let long = envelope(&"x".repeat(2000));
    let bomb = gzip(&vec![b' '; 1 << 20]);
    let cases: [(&str, &str, Vec<u8>, &str); 12] = [
        ("text/xml", "", Vec::new(), "malformed_envelope"),
        ("text/xml", "", b"{\"a\":1}".to_vec(), "malformed_envelope"),
        (
            "text/xml",
            "",
            good.replace("</s:Body>", "").into(),
            "malformed_envelope",
        ),
        (
            "text/xml",
            "",
            format!("<!DOCTYPE x>{good}").into(),
            "malformed_envelope",
        ),
        (
            "text/xml",
            "",
            format!("{good}<x/>").into(),
            "malformed_envelope",
        ),
        (
            "text/xml",
            "gzip",
            good.clone().into(),
            "malformed_envelope",
        ),
        (
            "text/xml; charset=utf-7",
            "",
            good.clone().into(),
            "unsupported_encoding",
        ),
        (
            "multipart/related; boundary=x",
            "",
            good.clone().into(),
            "unsupported_encoding",
        ),
        (
            "text/xml",
            "br",
            good.clone().into(),
            "unsupported_encoding",
        ),
        ("text/xml", "", long.clone().into(), "body_too_large"),
        ("text/xml", "gzip", bomb, "body_too_large"),
        ("text/xml", "chunked", long.into(), "body_too_large"),
    ];
    for (content_type, coding, body, expected) in cases {
        let answer = if coding == "chunked" {
            let head = format!(
                "POST /Service.asmx HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n",
                body.len()
            );
            let bytes = [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
            let text = raw.stage.speak(&bytes).await;
            assert!(text.starts_with("HTTP/1.1 500 "), "{text}");
            assert!(text.contains(expected), "{text}");
            continue;
        } else {
            let mut request = post(body);
            let headers = request.headers_mut();
            headers.insert("content-type", content_type.parse().unwrap());
            if !coding.is_empty() {
                headers.insert("content-encoding", coding.parse().unwrap());
            }
            raw.stage.send(request).await
        };
        assert_eq!(answer.status, 500, "{expected}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "text/xml; charset=utf-8");
        let (code, words) = soap_fault(&answer);
        assert_eq!(code, expected, "{words}");
        assert!(words.contains("Nothing was sent"), "{words}");
        let status = answer.header("proxy-status");
        assert!(
            status.ends_with(&format!("details=\"{expected}\"")),
            "{status}"
        );
    }
    assert_eq!(raw.heard().len(), 0);
    assert_eq!(
        raw.stage.send(post(good)).await.status,
        200,
        "and it still works"
    );
    until("all room was given back", async || {
        raw.stage.metric("sfmc_auth_proxy_buffered_bytes").await == 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_errors_are_faults_in_the_callers_version() {
    let stage = Stage::new().await;
    let send = async |path: &str, content_type: &str| {
        let sent = if content_type.starts_with("application/soap+xml") {
            envelope("").replace(SOAP11, SOAP12)
        } else {
            envelope("")
        };
        let mut request = post(sent);
        *request.uri_mut() = path.parse().unwrap();
        request
            .headers_mut()
            .insert("content-type", content_type.parse().unwrap());
        stage.send(request).await
    };
    let answer = send("/@nobody/Service.asmx", "text/xml").await;
    assert_eq!(answer.status, 500);
    let (code, words) = soap_fault(&answer);
    assert_eq!(code, "unknown_tenant");
    assert!(words.contains("configured: acme"), "{words}");
    assert!(answer.text().contains("<faultcode>soap:Client</faultcode>"));

    let newer = send(
        "/@nobody/service.asmx",
        "application/soap+xml; charset=utf-8",
    )
    .await;
    assert_eq!(
        newer.header("content-type"),
        "application/soap+xml; charset=utf-8"
    );
    assert!(
        newer.text().contains(SOAP12) && newer.text().contains("soap:Sender"),
        "{}",
        newer.text()
    );

    stage
        .tenant
        .script(Script::status(Face::Auth, 400).times(100));
    let refused = send("/@acme:emea/Service.asmx", "text/xml").await;
    let (code, _words) = soap_fault(&refused);
    assert_eq!(
        (refused.status.as_u16(), code.as_str()),
        (500, "token_rejected")
    );
    assert!(refused.text().contains("soap:Server"));
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_room_an_envelope_waits_and_then_gives_up() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let mouth = move |heard: &Heard| Said {
        bytes: Vec::new(),
        later: (heard.before == 0)
            .then(|| (Arc::clone(&gate), said("200 OK", &result("OK")).bytes)),
        hang_up: false,
    };
    let size = envelope("").len();
    let raw = Arc::new(
        Raw::speaking(mouth, |resolved| {
            resolved.proxy.buffered_size_max = size + 10
        })
        .await,
    );
    let first = tokio::spawn({
        let raw = Arc::clone(&raw);
        async move { raw.stage.send(post(envelope(""))).await.status }
    });
    until("the first is held", async || raw.heard().len() == 1).await;
    let second = raw.stage.send(post(envelope(""))).await;
    assert_eq!(soap_fault(&second).0, "overloaded");
    assert_eq!(raw.heard().len(), 1, "nothing was sent");
    opened.add_permits(1);
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_envelope_takes_the_room_that_another_gives_back() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let mouth = move |_heard: &Heard| Said {
        bytes: Vec::new(),
        later: Some((Arc::clone(&gate), said("200 OK", &result("OK")).bytes)),
        hang_up: false,
    };
    let size = envelope("").len();
    let raw = Arc::new(
        Raw::speaking(mouth, |resolved| {
            resolved.proxy.buffered_size_max = size + 10
        })
        .await,
    );
    let calls: Vec<_> = (0..3)
        .map(|_call| {
            let raw = Arc::clone(&raw);
            tokio::spawn(async move { raw.stage.send(post(envelope(""))).await.status })
        })
        .collect();
    until("one is held", async || raw.heard().len() == 1).await;
    opened.add_permits(3);
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
}

const WSDL: &str = "<?xml version=\"1.0\"?>\r\n<definitions xmlns=\"http://schemas.xmlsoap.org/wsdl/\" \
    xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\"><import namespace=\"urn:f\" \
    location='https://webservice.exacttarget.com/ETFrameworkFault.xsd'/><service name=\"PartnerAPI\"><port name=\"Soap\">\
    <soap:address location=\"https://webservice.exacttarget.com/Service.asmx\"/></port></service></definitions>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_wsdl_comes_from_the_tenant_and_names_the_proxy() {
    let mouth = |heard: &Heard| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nETag: \"1\"\r\n";
        if heard.head.starts_with("HEAD") {
            return format!("{head}Content-Length: {}\r\n\r\n", WSDL.len()).into();
        }
        if heard.head.contains("missing") {
            return said("404 Not Found", "no such thing");
        }
        format!("{head}Content-Length: {}\r\n\r\n{WSDL}", WSDL.len()).into()
    };
    let raw = Raw::speaking(mouth, |_resolved| {}).await;
    let ours =
        |base: &str| WSDL.replace("https://webservice.exacttarget.com/", &format!("{base}/"));
    for (path, prefix) in [
        ("/etframework.wsdl", ""),
        ("/ETFramework.WSDL", ""),
        ("/ETFrameworkFault.xsd", ""),
        ("/@acme:emea/etframework.wsdl", "/@acme:510001235"),
    ] {
        let request = Request::get(path)
            .header("accept-encoding", "gzip")
            .header("range", "bytes=0-9")
            .body(Bytes::new())
            .unwrap();
        let answer = raw.stage.send(request).await;
        let base = format!("http://{}{prefix}", raw.stage.address());
        assert_eq!(
            (answer.status.as_u16(), answer.text()),
            (200, ours(&base)),
            "{path}"
        );
        assert_eq!(
            answer.header("content-length"),
            ours(&base).len().to_string()
        );
        assert_eq!(answer.header("etag"), "");
    }
    for heard in raw.heard() {
        for name in ["authorization", "accept-encoding", "range"] {
            assert_eq!(heard.values(name), [""; 0], "{name}");
        }
    }
    let head = Request::head("/etframework.wsdl")
        .body(Bytes::new())
        .unwrap();
    let answer = raw.stage.send(head).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-length")),
        (200, "")
    );
    let missing = raw.stage.get("/ETFrameworkFault.xsd?missing").await;
    assert_eq!(
        (missing.status.as_u16(), missing.text().as_str()),
        (404, "no such thing")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_counted_by_operation() {
    let raw = taking_all().await;
    assert_eq!(raw.stage.send(post(envelope(""))).await.status, 200);
    let odd = envelope("").replace("RetrieveRequestMsg", "NoSuchThing");
    assert_eq!(raw.stage.send(post(odd)).await.status, 200);
    for operation in ["Retrieve", "other"] {
        let series = format!(
            "sfmc_auth_proxy_requests_total{{account=\"default\",api=\"soap\",client=\"anonymous\",code=\"200\",method=\"POST\",operation=\"{operation}\",tenant=\"acme\"}}"
        );
        until(operation, async || raw.stage.metric(&series).await == 1.0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packed_answer_reaches_the_caller_packed() {
    let packed = gzip(result("OK").as_bytes());
    let bytes = packed.clone();
    let mouth = move |_heard: &Heard| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        [head.as_bytes(), &bytes].concat().into()
    };
    let raw = Raw::speaking(mouth, |_resolved| {}).await;
    let answer = raw.stage.send(post(envelope(""))).await;
    assert_eq!(answer.body, packed);
    let mut text = String::new();
    flate2::read::GzDecoder::new(answer.body.as_ref())
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, result("OK"));
}
