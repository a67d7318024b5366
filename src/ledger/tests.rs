//! Merging, bounds and what is forgotten, with time as an argument.

mod left_out;

use std::collections::BTreeMap;

use super::*;
use crate::policy::Posture;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn call(seconds: u64) -> Call<'static> {
    Call {
        at: at(seconds),
        duration: Duration::from_millis(5),
        tenant: Some("acme"),
        account: Some("emea"),
        api: Some("rest"),
        client: "newsletter",
        method: "GET",
        route: "/asset/v1/content",
        operation: None,
        object_types: &[],
        object_types_left_out: 0,
        untyped_objects: false,
        status: 200,
        permitted: true,
        would_refuse: None,
        unclear: false,
        names_accounts: false,
        scopes: None,
        trouble: None,
    }
}

fn trouble(what: &str) -> Option<Trouble> {
    Some(Trouble {
        code: None,
        what: what.to_owned(),
        fix: "Mend it.".to_owned(),
    })
}

fn roll(tenants: &[&str], clients: &[&str]) -> Roll {
    let tenants = tenants.iter().map(|name| Tenant {
        name: (*name).to_owned(),
        kind: "marketing_cloud",
        grant: "client_credentials",
        takes_login: false,
        is_core: false,
        scopes_asked: None,
        client_secret: None,
        accounts: Vec::new(),
    });
    let clients = clients.iter().map(|name| Client {
        name: (*name).to_owned(),
        policy: Posture::Enforce,
        default_tenant: None,
        default_accounts: BTreeMap::default(),
    });
    Roll {
        tenants: tenants.collect(),
        clients: clients.collect(),
        is_shared: false,
    }
}

/// Notes from as many threads as there are shards, and more.
fn from_threads(note: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for number in 0..6 {
            let note = &note;
            scope.spawn(move || note(number));
        }
    });
}

#[test]
fn what_is_the_same_is_one_entry_whichever_thread_saw_it() {
    let ledger = Ledger::default();
    from_threads(|number| {
        for second in 0..5 {
            let what = format!("thread {number}");
            ledger.note(&Call {
                status: 404,
                trouble: trouble(&what),
                scopes: Some(Scopes {
                    scope: "email_send",
                    beside: &["email_read"],
                    said: Said::Accepted,
                }),
                ..call(number * 10 + second)
            });
        }
    });
    let view = ledger.view();
    let [error] = view.tenants["acme"].errors.as_slice() else {
        panic!("{:?}", view.tenants["acme"].errors);
    };
    assert_eq!(
        (error.times, error.at, error.what.as_str()),
        (30, at(54), "thread 5")
    );
    for scope in ["email_send", "email_read"] {
        let seen = view.tenants["acme"].scopes[scope].accepted.clone();
        let (count, example) = seen.unwrap();
        assert_eq!((count.times, count.last), (30, at(54)));
        assert_eq!(example, "GET /asset/v1/content");
    }
    let client = &view.clients["newsletter"];
    assert_eq!(client.calls.len(), 1);
    assert_eq!(client.calls[0].count.times, 30);
    let last: Vec<_> = client.last_calls.iter().map(|call| call.at).collect();
    let newest: Vec<_> = (40..45).chain(50..55).rev().map(at).collect();
    assert_eq!(last, newest);
}

#[test]
fn the_oldest_errors_make_room() {
    let ledger = Ledger::default();
    let routes: Vec<_> = (0..200).map(|number| format!("/r{number}")).collect();
    for (second, route) in (0..).zip(&routes) {
        ledger.note(&Call {
            route,
            trouble: trouble("x"),
            ..call(second)
        });
        ledger.note(&Call {
            route,
            tenant: None,
            account: None,
            trouble: trouble("y"),
            ..call(second)
        });
    }
    let view = ledger.view();
    for errors in [&view.tenants["acme"].errors, &view.errors] {
        assert_eq!(errors.len(), ERRORS_MAX);
        assert_eq!(errors[0].route.as_deref(), Some("/r199"));
        assert_eq!(errors[ERRORS_MAX - 1].route.as_deref(), Some("/r150"));
    }
}

