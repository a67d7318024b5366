//! The SOAP face around its messages: paths, WSDL, headers of answers, scripts, compression.

use std::io::Read as _;
use std::time::Duration;

use super::caller::{LISTS, V11, V12, body, envelope, fueloauth, last, post, post_11, start};
use super::charset::decode;
use super::operation::Operation;
use crate::sandbox::client::call;
use crate::sandbox::{Face, Script, SoapFault, Switches, Tenant};

async fn get(tenant: &Tenant, method: &str, target: &str) -> (u16, String) {
    let answer = call(tenant, Face::Soap, method, target, &[], "")
        .await
        .unwrap();
    (answer.status().as_u16(), body(&answer).to_owned())
}

#[tokio::test]
async fn the_wsdl_names_the_vendor_and_all_operations() {
    let (tenant, _) = start().await;
    for target in ["/etframework.wsdl", "/ETFramework.WSDL"] {
        let (status, text) = get(&tenant, "GET", target).await;
        assert_eq!(status, 200);
        let wsdl = roxmltree::Document::parse(&text).unwrap();
        assert!(text.contains(
            "<soap:address location=\"https://webservice.exacttarget.com/Service.asmx\"/>"
        ));
        assert!(text.contains(
            "schemaLocation=\"https://webservice.exacttarget.com/ETFrameworkFault.xsd\""
        ));
        let named = |tag: &str, name: &str| {
            wsdl.descendants()
                .any(|node| node.tag_name().name() == tag && node.attribute("name") == Some(name))
        };
        for operation in Operation::all() {
            assert!(named("operation", operation.action), "{}", operation.action);
            assert!(text.contains(&format!("soapAction=\"{}\"", operation.action)));
            assert!(named("element", operation.request), "{}", operation.request);
            assert!(
                named("element", operation.response),
                "{}",
                operation.response
            );
        }
    }
    let (status, schema) = get(&tenant, "GET", "/ETFrameworkFault.xsd").await;
    assert_eq!(status, 200);
    assert!(schema.contains("targetNamespace=\"urn:fault.partner.exacttarget.com\""));
    assert_eq!(
        get(&tenant, "HEAD", "/etframeworkfault.xsd").await,
        (200, String::new())
    );
    assert!(tenant.journal().pop().unwrap().soap.is_none());
}

#[tokio::test]
async fn only_post_to_the_service_is_served() {
    let (tenant, token) = start().await;
    let message = envelope(V11, &fueloauth(&token), LISTS);
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "Retrieve")];
    for (target, status) in [
        ("/service.asmx", 200),
        ("/SERVICE.ASMX", 200),
        ("//Service.asmx", 200),
        ("/Service.asmx?x=1", 200),
        ("/Other.asmx", 404),
    ] {
        let answer = call(&tenant, Face::Soap, "POST", target, &headers, &message)
            .await
            .unwrap();
        assert_eq!(answer.status(), status, "{target}");
    }
    assert_eq!(get(&tenant, "GET", "/Service.asmx").await.0, 405);
}

#[tokio::test]
async fn answers_carry_a_timestamp_and_addressing() {
    let (tenant, token) = start().await;
    let id = "urn:uuid:7b5a0a0e-0000-4000-8000-000000000001";
    let header = format!(
        "<a:MessageID xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\">{id}</a:MessageID>{}",
        fueloauth(&token)
    );
    let answer = post_11(&tenant, "Retrieve", &envelope(V11, &header, LISTS)).await;
    let text = body(&answer);
    assert!(
        text.contains("<wsa:Action>RetrieveResponse</wsa:Action>"),
        "{text}"
    );
    assert!(
        text.contains(&format!("<wsa:RelatesTo>{id}</wsa:RelatesTo>")),
        "{text}"
    );
    let time = |name: &str| {
        let (_, rest) = text.split_once(&format!("<wsu:{name}>")).unwrap();
        humantime::parse_rfc3339(rest.split('<').next().unwrap()).unwrap()
    };
    let life = time("Expires").duration_since(time("Created")).unwrap();
    assert_eq!(life, Duration::from_secs(300));
    assert!(text.contains(
        "<soap:Body><RetrieveResponseMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><OverallStatus>OK</OverallStatus>"
    ));
}

