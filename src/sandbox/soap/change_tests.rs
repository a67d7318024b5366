//! Create, Update and Delete, what is not permitted, and the operations that neither read nor change.

use serde_json::json;

use super::caller::{ask, bare_token, last, retrieve, start, texts};
use crate::sandbox::client::{parsed, rest};
use crate::sandbox::{Switches, Tenant};

const NEW_SUBSCRIBER: &str = "<Filter xsi:type=\"SimpleFilterPart\"><Property>SubscriberKey</Property>\
    <SimpleOperator>equals</SimpleOperator><Value>k-1</Value></Filter>";

async fn change(tenant: &Tenant, token: &str, action: &str, inner: &str) -> String {
    ask(tenant, token, action, &format!("{action}Request"), inner).await
}

fn subscriber(properties: &str) -> String {
    format!(
        "<Objects xsi:type=\"Subscriber\"><SubscriberKey>k-1</SubscriberKey>{properties}</Objects>"
    )
}

#[tokio::test]
async fn what_was_created_is_retrieved() {
    let (tenant, token) = start().await;
    let object = subscriber("<EmailAddress>a&amp;b@example.com</EmailAddress>");
    let made = change(&tenant, &token, "Create", &object).await;
    let start = "<Results><StatusCode>OK</StatusCode><StatusMessage>Created Subscriber.</StatusMessage>\
        <OrdinalID>0</OrdinalID><NewID>";
    assert!(made.starts_with(start), "{made}");
    assert_eq!(texts(&made, "OverallStatus"), ["OK"]);
    let names = ["ID", "EmailAddress", "Status"];
    let page = retrieve(&tenant, &token, "Subscriber", &names, NEW_SUBSCRIBER).await;
    assert_eq!(texts(&page, "ID"), texts(&made, "NewID"));
    assert_eq!(texts(&page, "EmailAddress"), ["a&amp;b@example.com"]);
    assert_eq!(texts(&page, "Status"), ["Active"]);
    let again = change(&tenant, &token, "Create", &object).await;
    assert_eq!(texts(&again, "StatusCode"), ["Error"]);
    assert_eq!(texts(&again, "ErrorCode"), ["12014"]);
    assert_eq!(texts(&again, "OverallStatus"), ["Error"]);
    assert_eq!(last(&tenant).answered.as_deref(), Some("Error"));
}

#[tokio::test]
async fn objects_are_updated_and_deleted() {
    let (tenant, token) = start().await;
    let address = "<EmailAddress>a@example.com</EmailAddress>";
    change(&tenant, &token, "Create", &subscriber(address)).await;
    let object = subscriber("<Status>Unsubscribed</Status>");
    let updated = change(&tenant, &token, "Update", &object).await;
    assert_eq!(texts(&updated, "StatusCode"), ["OK"]);
    let names = ["EmailAddress", "Status"];
    let page = retrieve(&tenant, &token, "Subscriber", &names, NEW_SUBSCRIBER).await;
    assert_eq!(texts(&page, "Status"), ["Unsubscribed"]);
    assert_eq!(texts(&page, "EmailAddress"), ["a@example.com"]);
    let deleted = change(&tenant, &token, "Delete", &subscriber("")).await;
    assert_eq!(texts(&deleted, "StatusMessage"), ["Deleted Subscriber."]);
    let page = retrieve(&tenant, &token, "Subscriber", &names, NEW_SUBSCRIBER).await;
    assert!(!page.contains("<Results"), "{page}");
    for action in ["Update", "Delete"] {
        let missing = change(&tenant, &token, action, &subscriber("")).await;
        assert_eq!(texts(&missing, "OverallStatus"), ["Error"], "{action}");
    }
    let upsert = format!(
        "<Options><SaveOptions><SaveOption><PropertyName>*</PropertyName>\
         <SaveAction>UpdateAdd</SaveAction></SaveOption></SaveOptions></Options>{}",
        subscriber(address)
    );
    for words in ["Created Subscriber.", "Updated Subscriber."] {
        let answer = change(&tenant, &token, "Update", &upsert).await;
        assert_eq!(texts(&answer, "StatusMessage"), [words]);
    }
}

