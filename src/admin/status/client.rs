//! Clients on the status page: what each called last, what its policy would refuse, and which calls it makes at all.

use super::model::{Call, Client, LastCall, Moment, Status, WouldRefuse};
use super::summary;
use super::tenant::{cell, more, table};
use super::words::{ago, grouped, milliseconds, plural};
use crate::admin::page::Markup;

/// Clients that the page shows, those with findings first; the JSON has all.
const CLIENTS_MAX: usize = 20;
/// Distinct calls of one client that it shows, and as many that would be refused.
const CALLS_MAX: usize = 10;

/// All of them.
pub(super) fn all(content: Markup, status: &Status) -> Markup {
    let shown = summary::clients(status).into_iter().take(CLIENTS_MAX);
    let content = content
        .raw("<section aria-labelledby=\"clients\">\n<h2 id=\"clients\">Clients</h2>\n")
        .each(shown, |content, client| one(content, client, status.at));
    more(content, status.clients.len(), CLIENTS_MAX).raw("</section>\n")
}

fn one(content: Markup, client: &Client, now: Moment) -> Markup {
    let content = content
        .raw("<article class=\"card\" id=\"client-")
        .text(&client.name)
        .raw("\">\n<header class=\"card-head\"><h3>")
        .text(&client.name)
        .raw("</h3> <span class=\"fact\">policy: ")
        .raw(client.policy)
        .raw("</span></header>\n");
    if client.last_calls.is_empty() {
        return content.raw("<p class=\"quiet\">No call yet.</p>\n</article>\n");
    }
    let content = refusable(content, &client.would_refuse, now);
    let content = table(
        content,
        "Last calls",
        &["When", "Call", "Status", "Took", "Tenant and account"],
    )
    .each(&client.last_calls, |content, call| last(content, call, now))
    .raw("</tbody>\n</table>\n");
    distinct(content, client, now).raw("</article>\n")
}

fn last(content: Markup, call: &LastCall, now: Moment) -> Markup {
    let content = cell(content.raw("<tr role=\"row\">"), "When");
    let content = cell(ago(content, call.at, now).raw("</td>"), "Call")
        .raw("<code>")
        .text(&call.call())
        .raw("</code></td>");
    let content = cell(content, "Status")
        .raw(if call.status >= 400 {
            "<span class=\"status-code\">"
        } else {
            "<span>"
        })
        .number(u64::from(call.status))
        .raw("</span></td>");
    let content = cell(content, "Took")
        .text(&milliseconds(Some(call.duration_ms)))
        .raw("</td>");
    let content = cell(content, "Tenant and account");
    let content = match (&call.tenant, &call.account) {
        (Some(tenant), Some(account)) => content.text(tenant).raw(":").text(account),
        _ => content.raw("–"),
    };
    content.raw("</td></tr>\n")
}

fn refusable(content: Markup, calls: &[WouldRefuse], now: Moment) -> Markup {
    if calls.is_empty() {
        return content;
    }
    let content = table(
        content,
        "Would be refused, if the policy were enforced",
        &["Call", "Code", "Times", "Last"],
    )
    .each(calls.iter().take(CALLS_MAX), |content, call| {
        let content = content
            .raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><code>")
            .text(&call.call)
            .raw("</code></th>");
        let content = cell(content, "Code").raw(call.code).raw("</td>");
        let content = cell(content, "Times")
            .text(&grouped(call.times))
            .raw("</td>");
        ago(cell(content, "Last"), call.last, now).raw("</td></tr>\n")
    })
    .raw("</tbody>\n</table>\n");
    more(content, calls.len(), CALLS_MAX)
}

fn distinct(content: Markup, client: &Client, now: Moment) -> Markup {
    if client.calls.is_empty() {
        return content;
    }
    let mut calls: Vec<&Call> = client.calls.iter().collect();
    calls.sort_by_key(|call| std::cmp::Reverse(call.times));
    let content = content
        .raw("<details><summary>")
        .text(&plural(
            client.calls.len(),
            "distinct call",
            "distinct calls",
        ))
        .raw("</summary>\n");
    let content = table(
        content,
        "Distinct calls, the most frequent first",
        &["Call", "Tenant and account", "Times", "Last"],
    )
    .each(calls.iter().take(CALLS_MAX), |content, call| {
        let content = content
            .raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\"><code>")
            .text(&call.call)
            .raw("</code></th>");
        let content = cell(content, "Tenant and account")
            .text(&call.tenant)
            .raw(":")
            .text(&call.account)
            .raw("</td>");
        let content = cell(content, "Times")
            .text(&grouped(call.times))
            .raw("</td>");
        ago(cell(content, "Last"), call.last, now).raw("</td></tr>\n")
    })
    .raw("</tbody>\n</table>\n");
    let content = more(content, client.calls.len(), CALLS_MAX);
    content
        .raw_if(
            client.calls_left_out > 0,
            "<p class=\"quiet\">More kinds of calls were made than are kept here.</p>\n",
        )
        .raw("</details>\n")
}
