//! What reads, writes and sends over REST, and what the modes make of it.

use super::super::table::{ROUTES, SENDING_ROOTS};
use super::*;

#[test]
fn modes_are_ordered_named_and_parsed() {
    assert_eq!(Mode::default(), Mode::Full);
    for (one, other, stricter) in [
        (Mode::Full, Mode::NoSend, Mode::NoSend),
        (Mode::ReadOnly, Mode::NoSend, Mode::ReadOnly),
        (Mode::Full, Mode::ReadOnly, Mode::ReadOnly),
        (Mode::Full, Mode::Full, Mode::Full),
    ] {
        assert_eq!(one.strictest(other), stricter);
        assert_eq!(other.strictest(one), stricter);
    }
    for (mode, name) in [
        (Mode::Full, "full"),
        (Mode::NoSend, "no_send"),
        (Mode::ReadOnly, "read_only"),
    ] {
        assert_eq!(mode.name(), name);
        assert_eq!(Mode::parse(name), Some(mode));
    }
    for name in ["", "FULL", "readonly", "no-send", " full"] {
        assert_eq!(Mode::parse(name), None, "{name:?}");
    }
}

#[test]
fn what_calls_do() {
    use Effect::{Read, Send, Write};
    for (call, does) in [
        ("GET /asset/v1/content/assets", Read),
        ("HEAD /messaging/v1/email/messages/k", Read),
        ("OPTIONS /sms/v1/x", Read),
        ("get /asset/v1/content/assets", Read),
        ("GET /nobody/knows", Read),
        ("POST /asset/v1/content/assets/query", Read),
        ("POST /asset/v1/content/assets/query/", Read),
        ("post /asset/v1/content/assets/query", Read),
        ("POST //Asset/v1/content//Assets/Query", Read),
        ("POST /contacts/v1/addresses/email/search", Read),
        ("POST /contacts/v1/addresses/search/ContactKey", Read),
        ("POST /contacts/v1/attributes/search", Read),
        ("POST /interaction/v1/interactions/contactMembership", Read),
        ("POST /sms/v1/contacts/subscriptions", Read),
        ("POST /address/v1/validateEmail", Read),
        ("POST /automation/v1/queries/actions/validate/", Read),
        ("PUT /asset/v1/content/assets/query", Write),
        ("POST /asset/v1/content/assets", Write),
        ("POST /data/v1/async/dataextensions/key:k/rows", Write),
        ("PUT /data/v1/async/dataextensions/key:k/rows", Write),
        ("POST //hub/v1/dataevents/key:k/rowset", Write),
        ("PATCH /messaging/v1/email/definitions/k", Write),
        ("DELETE /messaging/v1/email/definitions/k/queue", Write),
        ("DELETE /push/v1/message/id", Write),
        ("POST /messaging/v1/email/definitions", Write),
        ("POST /interaction/v1/interactions", Write),
        ("POST /interaction/v1/interactions/stop/id", Write),
        ("POST /nobody/knows", Write),
        ("POST /", Write),
        ("DELETE /interaction/v1/interactions/id", Write),
        ("POST /messaging/v1/email/messages", Send),
        ("POST /messaging/v1/email/messages/key", Send),
        ("PUT /messaging/v1/email/messages/key", Send),
        ("post /messaging/v1/messageDefinitionSends/key:K/send", Send),
        ("POST /sms/v1/messageContact/MzA6Nzg6MA/send", Send),
        ("POST /push/v1/messageContact/id/send", Send),
        ("PUT /push/v1/message/id", Send),
        ("POST /interaction/v1/events", Send),
        ("POST /interaction/v1/async/events", Send),
        ("POST /interaction/v1/interactions/publishAsync/id", Send),
        ("POST /contacts/v1/contactEvents", Send),
        ("POST /automation/v1/automations/id/actions/start", Send),
        (
            "POST /automation/v1/automations/key:a/actions/runallonce",
            Send,
        ),
        ("POST /automation/v1/automations/trigger/id", Send),
        ("POST /legacy/v1/beta/anything", Send),
        ("POST /messaging/v9/nobody/knows", Send),
        ("MERGE /messaging/v1/nobody/knows", Send),
        (
            "POST /interaction/v1/interactions/contactexit/status/x",
            Send,
        ),
    ] {
        assert_eq!(rest_effect(call), does, "{call}");
    }
}

