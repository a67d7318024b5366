//! Sessions, the gate and the rules for web pages, with time as an argument.

use std::time::Duration;

use http::header::COOKIE;
use http::{HeaderMap, HeaderName, Uri};
use http_body_util::BodyExt;

use super::gate::{Verdict, Wanted};
use super::origin::{Elsewhere, elsewhere, is_navigation};
use super::page::{Markup, page};
use super::session::SESSIONS_MAX;
use super::*;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
    let pairs = of.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )
    });
    pairs.collect()
}

/// What a browser with this cookie sends.
fn sent(ticket: &Ticket) -> HeaderMap {
    let cookie = ticket.cookie().unwrap();
    let pair = cookie.to_str().unwrap().split(';').next().unwrap();
    headers(&[("cookie", pair)])
}

#[test]
fn a_cookie_is_for_no_script_and_for_https_alone_where_that_is_spoken() {
    let (sessions, now) = (Sessions::new().unwrap(), Instant::now());
    let plain = sessions.begin(false, false, now).unwrap();
    let cookie = plain.cookie().unwrap();
    let (pair, attributes) = cookie.to_str().unwrap().split_once(';').unwrap();
    assert_eq!(attributes, " HttpOnly; SameSite=Lax; Path=/");
    let (name, id) = pair.split_once('=').unwrap();
    assert_eq!((name, id.len()), ("sfmc-auth-proxy-session", 43));
    assert!(cookie.is_sensitive());
    let secure = sessions.begin(false, true, now).unwrap();
    let cookie = secure.cookie().unwrap();
    let cookie = cookie.to_str().unwrap();
    assert!(cookie.starts_with("__Host-sfmc-auth-proxy-session="));
    assert!(cookie.ends_with("; HttpOnly; SameSite=Lax; Path=/; Secure"));
    let again = sessions.find(&sent(&secure), now).unwrap();
    assert_eq!(again.cookie(), secure.cookie());
}

#[test]
fn a_session_is_found_among_other_cookies_and_ends_by_itself() {
    let (sessions, now) = (Sessions::new().unwrap(), Instant::now());
    let ticket = sessions.begin(false, false, now).unwrap();
    let mut many = headers(&[("cookie", "theme=dark; sfmc-auth-proxy-session=planted")]);
    many.extend(sent(&ticket).remove(COOKIE).map(|own| (COOKIE, own)));
    assert_eq!(sessions.find(&many, now).unwrap().number, ticket.number);
    // Used every twenty minutes it lives, but for eight hours.
    let mut at = now;
    while at < now + 8 * HOUR - 1200 * SECOND {
        at += 1200 * SECOND;
        assert!(sessions.find(&sent(&ticket), at).is_some());
    }
    assert!(sessions.find(&sent(&ticket), now + 8 * HOUR).is_none());
    let ticket = sessions.begin(false, false, now).unwrap();
    assert!(sessions.find(&sent(&ticket), now + HOUR).is_none(), "idle");
}

#[test]
fn a_rotated_session_is_another_one() {
    let (sessions, now) = (Sessions::new().unwrap(), Instant::now());
    let old = sessions.begin(false, true, now).unwrap();
    let form_token = sessions.form_token(&old);
    assert!(sessions.is_form_token(&old, &form_token));
    let new = sessions.rotate(&old, true, now).unwrap();
    assert!(sessions.find(&sent(&old), now).is_none());
    let found = sessions.find(&sent(&new), now).unwrap();
    assert!(found.is_signed_in && found.number != old.number);
    assert!(!sessions.is_form_token(&found, &form_token));
    for wrong in ["", "A", "%%%", &form_token[1..]] {
        assert!(!sessions.is_form_token(&found, wrong));
    }
    assert!(sent(&new)[COOKIE].to_str().unwrap().starts_with("__Host-"));
    // After a login, what another tab has begun goes on.
    let newer = sessions.rotate(&new, true, now).unwrap();
    assert!(sessions.find(&sent(&new), now).is_none());
    let found = sessions.find(&sent(&newer), now).unwrap();
    assert_eq!(found.number, new.number);
}

#[test]
fn strangers_push_no_signed_in_session_out() {
    let (sessions, now) = (Sessions::new().unwrap(), Instant::now());
    let signed_in = sessions.begin(true, false, now).unwrap();
    let stranger = sessions.begin(false, false, now + SECOND).unwrap();
    for number in 0..SESSIONS_MAX as u32 {
        sessions
            .begin(false, false, now + (number + 2) * SECOND)
            .unwrap();
    }
    assert!(sessions.find(&sent(&stranger), now + SECOND).is_none());
    assert!(sessions.find(&sent(&signed_in), now + SECOND).is_some());
}

