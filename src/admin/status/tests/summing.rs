//! What the first lines of the page make of what was seen: what is present, what is over, and where each finding leads.

use super::*;

/// Nothing is wrong, at some tenants with some clients.
fn well(tenants: usize, clients: usize) -> Status {
    let mut well = status(tenants, clients);
    well.configuration.in_force = true;
    well.configuration.refused_at = None;
    well.shared_state = None;
    well.errors.clear();
    for client in &mut well.clients {
        client.would_refuse.clear();
    }
    for tenant in &mut well.tenants {
        tenant.errors.clear();
        tenant.scopes.missing.clear();
        tenant.accounts.truncate(1);
        tenant.accounts[0].last_error = None;
        tenant.accounts[0].rests = None;
    }
    well
}

fn with_status(status: u16) -> Error {
    Error { status, ..error() }
}

#[test]
fn the_first_line_is_honest() {
    let mut well = well(1, 1);
    let sum = summary(&well);
    assert_eq!(sum.state, State::Well);
    assert_eq!(
        sum.line,
        "All is well: 1 tenant, 1 token at hand, 1\u{202f}000 calls since the start, and no failure in the last 15 minutes."
    );
    // An error of an hour ago is none of now.
    well.tenants[0].errors.push(with_status(503));
    well.at = Moment(at().0 + Duration::from_secs(3_600));
    assert_eq!(summary(&well).state, State::Well);
    well.at = at();
    let sum = summary(&well);
    assert_eq!(sum.line, "Tokens are at hand; 1 thing needs attention.");
    well.tenants[0].accounts[0].token = None;
    well.tenants[0].accounts[0].last_error = account("x").last_error;
    let sum = summary(&well);
    assert_eq!(
        (sum.state, sum.line.as_str()),
        (State::Failing, "1 thing fails, and 1 more needs attention.")
    );
    assert!(
        sum.findings[0]
            .what
            .starts_with("tenant-0: no token for account-0."),
        "{:?}",
        sum.findings
    );
    well.not_ready_because = Some("no token has been had yet");
    assert_eq!(
        summary(&well).line,
        "2 things fail, and 1 more needs attention."
    );
}

#[test]
fn no_token_is_said_to_be_at_hand_where_none_is() {
    let mut none = well(1, 1);
    none.tenants[0].accounts.clear();
    assert_eq!(
        summary(&none).line,
        "All is well: 1 tenant, 1\u{202f}000 calls since the start, and no failure in the last 15 minutes."
    );
    none.draining = true;
    assert_eq!(summary(&none).line, "1 thing needs attention.");
}

#[test]
fn what_was_met_long_ago_needs_no_attention() {
    let mut seen = well(1, 1);
    seen.tenants[0].scopes.missing.push(scope());
    seen.clients[0].would_refuse = client("x").would_refuse;
    let calls = &mut seen.clients[0].would_refuse;
    calls.truncate(2);
    calls[0].last = Moment(at().0 - Duration::from_secs(3_600));
    calls[1].call = "GET /present".to_owned();
    let sum = summary(&seen);
    let what: Vec<_> = sum.findings.iter().map(|finding| &finding.what).collect();
    assert_eq!(what.len(), 2, "{what:?}");
    assert!(what[0].contains("needs the scope email_read"), "{what:?}");
    assert_eq!(
        what[1],
        "Client client-0 makes 1 kind of call that its policy would refuse, as GET /present."
    );
    seen.at = Moment(at().0 + Duration::from_secs(15 * 60));
    assert_eq!(summary(&seen).findings.len(), 2);
    seen.at = Moment(at().0 + Duration::from_secs(15 * 60 + 1));
    assert_eq!(summary(&seen).state, State::Well);
}

