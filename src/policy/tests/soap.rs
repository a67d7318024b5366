//! What SOAP calls do, and which of them a list allows.

use super::super::table::{CORE, OBJECTS};
use super::*;
use crate::soap::envelope::Operation;

fn does(envelope: &Envelope) -> Effect {
    effect(&Call::Soap(envelope))
}

fn allowed(envelope: &Envelope, patterns: &[&str]) -> bool {
    judged_soap(envelope, Mode::Full, Some(&list(patterns))).is_ok()
}

fn element(operation: Operation) -> &'static str {
    match operation {
        Operation::Configure => "ConfigureRequestMsg",
        Operation::Create => "CreateRequest",
        Operation::Delete => "DeleteRequest",
        Operation::Describe => "DefinitionRequestMsg",
        Operation::Execute => "ExecuteRequestMsg",
        Operation::Extract => "ExtractRequestMsg",
        Operation::GetSystemStatus => "SystemStatusRequestMsg",
        Operation::Perform => "PerformRequestMsg",
        Operation::Query => "QueryRequestMsg",
        Operation::Retrieve => "RetrieveRequestMsg",
        Operation::Schedule => "ScheduleRequestMsg",
        Operation::Update => "UpdateRequest",
        Operation::VersionInfo => "VersionInfoRequestMsg",
    }
}

#[test]
fn every_operation_has_its_effect() {
    use Effect::{Read, Send, Write};
    for operation in Operation::all() {
        let expected = match operation {
            Operation::Retrieve
            | Operation::Describe
            | Operation::VersionInfo
            | Operation::GetSystemStatus
            | Operation::Query => Read,
            Operation::Perform | Operation::Schedule => Send,
            _ => Write,
        };
        let call = request(operation.name(), element(operation), &objects(&["List"]));
        assert_eq!(does(&call), expected, "{operation:?}");
        let has_catch_all = OBJECTS
            .iter()
            .any(|row| row.operation == operation && row.object_type == "*");
        assert!(has_catch_all, "{operation:?} has no row for every type");
    }
    for row in OBJECTS.iter().filter(|row| !row.object_type.contains('*')) {
        let inside = objects(&[row.object_type]);
        let call = request(row.operation.name(), element(row.operation), &inside);
        assert_eq!(
            does(&call),
            row.effect,
            "{:?} {}",
            row.operation,
            row.object_type
        );
    }
}

#[test]
fn creating_or_updating_a_send_sends() {
    for name in [
        "TriggeredSend",
        "Send",
        "SMSTriggeredSend",
        "VoiceTriggeredSend",
        "NextYearsSend",
        "triggeredsend",
        "a:TriggeredSend",
        " a:Send ",
        "&#x54;riggeredSend",
    ] {
        assert_eq!(does(&create(&[name])), Effect::Send, "{name}");
        let update = request("Update", "UpdateRequest", &objects(&[name]));
        assert_eq!(does(&update), Effect::Send, "{name}");
        let delete = request("Delete", "DeleteRequest", &objects(&[name]));
        assert_eq!(does(&delete), Effect::Write, "{name}");
    }
    assert_eq!(
        does(&create(&["Subscriber", "DataExtensionObject"])),
        Effect::Write
    );
    assert_eq!(
        does(&create(&["Subscriber", "TriggeredSend"])),
        Effect::Send
    );
    assert_eq!(does(&create(&["TriggeredSendDefinition"])), Effect::Write);
    let update = request(
        "Update",
        "UpdateRequest",
        &objects(&["TriggeredSendDefinition"]),
    );
    assert_eq!(does(&update), Effect::Send, "may release what is queued");
}

#[test]
fn what_is_not_told_counts_as_the_gravest() {
    let untyped = "<Objects><CustomerKey>k</CustomerKey></Objects>";
    let foreign = "<Objects type=\"List\"/>";
    let nested = "<Objects xsi:type=\"List\"/><Objects/>";
    for inside in [untyped, foreign, nested, ""] {
        for (action, element) in [("Create", "CreateRequest"), ("Update", "UpdateRequest")] {
            let call = request(action, element, inside);
            assert_eq!(does(&call), Effect::Send, "{action} {inside}");
            let held = judged_soap(&call, Mode::NoSend, NO_LIST).unwrap_err();
            assert_eq!(held.code(), "send_blocked");
        }
    }
    for body in [
        "<Retrieve/>",
        "<RetrieveRequestMsg/>",
        "",
        "<x:Foo xmlns:x=\"urn:x\"/>",
    ] {
        let unknown = envelope("", body);
        assert_eq!(does(&unknown), Effect::Send, "{body}");
        assert_eq!(judged_soap(&unknown, Mode::Full, NO_LIST), Ok(()), "{body}");
        let held = judged_soap(&unknown, Mode::NoSend, NO_LIST).unwrap_err();
        assert_eq!(
            (held.code(), held.call()),
            ("send_blocked", "SOAP other"),
            "{body}"
        );
        assert!(!allowed(&unknown, &["SOAP *"]), "{body}");
    }
}

