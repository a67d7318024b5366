//! What it means how userinfo, REST and SOAP answer a token that was given a moment ago. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::{Answered, is_of_addresses, printable};
use super::{Code, Finding};
use crate::soap::fault::{Coding, SNIFFED_SIZE, Sniffer, Verdict};
use crate::token::Mid;

/// Scopes that are named when some are missing.
const SCOPES_SHOWN_MAX: usize = 6;

/// What a token was asked for, and what it got.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) account: Option<Mid>,
    /// As configured, space separated.
    pub(super) scope: Option<&'a str>,
    /// As the token response has it.
    pub(super) granted: Option<&'a str>,
}

/// Userinfo of Marketing Cloud.
pub(super) fn userinfo(wanted: &Wanted<'_>, answered: &Answered) -> Finding {
    if let Some(refusal) = refusal("userinfo", answered) {
        return refusal;
    }
    let Some(told) = answered.json().filter(Value::is_object) else {
        return odd("userinfo", answered);
    };
    let number = |name: &str| {
        let value = told.pointer(&format!("/organization/{name}"))?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    };
    let (member, enterprise) = (number("member_id"), number("enterprise_id"));
    if let (Some(account), Some(member)) = (wanted.account, member)
        && account != member
    {
        return Finding::failed(
            Code::WrongAccount,
            format!("the token stands for the account {member}, not for {account}"),
            "compare the member id with the account's, and admit the package to that business unit",
        );
    }
    let granted = wanted.granted.map(scopes);
    let granted = granted.or_else(|| permissions(&told));
    if let Some(missing) = missing_scopes(wanted.scope, granted.as_ref()) {
        return missing;
    }
    let text = |number: Option<u64>| number.map_or("unknown".to_owned(), |it| it.to_string());
    let count = granted.map_or("unknown".to_owned(), |granted| granted.len().to_string());
    Finding::ok(format!(
        "account {}, enterprise {}, scopes: {count}",
        text(member),
        text(enterprise)
    ))
}

fn scopes(text: &str) -> BTreeSet<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn permissions(told: &Value) -> Option<BTreeSet<String>> {
    let list = told.get("permissions")?.as_array()?;
    list.iter()
        .map(|scope| scope.as_str().map(str::to_owned))
        .collect()
}

fn missing_scopes(wanted: Option<&str>, granted: Option<&BTreeSet<String>>) -> Option<Finding> {
    let granted = granted?;
    const FIX: &str =
        "grant it in the installed package (its component's scope), which takes up to five minutes";
    if granted.is_empty() {
        let message = "the token has no scope at all";
        return Some(Finding::failed(Code::MissingScope, message, FIX));
    }
    let wanted = scopes(wanted.unwrap_or_default());
    let missing: Vec<_> = wanted.difference(granted).cloned().collect();
    if missing.is_empty() {
        return None;
    }
    let shown: Vec<_> = missing.iter().take(SCOPES_SHOWN_MAX).cloned().collect();
    let message = format!(
        "the token lacks scopes that are configured: {}",
        shown.join(", ")
    );
    Some(Finding::failed(Code::MissingScope, message, FIX))
}

/// Userinfo of core Salesforce. Calls do without it, and the app may lack the scope for it.
pub(super) fn userinfo_of_core(answered: &Answered) -> Finding {
    const FIX: &str =
        "give the connected app the scope id or openid if that is to be known; calls do without";
    let told = answered.json().filter(|_| answered.status == 200);
    let text = |told: &Value, name: &str| told.get(name)?.as_str().map(str::to_owned);
    let Some(told) = told else {
        let message = "the token may not ask whom it stands for";
        return Finding::warning(Code::Refused, message, FIX).because(answered.quoted());
    };
    let user = text(&told, "preferred_username").unwrap_or_default();
    let organization = text(&told, "organization_id").unwrap_or_default();
    let whom = format!("user {user}, organization {organization}");
    Finding::ok(printable(&whom))
}

/// One read by REST.
pub(super) fn rest(answered: &Answered) -> Finding {
    if let Some(unit) = wrong_unit(answered) {
        return unit;
    }
    match refusal("REST", answered) {
        Some(refusal) => refusal,
        None if answered.json().is_none() => odd("REST", answered),
        None => Finding::ok("a read is answered"),
    }
}

