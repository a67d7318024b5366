//! From what was seen to what it means: tables, without a socket.

use std::time::{Duration, Instant, SystemTime};

use super::answer::{Answered, Said, is_of_addresses, printable};
use super::certificate::Presented;
use super::way::{Egress, connection, names, subdomain};
use super::*;
use crate::clock::Now;
use crate::upstream::{EgressProxy, NameError, ReachError, TlsFailure};

const HOST: &str = "mc1.auth.marketingcloudapis.com";

fn answered(status: u16, text: &str) -> Answered {
    Answered {
        status,
        is_page: false,
        text: text.to_owned(),
    }
}

fn proxies(https: &str, no_proxy: &str) -> EgressProxy {
    EgressProxy::environment(|name| match name {
        "https_proxy" => Some(https.to_owned()),
        "no_proxy" => Some(no_proxy.to_owned()),
        _ => None,
    })
    .unwrap()
}

#[test]
fn codes_are_unique_and_fit_for_programs() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    let is_plain = |name: &&str| {
        name.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'1')
    };
    assert!(names.iter().all(is_plain), "{names:?}");
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn how_a_host_is_reached_is_told_with_the_reason() {
    let url = EgressProxy::url("http://user:secret@proxy.example:3128").unwrap();
    let environment = proxies("http://proxy.example:3128", "*");
    let proxy = || "http://proxy.example:3128".to_owned();
    let none = EgressProxy::None;
    for (used, host, settings, environment, expected) in [
        (Some(proxy()), HOST, &url, &none, Egress::Through(proxy())),
        (None, "localhost", &url, &none, Egress::Loopback),
        (None, "[::1]", &environment, &environment, Egress::Loopback),
        (
            None,
            HOST,
            &environment,
            &environment,
            Egress::Exempted(proxy()),
        ),
        (
            None,
            HOST,
            &none,
            &environment,
            Egress::SwitchedOff(proxy()),
        ),
        (None, HOST, &none, &none, Egress::Direct),
    ] {
        assert_eq!(
            Egress::of(used, host, settings, environment),
            expected,
            "{host}"
        );
    }
}

#[test]
fn a_host_that_is_not_reached_is_told_by_what_is_known_of_proxies() {
    let proxy = "http://proxy.example:3128".to_owned();
    let silent = ReachError::Silent {
        limit: Duration::from_secs(10),
    };
    let refused = ReachError::Refused {
        address: ([192, 0, 2, 1], 443).into(),
    };
    let failed = ReachError::Failed {
        cause: "Network is unreachable".to_owned(),
    };
    for (error, egress, code) in [
        (&silent, Egress::Direct, Code::EgressBlocked),
        (&silent, Egress::Exempted(proxy.clone()), Code::ProxyNeeded),
        (
            &silent,
            Egress::SwitchedOff(proxy.clone()),
            Code::ProxyNeeded,
        ),
        (&refused, Egress::Direct, Code::ConnectionRefused),
        (&refused, Egress::Loopback, Code::ConnectionRefused),
        (&failed, Egress::Direct, Code::ConnectionFailed),
        (&failed, Egress::Exempted(proxy), Code::ProxyNeeded),
        (&ReachError::Loop, Egress::Direct, Code::LeadsBack),
    ] {
        let finding = connection(HOST, error, &egress);
        assert_eq!(finding.code, code, "{error:?} {egress:?}");
        assert_eq!(finding.mark, Mark::Failed);
        assert_eq!(finding.cause, Some(error.to_string()));
    }
}

#[test]
fn a_name_that_is_not_known_is_told_by_whether_others_are() {
    let cause = || "words".to_owned();
    let unknown = NameError::Unknown { cause: cause() };
    let silent = NameError::Unanswered { cause: cause() };
    let exempted = Egress::Exempted("http://proxy.example:3128".to_owned());
    for (host, error, others, egress, code) in [
        (HOST, &unknown, true, &Egress::Direct, Code::WrongSubdomain),
        (
            "acme.my.salesforce.com",
            &unknown,
            true,
            &exempted,
            Code::WrongSubdomain,
        ),
        (
            "auth.example",
            &unknown,
            true,
            &Egress::Direct,
            Code::UnknownHost,
        ),
        (HOST, &silent, true, &Egress::Direct, Code::DnsTrouble),
        (HOST, &unknown, false, &Egress::Direct, Code::DnsBlocked),
        (HOST, &silent, false, &Egress::Direct, Code::DnsBlocked),
        (HOST, &silent, false, &exempted, Code::ProxyNeeded),
    ] {
        assert_eq!(
            names(host, error, others, egress).code,
            code,
            "{host} {error:?} {others}"
        );
    }
}