#[test]
fn a_disagreement_is_unclear_where_a_policy_applies() {
    let partner = "xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"";
    let reads = format!("<RetrieveRequestMsg {partner}/>");
    let several = format!(
        "{reads}<CreateRequest {partner}>{}</CreateRequest>",
        objects(&["TriggeredSend"])
    );
    for (action, body) in [
        (
            "Retrieve",
            format!(
                "<CreateRequest {partner}>{}</CreateRequest>",
                objects(&["List"])
            ),
        ),
        ("Create", reads.clone()),
        ("retrieve", reads.clone()),
        ("Retrieve", several.clone()),
        ("", several),
        ("Retrieve", "<Foo/>".to_owned()),
    ] {
        let call = envelope(action, &body);
        assert_eq!(does(&call), Effect::Send, "{action} {body}");
        assert_eq!(
            judged_soap(&call, Mode::Full, NO_LIST),
            Ok(()),
            "{action} {body}"
        );
        let everything = list(&["SOAP *"]);
        for (mode, list) in [(Mode::NoSend, None), (Mode::Full, Some(&everything))] {
            let held = judged_soap(&call, mode, list).unwrap_err();
            let unclear = matches!(
                held,
                Held::Unclear {
                    doubt: Doubt::Disagreement,
                    ..
                }
            );
            assert!(unclear, "{action} {body}: {held}");
        }
    }
    assert!(allowed(&envelope("\"Retrieve\"", &reads), &["SOAP *"]));
    assert!(allowed(&envelope("", &reads), &["SOAP Retrieve"]));
}

#[test]
fn patterns_cover_operations_and_types() {
    let rows = "DataExtensionObject[Orders]";
    for (pattern, object_type, covered) in [
        ("SOAP Retrieve", "Subscriber", true),
        ("soap Retrieve", "Subscriber", true),
        ("SOAP *", "Subscriber", true),
        ("SOAP retrieve", "Subscriber", false),
        ("SOAP Create", "Subscriber", false),
        ("SOAP Retrieve Subscriber", "Subscriber", true),
        ("SOAP * Subscriber", "Subscriber", true),
        ("SOAP Retrieve *", "Subscriber", true),
        ("SOAP Retrieve Subscriber", "subscriber", false),
        ("SOAP Retrieve Subscriber", "ListSubscriber", false),
        ("SOAP Retrieve Subscriber", "Subscribers", false),
        ("SOAP Retrieve DataExtensionObject[*]", rows, true),
        ("SOAP Retrieve DataExtensionObject[Ord*]", rows, true),
        ("SOAP Retrieve DataExtensionObject[*r*s]", rows, true),
        ("SOAP Retrieve DataExtensionObject[Orders]", rows, true),
        ("SOAP Retrieve DataExtensionObject[orders]", rows, false),
        ("SOAP Retrieve DataExtensionObject[Ord]", rows, false),
        ("SOAP Retrieve DataExtensionObject", rows, false),
        (
            "SOAP Retrieve DataExtensionObject[*]",
            "DataExtensionObject",
            false,
        ),
        (
            "SOAP Retrieve DataExtensionObject[*]",
            "XDataExtensionObject[Orders]",
            false,
        ),
        (
            "SOAP Retrieve DataExtensionObject[My Orders]",
            "DataExtensionObject[My Orders]",
            true,
        ),
        (
            "SOAP Retrieve DataExtensionObject[*]",
            "DataExtensionObject[a]b]",
            true,
        ),
        ("* /**", "Subscriber", false),
        ("GET /**", "Subscriber", false),
    ] {
        let call = retrieve(object_type);
        assert_eq!(
            allowed(&call, &[pattern]),
            covered,
            "{pattern:?} {object_type:?}"
        );
    }
    let endless = format!("DataExtensionObject[{}]", "a".repeat(5000));
    assert!(!allowed(
        &retrieve(&endless),
        &["SOAP Retrieve DataExtensionObject[*a*a*b]"]
    ));
    assert!(allowed(&retrieve(&endless), &["SOAP Retrieve"]));
}

#[test]
fn every_type_of_a_call_has_to_be_covered() {
    let both = create(&["Subscriber", "List"]);
    assert!(!allowed(&both, &["SOAP Create Subscriber"]));
    assert!(!allowed(
        &both,
        &["SOAP Create Subscriber", "SOAP Update List"]
    ));
    assert!(allowed(&both, &["SOAP Create Subscriber", "SOAP * List"]));
    assert!(allowed(&both, &["SOAP Create"]));
    let hidden = request(
        "Retrieve",
        "RetrieveRequestMsg",
        "<RetrieveRequest><ObjectType>Subscriber</ObjectType><ObjectType>Account</ObjectType></RetrieveRequest>",
    );
    assert!(!allowed(&hidden, &["SOAP Retrieve Subscriber"]));
}

