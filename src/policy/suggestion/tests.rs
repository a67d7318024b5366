//! Suggestions against the real policy: what was seen is let through, and what is of another root, method or effect is not.

use http::{HeaderMap, Method};

use super::*;
use crate::policy::table::{ROOTS, ROUTES};
use crate::policy::{AllowList, Call, Held, Pattern, judge};

/// The documented mask: three segments, and what is no word and no version becomes `{id}`.
fn masked(call: &str) -> String {
    let (method, path) = call.split_once(' ').unwrap();
    let mut name = method.to_owned() + " ";
    for segment in path.split('/').filter(|text| !text.is_empty()).take(3) {
        let word = segment
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b"-_".contains(&byte));
        let is_version = segment.len() == 2
            && segment.starts_with('v')
            && segment.ends_with(|letter: char| letter.is_ascii_digit());
        name.push('/');
        name.push_str(if word || is_version { segment } else { "{id}" });
    }
    name
}

fn of(calls: &[&str]) -> Suggestion {
    let names: Vec<String> = calls
        .iter()
        .map(|call| {
            if call.starts_with("SOAP ") {
                (*call).to_owned()
            } else {
                masked(call)
            }
        })
        .collect();
    suggest(names.iter().map(String::as_str))
}

fn list(suggestion: &Suggestion) -> AllowList {
    let patterns = suggestion.allow.iter();
    patterns.map(|text| Pattern::parse(text).unwrap()).collect()
}

fn judged(call: &str, suggestion: &Suggestion) -> Result<(), Held> {
    let (method, path) = call.split_once(' ').unwrap();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let headers = HeaderMap::new();
    let call = Call::Rest {
        method: &method,
        path,
        headers: &headers,
    };
    judge(&call, suggestion.mode, Some(&list(suggestion)))
}

