//! Retrieve: paging, filters, properties, business units, and answers that are very long.

use serde_json::json;

use super::bulk;
use super::caller::{ask, bare_token, last, retrieve, start, texts};
use super::operation::Content;
use crate::sandbox::client::call;
use crate::sandbox::{Face, Script, Switches, Tenant};

const ORDERS: &str = "DataExtensionObject[sandbox-orders]";

async fn go_on(tenant: &Tenant, token: &str, request_id: &str) -> String {
    let asked = format!(
        "<RetrieveRequest><ContinueRequest>{request_id}</ContinueRequest></RetrieveRequest>"
    );
    ask(tenant, token, "Retrieve", "RetrieveRequestMsg", &asked).await
}

fn simple(name: &str, property: &str, operator: &str, values: &[&str]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|value| format!("<Value>{value}</Value>"))
        .collect();
    format!(
        "<{name} xsi:type=\"SimpleFilterPart\"><Property>{property}</Property>\
         <SimpleOperator>{operator}</SimpleOperator>{}</{name}>",
        values.concat()
    )
}

#[tokio::test]
async fn a_retrieve_goes_on_page_by_page() {
    let (tenant, token) = start().await;
    let other = bare_token(&tenant, json!({"account_id": 510_001_235})).await;
    tenant.set_switches(Switches {
        soap_page_size: 10,
        ..Switches::default()
    });
    let first = retrieve(&tenant, &token, ORDERS, &["orderid", "amount"], "").await;
    assert_eq!(texts(&first, "OverallStatus"), ["MoreDataAvailable"]);
    assert_eq!(last(&tenant).answered.as_deref(), Some("MoreDataAvailable"));
    assert_eq!(last(&tenant).object_types, [ORDERS]);
    let request_id = texts(&first, "RequestID")[0].to_owned();
    let row = "<Results xsi:type=\"DataExtensionObject\"><PartnerKey xsi:nil=\"true\"/><ObjectID xsi:nil=\"true\"/>\
        <Type>DataExtensionObject</Type><Properties><Property><Name>orderid</Name><Value>510001234-0001</Value></Property>\
        <Property><Name>amount</Name><Value>10</Value></Property></Properties></Results>";
    assert!(first.contains(row), "{first}");
    let refused = go_on(&tenant, &other, &request_id).await;
    assert!(texts(&refused, "OverallStatus")[0].starts_with("Error: The ContinueRequest"));
    let second = go_on(&tenant, &token, &request_id).await;
    assert_eq!(texts(&second, "OverallStatus"), ["MoreDataAvailable"]);
    assert_eq!(texts(&second, "RequestID"), [request_id.as_str()]);
    let third = go_on(&tenant, &token, &request_id).await;
    assert_eq!(texts(&third, "OverallStatus"), ["OK"]);
    let values = [&first, &second, &third].map(|page| texts(page, "Value"));
    let rows: Vec<&str> = values.iter().flatten().step_by(2).copied().collect();
    let expected: Vec<String> = (1..=25)
        .map(|number| format!("510001234-{number:04}"))
        .collect();
    assert_eq!(rows, expected);
    let over = go_on(&tenant, &token, &request_id).await;
    assert!(texts(&over, "OverallStatus")[0].starts_with("Error: The ContinueRequest"));
    let batch = "<Options><BatchSize>4</BatchSize></Options>";
    let small = retrieve(&tenant, &token, ORDERS, &["orderid"], batch).await;
    assert_eq!(texts(&small, "Value").len(), 4);
}