#[tokio::test]
async fn every_object_has_a_result_of_its_own() {
    let (tenant, token) = start().await;
    let objects = "<Objects xsi:type=\"List\"><ListName>New</ListName></Objects>\
        <Objects xsi:type=\"List\"><Description>nameless</Description></Objects>\
        <Objects xsi:type=\"Nonsense\"/><Objects xsi:type=\"BusinessUnit\"><Name>No</Name></Objects>";
    let answer = change(&tenant, &token, "Create", objects).await;
    assert_eq!(
        texts(&answer, "StatusCode"),
        ["OK", "Error", "Error", "Error"]
    );
    assert_eq!(texts(&answer, "OrdinalID"), ["0", "1", "2", "3"]);
    assert_eq!(texts(&answer, "OverallStatus"), ["Error"]);
    assert_eq!(
        last(&tenant).object_types,
        ["List", "Nonsense", "BusinessUnit"]
    );
    let lists = retrieve(&tenant, &token, "List", &["ListName"], "").await;
    assert_eq!(texts(&lists, "ListName"), ["All Subscribers", "New"]);
    let none = change(&tenant, &token, "Create", "").await;
    assert_eq!(texts(&none, "OverallStatus"), ["Error"]);
}

#[tokio::test]
async fn a_client_names_another_business_unit() {
    let (tenant, parent) = start().await;
    let child = bare_token(&tenant, json!({"account_id": 510_001_235})).await;
    let client = |id: u64| format!("<Client><ID>{id}</ID></Client>");
    let list = |client: &str, name: &str| {
        format!("<Objects xsi:type=\"List\">{client}<ListName>{name}</ListName></Objects>")
    };
    let options = format!("<Options>{}</Options>", client(510_001_235));
    let cases = [
        (&parent, list(&client(510_001_235), "one"), "OK"),
        (&parent, options + &list("", "two"), "OK"),
        (&child, list(&client(510_001_235), "three"), "OK"),
        (&child, list(&client(510_001_234), "four"), "Error"),
        (&parent, list(&client(1), "five"), "Error"),
    ];
    for (token, objects, overall) in cases {
        let answer = change(&tenant, token, "Create", &objects).await;
        assert_eq!(texts(&answer, "OverallStatus"), [overall], "{objects}");
    }
    let lists = retrieve(&tenant, &child, "List", &["ListName"], "").await;
    assert_eq!(
        texts(&lists, "ListName"),
        ["All Subscribers", "one", "two", "three"]
    );
    let lists = retrieve(&tenant, &parent, "List", &["ListName"], "").await;
    assert_eq!(texts(&lists, "ListName"), ["All Subscribers"]);
}

/// A data extension `carts` with the primary key `id`.
const CARTS: &str = "<Objects xsi:type=\"DataExtension\"><CustomerKey>carts</CustomerKey><Name>Carts</Name><Fields>\
    <Field><Name>id</Name><IsPrimaryKey>true</IsPrimaryKey></Field><Field><Name>total</Name></Field></Fields></Objects>";

fn cart(id: &str, total: &str) -> String {
    format!(
        "<Objects xsi:type=\"DataExtensionObject\"><CustomerKey>carts</CustomerKey><Properties>\
         <Property><Name>id</Name><Value>{id}</Value></Property>\
         <Property><Name>total</Name><Value>{total}</Value></Property></Properties></Objects>"
    )
}

#[tokio::test]
async fn rows_are_changed_by_their_primary_key() {
    let (tenant, token) = start().await;
    let cases = [
        ("Create", cart("1", "9"), "Error"),
        ("Create", CARTS.to_owned(), "OK"),
        ("Create", cart("1", "9"), "OK"),
        ("Create", cart("1", "9"), "Error"),
        ("Update", cart("2", "9"), "Error"),
        ("Update", cart("1", "8"), "OK"),
        ("Delete", cart("2", "9"), "Error"),
        ("Create", cart("3", "7").replace(">id<", ">other<"), "Error"),
    ];
    for (action, objects, overall) in cases {
        let answer = change(&tenant, &token, action, &objects).await;
        assert_eq!(
            texts(&answer, "OverallStatus"),
            [overall],
            "{action}: {answer}"
        );
    }
    let rows = "DataExtensionObject[carts]";
    let page = retrieve(&tenant, &token, rows, &["id", "total"], "").await;
    assert_eq!(texts(&page, "Value"), ["1", "8"]);
    let key = "<Objects xsi:type=\"DataExtensionObject\"><CustomerKey>carts</CustomerKey><Keys><Key>\
        <Name>id</Name><Value>1</Value></Key></Keys></Objects>";
    let deleted = change(&tenant, &token, "Delete", key).await;
    assert_eq!(texts(&deleted, "OverallStatus"), ["OK"]);
    let page = retrieve(&tenant, &token, rows, &["id"], "").await;
    assert!(!page.contains("<Results"), "{page}");
}