#[test]
fn what_calls_of_core_do() {
    use Effect::{Read, Send, Write};
    for (call, does) in [
        ("GET /services/data/v60.0/query", Read),
        ("POST /services/data/v60.0/sobjects/Contact", Write),
        ("POST /services/data/v60.0/composite/sobjects", Write),
        ("POST /services/async/60.0/job", Write),
        (
            "POST /services/data/v60.0/actions/standard/emailSimple",
            Send,
        ),
        (
            "POST /services/data/v60.0/sobjects/Case/quickActions/SendEmail",
            Send,
        ),
        ("POST /services/apexrest/orders/1", Send),
        ("POST /services/data/v60.0/actions/custom/flow/Alert", Send),
        ("POST /services/data/v60.0/composite", Send),
        ("GET /services/data/v60.0/tooling/executeAnonymous/", Send),
        ("HEAD /services/data/v60.0/tooling/executeAnonymous", Send),
        ("POST /services/%53oap/u/60.0", Send),
        ("POST /api/v5/objects/prospects", Write),
    ] {
        assert_eq!(rest_effect(call), does, "{call}");
    }
}

#[test]
fn no_spelling_of_a_sending_path_makes_it_milder() {
    for call in [
        "POST //messaging//v1/email/messages",
        "POST /MESSAGING/v1/email/messages",
        "POST /%6dessaging/v1/email/messages",
        "POST /%256dessaging/v1/x",
        "POST /%25256dessaging/v1/x",
        "POST /messaging%2Fv1%2Femail/messages",
        "POST %2Fmessaging/v1/x",
        "POST /messaging;a=b/v1/x",
        "POST /messaging%3Ba/v1/x",
        "POST /;a/messaging/v1/x",
        "POST /messaging./v1/x",
        "POST /messaging%20/v1/x",
        "POST /messaging%2e%2e/v1/x",
        "POST /messaging%00/v1/x",
        "POST /asset/../messaging/v1/x",
        "POST /asset/%2e%2E/messaging/v1/x",
        "POST /asset/%252e%252e/messaging/v1/x",
        "POST /asset/..;a/messaging/v1/x",
        "POST /asset\\..\\messaging/v1/x",
        "POST /asset%5c..%5cmessaging/v1/x",
        "POST /./messaging/v1/x",
        "POST /mess%C0%AFaging/v1/x",
        "POST /asset%u002fmessaging/v1/x",
        "POST /%zz/v1/x",
        "POST /me%C3%9Fsaging/v1/x",
        "PATCH /asset/../messaging/v1/x",
        "POST /automation/v1/automations/id/actions;a/start",
        "POST /automation/v1/automations/id/%61ctions/start",
        "POST /automation%2fv1/automations/id/actions/start",
        "POST /contacts/v1/contactEvents;a",
        "POST /contacts/v1/contactEvents.",
        "POST /contacts/v1/contactevents%20",
        "DELETE /contacts/v1/contactEvents",
        "PUT /messaging/v1%2FmessageDefinitionSends/%3Ba/send",
    ] {
        assert_eq!(rest_effect(call), Effect::Send, "{call}");
    }
}

#[test]
fn no_spelling_of_a_writing_path_makes_it_a_reading_one() {
    for call in [
        "POST /asset%2Fv1/content/assets/query",
        "POST /asset/v1/content/assets%2Fquery",
        "POST /asset/v1/content/assets/%71uery",
        "POST /asset/v1/content/assets/query;a",
        "POST /asset/v1/content/assets/query.",
        "POST /asset/v1/content/assets/query/x",
        "POST /asset/v1/content/assets;a/query",
        "POST /contacts/v1/addresses/search/a%2Fb",
        "POST /contacts/v1/addresses/search",
        "PATCH /asset/v1/content/assets/query",
        "QUERY /asset/v1/content/assets/query",
    ] {
        assert!(rest_effect(call) > Effect::Read, "{call}");
    }
}

