//! The likely cause of an answer that is no success, and the scope that a call needs: what the caller is told beside the tenant's own
//! words.
//!
//! The table of scopes is asked, and nothing hangs on what it says but words.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Call;
use super::asked::Api;
use super::route::Choice;
use super::verdict::Verdict;
use crate::policy::scopes::{self, Certainty, Need};
use crate::soap::envelope::Envelope;
use crate::token::{AccessToken, Because, Kind};

const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The scopes that a call needs.
#[derive(Clone, Copy)]
pub(super) struct Needed {
    /// The one that the call counts under,
    pub(super) counted: &'static str,
    /// and those that it needs beside it, as far as its token has them.
    pub(super) beside: &'static [&'static str],
    /// The first of all of them that its token does not have.
    pub(super) lacking: Option<&'static str>,
    /// Whether it has all of them; `None`: its response did not say.
    pub(super) is_granted: Option<bool>,
    /// Whether nobody has said it of this call.
    pub(super) is_guess: bool,
}

/// What a call needs, and what its token has.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    need: &'static Need,
    /// As the token response had it, if it did.
    granted: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// What is known of this call. Tenants of other kinds than Marketing Cloud have no scopes by route.
    pub(super) fn of(
        choice: &Choice,
        method: &Method,
        envelope: Option<&Envelope>,
        token: &'a AccessToken,
    ) -> Option<Self> {
        if !matches!(choice.tenant().kind(), Kind::MarketingCloud) {
            return None;
        }
        let granted = token.granted_scopes();
        let needs = match (choice.api, envelope) {
            (_, Some(envelope)) => scopes::of_envelope(envelope, granted),
            (Api::Rest | Api::Endpoints, None) => scopes::of_route(method, choice.target.path()),
            _ => return None,
        };
        let need = needs.known()?;
        Some(Self { need, granted })
    }

    /// The one that the call counts under.
    fn counted(&self) -> &'static str {
        self.need.counted(self.granted)
    }

    /// The same, to be remembered.
    pub(super) fn needed(&self) -> Needed {
        Needed {
            counted: self.need.counted(self.granted),
            beside: self.need.beside(self.granted),
            lacking: self.lacking(),
            is_granted: self.granted.map(|_granted| self.lacking().is_none()),
            is_guess: self.is_guess(),
        }
    }

    fn lacking(&self) -> Option<&'static str> {
        self.need.lacking(self.granted?)
    }

    /// `this call needs email_send`, as sure as that is.
    fn words(&self, scope: &str) -> String {
        if self.is_guess() {
            format!("this call probably needs {scope}")
        } else {
            format!("this call needs {scope}")
        }
    }

    fn is_guess(&self) -> bool {
        self.need.certainty == Certainty::Inferred
    }

    fn words_of_lack(&self, scope: &str) -> String {
        format!(
            "{}, which the token was not granted; add it to the installed package, and to the tenant's scope if that is set",
            self.words(scope)
        )
    }

    /// Where the words of a refusal may mean a missing scope.
    fn behind_refusal(&self) -> String {
        match (self.lacking(), self.granted) {
            (Some(lacking), _) => self.words_of_lack(lacking),
            (None, Some(_)) => format!(
                "{}, which the token has; look at the IP allowlist and at what the user of the package may do",
                self.words(self.counted())
            ),
            (None, None) => self.words(self.counted()),
        }
    }

    /// Where the tenant has said that something is not permitted.
    fn behind_denial(&self, what: &'static str) -> String {
        match (self.lacking(), self.granted) {
            (Some(lacking), _) => {
                let mark = if self.is_guess() { '?' } else { ':' };
                format!("missing scope{mark} {}", self.words_of_lack(lacking))
            }
            (None, Some(_)) => format!(
                "the token has {}, and {}; so the user of the package lacks the permission, or the account the feature, or \
                 the object is not shared with this account",
                self.counted(),
                self.words("it")
            ),
            (None, None) => format!("{what}; {}", self.words(self.counted())),
        }
    }
}

