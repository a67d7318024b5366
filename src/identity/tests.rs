//! Who is who: every kind of credential, right, wrong, foreign and at odds with another.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use super::*;

fn client(name: &str, secrets: &[&str]) -> ClientSettings {
    ClientSettings {
        name: name.to_owned(),
        secrets: secrets.iter().map(|secret| Secret::new(*secret)).collect(),
        usernames: vec![format!("API_{name}@example.com")],
        grant: Grant::default(),
    }
}

fn clients() -> Clients {
    Clients::new(vec![
        client("newsletter", &["one", "two"]),
        client("billing", &["three"]),
        client("certified", &[]),
    ])
    .unwrap()
}

fn headers(values: &[(&str, String)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        let name: http::HeaderName = name.parse().unwrap();
        headers.append(name, value.parse().unwrap());
    }
    headers
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn who(clients: &Clients, values: &[(&str, String)]) -> Result<String, Unknown> {
    let headers = headers(values);
    name(clients.identify(&Presented::in_headers(&headers)))
}

fn name(identified: Result<Identity, Unknown>) -> Result<String, Unknown> {
    identified.map(|identity| identity.client.unwrap().name().to_owned())
}

fn selection(tenant: &str, account: Option<Mid>) -> Option<Selection> {
    let tenant = tenant.to_owned();
    Some(Selection { tenant, account })
}

#[test]
fn names_and_secrets_in_either_header() {
    let clients = clients();
    for (name, password) in [
        ("newsletter", "one"),
        ("newsletter", "two"),
        ("NewsLetter", "one"),
        ("api_NEWSLETTER@example.com", "two"),
    ] {
        for header in ["authorization", "proxy-authorization"] {
            let found = who(&clients, &[(header, basic(name, password))]);
            assert_eq!(found.as_deref(), Ok("newsletter"), "{name} {header}");
        }
    }
    for (name, password, why) in [
        ("newsletter", "three", Unknown::Wrong),
        ("newsletter", "", Unknown::Wrong),
        ("newsletter", "one ", Unknown::Wrong),
        ("certified", "", Unknown::Wrong),
        ("somebody", "one", Unknown::NoCredentials),
        ("", "", Unknown::NoCredentials),
    ] {
        let found = who(&clients, &[("authorization", basic(name, password))]);
        assert_eq!(found, Err(why), "{name}:{password}");
    }
    assert_eq!(who(&clients, &[]), Err(Unknown::NoCredentials));
    for nonsense in ["Basic !!!", "Basic", "Digest x", "Bearer of-the-tenant", ""] {
        let found = who(&clients, &[("authorization", nonsense.to_owned())]);
        assert_eq!(found, Err(Unknown::NoCredentials), "{nonsense}");
    }
}

#[test]
fn all_that_are_ours_have_to_agree_and_foreign_ones_do_not_count() {
    let clients = clients();
    let newsletter = basic("newsletter", "one");
    let foreign = "Bearer eyJ.of.the.tenant".to_owned();
    let both = |one: &String, other: &String| {
        who(
            &clients,
            &[
                ("authorization", one.clone()),
                ("proxy-authorization", other.clone()),
            ],
        )
    };
    assert_eq!(both(&foreign, &newsletter).as_deref(), Ok("newsletter"));
    assert_eq!(
        both(&basic("newsletter", "two"), &newsletter).as_deref(),
        Ok("newsletter")
    );
    assert_eq!(
        both(&basic("billing", "three"), &newsletter),
        Err(Unknown::SeveralClients)
    );
    assert_eq!(
        both(&basic("billing", "wrong"), &newsletter),
        Err(Unknown::Wrong)
    );
}

#[test]
fn placeholders_say_who_and_what_was_selected() {
    let clients = clients();
    let newsletter = clients.by_name.get("newsletter").unwrap();
    let token = clients.placeholder(
        Some(newsletter),
        selection("acme", Some(510)),
        Mode::ReadOnly,
    );
    assert!(token.len() <= PLACEHOLDER_SIZE_MAX && is_placeholder(&token));
    for headers in [
        headers(&[("authorization", format!("Bearer {token}"))]),
        headers(&[("authorization", format!("bearer  {token}"))]),
        headers(&[("proxy-authorization", basic("x", &token))]),
        headers(&[("authorization", basic(&token, ""))]),
    ] {
        let identity = clients.identify(&Presented::in_headers(&headers)).unwrap();
        assert_eq!(identity.client.unwrap().name(), "newsletter");
        assert_eq!(identity.selection, selection("acme", Some(510)));
        assert_eq!(identity.mode, Mode::ReadOnly);
    }
    let other = clients.placeholder(Some(newsletter), selection("beta", None), Mode::Full);
    let mut presented = Presented::default();
    presented.token(token.as_str());
    presented.token(other.as_str());
    assert_eq!(
        name(clients.identify(&presented)),
        Err(Unknown::SeveralSelections)
    );
}

#[test]
fn placeholders_end_with_the_secret_and_the_client() {
    let before = clients();
    let newsletter = before.by_name.get("newsletter").unwrap();
    let token = before.placeholder(Some(newsletter), None, Mode::Full);
    let with = |settings: Vec<ClientSettings>| {
        let clients = Clients::new(settings).unwrap();
        let mut presented = Presented::default();
        presented.token(token.as_str());
        name(clients.identify(&presented))
    };
    let restarted = with(vec![client("newsletter", &["one"])]);
    assert_eq!(restarted.as_deref(), Ok("newsletter"));
    let rotating = with(vec![client("newsletter", &["new", "one"])]);
    assert_eq!(rotating.as_deref(), Ok("newsletter"));
    let changed = with(vec![client("newsletter", &["new"])]);
    assert_eq!(changed, Err(Unknown::Wrong));
    let removed = with(vec![client("billing", &["one"])]);
    assert_eq!(removed, Err(Unknown::Wrong));
}

#[test]
fn no_byte_of_a_placeholder_can_be_changed() {
    let clients = clients();
    let newsletter = clients.by_name.get("newsletter").unwrap();
    let token = clients.placeholder(Some(newsletter), selection("acme", Some(510)), Mode::Full);
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        let mut presented = Presented::default();
        presented.token(changed.as_str());
        assert!(clients.identify(&presented).is_err(), "{changed}");
    }
    let (said, _signature) = token.rsplit_once('.').unwrap();
    for changed in [
        format!("{said}."),
        said.to_owned(),
        format!("{token}A"),
        format!("{token}."),
    ] {
        let mut presented = Presented::default();
        presented.token(changed.as_str());
        assert_eq!(
            name(clients.identify(&presented)),
            Err(Unknown::Wrong),
            "{changed}"
        );
    }
}

