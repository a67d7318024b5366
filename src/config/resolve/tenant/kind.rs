//! What a kind of tenant needs beyond where its tokens come from: data space, business unit, and where its calls go.

use std::time::Duration;

use http::Uri;

use super::shape::KindWord;
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::config::resolve::url::{base_url, checked};
use crate::config::resolve::{Review, complain};
use crate::config::value::Complaint;
use crate::token::{Kind, TrustedHost, is_loopback};

/// Where Account Engagement is, and where its sandboxes are.
const ACCOUNT_ENGAGEMENT_HOSTS: [&str; 2] = ["pi.pardot.com", "pi.demo.pardot.com"];
const ACCOUNT_ENGAGEMENT_URL: &str = "https://pi.pardot.com/";
const BUSINESS_UNIT_LETTERS: usize = 18;
/// Below the two hours after which an org ends its sessions, unless it says otherwise.
const TOKEN_LIFETIME: Duration = Duration::from_hours(1);

/// The kind with all that it needs. `None` if a fault was found, or a value is not there.
pub(super) fn kind(
    review: &mut Review<'_>,
    table: &KeyPath,
    kind: KindWord,
    trusted: Option<&[TrustedHost]>,
) -> Option<Kind> {
    match kind {
        KindWord::MarketingCloud => Some(Kind::MarketingCloud),
        KindWord::Salesforce => Some(Kind::Salesforce),
        KindWord::DataCloud => {
            let path = table.child("dataspace");
            let dataspace = review.text(&path);
            let is_useless = review.values.is_spoiled(&path);
            (!is_useless).then(|| Kind::DataCloud {
                dataspace: dataspace.map(str::to_owned),
            })
        }
        KindWord::AccountEngagement => {
            let business_unit_id = business_unit(review, table);
            let path = table.child("api_url");
            let text = review.text(&path).unwrap_or(ACCOUNT_ENGAGEMENT_URL);
            // What is trusted has a fault of its own, and nothing is held against this.
            let url = trusted.map(|trusted| api_url(text, trusted));
            let url = checked(review, &path, url);
            Some(Kind::AccountEngagement {
                api_url: url??,
                business_unit_id: business_unit_id?,
            })
        }
    }
}

/// How long a token lives whose response does not say so.
pub(super) fn token_lifetime(review: &Review<'_>, table: &KeyPath) -> Duration {
    let path = table.child("token_lifetime");
    match review.value(&path) {
        Some(_) => review.duration_at(&path),
        None => TOKEN_LIFETIME,
    }
}

fn business_unit(review: &mut Review<'_>, table: &KeyPath) -> Option<String> {
    const LEAF: &str = "business_unit_id";
    const EXAMPLE: &str = "write the 18 characters that begin with 0Uv, from Account Engagement's business unit setup";
    let path = table.child(LEAF);
    let Some(id) = review.text(&path) else {
        let instead =
            format!("write {LEAF} = \"0Uv…\", from Account Engagement's business unit setup");
        review.missing(table, LEAF, &instead);
        return None;
    };
    let is_one = id.len() == BUSINESS_UNIT_LETTERS
        && id.starts_with("0Uv")
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_one {
        let what = format!("{} is no business unit", shown(id));
        review.fault(&path, what, EXAMPLE);
        return None;
    }
    Some(id.to_owned())
}

/// The vendor's own hosts, or one that the operator vouches for: it is sent tokens.
fn api_url(text: &str, trusted: &[TrustedHost]) -> Result<Uri, Complaint> {
    let (uri, host) = base_url(text)?;
    let is_https = uri.scheme_str() == Some("https");
    if !is_https && !is_loopback(&host) {
        return complain(
            format!("{} would send tokens in clear", shown(text)),
            "write https://; http is for loopback alone",
        );
    }
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let is_own = ACCOUNT_ENGAGEMENT_HOSTS.contains(&host.as_str()) && port == 443;
    let is_trusted = trusted
        .iter()
        .any(|trusted| trusted.host == host && trusted.port.is_none_or(|own| own == port));
    if !is_own && !is_trusted {
        return complain(
            format!(
                "{} is neither Account Engagement's nor in trusted_hosts",
                shown(text)
            ),
            "write \"https://pi.pardot.com/\", or \"https://pi.demo.pardot.com/\" for a sandbox; or add its host to trusted_hosts",
        );
    }
    if !uri.path().ends_with('/') {
        let what = format!("{} does not end with a slash", shown(text));
        return complain(what, format!("write \"{uri}/\""));
    }
    Ok(uri)
}
