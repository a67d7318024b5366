//! Allow lists over REST: what patterns say, what they cover, and what no list lets through.

use super::super::path::{DECODE_ROUNDS_MAX, decode};
use super::*;

fn allowed(call: &str, patterns: &[&str]) -> bool {
    judged(call, Mode::Full, Some(&list(patterns))).is_ok()
}

fn doubt(call: &str) -> Option<Doubt> {
    match judged(call, Mode::Full, Some(&list(&["* /**"]))) {
        Ok(()) => None,
        Err(Held::Unclear { doubt, .. }) => Some(doubt),
        Err(other) => panic!("{call}: {other}"),
    }
}

#[test]
fn patterns_cover_what_they_say() {
    for (pattern, call, covered) in [
        ("GET /asset/v1/**", "GET /asset/v1/content/assets", true),
        ("GET /asset/v1/**", "GET /asset/v1", true),
        ("GET /asset/v1/**", "GET /asset/v1/", true),
        ("get /asset/v1/**", "GET /asset/v1/x", true),
        ("GET /asset/v1/**", "get /asset/v1/x", true),
        ("GET /asset/v1/**", "HEAD /asset/v1/x", true),
        ("HEAD /asset/v1/**", "GET /asset/v1/x", false),
        ("POST /asset/v1/**", "HEAD /asset/v1/x", false),
        ("* /asset/v1/**", "PURGE /asset/v1/x", true),
        ("GET /asset/v1/**", "POST /asset/v1/x", false),
        ("GET /asset/v1/**", "OPTIONS /asset/v1/x", false),
        ("GET /asset/v1/**", "GET /asset/v1x", false),
        ("GET /asset/v1/**", "GET /asset", false),
        ("GET /asset/v1/**", "GET /ASSET/v1/x", false),
        ("GET /asset/v1/**", "GET /x/asset/v1/x", false),
        ("GET /asset/v1/**", "GET //asset///v1/x", true),
        ("GET /hub/v1/*/x", "GET //hub/v1/key:A/x", true),
        ("GET /hub/v1/*/x", "GET /hub/v1//x", false),
        ("GET /hub/v1/*/x", "GET /hub/v1/a/b/x", false),
        ("GET /hub/*", "GET /hub", false),
        ("GET /hub/*", "GET /hub/", false),
        ("GET /**/rows", "GET /a/b/c/rows", true),
        ("GET /**/rows", "GET /rows", true),
        ("GET /**/rows", "GET /a/rows/b", false),
        ("GET /**/a/**/b", "GET /a/a/b/a/b", true),
        ("GET /**/a/**/b", "GET /b/a/b/a", false),
        ("GET /a/**/*", "GET /a", false),
        ("GET /a/**/*", "GET /a/b/c", true),
        ("GET /", "GET /", true),
        ("GET /", "GET /a", false),
        ("GET /a/", "GET /a", true),
        ("GET /**", "GET /", true),
        ("  GET   /a/**  ", "GET /a/b", true),
        ("SOAP Retrieve", "GET /Service.asmx", false),
    ] {
        assert_eq!(allowed(call, &[pattern]), covered, "{pattern:?} {call:?}");
    }
}

#[test]
fn the_path_as_sent_and_the_path_that_is_meant_both_have_to_be_covered() {
    for (patterns, call, covered) in [
        (&["GET /a/*"][..], "GET /a/key%3AB", true),
        (&["GET /a/*"], "GET /a/b%2Fc", false),
        (&["GET /a/*/*"], "GET /a/b%2Fc", false),
        (&["GET /a/*", "GET /a/*/*"], "GET /a/b%2Fc", true),
        (&["GET /a/**"], "GET /a/b%2Fc", true),
        (&["GET /a/*"], "GET /a/b%252Fc", false),
        (&["GET /a/b"], "GET /a/%62", false),
        (&["GET /a/b"], "GET /%61/b", false),
        (&["GET /a/**"], "GET /a%2Fb", false),
        (&["GET /a/**"], "GET /%61/b", false),
        (&["GET /a/*"], "GET /a/100%25", true),
        (&["GET /a/*"], "GET /a/caf%C3%A9", true),
    ] {
        assert_eq!(allowed(call, patterns), covered, "{patterns:?} {call:?}");
    }
}

#[test]
fn what_could_be_read_two_ways_is_unclear() {
    for (call, expected) in [
        ("GET /a/../b", Doubt::DotSegment),
        ("GET /a/./b", Doubt::DotSegment),
        ("GET /a/..", Doubt::DotSegment),
        ("GET /.", Doubt::DotSegment),
        ("GET /a/%2e%2e/b", Doubt::DotSegment),
        ("GET /a/.%2E/b", Doubt::DotSegment),
        ("GET /a/%252e%252e/b", Doubt::DotSegment),
        ("GET /a/%25252e/b", Doubt::DotSegment),
        ("GET /a/b%2f..%2fc", Doubt::DotSegment),
        ("GET /a/..;x=1/b", Doubt::DotSegment),
        ("GET /a/..%3B/b", Doubt::DotSegment),
        ("GET /a/.../b", Doubt::DotSegment),
        ("GET /a/..%20/b", Doubt::DotSegment),
        ("GET /a\\b", Doubt::Backslash),
        ("GET /a%5Cb", Doubt::Backslash),
        ("GET /a%255cb", Doubt::Backslash),
        ("GET /a%00b", Doubt::Control),
        ("GET /a%2500b", Doubt::Control),
        ("GET /a%0d%0ab", Doubt::Control),
        ("GET /a%7f", Doubt::Control),
        ("GET /a%C2%85", Doubt::Control),
        ("GET /a%", Doubt::Escape),
        ("GET /a%2", Doubt::Escape),
        ("GET /a%zz", Doubt::Escape),
        ("GET /a%u002fb", Doubt::Escape),
        ("GET /a%25u002fb", Doubt::Escape),
        ("GET /a%2525U002Fb", Doubt::Escape),
        ("GET /a%c0%af", Doubt::Text),
        ("GET /a%ff", Doubt::Text),
    ] {
        assert_eq!(doubt(call), Some(expected), "{call}");
        for mode in [Mode::NoSend, Mode::ReadOnly] {
            let held = judged(call, mode, NO_LIST).unwrap_err();
            assert_eq!(held.code(), "policy_denied", "{call}");
        }
    }
    for call in [
        "GET /a.b/c..d",
        "GET /.well-known/x",
        "GET /a;b/c",
        "GET //a//b",
        "GET /a/100%25u",
    ] {
        assert_eq!(doubt(call), None, "{call}");
    }
}