#[test]
fn a_type_in_the_pattern_does_not_cover_calls_that_name_none() {
    let continued = request(
        "Retrieve",
        "RetrieveRequestMsg",
        "<RetrieveRequest><ContinueRequest>id</ContinueRequest></RetrieveRequest>",
    );
    let half = request(
        "Delete",
        "DeleteRequest",
        "<Objects xsi:type=\"List\"/><Objects/>",
    );
    assert!(!allowed(
        &continued,
        &["SOAP Retrieve *", "SOAP Retrieve DataExtensionObject[*]"]
    ));
    assert!(allowed(&continued, &["SOAP Retrieve"]));
    assert!(!allowed(&half, &["SOAP Delete List", "SOAP Delete *"]));
    assert!(allowed(&half, &["SOAP Delete"]));
    let held = judged_soap(&half, Mode::Full, Some(&list(&["SOAP Delete List"]))).unwrap_err();
    assert!(held.to_string().contains("\"SOAP Delete\""), "{held}");
}

#[test]
fn refusals_name_operation_and_types() {
    let nothing = AllowList::default();
    let perform = |types: &[&str]| {
        let call = request(
            "Perform",
            "PerformRequestMsg",
            &format!("<Definitions>{}</Definitions>", objects(types)),
        );
        judged_soap(&call, Mode::NoSend, NO_LIST).unwrap_err()
    };
    let held = perform(&["TriggeredSendDefinition"]);
    assert_eq!(
        (held.code(), held.call()),
        ("send_blocked", "SOAP Perform TriggeredSendDefinition")
    );
    assert_eq!(
        perform(&["A", "B", "C", "D"]).call(),
        "SOAP Perform A, B, C and more"
    );
    assert_eq!(perform(&["jane@example.com"]).call(), "SOAP Perform *");
    let rows = retrieve("DataExtensionObject[Secret Plans]");
    let held = judged_soap(&rows, Mode::Full, Some(&nothing)).unwrap_err();
    assert_eq!(held.call(), "SOAP Retrieve DataExtensionObject[*]");
    let words = held.to_string();
    assert!(!words.contains("Secret"), "{words}");
    assert!(allowed(&rows, &["SOAP Retrieve DataExtensionObject[*]"]));
    let held = judged_soap(&create(&["List"]), Mode::ReadOnly, NO_LIST).unwrap_err();
    assert_eq!(
        (held.code(), held.call()),
        ("write_blocked", "SOAP Create List")
    );
}

#[test]
fn cores_operations_do_what_the_table_says() {
    const PARTNER: &str = "urn:partner.soap.sforce.com";
    for row in CORE {
        let call = core_envelope(PARTNER, "\"\"", &format!("<{}/>", row.name));
        assert_eq!(does(&call), row.effect, "{}", row.name);
        assert!(!row.source.is_empty());
        assert!(
            allowed(&call, &[&format!("SOAP {}", row.name)]),
            "{}",
            row.name
        );
        assert!(!allowed(&call, &["SOAP describeTabs"]), "{}", row.name);
    }
}

#[test]
fn core_is_judged_by_namespace_and_exact_name() {
    const PARTNER: &str = "urn:partner.soap.sforce.com";
    const METADATA: &str = "http://soap.sforce.com/2006/04/metadata";
    for (namespace, action, body, effect) in [
        (METADATA, "listMetadata", "<listMetadata/>", Effect::Read),
        (METADATA, "", "<deploy/>", Effect::Write),
        (
            "urn:enterprise.soap.sforce.com",
            "",
            "<query/>",
            Effect::Read,
        ),
        ("urn:tooling.soap.sforce.com", "", "<query/>", Effect::Read),
        (
            PARTNER,
            "urn:partner.soap.sforce.com/Soap/queryRequest",
            "<query/>",
            Effect::Read,
        ),
        // Case counts, and nothing is known of what is no operation of core's own.
        (PARTNER, "", "<Query/>", Effect::Write),
        (PARTNER, "", "<SendEmail/>", Effect::Write),
        (PARTNER, "", "<setPassword/>", Effect::Write),
        (
            "http://soap.sforce.com/schemas/class/Mailer",
            "",
            "<query/>",
            Effect::Write,
        ),
        ("urn:other", "", "<query/>", Effect::Write),
        // What Marketing Cloud calls its operations is nothing here.
        (
            "http://exacttarget.com/wsdl/partnerAPI",
            "",
            "<RetrieveRequestMsg/>",
            Effect::Write,
        ),
        // Unclear.
        (PARTNER, "create", "<query/>", Effect::Send),
        (PARTNER, "", "<query/><sendEmail/>", Effect::Send),
    ] {
        let call = core_envelope(namespace, action, body);
        assert_eq!(does(&call), effect, "{namespace} {action} {body}");
    }
    let apex = core_envelope(
        "http://soap.sforce.com/schemas/class/Mailer",
        "",
        "<query/>",
    );
    assert!(!allowed(&apex, &["SOAP query", "SOAP *"]));
    // A field of that name is data.
    let field = core_envelope(
        PARTNER,
        "",
        "<create><sObjects><Client><ID>7</ID></Client></sObjects></create>",
    );
    assert!(field.accounts().is_empty() && field.object_types().is_empty());
    let held = judged_soap(&field, Mode::ReadOnly, NO_LIST).unwrap_err();
    assert_eq!((held.code(), held.call()), ("write_blocked", "SOAP create"));
}
