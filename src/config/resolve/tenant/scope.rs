//! Which scopes are asked for. The vendor has to know each, or the operator to say that it is newer than this version.

use super::shape::{GrantWord, KindWord, Shape};
use crate::config::fault::shown;
use crate::config::key_path::KeyPath;
use crate::config::resolve::Review;
use crate::config::scopes::{self, Vendor};
use crate::config::value::Item;

/// All scopes to ask for, space separated; `None` asks for all that the package grants.
pub(super) fn scope(review: &mut Review<'_>, table: &KeyPath, shape: Shape) -> Option<String> {
    let (path, extra_path) = (table.child("scope"), table.child("extra_scopes"));
    let (words, extra) = (review.list(&path), review.list(&extra_path));
    let vendor = shape.kind.map(|kind| match kind {
        KindWord::MarketingCloud => Vendor::MarketingCloud,
        _ => Vendor::Core,
    });
    for item in words {
        if is_scope(review, &path, item)
            && let Some(Err((what, instead))) =
                vendor.map(|vendor| scopes::check(vendor, &item.text))
        {
            let origin = Some(item.origin.clone());
            review.faults.add(origin, &path, what, instead);
        }
    }
    for item in extra {
        is_scope(review, &extra_path, item);
    }
    let all: Vec<&str> = words
        .iter()
        .chain(extra)
        .map(|item| item.text.as_str())
        .collect();
    if all.is_empty() {
        if let Some(origin) = review
            .origin(&path)
            .filter(|_| !review.values.is_spoiled(&path))
        {
            let why = match vendor {
                Some(Vendor::MarketingCloud) => {
                    ", since Marketing Cloud gives a token without any permission for an empty scope"
                }
                _ => "",
            };
            let words = format!("is empty and is left out of token requests{why}");
            review.warn(Some(&origin), &path, words);
        }
        return None;
    }
    let from = if words.is_empty() { &extra_path } else { &path };
    if vendor == Some(Vendor::Core)
        && matches!(
            shape.grant,
            Some(GrantWord::ClientCredentials | GrantWord::JwtBearer)
        )
    {
        let what = "cannot be asked for: core Salesforce takes scopes at a login alone, and gives what the connected app has";
        review.fault(from, what, "leave it out");
        return None;
    }
    wanting(review, from, shape, vendor, &all);
    Some(all.join(" "))
}

fn is_scope(review: &mut Review<'_>, path: &KeyPath, item: &Item) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && letter != '"' && letter != '\\';
    let is_one = item.text.chars().all(fits);
    if !is_one {
        let what = format!("{} is no scope", shown(&item.text));
        let origin = Some(item.origin.clone());
        let instead = "write names such as \"email_read\"";
        review.faults.add(origin, path, what, instead);
    }
    is_one
}

/// Warns of what is not asked for, although calls will hardly do without it.
fn wanting(
    review: &mut Review<'_>,
    path: &KeyPath,
    shape: Shape,
    vendor: Option<Vendor>,
    all: &[&str],
) {
    let origin = review.origin(path);
    if let (Some(GrantWord::AuthorizationCode), Some(vendor)) = (shape.grant, vendor)
        && !all.iter().any(|scope| vendor.is_offline(scope))
    {
        let what = "asks for no refresh token, without which no login lasts";
        review.fault(path, what, format!("add {:?}", vendor.offline()));
    }
    let words = match shape.kind {
        Some(KindWord::AccountEngagement) if !all.contains(&"pardot_api") => {
            "does not ask for Account Engagement; add \"pardot_api\""
        }
        Some(KindWord::DataCloud) if !all.iter().any(|scope| scope.starts_with("cdp_")) => {
            "asks for nothing of Data Cloud; add \"cdp_query_api\", or what else of cdp_… the calls need"
        }
        _ => return,
    };
    review.warn(origin.as_ref(), path, words);
}