#[tokio::test]
async fn filters_choose() {
    let (tenant, token) = start().await;
    let cases: [(&str, &str, &[&str], &[&str]); 11] = [
        ("amount", "equals", &["30"], &["0003"]),
        ("amount", "lessThan", &["30"], &["0001", "0002"]),
        ("amount", "greaterThan", &["240"], &["0025"]),
        ("amount", "greaterThanOrEqual", &["240"], &["0024", "0025"]),
        (
            "amount",
            "between",
            &["20", "40"],
            &["0002", "0003", "0004"],
        ),
        ("amount", "IN", &["10", "250", "7"], &["0001", "0025"]),
        ("orderid", "like", &["%-0007"], &["0007"]),
        ("orderid", "like", &["510001234-%7"], &["0007", "0017"]),
        ("orderid", "like", &["-0007"], &[]),
        ("nothing", "isNotNull", &[], &[]),
        ("nothing", "equals", &["1"], &[]),
    ];
    for (property, operator, values, expected) in cases {
        let filter = simple("Filter", property, operator, values);
        let page = retrieve(&tenant, &token, ORDERS, &["orderid"], &filter).await;
        let rows: Vec<&str> = texts(&page, "Value").iter().map(|row| &row[10..]).collect();
        assert_eq!(rows, expected, "{property} {operator} {values:?}");
    }
    let counts = [
        ("notEquals", "amount", 24),
        ("isNotNull", "amount", 25),
        ("isNull", "nothing", 25),
    ];
    for (operator, property, count) in counts {
        let filter = simple("Filter", property, operator, &["10"]);
        let page = retrieve(&tenant, &token, ORDERS, &["orderid"], &filter).await;
        assert_eq!(texts(&page, "Value").len(), count, "{operator}");
    }
    for (logical, expected) in [("AND", vec!["0002"]), ("OR", vec!["0001", "0002", "0003"])] {
        let filter = format!(
            "<Filter xsi:type=\"ComplexFilterPart\">{}<LogicalOperator>{logical}</LogicalOperator>{}</Filter>",
            simple("LeftOperand", "amount", "lessThan", &["30"]),
            simple("RightOperand", "amount", "between", &["20", "30"]),
        );
        let page = retrieve(&tenant, &token, ORDERS, &["orderid"], &filter).await;
        let rows: Vec<&str> = texts(&page, "Value").iter().map(|row| &row[10..]).collect();
        assert_eq!(rows, expected, "{logical}");
    }
    let odd = simple("Filter", "amount", "resembles", &["1"]);
    let page = retrieve(&tenant, &token, ORDERS, &["orderid"], &odd).await;
    assert_eq!(
        texts(&page, "OverallStatus"),
        ["Error: SimpleOperator resembles is not supported."]
    );
}

#[tokio::test]
async fn properties_and_types_are_checked() {
    let (tenant, token) = start().await;
    let page = retrieve(&tenant, &token, "Email", &["Name", "Subject"], "").await;
    assert!(
        page.ends_with(
            "<Results xsi:type=\"Email\"><PartnerKey xsi:nil=\"true\"/><ObjectID xsi:nil=\"true\"/>\
         <Name>Welcome to 510001234</Name><Subject>Tom &amp; Jerry &lt;wave&gt;</Subject></Results>"
        ),
        "{page}"
    );
    let cases = [
        (
            "Subscriber",
            vec!["Nonsense"],
            "Error: The Request Properties(s) Nonsense do not match",
        ),
        (
            "Subscriber",
            vec![],
            "Error: The request names no Properties.",
        ),
        ("Nonsense", vec!["ID"], "Error: Unable to find a handler"),
        (
            "DataExtensionObject",
            vec!["ID"],
            "Error: Unable to find a handler",
        ),
        (
            "DataExtensionObject[none]",
            vec!["ID"],
            "Error: The data extension none does not exist.",
        ),
    ];
    for (kind, properties, words) in cases {
        let page = retrieve(&tenant, &token, kind, &properties, "").await;
        assert!(
            texts(&page, "OverallStatus")[0].starts_with(words),
            "{page}"
        );
        assert!(!page.contains("<Results"));
    }
    for kind in [
        "Subscriber",
        "List",
        "TriggeredSendDefinition",
        "BusinessUnit",
        "DataExtension",
    ] {
        let page = retrieve(&tenant, &token, kind, &["ID", "CreatedDate"], "").await;
        assert_eq!(texts(&page, "OverallStatus"), ["OK"], "{kind}");
        assert!(!texts(&page, "ID").is_empty(), "{kind}");
    }
}

