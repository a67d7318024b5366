//! Which of the vendor's APIs there are at which kind of tenant, and how each kind refuses a token in plain answers.
//!
//! The path of a call is read before its tenant is known; here both are. Never sends anything.

use super::asked::{Api, Asked, comparable};
use super::error::{Code, ProxyError};
use super::route::Choice;
use crate::facade::Face;
use crate::soap::envelope::Dialect;
use crate::soap::refusal::Wording;
use crate::token::Kind;

/// Refuses what the chosen tenant does not have.
pub(super) fn must_have(choice: &Choice, asked: &Asked) -> Result<(), ProxyError> {
    let kind = choice.tenant().kind();
    let (what, instead) = match &asked.vendor {
        Some(host) if kind.is_core() => (
            format!("{} is a host of Marketing Cloud", host.name),
            "Call it by a path alone, or select a tenant of Marketing Cloud.",
        ),
        _ => match lacking(choice.api, kind) {
            Some((what, instead)) => (what.to_owned(), instead),
            None => return Ok(()),
        },
    };
    Err(ProxyError::new(
        Code::DestinationNotAllowed,
        format!(
            "{what}, and tenant {} is {}. Nothing was sent. {instead}",
            choice.tenant().name(),
            words(kind)
        ),
    ))
}

/// What an API is, and what to do instead, if this kind of tenant has none of it.
fn lacking(api: Api, kind: &Kind) -> Option<(&'static str, &'static str)> {
    let (there, what, instead) = match api {
        Api::Rest | Api::Endpoints | Api::Bulk => return None,
        Api::Soap(Dialect::MarketingCloud) | Api::Wsdl => (
            !kind.is_core(),
            "Service.asmx and its WSDL are Marketing Cloud's",
            "Select a tenant of Marketing Cloud; the SOAP APIs of core Salesforce are at /services/Soap/.",
        ),
        Api::UserInfo => (
            !kind.is_core(),
            "/v2/userinfo is Marketing Cloud's",
            "Select a tenant of Marketing Cloud; that of core Salesforce is /services/oauth2/userinfo.",
        ),
        Api::Token(Face::Current | Face::Legacy | Face::Retired) => (
            !kind.is_core(),
            "This token endpoint is Marketing Cloud's",
            "Ask for a token at /services/oauth2/token.",
        ),
        Api::Soap(Dialect::Core) => (
            matches!(kind, Kind::Salesforce),
            "The SOAP APIs at /services/Soap/ are core Salesforce's",
            "Select a tenant of core Salesforce; Marketing Cloud takes envelopes at /Service.asmx.",
        ),
        Api::Token(Face::Core | Face::Revocation) => (
            kind.is_core(),
            "This token endpoint is core Salesforce's",
            "Ask for a token at /v2/token.",
        ),
        Api::Token(Face::Exchange) => (
            matches!(kind, Kind::DataCloud { .. }),
            "/services/a360/token gives tokens of Data Cloud",
            "Select a tenant of Data Cloud.",
        ),
    };
    (!there).then_some((what, instead))
}

fn words(kind: &Kind) -> &'static str {
    match kind {
        Kind::MarketingCloud => "one of Marketing Cloud",
        Kind::Salesforce => "one of core Salesforce",
        Kind::DataCloud { .. } => "one of Data Cloud",
        Kind::AccountEngagement { .. } => "one of Account Engagement",
    }
}

/// How answers of this call refuse a token, where the status alone does not tell.
pub(super) fn wording(choice: &Choice) -> Option<Wording> {
    match (choice.api, choice.tenant().kind()) {
        (Api::Rest, Kind::Salesforce) if is_apex(choice.target.path()) => Some(Wording::Apex),
        (Api::Bulk, _) => Some(Wording::Bulk),
        (Api::Rest, Kind::AccountEngagement { .. }) => Some(Wording::Engagement),
        _ => None,
    }
}

/// Whether a class of the org answers, which may say 401 after it has done its work.
fn is_apex(path: &str) -> bool {
    comparable(path).starts_with("/services/apexrest")
}
