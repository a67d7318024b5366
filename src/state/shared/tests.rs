//! The pure parts: URLs, sealed values, names, and when a login may be spent.

use super::sealed::{open, seal};
use super::spending::{Mark, PATIENCE, may_spend};
use super::*;
use crate::secret::Secret;

const OLD: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=";
const NEW: &str = "EjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8=";

fn keys(texts: &[&str]) -> Keys {
    let texts: Vec<_> = texts.iter().copied().map(Secret::new).collect();
    Keys::new(&texts).unwrap()
}

#[test]
fn urls_of_servers() {
    for (text, expected) in [
        ("redis://r.example", "redis://r.example:6379, -, 0"),
        ("rediss://R.example:7000/5", "rediss://r.example:7000, -, 5"),
        ("valkey://10.0.0.1/", "redis://10.0.0.1:6379, -, 0"),
        ("valkeys://:pw@v", "rediss://v:6379, -:pw, 0"),
        ("redis://me:p%40w%2F@[::1]:1", "redis://::1:1, me:p@w/, 0"),
        ("redis://me@r", "redis://r:6379, me:-, 0"),
        ("redis://r:r@r:6380/1", "redis://r:6380, r:r, 1"),
    ] {
        let url = RedisUrl::parse(&Secret::new(text)).unwrap();
        let show = |secret: &Option<String>| secret.clone().unwrap_or_else(|| "-".to_owned());
        let info = url.connection_info();
        let user = show(&info.username().map(str::to_owned));
        let password = show(&info.password().map(str::to_owned));
        let who = if user == "-" && password == "-" {
            "-".to_owned()
        } else {
            format!("{user}:{password}")
        };
        assert_eq!(format!("{url}, {who}, {}", info.db()), expected, "{text}");
    }
    for (text, expected) in [
        ("", RedisUrlError::Url),
        ("redis", RedisUrlError::Url),
        ("redis://r:0", RedisUrlError::Url),
        ("redis://r:x", RedisUrlError::Url),
        ("http://r", RedisUrlError::Scheme),
        ("unix:///run/redis", RedisUrlError::Url),
        ("redis://r/one", RedisUrlError::Path),
        ("redis://r/+1", RedisUrlError::Path),
        ("redis://r/0?x=1", RedisUrlError::Path),
        ("redis://u:%ff@r", RedisUrlError::Credentials),
    ] {
        let error = RedisUrl::parse(&Secret::new(text)).unwrap_err();
        assert_eq!(error, expected, "{text}");
    }
}

#[test]
fn a_url_prints_without_who_asks() {
    let url = RedisUrl::parse(&Secret::new("rediss://someone:s3cret@r")).unwrap();
    let settings = SharedSettings {
        url,
        keys: keys(&[OLD]),
        extra_roots: Vec::new(),
    };
    let shown = format!("{settings:?} {}", settings.url);
    assert!(shown.contains("rediss://r:6379"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("someone"));
}

#[test]
fn a_value_opens_under_its_own_name_alone() {
    let sealed = seal(&keys(&[OLD]), "one", 7, &Secret::new("content")).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("content"));
    let opened = |keys: &Keys, name: &str, generation: u64, bytes: &[u8]| {
        open(keys, name, generation, bytes).map(|(secret, newest)| {
            assert_eq!(secret.expose(), "content");
            newest
        })
    };
    assert_eq!(opened(&keys(&[OLD]), "one", 7, &sealed), Ok(true));
    assert_eq!(opened(&keys(&[NEW, OLD]), "one", 7, &sealed), Ok(false));
    assert!(matches!(
        opened(&keys(&[NEW]), "one", 7, &sealed),
        Err(Fault::KeyNotGiven { .. })
    ));
    let own = keys(&[OLD]);
    assert_eq!(opened(&own, "two", 7, &sealed), Err(Fault::Damaged));
    assert_eq!(opened(&own, "one", 8, &sealed), Err(Fault::Damaged));
    assert_eq!(opened(&own, "one", 7, b"something"), Err(Fault::Foreign));
    assert_eq!(opened(&own, "one", 7, b""), Err(Fault::Foreign));
    for place in 0..sealed.len() {
        let mut altered = sealed.clone();
        altered[place] ^= 1;
        assert!(opened(&own, "one", 7, &altered).is_err(), "byte {place}");
        assert!(opened(&own, "one", 7, &sealed[..place]).is_err());
    }
}

#[test]
fn names_tell_parts_apart_and_show_none() {
    let of = |parts: &[Option<&str>]| Name::of(parts).key("token");
    let name = of(&[Some("https://auth/"), Some("client"), None]);
    assert!(name.starts_with("sfmc-auth-proxy:{") && name.ends_with("}:token"));
    assert!(!name.contains("client"), "{name}");
    for other in [
        of(&[Some("https://auth/"), Some("client"), Some("")]),
        of(&[Some("https://auth/c"), Some("lient"), None]),
        of(&[Some("https://auth/"), None, Some("client")]),
    ] {
        assert_ne!(name, other);
    }
}

#[test]
fn a_login_that_somebody_else_is_spending_is_left_alone() {
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
    let start = 1_700_000_000_000;
    let mark = |spender: &str, is_written| {
        Some(Mark {
            spender: spender.to_owned(),
            since_ms: start,
            is_written,
        })
    };
    let (ours, other, written) = (mark("me", false), mark("other", false), mark("other", true));
    for (mark, now_ms, connected_ms, expected, why) in [
        (&None, start, start, true, "nobody is"),
        (&ours, start, start, true, "it is us"),
        (&other, start + 1, 0, false, "it just began"),
        (&other, start + patience - 1, 0, false, "not over yet"),
        (&other, start + patience, 0, true, "its owner is dead"),
        (&other, start + patience, start + 1, false, "cut off as we"),
        (&other, start + 3 * patience, start + patience, true, "time"),
        (&other, start - 5, 0, false, "clocks go back"),
        (&written, start + 999, 0, false, "its access token follows"),
        (&written, start + 1_000, start + 999, true, "it did not"),
    ] {
        let found = may_spend(mark.as_ref(), "me", now_ms, connected_ms);
        assert_eq!(found, expected, "{why}");
    }
}
