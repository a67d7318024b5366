//! One tenant on the status page: its accounts and their tokens, its calls, its scopes and its errors.

use super::errors;
use super::model::{Account, Api, Login, Moment, Scope, Scopes, Status, Tenant, Token};
use super::sketch;
use super::summary;
use super::words::{ago, grouped, milliseconds, plural, span};
use crate::admin::page::Markup;
use crate::login::Desk;

/// Tenants that the page shows, those with findings first; the JSON has all.
const TENANTS_MAX: usize = 15;
/// Accounts of one tenant that it shows.
const ACCOUNTS_MAX: usize = 12;
/// Scopes of a list that it shows.
const SCOPES_MAX: usize = 100;
/// A longer list is folded.
const SCOPES_AT_A_GLANCE: usize = 12;

/// All of them.
pub(super) fn all(content: Markup, status: &Status, desk: &Desk) -> Markup {
    let logins = desk.tenants();
    let tenants = summary::tenants(status);
    let shown = tenants.into_iter().take(TENANTS_MAX);
    let content = content
        .raw("<section aria-labelledby=\"tenants\">\n<h2 id=\"tenants\">Tenants</h2>\n")
        .each(shown, |content, tenant| {
            let takes_login = logins.contains(&tenant.name.as_str());
            one(content, tenant, takes_login, status.at)
        });
    more(content, status.tenants.len(), TENANTS_MAX).raw("</section>\n")
}

/// What is beyond what is shown.
pub(super) fn more(content: Markup, all: usize, shown_max: usize) -> Markup {
    match all.saturating_sub(shown_max) {
        0 => content,
        left => content
            .raw("<p class=\"quiet\">And ")
            .number(u64::try_from(left).unwrap_or(u64::MAX))
            .raw(" more in <a href=\"/status.json\">the JSON</a>.</p>\n"),
    }
}

fn one(content: Markup, tenant: &Tenant, takes_login: bool, now: Moment) -> Markup {
    let content = content
        .raw("<article class=\"card\" id=\"tenant-")
        .text(&tenant.name)
        .raw("\">\n<header class=\"card-head\"><h3>")
        .text(&tenant.name)
        .raw("</h3> ");
    let content = chip(content, tenant)
        .raw(" <span class=\"fact\">")
        .text(tenant.kind)
        .raw("</span> <span class=\"fact\">")
        .text(tenant.grant)
        .raw("</span>");
    let content = match tenant.client_secret {
        Some("next") => content.raw(" <span class=\"fact\">next client secret in use</span>"),
        _ => content,
    };
    let content = if takes_login {
        content
            .raw(" <a href=\"/login/")
            .text(&tenant.name)
            .raw("\">log in</a>")
    } else {
        content
    };
    let content = accounts(content.raw("</header>\n"), tenant, now);
    let content = apis(content, &tenant.apis);
    let content = scopes(content, &tenant.scopes, now);
    if tenant.errors.is_empty() {
        return content.raw("</article>\n");
    }
    let content = content.raw("<h4>Recent errors</h4>\n");
    errors::list(content, &tenant.errors, now).raw("</article>\n")
}

/// How it is with its tokens.
fn chip(content: Markup, tenant: &Tenant) -> Markup {
    let (class, words) = match (tenant.login, tenant.ready) {
        (Some(Login::Needed), _) => ("state bad", "login needed"),
        (_, true) => ("state good", "has had a token"),
        (_, false) if tenant.lacks_token() => ("state bad", "no token yet"),
        (_, false) => ("state idle", "no token asked for yet"),
    };
    content
        .raw("<span class=\"")
        .raw(class)
        .raw("\">")
        .raw(words)
        .raw("</span>")
}

fn accounts(content: Markup, tenant: &Tenant, now: Moment) -> Markup {
    let content = match tenant.accounts.as_slice() {
        [] => content.raw(
            "<p class=\"quiet\">No account has a token: each gets one with its first call.</p>\n",
        ),
        accounts => fitting(
            content,
            "Accounts and their tokens",
            &[
                "Account",
                "Token",
                "Left of its life",
                "Mints in 20 min",
                "Notes",
            ],
        )
        .each(accounts.iter().take(ACCOUNTS_MAX), |content, account| {
            account_row(content, account, now)
        })
        .raw("</tbody>\n</table>\n"),
    };
    let all = tenant.accounts.len() + tenant.accounts_left_out;
    let content = more(content, all, ACCOUNTS_MAX);
    match tenant.accounts_without_token {
        0 => content,
        count => content
            .raw("<p class=\"quiet\">")
            .text(&plural(
                count,
                "further account has",
                "further accounts have",
            ))
            .raw(" no token: each gets one with its first call.</p>\n"),
    }
}