#[test]
fn distinct_calls_have_a_bound_and_what_had_to_go_is_counted() {
    let ledger = Ledger::default();
    let routes: Vec<_> = (0..CALLS_MAX + 7)
        .map(|number| format!("/r{number}"))
        .collect();
    for (second, route) in (0..).zip(&routes) {
        ledger.note(&Call {
            route,
            would_refuse: Some("policy_denied"),
            ..call(second)
        });
    }
    // One that is refused is none that its client may make.
    ledger.note(&Call {
        route: "/never",
        permitted: false,
        ..call(1_000)
    });
    let client = &ledger.view().clients["newsletter"];
    assert_eq!((client.calls.len(), client.calls_left_out), (CALLS_MAX, 7));
    assert!(client.calls.iter().all(|call| call.call != "GET /never"));
    assert!(
        client.calls.iter().all(|call| call.call != "GET /r6"),
        "the oldest"
    );
    assert_eq!(client.would_refuse.len(), WOULD_REFUSE_MAX);
}

#[test]
fn too_many_of_all_shards_together_are_too_many() {
    let ledger = Ledger::default();
    from_threads(|number| {
        for second in 0..200 {
            let route = format!("/thread{number}/{second}");
            ledger.note(&Call {
                route: &route,
                trouble: trouble("x"),
                ..call(second * 10 + number)
            });
        }
    });
    let view = ledger.view();
    assert_eq!(view.tenants["acme"].errors.len(), ERRORS_MAX);
    let client = &view.clients["newsletter"];
    assert_eq!(client.calls.len(), CALLS_MAX);
    assert_eq!(client.calls_left_out, 6 * 200 - CALLS_MAX as u64);
    assert_eq!(client.last_calls.len(), LAST_CALLS_MAX);
}

#[test]
fn each_object_type_is_a_call_of_its_own_and_no_key_is_kept() {
    let ledger = Ledger::default();
    let types = [
        "DataExtensionObject[VIP 4711]",
        "Subscriber",
        "<b>",
        "DataExtensionObject[*]",
    ]
    .map(str::to_owned);
    ledger.note(&Call {
        api: Some("soap"),
        method: "POST",
        operation: Some("Create"),
        object_types: &types,
        trouble: trouble("x"),
        ..call(1)
    });
    ledger.note(&Call {
        operation: Some("VersionInfo"),
        ..call(2)
    });
    let view = ledger.view();
    let calls: Vec<_> = view.clients["newsletter"]
        .calls
        .iter()
        .map(|call| call.call.as_str())
        .collect();
    assert_eq!(
        calls,
        [
            "SOAP Create DataExtensionObject[*]",
            "SOAP Create Subscriber",
            "SOAP Create other",
            "SOAP VersionInfo"
        ]
    );
    let error = &view.tenants["acme"].errors[0];
    assert_eq!(
        (error.operation, error.route.as_deref()),
        (Some("Create"), None)
    );
    assert_eq!(error.object_type.as_deref(), Some("DataExtensionObject[*]"));
    assert!(!format!("{view:?}").contains("4711"));
}

#[test]
fn who_is_gone_is_forgotten() {
    let ledger = Ledger::default();
    for (second, tenant) in [(1, Some("acme")), (2, Some("gone")), (3, None)] {
        for client in ["newsletter", "leaver", ANYONE] {
            ledger.note(&Call {
                tenant,
                client,
                trouble: trouble("x"),
                ..call(second)
            });
        }
    }
    ledger.keep(&roll(&["acme"], &["newsletter"]));
    let view = ledger.view();
    assert_eq!(view.tenants.keys().collect::<Vec<_>>(), ["acme"]);
    assert_eq!(
        view.clients.keys().collect::<Vec<_>>(),
        [ANYONE, "newsletter"]
    );
    let client = &view.clients["newsletter"];
    assert!(client.calls.iter().all(|call| call.tenant == "acme"));
    assert_eq!(client.last_calls.len(), 2);
    // The ring goes on in order.
    for second in 10..30 {
        ledger.note(&call(second));
    }
    let last = &ledger.view().clients["newsletter"].last_calls;
    assert_eq!(last.len(), LAST_CALLS_MAX);
    assert_eq!((last[0].at, last[9].at), (at(29), at(20)));
}

#[test]
fn texts_are_bounded_and_turn_nothing_round() {
    let ledger = Ledger::default();
    let what = format!("a\u{202e}b\n{}", "é".repeat(1_000));
    ledger.note(&Call {
        trouble: trouble(&what),
        ..call(1)
    });
    let error = &ledger.view().tenants["acme"].errors[0];
    assert!(error.what.starts_with("a b é"), "{}", error.what);
    assert!(error.what.len() <= 400);
}

