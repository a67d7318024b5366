//! Which patterns can match nothing, and what is said of them.

use super::*;

fn why(pattern: &str, mode: Mode) -> Option<String> {
    futile(&Pattern::parse(pattern).unwrap(), mode)
}

#[test]
fn patterns_that_match_nothing_say_why() {
    for (pattern, words) in [
        ("SOAP Retreive", "did you mean `Retrieve`?"),
        ("SOAP RETRIEVE", "did you mean `Retrieve`?"),
        ("SOAP query Contact", "write `SOAP query`"),
        ("SOAP Frobnicate List", "known are Configure, Create"),
        (
            "SOAP Retrieve DataExtensionObject",
            "DataExtensionObject[*]",
        ),
        (
            "SOAP Create DataExtensionObject[*]",
            "write `DataExtensionObject`",
        ),
        ("GTE /asset/v1/**", "did you mean GET?"),
        ("TRACE /asset/v1/**", "known are GET"),
        ("GET /assets/v1/**", "did you mean `asset`?"),
        ("GET /frobnicate/v1/**", "known are address, api, asset"),
        ("GET /asset/v1/../x", "dot segments"),
        ("GET /asset/./x", "dot segments"),
        ("GET /asset/v1?$page=1", "only the path is matched"),
        ("GET /asset/v1/a#b", "only the path is matched"),
        ("GET /asset/v1/a%20b", "write `*` for that segment"),
        ("GET /asset\\v1", "backslash"),
        ("GET //hub/v1/**", "write `/` for `//`"),
        ("GET /hub//v1/**", "write `/` for `//`"),
    ] {
        let said = why(pattern, Mode::Full).unwrap_or_else(|| panic!("{pattern} is let pass"));
        assert!(said.contains(words), "{pattern}: {said}");
    }
}

#[test]
fn patterns_that_match_something_pass() {
    for pattern in [
        "GET /asset/v1/**",
        "HEAD /Asset/v1/**",
        "* /**",
        "* /*/v1/**",
        "DELETE /hub/v1/",
        "GET /",
        "POST /**/query",
        "SOAP Retrieve",
        "SOAP *",
        "SOAP * DataExtensionObject[*]",
        "SOAP Retrieve DataExtensionObject[*]",
        "SOAP Create DataExtensionObject",
        "SOAP retrieve",
        "SOAP sendEmail",
        "GET /services/data/**",
    ] {
        assert_eq!(why(pattern, Mode::Full), None, "{pattern}");
    }
}

#[test]
fn patterns_that_the_mode_holds_back_altogether_say_so() {
    for (pattern, no_send, read_only) in [
        ("GET /messaging/**", false, false),
        ("* /sms/v1/messageContact/*/send", false, false),
        ("POST /messaging/v1/email/messages", true, true),
        ("POST /messaging/v1/email/messages/**", true, true),
        ("POST /messaging/v1/**", false, true),
        ("POST /Messaging/v1/email/messages/*", true, true),
        (
            "POST /automation/v1/automations/*/actions/start",
            true,
            true,
        ),
        ("POST /automation/**", false, false),
        ("POST /automation/v1/automations/**", false, true),
        ("POST /legacy/**", true, true),
        ("POST /sms/v1/contacts/**", false, false),
        ("POST /asset/v1/content/assets", false, true),
        ("POST /asset/v1/content/assets/*", false, false),
        ("POST /asset/**", false, false),
        ("POST /*/v1/**/query", false, false),
        ("DELETE /interaction/**", false, true),
        ("PATCH /**", false, true),
        ("SOAP *", false, false),
        ("SOAP Retrieve", false, false),
        ("SOAP Create", false, true),
        ("SOAP Create *", false, true),
        ("SOAP Create TriggeredSend", true, true),
        ("SOAP Perform", true, true),
        ("SOAP Schedule Automation", true, true),
        ("SOAP Delete List", false, true),
        ("SOAP * TriggeredSend", false, false),
    ] {
        for (mode, futile) in [
            (Mode::Full, false),
            (Mode::NoSend, no_send),
            (Mode::ReadOnly, read_only),
        ] {
            let said = why(pattern, mode);
            assert_eq!(said.is_some(), futile, "{pattern} {mode:?}: {said:?}");
            assert!(
                said.is_none_or(|said| said.contains(mode.name())),
                "{pattern}"
            );
        }
    }
}

#[test]
fn a_pattern_of_many_jokers_is_read_quickly() {
    let pattern = format!("POST {}", "/**/a".repeat(200));
    assert_eq!(why(&pattern, Mode::NoSend), None);
}