#[test]
fn a_client_without_a_secret_is_known_by_its_certificate_alone() {
    let clients = clients();
    let certified = clients.by_name.get("certified").unwrap();
    let token = clients.placeholder(Some(certified), selection("acme", None), Mode::Full);
    let names = ["nobody".to_owned(), "certified".to_owned()];
    let with = |names, token: Option<&str>| {
        let mut presented = Presented::default();
        presented.certificate(names);
        if let Some(token) = token {
            presented.token(token.to_owned());
        }
        name(clients.identify(&presented))
    };
    assert_eq!(with(&names, None).as_deref(), Ok("certified"));
    assert_eq!(with(&names, Some(&token)).as_deref(), Ok("certified"));
    assert_eq!(with(&[], Some(&token)), Err(Unknown::Wrong));
    let others = ["billing".to_owned()];
    assert_eq!(with(&others, Some(&token)), Err(Unknown::Wrong));
    assert_eq!(with(&names[..1], None), Err(Unknown::Wrong));
}

#[test]
fn established_names_count_like_any_other() {
    let clients = clients();
    let mut presented = Presented::default();
    presented.establish("billing");
    assert_eq!(name(clients.identify(&presented)).as_deref(), Ok("billing"));
    presented.password("newsletter", &Secret::new("one"));
    assert_eq!(
        name(clients.identify(&presented)),
        Err(Unknown::SeveralClients)
    );
    let mut gone = Presented::default();
    gone.establish("removed");
    assert_eq!(name(clients.identify(&gone)), Err(Unknown::Wrong));
}