#[test]
fn strangers_are_asked_for_the_token_wherever_there_is_one_and_everywhere_beyond_loopback() {
    let token = Secret::new("right");
    for (bound, token, wanted) in [
        ("127.0.0.1:7363", None, Wanted::Nothing),
        ("[::1]:7363", None, Wanted::Nothing),
        ("127.0.0.1:7363", Some(&token), Wanted::Token),
        ("0.0.0.0:7363", Some(&token), Wanted::Token),
        ("0.0.0.0:7363", None, Wanted::Configuration),
        ("[::]:7363", None, Wanted::Configuration),
        ("10.1.2.3:7363", None, Wanted::Configuration),
    ] {
        let gate = Gate::new(bound.parse().unwrap(), token).unwrap();
        assert_eq!(gate.wanted(), wanted, "{bound}");
    }
}

#[test]
fn ten_wrong_tokens_a_minute_and_the_right_one_always() {
    let token = Secret::new("right");
    let gate = Gate::new("0.0.0.0:1".parse().unwrap(), Some(&token)).unwrap();
    let now = Instant::now();
    let peer: IpAddr = "2001:db8:1:2::1".parse().unwrap();
    let neighbour: IpAddr = "2001:db8:1:2:ffff::9".parse().unwrap();
    let other: IpAddr = "192.0.2.1".parse().unwrap();
    assert_eq!(gate.judge("right", peer, now), Verdict::Right);
    for _ in 0..10 {
        assert_eq!(gate.judge("wrong", peer, now), Verdict::Wrong);
    }
    assert_eq!(gate.judge("wrong", peer, now), Verdict::TooMany(7));
    assert_eq!(gate.judge("wrong", neighbour, now), Verdict::TooMany(7));
    assert_eq!(gate.judge("wrong", other, now), Verdict::Wrong);
    // Others' guesses, from what looks like one address, do not keep the owner out.
    assert_eq!(gate.judge("right", peer, now), Verdict::Right);
    let later = now + 6 * SECOND;
    assert_eq!(gate.judge("wrong", peer, later), Verdict::Wrong);
    assert_eq!(gate.judge("wrong", peer, later), Verdict::TooMany(7));
    let minute = later + 60 * SECOND;
    for _ in 0..10 {
        assert_eq!(gate.judge("", peer, minute), Verdict::Wrong);
    }
    // Addresses are cheap: beyond so many they share one count.
    for number in 0..300_u32 {
        let peer = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
        gate.judge("wrong", peer, minute);
    }
    let verdict = gate.judge("wrong", "10.9.9.9".parse().unwrap(), minute);
    assert!(matches!(verdict, Verdict::TooMany(_)), "{verdict:?}");
}

/// Those of a login that comes back to `proxy.example`, with one more host that is allowed.
fn names() -> Names {
    let uri: Uri = "https://proxy.example/oauth/callback".parse().unwrap();
    Names::new([uri].into_iter(), &["gateway.marketing.svc".to_owned()])
}

#[test]
fn the_hosts_that_logins_come_back_to_are_our_own() {
    let names = names();
    for (host, is_own) in [
        ("gateway.marketing.svc:7363", true),
        ("Gateway.Marketing.svc", true),
        ("marketing.svc", false),
        ("proxy.example", true),
        ("PROXY.example:8443", true),
        ("localhost:7363", true),
        ("10.1.2.3", true),
        ("evil.example", false),
        ("proxy.example.evil.example", false),
        ("a b", false),
    ] {
        assert_eq!(
            names.own_host(&headers(&[("host", host)])),
            is_own,
            "{host}"
        );
    }
}