#[tokio::test]
async fn business_units_are_apart_unless_the_parent_asks() {
    let (tenant, parent) = start().await;
    let child = bare_token(&tenant, json!({"account_id": 510_001_236})).await;
    let ids = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>();
    let all = "<QueryAllAccounts>true</QueryAllAccounts>";
    let second = "<ClientIDs><ID>510001235</ID></ClientIDs>";
    let cases = [
        (&parent, "", ids(&[510_001_234])),
        (&parent, all, ids(&[510_001_234, 510_001_235, 510_001_236])),
        (&parent, second, ids(&[510_001_235])),
        (&child, "", ids(&[510_001_236])),
        (&child, all, ids(&[510_001_236])),
    ];
    for (token, more, expected) in cases {
        let page = retrieve(&tenant, token, "BusinessUnit", &["ID", "Client.ID"], more).await;
        let seen: Vec<&str> = texts(&page, "ID").into_iter().step_by(2).collect();
        assert_eq!(seen, expected, "{more}");
        assert_eq!(texts(&page, "Client").len(), expected.len());
    }
    for (token, more) in [
        (&child, second),
        (&parent, "<ClientIDs><ID>1</ID></ClientIDs>"),
    ] {
        let page = retrieve(&tenant, token, "BusinessUnit", &["ID"], more).await;
        assert!(
            texts(&page, "OverallStatus")[0].starts_with("Error: The client"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn long_answers_are_made_while_they_are_sent() {
    let Content::Streamed(chunks) = bulk::answer(102_400).content else {
        panic!("the answer is made at once");
    };
    let sizes: Vec<usize> = chunks.map(|chunk| chunk.len()).collect();
    assert_eq!(sizes[1..].iter().sum::<usize>(), 100 * 1024 * 1024);
    assert!(sizes.iter().all(|size| *size <= 64 * 1024));
    let (tenant, token) = start().await;
    let page = retrieve(&tenant, &token, "SandboxRows[1000]", &["number"], "").await;
    let numbers: Vec<u64> = texts(&page, "Value")
        .iter()
        .step_by(2)
        .map(|text| text.parse().unwrap())
        .collect();
    assert_eq!(numbers, (0..1_000).collect::<Vec<u64>>());
    tenant.script(Script {
        truncate_after: Some(100_000),
        ..Script::default()
    });
    let message = super::caller::envelope(
        super::caller::V11,
        &super::caller::fueloauth(&token),
        &super::caller::LISTS.replace(">List<", ">SandboxRows[1000]<"),
    );
    let headers = [("Content-Type", "text/xml"), ("SOAPAction", "Retrieve")];
    let cut = call(
        &tenant,
        Face::Soap,
        "POST",
        "/Service.asmx",
        &headers,
        &message,
    )
    .await;
    assert!(cut.is_err());
}

#[tokio::test]
async fn filters_within_filters_have_an_end() {
    let (tenant, token) = start().await;
    let leaf = |name: &str| simple(name, "amount", "equals", &["30"]);
    for (depth, overall) in [(20, "OK"), (40, "Error: The filter is nested too deeply.")] {
        let mut filter = leaf("LeftOperand");
        for level in 1..=depth {
            let name = if level == depth {
                "Filter"
            } else {
                "LeftOperand"
            };
            filter = format!(
                "<{name} xsi:type=\"ComplexFilterPart\">{filter}<LogicalOperator>AND</LogicalOperator>{}</{name}>",
                leaf("RightOperand")
            );
        }
        let page = retrieve(&tenant, &token, ORDERS, &["amount"], &filter).await;
        assert_eq!(texts(&page, "OverallStatus"), [overall]);
    }
}
