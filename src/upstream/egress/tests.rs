//! What names an egress proxy, what does not, and which hosts go through it.

use super::*;

fn environment(variables: &[(&str, &str)]) -> Result<EgressProxy, EgressProxyError> {
    EgressProxy::environment(|asked| {
        let found = variables.iter().find(|(name, _value)| *name == asked);
        found.map(|(_name, value)| (*value).to_owned())
    })
}

fn way(proxy: &EgressProxy, destination: &str) -> Option<String> {
    let egress = Egress::new(proxy);
    egress
        .proxy_for(&destination.parse().unwrap())
        .map(|proxy| proxy.authority().to_owned())
}

#[test]
fn a_url_is_read_whole() {
    for (text, authority, authorization) in [
        ("http://proxy.example:3128", "proxy.example:3128", None),
        ("http://proxy.example/", "proxy.example:80", None),
        ("HTTP://10.0.0.1:8080", "10.0.0.1:8080", None),
        ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080", None),
        (
            "http://Aladdin:open%20sesame@proxy.example:3128",
            "proxy.example:3128",
            Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ),
        (
            "http://user@proxy.example:3128",
            "proxy.example:3128",
            Some("Basic dXNlcjo="),
        ),
        (
            "http://user:a:b%40c@proxy.example:3128",
            "proxy.example:3128",
            Some("Basic dXNlcjphOmJAYw=="),
        ),
    ] {
        let Ok(EgressProxy::Url(url)) = EgressProxy::url(text) else {
            panic!("{text}");
        };
        assert_eq!(url.authority(), authority, "{text}");
        let sent = url.authorization().map(Secret::expose);
        assert_eq!(sent, authorization, "{text}");
    }
}

#[test]
fn what_cannot_be_spoken_to_is_refused_in_clear_words() {
    for (text, words) in [
        ("", "not a URL"),
        ("proxy.example:3128", "not a URL"),
        ("http://", "not a URL"),
        ("http:// proxy", "not a URL"),
        ("https://proxy.example", "https:// is not supported"),
        ("socks5://proxy.example:1080", "socks5:// is not supported"),
        ("http://proxy.example/path", "path"),
        ("http://proxy.example/?query", "path or query"),
        ("http://user:%ff@proxy.example", "UTF-8"),
    ] {
        let complaint = EgressProxy::url(text).unwrap_err().to_string();
        assert!(complaint.contains(words), "{text}: {complaint}");
    }
}

#[test]
fn no_password_is_printed() {
    let proxy = EgressProxy::url("http://user:canary@proxy.example:3128").unwrap();
    let printed = format!("{proxy:?}");
    assert!(printed.contains("proxy.example:3128"), "{printed}");
    for secret in ["canary", "user", "dXNlcjpjYW5hcnk="] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for text in [
        "http://user:canary@proxy example",
        "ftp://user:canary@proxy",
    ] {
        let complaint = format!("{:?}", EgressProxy::url(text).unwrap_err());
        assert!(!complaint.contains("canary"), "{complaint}");
    }
}

#[test]
fn the_environment_is_read_in_lower_case_first() {
    let proxy = environment(&[
        ("https_proxy", "http://lower:1"),
        ("HTTPS_PROXY", "http://upper:1"),
        ("http_proxy", " "),
        ("HTTP_PROXY", "upper:2"),
    ])
    .unwrap();
    assert_eq!(way(&proxy, "https://a.example/"), Some("lower:1".into()));
    assert_eq!(way(&proxy, "http://a.example/"), Some("upper:2".into()));
    let all = environment(&[("ALL_PROXY", "http://all:3")]).unwrap();
    assert_eq!(way(&all, "https://a.example/"), Some("all:3".into()));
    assert_eq!(way(&all, "http://a.example/"), Some("all:3".into()));
    let none = environment(&[]).unwrap();
    assert_eq!(way(&none, "https://a.example/"), None);
}

#[test]
fn the_environment_is_refused_by_the_variable_that_is_wrong() {
    let complaint = environment(&[("HTTPS_PROXY", "socks5://user:canary@proxy:1080")])
        .unwrap_err()
        .to_string();
    assert!(complaint.contains("HTTPS_PROXY: "), "{complaint}");
    assert!(complaint.contains("socks5:// is not"), "{complaint}");
    assert!(!complaint.contains("canary"), "{complaint}");
    environment(&[("all_proxy", "socks5://proxy:1080")]).unwrap_err();
    let unused = environment(&[
        ("all_proxy", "socks5://proxy:1080"),
        ("https_proxy", "http://proxy:1"),
        ("http_proxy", "http://proxy:1"),
    ]);
    assert!(unused.is_ok(), "{unused:?}");
}

#[test]
fn no_proxy_and_loopback_are_reached_directly() {
    let proxy = environment(&[
        ("https_proxy", "http://proxy:1"),
        ("no_proxy", "intern.example, .dotted.example,10.0.0.0/8"),
    ])
    .unwrap();
    for (destination, through) in [
        ("https://tenant.rest.example/", true),
        ("https://intern.example:8443/", false),
        ("https://a.intern.example/", false),
        ("https://notintern.example/", true),
        ("https://a.dotted.example/", false),
        ("https://10.1.2.3/", false),
        ("https://11.1.2.3/", true),
        ("https://localhost:443/", false),
        ("https://a.localhost/", false),
        ("https://127.0.0.9/", false),
        ("https://[::1]:8443/", false),
        ("https://[::ffff:127.0.0.1]/", false),
    ] {
        assert_eq!(way(&proxy, destination).is_some(), through, "{destination}");
    }
    let everything = environment(&[("https_proxy", "http://proxy:1"), ("no_proxy", "*")]).unwrap();
    assert_eq!(way(&everything, "https://tenant.example/"), None);
    let url = EgressProxy::url("http://proxy:1").unwrap();
    assert!(way(&url, "https://tenant.example/").is_some());
    assert!(way(&url, "https://localhost/").is_none());
}
