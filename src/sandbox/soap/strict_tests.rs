//! What the SOAP face refuses, and in which words: every Fault, byte by byte.

use serde_json::json;

use super::caller::{
    LISTS, V11, V12, bare_token, body, envelope, fueloauth, last, post, post_11, start,
};
use crate::sandbox::digest::Sha256;
use crate::sandbox::{SoapVersion, Switches, Tenant};

const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

fn fault(tenant: &Tenant, code: &str, words: &str) -> String {
    let actor = format!("{}Service.asmx", tenant.soap_url());
    format!(
        "<soap:Body><soap:Fault>{code}<faultstring>{words}</faultstring><faultactor>{actor}</faultactor>\
         </soap:Fault></soap:Body></soap:Envelope>"
    )
}

fn security(tenant: &Tenant, words: &str) -> String {
    let code = format!("<faultcode xmlns:q0=\"{WSSE}\">q0:Security</faultcode>");
    fault(tenant, &code, words)
}

/// Sends the message and expects a Client fault with those words; returns the faults of the journal.
async fn refused(tenant: &Tenant, message: &str, words: &str) -> Vec<String> {
    let answer = post_11(tenant, "Retrieve", message).await;
    let text = body(&answer);
    assert_eq!(answer.status(), 500, "{text}");
    assert!(
        text.contains("<faultcode>soap:Client</faultcode>"),
        "{text}"
    );
    assert!(text.contains(words), "{words}: {text}");
    let entry = tenant.journal().pop().unwrap();
    assert_eq!((entry.status, entry.complete), (Some(500), true));
    entry.faults.clone()
}

#[tokio::test]
async fn a_lawful_message_is_recorded() {
    let (tenant, token) = start().await;
    let message = envelope(V11, &fueloauth(&token), LISTS);
    let answer = post_11(&tenant, "\"Retrieve\"", &message).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/xml; charset=utf-8");
    let entry = tenant.journal().pop().unwrap();
    assert_eq!(
        (entry.account, entry.token_valid, entry.status),
        (Some(510_001_234), true, Some(200))
    );
    assert_eq!(
        (entry.faults.len(), entry.body_text()),
        (0, message.clone())
    );
    let start = message.find("<E:Body>").unwrap();
    let end = message.find("</E:Envelope>").unwrap();
    let mut digest = Sha256::new();
    digest.update(&message.as_bytes()[start..end]);
    let soap = last(&tenant);
    assert_eq!(soap.operation.as_deref(), Some("RetrieveRequestMsg"));
    assert_eq!(soap.object_types, ["List"]);
    assert_eq!(soap.action.as_deref(), Some("Retrieve"));
    assert_eq!((soap.version, soap.token_count), (SoapVersion::V11, 1));
    assert_eq!(soap.body_element_sha256, digest.hex());
    assert_eq!(soap.answered.as_deref(), Some("OK"));
}

#[tokio::test]
async fn dead_tokens_are_expired() {
    let (tenant, _) = start().await;
    let kill: [fn(&Tenant); 2] = [Tenant::revoke_all, Tenant::expire_all];
    for kill in kill {
        let token = bare_token(&tenant, json!({"account_id": 510_001_235})).await;
        let message = envelope(V11, &fueloauth(&token), LISTS);
        assert_eq!(post_11(&tenant, "Retrieve", &message).await.status(), 200);
        kill(&tenant);
        let answer = post_11(&tenant, "Retrieve", &message).await;
        assert_eq!(answer.status(), 500);
        let text = body(&answer);
        assert!(
            text.ends_with(&security(&tenant, "Token Expired")),
            "{text}"
        );
        let entry = tenant.journal().pop().unwrap();
        assert_eq!(
            (entry.account, entry.token_valid),
            (Some(510_001_235), false)
        );
        assert_eq!((entry.status, entry.faults.len()), (Some(500), 0));
        assert_eq!(last(&tenant).answered.as_deref(), Some("Token Expired"));
    }
    tenant.set_switches(Switches {
        soap_expired_status: 401,
        ..Switches::default()
    });
    let token = bare_token(&tenant, json!({})).await;
    tenant.revoke_all();
    let message = envelope(V11, &fueloauth(&token), LISTS);
    assert_eq!(post_11(&tenant, "Retrieve", &message).await.status(), 401);
}

#[tokio::test]
async fn unknown_tokens_and_none_fail_to_log_in() {
    let (tenant, _) = start().await;
    let headless = format!("<E:Envelope xmlns:E=\"{V11}\"><E:Body>{LISTS}</E:Body></E:Envelope>");
    let cases = [
        (envelope(V11, &fueloauth("unknown"), LISTS), 1, 0),
        (envelope(V11, "", LISTS), 0, 1),
        (headless, 0, 1),
    ];
    for (message, token_count, faults) in cases {
        let answer = post_11(&tenant, "Retrieve", &message).await;
        assert_eq!(answer.status(), 500);
        let text = body(&answer);
        assert!(text.ends_with(&security(&tenant, "Login Failed")), "{text}");
        let entry = tenant.journal().pop().unwrap();
        assert_eq!((entry.account, entry.faults.len()), (None, faults));
        assert_eq!(last(&tenant).token_count, token_count);
    }
    tenant.set_switches(Switches {
        soap_login_failed: "Login failed".to_owned(),
        ..Switches::default()
    });
    let answer = post_11(&tenant, "Retrieve", &envelope(V11, "", LISTS)).await;
    assert!(body(&answer).ends_with(&security(&tenant, "Login failed")));
}