/// Account Engagement's codes for a business unit that is missing, or none of the org's.
fn wrong_unit(answered: &Answered) -> Option<Finding> {
    let said = answered.said();
    let is_unit = answered.status == 400 && matches!(said.error.as_str(), "49" | "181" | "201");
    is_unit.then(|| {
        Finding::failed(
            Code::WrongAccount,
            "the business unit is none of this org's",
            "compare business_unit_id with Setup, Account Engagement, Business Unit Setup: 18 characters from 0Uv on",
        )
        .because(answered.quoted())
    })
}

/// One read by SOAP.
pub(super) fn soap(answered: &Answered) -> Finding {
    let mut sniffer = Sniffer::new(Coding::Identity, SNIFFED_SIZE);
    sniffer.feed(answered.text.as_bytes());
    let finding = match sniffer.finish() {
        Verdict::Refusal(_) => token_refused("SOAP"),
        Verdict::Throttled => throttled("SOAP"),
        Verdict::PermissionDenied => missing_scope("SOAP"),
        Verdict::OtherFault if answered.said().error.ends_with("Client") => Finding::failed(
            Code::Refused,
            "SOAP answers with a Fault",
            "what it says stands under cause; ask the vendor's support with it",
        ),
        Verdict::OtherFault => trouble("SOAP", answered.status),
        Verdict::NotAFault | Verdict::NeedMore => {
            return match refusal("SOAP", answered) {
                Some(refusal) => refusal,
                None if answered.text.contains("Envelope") => Finding::ok("a read is answered"),
                None => odd("SOAP", answered),
            };
        }
    };
    finding.because(answered.quoted())
}

/// What an answer means that is no success.
fn refusal(api: &str, answered: &Answered) -> Option<Finding> {
    let said = answered.said();
    let of_addresses = is_of_addresses(&said.words) || is_of_addresses(&said.error);
    let finding = match answered.status {
        200..300 if answered.is_page => portal(api),
        200..300 => return None,
        500.. => trouble(api, answered.status),
        429 => throttled(api),
        403 if said.error == "REQUEST_LIMIT_EXCEEDED" => throttled(api),
        300..400 => portal(api),
        401 | 403 if of_addresses => address_not_allowed(api),
        _ if answered.is_page => portal(api),
        // Account Engagement tells a token that it does not accept with either status.
        400 | 401 if said.error == "184" => token_refused(api),
        401 => token_refused(api),
        403 => missing_scope(api),
        404 => Finding::failed(
            Code::NotFound,
            format!("{api} knows nothing of a call that every tenant has"),
            "compare kind and subdomain with what the package is of",
        ),
        status => Finding::failed(
            Code::Refused,
            format!("{api} refuses a plain read ({status})"),
            "what it says stands under cause",
        ),
    };
    Some(finding.because(answered.quoted()))
}

fn token_refused(api: &str) -> Finding {
    Finding::failed(
        Code::TokenRefused,
        format!("{api} refuses a token that was given a moment ago"),
        "likely the tenant's IP allowlist does not have this machine's public address (Setup, Security, IP Allowlist), or the \
         package lacks a scope: a missing scope is told in the same words",
    )
}

fn missing_scope(api: &str) -> Finding {
    Finding::failed(
        Code::MissingScope,
        format!("{api} takes the token, which lacks the scope for a plain read"),
        "grant the scope in the installed package, which takes up to five minutes, and name it in the tenant's scope if that \
         is set; of core Salesforce, give the connected app the scope api (pardot_api for Account Engagement)",
    )
}

fn address_not_allowed(api: &str) -> Finding {
    Finding::failed(
        Code::AddressNotAllowed,
        format!(
            "{api} likely has an IP allowlist without the address that this machine is seen under"
        ),
        "add this machine's public address (or its proxy's) to the allowlist: Setup, Security, IP Allowlist",
    )
}

fn throttled(api: &str) -> Finding {
    Finding::warning(
        Code::Throttled,
        format!("{api} has had too many calls"),
        "wait, and have the applications make fewer calls",
    )
}

fn trouble(api: &str, status: u16) -> Finding {
    Finding::failed(
        Code::TenantTrouble,
        format!("{api} has trouble of its own ({status})"),
        "try again in a few minutes, and look at status.salesforce.com",
    )
}

fn portal(api: &str) -> Finding {
    Finding::failed(
        Code::CaptivePortal,
        format!("a web page answers in place of {api}"),
        "log in at the network's portal, or have the proxy on the way let the tenant's hosts pass",
    )
}

fn odd(api: &str, answered: &Answered) -> Finding {
    let finding = Finding::failed(
        Code::OddAnswer,
        format!("what answers is not {api}"),
        "look for a proxy that answers in the tenant's place",
    );
    finding.because(answered.quoted())
}