#[test]
fn an_override_header_could_do_anything() {
    for header in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X_Method_Override",
        "X-Original-URL",
    ] {
        let does = with_call("GET /asset/v1/content/assets", &[header], effect);
        assert_eq!(does, Effect::Send, "{header}");
    }
}

#[test]
fn each_row_of_the_table_decides_its_own_path() {
    for (number, row) in ROUTES.iter().enumerate() {
        let path = row.path.replace("/**", "/x/y").replace('*', "x");
        assert_eq!(
            rest_effect(&format!("{} {path}", row.method)),
            row.effect,
            "{path}"
        );
        let first = ROUTES
            .iter()
            .position(|other| other.method == row.method && other.fits(path::segments(&path)));
        assert_eq!(first, Some(number), "{} is never reached", row.path);
        assert!(!row.source.is_empty(), "{} has no source", row.path);
        let jokers = row.path.matches("**").count();
        assert!(
            jokers == 0 || (jokers == 1 && row.path.ends_with("/**")),
            "{}",
            row.path
        );
    }
}

#[test]
fn modes_hold_back_what_they_say() {
    let read = "POST /asset/v1/content/assets/query";
    let write = "POST /asset/v1/content/assets";
    for mode in Mode::ALL {
        assert_eq!(judged(read, mode, NO_LIST), Ok(()));
    }
    assert_eq!(judged(write, Mode::NoSend, NO_LIST), Ok(()));
    let held = judged(write, Mode::ReadOnly, NO_LIST).unwrap_err();
    assert_eq!(
        (held.code(), held.call()),
        ("write_blocked", "POST /asset/v1/content")
    );
    for (mode, code) in [
        (Mode::NoSend, "send_blocked"),
        (Mode::ReadOnly, "write_blocked"),
    ] {
        for root in SENDING_ROOTS {
            let held = judged(&format!("POST /{root}/v1/x/y"), mode, NO_LIST).unwrap_err();
            assert_eq!(held.code(), code);
            assert_eq!(held.call(), format!("POST /{root}/v1/x"));
            let words = held.to_string();
            assert!(
                words.contains(mode.name()) && words.contains(held.call()),
                "{words}"
            );
        }
    }
}

#[test]
fn without_a_policy_nothing_is_refused() {
    for call in [
        "POST /messaging/v1/email/messages",
        "GET /a/../b",
        "GET /%00\\",
        "POST /%zz",
        "DELETE /%252e%252e/x",
    ] {
        assert_eq!(
            judged_with(call, &["X-HTTP-Method"], Mode::Full, NO_LIST),
            Ok(()),
            "{call}"
        );
    }
}

#[test]
fn refusals_name_calls_without_ids() {
    for (call, name) in [
        (
            "POST /data/v1/async/dataextensions/key:Orders/rows",
            "POST /data/v1/async",
        ),
        ("DELETE /asset/12345/x", "DELETE /asset/{id}/x"),
        ("delete /hub/v1/key:secret/rows", "DELETE /hub/v1/{id}"),
        ("PUT /a%20b/v12/jane@example.com", "PUT /{id}/v12/{id}"),
        ("PUT /x/v123/y", "PUT /x/{id}/y"),
        ("M3RGE /x", "OTHER /x"),
        ("DELETE /", "DELETE /"),
    ] {
        let held = judged(call, Mode::ReadOnly, NO_LIST).unwrap_err();
        assert_eq!(held.call(), name, "{call}");
    }
    let long = format!("DELETE /{}", "a".repeat(61));
    assert_eq!(
        judged(&long, Mode::ReadOnly, NO_LIST).unwrap_err().call(),
        "DELETE /{id}"
    );
}
