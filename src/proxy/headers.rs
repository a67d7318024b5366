//! Header hygiene, both ways. Builds new maps in order instead of taking names out, so that what stays keeps its place.
//!
//! Nothing of the caller's own credentials leaves, and nothing that holds for one connection only passes on to another.

use http::header::{
    self, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE,
    EXPECT, HOST, HeaderName, IF_RANGE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE, VIA,
};
use http::{HeaderMap, HeaderValue, request};

use super::route::Selected;
use crate::secret::{SECURE_SESSION_COOKIE, SESSION_COOKIE};
use crate::spans::Context;
use crate::token::{AccessToken, InstanceUrl};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACE_STATE: HeaderName = HeaderName::from_static("tracestate");
const REQUEST_ID_SIZE_MAX: usize = 128;
const BUSINESS_UNIT: HeaderName = HeaderName::from_static("pardot-business-unit-id");
/// The token of core Salesforce's Bulk API 1.0.
pub(super) const SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");
const ROOM_FOR_OURS: usize = 4;

/// What a request's head becomes on its way out; the token comes last, in [`Onward::with_bearer`].
pub(super) struct Onward {
    headers: HeaderMap,
}

impl Onward {
    /// The caller's headers without what must not leave, `X-Request-Id` made where it is missing.
    pub(super) fn new(head: &request::Parts, request_id: &HeaderValue, via: bool) -> Self {
        let named = Named::by(&head.headers);
        let mut headers = HeaderMap::with_capacity(head.headers.len() + ROOM_FOR_OURS);
        // Filled in with the token, so that Host stands first.
        headers.insert(HOST, HeaderValue::from_static(""));
        for (name, value) in &head.headers {
            if !leaves_here(name) && !named.contains(name) && *name != REQUEST_ID {
                if let Some(value) = foreign(name, value) {
                    headers.append(name, value);
                }
            } else if *name == CONTENT_LENGTH {
                headers.insert(name, value.clone());
            }
        }
        if accepts_trailers(&head.headers) {
            headers.insert(TE, HeaderValue::from_static("trailers"));
            headers.insert(CONNECTION, HeaderValue::from_static("TE"));
        }
        headers.insert(REQUEST_ID, request_id.clone());
        if via {
            headers.append(VIA, HeaderValue::from_static("1.1 sfmc-auth-proxy"));
        }
        Self { headers }
    }

    /// The head for one REST attempt: exactly one `Authorization`, and a host that came with that very token.
    pub(super) fn with_bearer(&self, token: &AccessToken, instance: &InstanceUrl) -> HeaderMap {
        let mut headers = self.without_bearer(instance);
        headers.insert(AUTHORIZATION, token.bearer().clone());
        headers
    }

    /// The same for the Bulk API, which knows no `Authorization`. `None` if no header can carry the token.
    pub(super) fn with_session(
        &self,
        token: &AccessToken,
        instance: &InstanceUrl,
    ) -> Option<HeaderMap> {
        let mut session = HeaderValue::try_from(token.secret().expose()).ok()?;
        session.set_sensitive(true);
        let mut headers = self.without_bearer(instance);
        headers.insert(SESSION, session);
        Some(headers)
    }

    /// The head for one attempt that has its token elsewhere, or none.
    pub(super) fn without_bearer(&self, instance: &InstanceUrl) -> HeaderMap {
        let mut headers = self.headers.clone();
        headers.insert(HOST, instance.destination().authority().clone());
        headers
    }

    /// For an envelope that is written anew: its length and packing are ours, and we look into its answer.
    pub(super) fn of_envelope(mut self) -> Self {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.remove(CONTENT_ENCODING);
        self.headers.remove(TRAILER);
        self.of_readable()
    }

