//! Whole logins: from the page to the vendor, back, and on to a call that carries the user's token.

use http::Request;

use super::{Visitor, parameter, stage};

/// Path and query of an address at the proxy.
fn target(location: &str) -> &str {
    let path = location.find("/oauth/callback").unwrap();
    &location[path..]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_login_calls_carry_the_users_token() {
    let stage = stage(|_resolved| {}).await;
    let before = stage.get("/sandbox/echo").await;
    assert_ne!(before.status, 200, "nobody has logged in");
    let mut visitor = Visitor::new(&stage);
    let location = stage
        .tenant
        .authorize(&visitor.begin("/login/acme").await)
        .unwrap();
    let cookie = visitor.cookie.clone();
    let request = Request::get(target(&location))
        .header("sec-fetch-site", "cross-site")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document");
    let page = visitor.send(request.body(Vec::new()).unwrap()).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains("Logged in") && page.text().contains("<strong>acme</strong>"));
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
    // The session that the login came with is dead, and the new one is another.
    assert_ne!(visitor.cookie, cookie);
    let new = visitor.cookie.clone();
    visitor.get("/login/acme").await;
    assert_eq!(visitor.cookie, new);
    visitor.cookie = cookie;
    visitor.get("/login/acme").await;
    assert_ne!(visitor.cookie, new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_twice_is_redeemed_once() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let location = stage
        .tenant
        .authorize(&visitor.begin("/login/acme").await)
        .unwrap();
    assert_eq!(visitor.get(target(&location)).await.status, 200);
    let redeemed = stage.tenant.token_requests();
    let again = visitor.get(target(&location)).await;
    assert_eq!(again.status, 400);
    assert!(again.text().contains("belongs to no login"));
    assert_eq!(stage.tenant.token_requests(), redeemed);
    assert_eq!(stage.get("/sandbox/echo").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_denies_is_told_and_can_try_again() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let location = stage
        .tenant
        .deny(&visitor.begin("/login/acme").await)
        .unwrap();
    assert_eq!(parameter(&location, "error"), "access_denied");
    let page = visitor.get(target(&location)).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("the login was declined"));
    let location = stage
        .tenant
        .authorize(&visitor.begin("/login/acme").await)
        .unwrap();
    assert_eq!(visitor.get(target(&location)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_too_old_becomes_words() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let location = stage
        .tenant
        .authorize(&visitor.begin("/login/acme").await)
        .unwrap();
    stage.tenant.expire_codes();
    let page = visitor.get(target(&location)).await;
    assert_eq!(page.status, 502);
    assert!(page.text().contains("for five minutes"), "{}", page.text());
    let code = parameter(&location, "code");
    assert!(!page.text().contains(&code));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_of_its_own_gets_a_login_of_its_own() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let url = visitor.begin("/login/acme?account=emea").await;
    let location = stage.tenant.authorize(&url).unwrap();
    let page = visitor.get(target(&location)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(
        page.text()
            .contains("acme:emea</strong> (account 510001235)")
    );
    let answer = stage.get("/@acme:emea/sandbox/echo").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("sfmc-account"), "510001235");
}
