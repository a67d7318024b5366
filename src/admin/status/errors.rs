//! Errors on the status page: the call, how often and when, what happened, and what to do.

use super::model::{Error, Moment, Status};
use super::summary::counts;
use super::words::{ago, grouped};
use crate::admin::page::Markup;

/// Errors of one tenant that the page shows; the JSON has all.
const SHOWN_MAX: usize = 10;

/// Those of calls that came to no tenant.
pub(super) fn of_no_tenant(content: Markup, status: &Status) -> Markup {
    if status.errors.is_empty() {
        return content;
    }
    let content = content.raw(
        "<section aria-labelledby=\"errors\">\n<h2 id=\"errors\">Calls that came to no tenant</h2>\n<div class=\"card\">\n",
    );
    list(content, &status.errors, status.at).raw("</div>\n</section>\n")
}

/// A list of errors: those that the summary speaks of, and then the others, the newest of each first.
pub(super) fn list(content: Markup, errors: &[Error], now: Moment) -> Markup {
    let mut sorted: Vec<&Error> = errors.iter().collect();
    sorted.sort_by_key(|error| !counts(error, now));
    let shown = sorted.into_iter().take(SHOWN_MAX);
    let content = content
        .raw("<ol class=\"errors\">\n")
        .each(shown, |content, error| entry(content, error, now))
        .raw("</ol>\n");
    match errors.len().saturating_sub(SHOWN_MAX) {
        0 => content,
        left => content
            .raw("<p class=\"quiet\">And ")
            .number(u64::try_from(left).unwrap_or(u64::MAX))
            .raw(" more in <a href=\"/status.json\">the JSON</a>.</p>\n"),
    }
}

fn entry(content: Markup, error: &Error, now: Moment) -> Markup {
    let content = content
        .raw("<li>\n<div class=\"error-head\"><span class=\"status-code\">")
        .number(u64::from(error.status))
        .raw("</span> <code>")
        .text(&error.call())
        .raw("</code> <span class=\"quiet\">");
    let account = error.account.as_deref();
    let facts = [
        ("API", error.api),
        ("Code", error.code),
        ("Account", account),
        ("Client", Some(error.client.as_str())),
    ];
    let content = content
        .each(facts, |content, (name, fact)| match fact {
            None => content,
            Some(fact) => content
                .raw("<span class=\"fact\" title=\"")
                .raw(name)
                .raw("\">")
                .text(fact)
                .raw("</span> "),
        })
        .raw("</span> <span class=\"when\">");
    let content = if error.times > 1 {
        content
            .raw("<b>")
            .text(&grouped(error.times))
            .raw(" times</b>, last ")
    } else {
        content
    };
    ago(content, error.at, now)
        .raw("</span></div>\n<p>")
        .text(&error.what)
        .raw("</p>\n<p class=\"fix\">")
        .text(&error.fix)
        .raw("</p>\n</li>\n")
}
