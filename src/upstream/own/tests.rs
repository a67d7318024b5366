//! Which addresses are our own, without any socket.

use super::*;

fn is_own(own: &str, peer: &str, local: Option<&str>) -> bool {
    let listeners = OwnListeners::default();
    listeners.set(vec![own.parse().unwrap()]);
    listeners.include(
        peer.parse().unwrap(),
        local.map(|local| local.parse().unwrap()),
    )
}

#[test]
fn a_listener_is_its_address_and_port() {
    for (own, peer, local, expected) in [
        ("127.0.0.1:7362", "127.0.0.1:7362", Some("127.0.0.1"), true),
        ("127.0.0.1:7362", "127.0.0.1:7363", Some("127.0.0.1"), false),
        ("127.0.0.1:7362", "127.0.0.2:7362", Some("127.0.0.1"), false),
        ("127.0.0.1:7362", "[::1]:7362", Some("::1"), false),
        ("127.0.0.1:7362", "[::ffff:127.0.0.1]:7362", None, true),
        ("[::1]:7362", "[::1]:7362", None, true),
        ("192.0.2.7:7362", "192.0.2.7:7362", Some("10.0.0.1"), true),
    ] {
        assert_eq!(
            is_own(own, peer, local),
            expected,
            "{own} {peer} from {local:?}"
        );
    }
}

#[test]
fn an_unspecified_listener_is_every_address_of_this_machine() {
    for own in ["0.0.0.0:7362", "[::]:7362"] {
        for (peer, local, expected) in [
            ("127.0.0.1:7362", None, true),
            ("127.8.9.10:7362", None, true),
            ("[::1]:7362", None, true),
            ("[::ffff:127.0.0.1]:7362", None, true),
            ("0.0.0.0:7362", None, true),
            ("10.1.2.3:7362", Some("10.1.2.3"), true),
            ("10.1.2.3:7362", Some("10.1.2.4"), false),
            ("10.1.2.3:7362", None, false),
            ("127.0.0.1:443", None, false),
            ("10.1.2.3:443", Some("10.1.2.3"), false),
        ] {
            assert_eq!(
                is_own(own, peer, local),
                expected,
                "{own} {peer} from {local:?}"
            );
        }
    }
}

#[test]
fn nothing_is_our_own_before_anything_listens() {
    let listeners = OwnListeners::default();
    assert!(!listeners.include("127.0.0.1:7362".parse().unwrap(), None));
}
