//! SOAP of core Salesforce over real sockets.

use crate::sandbox::client::{call, core_token, tenant, token};
use crate::sandbox::{Face, Script, Tenant};

const PARTNER: &str = "urn:partner.soap.sforce.com";
const ENTERPRISE: &str = "urn:enterprise.soap.sforce.com";
const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";

fn header(namespace: &str, token: &str) -> String {
    format!(
        "<h:SessionHeader xmlns:h=\"{namespace}\"><h:sessionId>{token}</h:sessionId></h:SessionHeader>"
    )
}

fn envelope(header: &str, namespace: &str, operation: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{header}</s:Header>\
         <s:Body><{operation} xmlns=\"{namespace}\"/></s:Body></s:Envelope>"
    )
}

async fn post(tenant: &Tenant, api: &str, more: &[(&str, &str)], body: &str) -> (u16, String) {
    let target = format!("/services/Soap/{api}/61.0");
    let mut headers = vec![("Content-Type", "text/xml; charset=utf-8")];
    headers.extend_from_slice(more);
    let answer = call(tenant, Face::Core, "POST", &target, &headers, body)
        .await
        .unwrap();
    let text = String::from_utf8(answer.body().to_vec()).unwrap();
    // Every answer is XML that can be read.
    roxmltree::Document::parse(&text).unwrap();
    (answer.status().as_u16(), text)
}

const ACTION: (&str, &str) = ("SOAPAction", "\"\"");

#[tokio::test]
async fn each_api_has_its_own_namespace_and_operations() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    for (api, namespace, operation, said) in [
        ("u", PARTNER, "query", "<done>true</done>"),
        ("u", PARTNER, "create", "<success>true</success>"),
        ("c", ENTERPRISE, "create", "<success>true</success>"),
        ("c", ENTERPRISE, "getUserInfo", "integration@example.com"),
        ("m", METADATA, "describeMetadata", "partialSaveAllowed"),
    ] {
        let message = envelope(&header(namespace, &core), namespace, operation);
        let (status, text) = post(&tenant, api, &[ACTION], &message).await;
        assert_eq!(status, 200, "{text}");
        assert!(text.contains(said), "{text}");
        let entry = tenant.journal().pop().unwrap();
        assert!(entry.token_valid && entry.faults.is_empty());
        let soap = entry.soap.clone().unwrap();
        assert_eq!(
            (soap.operation.as_deref(), soap.token_count),
            (Some(operation), 1)
        );
    }
    assert_eq!(tenant.writes(), 2);
    let foreign = [
        ("u", ENTERPRISE, PARTNER, "query"),
        ("u", PARTNER, ENTERPRISE, "query"),
        ("u", PARTNER, PARTNER, "describeMetadata"),
        ("m", METADATA, METADATA, "create"),
    ];
    for (api, session, body, operation) in foreign {
        let message = envelope(&header(session, &core), body, operation);
        let (status, text) = post(&tenant, api, &[ACTION], &message).await;
        assert_eq!(
            (status, text.contains("soapenv:Client")),
            (500, true),
            "{text}"
        );
    }
    assert_eq!(tenant.writes(), 2);
}

#[tokio::test]
async fn a_dead_token_is_an_invalid_session() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let message = envelope(&header(PARTNER, &core), PARTNER, "create");
    tenant.revoke_all();
    let none = envelope("", PARTNER, "create");
    for message in [&message, &none] {
        let (status, text) = post(&tenant, "u", &[ACTION], message).await;
        assert_eq!(status, 500);
        assert!(
            text.contains("<faultcode>sf:INVALID_SESSION_ID</faultcode>"),
            "{text}"
        );
        assert!(text.contains("<faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session."));
        assert!(text.contains("UnexpectedErrorFault"));
    }
    let entry = tenant.journal().pop().unwrap();
    assert!(
        entry
            .soap
            .as_ref()
            .unwrap()
            .answered
            .as_ref()
            .unwrap()
            .starts_with("INVALID_SESSION_ID")
    );
    assert_eq!((tenant.writes(), entry.faults.len()), (0, 0));
    tenant.script(Script::status(Face::Core, 401).below("/services/Soap"));
    let (status, text) = post(&tenant, "u", &[ACTION], &none).await;
    assert_eq!(
        (status, text.contains("sf:INVALID_SESSION_ID")),
        (500, true)
    );
}

#[tokio::test]
async fn what_a_proxy_must_not_send_is_a_fault() {
    let tenant = tenant().await;
    let core = core_token(&tenant).await;
    let bearer = format!("Bearer {core}");
    let marketing = token(&tenant, serde_json::json!({})).await;
    let marketing = marketing.trim_start_matches("Bearer ");
    let good = header(PARTNER, &core);
    let fuel = format!("{good}<fueloauth xmlns=\"http://exacttarget.com\">{marketing}</fueloauth>");
    let bare = format!("<sessionId xmlns=\"{PARTNER}\">{core}</sessionId>");
    let unqualified = format!("<SessionHeader><sessionId>{core}</sessionId></SessionHeader>");
    let authorization = [ACTION, ("Authorization", bearer.as_str())];
    let usual = [ACTION];
    let cases: [(&str, &[(&str, &str)]); 6] = [
        (&fuel, &usual),
        (&good.repeat(2), &usual),
        (&bare, &usual),
        (&unqualified, &usual),
        (&good, &authorization),
        (&header(PARTNER, marketing), &usual),
    ];
    for (header, more) in cases {
        let message = envelope(header, PARTNER, "create");
        let (status, text) = post(&tenant, "u", more, &message).await;
        assert_eq!(status, 500, "{header}: {text}");
        assert_eq!(tenant.journal().pop().unwrap().faults.len(), 1, "{header}");
    }
    let message = envelope(&good, PARTNER, "create");
    let (status, text) = post(&tenant, "u", &[], &message).await;
    assert_eq!((status, text.contains("SOAPAction")), (500, true));
    let newer = message.replace(
        "http://schemas.xmlsoap.org/soap/envelope/",
        "http://www.w3.org/2003/05/soap-envelope",
    );
    for odd in [newer.as_str(), "<x/>", "no XML"] {
        assert_eq!(post(&tenant, "u", &[ACTION], odd).await.0, 500);
    }
    assert_eq!(tenant.writes(), 0);
}
