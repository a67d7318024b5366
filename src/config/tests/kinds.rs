//! Kinds and grants: what each needs, what each has no place for, and what comes of it.

use super::*;
use crate::secret::Secret;
use crate::token::{EndpointSettings, GrantType, Kind};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

/// The endpoint of a tenant of these lines.
#[track_caller]
fn endpoint(lines: &str) -> EndpointSettings {
    let text = format!("[tenants.acme]\nclient_id = \"i\"\n{lines}\n");
    resolve(&text).proxy.tenants.remove(0).endpoint
}

/// What is wrong with a tenant of kind `salesforce`; the first line is 5.
#[track_caller]
fn check_core(text: &str, expected: &[&str]) {
    let core = "kind = \"salesforce\"\nclient_id = \"i\"\nclient_secret = \"s\"\n";
    check_bare_tenant(&format!("{core}{text}"), expected);
}

/// What is wrong with a tenant of kind `account_engagement`; the first line is 6.
#[track_caller]
fn check_engagement(text: &str, expected: &[&str]) {
    let tenant = "kind = \"account_engagement\"\nsubdomain = \"acme\"\nclient_id = \"i\"\nclient_secret = \"s\"\n";
    check_bare_tenant(&format!("{tenant}{text}"), expected);
}

fn pem() -> String {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .unwrap()
        .serialize_pem()
}

#[test]
fn a_tenant_of_marketing_cloud_is_what_it_was() {
    let endpoint = endpoint("subdomain = \"mc1\"\nclient_secret = \"s\"");
    assert!(matches!(endpoint.kind, Kind::MarketingCloud));
    assert!(matches!(endpoint.grant_type, GrantType::ClientCredentials));
    assert_eq!(
        endpoint.auth_url,
        "https://mc1.auth.marketingcloudapis.com/"
    );
    assert_eq!(
        endpoint.client_secrets.first().map(Secret::expose),
        Some("s")
    );
}

#[test]
fn a_my_domain_name_has_one_label_or_two() {
    for (written, read) in [
        ("acme", "acme"),
        ("Acme", "acme"),
        ("acme--uat.sandbox", "acme--uat.sandbox"),
        ("acme-dev-ed.develop", "acme-dev-ed.develop"),
        ("acme.scratch", "acme.scratch"),
    ] {
        let endpoint = endpoint(&format!(
            "kind = \"salesforce\"\nsubdomain = {written:?}\nclient_secret = \"s\""
        ));
        assert_eq!(
            endpoint.auth_url.to_string(),
            format!("https://{read}.my.salesforce.com/")
        );
        assert_eq!(endpoint.lock.subdomain.as_deref(), Some(read));
        assert!(matches!(endpoint.kind, Kind::Salesforce));
        assert_eq!(endpoint.token_lifetime.as_secs(), 3600);
    }
}

#[test]
fn whoever_pastes_a_host_is_told_the_part_of_it() {
    const EXAMPLE: &str =
        "write what stands before .my.salesforce.com, as \"acme\" or \"acme--uat.sandbox\"";
    for (written, what, instead) in [
        (
            "acme.my.salesforce.com",
            "is more than the My Domain name",
            "write \"acme\"",
        ),
        (
            "https://Acme--uat.sandbox.my.salesforce.com/x",
            "is more than the My Domain name",
            "write \"acme--uat.sandbox\"",
        ),
        (
            "acme.lightning.force.com",
            "is more than the My Domain name",
            "write \"acme\"",
        ),
        ("acme/", "is more than the My Domain name", EXAMPLE),
        ("login.salesforce.com", "is no My Domain name", EXAMPLE),
        ("a.b.c", "is no My Domain name", EXAMPLE),
        ("acme.evil.com", "is no My Domain name", EXAMPLE),
        ("acme_", "is no My Domain name", EXAMPLE),
        ("acme.", "is no My Domain name", EXAMPLE),
        (
            "mc1.auth.marketingcloudapis.com",
            "is a host of Marketing Cloud",
            "leave kind out, or write the NAME in https://NAME.my.salesforce.com/",
        ),
    ] {
        check_core(
            &format!("subdomain = {written:?}"),
            &[&format!(
                "5: tenants.acme.subdomain: {written:?} {what}; {instead}"
            )],
        );
    }
    check_bare_tenant(
        "subdomain = \"acme.my.salesforce.com\"\nclient_id = \"i\"\nclient_secret = \"s\"",
        &[
            "2: tenants.acme.subdomain: \"acme.my.salesforce.com\" is a host of core Salesforce; write kind = \"salesforce\" beside it, or the SUB in https://SUB.auth.marketingcloudapis.com/",
        ],
    );
}