#[test]
fn an_application_that_asks_whether_something_is_there_makes_nothing_wrong() {
    let mut seen = well(1, 1);
    seen.tenants[0].errors = vec![with_status(404), with_status(400)];
    let sum = summary(&seen);
    assert_eq!(sum.state, State::Well, "{:?}", sum.findings);
    assert!(
        sum.line
            .ends_with("no failure in the last 15 minutes but answers of 400 and 404."),
        "{}",
        sum.line
    );
    // What the proxy says itself, what a SOAP endpoint says, and what had a bad token are no such answers.
    for wrong in [
        Error {
            code: Some("unknown_tenant"),
            ..error()
        },
        Error {
            operation: Some("Retrieve"),
            ..error()
        },
        Error {
            code: Some("not_replayable"),
            ..with_status(400)
        },
        with_status(403),
    ] {
        let words = format!("with {}.", wrong.status);
        seen.tenants[0].errors.push(wrong);
        let sum = summary(&seen);
        assert_eq!(sum.state, State::Attention);
        assert!(sum.findings[0].what.contains(&words), "{:?}", sum.findings);
        seen.tenants[0].errors.pop();
    }
}

#[tokio::test]
async fn what_a_finding_leads_to_is_on_the_page_whatever_its_name() {
    let mut many = well(100, 100);
    // The last by name, and its failure is older than much that is none.
    let last = &mut many.tenants[99];
    last.errors = (0..40).map(|_| with_status(404)).collect();
    last.errors.push(Error {
        route: Some("/fails".to_owned()),
        ..with_status(503)
    });
    many.tenants[98].accounts[0].token = None;
    many.tenants[98].accounts[0].last_error = account("x").last_error;
    many.clients[99].would_refuse = client("x").would_refuse;
    many.summary = summary(&many);
    assert_eq!(many.summary.findings.len(), 3);
    let page = text(&many).await;
    for finding in &many.summary.findings {
        let place = finding.link.as_deref().unwrap().trim_start_matches('#');
        assert!(page.contains(&format!("id=\"{place}\"")), "{place}");
    }
    let places = ["tenant-98", "tenant-99", "tenant-0", "tenant-1"];
    let places = places.map(|name| page.find(&format!("<h3>{name}</h3>")).unwrap());
    assert!(places.is_sorted(), "the gravest first: {places:?}");
    let (_before, errors) = page.split_once("<ol class=\"errors\">").unwrap();
    let failing = errors.find("<code>GET /fails</code>").unwrap();
    assert!(failing < errors.find(">404<").unwrap(), "what counts first");
}

#[tokio::test]
async fn a_tenant_whose_accounts_get_tokens_with_their_first_calls_is_not_at_fault() {
    let mut seen = well(1, 1);
    let tenant = &mut seen.tenants[0];
    tenant.ready = false;
    tenant.accounts.clear();
    let idle = "<span class=\"state idle\">no token asked for yet</span>";
    assert!(text(&seen).await.contains(idle));
    seen.not_ready_because = Some("no token has been had yet");
    let finding = summary(&seen).findings.remove(0);
    assert!(finding.fix.contains("is told below"), "{finding:?}");
    let mut default = account("default");
    (default.default, default.token, default.last_error) = (true, None, None);
    seen.tenants[0].accounts.push(default);
    let bad = "<span class=\"state bad\">no token yet</span>";
    assert!(text(&seen).await.contains(bad));
    seen.tenants[0].accounts[0].default = false;
    assert!(text(&seen).await.contains(idle));
    seen.tenants[0].accounts[0].last_error = account("x").last_error;
    assert!(text(&seen).await.contains(bad));
}

#[test]
fn a_proxy_that_waits_for_redis_says_what_to_see_to() {
    let mut waiting = well(1, 1);
    waiting.shared_state = Some(SharedState { up: false });
    waiting.not_ready_because = Some(crate::admin::health::WAITING_FOR_REDIS);
    let sum = summary(&waiting);
    let [finding] = sum.findings.as_slice() else {
        panic!("{:?}", sum.findings);
    };
    assert_eq!(finding.state, State::Failing);
    assert_eq!(
        (finding.fix.as_str(), finding.link.as_deref()),
        ("See to it that the proxy reaches state.redis_url.", None)
    );
    waiting.not_ready_because = None;
    assert_eq!(summary(&waiting).state, State::Attention);
}

#[tokio::test]
async fn how_many_kinds_of_calls_are_not_kept_is_not_said() {
    let page = text(&status(1, 1)).await;
    assert!(page.contains("More kinds of calls were made than are kept here."));
    let mut all = status(1, 1);
    all.clients[0].calls_left_out = 0;
    assert!(!text(&all).await.contains("than are kept here"));
}
