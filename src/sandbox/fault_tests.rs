//! Faults on order, over real sockets.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::client::{call, connect, parsed, rest, tenant, token};
use super::{Face, Script, Tenant};

async fn upload(tenant: &Tenant, bearer: &str, body: &str) -> Result<u16, String> {
    let headers = [("Authorization", bearer)];
    let answer = call(
        tenant,
        Face::Rest,
        "POST",
        "/sandbox/upload",
        &headers,
        body,
    )
    .await;
    answer
        .map(|answer| answer.status().as_u16())
        .map_err(|error| format!("{error:?}"))
}

#[tokio::test]
async fn a_script_answers_instead_of_the_face() {
    let tenant = tenant().await;
    let bearer = token(&tenant, json!({})).await;
    tenant.script(Script {
        retry_after: Some(7),
        skip: 1,
        ..Script::status(Face::Rest, 429)
    });
    assert_eq!(upload(&tenant, &bearer, "body").await, Ok(200));
    let answer = rest(&tenant, "GET", "/sandbox/echo", &bearer, "").await;
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    assert_eq!(parsed(&answer)["errorcode"], 50_100);
    let started = Instant::now();
    tenant.script(Script::delay(Face::Rest, Duration::from_millis(50)).below("/sandbox/up"));
    assert_eq!(
        rest(&tenant, "GET", "/sandbox/echo", &bearer, "")
            .await
            .status(),
        200
    );
    assert_eq!(upload(&tenant, &bearer, "body").await, Ok(200));
    assert!(started.elapsed() >= Duration::from_millis(50));
    assert_eq!(tenant.scripts_waiting(), 0);
}

#[tokio::test]
async fn a_script_resets_before_and_during_the_answer() {
    let tenant = tenant().await;
    let bearer = token(&tenant, json!({})).await;
    tenant.script(Script::reset(Face::Rest));
    let failure = upload(&tenant, &bearer, "body").await.unwrap_err();
    assert!(failure.contains("ConnectionReset"), "{failure}");
    let entry = tenant.journal().pop().unwrap();
    assert_eq!(
        (entry.status, entry.complete, entry.body_length),
        (None, true, 4)
    );

    tenant.script(Script {
        reset_after_request_bytes: Some(1),
        ..Script::default()
    });
    upload(&tenant, &bearer, "body").await.unwrap_err();
    assert!(!tenant.journal().pop().unwrap().complete);

    let headers = [("Authorization", bearer.as_str())];
    for reset in [false, true] {
        tenant.script(Script {
            truncate_after: Some(100_000),
            reset,
            ..Script::default()
        });
        let cut = call(
            &tenant,
            Face::Rest,
            "GET",
            "/sandbox/bytes/200000",
            &headers,
            "",
        )
        .await;
        assert!(cut.is_err());
    }
    let whole = rest(&tenant, "GET", "/sandbox/bytes/200000", &bearer, "").await;
    assert_eq!(whole.body().len(), 200_000);
}

#[tokio::test]
async fn a_face_goes_down_and_the_tenant_stops() {
    let tenant = tenant().await;
    let mut open = connect(&tenant, Face::Soap).await.unwrap();
    tenant.set_face_down(Face::Soap, true);
    assert!(open.read_u8().await.is_err());
    assert!(connect(&tenant, Face::Soap).await.is_err());
    tenant.set_face_down(Face::Soap, false);
    let answer = call(&tenant, Face::Soap, "POST", "/Service.asmx", &[], "<x/>")
        .await
        .unwrap();
    assert_eq!(answer.status(), 415);
    tenant.stop().await;
    assert!(
        TcpStream::connect(tenant.address(Face::Soap))
            .await
            .is_err()
    );
}
