//! The main job in one breath.

use crate::harness::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_call_goes_out_with_the_bearer() {
    let stage = Stage::new().await;
    let answer = stage.get("/asset/v1/content/assets?$pageSize=2").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let received = stage.received();
    let call = received.last().unwrap();
    assert!(call.token_valid);
    assert_eq!(call.target, "/asset/v1/content/assets?$pageSize=2");
    assert_eq!(stage.tenant.mints(), 1);
    assert_eq!(answer.header("sfmc-tenant"), "acme");
}
