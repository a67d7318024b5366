//! More of [`Tenant`]: users' logins, and the faces beside Marketing Cloud's.
//!
//! Never goes over a socket: what is changed here is the state that the faces answer from.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Tenant;
use super::consent::{self, Outcome};
use super::core::{self, KeyError};
use super::face::Face;
use super::shared::Shared;

/// Why a user cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorizeError {
    /// The URL leads elsewhere.
    #[error("{0} is no authorize endpoint of this tenant")]
    Elsewhere(String),
    /// A user would see a page that says so, and the browser goes nowhere.
    #[error("the tenant shows an error page: {0}")]
    Page(String),
}

impl Tenant {
    /// `https://localhost:PORT/` of the core face.
    #[must_use]
    pub fn core_url(&self) -> String {
        self.0.shared.url(Face::Core)
    }

    /// `localhost:PORT` of the core face.
    #[must_use]
    pub fn core_authority(&self) -> &str {
        self.0.shared.authority(Face::Core)
    }

    /// `https://localhost:PORT/` of the Data Cloud face.
    #[must_use]
    pub fn data_cloud_url(&self) -> String {
        self.0.shared.url(Face::DataCloud)
    }

    /// `localhost:PORT` of the Data Cloud face, which is how an exchange names its instance.
    #[must_use]
    pub fn data_cloud_authority(&self) -> &str {
        self.0.shared.authority(Face::DataCloud)
    }

    /// `https://localhost:PORT/` of the Account Engagement face.
    #[must_use]
    pub fn account_engagement_url(&self) -> String {
        self.0.shared.url(Face::AccountEngagement)
    }

    /// `localhost:PORT` of the Account Engagement face.
    #[must_use]
    pub fn account_engagement_authority(&self) -> &str {
        self.0.shared.authority(Face::AccountEngagement)
    }

    /// Plays a browser whose user allows: takes the URL of an authorize endpoint and says where the browser is sent.
    ///
    /// # Errors
    ///
    /// A URL of another place, or one that would show the user an error page.
    pub fn authorize(&self, url: &str) -> Result<String, AuthorizeError> {
        self.decide(url, true)
    }

    /// The same for a user who denies.
    ///
    /// # Errors
    ///
    /// As of [`Tenant::authorize`].
    pub fn deny(&self, url: &str) -> Result<String, AuthorizeError> {
        self.decide(url, false)
    }

    fn decide(&self, url: &str, allowed: bool) -> Result<String, AuthorizeError> {
        decide(&self.0.shared, url, allowed)
    }

    /// Codes that are not used yet are past their time.
    pub fn expire_codes(&self) {
        self.0.shared.logins().expire_codes();
    }

    /// A refresh token as a login would have given it: of that business unit, or the default one, and with those
    /// scopes, or all of the package where none are named.
    #[must_use]
    pub fn issue_refresh_token(&self, account: Option<u64>, scopes: &[&str]) -> String {
        issue(&self.0.shared, Face::Auth, account, scopes)
    }

    /// The same for the core face.
    #[must_use]
    pub fn issue_core_refresh_token(&self, scopes: &[&str]) -> String {
        issue(&self.0.shared, Face::Core, None, scopes)
    }

    /// The user takes all consents back: no refresh token is good any more. Access tokens live on.
    pub fn end_logins(&self) {
        self.0.shared.logins().end_all();
    }

    /// Refresh tokens that were used with success.
    #[must_use]
    pub fn refreshes(&self) -> u64 {
        self.0.shared.logins().refreshes()
    }

    /// Logins that were ended because a code or a refresh token was used twice.
    #[must_use]
    pub fn families_ended(&self) -> u64 {
        self.0.shared.logins().families_ended()
    }

    /// Refresh tokens that would be accepted now.
    #[must_use]
    pub fn refresh_tokens_alive(&self) -> u64 {
        self.0.shared.logins().alive()
    }

    /// Where browsers may be sent back to from now on.
    pub fn set_redirect_uris(&self, redirect_uris: &[&str]) {
        let redirect_uris = redirect_uris.iter().map(|uri| (*uri).to_owned());
        self.0.shared.logins().redirect_uris = redirect_uris.collect();
    }

    /// Makes the package and the connected app public clients, which have no secret, or takes that back.
    pub fn set_public_package(&self, public: bool) {
        self.0.shared.logins().public_package = public;
    }

    /// The RSA public key, or certificate, that verifies assertions from now on.
    ///
    /// # Errors
    ///
    /// PEM that holds neither.
    pub fn set_jwt_public_key(&self, pem: &str) -> Result<(), KeyError> {
        let key = core::public_key(pem)?;
        self.0.shared.logins().jwt_public_key = Some(key);
        Ok(())
    }

    /// How long tokens to come live that are taken by that face.
    pub fn set_lifetime_of(&self, face: Face, lifetime: Duration) {
        self.0.shared.set_lifetime(face.issuer(), lifetime);
    }

    /// Keys to lay over each token answer to come for tokens that are taken by that face: of the auth face, of the core
    /// face, or of the exchange for Data Cloud. Null takes a key away.
    pub fn set_token_answer_of(&self, face: Face, patch: Map<String, Value>) {
        self.0.shared.set_token_answer(face.issuer(), patch);
    }

    /// Successful token answers of the core face, exchanges for Data Cloud left out.
    #[must_use]
    pub fn core_mints(&self) -> u64 {
        self.0.shared.mints_of(Face::Core)
    }

    /// Successful exchanges of a core token for one of Data Cloud.
    #[must_use]
    pub fn exchanges(&self) -> u64 {
        self.0.shared.mints_of(Face::DataCloud)
    }

    /// Things that were changed on the core, Data Cloud and Account Engagement faces.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.0.shared.writes()
    }
}

/// Plays a browser and its user.
pub(super) fn decide(shared: &Shared, url: &str, allowed: bool) -> Result<String, AuthorizeError> {
    let elsewhere = || AuthorizeError::Elsewhere(url.to_owned());
    let (place, query) = url.split_once('?').ok_or_else(elsewhere)?;
    let face = [
        (Face::Auth, "v2/authorize"),
        (Face::Core, "services/oauth2/authorize"),
    ]
    .into_iter()
    .find(|(face, path)| place == format!("{}{path}", shared.url(*face)))
    .ok_or_else(elsewhere)?
    .0;
    let mut outcome = consent::begin(shared, face, query);
    if let Outcome::Question(consent, _) = &outcome {
        outcome = consent::conclude(shared, face, consent, allowed);
    }
    match outcome {
        Outcome::Redirect(location) => Ok(location),
        Outcome::Fault(error, words) => Err(AuthorizeError::Page(format!("{error}: {words}"))),
        // No question follows from an answer.
        Outcome::Question(..) => Err(elsewhere()),
    }
}

/// A refresh token of a login that nobody had to click through.
pub(super) fn issue(shared: &Shared, face: Face, account: Option<u64>, scopes: &[&str]) -> String {
    let scopes = if scopes.is_empty() {
        shared.settings.granted(face).iter().cloned().collect()
    } else {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    };
    let first = shared.settings.accounts.first().copied();
    let account = account.or(first).unwrap_or_default();
    let lifetime = Duration::from_secs(shared.switches().refresh_lifetime_seconds);
    let mut logins = shared.logins();
    let family = logins.begin(face, account, scopes);
    logins.give(family, lifetime)
}