#[test]
fn deep_escapes_end_soon() {
    let nested = |depth: usize| format!("/a/%{}41", "25".repeat(depth));
    assert_eq!(decode(&nested(0)).as_deref(), Ok("/a/A"));
    assert_eq!(
        decode(&nested(DECODE_ROUNDS_MAX - 1)).as_deref(),
        Ok("/a/A")
    );
    assert_eq!(decode(&nested(DECODE_ROUNDS_MAX)), Err(Doubt::Escape));
    assert_eq!(decode(&nested(30_000)), Err(Doubt::Escape));
}

#[test]
fn headers_that_name_another_method_or_path_are_unclear() {
    for (header, expected) in [
        ("X-HTTP-Method-Override", Doubt::MethodHeader),
        ("x-http-method", Doubt::MethodHeader),
        ("X-Method-Override", Doubt::MethodHeader),
        ("x_http_method_override", Doubt::MethodHeader),
        ("X-Original-URL", Doubt::PathHeader),
        ("x-rewrite_url", Doubt::PathHeader),
    ] {
        let everything = list(&["* /**"]);
        let held = judged_with("GET /a", &[header], Mode::Full, Some(&everything)).unwrap_err();
        let Held::Unclear { doubt, call } = held else {
            panic!("{header}: {held}");
        };
        assert_eq!((doubt, call.as_str()), (expected, "GET /a"), "{header}");
        let held = judged_with("GET /a", &[header], Mode::NoSend, NO_LIST).unwrap_err();
        assert_eq!(held.code(), "policy_denied", "{header}");
    }
    let everything = list(&["* /**"]);
    let headers = ["x-http-methods", "x-method", "accept", "x-original-urls"];
    assert_eq!(
        judged_with("GET /a", &headers, Mode::Full, Some(&everything)),
        Ok(())
    );
}

#[test]
fn an_empty_list_allows_nothing() {
    let held = judged(
        "GET /asset/v1/content/assets",
        Mode::Full,
        Some(&AllowList::default()),
    );
    let held = held.unwrap_err();
    assert_eq!(
        (held.code(), held.call()),
        ("policy_denied", "GET /asset/v1/content")
    );
}

#[test]
fn the_mode_holds_whatever_the_list_allows() {
    let everything = list(&["* /**", "SOAP *"]);
    let held = judged("POST /sms/v1/queueMO", Mode::NoSend, Some(&everything)).unwrap_err();
    assert_eq!(held.code(), "send_blocked");
}

#[test]
fn a_refusal_names_a_pattern_that_covers_the_call() {
    for (call, pattern) in [
        ("GET /asset/v1/content/assets", "GET /asset/v1/content/**"),
        ("GET /asset/v1/12345", "GET /asset/v1/*"),
        ("PATCH /a/b", "PATCH /a/b"),
        ("GET /", "GET /"),
    ] {
        let held = judged(call, Mode::Full, Some(&list(&["GET /z"]))).unwrap_err();
        assert!(
            held.to_string().contains(&format!("\"{pattern}\"")),
            "{held}"
        );
        assert!(allowed(call, &[pattern]), "{pattern} {call}");
    }
}

#[test]
fn what_is_no_pattern_is_said_with_what_to_write() {
    let long = format!("GET /{}", "a".repeat(PATTERN_LENGTH_MAX));
    for (text, instead) in [
        ("", "METHOD /path"),
        ("   ", "METHOD /path"),
        ("/asset/v1/**", "\"* /asset/v1/**\""),
        ("GET", "\"GET /**\""),
        ("GET asset/v1", "\"GET /asset/v1\""),
        ("GET/asset/v1", "method first"),
        ("GET /a/b c", "use `*`"),
        ("GET /a/b*", "whole segment"),
        ("GET /a/***", "whole segment"),
        ("GET /a/key:*/rows", "whole segment"),
        ("GET /a\u{7}", "one line"),
        (&long, "use `*`"),
        ("SOAP", "SOAP Retrieve"),
        ("soap ", "SOAP Retrieve"),
        ("SOAP Retr*", "operation, then type"),
        ("SOAP /Service.asmx", "operation, then type"),
        ("SOAP Retrieve[*]", "operation, then type"),
        ("SOAP Retrieve Data*", "`Type[*]`"),
        ("SOAP Retrieve *[x]", "`Type[*]`"),
        (
            "SOAP Retrieve DataExtensionObject[*",
            "DataExtensionObject[*]",
        ),
        (
            "SOAP Retrieve DataExtensionObject]",
            "DataExtensionObject[*]",
        ),
    ] {
        let error = Pattern::parse(text).unwrap_err();
        assert!(error.instead.contains(instead), "{text:?}: {error}");
        assert!(!error.what.is_empty());
    }
    let pattern = Pattern::parse("  GET   /a/**  ").unwrap();
    assert_eq!(pattern.text(), "GET   /a/**");
    assert_eq!(pattern.to_string(), pattern.text());
}