#[test]
fn lists_are_as_short_and_as_narrow_as_can_be() {
    for (calls, allow, mode) in [
        (
            &["GET /asset/v1/content/assets/1"][..],
            &["GET /asset/v1/content/**"][..],
            Mode::ReadOnly,
        ),
        (
            &["GET /asset/v1/content/assets", "GET /asset/v1/rest"],
            &["GET /asset/v1/**"],
            Mode::ReadOnly,
        ),
        (
            &["GET /asset/v1/content", "POST /asset/v1/content/assets"],
            &["GET /asset/v1/content/**", "POST /asset/v1/content/**"],
            Mode::NoSend,
        ),
        (
            &["GET /data/v1/async/1/status", "GET /hub/v1/campaigns"],
            &["GET /data/v1/async/**", "GET /hub/v1/campaigns/**"],
            Mode::ReadOnly,
        ),
        (
            &["GET /hub/v1/key:A/rows", "HEAD /hub/v1/key:B/rows"],
            &["GET /hub/v1/*/**"],
            Mode::ReadOnly,
        ),
        (
            &["HEAD /hub/v1/campaigns"],
            &["HEAD /hub/v1/campaigns/**"],
            Mode::ReadOnly,
        ),
        // A path of less than three segments is whole.
        (
            &["GET /v2/userinfo", "GET /asset/v1"],
            &["GET /asset/v1", "GET /v2/userinfo"],
            Mode::ReadOnly,
        ),
        (
            &[
                "POST /messaging/v1/email/messages/1",
                "POST /messaging/v1/sms/messages/1",
            ],
            &["POST /messaging/v1/email/**", "POST /messaging/v1/sms/**"],
            Mode::Full,
        ),
        (
            &["SOAP Retrieve List", "SOAP Retrieve DataExtensionObject"],
            &["SOAP Retrieve DataExtensionObject[*]", "SOAP Retrieve List"],
            Mode::ReadOnly,
        ),
        (
            &[
                "SOAP Retrieve List",
                "SOAP Retrieve",
                "SOAP Delete Subscriber",
            ],
            &["SOAP Delete Subscriber", "SOAP Retrieve"],
            Mode::NoSend,
        ),
        (
            &[
                "SOAP Create DataExtensionObject",
                "SOAP Create TriggeredSend",
            ],
            &[
                "SOAP Create DataExtensionObject",
                "SOAP Create TriggeredSend",
            ],
            Mode::Full,
        ),
        (
            &["SOAP query", "SOAP create"],
            &["SOAP create", "SOAP query"],
            Mode::NoSend,
        ),
    ] {
        let found = of(calls);
        assert_eq!(
            (found.allow.as_slice(), found.mode),
            (owned(allow).as_slice(), mode),
            "{calls:?}"
        );
        assert!(found.left_out.is_empty(), "{calls:?}");
    }
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_is_not_known_is_told() {
    let found = of(&["POST /automation/v1/automations/1/start", "SOAP Retrieve"]);
    assert_eq!(found.may_send, ["POST /automation/v1/automations/**"]);
    assert_eq!(found.every_type, ["SOAP Retrieve"]);
    assert_eq!(found.mode, Mode::Full);
    let odd = [
        "GET /{id}/v1/x",
        "GET /asset/v1/*",
        "GET /a b/v1/x",
        "GET asset",
        "get /asset/v1/content",
        "GET",
        "SOAP other",
        "SOAP Retrieve A B",
        "SOAP Retrieve \"]",
        "SOAP",
        "",
        "GET /asset/v1/content/assets",
    ];
    let found = suggest(odd);
    assert_eq!(found.allow, Vec::<String>::new());
    assert_eq!(found.left_out.len(), odd.len(), "{:?}", found.left_out);
}

/// Paths as callers write them, made of the table's own and of others.
fn some_path(random: &mut fastrand::Rng) -> String {
    if random.bool() {
        let row = random.choice(ROUTES.iter()).unwrap();
        let words = row
            .path
            .split('/')
            .skip(1)
            .flat_map(|segment| match segment {
                "*" => vec!["key:A1"],
                "**" => vec!["a", "7"],
                literal => vec![literal],
            });
        return format!("/{}", words.collect::<Vec<_>>().join("/"));
    }
    let mut path = format!("/{}", random.choice(ROOTS).unwrap());
    for _segment in 0..random.usize(0..5) {
        let segments = [
            "v1", "content", "key:A", "17", "x-y", "%41", "assets", "v12", "start",
        ];
        path.push('/');
        path.push_str(random.choice(segments).unwrap());
    }
    path
}

#[test]
fn whatever_was_seen_is_allowed_and_nothing_of_another_root_or_method() {
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let mut random = fastrand::Rng::with_seed(7);
    for _round in 0..400 {
        let seen: Vec<String> = (0..random.usize(1..8))
            .map(|_call| {
                format!(
                    "{} {}",
                    random.choice(methods).unwrap(),
                    some_path(&mut random)
                )
            })
            .collect();
        let found = of(&seen.iter().map(String::as_str).collect::<Vec<_>>());
        for call in &seen {
            // `GET /key:A` and the like do not name their service.
            let told = !found.left_out.contains(&masked(call));
            assert_eq!(judged(call, &found).is_ok(), told, "{call}: {found:?}");
        }
        let place = |call: &str| {
            let (method, path) = call.split_once(' ').unwrap();
            let root = path.split('/').nth(1).unwrap();
            let method = if method == "HEAD" { "GET" } else { method };
            (method.to_owned(), root.to_owned())
        };
        for _other in 0..20 {
            let other = format!(
                "{} {}",
                random.choice(methods).unwrap(),
                some_path(&mut random)
            );
            if !seen.iter().any(|call| place(call) == place(&other)) {
                assert!(judged(&other, &found).is_err(), "{other}: {found:?}");
            }
        }
    }
}

#[test]
fn reads_alone_never_let_a_send_or_a_write_through() {
    let mut random = fastrand::Rng::with_seed(11);
    for _round in 0..200 {
        let seen: Vec<String> = (0..random.usize(1..6))
            .map(|_call| format!("GET {}", some_path(&mut random)))
            .collect();
        let found = of(&seen.iter().map(String::as_str).collect::<Vec<_>>());
        for row in ROUTES.iter().filter(|row| row.method != "GET") {
            let path = row.path.replace("**", "a").replace('*', "b");
            let call = format!("{} {path}", row.method);
            assert!(judged(&call, &found).is_err(), "{call}: {found:?}");
        }
    }
}