/// The beginning of a table that becomes a list of cards where there is no room for it.
pub(super) fn table(content: Markup, caption: &'static str, heads: &[&'static str]) -> Markup {
    headed(content.raw("<table role=\"table\">\n"), caption, heads)
}

/// The same for one whose last column takes the room that the others leave.
fn fitting(content: Markup, caption: &'static str, heads: &[&'static str]) -> Markup {
    let content = content.raw("<table role=\"table\" class=\"fitting\">\n");
    headed(content, caption, heads)
}

fn headed(content: Markup, caption: &'static str, heads: &[&'static str]) -> Markup {
    content
        .raw("<caption>")
        .raw(caption)
        .raw("</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">")
        .each(heads, |content, head| {
            content
                .raw("<th role=\"columnheader\" scope=\"col\">")
                .raw(head)
                .raw("</th>")
        })
        .raw("</tr></thead>\n<tbody role=\"rowgroup\">\n")
}

/// The beginning of a cell; the label shows where the table has become a list.
pub(super) fn cell(content: Markup, label: &'static str) -> Markup {
    content
        .raw("<td role=\"cell\" data-label=\"")
        .raw(label)
        .raw("\">")
}

fn account_row(content: Markup, account: &Account, now: Moment) -> Markup {
    let content = content
        .raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">")
        .text(&account.name);
    let content = match account.account_id {
        Some(id) if account.name != id.to_string() => content
            .raw(" <span class=\"quiet\">")
            .number(id)
            .raw("</span>"),
        _ => content,
    };
    let content = content.raw_if(
        account.default && account.name != "default",
        " <span class=\"fact\">default</span>",
    );
    let content = cell(content.raw("</th>"), "Token");
    let content = match &account.token {
        None => content.raw("<span class=\"bad\">none</span>"),
        Some(token) => ago(content, token.obtained_at, now),
    };
    let content = cell(content.raw("</td>"), "Left of its life");
    let content = match &account.token {
        None => content.raw("–"),
        Some(token) => left(content, token),
    };
    let content = cell(content.raw("</td>"), "Mints in 20 min")
        .number(u64::from(account.mints_last_20_minutes));
    let content = match account.failed_mints_last_20_minutes {
        0 => content,
        failed => content
            .raw(" <span class=\"bad\">+ ")
            .number(u64::from(failed))
            .raw(" failed</span>"),
    };
    let content = cell(content.raw("</td>"), "Notes");
    notes(content, account, now).raw("</td></tr>\n")
}

fn left(content: Markup, token: &Token) -> Markup {
    let life = token.expires_at.0.duration_since(token.obtained_at.0);
    let left = token.expires_in_seconds;
    let content = content.raw("<span class=\"life\">");
    sketch::life(content, left, life.unwrap_or_default().as_secs())
        .raw(" <span>")
        .text(&span(left))
        .raw("</span></span>")
}

fn notes(content: Markup, account: &Account, now: Moment) -> Markup {
    let mut content = content;
    let mut is_quiet = true;
    if let Some(rests) = &account.rests {
        is_quiet = false;
        if let Some(seconds) = rests.account_seconds {
            content = content
                .raw("<p>Rests for ")
                .text(&span(seconds))
                .raw(": refusals ask for no new token.</p>");
        }
        if rests.routes > 0 {
            content = content
                .raw("<p>")
                .text(&plural(rests.routes, "route rests", "routes rest"))
                .raw(", the last for ")
                .text(&span(rests.routes_seconds))
                .raw(".</p>");
        }
    }
    if account.cooldown_seconds > 0 {
        is_quiet = false;
        content = content
            .raw("<p>Asks for the next token in ")
            .text(&span(account.cooldown_seconds))
            .raw(".</p>");
    }
    if let Some(error) = &account.last_error {
        is_quiet = false;
        let class = if error.over { "quiet" } else { "bad" };
        content = content.raw("<p class=\"").raw(class).raw("\">");
        content = ago(content, error.at, now).raw(": ").text(&error.what);
        content = if error.over && error.login.is_some() {
            content.raw(" Somebody has logged in since.</p>")
        } else if error.over {
            content.raw(" A token has been had since.</p>")
        } else {
            content
                .raw("</p><p class=\"fix\">")
                .text(&error.fix)
                .raw("</p>")
        };
    }
    content.raw_if(is_quiet, "–")
}

