//! Which tenant and account a call is for: path, headers, listener, default, in that order, and never a guess.

use http::Request;

use sfmc_auth_proxy::proxy::ListenerSelection;
use sfmc_auth_proxy::server::Address;

use crate::harness::{APAC, Answer, Client, EMEA, PARENT, Stage};

const PATH: &str = "/sandbox/echo";

/// The account that the tenant saw, by the token of the call.
fn account(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let seen = answer.json()["account"].as_u64().unwrap();
    assert_eq!(
        answer.header("sfmc-account"),
        seen.to_string(),
        "the caller is told where it wrote"
    );
    seen
}

fn with(headers: &[(&str, &str)]) -> Request<Vec<u8>> {
    let mut request = Request::get(PATH);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Vec::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_path_selects_by_name_or_member_id_in_any_spelling() {
    let stage = Stage::new().await;
    for (prefix, expected) in [
        ("", PARENT),
        ("/@acme", PARENT),
        ("/@acme:emea", EMEA),
        ("/@ACME:Emea", EMEA),
        ("/%40acme%3Aapac", APAC),
        ("/%40acme%3aapac", APAC),
        ("/@acme:510001236", APAC),
    ] {
        assert_eq!(
            account(&stage.get(&format!("{prefix}{PATH}")).await),
            expected,
            "{prefix}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_the_selection_stays_raw() {
    let stage = Stage::new().await;
    for (asked, expected) in [
        ("/@acme//hub/v1/x%2Fy", "//hub/v1/x%2Fy"),
        ("/@acme:emea/a/./b/../c?$q=%7e&z", "/a/./b/../c?$q=%7e&z"),
        ("/@acme", "/"),
        ("/@acme?x=1", "/?x=1"),
        ("/@acme/", "/"),
    ] {
        stage.get(asked).await;
        assert_eq!(stage.received().last().unwrap().target, expected, "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_select_and_never_leave() {
    let stage = Stage::new().await;
    assert_eq!(
        account(&stage.send(with(&[("sfmc-account", "apac")])).await),
        APAC
    );
    assert_eq!(
        account(
            &stage
                .send(with(&[
                    ("Sfmc-Tenant", "Acme"),
                    ("Sfmc-Account", "510001235")
                ]))
                .await
        ),
        EMEA
    );
    assert!(
        stage
            .received()
            .iter()
            .all(|entry| entry.header("sfmc-account").is_none())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn selectors_may_agree_but_not_disagree() {
    let stage = Stage::new().await;
    let path_and_header = |path: &str, account: &str| {
        Request::get(format!("{path}{PATH}"))
            .header("sfmc-account", account)
            .body(Vec::new())
            .unwrap()
    };
    assert_eq!(
        account(
            &stage
                .send(path_and_header("/@acme:emea", "510001235"))
                .await
        ),
        EMEA
    );
    assert_eq!(
        account(&stage.send(path_and_header("/@acme", "apac")).await),
        APAC
    );
    let answer = stage.send(path_and_header("/@acme:emea", "apac")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "ambiguous_selection")
    );
    let twice = with(&[("sfmc-account", "apac"), ("sfmc-account", "emea")]);
    assert_eq!(stage.send(twice).await.code(), "ambiguous_selection");
    let tenants = Request::get(format!("/@acme{PATH}"))
        .header("sfmc-tenant", "other")
        .body(Vec::new())
        .unwrap();
    assert_eq!(stage.send(tenants).await.code(), "ambiguous_selection");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_names_are_refused_and_nothing_is_sent() {
    let stage = Stage::new().await;
    for (target, status, code) in [
        ("/@nobody/sandbox/echo", 404, "unknown_tenant"),
        ("/@acme:latam/sandbox/echo", 403, "account_not_allowed"),
        ("/@acme:510009999/sandbox/echo", 403, "account_not_allowed"),
        ("/@acme:/sandbox/echo", 403, "account_not_allowed"),
        ("/@/sandbox/echo", 404, "unknown_tenant"),
    ] {
        let answer = stage.get(target).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{target}"
        );
        assert!(
            answer
                .header("proxy-status")
                .starts_with("sfmc-auth-proxy; error="),
            "{target}"
        );
    }
    assert!(stage.received().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_accounts_without_a_default_have_to_be_selected() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| resolved.proxy.tenants[0].default_account = None,
    )
    .await;
    let answer = stage.get(PATH).await;
    assert_eq!(
        (answer.status.as_u16(), answer.code().as_str()),
        (400, "account_required")
    );
    assert!(answer.text().contains("emea"), "{}", answer.text());
    assert_eq!(account(&stage.get("/@acme:emea/sandbox/echo").await), EMEA);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_package_without_accounts_uses_its_own() {
    let change = |resolved: &mut sfmc_auth_proxy::config::Resolved| {
        resolved.proxy.tenants[0].default_account = None;
        resolved.proxy.tenants[0].accounts.clear();
    };
    let stage = Stage::with(|_tenant| {}, change).await;
    let answer = stage.get(PATH).await;
    assert_eq!(answer.json()["account"].as_u64(), Some(PARENT));
    assert!(answer.headers.get("sfmc-account").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listener_selects_for_whoever_calls_it() {
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            resolved
                .server
                .listeners
                .push(Address::Tcp("127.0.0.1:0".parse().unwrap()));
            resolved.proxy.listeners.push(ListenerSelection {
                tenant: Some("acme".to_owned()),
                account: Some(APAC),
                ..ListenerSelection::default()
            });
        },
    )
    .await;
    let Address::Tcp(apac) = stage.proxy.addresses()[1].clone() else {
        panic!("a TCP listener")
    };
    let mut client = Client::connect(apac).await;
    assert_eq!(account(&client.get(PATH).await), APAC);
    assert_eq!(
        account(&client.get("/@acme:emea/sandbox/echo").await),
        EMEA,
        "an explicit selection goes before it"
    );
    assert_eq!(account(&stage.get(PATH).await), PARENT);
}

fn add_second_tenant(resolved: &mut sfmc_auth_proxy::config::Resolved) {
    let mut beta = resolved.proxy.tenants[0].clone();
    beta.name = "beta".to_owned();
    beta.default_account = Some(EMEA);
    resolved.proxy.tenants.push(beta);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_several_tenants_the_default_is_named_or_selection_is_due() {
    let stage = Stage::with(|_tenant| {}, add_second_tenant).await;
    assert_eq!(stage.get(PATH).await.code(), "ambiguous_selection");
    let answer = stage.get("/@beta/sandbox/echo").await;
    assert_eq!(account(&answer), EMEA);
    assert_eq!(answer.header("sfmc-tenant"), "beta");
    let stage = Stage::with(
        |_tenant| {},
        |resolved| {
            add_second_tenant(resolved);
            resolved.proxy.default_tenant = Some("beta".to_owned());
        },
    )
    .await;
    assert_eq!(account(&stage.get(PATH).await), EMEA);
}