#[tokio::test]
async fn a_header_holds_one_bare_token_and_no_other_credential() {
    let (tenant, token) = start().await;
    let good = fueloauth(&token);
    let nested = format!("<fueloauth xmlns=\"http://exacttarget.com\">{good}</fueloauth>");
    let within = format!("<outer xmlns=\"urn:x\">{good}</outer>");
    let oauth =
        format!("{good}<oAuth xmlns=\"http://exacttarget.com\"><oAuthToken>t</oAuthToken></oAuth>");
    let user = format!(
        "{good}<s:Security xmlns:s=\"{WSSE}\"><s:UsernameToken><s:Username>*</s:Username></s:UsernameToken></s:Security>"
    );
    let cases = [
        (format!("{good}{good}"), 2, "the Header holds 2 fueloauth"),
        (nested, 2, "the Header holds 2 fueloauth"),
        (within, 1, "fueloauth does not stand in the Header itself"),
        (
            format!("<fueloauth xmlns=\"urn:x\">{token}</fueloauth>"),
            1,
            "another namespace",
        ),
        (
            format!("<fueloauth>{token}</fueloauth>"),
            1,
            "another namespace",
        ),
        (
            good.replace("fueloauth", "FuelOAuth"),
            1,
            "another namespace, or case",
        ),
        (
            good.replace("<fueloauth ", "<fueloauth a=\"b\" "),
            1,
            "fueloauth has attributes",
        ),
        (
            fueloauth(&format!("{token}<_value_1/>")),
            1,
            "fueloauth holds more than text",
        ),
        (
            fueloauth(&format!("{token}<!-- -->")),
            1,
            "fueloauth holds more than text",
        ),
        (
            fueloauth(&format!("{token}\n")),
            1,
            "white space around the token",
        ),
        (fueloauth(""), 1, "fueloauth is empty"),
        (oauth, 1, "the Header holds an oAuth"),
        (user, 1, "the Header holds a UsernameToken"),
    ];
    for (header, token_count, words) in cases {
        let faults = refused(&tenant, &envelope(V11, &header, LISTS), words).await;
        assert_eq!(faults.len(), 1, "{header}");
        assert!(faults[0].contains(words), "{faults:?}");
        assert_eq!(last(&tenant).token_count, token_count, "{header}");
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_refused() {
    let (tenant, token) = start().await;
    let good = envelope(V11, &fueloauth(&token), LISTS);
    let cases = [
        (" ".to_owned(), "no XML"),
        (good.replace("</E:Envelope>", ""), "no XML"),
        (good.replace("</E:Header>", "</E:Head>"), "no XML"),
        (
            good.replace("<E:Body>", "<F:Body>")
                .replace("</E:Body>", "</F:Body>"),
            "no XML",
        ),
        (format!("{good}<more/>"), "no XML"),
        (format!("{good}text"), "no XML"),
        (format!("<!DOCTYPE E>{good}"), "no XML"),
        (
            format!("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x \"y\">]>{good}"),
            "no XML",
        ),
        (good.replace(V11, "urn:x"), "no SOAP envelope"),
        (
            good.replace("<E:Body>", "<E:Body/><E:Body>"),
            "several Bodies",
        ),
        (
            good.replace("<E:Header>", "<E:Header/><E:Header>"),
            "several Headers",
        ),
        (good.replace("E:Body", "E:Boddy"), "no Body"),
    ];
    for (message, words) in cases {
        let faults = refused(&tenant, &message, words).await;
        assert_eq!(
            (faults.len(), faults[0].contains(words)),
            (1, true),
            "{faults:?}"
        );
        assert!(tenant.journal().pop().unwrap().soap.is_none(), "{message}");
    }
    // An empty message comes without any framing.
    let faults = refused(&tenant, "", "neither Content-Length nor chunked").await;
    assert_eq!(
        faults.first().unwrap(),
        "neither Content-Length nor chunked"
    );
    assert_eq!(post_11(&tenant, "Retrieve", &good).await.status(), 200);
}

#[tokio::test]
async fn the_head_is_judged_too() {
    let (tenant, token) = start().await;
    let good = envelope(V11, &fueloauth(&token), LISTS);
    let bearer = format!("Bearer {token}");
    let usual = [("Content-Type", "text/xml"), ("SOAPAction", "Retrieve")];
    let cases = [
        (
            ("Authorization", bearer.as_str()),
            "header authorization must not go to SOAP",
        ),
        (("Content-Encoding", "gzip"), "the message is encoded: gzip"),
        (
            ("SOAPAction", "Retrieve"),
            "header soapaction stands more than once",
        ),
    ];
    for (more, words) in cases {
        let answer = post(&tenant, &[usual[0], usual[1], more], &good).await;
        assert_eq!(answer.status(), 500);
        assert!(body(&answer).contains(words), "{}", body(&answer));
        let entry = tenant.journal().pop().unwrap();
        assert_eq!(entry.faults, [words]);
        // The message itself was in order, and is recorded.
        assert_eq!((entry.token_valid, last(&tenant).token_count), (true, 1));
    }
    let answer = post(&tenant, &[("Content-Type", "text/plain"), usual[1]], &good).await;
    assert_eq!(answer.status(), 415);
    assert_eq!(tenant.journal().pop().unwrap().status, Some(415));
    let answer = post(
        &tenant,
        &[usual[0], usual[1], ("X-Forwarded-For", "10.0.0.1")],
        &good,
    )
    .await;
    assert_eq!(answer.status(), 400);
    assert_eq!(last(&tenant).token_count, 1);
}

#[tokio::test]
async fn action_and_body_agree() {
    let (tenant, token) = start().await;
    let good = envelope(V11, &fueloauth(&token), LISTS);
    let addressed = |action: &str| {
        let header = format!(
            "<a:Action xmlns:a=\"http://schemas.xmlsoap.org/ws/2004/08/addressing\" E:mustUnderstand=\"1\">{action}</a:Action>{}",
            fueloauth(&token)
        );
        envelope(V11, &header, LISTS)
    };
    let cases = [
        ("", good.clone(), "Message does not contain an action"),
        ("\"\"", good.clone(), "Message does not contain an action"),
        (
            "Nonsense",
            good.clone(),
            "The action Nonsense is not known.",
        ),
        (
            "Create",
            good.clone(),
            "The action Create does not go with RetrieveRequestMsg.",
        ),
        (
            "",
            addressed("Create"),
            "The action Create does not go with",
        ),
        ("Retrieve", addressed("Create"), "do not agree"),
        (
            "Retrieve",
            envelope(V11, &fueloauth(&token), ""),
            "The Body is empty.",
        ),
        (
            "Retrieve",
            good.replace("wsdl/partnerAPI", "wsdl/other"),
            "does not go with",
        ),
    ];
    for (action, message, words) in cases {
        let answer = post_11(&tenant, action, &message).await;
        assert_eq!(answer.status(), 500, "{words}");
        assert!(body(&answer).contains("<faultcode>soap:Client</faultcode>"));
        assert!(body(&answer).contains(words), "{words}: {}", body(&answer));
        // These are the caller's faults, not a proxy's.
        assert!(tenant.journal().pop().unwrap().faults.is_empty());
    }
    let headers = [("Content-Type", "text/xml; charset=UTF-8")];
    let answer = post(&tenant, &headers, &addressed("Retrieve")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(last(&tenant).action.as_deref(), Some("Retrieve"));
}

#[tokio::test]
async fn a_message_is_addressed_to_this_host() {
    let (tenant, token) = start().await;
    let own = format!("{}Service.asmx", tenant.soap_url());
    let cases = [
        (own.as_str(), 200),
        ("https://webservice.exacttarget.com/Service.asmx", 200),
        (
            "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous",
            200,
        ),
        ("http://127.0.0.1:7362/Service.asmx", 500),
    ];
    for (to, status) in cases {
        let header = format!(
            "<a:To xmlns:a=\"http://www.w3.org/2005/08/addressing\">{to}</a:To>{}",
            fueloauth(&token)
        );
        let answer = post_11(&tenant, "Retrieve", &envelope(V11, &header, LISTS)).await;
        assert_eq!(answer.status(), status, "{to}");
        let faults = usize::from(status == 500);
        assert_eq!(tenant.journal().pop().unwrap().faults.len(), faults);
    }
}

#[tokio::test]
async fn soap_12_is_answered_in_kind() {
    let (tenant, token) = start().await;
    let headers = [(
        "Content-Type",
        "application/soap+xml; charset=utf-8; action=\"Retrieve\"",
    )];
    let good = envelope(V12, &fueloauth(&token), LISTS);
    let answer = post(&tenant, &headers, &good).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/soap+xml; charset=utf-8"
    );
    assert!(body(&answer).contains(&format!("<soap:Envelope xmlns:soap=\"{V12}\"")));
    assert_eq!(last(&tenant).version, SoapVersion::V12);
    tenant.revoke_all();
    let answer = post(&tenant, &headers, &good).await;
    assert_eq!(answer.status(), 500);
    let expected = format!(
        "<soap:Body><soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value><soap:Subcode>\
         <soap:Value xmlns:q0=\"{WSSE}\">q0:Security</soap:Value></soap:Subcode></soap:Code><soap:Reason>\
         <soap:Text xml:lang=\"en\">Token Expired</soap:Text></soap:Reason><soap:Role>{}Service.asmx</soap:Role>\
         </soap:Fault></soap:Body></soap:Envelope>",
        tenant.soap_url()
    );
    assert!(body(&answer).ends_with(&expected), "{}", body(&answer));
    tenant.set_switches(Switches {
        soap_12_faults: false,
        ..Switches::default()
    });
    let answer = post(&tenant, &headers, &good).await;
    assert!(body(&answer).ends_with(&security(&tenant, "Token Expired")));
}
