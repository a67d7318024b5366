//! What is begun and what comes back, without a browser and without anybody who would redeem a code.

use std::time::Duration;

use tokio::runtime::Handle;

use super::attempts::{ATTEMPTS_MAX, LIFETIME, SESSION_ATTEMPTS_MAX};
use super::*;
use crate::metrics::Metrics;
use crate::state::Keeper;
use crate::token::{Endpoint, EndpointSettings, InstanceLock, Kind, Labels, TokenStore};
use crate::upstream::{self, Trust, Upstream};

const PARENT: Mid = 510_001_234;
const EMEA: Mid = 510_001_235;
const SECOND: Duration = Duration::from_secs(1);

fn upstream() -> Arc<Upstream> {
    Upstream::new(upstream::Settings {
        resolve_with: upstream::ResolveWith::System,
        proxy: upstream::EgressProxy::None,
        connect_timeout: SECOND,
        pool_idle_timeout: SECOND,
        headers_max: 256,
        header_size_max: 64 << 10,
        preserve_header_case: false,
        body_stall_timeout: SECOND,
    })
}

/// A desk for `acme`, with a default account and `emea`, where nobody listens.
fn desk(pkce: bool) -> Desk {
    let settings = EndpointSettings {
        kind: Kind::MarketingCloud,
        grant_type: GrantType::AuthorizationCode {
            redirect_uri: "http://127.0.0.1:7363/oauth/callback".to_owned(),
            pkce,
        },
        auth_url: "http://127.0.0.1:1/".parse().unwrap(),
        client_id: "id".to_owned(),
        client_secrets: Vec::new(),
        scope: None,
        refresh_before: SECOND,
        token_lifetime: SECOND,
        lock: InstanceLock::default(),
    };
    let trust = Trust::system().unwrap();
    let endpoint = Endpoint::new("acme", settings, upstream(), trust, Keeper::Memory).unwrap();
    let endpoint = Arc::new(endpoint);
    let store = TokenStore::new(Handle::current(), Metrics::new().unwrap(), 2, 20);
    let account = |mid, name: &str| {
        let labels = Labels {
            tenant: "acme".to_owned(),
            account: name.to_owned(),
        };
        store.account(&endpoint, Some(mid), labels)
    };
    let (parent, emea) = (account(PARENT, "default"), account(EMEA, "emea"));
    let tenant = Tenant {
        default: Some(Arc::clone(&parent)),
        names: HashMap::from([("emea".to_owned(), EMEA)]),
        accounts: HashMap::from([(PARENT, parent), (EMEA, emea)]),
    };
    Desk::new(HashMap::from([("acme".to_owned(), tenant)]), true)
}

/// A parameter of an authorize URL.
fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?').unwrap();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find_map(|(key, value)| (key == name).then(|| value.into_owned()))
}

fn state(url: &str) -> String {
    parameter(url, "state").unwrap()
}

/// The error that this state gets with a declined login, at this time.
async fn declined(desk: &Desk, state: &str, session: Option<u64>, now: Instant) -> LoginError {
    let query = format!("error=access_denied&state={state}");
    desk.finish(&query, session, now).await.unwrap_err().error
}

#[tokio::test]
async fn every_login_has_a_state_and_a_challenge_of_its_own() {
    let (desk, now) = (desk(true), Instant::now());
    let urls: Vec<_> = (0..20)
        .map(|_| desk.begin("acme", None, None, now).unwrap())
        .collect();
    for name in ["state", "code_challenge"] {
        let mut texts: Vec<_> = urls
            .iter()
            .map(|url| parameter(url, name).unwrap())
            .collect();
        assert!(texts.iter().all(|text| {
            URL_SAFE_NO_PAD
                .decode(text)
                .is_ok_and(|bytes| bytes.len() == 32)
        }));
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), urls.len());
    }
    assert_eq!(
        parameter(&urls[0], "code_challenge_method").as_deref(),
        Some("S256")
    );
    let without = self::desk(false).begin("acme", None, None, now).unwrap();
    assert_eq!(parameter(&without, "code_challenge"), None);
}

#[tokio::test]
async fn the_challenge_is_made_of_the_verifier() {
    let (desk, now) = (desk(true), Instant::now());
    let url = desk.begin("acme", None, None, now).unwrap();
    let attempt = desk.attempts().take(&sha256(&state(&url)), now).unwrap();
    let verifier = attempt.verifier.unwrap();
    let digest = digest::digest(&digest::SHA256, verifier.expose().as_bytes());
    assert_eq!(
        parameter(&url, "code_challenge").unwrap(),
        URL_SAFE_NO_PAD.encode(digest)
    );
    assert_eq!(verifier.expose().len(), 43, "RFC 7636 wants 43 to 128");
}

#[tokio::test]
async fn an_answer_is_good_once_and_for_ten_minutes() {
    let (desk, now) = (desk(true), Instant::now());
    let url = desk.begin("acme", None, None, now).unwrap();
    let last = now + LIFETIME - SECOND;
    let error = declined(&desk, &state(&url), None, last).await;
    assert!(matches!(error, LoginError::Denied { .. }), "{error}");
    let replayed = declined(&desk, &state(&url), None, last).await;
    assert_eq!(replayed, LoginError::Unknown);
    let url = desk.begin("acme", None, None, now).unwrap();
    let late = declined(&desk, &state(&url), None, now + LIFETIME).await;
    assert_eq!(late, LoginError::Unknown);
}