#[test]
fn where_tokens_of_core_salesforce_come_from() {
    check_core(
        "",
        &[
            "1: tenants.acme.subdomain: is missing; write subdomain = \"acme\", the NAME in https://NAME.my.salesforce.com/",
        ],
    );
    check_core(
        "auth_url = \"https://login.salesforce.com/\"\ntrusted_hosts = [\"acme.my.salesforce.com\"]",
        &[
            "5: tenants.acme.auth_url: takes no client credentials: the vendor grants them on an org's My Domain alone; write subdomain = \"acme\" instead, the NAME in https://NAME.my.salesforce.com/",
        ],
    );
    check_core(
        "auth_url = \"https://test.salesforce.com/\"\nsubdomain = \"acme\"",
        &[
            "5: tenants.acme.auth_url: takes no client credentials: the vendor grants them on an org's My Domain alone; leave it out, since the subdomain says it all",
        ],
    );
    check_core(
        "auth_url = \"https://login.example/\"",
        &[
            "5: tenants.acme.auth_url: says where tokens come from, but not where they may be sent; add subdomain = \"acme\", or trusted_hosts = [\"host:port\"] with the instances' hosts",
        ],
    );
    check_core(
        "auth_url = \"https://acme--uat.sandbox.my.salesforce.com/\"",
        &[
            "5: tenants.acme.auth_url: says where tokens come from, but not where they may be sent; write subdomain = \"acme--uat.sandbox\" instead",
        ],
    );
    check_core(
        "subdomain = \"acme\"\nauth_url = \"https://a.example/services/oauth2/token\"",
        &[
            "6: tenants.acme.auth_url: \"https://a.example/services/oauth2/token\" does not end with a slash: it is the base of the token endpoint; write \"https://a.example/\"",
        ],
    );
    check_core(
        "subdomain = \"acme\"\nauth_url = \"https://mc1.auth.marketingcloudapis.com/\"",
        &[
            "6: tenants.acme.auth_url: \"https://mc1.auth.marketingcloudapis.com/\" is a host of Marketing Cloud; leave kind out",
        ],
    );
    check_tenant(
        "auth_url = \"https://login.salesforce.com/\"",
        &[
            "6: tenants.acme.auth_url: \"https://login.salesforce.com/\" is a host of core Salesforce; write kind = \"salesforce\" beside it",
        ],
    );
    let login = endpoint(
        "kind = \"salesforce\"\ngrant = \"authorization_code\"\nsubdomain = \"acme\"\nauth_url = \"https://login.salesforce.com/\"",
    );
    assert_eq!(login.auth_url, "https://login.salesforce.com/");
    assert_eq!(login.lock.subdomain.as_deref(), Some("acme"));
}

#[test]
fn keys_of_other_kinds_are_told_all_at_once() {
    check_core(
        "subdomain = \"acme\"\naccount_id = 5\nallow_any_account = true\ndataspace = \"d\"\nbusiness_unit_id = \"x\"\napi_url = \"https://x\"\n\
         accounts.emea = 6\n",
        &[
            "6: tenants.acme.account_id: is for kind = \"marketing_cloud\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"marketing_cloud\"",
            "7: tenants.acme.allow_any_account: is for kind = \"marketing_cloud\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"marketing_cloud\"",
            "8: tenants.acme.dataspace: is for kind = \"data_cloud\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"data_cloud\"",
            "9: tenants.acme.business_unit_id: is for kind = \"account_engagement\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"account_engagement\"",
            "10: tenants.acme.api_url: is for kind = \"account_engagement\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"account_engagement\"",
            "11: tenants.acme.accounts: is for kind = \"marketing_cloud\", and this tenant's is \"salesforce\"; leave it out, or write kind = \"marketing_cloud\"",
        ],
    );
    check_tenant(
        "token_lifetime = \"2h\"\ndataspace = \"d\"",
        &[
            "6: tenants.acme.token_lifetime: is for kind = \"salesforce\" or \"data_cloud\" or \"account_engagement\", and this tenant's is \"marketing_cloud\"; leave it out",
            "7: tenants.acme.dataspace: is for kind = \"data_cloud\", and this tenant's is \"marketing_cloud\"; leave it out, or write kind = \"data_cloud\"",
        ],
    );
    check_core(
        "subdomain = \"acme\"\n[[listener]]\naddress = \"127.0.0.1:1\"\naccount = 7",
        &[
            "8: listener[0].account: tenant acme has no accounts, being of core Salesforce; leave it out",
        ],
    );
    // Without the kind nobody can tell what fits.
    check_bare_tenant(
        "kind = \"pardot\"\nclient_id = \"i\"\naccount_id = 5\ndataspace = \"d\"\nscope = \"x\"",
        &[
            "1: tenants.acme.subdomain: is missing; write what stands before .auth.marketingcloudapis.com, or for the other kinds before .my.salesforce.com",
            "1: tenants.acme.client_secret: is missing; write client_secret_file = \"/run/secrets/…\", or client_secret = \"${NAME}\"",
            "2: tenants.acme.kind: \"pardot\" is not one of the words for it; write \"marketing_cloud\" or \"salesforce\" or \"data_cloud\" or \"account_engagement\"",
        ],
    );
}

