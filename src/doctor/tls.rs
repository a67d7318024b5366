//! What a TLS handshake means that failed, or did not. Pure.

use crate::upstream::TlsFailure;

use super::certificate::Presented;
use super::way::subdomain;
use super::{Code, Finding};

/// What came of a handshake with `host`.
pub(super) fn judge(
    host: &str,
    version: Option<&str>,
    presented: Option<&Presented>,
    failure: Option<&TlsFailure>,
) -> Finding {
    let Some(failure) = failure else {
        let version = version.unwrap_or("TLS");
        let issuer = issuer(presented);
        return Finding::ok(format!(
            "{version}, certificate signed by {issuer}, trusted"
        ));
    };
    match failure {
        TlsFailure::UnknownName => unknown_name(host),
        TlsFailure::TooOld => Finding::failed(
            Code::TlsTooOld,
            format!("{host} speaks nothing newer than TLS 1.1, and Salesforce does: something on the way is too old"),
            "have the proxy or gateway on the way speak TLS 1.2 or newer, or let these hosts pass it untouched",
        ),
        TlsFailure::NoTls => Finding::failed(
            Code::NoTls,
            format!("what answers as {host} speaks no TLS"),
            "a captive portal, a proxy or a wrong port answers: log in at the portal, set HTTPS_PROXY, or compare auth_url",
        ),
        TlsFailure::Silent(limit) => Finding::failed(
            Code::EgressBlocked,
            format!("the connection to {host} stands, but TLS gets no answer within {limit:?}"),
            "a firewall lets TCP pass and swallows TLS by its name: have it let the tenant's hosts pass",
        ),
        TlsFailure::Other(cause) => Finding::failed(
            Code::TlsFailed,
            format!("TLS with {host} fails"),
            "a firewall or proxy on the way that looks into TLS is the likely cause: have it let the tenant's hosts pass",
        )
        .because(cause.as_str()),
        of_certificate => certificate(host, presented, of_certificate),
    }
}

fn unknown_name(host: &str) -> Finding {
    let code = match subdomain(host) {
        Some(_) => Code::WrongSubdomain,
        None => Code::UnknownHost,
    };
    Finding::failed(
        code,
        format!("what answers has no host {host}"),
        "compare the tenant's subdomain, or auth_url, with the base URIs of the installed package",
    )
}

/// Who signed what was presented.
fn issuer(presented: Option<&Presented>) -> &str {
    presented.map_or("nobody", |presented| presented.issuer.as_str())
}

/// A certificate that a call would not take.
fn certificate(host: &str, presented: Option<&Presented>, failure: &TlsFailure) -> Finding {
    let issuer = issuer(presented);
    let (names, not_before, not_after) = match presented {
        Some(presented) => (
            presented.names.as_str(),
            presented.not_before.as_str(),
            presented.not_after.as_str(),
        ),
        None => ("no host name", "an unknown time", "an unknown time"),
    };
    let finding = match failure {
        TlsFailure::UnknownIssuer => return unknown_issuer(host, presented),
        TlsFailure::Expired => Finding::failed(
            Code::CertificateExpired,
            format!("the certificate of {host} is over since {not_after}"),
            "set this machine's clock if it is wrong; else whoever stands between here and Salesforce has let the \
             certificate run out",
        ),
        TlsFailure::NotYetValid => Finding::failed(
            Code::CertificateNotYetValid,
            format!("the certificate of {host} is good only from {not_before}"),
            "set this machine's clock: it is probably slow",
        ),
        TlsFailure::WrongName => Finding::failed(
            Code::CertificateWrongName,
            format!("what answers as {host} has a certificate for {names}"),
            "another host answers in its place: compare the subdomain or auth_url with the package, and look for a hosts \
             file or a proxy on the way",
        ),
        _ => Finding::failed(
            Code::CertificateUnusable,
            format!("the certificate of {host} cannot be used"),
            "it is none of Salesforce's: ask whoever runs the proxy or gateway on the way",
        ),
    };
    let signed = format!("signed by {issuer}");
    finding.because(match failure {
        TlsFailure::Unusable(cause) => format!("{cause}; {signed}"),
        _ => signed,
    })
}

fn unknown_issuer(host: &str, presented: Option<&Presented>) -> Finding {
    let issuer = issuer(presented);
    if presented.is_some_and(|presented| presented.is_public) {
        return Finding::failed(
            Code::CertificateUntrusted,
            format!(
                "{host} has a certificate of the public authority {issuer}, which this machine does not trust"
            ),
            "bring this machine's root certificates up to date (package ca-certificates), or name that authority in the \
             tenant's ca_file",
        );
    }
    Finding::failed(
        Code::TlsIntercepted,
        format!(
            "TLS is opened on the way: the certificate of {host} is signed by {issuer}, none of the public root authorities"
        ),
        "if that is your company's proxy and you trust it to read this traffic, name its root certificate in the tenant's \
         ca_file; better, have it let the tenant's hosts pass untouched. If it is a public authority's, the middle of the chain \
         is missing",
    )
}