#[test]
fn a_subdomain_is_what_stands_before_the_vendors_part() {
    assert_eq!(subdomain(HOST), Some("mc1"));
    assert_eq!(
        subdomain("acme--uat.sandbox.my.salesforce.com"),
        Some("acme--uat")
    );
    for host in [
        "localhost",
        "login.salesforce.com",
        ".my.salesforce.com",
        "marketingcloudapis.com",
    ] {
        assert_eq!(subdomain(host), None, "{host}");
    }
}

#[test]
fn errors_are_read_in_every_shape() {
    for (text, error, words) in [
        (
            r#"{"error":"invalid_client","error_description":"Invalid"}"#,
            "invalid_client",
            "Invalid",
        ),
        (
            r#"{"message":"Not Authorized","errorcode":0,"documentation":""}"#,
            "0",
            "Not Authorized",
        ),
        (r#"{"message":"No","errorcode":"20002"}"#, "20002", "No"),
        (
            r#"[{"message":"Session expired","errorCode":"INVALID_SESSION_ID"}]"#,
            "INVALID_SESSION_ID",
            "Session expired",
        ),
        (
            r#"{"@attributes":{"stat":"fail","err_code":184},"err":"access_token is invalid"}"#,
            "184",
            "access_token is invalid",
        ),
        (
            r#"{"code":184,"message":"access_token is invalid"}"#,
            "184",
            "access_token is invalid",
        ),
        (
            "<soap:Fault><faultcode xmlns:q0=\"x\">q0:Security</faultcode><faultstring>Token Expired</faultstring></soap:Fault>",
            "q0:Security",
            "Token Expired",
        ),
        ("<e:faultstring>x</e:faultstring>", "", "x"),
        ("<p>what is a faultstring?</p>", "", ""),
        ("", "", ""),
    ] {
        let expected = Said {
            error: error.to_owned(),
            words: words.to_owned(),
        };
        assert_eq!(answered(400, text).said(), expected, "{text}");
    }
    assert_eq!(answered(502, "Bad\r\nGateway").quoted(), "502 Bad  Gateway");
    assert_eq!(printable(&"x".repeat(1000)).len(), 400);
    assert_eq!(printable("a\u{202e}b\u{7}c"), "a b c");
}

#[test]
fn what_speaks_of_addresses_is_known_by_its_words() {
    for words in [
        "IP address 1.2.3.4 is not allowed",
        "ip restricted",
        "not on the allowlist",
        "LOGIN_IP_X",
    ] {
        assert!(is_of_addresses(words), "{words}");
    }
    for words in ["The email address is wrong", "recipient", "script", ""] {
        assert!(!is_of_addresses(words), "{words}");
    }
}

#[test]
fn answers_of_apis_are_told_apart() {
    let page = Answered {
        is_page: true,
        ..answered(200, "<html></html>")
    };
    for (answered, code) in [
        (answered(200, "{}"), Code::Ok),
        (answered(200, "plain text"), Code::OddAnswer),
        (page, Code::CaptivePortal),
        (answered(302, ""), Code::CaptivePortal),
        (answered(400, r#"{"code":184}"#), Code::TokenRefused),
        (answered(400, r#"{"code":49}"#), Code::WrongAccount),
        (answered(400, r#"{"code":201}"#), Code::WrongAccount),
        (answered(400, r#"{"code":1}"#), Code::Refused),
        (answered(401, ""), Code::TokenRefused),
        (
            answered(
                403,
                r#"{"message":"Insufficient privileges","errorcode":20002}"#,
            ),
            Code::MissingScope,
        ),
        (
            answered(403, r#"{"message":"IP range"}"#),
            Code::AddressNotAllowed,
        ),
        (answered(404, ""), Code::NotFound),
        (answered(429, ""), Code::Throttled),
        (answered(503, ""), Code::TenantTrouble),
    ] {
        assert_eq!(calls::rest(&answered).code, code, "{answered:?}");
    }
}

#[test]
fn the_servers_clock_is_taken_for_the_middle_of_the_exchange() {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let sent = Now {
        monotonic: Instant::now(),
        wall,
    };
    let received = sent.after(Duration::from_secs(10));
    let middle = wall + Duration::from_secs(5);
    let ahead = |seconds| Some(middle + Duration::from_secs(seconds));
    let behind = |seconds| Some(middle - Duration::from_secs(seconds));
    for (date, mark, words) in [
        (None, Mark::LeftOut, "no Date"),
        (ahead(0), Mark::Ok, "agree"),
        (ahead(2), Mark::Ok, "agree"),
        (ahead(60), Mark::Ok, "60 s behind the"),
        (ahead(61), Mark::Warning, "61 s behind the"),
        (behind(300), Mark::Warning, "300 s ahead of the"),
        (behind(301), Mark::Failed, "301 s ahead of the"),
    ] {
        let finding = clock::judge(date, sent, received);
        assert_eq!(finding.mark, mark, "{finding:?}");
        assert!(finding.message.contains(words), "{finding:?}");
    }
}

/// A certificate authority of that name, as it presents itself.
fn authority(name: &str) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let kind = rcgen::DnType::CommonName;
    params.distinguished_name.push(kind, name);
    let key = rcgen::KeyPair::generate().unwrap();
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn a_public_authority_is_told_from_a_companys_own() {
    let public = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    assert!(public.len() > 50);
    for root in public {
        let presented = Presented::read(&[root]).unwrap();
        assert!(presented.is_public, "{presented:?}");
    }
    let untrusted = Presented::read(&public[..1]);
    let failure = TlsFailure::UnknownIssuer;
    let finding = tls::judge(HOST, None, untrusted.as_ref(), Some(&failure));
    assert_eq!(finding.code, Code::CertificateUntrusted);

    let own = Presented::read(&[authority("Contoso\u{202e} Gateway")]).unwrap();
    assert_eq!(
        (own.is_public, own.issuer.as_str()),
        (false, "Contoso  Gateway")
    );
    assert_eq!(own.names, "a.example");
    let finding = tls::judge(HOST, None, Some(&own), Some(&failure));
    assert_eq!(finding.code, Code::TlsIntercepted);
    assert_eq!(Presented::read(&[b"no certificate"]), None);
    assert_eq!(Presented::read::<Vec<u8>>(&[]), None);
}

#[test]
fn handshakes_are_told_apart() {
    let own = Presented::read(&[authority("Contoso")]);
    let limit = Duration::from_secs(10);
    for (failure, code) in [
        (TlsFailure::Expired, Code::CertificateExpired),
        (TlsFailure::NotYetValid, Code::CertificateNotYetValid),
        (TlsFailure::WrongName, Code::CertificateWrongName),
        (
            TlsFailure::Unusable("words".to_owned()),
            Code::CertificateUnusable,
        ),
        (TlsFailure::UnknownName, Code::WrongSubdomain),
        (TlsFailure::TooOld, Code::TlsTooOld),
        (TlsFailure::NoTls, Code::NoTls),
        (TlsFailure::Silent(limit), Code::EgressBlocked),
        (TlsFailure::Other("words".to_owned()), Code::TlsFailed),
    ] {
        let finding = tls::judge(HOST, None, own.as_ref(), Some(&failure));
        assert_eq!(finding.code, code, "{failure:?}");
        assert!(
            finding.fix.is_some() && finding.message.contains(HOST),
            "{finding:?}"
        );
    }
    let finding = tls::judge(HOST, Some("TLS 1.3"), own.as_ref(), None);
    assert_eq!(
        finding.message,
        "TLS 1.3, certificate signed by Contoso, trusted"
    );
}