#[test]
fn without_clients_placeholders_only_select() {
    let nobody = Clients::new(Vec::new()).unwrap();
    let signed = {
        let clients = clients();
        let newsletter = Arc::clone(clients.by_name.get("newsletter").unwrap());
        clients.placeholder(Some(&newsletter), selection("acme", None), Mode::NoSend)
    };
    let unsigned = nobody.placeholder(None, selection("acme", None), Mode::NoSend);
    for token in [signed, unsigned] {
        let mut presented = Presented::default();
        presented.token(token);
        let identity = nobody.identify(&presented).unwrap();
        assert!(identity.client.is_none());
        assert_eq!(identity.selection, selection("acme", None));
        assert_eq!(identity.mode, Mode::NoSend);
    }
    let mut broken = Presented::default();
    broken.token("sfmc-auth-proxy.1.x");
    assert_eq!(nobody.identify(&broken).err(), Some(Unknown::Wrong));
}

#[test]
fn the_longest_placeholder_fits() {
    let name = "n".repeat(63);
    let clients = Clients::new(vec![client(&name, &["s"])]).unwrap();
    let client = clients.by_name.get(&name).unwrap();
    let selection = selection(&"t".repeat(63), Some(Mid::MAX));
    let token = clients.placeholder(Some(client), selection, Mode::ReadOnly);
    assert!(token.len() <= PLACEHOLDER_SIZE_MAX, "{}", token.len());
}

#[test]
fn grants_cover_what_they_name() {
    let grant = Grant {
        tenants: vec!["acme".to_owned(), "beta".to_owned()],
        accounts: BTreeMap::from([("acme".to_owned(), vec![2, 3])]),
        ..Grant::default()
    };
    assert!(grant.covers("acme", Some(3), Some(1)));
    assert!(
        !grant.covers("acme", Some(1), Some(1)),
        "its own list counts"
    );
    assert!(!grant.covers("acme", None, None));
    assert!(grant.covers("beta", Some(1), Some(1)));
    assert!(grant.covers("beta", None, None));
    assert!(!grant.covers("beta", Some(2), Some(1)));
    assert!(!grant.covers("gamma", Some(2), Some(2)));
    assert_eq!(grant.default_tenant(), Some("acme"));
    assert_eq!(grant.default_account("acme"), Some(2));
    assert_eq!(grant.default_account("beta"), None);
    let everything = Grant {
        everything: true,
        ..grant
    };
    assert_eq!(everything.default_tenant(), None);
    assert_eq!(everything.default_account("acme"), None);
    assert!(everything.covers("gamma", Some(9), None));
}

#[test]
fn guessing_gets_slower_and_is_forgiven_with_time() {
    let throttle = Throttle::default();
    let start = Instant::now();
    for _mistyped in 0..8 {
        assert_eq!(throttle.failed(start), Duration::ZERO);
    }
    let mut last = Duration::ZERO;
    for _guess in 0..20 {
        let delay = throttle.failed(start);
        assert!(delay >= last && delay > Duration::ZERO);
        last = delay;
    }
    assert_eq!(last, DELAY_MAX_IN_TEST);
    let later = start + Duration::from_secs(120);
    assert_eq!(throttle.failed(later), Duration::ZERO);
}

const DELAY_MAX_IN_TEST: Duration = Duration::from_secs(2);
