//! The table of scopes: what it knows of calls, and what it leaves open. Envelopes are scanned from literal XML.

use std::path::Path;
use std::{env, fs};

use bytes::Bytes;

use super::example::{Example, of_example};
use super::*;
use crate::soap::Content;
use crate::soap::envelope;

fn route(call: &str) -> Needs {
    let (method, path) = call.split_once(' ').unwrap();
    of_route(&Method::from_bytes(method.as_bytes()).unwrap(), path)
}

fn scope(call: &str) -> Option<&'static str> {
    route(call).known().map(|need| need.scope)
}

fn create(types: &[&str]) -> Envelope {
    let objects: String = types
        .iter()
        .map(|name| format!("<Objects i:type=\"{name}\"><Name>x</Name></Objects>"))
        .collect();
    let document = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <s:Body><CreateRequest xmlns=\"http://exacttarget.com/wsdl/partnerAPI\">{objects}</CreateRequest></s:Body></s:Envelope>"
    );
    let content = Content {
        content_type: Some("text/xml"),
        soap_action: Some("Create"),
    };
    envelope::scan(&Bytes::from(document), &content).unwrap()
}

#[test]
fn routes_need_what_the_vendor_says() {
    for (call, expected) in [
        (
            "GET /asset/v1/content/assets",
            Some("documents_and_images_read"),
        ),
        (
            "HEAD /asset/v1/content/assets/1/file",
            Some("documents_and_images_read"),
        ),
        (
            "POST /asset/v1/content/assets/query",
            Some("documents_and_images_read"),
        ),
        ("POST /asset/v1/content/assets", Some("saved_content_write")),
        (
            "POST //hub/v1/dataevents/key:A/rowset",
            Some("data_extensions_write"),
        ),
        ("GET /data/v1/CustomObjects", Some("data_extensions_read")),
        ("POST /messaging/v1/email/messages/key1", Some("email_send")),
        ("POST /messaging/v1/email/definitions", Some("email_write")),
        (
            "DELETE /messaging/v1/email/definitions/k/queue",
            Some("email_write"),
        ),
        ("POST /interaction/v1/events", Some("journeys_read")),
        (
            "POST /automation/v1/automations/1/start",
            Some("automations_execute"),
        ),
        ("POST /automation/v1/automations", Some("automations_write")),
        ("PUT /asset/v1/content/assets", None),
        ("GET /asset/v2/content/assets", None),
        ("GET /unheard/v1/of", None),
        ("GET /", None),
        ("PURGE /asset/v1/content/assets", None),
    ] {
        assert_eq!(scope(call), expected, "{call}");
    }
    assert_eq!(route("GET /platform/v1/tokenContext"), Needs::Nothing);
    assert_eq!(route("GET /v2/userinfo"), Needs::Nothing);
    assert_eq!(route("POST /v2/userinfo"), Needs::Unknown);
    assert_eq!(route("GET /platform/v1/other"), Needs::Unknown);
}

#[test]
fn a_token_has_one_of_several_scopes_or_lacks_the_first() {
    let need = route("GET /asset/v1/content/assets").known().unwrap();
    for (granted, counted, lacking) in [
        ("email_read saved_content_read", "saved_content_read", None),
        (
            "documents_and_images_read",
            "documents_and_images_read",
            None,
        ),
        (
            "documents_and_images_readers email_read",
            "documents_and_images_read",
            Some("documents_and_images_read"),
        ),
        (
            "",
            "documents_and_images_read",
            Some("documents_and_images_read"),
        ),
    ] {
        assert_eq!(need.counted(Some(granted)), counted, "{granted}");
        assert_eq!(need.lacking(granted), lacking, "{granted}");
    }
    assert_eq!(need.counted(None), "documents_and_images_read");
    let events = route("POST /interaction/v1/events").known().unwrap();
    assert_eq!(
        events.lacking("journeys_read"),
        Some("list_and_subscribers_read")
    );
    assert_eq!(
        events.lacking("list_and_subscribers_read journeys_read"),
        None
    );
}

