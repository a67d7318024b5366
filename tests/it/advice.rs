//! What a tenant's refusal is explained with: the scope that the call needs, and whether its token has it. Words alone: nothing
//! is sent again for them, and nothing is held back.

use std::fs;

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;

use sfmc_auth_proxy::audit;
use sfmc_auth_proxy::sandbox::{Face, Script, Switches};

use crate::harness::{Answer, Stage, until};

/// A tenant whose package grants these scopes alone.
async fn granting(scopes: &[&str]) -> Stage {
    let scopes = scopes.iter().map(|name| (*name).to_owned()).collect();
    Stage::with(|tenant| tenant.scopes = scopes, |_resolved| {}).await
}

async fn post(stage: &Stage, path: &str, body: &'static str) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    stage.send(request.body(Bytes::from(body)).unwrap()).await
}

fn details(answer: &Answer) -> String {
    let said = answer.header("proxy-status");
    let (_before, details) = said.split_once("details=\"").expect("details");
    details.trim_end_matches('"').to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_names_the_scope_that_the_token_lacks() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = audit::Settings {
        file: file.clone(),
        on_error: audit::OnError::Continue,
    };
    let stage = Stage::with(
        |tenant| tenant.scopes = vec!["saved_content_read".to_owned()],
        |resolved| resolved.audit = Some(audit),
    )
    .await;
    let answer = post(&stage, "/asset/v1/content/assets", "{}").await;
    assert_eq!(answer.status, 403);
    let expected = "missing scope: this call needs saved_content_write, which the token was not granted; add it to the \
                    installed package, and to the tenant's scope if that is set";
    assert_eq!(details(&answer), expected);
    assert_eq!(stage.received().len(), 1, "words alone");
    let written = || fs::read_to_string(&file).unwrap_or_default();
    until("it is recorded", async || written().contains('\n')).await;
    let record: Value = serde_json::from_str(written().lines().next().unwrap()).unwrap();
    assert_eq!(record["advice"], expected);
    // Another scope of the vendor's two for content does.
    assert_eq!(stage.get("/asset/v1/content/assets").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_denial_with_the_scope_at_hand_sends_people_elsewhere() {
    let stage = Stage::new().await;
    stage.tenant.script(Script {
        face: Some(Face::Rest),
        status: Some(403),
        ..Script::default()
    });
    let answer = stage.get("/asset/v1/content/assets").await;
    assert_eq!(answer.status, 403);
    let details = details(&answer);
    for words in [
        "the token has documents_and_images_read, and this call needs it",
        "the account the feature",
    ] {
        assert!(details.contains(words), "{details}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nothing_is_known_nothing_is_named() {
    let stage = Stage::new().await;
    // A token response that does not say what it grants.
    let patch = json!({"scope": null});
    stage
        .tenant
        .set_token_answer(patch.as_object().unwrap().clone());
    stage.tenant.revoke_all();
    for (path, expected) in [
        (
            "/unheard/v1/of",
            "the package lacks the scope, or the account lacks the permission or feature",
        ),
        (
            "/asset/v1/content/assets",
            "the package lacks the scope, or the account lacks the permission or feature; this call needs \
             documents_and_images_read",
        ),
    ] {
        // The first call is refused, and cured by the token that says nothing.
        stage.get("/asset/v1/content/assets").await;
        stage.tenant.script(Script {
            face: Some(Face::Rest),
            status: Some(403),
            ..Script::default()
        });
        let answer = stage.get(path).await;
        assert_eq!(
            (answer.status.as_u16(), details(&answer)),
            (403, expected.to_owned())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_no_token_cures_names_the_scope() {
    let stage = granting(&["data_extensions_read"]).await;
    let rows = "/hub/v1/dataevents/key:A/rowset";
    let answer = post(&stage, rows, "[]").await;
    assert_eq!(answer.status, 401);
    let said = details(&answer);
    assert!(
        said.starts_with("missing scope? a fresh token was refused on this route too; this call needs data_extensions_write, which"),
        "{said}"
    );
    assert_eq!(stage.received().len(), 2, "once, and once more");
    let resting = details(&post(&stage, rows, "[]").await);
    assert_eq!(resting, said, "the route rests");
    assert_eq!(stage.received().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_in_an_envelope_names_the_scope_of_its_object() {
    let create = "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
                  xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><s:Body><CreateRequest \
                  xmlns=\"http://exacttarget.com/wsdl/partnerAPI\"><Objects i:type=\"Subscriber\"><EmailAddress>a@b.example\
                  </EmailAddress></Objects></CreateRequest></s:Body></s:Envelope>";
    let send = || {
        Request::post("/Service.asmx")
            .header("content-type", "text/xml")
            .header("soapaction", "Create")
            .body(Bytes::from(create))
            .unwrap()
    };
    let lacking = granting(&["email_read"]).await;
    let answer = lacking.send(send()).await;
    assert!(
        answer.text().contains("API Permission Failed"),
        "{}",
        answer.text()
    );
    let said = details(&answer);
    assert!(
        said.starts_with("missing scope? this call probably needs list_and_subscribers_write, which the token was not granted"),
        "{said}"
    );
    let having = Stage::new().await;
    having.tenant.set_switches(Switches {
        soap_permission_failed: true,
        ..Switches::default()
    });
    let said = details(&having.send(send()).await);
    assert!(
        said.starts_with(
            "the token has list_and_subscribers_write, and this call probably needs it"
        ),
        "{said}"
    );
}
