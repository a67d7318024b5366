//! Where somebody goes on who has shown the admin token: at the page that was asked for, on this listener.

use super::{TOKEN, Visitor, field, stage_beyond_loopback};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_comes_back_to_the_page_that_was_asked_for() {
    let stage = stage_beyond_loopback(Some(TOKEN)).await;
    for target in ["/", "/?refresh=10", "/log", "/status.json", "/login/acme"] {
        let mut visitor = Visitor::new(&stage);
        let page = visitor.get(target).await;
        assert_eq!(page.status, 401, "{target}");
        let (own, next) = (field(&page, "form_token"), field(&page, "next"));
        let fields = [("form_token", &*own), ("token", TOKEN), ("next", &*next)];
        let answer = visitor.post("/sign-in", &fields).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, target)
        );
        assert_eq!(visitor.get(target).await.status, 200, "{target}");
    }
    // Whoever asked for nothing better sees the status page, which leads to the others.
    let mut visitor = Visitor::new(&stage);
    let page = visitor.get("/sign-in").await;
    assert_eq!(field(&page, "next"), "/");
    // A login that came back too late begins anew.
    let page = visitor.get("/oauth/callback?code=x&state=y").await;
    assert_eq!(field(&page, "next"), "/login");
}