fn apis(content: Markup, apis: &[Api]) -> Markup {
    let mut used = apis.iter().filter(|api| api.calls > 0).peekable();
    if used.peek().is_none() {
        return content.raw("<p class=\"quiet\">No calls yet.</p>\n");
    }
    fitting(
        content,
        "Calls since the start",
        &[
            "API",
            "Calls",
            "Refusals",
            "Replays",
            "Throttled",
            "Half within",
            "90 % within",
            "99 % within",
            "Latency",
        ],
    )
    .each(used, api_row)
    .raw("</tbody>\n</table>\n")
}

fn api_row(content: Markup, api: &Api) -> Markup {
    let content = content
        .raw("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">")
        .raw(api.api)
        .raw("</th>");
    let counts = [
        ("Calls", api.calls),
        ("Refusals", api.refusals),
        ("Replays", api.replays),
        ("Throttled", api.throttled),
    ];
    let content = content.each(counts, |content, (label, count)| {
        cell(content, label).text(&grouped(count)).raw("</td>")
    });
    let latency = &api.latency;
    let times = [
        ("Half within", latency.p50_ms),
        ("90 % within", latency.p90_ms),
        ("99 % within", latency.p99_ms),
    ];
    let content = content.each(times, |content, (label, time)| {
        cell(content, label).text(&milliseconds(time)).raw("</td>")
    });
    sketch::latency(cell(content, "Latency"), latency).raw("</td></tr>\n")
}

fn scopes(content: Markup, scopes: &Scopes, now: Moment) -> Markup {
    let asked = scopes.asked.as_deref();
    let granted = scopes.granted.as_deref();
    let nothing = scopes.used.is_empty() && scopes.missing.is_empty();
    if nothing && asked.is_none() && granted.is_none() {
        return content;
    }
    let content = content.raw("<h4>Scopes</h4>\n<dl class=\"scopes\">\n");
    let content = seen(content, "Missing", &scopes.missing, now);
    let content = seen(content, "Used", &scopes.used, now);
    let content = named(content, "Unneeded so far", &scopes.unneeded);
    let content = named(content, "Asked for", asked.unwrap_or_default());
    let content = named(content, "Granted", granted.unwrap_or_default());
    content.raw("</dl>\n")
}

fn seen(content: Markup, term: &'static str, scopes: &[Scope], now: Moment) -> Markup {
    if scopes.is_empty() {
        return content;
    }
    let content = content
        .raw("<dt>")
        .raw(term)
        .raw("</dt>\n<dd><ul class=\"names\">")
        .each(scopes.iter().take(SCOPES_MAX), |content, scope| {
            let content = content
                .raw("<li><code>")
                .raw(scope.scope)
                .raw("</code> <span class=\"quiet\">")
                .text(&plural(
                    usize::try_from(scope.calls).unwrap_or(usize::MAX),
                    "call",
                    "calls",
                ))
                .raw(", as ")
                .text(&scope.example)
                .raw(", last ");
            ago(content, scope.last, now).raw("</span></li>")
        });
    content.raw("</ul></dd>\n")
}

fn named(content: Markup, term: &'static str, scopes: &[String]) -> Markup {
    if scopes.is_empty() {
        return content;
    }
    let content = content.raw("<dt>").raw(term).raw("</dt>\n<dd>");
    if scopes.len() <= SCOPES_AT_A_GLANCE {
        let content = content.raw("<p class=\"names\">");
        return names(content, scopes).raw("</p></dd>\n");
    }
    let content = content
        .raw("<details><summary>")
        .text(&plural(scopes.len(), "scope", "scopes"))
        .raw("</summary>\n<p class=\"names\">");
    names(content, scopes).raw("</p></details></dd>\n")
}

fn names(content: Markup, scopes: &[String]) -> Markup {
    content.each(scopes.iter().take(SCOPES_MAX), |content, scope| {
        content.raw("<code>").text(scope).raw("</code> ")
    })
}