impl Call<'_> {
    /// The scope that it needs, as far as that is known.
    pub(super) fn scope<'t>(&self, token: &'t AccessToken) -> Option<Scope<'t>> {
        let envelope = self.payload.envelope();
        Scope::of(&self.choice, &self.outbound.method, envelope, token)
    }

    pub(super) fn note_scope(&self, token: &AccessToken) {
        if let Some(scope) = self.scope(token) {
            self.record.needs(scope.needed());
        }
    }
}

/// The likely cause of an answer that is no success.
pub(super) fn advice<'a>(
    verdict: Verdict,
    status: StatusCode,
    because: Option<Because>,
    scope: impl FnOnce() -> Option<Scope<'a>>,
) -> Option<Cow<'static, str>> {
    let general = in_general(verdict, status, because)?;
    let denied = verdict == Verdict::Accepted && status == StatusCode::FORBIDDEN;
    match (verdict, because, scope()) {
        (Verdict::Refused, Some(because), Some(scope)) if may_be_scope(because) => {
            let (said, behind) = (said(because), scope.behind_refusal());
            Some(Cow::Owned(format!("{said}; {behind}")))
        }
        (Verdict::NotPermitted, _, Some(scope)) => {
            Some(Cow::Owned(scope.behind_denial(NOT_PERMITTED)))
        }
        (_, _, Some(scope)) if denied => Some(Cow::Owned(scope.behind_denial(FORBIDDEN))),
        _ => Some(Cow::Borrowed(general)),
    }
}

const NOT_PERMITTED: &str =
    "the package lacks the scope, or its user the permission, for this object in this account";
const FORBIDDEN: &str =
    "the package lacks the scope, or the account lacks the permission or feature";

/// Whether a refusal that stands may mean that a scope is missing.
fn may_be_scope(because: Because) -> bool {
    !matches!(because, Because::NotReplayable)
}

/// What has happened, without what to do about it.
fn said(because: Because) -> &'static str {
    match because {
        Because::RouteRests | Because::ReplayRefused => {
            "missing scope? a fresh token was refused on this route too"
        }
        Because::AccountRests => {
            "the last fresh token has not been accepted anywhere yet; missing scope, or the package is disabled?"
        }
        Because::BudgetSpent => {
            "refusals have caused too many token requests of late (limits.max_forced_mints); missing scope?"
        }
        Because::NotReplayable => {
            "the token was refused and the body cannot be sent twice (limits.max_replay_size); a new token is on its way, send again"
        }
    }
}

/// What can be said without a word on scopes, in words that do not change.
fn in_general(
    verdict: Verdict,
    status: StatusCode,
    because: Option<Because>,
) -> Option<&'static str> {
    Some(match (verdict, because) {
        (Verdict::Refused, Some(Because::RouteRests | Because::ReplayRefused)) => {
            "missing scope? a fresh token was refused on this route too; compare the package's scopes with what the call needs"
        }
        (Verdict::Refused, Some(because)) => said(because),
        (Verdict::Refused, None) => "the token was refused",
        (Verdict::Throttled, _) if status == StatusCode::TOO_MANY_REQUESTS => {
            "the tenant's rate limit was met; wait as Retry-After says"
        }
        (Verdict::Throttled, _) => {
            "the tenant throttles SOAP calls; make fewer at a time and wait before the next"
        }
        (Verdict::NotPermitted, _) => NOT_PERMITTED,
        (Verdict::Accepted | Verdict::Unknown, _) => match status {
            StatusCode::UNAUTHORIZED => {
                "code of the org answered so, and not the org's login; it is not sent again, because it may have taken effect"
            }
            StatusCode::FORBIDDEN => FORBIDDEN,
            StatusCode::NOT_FOUND => {
                "no such route or object in this account; right business unit?"
            }
            StatusCode::BAD_REQUEST => "the tenant found the request invalid; its body says what",
            _ => return None,
        },
    })
}

/// Puts the advice into the answer's `Proxy-Status`.
pub(super) fn annotate(headers: &mut HeaderMap, status: StatusCode, advice: &str) {
    let text = format!(
        "sfmc-auth-proxy; received-status={}; details=\"{advice}\"",
        status.as_u16()
    );
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.append(PROXY_STATUS, value);
    }
}
