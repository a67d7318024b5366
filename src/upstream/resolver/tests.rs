//! Which of the system's words say that there is no such name.

use super::*;

#[test]
fn a_name_that_is_not_there_is_told_from_servers_that_are_not() {
    for (words, unknown) in [
        ("Name or service not known", true),
        ("No address associated with hostname", true),
        ("nodename nor servname provided, or not known", true),
        ("Temporary failure in name resolution", false),
        ("Non-recoverable failure in name resolution", false),
        ("System error", false),
    ] {
        let error: BoxError = format!("failed to lookup address information: {words}").into();
        assert_eq!(is_unknown(&error), unknown, "{words}");
        assert!(in_words(&error).ends_with(words));
    }
}