#[test]
fn of_several_object_types_the_one_that_is_lacked_counts() {
    let granted = Some("list_and_subscribers_write");
    let both = create(&["Subscriber", "TriggeredSend"]);
    let needed = |envelope: &Envelope, granted| {
        let known = of_envelope(envelope, granted).known();
        known.map(|need| need.scope)
    };
    assert_eq!(needed(&both, granted), Some("email_send"));
    assert_eq!(
        needed(&both, Some("email_send email_read email_write")),
        Some("list_and_subscribers_write")
    );
    assert_eq!(needed(&both, None), Some("list_and_subscribers_write"));
    assert_eq!(
        needed(&create(&["Subscriber", "Unheard"]), granted),
        Some("list_and_subscribers_write")
    );
    assert_eq!(needed(&create(&["Unheard"]), granted), None);
    let row = of_object("Retrieve", "DataExtensionObject[key]").unwrap();
    assert_eq!(row.scope, "data_extensions_read");
}

#[test]
fn a_masked_call_needs_what_all_that_it_may_be_need() {
    let known = |call: &str| match of_example(call) {
        Example::Known(need) => Some(need.map(|need| need.scope)),
        Example::Unknown | Example::Vague(_) => None,
    };
    for (call, expected) in [
        (
            "SOAP Retrieve DataExtension",
            Some(Some("data_extensions_read")),
        ),
        ("SOAP Retrieve", None),
        ("SOAP Retrieve Unheard", None),
        ("POST /interaction/v1/events", Some(Some("journeys_read"))),
        ("GET /hub/v1/campaigns", Some(Some("campaign_read"))),
        ("GET /push/v1/message", Some(Some("push_read"))),
        ("GET /platform/v1/tokenContext", Some(None)),
        ("GET /v2/userinfo", Some(None)),
        // Messages that are sent, and definitions that are written.
        ("POST /messaging/v1/email", None),
        ("GET /asset/v1", None),
    ] {
        assert_eq!(known(call), expected, "{call}");
    }
    let Example::Vague(any) = of_example("POST /messaging/v1/email") else {
        panic!("it sends a message or writes a definition");
    };
    let any: Vec<_> = any.iter().map(|need| need.scope).collect();
    assert_eq!(any, ["email_send", "email_write"]);
    for unknown in [
        "GET /unheard/v1/of",
        "GET /asset/v1",
        "GET",
        "",
        "PATCH /sms/v1/{id}",
    ] {
        assert_eq!(of_example(unknown), Example::Unknown, "{unknown}");
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_smallest_list_is_what_was_used_and_missed() {
    let granted = owned(&["offline", "email_read", "journeys_read", "sms_send"]);
    let (used, missing) = (owned(&["journeys_read"]), owned(&["data_extensions_write"]));
    let calls = owned(&[
        "POST /interaction/v1/events",
        "POST /hub/v1/dataevents",
        "GET /v2/userinfo",
        "GET /unheard/v1/of",
        "GET /unheard/v1/of",
    ]);
    let observed = Observed {
        granted: Some(&granted),
        used: &used,
        missing: &missing,
        calls: &calls,
        renews_logins: false,
    };
    let found = least(&observed);
    assert_eq!(
        found,
        Least {
            scope: owned(&["data_extensions_write", "journeys_read"]),
            unneeded: owned(&["email_read", "offline", "sms_send"]),
            beside: Vec::new(),
            by_table: Vec::new(),
            lacking: owned(&["data_extensions_write"]),
            unknown: owned(&["GET /unheard/v1/of"]),
        }
    );
    let with_login = least(&Observed {
        renews_logins: true,
        ..observed
    });
    assert!(with_login.scope.contains(&"offline".to_owned()));
    assert_eq!(with_login.unneeded, owned(&["email_read", "sms_send"]));
}

/// What follows for tokens with these scopes (`None`: nobody has said), of which calls used and missed these.
fn found(granted: Option<&[&str]>, used: &[&str], missing: &[&str], calls: &[&str]) -> Least {
    let granted = granted.map(owned);
    least(&Observed {
        granted: granted.as_deref(),
        used: &owned(used),
        missing: &owned(missing),
        calls: &owned(calls),
        renews_logins: false,
    })
}

#[test]
fn what_came_through_without_a_scope_did_not_need_it() {
    let event = &["POST /interaction/v1/events"];
    let (journeys, subscribers) = ("journeys_read", "list_and_subscribers_read");
    for (granted, used, missing, scope, beside) in [
        // The tokens have no more, and the call was let through.
        (
            Some(&[journeys][..]),
            &[journeys][..],
            &[][..],
            &[journeys][..],
            &[][..],
        ),
        (
            Some(&[journeys, subscribers]),
            &[journeys],
            &[],
            &[journeys, subscribers],
            &[subscribers],
        ),
        (
            None,
            &[journeys],
            &[],
            &[journeys, subscribers],
            &[subscribers],
        ),
        // It was not let through, and who adds the one will miss the other.
        (
            Some(&["sms_send"]),
            &[],
            &[journeys],
            &[journeys, subscribers],
            &[subscribers],
        ),
    ] {
        let found = found(granted, used, missing, event);
        assert_eq!(
            (found.scope, found.beside),
            (owned(scope), owned(beside)),
            "{granted:?} {used:?} {missing:?}"
        );
    }
}

#[test]
fn what_no_answer_told_of_counts_as_far_as_the_tokens_have_it() {
    // Throttled, or in one envelope with what counted.
    let granted = &[
        "data_extensions_write",
        "email_read",
        "list_and_subscribers_write",
        "saved_content_read",
    ];
    let calls = &[
        "SOAP Create DataExtensionObject",
        "SOAP Create Subscriber",
        "GET /asset/v1/content",
        "POST /sms/v1/messageContact",
    ];
    let seen = found(Some(granted), &["data_extensions_write"], &[], calls);
    assert_eq!(
        seen.scope,
        owned(&[
            "data_extensions_write",
            "list_and_subscribers_write",
            "saved_content_read"
        ])
    );
    assert_eq!(
        seen.by_table,
        owned(&["list_and_subscribers_write", "saved_content_read"])
    );
    assert_eq!(seen.unneeded, owned(&["email_read"]));
    assert_eq!(seen.lacking, Vec::<String>::new());
}

#[test]
fn what_a_call_may_need_is_not_called_unneeded() {
    let granted = &["email_send", "email_write", "sms_send"];
    let calls = &["POST /messaging/v1/email"];
    let open = found(Some(granted), &["email_send"], &[], calls);
    assert_eq!(open.unknown, owned(calls));
    assert_eq!(open.unneeded, owned(&["sms_send"]));
    let settled = found(Some(granted), &["email_send", "email_write"], &[], calls);
    assert_eq!(settled.unknown, Vec::<String>::new());
}

#[test]
fn needs_have_no_more_beside_them_than_stand_side_by_side() {
    let routes = ROOTS.iter().flat_map(|(_root, rows)| rows.iter());
    let needs = routes.filter_map(|row| row.need.as_ref());
    for need in needs.chain(OBJECTS.iter().map(|row| &row.need)) {
        assert!(need.and.len() <= 2, "{need:?}");
    }
    let need = of_object("Create", "TriggeredSend").unwrap();
    for (granted, beside) in [
        (None, &["email_read", "email_write"][..]),
        (
            Some("email_read email_send email_write"),
            &["email_read", "email_write"],
        ),
        (Some("email_read"), &["email_read"]),
        (Some("email_write"), &["email_write"]),
        (Some("email_send"), &[]),
    ] {
        assert_eq!(need.beside(granted), beside, "{granted:?}");
    }
}

#[test]
fn nothing_seen_makes_no_list() {
    let granted = owned(&["email_read", "offline"]);
    let found = least(&Observed {
        granted: Some(&granted),
        renews_logins: true,
        ..Observed::default()
    });
    assert_eq!(found.scope, Vec::<String>::new());
    assert_eq!(found.unneeded, owned(&["email_read"]));
    assert_eq!(least(&Observed::default()), Least::default());
}

#[test]
fn every_row_has_a_source_and_can_be_reached() {
    for (root, rows) in ROOTS {
        for row in *rows {
            let words = row.path.split('/').map(|segment| match segment {
                "*" => "x",
                "**" => "y",
                literal => literal,
            });
            let path = format!("/{root}/{}", words.collect::<Vec<_>>().join("/"));
            let method = Method::from_bytes(row.method.as_bytes()).unwrap();
            assert_eq!(of_route(&method, &path), row.needs(), "{path}");
            assert!(row.need.as_ref().is_none_or(|need| need.source.len() > 10));
        }
    }
    for row in OBJECTS {
        assert!(row.need.source.len() > 10);
        for operation in row.operations {
            for object_type in row.object_types {
                assert_eq!(of_object(operation, object_type), Some(&row.need));
            }
        }
    }
}

#[test]
fn the_reference_of_scopes_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scopes.md");
    let text = reference();
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "docs/scopes.md is stale: run BLESS=1 cargo test --lib policy::scopes"
    );
}