#[test]
fn origins_are_own_with_their_hosts() {
    let names = names();
    for (origin, host, is_own) in [
        ("https://proxy.example", "proxy.example", true),
        ("https://proxy.example", "10.1.2.3:7363", true),
        ("http://10.1.2.3:7363", "10.1.2.3:7363", true),
        ("http://10.1.2.3:7363", "10.1.2.3:7364", false),
        ("https://evil.example", "proxy.example", false),
        ("null", "proxy.example", false),
        // Behind something that speaks TLS for an allowed host.
        (
            "https://gateway.marketing.svc",
            "Gateway.marketing.svc",
            true,
        ),
        (
            "https://gateway.marketing.svc",
            "gateway.marketing.svc:443",
            true,
        ),
        (
            "https://gateway.marketing.svc:8443",
            "gateway.marketing.svc:8443",
            true,
        ),
        (
            "https://gateway.marketing.svc:8443",
            "gateway.marketing.svc",
            false,
        ),
        ("https://evil.example", "gateway.marketing.svc", false),
        ("https://gateway.marketing.svc", "10.1.2.3", false),
        ("https://10.1.2.3", "10.1.2.3", false),
    ] {
        let sent = headers(&[("origin", origin), ("host", host)]);
        assert_eq!(names.own_origin(&sent), is_own, "{origin} at {host}");
    }
    assert!(names.asked_as_https(&headers(&[("host", "proxy.example")])));
    assert!(names.asked_as_https(&headers(&[
        ("host", "10.1.2.3"),
        ("origin", "https://proxy.example")
    ])));
    assert!(!names.asked_as_https(&headers(&[("host", "10.1.2.3")])));
    let host = ("host", "gateway.marketing.svc");
    let secure = ("origin", "https://gateway.marketing.svc");
    assert!(names.asked_as_https(&headers(&[host, secure])));
    let plain = ("origin", "http://gateway.marketing.svc");
    assert!(!names.asked_as_https(&headers(&[host, plain])));
    assert!(!names.asked_as_https(&headers(&[host])));
}

#[test]
fn only_people_navigate() {
    let fetched = |site, mode, dest| {
        headers(&[
            ("sec-fetch-site", site),
            ("sec-fetch-mode", mode),
            ("sec-fetch-dest", dest),
        ])
    };
    let back = |headers: &HeaderMap| is_navigation(&Method::GET, headers);
    assert!(back(&fetched("cross-site", "navigate", "document")));
    assert!(back(&fetched("same-site", "navigate", "document")));
    assert!(!back(&fetched("cross-site", "navigate", "iframe")));
    assert!(!back(&fetched("cross-site", "no-cors", "image")));
    assert!(!back(&headers(&[("sec-fetch-site", "cross-site")])));
    let navigation = fetched("cross-site", "navigate", "document");
    assert!(!is_navigation(&Method::POST, &navigation));
}

#[test]
fn a_browser_at_another_name_of_this_machine_is_led_to_the_right_one() {
    let at = |host, redirect_uri: &str| {
        elsewhere(&headers(&[("host", host)]), &redirect_uri.parse().unwrap())
    };
    let uri = "http://localhost:7363/oauth/callback";
    assert!(matches!(at("localhost:7363", uri), Elsewhere::Here));
    for host in ["127.0.0.1:7363", "[::1]:7363"] {
        let Elsewhere::SameMachine(origin) = at(host, uri) else {
            panic!("{host} is this machine");
        };
        assert_eq!(origin, "http://localhost:7363");
    }
    for host in ["127.0.0.1:8000", "10.1.2.3:7363"] {
        assert!(matches!(at(host, uri), Elsewhere::Perhaps(_)), "{host}");
    }
    let uri = "https://proxy.example/oauth/callback";
    let Elsewhere::Perhaps(origin) = at("127.0.0.1:7363", uri) else {
        panic!("https is spoken elsewhere");
    };
    assert_eq!(origin, "https://proxy.example");
}

#[tokio::test]
async fn what_comes_from_outside_becomes_no_markup() {
    let content = Markup::default().raw("<p title=\"").text("\"><b>'&");
    let answer = page(StatusCode::OK, "Title", &content);
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert!(
        body.contains("<p title=\"&quot;&gt;&lt;b&gt;&#39;&amp;"),
        "{body}"
    );
    let answer = page(StatusCode::OK, "Title", &Markup::default().raw("<form>"));
    assert_eq!(answer.headers()["referrer-policy"], "same-origin");
}

#[test]
fn nobody_is_led_away_by_way_of_the_sign_in() {
    for own in [
        "/",
        "/?refresh=60",
        "/log",
        "/status.json",
        "/login",
        "/login/acme",
        "/login/acme?account=510001235",
    ] {
        assert_eq!(sign_in::inside(own), own);
    }
    for foreign in [
        "",
        "//",
        "//evil.example",
        "//evil.example/login",
        "/\\evil.example",
        "https://evil.example/",
        "/?refresh=",
        "/?refresh=10//evil.example",
        "/?refresh=1&next=2",
        "/log//evil.example",
        "/log/../x",
        "/login//evil.example",
        "/login@evil.example",
        "/login/acme?next=https://evil.example",
        "/login/acme\r\nx: y",
        "/loginx",
        "/status.jsonx",
        "/quitquitquit",
    ] {
        assert_eq!(sign_in::inside(foreign), "/", "{foreign:?}");
    }
}