    /// The answer has to be one that we can look into.
    pub(super) fn of_readable(mut self) -> Self {
        if let Some(accepted) = self.headers.get(ACCEPT_ENCODING) {
            let gzip = accepted.to_str().is_ok_and(accepts_gzip);
            let ours = if gzip { "gzip" } else { "identity" };
            self.headers
                .insert(ACCEPT_ENCODING, HeaderValue::from_static(ours));
        }
        self
    }

    /// For a trace that begins here: what the caller says of one is of none.
    pub(super) fn of_new_trace(mut self) -> Self {
        for name in [TRACE_PARENT, TRACE_STATE] {
            self.headers.remove(name);
        }
        self
    }

    /// For Account Engagement: the tenant's business unit, whatever the caller says.
    pub(super) fn of_business_unit(mut self, business_unit: &HeaderValue) -> Self {
        self.headers.insert(BUSINESS_UNIT, business_unit.clone());
        self
    }

    /// For a document that is changed on its way back: plain and whole.
    pub(super) fn of_document(mut self) -> Self {
        for name in [ACCEPT_ENCODING, RANGE, IF_RANGE] {
            self.headers.remove(name);
        }
        self
    }
}

/// The head of a request for a host that is no tenant's: as it came, but for what ends at a proxy. `authorization` tells
/// whether the caller's own credentials there are for that host.
pub(super) fn elsewhere(
    head: &request::Parts,
    host: HeaderValue,
    authorization: bool,
) -> HeaderMap {
    let named = Named::by(&head.headers);
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    headers.insert(HOST, host);
    for (name, value) in &head.headers {
        let ours = *name == HOST
            || *name == EXPECT
            || *name == SESSION
            || is_hop_by_hop(name)
            || name.as_str().starts_with("sfmc-")
            || (*name == AUTHORIZATION && !authorization);
        if ((!ours && !named.contains(name)) || *name == CONTENT_LENGTH)
            && let Some(value) = foreign(name, value)
        {
            headers.append(name, value);
        }
    }
    headers
}

/// What is left of a header without the cookies of our own sessions: browsers tell hosts apart and not ports, so that what the
/// admin listener gave comes here too. `None`: nothing is.
fn foreign(name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
    if *name != COOKIE {
        return Some(value.clone());
    }
    let pairs = || value.as_bytes().split(|byte| *byte == b';');
    if !pairs().any(is_session) {
        return Some(value.clone());
    }
    let left: Vec<_> = pairs().filter(|pair| !is_session(pair)).collect();
    let left = left.join(&b';');
    let left = left.trim_ascii();
    (!left.is_empty()).then(|| HeaderValue::from_bytes(left).ok())?
}

fn is_session(pair: &[u8]) -> bool {
    let name = pair.split(|byte| *byte == b'=').next();
    let name = name.unwrap_or_default().trim_ascii();
    name == SESSION_COOKIE.as_bytes() || name == SECURE_SESSION_COOKIE.as_bytes()
}

/// What an answer of such a host becomes.
pub(super) fn from_elsewhere(answer: &HeaderMap) -> HeaderMap {
    let named = Named::by(answer);
    let mut headers = HeaderMap::with_capacity(answer.len());
    for (name, value) in answer {
        let stays = !is_hop_by_hop(name) && !named.contains(name) && *name != TRAILER;
        if stays || *name == CONTENT_LENGTH {
            headers.append(name, value.clone());
        }
    }
    headers
}