#[tokio::test]
async fn rows_are_the_same_for_both_faces() {
    let (tenant, token) = start().await;
    change(&tenant, &token, "Create", CARTS).await;
    change(&tenant, &token, "Create", &cart("1", "9")).await;
    let bearer = format!("Bearer {token}");
    let target = "/data/v1/customobjectdata/key/carts/rowset";
    let seen = parsed(&rest(&tenant, "GET", target, &bearer, "").await);
    assert_eq!(
        seen["items"],
        json!([{"keys": {"id": "1"}, "values": {"total": "9"}}])
    );
    let rows = r#"[{"keys": {"id": "2"}, "values": {"total": 4}}]"#;
    let target = "/hub/v1/dataevents/key:carts/rowset";
    let written = rest(&tenant, "POST", target, &bearer, rows).await;
    assert_eq!(written.status(), 200);
    let rows = "DataExtensionObject[carts]";
    let page = retrieve(&tenant, &token, rows, &["id", "total"], "").await;
    assert_eq!(texts(&page, "Value"), ["1", "9", "2", "4"]);
}

#[tokio::test]
async fn what_is_not_permitted_is_told_with_status_200() {
    let (tenant, _) = start().await;
    let poor = bare_token(&tenant, json!({"scope": "email_read"})).await;
    let page = retrieve(&tenant, &poor, "Email", &["Name"], "").await;
    assert_eq!(texts(&page, "OverallStatus"), ["OK"]);
    let denied = "Error: API Permission Failed. The token lacks the permission to ";
    let page = retrieve(&tenant, &poor, "List", &["ListName"], "").await;
    assert_eq!(
        texts(&page, "OverallStatus"),
        [format!("{denied}Retrieve List.")]
    );
    let list = "<Objects xsi:type=\"List\"><ListName>New</ListName></Objects>";
    let made = change(&tenant, &poor, "Create", list).await;
    assert_eq!(
        texts(&made, "OverallStatus"),
        [format!("{denied}Create List.")]
    );
    tenant.set_switches(Switches {
        soap_permission_failed: true,
        ..Switches::default()
    });
    let page = retrieve(&tenant, &poor, "Email", &["Name"], "").await;
    assert_eq!(
        texts(&page, "OverallStatus"),
        [format!("{denied}Retrieve Email.")]
    );
    let perform = "<Action>Start</Action><Definitions><Definition/></Definitions>";
    let answer = ask(&tenant, &poor, "Perform", "PerformRequestMsg", perform).await;
    assert_eq!(
        texts(&answer, "OverallStatus"),
        [format!("{denied}Perform.")]
    );
}

/// Action, element, what stands in it, and a part of the answer.
#[rustfmt::skip]
const OTHERS: [(&str, &str, &str, &str); 10] = [
    ("Perform", "PerformRequestMsg", "<Action>Start</Action><Definitions><Definition/></Definitions>",
        "<StatusMessage>Start was accepted.</StatusMessage>"),
    ("Perform", "PerformRequestMsg", "<Action>Start</Action><Definitions/>",
        "<OverallStatus>Error</OverallStatus>"),
    ("Schedule", "ScheduleRequestMsg", "<Action>start</Action><Interactions><Interaction/></Interactions>",
        "<OverallStatus>OK</OverallStatus>"),
    ("Configure", "ConfigureRequestMsg", "<Action>Update</Action><Configurations><Configuration/></Configurations>",
        "<OverallStatus>OK</OverallStatus>"),
    ("Execute", "ExecuteRequestMsg", "<Requests><Name>LogUnsubEvent</Name></Requests>",
        "<StatusMessage>LogUnsubEvent was accepted.</StatusMessage>"),
    ("Extract", "ExtractRequestMsg", "<Requests><ID>x</ID></Requests>",
        "<StatusCode>OK</StatusCode>"),
    ("Query", "QueryRequestMsg", "<QueryRequest><Query><Object/></Query></QueryRequest>",
        "<OverallStatus>Error: "),
    ("VersionInfo", "VersionInfoRequestMsg", "",
        "<Version>Sandbox</Version>"),
    ("GetSystemStatus", "SystemStatusRequestMsg", "",
        "<SystemStatus>OK</SystemStatus>"),
    ("Describe", "DefinitionRequestMsg",
        "<DescribeRequests><ObjectDefinitionRequest><ObjectType>List</ObjectType></ObjectDefinitionRequest></DescribeRequests>",
        "<Name>ListName</Name><DataType>String</DataType>"),
];

#[tokio::test]
async fn the_other_operations_answer_in_their_shapes() {
    let (tenant, token) = start().await;
    for (action, element, inner, expected) in OTHERS {
        let answer = ask(&tenant, &token, action, element, inner).await;
        assert!(answer.contains(expected), "{action}: {answer}");
        assert_eq!(texts(&answer, "RequestID").len(), 1, "{action}");
    }
}
