//! What the tenant itself answers: token endpoint, clock, userinfo, REST and SOAP.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use sfmc_auth_proxy::doctor::{Code, Mark, Stage};
use sfmc_auth_proxy::sandbox::{ErrorShape, Face, Script, SoapFault, Switches, UnknownAccount};
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::token::TrustedHost;

use super::{Case, arrived};

/// The next token request gets this.
fn refusing(case: &Case, status: u16, body: Value) {
    let script = Script::status(Face::Auth, status).below("/v2/token");
    case.tenant.script(script.body(body));
}

fn oauth(error: &str, description: &str) -> Value {
    json!({"error": error, "error_description": description, "error_uri": "https://developer.salesforce.com"})
}

fn vendor(message: &str, errorcode: u64) -> Value {
    json!({"message": message, "errorcode": errorcode, "documentation": ""})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_token_endpoint_says_is_told_in_both_of_its_shapes() {
    for (status, body, code) in [
        (
            401,
            oauth("invalid_client", "Invalid client ID."),
            Code::WrongClient,
        ),
        (
            400,
            oauth("invalid_client", "Invalid client ID."),
            Code::WrongClient,
        ),
        (
            401,
            oauth("invalid_client", "The package is disabled."),
            Code::PackageDisabled,
        ),
        (
            401,
            oauth("unauthorized_client", ""),
            Code::ClientNotAuthorized,
        ),
        (401, vendor("Unauthorized", 1), Code::LegacyPackage),
        (
            400,
            vendor("Enhanced package", 10_007),
            Code::EnhancedPackageOnV1,
        ),
        (
            400,
            json!({"message": "Enhanced", "errorcode": "10007"}),
            Code::EnhancedPackageOnV1,
        ),
        (
            400,
            oauth("invalid_scope", "The scope x is unknown."),
            Code::ScopeNotGranted,
        ),
        (
            400,
            oauth("invalid_grant", "nothing known"),
            Code::GrantRefused,
        ),
        (
            400,
            oauth("unsupported_grant_type", "one of"),
            Code::UnsupportedGrant,
        ),
        (
            401,
            oauth("invalid_client", "The account_id is wrong"),
            Code::WrongAccount,
        ),
        (
            401,
            oauth("unauthorized_client", "IP address 1.2.3.4 is not allowed"),
            Code::AddressNotAllowed,
        ),
        (403, vendor("Forbidden", 0), Code::AddressNotAllowed),
        (404, vendor("Not Found", 0), Code::WrongSubdomain),
        (
            429,
            vendor("API rate limit exceeded.", 50_100),
            Code::Throttled,
        ),
        (500, vendor("Internal Server Error", 0), Code::TenantTrouble),
        (
            503,
            json!("<html><title>Maintenance</title></html>"),
            Code::TenantTrouble,
        ),
        (400, vendor("Bad Request", 10_001), Code::Refused),
        (200, json!({"access_token": "x"}), Code::OddAnswer),
    ] {
        let case = Case::new().await;
        refusing(&case, status, body.clone());
        let report = case.examined().await;
        let finding = report.check_failure(Stage::Token, code);
        if status != 200 {
            let cause = finding.cause.as_ref().unwrap();
            assert!(cause.starts_with(&status.to_string()), "{finding:?}");
        }
        report.check_end(Stage::Token);
        assert_eq!(case.tenant.token_requests(), 1, "asked once: {body}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_web_page_in_place_of_the_endpoint_is_a_portal() {
    let page = "<!DOCTYPE html><html><head><title>Guest Wi-Fi: please log in</title></head></html>";
    for status in [200, 302, 401, 403] {
        let case = Case::new().await;
        refusing(&case, status, json!(page));
        let report = case.examined().await;
        let finding = report.check_failure(Stage::Token, Code::CaptivePortal);
        assert!(
            finding.cause.as_ref().unwrap().contains("Guest Wi-Fi"),
            "{finding:?}"
        );
    }
    // Only later in the day.
    let case = Case::new().await;
    let mut script = Script::status(Face::Rest, 200).body(json!(page));
    let headers = &mut script.headers;
    headers.insert(
        "content-type".to_owned(),
        "text/html; charset=utf-8".to_owned(),
    );
    case.tenant.script(script);
    case.examined()
        .await
        .check_failure(Stage::Rest, Code::CaptivePortal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_secret_is_told_by_the_endpoints_own_judgement() {
    let mut case = Case::new().await;
    case.acme().endpoint.client_secrets = vec![Secret::new("canary-of-a-secret")];
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Token, Code::WrongClient);
    assert!(
        finding.message.contains("the configured client_secret"),
        "{finding:?}"
    );
    assert!(!format!("{:?}", report.0).contains("canary"));
    case.tenant.set_switches(Switches {
        token_errors: ErrorShape::Vendor,
        ..Switches::default()
    });
    case.examined()
        .await
        .check_failure(Stage::Token, Code::LegacyPackage);
    case.tenant.set_switches(Switches::default());
    case.acme().endpoint.client_id = "somebody-else".to_owned();
    case.examined()
        .await
        .check_failure(Stage::Token, Code::WrongClient);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_mid_is_told_at_the_endpoint_or_by_userinfo() {
    for unknown_account in [
        UnknownAccount::InvalidRequest,
        UnknownAccount::InvalidClient,
        UnknownAccount::UnauthorizedClient,
    ] {
        let mut case = Case::new().await;
        case.tenant.set_switches(Switches {
            unknown_account,
            ..Switches::default()
        });
        case.acme().default_account = Some(510_009_999);
        let report = case.examined().await;
        let finding = report.check_failure(Stage::Token, Code::WrongAccount);
        assert!(finding.message.contains("510009999"), "{finding:?}");
    }
    let case = Case::new().await;
    let told = json!({"organization": {"member_id": "510009999", "enterprise_id": 1}});
    let script = Script::status(Face::Auth, 200).below("/v2/userinfo");
    case.tenant.script(script.body(told));
    let report = case.examined().await;
    let finding = report.check_failure(Stage::UserInfo, Code::WrongAccount);
    assert!(
        finding.message.contains("510009999, not for 510001234"),
        "{finding:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_scope_is_told_wherever_it_shows() {
    let mut case = Case::with(|settings| settings.scopes = vec!["email_read".to_owned()]).await;
    case.acme().endpoint.scope = Some("email_read journeys_read".to_owned());
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Token, Code::ScopeNotGranted);
    assert!(
        finding.message.contains("email_read journeys_read"),
        "{finding:?}"
    );

    // The endpoint gives less than was asked for, or nothing at all.
    let mut case = Case::new().await;
    case.acme().endpoint.scope = Some("email_read journeys_read".to_owned());
    for (granted, words) in [
        ("email_read", "configured: journeys_read"),
        ("", "no scope at all"),
    ] {
        let patch = Map::from_iter([("scope".to_owned(), json!(granted))]);
        case.tenant.set_token_answer(patch);
        let report = case.examined().await;
        let finding = report.check_failure(Stage::UserInfo, Code::MissingScope);
        assert!(finding.message.contains(words), "{finding:?}");
    }

    let case = Case::new().await;
    case.tenant.script(Script::status(Face::Rest, 403));
    case.examined()
        .await
        .check_failure(Stage::Rest, Code::MissingScope);
    let denied = "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
         <SystemStatusResponseMsg xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><OverallStatus>Error: API Permission \
         Failed. Object Type: x</OverallStatus></SystemStatusResponseMsg></soap:Body></soap:Envelope>";
    let script = Script::status(Face::Soap, 200).body(denied);
    case.tenant.script(script);
    let report = case.examined().await;
    report.check_failure(Stage::Soap, Code::MissingScope);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_refused_at_once_is_likely_an_allowlist() {
    let case = Case::new().await;
    case.tenant.script(Script::status(Face::Rest, 401));
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Rest, Code::TokenRefused);
    assert!(
        finding
            .fix
            .as_ref()
            .unwrap()
            .contains("likely the tenant's IP allowlist")
    );
    let words = json!({"message": "The IP address is not on the allowlist", "errorcode": 0});
    case.tenant
        .script(Script::status(Face::Rest, 403).body(words));
    let report = case.examined().await;
    report.check_failure(Stage::Rest, Code::AddressNotAllowed);
    for (fault, code) in [
        (SoapFault::LoginFailed, Code::TokenRefused),
        (SoapFault::TokenExpired, Code::TokenRefused),
        (SoapFault::Outage, Code::TenantTrouble),
        (SoapFault::Client, Code::Refused),
    ] {
        case.tenant.script(Script::fault(fault));
        let report = case.examined().await;
        let finding = report.check_failure(Stage::Soap, code);
        assert!(finding.cause.is_some(), "{finding:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_that_is_reached_is_no_failure_of_reads() {
    let case = Case::new().await;
    case.tenant.script(Script::status(Face::Rest, 429));
    case.tenant.script(Script::fault(SoapFault::Throttled));
    let report = case.examined().await;
    for stage in [Stage::Rest, Stage::Soap] {
        let finding = report.at(stage);
        assert_eq!(
            (finding.mark, finding.code),
            (Mark::Warning, Code::Throttled),
            "{finding:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_wrong_is_told_with_its_direction() {
    for (seconds, ahead, mark) in [
        (30, true, Mark::Ok),
        (120, false, Mark::Warning),
        (900, true, Mark::Failed),
        (900, false, Mark::Failed),
    ] {
        let case = Case::new().await;
        let apart = Duration::from_secs(seconds);
        let now = SystemTime::now();
        // Where the server's clock is behind, ours is ahead.
        let server = if ahead { now - apart } else { now + apart };
        let mut script = Script::delay(Face::Auth, Duration::ZERO).below("/v2/token");
        let date = httpdate::fmt_http_date(server);
        script.headers.insert("date".to_owned(), date);
        case.tenant.script(script);
        let report = case.examined().await;
        let finding = report.at(Stage::Clock);
        assert_eq!(finding.mark, mark, "{finding:?}");
        let direction = if ahead {
            "s ahead of the"
        } else {
            "s behind the"
        };
        assert!(finding.message.contains(direction), "{finding:?}");
        assert_eq!(finding.code == Code::ClockSkew, mark != Mark::Ok);
        assert_eq!(
            report.at(Stage::Rest).mark,
            Mark::Ok,
            "the rest is looked at all the same"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_not_the_tenants_gets_no_token() {
    let case = Case::new().await;
    let elsewhere = "https://mc-somebody-else.rest.marketingcloudapis.com/";
    case.tenant.set_instance_urls(elsewhere, elsewhere);
    let report = case.examined().await;
    let finding = report.check_failure(Stage::Instance, Code::UntrustedInstanceUrl);
    let host = "mc-somebody-else.rest.marketingcloudapis.com";
    assert!(finding.fix.as_ref().unwrap().contains(host), "{finding:?}");
    report.check_end(Stage::Instance);
    assert_eq!(
        arrived(&case.tenant),
        [(Face::Auth, "POST /v2/token".to_owned())]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_break_and_answers_that_never_come_are_told() {
    let case = Case::new().await;
    case.tenant
        .script(Script::reset(Face::Auth).below("/v2/token"));
    let report = case.examined().await;
    report.check_failure(Stage::Token, Code::ConnectionBroken);
    case.tenant.script(Script::reset(Face::Soap));
    let report = case.examined().await;
    report.check_failure(Stage::Soap, Code::ConnectionBroken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_without_an_account_is_asked_for_none() {
    let mut case = Case::new().await;
    case.acme().default_account = None;
    case.examined().await.check_well();
    let entries = case.tenant.journal();
    assert!(!entries[0].body_text().contains("account_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn account_engagements_business_unit_is_told_from_its_token() {
    let mut case = Case::new().await;
    let url = case.tenant.account_engagement_url();
    let core = case.tenant.core_url();
    let (host, port) = case.tenant.core_authority().rsplit_once(':').unwrap();
    let trusted = TrustedHost {
        host: host.to_owned(),
        port: Some(port.parse().unwrap()),
    };
    let kind = |unit: &str| sfmc_auth_proxy::token::Kind::AccountEngagement {
        api_url: url.parse().unwrap(),
        business_unit_id: unit.to_owned(),
    };
    let acme = case.acme();
    acme.default_account = None;
    acme.endpoint.auth_url = core.parse().unwrap();
    acme.endpoint.lock.trusted.push(trusted);
    acme.endpoint.kind = kind("0Uv000000000001AAA");
    let report = case.examined().await;
    report.check_well();
    assert!(
        report
            .at(Stage::UserInfo)
            .message
            .starts_with("user integration@example.com")
    );
    assert_eq!(report.at(Stage::Soap).mark, Mark::LeftOut);
    case.acme().endpoint.kind = kind("0Uv000000000009AAA");
    case.examined()
        .await
        .check_failure(Stage::Rest, Code::WrongAccount);
    // Without its scope the token is refused outright.
    let mut case = Case::with(|settings| settings.core_scopes = vec!["api".to_owned()]).await;
    let url = case.tenant.account_engagement_url();
    let core = case.tenant.core_url();
    let acme = case.acme();
    acme.default_account = None;
    acme.endpoint.auth_url = core.parse().unwrap();
    acme.endpoint.kind = sfmc_auth_proxy::token::Kind::AccountEngagement {
        api_url: url.parse().unwrap(),
        business_unit_id: "0Uv000000000001AAA".to_owned(),
    };
    case.examined()
        .await
        .check_failure(Stage::Rest, Code::TokenRefused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_that_takes_too_long_is_left() {
    let case = Case::new().await;
    let mut settings = super::settings(&case);
    settings.limit = Duration::from_secs(4);
    case.tenant
        .script(Script::delay(Face::Rest, Duration::from_secs(60)));
    let report = super::examined(&settings, &super::subject(&case)).await;
    report.check_failure(Stage::Rest, Code::NoAnswer);
    report.check_end(Stage::Rest);
}
