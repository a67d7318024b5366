//! What stands first on the status page: how it goes, what is wrong, what to do, and whether the configuration is in force.

use super::model::{Configuration, Finding, SharedState, State, Status, Summary};
use super::words::ago;
use crate::admin::page::Markup;

/// The name, the version, and what can be done with the page.
pub(super) fn masthead(content: Markup, status: &Status, refresh: Option<u32>) -> Markup {
    let content = content
        .raw("<header class=\"masthead\">\n<h1>sfmc-auth-proxy</h1>\n<p class=\"facts\"><span>version ")
        .text(status.version)
        .raw("</span><span>started ");
    let content = ago(content, status.started_at, status.at).raw("</span>");
    let content = match &status.shared_state {
        None => content,
        Some(SharedState { up: true }) => content.raw("<span>shared with replicas</span>"),
        Some(SharedState { up: false }) => content.raw("<span class=\"bad\">Redis is away</span>"),
    };
    let content = content
        .raw("<span>as of <time datetime=\"")
        .text(&status.at.text())
        .raw("\">")
        .text(&clock(&status.at.text()))
        .raw("</time> UTC</span></p>\n<nav aria-label=\"This page\"><a href=\"/status.json\">JSON</a><a href=\"/metrics\">Metrics</a>");
    let content = match refresh {
        None => content.raw("<a href=\"/?refresh=10\">Refresh every 10 s</a>"),
        Some(seconds) => content
            .raw("<a href=\"/\">Stop refreshing every ")
            .number(u64::from(seconds))
            .raw(" s</a>"),
    };
    content.raw("</nav>\n</header>\n")
}

/// `06:49:19` of `2026-11-26T06:49:19.123Z`
fn clock(moment: &str) -> String {
    moment.chars().skip(11).take(8).collect()
}

/// The line, and what is wrong with what mends it.
pub(super) fn summary(content: Markup, summary: &Summary) -> Markup {
    let content = content
        .raw("<section class=\"summary ")
        .raw(class(summary.state))
        .raw("\" aria-labelledby=\"summary\">\n<h2 id=\"summary\">")
        .text(&summary.line)
        .raw("</h2>\n");
    if summary.findings.is_empty() {
        return content.raw("</section>\n");
    }
    let content = content
        .raw("<ul>\n")
        .each(&summary.findings, finding)
        .raw("</ul>\n");
    let content = match summary.findings_left_out {
        0 => content,
        left => content
            .raw("<p class=\"quiet\">And ")
            .number(u64::try_from(left).unwrap_or(u64::MAX))
            .raw(" more, in what follows.</p>\n"),
    };
    content.raw("</section>\n")
}

fn finding(content: Markup, finding: &Finding) -> Markup {
    let content = content
        .raw("<li class=\"")
        .raw(class(finding.state))
        .raw("\"><p>")
        .text(&finding.what)
        .raw("</p><p class=\"fix\">")
        .text(&finding.fix);
    let content = match &finding.link {
        None => content,
        Some(link) if link.starts_with('#') => {
            content.raw(" <a href=\"").text(link).raw("\">Details</a>")
        }
        Some(link) => content.raw(" <a href=\"").text(link).raw("\">Log in</a>"),
    };
    content.raw("</p></li>\n")
}

fn class(state: State) -> &'static str {
    match state {
        State::Well => "well",
        State::Attention => "attention",
        State::Failing => "failing",
    }
}

/// Whether what was read last is in force.
pub(super) fn configuration(content: Markup, configuration: &Configuration) -> Markup {
    let content = content.raw(
        "<section aria-labelledby=\"configuration\">\n<h2 id=\"configuration\">Configuration</h2>\n",
    );
    let Some(at) = configuration.refused_at else {
        return content.raw("<p>In force as it was read last.</p>\n</section>\n");
    };
    let content = content
        .raw("<p class=\"bad\">What was read at ")
        .text(&at.text())
        .raw(" is refused, and the one before stays in force. Correct this, and it is read again:</p>\n<ul class=\"faults\">\n")
        .each(&configuration.faults, |content, fault| {
            content.raw("<li>").text(fault).raw("</li>\n")
        })
        .raw("</ul>\n");
    let content = match configuration.faults_left_out {
        0 => content,
        left => content
            .raw("<p class=\"quiet\">And ")
            .number(u64::try_from(left).unwrap_or(u64::MAX))
            .raw(" more, which the log has.</p>\n"),
    };
    content.raw("</section>\n")
}