#[tokio::test]
async fn scripts_say_the_faults_of_this_face() {
    let (tenant, token) = start().await;
    let actor = format!("{}Service.asmx", tenant.soap_url());
    let outage = format!(
        "<soap:Fault><faultcode>soap:Server</faultcode><faultstring>The API is temporarily unavailable.</faultstring>\
         <faultactor>{actor}</faultactor><detail><apifault xmlns=\"urn:fault.partner.exacttarget.com\"><Code>2</Code>\
         <Message>The API is temporarily unavailable.</Message><LogID>0</LogID></apifault></detail></soap:Fault>"
    );
    let message = envelope(V11, &fueloauth(&token), LISTS);
    let cases = [
        (
            Script::fault(SoapFault::Throttled),
            500,
            "<faultstring>The API rate limit is exceeded.</faultstring>",
        ),
        (
            Script::fault(SoapFault::TokenExpired),
            500,
            "<faultstring>Token Expired</faultstring>",
        ),
        (Script::fault(SoapFault::Outage), 500, outage.as_str()),
        (Script::status(Face::Soap, 503), 503, outage.as_str()),
        (
            Script::status(Face::Soap, 500).body("<own/>"),
            500,
            "<own/>",
        ),
    ];
    for (script, status, words) in cases {
        tenant.script(script);
        let answer = post_11(&tenant, "Retrieve", &message).await;
        assert_eq!(answer.status(), status);
        assert!(body(&answer).contains(words), "{}", body(&answer));
        let soap = last(&tenant);
        assert_eq!((soap.answered, soap.token_count), (None, 1));
        assert!(tenant.journal().pop().unwrap().token_valid);
    }
    tenant.script(Script::fault(SoapFault::LoginFailed));
    let headers = [("Content-Type", "application/soap+xml;action=Retrieve")];
    let answer = post(&tenant, &headers, &envelope(V12, &fueloauth(&token), LISTS)).await;
    assert!(body(&answer).contains("<soap:Text xml:lang=\"en\">Login Failed</soap:Text>"));
    tenant.script(Script::reset(Face::Soap));
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "Retrieve")];
    let reset = call(
        &tenant,
        Face::Soap,
        "POST",
        "/Service.asmx",
        &headers,
        &message,
    )
    .await;
    assert!(format!("{:?}", reset.unwrap_err()).contains("ConnectionReset"));
    assert_eq!(
        (tenant.scripts_waiting(), last(&tenant).token_count),
        (0, 1)
    );
    assert_eq!(post_11(&tenant, "Retrieve", &message).await.status(), 200);
}

#[tokio::test]
async fn answers_are_gzipped_on_demand() {
    let (tenant, token) = start().await;
    let message = envelope(V11, &fueloauth(&token), LISTS);
    let headers = [
        ("Content-Type", "text/xml"),
        ("SOAPAction", "Retrieve"),
        ("Accept-Encoding", "gzip"),
    ];
    assert!(
        !post(&tenant, &headers, &message)
            .await
            .headers()
            .contains_key("content-encoding")
    );
    tenant.set_switches(Switches {
        gzip: true,
        ..Switches::default()
    });
    let answer = post(&tenant, &headers, &message).await;
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(answer.body().as_ref())
        .read_to_string(&mut text)
        .unwrap();
    assert!(text.ends_with("</RetrieveResponseMsg></soap:Body></soap:Envelope>"));
    assert!(body(&post_11(&tenant, "Retrieve", &message).await).contains("<OverallStatus>OK"));
}

#[tokio::test]
async fn a_message_has_a_length_that_can_be_held() {
    let (tenant, token) = start().await;
    let message = envelope(V11, &fueloauth(&token), LISTS);
    let long = message + &" ".repeat(crate::sandbox::visit::BODY_MAX);
    let answer = post_11(&tenant, "Retrieve", &long).await;
    assert_eq!(answer.status(), 413);
    assert!(body(&answer).contains("<faultcode>soap:Client</faultcode>"));
    let entry = tenant.journal().pop().unwrap();
    assert_eq!(
        (entry.body_length, entry.complete),
        (long.len() as u64, true)
    );
}

#[test]
fn texts_lead_back_to_their_bytes() {
    let utf16: Vec<u8> = "\u{FEFF}<\u{E4}\u{1F600}/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin1 = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xE4</a>";
    // The message, its charset by Content-Type, a text in it, and the bytes before that text.
    let cases: [(&[u8], Option<&str>, &str, usize); 5] = [
        (b"\xEF\xBB\xBF<\xC3\xA4/>", Some("iso-8859-1"), "/>", 6),
        ("<\u{E4}/>".as_bytes(), None, "/>", 3),
        (b"<\xE4/>", Some("ISO-8859-1"), "/>", 2),
        (latin1, None, "</a>", 47),
        (&utf16, None, "/>", 10),
    ];
    for (message, charset, part, before) in cases {
        let text = decode(message, charset).unwrap();
        let place = text.text.find(part).unwrap();
        assert_eq!(text.offset(place), before, "{}", text.text);
    }
    let bad: [(&[u8], Option<&str>); 4] = [
        (b"<\xE4/>", None),
        (b"<a/>", Some("utf-16")),
        (b"<a/>", Some("koi8-r")),
        (b"\xFF\xFE<", None),
    ];
    for (message, charset) in bad {
        assert!(decode(message, charset).is_err(), "{charset:?}");
    }
}
