//! What is opened, what is pasted, and where the browser can come back to.

use std::path::PathBuf;

use super::browser;
use super::pasted;
use super::redirect;

#[test]
fn the_wanted_browser_comes_first_and_gets_the_address_where_it_wants_it() {
    let has = |names: &'static [&'static str]| {
        move |name: &str| names.contains(&name).then(|| PathBuf::from(name))
    };
    let url = "https://x.example/?a=b";
    let opened = |wanted, names| {
        let (program, arguments) = browser::command(wanted, url, has(names))?;
        let arguments: Vec<_> = arguments
            .iter()
            .map(|word| word.to_str().unwrap())
            .collect();
        Some(format!("{} {}", program.display(), arguments.join(" ")))
    };
    let all = &["firefox", "w3m", "xdg-open", "open"];
    assert_eq!(opened(None, all).unwrap(), format!("xdg-open {url}"));
    assert_eq!(opened(None, &["open"]).unwrap(), format!("open {url}"));
    assert_eq!(opened(Some("w3m"), all).unwrap(), format!("w3m {url}"));
    let wanted = Some("nothing:firefox --new-tab %s -P:w3m");
    assert_eq!(
        opened(wanted, all).unwrap(),
        format!("firefox --new-tab {url} -P")
    );
    assert_eq!(opened(Some("nothing"), &[]), None);
    assert_eq!(opened(Some(""), all).unwrap(), format!("xdg-open {url}"));
}

#[test]
fn what_is_pasted_may_be_an_address_or_its_query() {
    let query = "code=c&state=s";
    for pasted in [
        "http://127.0.0.1:7363/oauth/callback?code=c&state=s\n",
        " 'http://localhost/?code=c&state=s' \r\n",
        "<http://localhost/?code=c&state=s#top>",
        "code=c&state=s",
        "?code=c&state=s",
    ] {
        assert_eq!(pasted::query(pasted), query, "{pasted}");
    }
}

#[tokio::test]
async fn only_a_loopback_address_in_clear_can_be_listened_at() {
    for elsewhere in [
        "https://localhost:0/oauth/callback",
        "https://proxy.example/oauth/callback",
        "http://proxy.example/oauth/callback",
        "http://10.1.2.3:7363/oauth/callback",
        "http://0.0.0.0:7363/oauth/callback",
    ] {
        let why = redirect::listen(&elsewhere.parse().unwrap()).unwrap_err();
        assert!(why.contains("/login/TENANT"), "{why}");
    }
    let uri = "http://127.0.0.1:0/oauth/callback".parse().unwrap();
    let listeners = redirect::listen(&uri).unwrap();
    let taken = listeners[0].local_addr().unwrap();
    let uri = format!("http://{taken}/oauth/callback").parse().unwrap();
    let why = redirect::listen(&uri).unwrap_err();
    assert!(why.contains("is taken") && why.contains("/login"), "{why}");
}