#[test]
fn keys_of_other_grants_are_told_all_at_once() {
    check_tenant(
        "pkce = true\nredirect_uri = \"http://localhost/oauth/callback\"\njwt_subject = \"u\"",
        &[
            "6: tenants.acme.pkce: is for grant = \"authorization_code\", and this tenant's is \"client_credentials\"; leave it out, or write grant = \"authorization_code\"",
            "7: tenants.acme.redirect_uri: is for grant = \"authorization_code\", and this tenant's is \"client_credentials\"; leave it out, or write grant = \"authorization_code\"",
            "8: tenants.acme.jwt_subject: is for grant = \"jwt_bearer\", and this tenant's is \"client_credentials\"; leave it out",
        ],
    );
    check_core(
        "subdomain = \"acme\"\njwt_key = \"k\"\njwt_audience = \"https://a.example\"",
        &[
            "6: tenants.acme.jwt_key: is for grant = \"jwt_bearer\", and this tenant's is \"client_credentials\"; leave it out, or write grant = \"jwt_bearer\"",
            "7: tenants.acme.jwt_audience: is for grant = \"jwt_bearer\", and this tenant's is \"client_credentials\"; leave it out, or write grant = \"jwt_bearer\"",
        ],
    );
    check_tenant(
        "grant = \"jwt_bearer\"",
        &[
            "6: tenants.acme.grant: is not for kind = \"marketing_cloud\": the vendor offers no public contract for it; write grant = \"client_credentials\" or \"authorization_code\"",
        ],
    );
}

