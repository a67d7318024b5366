//! Calls that had to make room: each counts once, and none that is there.

use super::*;

/// Many kinds of calls, again and again: each comes back after it had to make room.
#[test]
fn what_comes_and_goes_is_left_out_once() {
    let ledger = Ledger::default();
    let routes: Vec<_> = (0..CALLS_MAX + 7)
        .map(|number| format!("/r{number}"))
        .collect();
    for round in 0..3 {
        for (second, route) in (0..).zip(&routes) {
            ledger.note(&Call {
                route,
                ..call(round * 1_000 + second)
            });
        }
    }
    let left_out = || ledger.view().clients["newsletter"].calls_left_out;
    assert_eq!(left_out(), 7);
    let seen = ledger.view().clients["newsletter"].calls.clone();
    let is_gone = |route: &&String| !seen.iter().any(|call| call.call == format!("GET {route}"));
    let gone: Vec<_> = routes.iter().filter(is_gone).collect();
    assert_eq!(gone.len(), 7);
    ledger.note(&Call {
        tenant: Some("gone"),
        ..call(9_000)
    });
    assert_eq!(left_out(), 8);
    ledger.keep(&roll(&["acme"], &["newsletter"]));
    assert_eq!(left_out(), 8, "of a tenant that is still there");
    ledger.keep(&roll(&["other"], &["newsletter"]));
    assert_eq!(left_out(), 0);
}

#[test]
fn beyond_the_bound_what_is_left_out_is_at_least_so_much() {
    let ledger = Ledger::default();
    for second in 0..(CALLS_MAX + GONE_MAX + 50) as u64 {
        let route = format!("/r{second}");
        ledger.note(&Call {
            route: &route,
            ..call(second)
        });
    }
    let client = &ledger.view().clients["newsletter"];
    assert_eq!(client.calls_left_out, GONE_MAX as u64);
}

/// One that is back takes no room from others that are gone.
#[test]
fn as_many_as_fit_are_counted_however_often_they_come_and_go() {
    let ledger = Ledger::default();
    let kinds = CALLS_MAX + GONE_MAX;
    for number in 0..kinds * 2 + 500 {
        let route = format!("/r{}", number % kinds);
        ledger.note(&Call {
            route: &route,
            ..call(number as u64)
        });
    }
    let client = &ledger.view().clients["newsletter"];
    assert_eq!(client.calls_left_out, GONE_MAX as u64);
}