#[tokio::test]
async fn an_answer_belongs_to_the_session_that_asked() {
    let (desk, now) = (desk(true), Instant::now());
    for (begun, finished) in [(Some(1), Some(2)), (Some(1), None), (None, Some(1))] {
        let url = desk.begin("acme", None, begun, now).unwrap();
        let query = format!("code=c&state={}", state(&url));
        let failed = desk.finish(&query, finished, now).await.unwrap_err();
        assert_eq!(failed.error, LoginError::OtherSession);
    }
    let url = desk.begin("acme", None, Some(1), now).unwrap();
    let error = declined(&desk, &state(&url), Some(1), now).await;
    assert!(matches!(error, LoginError::Denied { .. }), "{error}");
}

#[tokio::test]
async fn one_session_pushes_only_its_own_logins_out_and_all_together_are_bounded() {
    let (desk, now) = (desk(true), Instant::now());
    let begin = |session| state(&desk.begin("acme", None, Some(session), now).unwrap());
    let other = begin(0);
    let first = begin(1);
    let second = begin(1);
    for _ in 1..SESSION_ATTEMPTS_MAX {
        begin(1);
    }
    assert_eq!(
        declined(&desk, &first, Some(1), now).await,
        LoginError::Unknown
    );
    for (state, session) in [(second, 1), (other, 0)] {
        let error = declined(&desk, &state, Some(session), now).await;
        assert!(matches!(error, LoginError::Denied { .. }), "{error}");
    }
    let begin = |session| state(&desk.begin("acme", None, Some(session), now).unwrap());
    let states: Vec<_> = (0..=ATTEMPTS_MAX as u64)
        .map(|number| begin(100 + number))
        .collect();
    let oldest = declined(&desk, &states[0], Some(100), now).await;
    assert_eq!(oldest, LoginError::Unknown);
    let next = declined(&desk, &states[1], Some(101), now).await;
    assert!(matches!(next, LoginError::Denied { .. }), "{next}");
}

#[tokio::test]
async fn what_is_no_answer_uses_nothing_up() {
    let (desk, now) = (desk(true), Instant::now());
    let state = state(&desk.begin("acme", None, None, now).unwrap());
    let long = "x".repeat(QUERY_SIZE_MAX);
    for query in [
        String::new(),
        "code=c".to_owned(),
        "code=c&state=".to_owned(),
        format!("code=c&code=d&state={state}"),
        format!("code=c&state={state}&state={state}"),
        format!("code={long}&state={state}"),
    ] {
        let failed = desk.finish(&query, None, now).await.unwrap_err();
        assert_eq!(failed.error, LoginError::Malformed, "{query}");
        assert!(failed.place.is_none());
    }
    let other = if state.ends_with('A') { 'E' } else { 'A' };
    let almost = format!("{}{other}", &state[..42]);
    let foreign = declined(&desk, &almost, None, now).await;
    assert_eq!(foreign, LoginError::Unknown);
    // Neither code nor error: the state is used up, since nobody but the vendor knew it.
    let failed = desk.finish(&format!("state={state}"), None, now).await;
    let failed = failed.unwrap_err();
    assert_eq!(failed.error, LoginError::Malformed);
    assert_eq!(failed.place.unwrap().tenant, "acme");
}

#[tokio::test]
async fn tenants_and_accounts_are_found_by_name_and_member_id() {
    let desk = desk(true);
    let place = desk.place("ACME", Some("Emea")).unwrap();
    assert_eq!(
        (place.to_string().as_str(), place.mid),
        ("acme:emea", Some(EMEA))
    );
    let place = desk.place("acme", Some("510001235")).unwrap();
    assert_eq!(place.to_string(), "acme:emea");
    let place = desk.place("acme", None).unwrap();
    assert_eq!(
        (place.to_string().as_str(), place.mid),
        ("acme", Some(PARENT))
    );
    let error = desk.place("acme", Some("apac")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tenant acme has no account apac that takes a login; there are: emea"
    );
    let error = desk.place("nobody\u{202e}\n", None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no tenant nobody   that takes a login"
    );
}

#[test]
fn every_refusal_has_words_and_a_fix() {
    for (error, word, fix) in [
        ("access_denied", "declined", "Allow"),
        ("invalid_request", "understand", "pkce = false"),
        ("unauthorized_client", "may not log users in", "web app"),
        ("invalid_client", "client id", "client_id"),
        ("invalid_scope", "scope", "offline"),
        ("unsupported_response_type", "codes", "web app"),
        ("server_error", "trouble", "minutes"),
        ("temporarily_unavailable", "busy", "minutes"),
        ("redirect_uri_mismatch", "come back", "letter for letter"),
        ("invalid_client_id", "client id", "consumer key"),
        ("OAUTH_APP_BLOCKED", "blocked", "unblocked"),
        ("oauth_app_access_denied", "not admitted", "permission set"),
        ("something_new", "refused", "documentation"),
    ] {
        let denied = LoginError::denied(error, "as they say");
        let words = denied.to_string();
        assert!(words.contains(word), "{words}");
        assert!(words.ends_with(&format!("{error}, as they say")), "{words}");
        assert!(denied.fix().contains(fix), "{error}: {}", denied.fix());
    }
    let long = LoginError::denied("x", &"y\u{202e}\r\n".repeat(1000)).to_string();
    assert!(
        long.len() < 400 && !long.contains(['\u{202e}', '\n']),
        "{long}"
    );
}
