//! What is told of tenants, accounts and clients: each after the calls that make it so.

use serde_json::{Value, json};

use sfmc_auth_proxy::sandbox::{Face, Script, SoapFault};

use super::{ROWS, account, client, errors, ready, retrieve, status, status_with, tenant};
use crate::harness::{EMEA, PARENT, Stage};
use crate::identities::{basic, two_clients};

fn texts(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|text| text.as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_merged_and_say_what_to_do_for_their_kind_of_call() {
    let stage = Stage::with(
        |tenant| tenant.switches.soap_permission_failed = true,
        |_resolved| {},
    )
    .await;
    ready(&stage).await;
    let answers = |status, times| {
        stage
            .tenant
            .script(Script::status(Face::Rest, status).times(times))
    };
    let mut caller = stage.client().await;
    answers(403, 3);
    for _ in 0..3 {
        caller.get(ROWS).await;
    }
    answers(400, 1);
    caller
        .post("/hub/v1/dataevents/key:Orders/rowset", "[]")
        .await;
    caller.get("/asset/v1/content/assets/4711").await;
    answers(429, 1);
    caller.get("/contacts/v1/schema").await;
    answers(503, 1);
    caller.get("/messaging/v1/email").await;
    caller.get("/sandbox/always401/x").await;
    caller.get("/@acme:nowhere/x").await;
    caller.get("/@nobody/x").await;
    stage.tenant.script(Script::fault(SoapFault::Throttled));
    caller.send(retrieve("Subscriber")).await;
    caller.send(retrieve("DataExtension")).await;
    // Not told: what went well, and what only this one call is to blame for.
    answers(409, 1);
    caller.get("/asset/v1/content/categories").await;
    let seen = status_with(&stage, "all errors", |status| {
        let one_more = client(status, "anonymous")["last_calls"][0]["status"] == 409;
        one_more && errors(status).len() == 8
    })
    .await;
    let find = |status: u64, word: &str| {
        let found = errors(&seen).iter().find(|error| {
            let call = format!("{}{}", error["route"], error["operation"]);
            error["status"] == status && call.contains(word)
        });
        found.unwrap_or_else(|| panic!("{status} {word}: {seen}"))
    };
    let rows = find(403, "/data/v1/customobjectdata");
    assert_eq!(
        (&rows["times"], &rows["account"], &rows["api"]),
        (&json!(3), &json!("default"), &json!("rest"))
    );
    assert!(
        rows["fix"].as_str().unwrap().starts_with(
            "The token has the scope that this call probably needs (data_extensions_read)"
        ),
        "{rows}"
    );
    assert!(
        rows["what"]
            .as_str()
            .unwrap()
            .contains("the user of the package lacks the permission"),
        "{rows}"
    );
    for (status, route, fix) in [
        (
            400,
            "/hub/v1/dataevents",
            "Rows before the first wrong one are stored",
        ),
        (404, "/asset/v1/content", "business unit"),
        (429, "/contacts/v1/schema", "Retry-After"),
        (503, "/messaging/v1/email", "may have taken effect"),
        (
            401,
            "/sandbox/{id}/x",
            "Give the installed package the scope",
        ),
    ] {
        let error = find(status, route);
        assert!(error["fix"].as_str().unwrap().contains(fix), "{error}");
    }
    assert_eq!(find(401, "/sandbox")["code"], "replay_refused");
    let throttled = find(500, "Retrieve");
    assert_eq!(
        (&throttled["code"], &throttled["object_type"]),
        (&json!("throttled"), &json!("Subscriber"))
    );
    let denied = find(200, "Retrieve");
    assert_eq!(denied["code"], "not_permitted");
    assert!(
        denied["fix"]
            .as_str()
            .unwrap()
            .contains("(data_extensions_read)"),
        "{denied}"
    );
    let nowhere: Vec<_> = seen["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        nowhere,
        ["unknown_tenant", "account_not_allowed"],
        "the newest first"
    );
    assert!(
        seen["errors"][0]["what"]
            .as_str()
            .unwrap()
            .contains("There is no tenant \"nobody\" here")
    );
    assert_eq!(seen["summary"]["state"], "attention");
    let apis = tenant(&seen, "acme")["apis"].as_array().unwrap();
    let rest = apis.iter().find(|api| api["api"] == "rest").unwrap();
    assert_eq!(
        (&rest["refusals"], &rest["replays"], &rest["throttled"]),
        (&json!(1), &json!(1), &json!(1))
    );
    assert!(rest["latency"]["p50_ms"].as_f64().unwrap() > 0.0, "{rest}");
    let page = stage.admin("/").await.text();
    assert!(page.contains("3 times"), "{page}");
    assert!(
        page.contains("<svg class=\"sketch\" role=\"img\""),
        "{page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_told_by_its_age_and_mints_are_counted() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let first = status(&stage).await;
    let parent = account(&first, "default");
    assert_eq!(
        (&parent["account_id"], &parent["default"]),
        (&json!(PARENT), &json!(true))
    );
    assert_eq!(parent["mints_last_20_minutes"], 1);
    let (age, left) = (
        &parent["token"]["age_seconds"],
        &parent["token"]["expires_in_seconds"],
    );
    let life = age.as_u64().unwrap() + left.as_u64().unwrap();
    assert!((1_077..=1_079).contains(&life), "{parent}");
    assert_eq!(tenant(&first, "acme")["accounts_without_token"], 2);
    stage.tenant.revoke_all();
    assert_eq!(stage.get("/asset/v1/content/assets").await.status, 200);
    stage.tenant.script(Script::status(Face::Auth, 400));
    assert_eq!(stage.get("/@acme:emea/x").await.status, 502);
    let seen = status(&stage).await;
    assert_eq!(account(&seen, "default")["mints_last_20_minutes"], 2);
    let emea = account(&seen, "emea");
    assert_eq!(
        (&emea["token"], &emea["account_id"]),
        (&Value::Null, &json!(EMEA))
    );
    assert_eq!(
        (
            &emea["mints_last_20_minutes"],
            &emea["failed_mints_last_20_minutes"]
        ),
        (&json!(0), &json!(1))
    );
    assert!(emea["cooldown_seconds"].as_u64().unwrap() > 20, "{emea}");
    let error = &emea["last_error"];
    assert!(
        error["what"]
            .as_str()
            .unwrap()
            .starts_with("The tenant's token endpoint refuses this proxy (400 "),
        "{error}"
    );
    assert!(
        error["fix"]
            .as_str()
            .unwrap()
            .starts_with("Check the client id"),
        "{error}"
    );
    assert_eq!(error["over"], false);
    assert_eq!(tenant(&seen, "acme")["accounts_without_token"], 1);
    assert_eq!(seen["summary"]["state"], "failing");
    let finding = &seen["summary"]["findings"][0];
    assert!(
        finding["what"]
            .as_str()
            .unwrap()
            .starts_with("acme: no token for emea. The tenant's token endpoint refuses"),
        "{finding}"
    );
    let page = stage.admin("/").await.text();
    assert!(page.contains("<rect class=\"some\" width=\"11"), "{page}");
    assert!(page.contains("+ 1 failed"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_rests_is_told() {
    let stage = Stage::new().await;
    ready(&stage).await;
    assert_eq!(stage.get("/sandbox/always401/x").await.status, 401);
    let seen = status(&stage).await;
    let rests = &account(&seen, "default")["rests"];
    assert_eq!(rests["routes"], 1, "{rests}");
    assert!(
        rests["account_seconds"]
            .as_u64()
            .is_some_and(|left| left <= 30),
        "{rests}"
    );
    assert_eq!(stage.get("/asset/v1/content/assets").await.status, 200);
    let seen = status(&stage).await;
    assert_eq!(
        account(&seen, "default")["rests"]["account_seconds"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_are_told_with_their_last_calls_and_their_distinct_ones() {
    let stage = Stage::with(|_tenant| {}, two_clients).await;
    ready(&stage).await;
    let key = basic("newsletter", "news-secret");
    let mut caller = stage.client().await;
    let get = |path: &str| {
        let request = http::Request::get(path).header("authorization", &key);
        request.body(bytes::Bytes::new()).unwrap()
    };
    for _ in 0..11 {
        caller.send(get("/asset/v1/content/assets/4711?q=1")).await;
    }
    caller
        .send(get("/@acme:apac/asset/v1/content/assets/4712"))
        .await;
    caller.send(get("/@acme:510001234/asset/v1/x")).await;
    let mut envelope = retrieve("DataExtensionObject[Orders]");
    envelope
        .headers_mut()
        .insert("authorization", key.parse().unwrap());
    caller.send(envelope).await;
    // Nobody in particular.
    assert_eq!(stage.get("/asset/v1/y").await.status, 401);
    let seen = status_with(&stage, "noted", |status| {
        client(status, "newsletter")["last_calls"][0]["api"] == "soap"
            && status["errors"].as_array().unwrap().len() == 2
    })
    .await;
    let names: Vec<_> = seen["clients"]
        .as_array()
        .unwrap()
        .iter()
        .map(|client| client["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["billing", "newsletter"]);
    let newsletter = client(&seen, "newsletter");
    assert_eq!(
        (&newsletter["policy"], &newsletter["would_refuse"]),
        (&json!("enforce"), &json!([]))
    );
    let last = newsletter["last_calls"].as_array().unwrap();
    assert_eq!(last.len(), 10);
    let soap = &last[0];
    assert_eq!(
        (&soap["operation"], &soap["object_type"], &soap["route"]),
        (
            &json!("Retrieve"),
            &json!("DataExtensionObject[*]"),
            &Value::Null
        )
    );
    let refused = &last[1];
    assert_eq!(
        (&refused["status"], &refused["tenant"]),
        (&json!(403), &Value::Null)
    );
    let rest = &last[2];
    assert_eq!(
        (&rest["route"], &rest["account"], &rest["status"]),
        (&json!("/asset/v1/content"), &json!("apac"), &json!(404))
    );
    let calls = newsletter["calls"].as_array().unwrap();
    let calls: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call["account"].as_str().unwrap(),
                call["call"].as_str().unwrap(),
                call["times"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            ("apac", "GET /asset/v1/content", 1),
            ("emea", "GET /asset/v1/content", 11),
            ("emea", "SOAP Retrieve DataExtensionObject[*]", 1),
        ],
        "what it may not call is none of its calls"
    );
    assert_eq!(client(&seen, "billing")["last_calls"], json!([]));
    let text = seen.to_string();
    for never in ["4711", "Orders", "q=1"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_remembered_has_a_bound_and_what_is_left_out_is_counted() {
    let stage = Stage::new().await;
    ready(&stage).await;
    let mut caller = stage.client().await;
    let letter = |number: usize| char::from(b'a' + u8::try_from(number).unwrap());
    for number in 0..310 {
        let word: String = [number / 26, number % 26].map(letter).iter().collect();
        caller.get(&format!("/asset/v1/{word}")).await;
        caller.get(&format!("/@nobody/{word}")).await;
    }
    let seen = status_with(&stage, "noted", |status| {
        client(status, "anonymous")["calls_left_out"] == 10 && status["errors"][0]["route"] == "/lx"
    })
    .await;
    assert_eq!(
        client(&seen, "anonymous")["calls"]
            .as_array()
            .unwrap()
            .len(),
        300
    );
    assert_eq!(errors(&seen).len(), 50);
    assert_eq!(errors(&seen)[0]["route"], "/asset/v1/lx", "the newest stay");
    assert_eq!(seen["errors"].as_array().unwrap().len(), 50);
    let page = stage.admin("/").await;
    assert!(page.body.len() < 60_000, "{} bytes", page.body.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scopes_are_told_as_asked_for_and_as_granted() {
    let stage = Stage::with(
        |tenant| {
            tenant.scopes = ["email_read", "offline", "data_extensions_read"]
                .map(str::to_owned)
                .to_vec()
        },
        |_resolved| {},
    )
    .await;
    ready(&stage).await;
    let scopes = &tenant(&status(&stage).await, "acme")["scopes"].clone();
    assert_eq!(scopes["asked"], Value::Null);
    let mut granted = texts(&scopes["granted"]);
    granted.sort_unstable();
    assert_eq!(granted, ["data_extensions_read", "email_read", "offline"]);
    let asking = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved.proxy.tenants[0].endpoint.scope = Some("email_read email_write".to_owned())
        },
    )
    .await;
    ready(&asking).await;
    let scopes = &tenant(&status(&asking).await, "acme")["scopes"].clone();
    assert_eq!(texts(&scopes["asked"]), ["email_read", "email_write"]);
    assert_eq!(texts(&scopes["granted"]), ["email_read", "email_write"]);
    let page = asking.admin("/").await.text();
    assert!(page.contains("<dt>Granted</dt>"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_is_told() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.server.drain_delay = std::time::Duration::from_secs(600),
    )
    .await;
    ready(&stage).await;
    let admin = stage.proxy.admin();
    let stopping = tokio::spawn(stage.proxy.stop());
    let mut client = crate::harness::Client::connect(admin).await;
    crate::harness::until("draining", async || {
        let seen = client.get("/status.json").await.json();
        seen["draining"] == true
            && seen["ready"] == false
            && seen["not_ready_because"] == "draining"
    })
    .await;
    let page = client.get("/").await.text();
    assert!(page.contains("The proxy is stopping"), "{page}");
    stopping.abort();
}