fn accepts_gzip(accepted: &str) -> bool {
    accepted.split(',').any(|one| {
        let (name, weight) = one.split_once(';').unwrap_or((one, ""));
        let weight: String = weight.split_whitespace().collect();
        let refused = weight
            .strip_prefix("q=")
            .is_some_and(|weight| weight.trim_start_matches(['0', '.']).is_empty());
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// Headers that end at this proxy: hop-by-hop, the caller's credentials, its selectors, and what tells of other proxies.
fn leaves_here(name: &HeaderName) -> bool {
    is_hop_by_hop(name)
        || *name == HOST
        || *name == AUTHORIZATION
        || *name == SESSION
        || *name == EXPECT
        || *name == header::FORWARDED
        || name.as_str().starts_with("sfmc-")
        || name.as_str().starts_with("x-forwarded-")
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == CONNECTION
        || *name == TE
        || *name == TRANSFER_ENCODING
        || *name == UPGRADE
        || *name == PROXY_AUTHORIZATION
        || *name == PROXY_AUTHENTICATE
        || matches!(
            name.as_str(),
            "keep-alive" | "proxy-connection" | "proxy-authentication-info" | "http2-settings"
        )
}

/// The names that `Connection` lists. Framing is never among them: a body's length is not the caller's to hide.
struct Named<'a>(Vec<&'a str>);

impl<'a> Named<'a> {
    fn by(headers: &'a HeaderMap) -> Self {
        let values = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok());
        Self(
            values
                .flat_map(|value| value.split(','))
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .collect(),
        )
    }

    fn contains(&self, name: &HeaderName) -> bool {
        self.0
            .iter()
            .any(|named| named.eq_ignore_ascii_case(name.as_str()))
    }
}

/// Whether the caller said `TE: trailers`.
pub(super) fn accepts_trailers(headers: &HeaderMap) -> bool {
    let values = headers
        .get_all(TE)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// The caller's `X-Request-Id` if it is fit to be passed on, else a new one.
pub(super) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let given = headers.get(REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        !bytes.is_empty()
            && bytes.len() <= REQUEST_ID_SIZE_MAX
            && bytes.iter().all(u8::is_ascii_graphic)
    });
    given.cloned().unwrap_or_else(|| {
        let made = format!("{:032x}", fastrand::u128(..));
        HeaderValue::try_from(made).unwrap_or(HeaderValue::from_static("-"))
    })
}

/// The span that the caller says its request belongs to; `None` if it says several, or nothing that can be read.
pub(super) fn trace_context(headers: &HeaderMap) -> Option<Context> {
    let mut given = headers.get_all(TRACE_PARENT).iter();
    let context = Context::parse(given.next()?.to_str().ok()?);
    context.filter(|_| given.next().is_none())
}

/// The trace id of W3C's `traceparent`.
pub(super) fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACE_PARENT)?.to_str().ok()?;
    text.split('-')
        .nth(1)
        .filter(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The tenant's headers as the caller gets them, and where the call went.
pub(super) fn back(
    answer: &HeaderMap,
    account: &Selected,
    browser: bool,
    caller_takes_trailers: bool,
) -> HeaderMap {
    let named = Named::by(answer);
    let mut headers = HeaderMap::with_capacity(answer.len() + ROOM_FOR_OURS);
    for (name, value) in answer {
        let stays =
            !is_hop_by_hop(name) && !named.contains(name) && !name.as_str().starts_with("sfmc-");
        if (stays && (caller_takes_trailers || *name != TRAILER)) || *name == CONTENT_LENGTH {
            headers.append(name, value.clone());
        }
    }
    ours(&mut headers, Some(account), browser);
    headers
}

/// What every answer carries, the proxy's own included.
pub(super) fn ours(headers: &mut HeaderMap, account: Option<&Selected>, browser: bool) {
    if let Some(account) = account {
        headers.insert(
            HeaderName::from_static("sfmc-tenant"),
            account.tenant_header.clone(),
        );
        if let Some(mid) = &account.account_header {
            headers.insert(HeaderName::from_static("sfmc-account"), mid.clone());
        }
    }
    if browser {
        // Content opened through the proxy must not be able to use the proxy.
        headers.append(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("sandbox"),
        );
        headers.insert(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        );
    }
}

/// Trailers of a request or an answer without what must not pass.
pub(super) fn trailers(trailers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(trailers.len());
    for (name, value) in trailers {
        if !leaves_here(name) && *name != CONTENT_LENGTH {
            kept.append(name, value.clone());
        }
    }
    kept
}
