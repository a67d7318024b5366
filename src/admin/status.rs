//! The status page and its JSON: how the proxy, its tenants and its clients stand, what failed lately and what mends it.
//!
//! Never shows a secret: tokens are told by their age, faults name keys, files and lines. Both say the same, from one model.

mod client;
mod errors;
mod gather;
mod head;
mod model;
mod sketch;
mod summary;
mod tenant;
mod words;

#[cfg(test)]
mod tests;

use std::time::SystemTime;

use http::StatusCode;

use self::model::{State, Status};
use super::health::Health;
use super::page::{self, Answer, Markup};
use crate::ledger::{Ledger, Roll};
use crate::login::Desk;
use crate::metrics::Metrics;

/// How often a page may load itself anew, in seconds.
const REFRESH: std::ops::RangeInclusive<u32> = 2..=3600;

/// Where it comes from.
pub(super) struct Sources<'a> {
    pub(super) health: &'a Health,
    pub(super) metrics: &'a Metrics,
    pub(super) desk: &'a Desk,
    pub(super) roll: &'a (dyn Fn() -> Roll + Send + Sync),
    pub(super) ledger: &'a Ledger,
    pub(super) started_at: SystemTime,
    /// Since when the configuration is in force.
    pub(super) in_force_since: SystemTime,
}

/// `/status.json`
pub(super) fn json(sources: &Sources<'_>, _query: Option<&str>) -> Answer {
    page::json(&gather::gather(sources, SystemTime::now()))
}

/// `/`
pub(super) fn page(sources: &Sources<'_>, query: Option<&str>) -> Answer {
    let status = gather::gather(sources, SystemTime::now());
    let refresh = refresh(query);
    let mut head = Markup::default();
    if let Some(seconds) = refresh {
        head = head
            .raw("<meta http-equiv=\"refresh\" content=\"")
            .number(u64::from(seconds))
            .raw("\">\n");
    }
    let title = match status.summary.state {
        State::Well => "Status",
        State::Attention => "Attention",
        State::Failing => "Failing",
    };
    let body = body(&status, sources.desk, refresh);
    page::document(StatusCode::OK, title, &head, &body)
}

fn body(status: &Status, desk: &Desk, refresh: Option<u32>) -> Markup {
    let content = Markup::default().raw("<main class=\"status\">\n");
    let content = head::masthead(content, status, refresh);
    let content = head::summary(content, &status.summary);
    let is_refused = !status.configuration.in_force;
    let configuration = |content: Markup| head::configuration(content, &status.configuration);
    let content = if is_refused {
        configuration(content)
    } else {
        content
    };
    let content = tenant::all(content, status, desk);
    let content = client::all(content, status);
    let content = errors::of_no_tenant(content, status);
    let content = if is_refused {
        content
    } else {
        configuration(content)
    };
    content.raw("</main>\n")
}

/// `?refresh=10`
fn refresh(query: Option<&str>) -> Option<u32> {
    let mut pairs = query?.split('&');
    let seconds = pairs.find_map(|pair| pair.strip_prefix("refresh="))?;
    seconds
        .parse()
        .ok()
        .filter(|seconds| REFRESH.contains(seconds))
}
