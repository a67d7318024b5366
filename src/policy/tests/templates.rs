//! Names of paths for spans: those of rows, and no word of a caller's.

use super::*;

fn named(call: &str) -> Option<String> {
    let (method, path) = call.split_once(' ').unwrap();
    template(&Method::from_bytes(method.as_bytes()).unwrap(), path)
}

#[test]
fn paths_are_called_by_their_rows() {
    for (call, expected) in [
        (
            "GET /asset/v1/content/assets/17",
            "/asset/v1/content/assets/**",
        ),
        (
            "HEAD //Asset/V1/content/assets",
            "/asset/v1/content/assets/**",
        ),
        (
            "POST /hub/v1/dataevents/key:A/rowset",
            "/hub/v1/dataevents/*/rowset",
        ),
        // In the table of effects alone.
        (
            "POST /messaging/v1/messageSends/send",
            "/messaging/v1/messageSends/send",
        ),
        ("POST /services/apexrest/Mine/x", "/services/apexrest/**"),
    ] {
        assert_eq!(named(call).as_deref(), Some(expected), "{call}");
    }
}

#[test]
fn a_word_that_is_in_no_table_is_in_no_name() {
    for (call, expected) in [
        ("GET /asset/v1/some-key", Some("/asset/v1")),
        ("GET /asset/some-key/x", Some("/asset")),
        ("GET /asset/v17/x", Some("/asset")),
        ("GET /Asset", Some("/asset")),
        ("PURGE /asset/v1/content/assets", Some("/asset/v1")),
        ("GET /hub/v1/dataevents/key:A/rowset", Some("/hub/v1")),
        ("GET /some-key/v1/x", None),
        ("GET /", None),
    ] {
        assert_eq!(named(call).as_deref(), expected, "{call}");
    }
}
