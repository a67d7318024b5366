//! Users' logins over real sockets: the admin listener's pages, its sessions, and who may see them. What follows once the
//! vendor has been asked is in `logins/flow.rs`.

mod browser;
mod command;
mod flow;
mod readme;
mod sign_in;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use http::{Request, StatusCode};

use sfmc_auth_proxy::config::Resolved;
use sfmc_auth_proxy::sandbox;
use sfmc_auth_proxy::secret::Secret;
use sfmc_auth_proxy::token::GrantType;

use crate::harness::{Answer, Client, Stage};

const TOKEN: &str = "an admin token of some length";

/// A port that nobody else takes before it is used: a redirect URI has to be known before anything listens there. Below
/// those that systems give away by themselves, and another one each time.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id() * 64;
    loop {
        let number = start + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + u16::try_from(number % 12_000).unwrap();
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A stage whose tenant `acme` takes logins, which come back to this proxy.
async fn stage(change: impl FnOnce(&mut Resolved)) -> Stage {
    let port = free_port();
    let redirect_uri = format!("http://127.0.0.1:{port}/oauth/callback");
    let of_proxy = redirect_uri.clone();
    let stage = Stage::with(
        |_settings| {},
        |resolved| {
            resolved.admin.listen.set_port(port);
            resolved.proxy.tenants[0].endpoint.grant_type = GrantType::AuthorizationCode {
                redirect_uri: of_proxy,
                pkce: true,
            };
            change(resolved);
        },
    )
    .await;
    stage.tenant.set_redirect_uris(&[&redirect_uri]);
    stage
}

fn redirect_uri(resolved: &mut Resolved, uri: &str) {
    resolved.proxy.tenants[0].endpoint.grant_type = GrantType::AuthorizationCode {
        redirect_uri: uri.to_owned(),
        pkce: true,
    };
}

/// A whole login at the proxy of this stage; the page that it ends with.
pub async fn attempt(stage: &Stage, place: &str) -> Answer {
    attempt_at(stage.proxy.admin(), &stage.tenant, place).await
}

/// The same at any admin listener.
pub async fn attempt_at(admin: SocketAddr, tenant: &sandbox::Tenant, place: &str) -> Answer {
    let mut visitor = Visitor {
        admin,
        cookie: None,
    };
    let url = visitor.begin(&format!("/login/{place}")).await;
    let location = tenant.authorize(&url).unwrap();
    let path = location.find("/oauth/callback").unwrap();
    visitor.get(&location[path..]).await
}

/// A browser as far as cookies go.
struct Visitor {
    admin: SocketAddr,
    cookie: Option<String>,
}

impl Visitor {
    fn new(stage: &Stage) -> Self {
        let mut admin = stage.proxy.admin();
        if admin.ip().is_unspecified() {
            admin.set_ip([127, 0, 0, 1].into());
        }
        Self {
            admin,
            cookie: None,
        }
    }

    async fn get(&mut self, target: &str) -> Answer {
        self.send(Request::get(target).body(Vec::new()).unwrap())
            .await
    }

    async fn post(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let request = Request::post(target)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", format!("http://{}", self.admin));
        self.send(request.body(form.finish().into_bytes()).unwrap())
            .await
    }

    async fn send(&mut self, mut request: Request<Vec<u8>>) -> Answer {
        let headers = request.headers_mut();
        headers.insert("accept", "text/html,*/*".parse().unwrap());
        if let Some(cookie) = &self.cookie {
            headers.insert("cookie", cookie.parse().unwrap());
        }
        let answer = Client::connect(self.admin).await.send(request).await;
        let set = answer.header("set-cookie").split(';').next().unwrap();
        if !set.is_empty() {
            self.cookie = Some(set.to_owned());
        }
        answer
    }

    /// Opens the page and presses the button; where that leads.
    async fn begin(&mut self, target: &str) -> String {
        let page = self.get(target).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let account = field(&page, "account");
        let path = target.split('?').next().unwrap();
        let pressed = [
            ("form_token", &*field(&page, "form_token")),
            ("account", &account),
        ];
        let answer = self.post(path, &pressed).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        answer.header("location").to_owned()
    }
}

/// What a hidden field of a page holds.
fn field(page: &Answer, name: &str) -> String {
    let text = page.text();
    let marker = format!("name=\"{name}\" value=\"");
    let (_, after) = text.split_once(&marker).unwrap_or_else(|| panic!("{text}"));
    after.split('"').next().unwrap().to_owned()
}

fn parameter(url: &str, name: &str) -> String {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let found = pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()));
    found.unwrap_or_else(|| panic!("no {name} in {url}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_button_leads_to_the_vendor_with_state_and_challenge() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let url = visitor.begin("/login/acme").await;
    let auth_url = stage.tenant.auth_url();
    assert!(
        url.starts_with(&format!("{auth_url}v2/authorize?")),
        "{url}"
    );
    assert_eq!(parameter(&url, "response_type"), "code");
    assert_eq!(parameter(&url, "state").len(), 43);
    assert_eq!(parameter(&url, "code_challenge").len(), 43);
    assert_eq!(parameter(&url, "code_challenge_method"), "S256");
    let again = visitor.begin("/login/acme?account=emea").await;
    assert_ne!(parameter(&again, "state"), parameter(&url, "state"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_without_scripts_frames_and_copies() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    for target in [
        "/login",
        "/login/acme",
        "/login/nobody",
        "/login/acme?account=%3Cb%3E",
        "/oauth/callback?error=x&state=y",
        "/style.css",
    ] {
        let page = visitor.get(target).await;
        assert_eq!(
            page.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
            "{target}"
        );
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cache-control"), "no-store");
        let has_form = page.text().contains("<form");
        let policy = if has_form {
            "same-origin"
        } else {
            "no-referrer"
        };
        assert_eq!(page.header("referrer-policy"), policy, "{target}");
        assert!(!page.text().contains("<script") && !page.text().contains("<b>"));
    }
    let list = visitor.get("/login").await.text();
    for link in ["/login/acme", "/login/acme?account=emea"] {
        assert!(list.contains(&format!("href=\"{link}\"")), "{list}");
    }
    let unknown = visitor.get("/login/acme?account=nowhere").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text().contains("there are: apac, emea"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_of_another_session_is_refused() {
    let stage = stage(|_resolved| {}).await;
    let (mut visitor, mut other) = (Visitor::new(&stage), Visitor::new(&stage));
    let page = visitor.get("/login/acme").await;
    let others = other.get("/login/acme").await;
    assert_ne!(visitor.cookie, other.cookie);
    let foreign = field(&others, "form_token");
    for fields in [&[][..], &[("form_token", "")], &[("form_token", &foreign)]] {
        let answer = visitor.post("/login/acme", fields).await;
        assert_eq!(answer.status, 403, "{fields:?}");
        assert!(answer.header("location").is_empty());
        assert!(answer.text().contains("This form has expired"));
    }
    let own = field(&page, "form_token");
    visitor.cookie = None;
    let answer = visitor.post("/login/acme", &[("form_token", &own)]).await;
    assert_eq!(answer.status, 403, "without its session");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_small_and_a_form() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let long = "x".repeat(16 << 10);
    let answer = visitor.post("/login/acme", &[("form_token", &long)]).await;
    assert_eq!(answer.status, 413);
    let answer = visitor
        .post("/login/acme", &[("account", "a"), ("account", "b")])
        .await;
    assert_eq!(answer.status, 400);
    let mut client = Client::connect(stage.proxy.admin()).await;
    assert_eq!(client.post("/login/acme", "{}").await.status, 415);
    let mut client = Client::connect(stage.proxy.admin()).await;
    let answer = client.post("/oauth/callback", "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "GET")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cookie_is_for_this_host_alone_and_for_https_where_the_redirect_uri_is() {
    let plain = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&plain);
    let page = visitor.get("/login/acme").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("sfmc-auth-proxy-session="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/"),
        "{cookie}"
    );
    let again = visitor.get("/login/acme").await;
    assert_eq!(field(&again, "form_token"), field(&page, "form_token"));
    let secure = stage(|resolved| {
        redirect_uri(resolved, "https://proxy.example/oauth/callback");
    })
    .await;
    let mut visitor = Visitor::new(&secure);
    let page = visitor.get("/login/acme").await;
    let cookie = page.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-sfmc-auth-proxy-session="),
        "{cookie}"
    );
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Secure"));
    assert!(
        page.text()
            .contains("href=\"https://proxy.example/login/acme\"")
    );
    // The name is ours now, for pages of its own origin.
    let request = Request::post("/login/acme")
        .header("host", "proxy.example")
        .header("origin", "https://proxy.example")
        .header("content-type", "application/x-www-form-urlencoded");
    let form = format!("form_token={}", field(&page, "form_token"));
    let answer = visitor.send(request.body(form.into_bytes()).unwrap()).await;
    assert_eq!(answer.status, 303);
    let request = Request::get("/login/acme").header("host", "evil.example");
    let answer = visitor.send(request.body(Vec::new()).unwrap()).await;
    assert_eq!(answer.status, 421);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_for_another_session_or_another_state_is_no_login() {
    let stage = stage(|_resolved| {}).await;
    let (mut visitor, mut other) = (Visitor::new(&stage), Visitor::new(&stage));
    let state = parameter(&visitor.begin("/login/acme").await, "state");
    other.begin("/login/acme").await;
    let foreign = "A".repeat(43);
    let answer = visitor
        .get(&format!("/oauth/callback?code=c&state={foreign}"))
        .await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("belongs to no login"));
    let target = format!("/oauth/callback?code=c&state={state}");
    let answer = other.get(&target).await;
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("another browser"));
    let answer = visitor.get(&target).await;
    assert_eq!(answer.status, 400, "one state is good for one answer");
    assert_eq!(stage.tenant.token_requests(), 0, "no code was redeemed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_in_words_and_never_as_markup() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let url = visitor.begin("/login/acme?account=emea").await;
    let state = parameter(&url, "state");
    let markup = "%3Cscript%3Ealert(1)%3C%2Fscript%3E%22%27";
    let answer = visitor
        .get(&format!(
            "/oauth/callback?error=access_denied&error_description={markup}&state={state}"
        ))
        .await;
    assert_eq!(answer.status, 403);
    let text = answer.text();
    assert!(
        text.contains("Not logged in") && text.contains("acme:emea"),
        "{text}"
    );
    assert!(text.contains("the login was declined") && text.contains("choose Allow"));
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;"));
    assert!(!text.contains("<script"));
    assert!(text.contains("href=\"/login/acme?account=emea\">Try again"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_people_come_from_another_site_and_only_to_pages_for_logins() {
    let stage = stage(|_resolved| {}).await;
    let mut visitor = Visitor::new(&stage);
    let state = parameter(&visitor.begin("/login/acme").await, "state");
    let target = format!("/oauth/callback?error=access_denied&state={state}");
    let mut from = async |target: &str, mode: &str, dest: &str| {
        let request = Request::get(target)
            .header("sec-fetch-site", "cross-site")
            .header("sec-fetch-mode", mode)
            .header("sec-fetch-dest", dest);
        visitor.send(request.body(Vec::new()).unwrap()).await
    };
    for page in ["/metrics", "/sign-in", "/style.css", "/oauth/callback/"] {
        let answer = from(page, "navigate", "document").await;
        assert_eq!(answer.status, 403, "{page}");
    }
    assert_eq!(from("/login/acme", "cors", "empty").await.status, 403);
    let page = from("/login/acme", "navigate", "document").await;
    assert_eq!(page.status, 200, "a link, or another name of this listener");
    assert_eq!(from(&target, "no-cors", "image").await.status, 403);
    assert_eq!(from(&target, "navigate", "iframe").await.status, 403);
    let answer = from(&target, "navigate", "document").await;
    assert!(answer.text().contains("the login was declined"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_at_another_name_is_led_to_the_one_that_logins_come_back_to() {
    let stage = stage(|_resolved| {}).await;
    let admin = stage.proxy.admin();
    let mut visitor = Visitor::new(&stage);
    let request = Request::get("/login/acme?account=emea")
        .header("host", format!("localhost:{}", admin.port()));
    let answer = visitor.send(request.body(Vec::new()).unwrap()).await;
    assert_eq!(answer.status, 303);
    assert_eq!(
        answer.header("location"),
        format!("http://{admin}/login/acme?account=emea")
    );
}

/// The same, with an admin listener that is bound to every address.
async fn stage_beyond_loopback(token: Option<&str>) -> Stage {
    stage(|resolved| {
        resolved.admin.listen.set_ip([0, 0, 0, 0].into());
        resolved.admin.token = token.map(Secret::new);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_all_but_health_and_metrics_needs_the_token() {
    let stage = stage_beyond_loopback(Some(TOKEN)).await;
    let mut visitor = Visitor::new(&stage);
    for open in ["/livez", "/healthz", "/metrics"] {
        assert_eq!(visitor.get(open).await.status, 200, "{open}");
    }
    let with = |token: &str, target: &str| {
        Request::get(target)
            .header("authorization", format!("Bearer {token}"))
            .body(Vec::new())
            .unwrap()
    };
    for shut in ["/login", "/login/acme", "/oauth/callback", "/nothing"] {
        let mut client = Client::connect(visitor.admin).await;
        let answer = client.get(shut).await;
        assert_eq!(answer.status, 401, "{shut}");
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
        assert!(!answer.text().contains("acme"));
        let answer = client.send(with("wrong", shut)).await;
        assert_eq!(answer.status, 401, "{shut}");
    }
    let mut client = Client::connect(visitor.admin).await;
    assert_eq!(client.send(with(TOKEN, "/login/acme")).await.status, 200);
    assert_eq!(client.send(with(TOKEN, "/nothing")).await.status, 404);
    for _ in 0..20 {
        client.send(with("wrong", "/login")).await;
    }
    let answer = client.send(with("wrong", "/login")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    // Others' guesses keep nobody out who knows it.
    assert_eq!(client.send(with(TOKEN, "/login")).await.status, 200);
    assert_eq!(visitor.get("/livez").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_shown_once_in_a_form_and_the_session_begins_anew() {
    let stage = stage_beyond_loopback(Some(TOKEN)).await;
    let mut visitor = Visitor::new(&stage);
    let page = visitor.get("/login/acme?account=emea").await;
    assert_eq!(page.status, 401);
    let (form_token, next) = (field(&page, "form_token"), field(&page, "next"));
    assert_eq!(next, "/login/acme?account=emea");
    let before = visitor.cookie.clone();
    let sign_in = |token: &str, next: &str| {
        [
            ("form_token".to_owned(), form_token.clone()),
            ("token".to_owned(), token.to_owned()),
            ("next".to_owned(), next.to_owned()),
        ]
    };
    fn lent(fields: &[(String, String); 3]) -> [(&str, &str); 3] {
        fields.each_ref().map(|(name, value)| (&**name, &**value))
    }
    let wrong = sign_in("wrong", &next);
    let answer = visitor.post("/sign-in", &lent(&wrong)).await;
    assert_eq!(answer.status, 401);
    assert!(
        answer.text().contains("This is not the admin token")
            || answer.text().contains("this is not the admin token")
    );
    let mut without_form = sign_in(TOKEN, &next);
    without_form[0].1.clear();
    let answer = visitor.post("/sign-in", &lent(&without_form)).await;
    assert_eq!(answer.status, 403);
    let right = sign_in(TOKEN, &next);
    let answer = visitor.post("/sign-in", &lent(&right)).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), next);
    let after = visitor.cookie.clone();
    assert_ne!(before, after);
    visitor.begin("/login/acme").await;
    visitor.cookie = before;
    assert_eq!(
        visitor.get("/login").await.status,
        401,
        "the old id is dead"
    );
    // Nobody's link leads elsewhere by way of the form.
    let mut visitor = Visitor::new(&stage);
    let page = visitor.get("/sign-in").await;
    assert_eq!(page.status, 200);
    let own = field(&page, "form_token");
    let fields = [
        ("form_token", &*own),
        ("token", TOKEN),
        ("next", "//evil.example/login"),
    ];
    let answer = visitor.post("/sign-in", &fields).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("location")),
        (303, "/")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_loopback_and_without_a_token_nobody_is_let_in() {
    let stage = stage_beyond_loopback(None).await;
    let mut visitor = Visitor::new(&stage);
    assert_eq!(visitor.get("/metrics").await.status, 200);
    for shut in ["/login", "/login/acme", "/sign-in", "/oauth/callback"] {
        let answer = visitor.get(shut).await;
        assert_eq!(answer.status, 403, "{shut}");
        assert!(answer.text().contains("admin.token_file"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_tenant_takes_a_login_the_page_says_so() {
    let stage = Stage::new().await;
    let answer = stage.admin("/login").await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("No tenant takes a login"));
    assert_eq!(stage.admin("/login/acme").await.status, 404);
    assert_eq!(stage.admin("/sign-in").await.status, 303);
}