#[test]
fn whoever_looks_again_at_once_sees_the_same_and_nobody_who_is_gone() {
    let (ledger, start) = (Ledger::default(), Instant::now());
    ledger.note(&call(1));
    let first = ledger.recent_view(start);
    ledger.note(&call(2));
    let again = ledger.recent_view(start + Duration::from_millis(999));
    assert!(Arc::ptr_eq(&first, &again));
    let later = ledger.recent_view(start + Duration::from_secs(1));
    assert_eq!(later.clients["newsletter"].calls[0].count.times, 2);
    ledger.keep(&roll(&["acme"], &[]));
    let kept = ledger.recent_view(start + Duration::from_secs(1));
    assert!(kept.clients.is_empty(), "{kept:?}");
}

#[test]
fn whoever_looks_copies_no_name_under_the_lock() {
    let ledger = Ledger::default();
    ledger.note(&Call {
        would_refuse: Some("policy_denied"),
        trouble: trouble("x"),
        ..call(1)
    });
    let shard = ledger.own();
    let seen = shard.clients.get("newsletter").unwrap();
    let copy = seen.clone();
    let one = |calls: &calls::Calls| {
        let distinct = calls.distinct.entries().next().unwrap().what.clone();
        let refusable = calls.would_refuse.entries().next().unwrap().what.clone();
        [
            distinct.tenant,
            distinct.account,
            distinct.call,
            refusable.call,
        ]
    };
    for (name, copied) in one(seen).iter().zip(&one(&copy)) {
        assert!(Arc::ptr_eq(name, copied), "{name}");
    }
    let copy = shard.tenant("acme").unwrap();
    let [was, is] = [shard.tenants.get("acme").unwrap(), &copy].map(|seen| &seen.errors.all()[0]);
    assert!(Arc::ptr_eq(&was.what, &is.what) && Arc::ptr_eq(&was.key.method, &is.key.method));
}

#[test]
fn what_is_noted_while_somebody_looks_is_not_lost() {
    let ledger = Ledger::default();
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| (0..200).map(|_| ledger.view()).collect::<Vec<_>>());
        for second in 0..2_000 {
            ledger.note(&call(second));
        }
        let counts = looking.join().unwrap().into_iter().map(|view| {
            let client = view.clients.get("newsletter");
            client.map_or(0, |client| client.calls[0].count.times)
        });
        assert!(counts.is_sorted(), "never fewer than before");
    });
    assert_eq!(
        ledger.view().clients["newsletter"].calls[0].count.times,
        2_000
    );
}

#[test]
fn all_object_types_of_a_record_are_calls_and_what_it_had_beyond_is_counted_once() {
    let ledger = Ledger::default();
    let types: Vec<_> = (0..OBJECT_TYPES_MAX)
        .map(|number| format!("Type{number}"))
        .collect();
    for (second, left_out) in [(1, 6), (2, 6), (3, 0)] {
        ledger.note(&Call {
            operation: Some("Describe"),
            object_types: &types,
            object_types_left_out: left_out,
            ..call(second)
        });
    }
    let client = &ledger.view().clients["newsletter"];
    assert_eq!((client.calls.len(), client.calls_left_out), (64, 6));
}

#[test]
fn an_object_without_a_type_is_a_call_of_its_own() {
    let ledger = Ledger::default();
    let types = ["Subscriber".to_owned()];
    ledger.note(&Call {
        operation: Some("Create"),
        object_types: &types,
        untyped_objects: true,
        ..call(1)
    });
    let view = ledger.view();
    let calls = view.clients["newsletter"].calls.iter();
    let calls: Vec<_> = calls.map(|call| call.call.as_str()).collect();
    assert_eq!(calls, ["SOAP Create", "SOAP Create Subscriber"]);
}

#[test]
fn calls_that_no_policy_lets_through_are_counted_with_one_of_them() {
    let ledger = Ledger::default();
    from_threads(|number| {
        ledger.note(&Call {
            unclear: true,
            ..call(number)
        });
        ledger.note(&Call {
            unclear: true,
            names_accounts: true,
            permitted: false,
            ..call(number)
        });
    });
    ledger.note(&Call {
        names_accounts: true,
        operation: Some("Retrieve"),
        ..call(9)
    });
    let client = &ledger.view().clients["newsletter"];
    let (count, example) = client.unclear.clone().unwrap();
    assert_eq!((count.times, count.last), (6, at(5)));
    assert_eq!(example, "GET /asset/v1/content");
    let (count, example) = client.names_accounts.clone().unwrap();
    assert_eq!((count.times, example.as_str()), (1, "SOAP Retrieve"));
}