#[test]
fn data_cloud_and_account_engagement() {
    let data = endpoint(
        "kind = \"data_cloud\"\nsubdomain = \"acme\"\nclient_secret = \"s\"\ndataspace = \"sales\"\ntoken_lifetime = \"30m\"",
    );
    assert!(matches!(&data.kind, Kind::DataCloud { dataspace: Some(name) } if name == "sales"));
    assert_eq!(data.token_lifetime.as_secs(), 1800);
    let unit = "0Uv000000000123AAA";
    let engagement = |lines: &str| {
        let endpoint = endpoint(&format!(
            "kind = \"account_engagement\"\nsubdomain = \"acme\"\nclient_secret = \"s\"\nbusiness_unit_id = {unit:?}\n{lines}"
        ));
        match endpoint.kind {
            Kind::AccountEngagement {
                api_url,
                business_unit_id,
            } => {
                assert_eq!(business_unit_id, unit);
                api_url.to_string()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(engagement(""), "https://pi.pardot.com/");
    for (lines, url) in [
        (
            "api_url = \"https://pi.demo.pardot.com\"",
            "https://pi.demo.pardot.com/",
        ),
        (
            "api_url = \"http://127.0.0.1:9/\"\ntrusted_hosts = [\"127.0.0.1:9\"]",
            "http://127.0.0.1:9/",
        ),
        (
            "api_url = \"https://pi.example/base/\"\ntrusted_hosts = [\"pi.example\"]",
            "https://pi.example/base/",
        ),
    ] {
        assert_eq!(engagement(lines), url);
    }
}

#[test]
fn account_engagement_needs_its_business_unit() {
    check_engagement(
        "",
        &[
            "1: tenants.acme.business_unit_id: is missing; write business_unit_id = \"0Uv…\", from Account Engagement's business unit setup",
        ],
    );
    for wrong in [
        "0Uv000000000123",
        "0UV000000000123AAA",
        "0Uv00000000012-AAA",
        "001000000000123AAA",
    ] {
        check_engagement(
            &format!("business_unit_id = {wrong:?}"),
            &[&format!(
                "6: tenants.acme.business_unit_id: {wrong:?} is no business unit; write the 18 characters that begin with 0Uv, from Account Engagement's business unit setup"
            )],
        );
    }
}

#[test]
fn calls_go_to_account_engagement_or_a_host_that_the_operator_vouches_for() {
    const UNTRUSTED: &str = "write \"https://pi.pardot.com/\", or \"https://pi.demo.pardot.com/\" for a sandbox; or add its host to trusted_hosts";
    let unit = "business_unit_id = \"0Uv000000000123AAA\"\n";
    for (url, what, instead) in [
        (
            "https://pi.example/",
            "is neither Account Engagement's nor in trusted_hosts",
            UNTRUSTED,
        ),
        (
            "https://pi.pardot.com:8443/",
            "is neither Account Engagement's nor in trusted_hosts",
            UNTRUSTED,
        ),
        (
            "http://127.0.0.1:9/",
            "is neither Account Engagement's nor in trusted_hosts",
            UNTRUSTED,
        ),
        (
            "http://pi.pardot.com/",
            "would send tokens in clear",
            "write https://; http is for loopback alone",
        ),
        (
            "https://pi.pardot.com/api",
            "does not end with a slash",
            "write \"https://pi.pardot.com/api/\"",
        ),
    ] {
        check_engagement(
            &format!("{unit}api_url = {url:?}"),
            &[&format!(
                "7: tenants.acme.api_url: {url:?} {what}; {instead}"
            )],
        );
    }
}

#[test]
fn a_key_signs_for_a_user() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwt.pem");
    std::fs::write(&file, pem()).unwrap();
    let bearer = |lines: &str| {
        let endpoint = endpoint(&format!(
            "kind = \"salesforce\"\ngrant = \"jwt_bearer\"\njwt_subject = \"u@acme.example\"\n{lines}"
        ));
        assert!(endpoint.client_secrets.is_empty());
        match endpoint.grant_type {
            GrantType::JwtBearer {
                subject, audience, ..
            } => {
                assert_eq!(subject, "u@acme.example");
                audience
            }
            other => panic!("{other:?}"),
        }
    };
    let key = format!("jwt_key_file = {file:?}\n");
    let (live, test) = (
        "https://login.salesforce.com",
        "https://test.salesforce.com",
    );
    for (lines, audience) in [
        ("subdomain = \"acme\"", live),
        ("subdomain = \"acme--UAT.Sandbox\"", test),
        (
            "subdomain = \"acme\"\nauth_url = \"https://test.salesforce.com/\"",
            test,
        ),
        (
            "subdomain = \"acme\"\nauth_url = \"https://login.salesforce.com/\"",
            live,
        ),
        (
            "subdomain = \"acme\"\njwt_audience = \"https://acme.my.site.com/portal\"",
            "https://acme.my.site.com/portal",
        ),
    ] {
        assert_eq!(bearer(&format!("{key}{lines}")), audience, "{lines}");
    }
    bearer(&format!(
        "jwt_key = '''\n{}'''\nsubdomain = \"acme\"",
        pem()
    ));
}

#[test]
fn what_a_signing_tenant_lacks_or_has_too_much() {
    let check = |lines: &str, expected: &[&str]| {
        check_bare_tenant(
            &format!(
                "kind = \"data_cloud\"\ngrant = \"jwt_bearer\"\nsubdomain = \"acme\"\nclient_id = \"i\"\n{lines}"
            ),
            expected,
        );
    };
    check(
        "client_secret = \"s\"\njwt_audience = \"login\"",
        &[
            "1: tenants.acme.jwt_key: is missing; write jwt_key_file = \"/run/secrets/….pem\", or jwt_key = \"${NAME}\"",
            "1: tenants.acme.jwt_subject: is missing; write jwt_subject = \"integration@acme.example\", the name of the user that calls are made as",
            "6: tenants.acme.client_secret: is of no use with grant = \"jwt_bearer\", where a key signs; leave it out",
            "7: tenants.acme.jwt_audience: \"login\" is no http or https URL; write a URL such as \"https://proxy.example.com\"",
        ],
    );
    const INSTEAD: &str = "give the key that goes with the connected app's certificate, as PEM";
    check(
        "jwt_key = \"s3cret\"\njwt_subject = \"a user\"",
        &[
            &format!("6: tenants.acme.jwt_key: holds no private key as PEM; {INSTEAD}"),
            "7: tenants.acme.jwt_subject: holds white space; write the user's name alone",
        ],
    );
    check(
        "jwt_key_file = \"/nonexistent/k\"\njwt_subject = \"u\"",
        &[&format!(
            "6: tenants.acme.jwt_key_file: the file /nonexistent/k does not exist; {INSTEAD}"
        )],
    );
    check(
        "jwt_key_file = \"k\"\njwt_key = \"k\"\njwt_subject = \"u\"",
        &["7: tenants.acme.jwt_key: jwt_key and jwt_key_file are both given; keep one of them"],
    );
}
