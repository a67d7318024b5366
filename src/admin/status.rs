//! The status page: whether the configuration that was read last is in force, and how each tenant stands. Never shows a secret:
//! faults name keys, files and lines, and tenants say only whether there is a token.

use http::StatusCode;

use super::health::{Refused, Told};
use super::page::{Answer, Markup, method_not_allowed, page};

/// Further faults are in the log.
const FAULTS_MAX: usize = 50;

/// `/`
pub(super) fn show(told: &Told<'_>, is_get: bool) -> Answer {
    if !is_get {
        return method_not_allowed("GET, HEAD");
    }
    let content = configuration(Markup::default(), told.health.refused());
    let content = tenants(content, told);
    page(StatusCode::OK, "Status", &content)
}

fn configuration(content: Markup, refused: Option<Refused>) -> Markup {
    let content = content.raw("<h2>Configuration</h2>\n");
    let Some(Refused { at, faults }) = refused else {
        return content.raw("<p>In force as it was read last.</p>\n");
    };
    let at = humantime::format_rfc3339_seconds(at).to_string();
    let content = content
        .raw("<p class=\"bad\">What was read at ")
        .text(&at)
        .raw(" is refused, and the one before stays in force. Mend this, and it is read again:</p>\n<ul>\n");
    let left = faults.len().saturating_sub(FAULTS_MAX);
    let content = faults
        .iter()
        .take(FAULTS_MAX)
        .fold(content, |content, fault| {
            content.raw("<li>").text(fault).raw("</li>\n")
        });
    let content = content.raw("</ul>\n");
    if left == 0 {
        return content;
    }
    content
        .raw("<p>And ")
        .text(&left.to_string())
        .raw(" more, which the log has.</p>\n")
}

fn tenants(content: Markup, told: &Told<'_>) -> Markup {
    let content = content.raw("<h2>Tenants</h2>\n<ul>\n");
    let logins = told.desk.tenants();
    let content = told.tenants.iter().fold(content, |content, tenant| {
        let content = content
            .raw("<li><strong>")
            .text(tenant)
            .raw("</strong>: ")
            .text(&told.tenant(tenant));
        let content = if logins.contains(&tenant.as_str()) {
            content
                .raw(" (<a href=\"/login/")
                .text(tenant)
                .raw("\">log in</a>)")
        } else {
            content
        };
        content.raw("</li>\n")
    });
    content.raw("</ul>\n")
}
