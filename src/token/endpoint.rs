//! One tenant's token endpoint: which request each grant makes, and what its answer becomes.
//!
//! One call is one attempt; how often and when is `store`'s matter.

mod examine;
mod granted;
mod refresh;
mod secrets;
mod shared;

#[cfg(test)]
mod tests;

use std::future::{Future, ready};
use std::sync::Arc;

pub use examine::{Examination, Seen};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;

use super::assertion::Claims;
use super::login::Logins;
use super::tally::Tally;
use super::wire::{Asked, Field, Format, Granted, Question, unavailable};
use super::{AccessToken, EndpointSettings, GrantType, Kind, Mid, MintError};
use secrets::Secrets;

pub(super) use secrets::NAMES as SECRET_NAMES;

use crate::clock::Now;
use crate::secret::Secret;
use crate::state::Keeper;
use crate::upstream::{Destination, DestinationError, Trust, Upstream};

/// One tenant's token endpoint.
pub struct Endpoint {
    settings: EndpointSettings,
    destination: Arc<Destination>,
    upstream: Arc<Upstream>,
    trust: Trust,
    secrets: Secrets,
    logins: Arc<Logins>,
}

type Fields<'a> = Vec<(&'static str, Field<'a>)>;

impl Endpoint {
    /// Looks the endpoint's address up in `upstream`; calls nobody. The refresh tokens of `tenant` are kept by `keeper`.
    pub fn new(
        tenant: &str,
        settings: EndpointSettings,
        upstream: Arc<Upstream>,
        trust: Trust,
        keeper: Keeper,
    ) -> Result<Self, DestinationError> {
        let destination = upstream.destination(&settings.auth_url, &trust)?;
        // Found wrong now, and not with the first token.
        if let Kind::AccountEngagement { api_url, .. } = &settings.kind {
            upstream.destination(api_url, &trust)?;
        }
        let auth_url = settings.auth_url.to_string();
        let logins = Logins::new(tenant, &auth_url, &settings.client_id, keeper);
        Ok(Self {
            secrets: Secrets::new(settings.client_secrets.clone()),
            settings,
            destination,
            upstream,
            trust,
            logins: Arc::new(logins),
        })
    }

    /// Goes on where other endpoints of the same tenant stand, the latest first, that may be in use still: a refresh token is
    /// never spent by two. Logins of another client or auth base, or that are kept elsewhere, are not this one's.
    #[must_use]
    pub fn after(mut self, before: &[Arc<Self>]) -> Self {
        let same = before.iter().find(|known| known.logins.are(&self.logins));
        if let Some(same) = same {
            self.logins = Arc::clone(&same.logins);
        }
        if let Some(latest) = before.first() {
            self.secrets.go_on_from(&latest.secrets);
        }
        self
    }

    /// Whether the tenant shows itself by something else than before: a refusal of the one says nothing of the other.
    pub(super) fn has_other_credentials(&self, before: &Self) -> bool {
        let other_key = match (&self.settings.grant_type, &before.settings.grant_type) {
            (GrantType::JwtBearer { key, .. }, GrantType::JwtBearer { key: other, .. }) => {
                !key.is(other)
            }
            _ => false,
        };
        other_key || !self.secrets.are(&before.secrets)
    }

    /// Which of the client's secrets worked last, `current` or `next`; `None` if it has none.
    #[must_use]
    pub fn client_secret_in_use(&self) -> Option<&'static str> {
        let in_use = self.secrets.in_use();
        self.secrets.get(in_use)?;
        SECRET_NAMES.get(in_use).copied()
    }

    /// Under which roots it is asked.
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What the endpoint was told.
    #[must_use]
    pub fn settings(&self) -> &EndpointSettings {
        &self.settings
    }

    /// Whether its tokens are the package's own, and the same for every tenant that names it.
    pub(super) fn is_shareable(&self) -> bool {
        !self.settings.kind.is_core()
            && matches!(self.settings.grant_type, GrantType::ClientCredentials)
    }

    /// What metrics call the request that mints in steady use.
    #[must_use]
    pub fn grant(&self) -> &'static str {
        match &self.settings.grant_type {
            GrantType::ClientCredentials => "client_credentials",
            GrantType::AuthorizationCode { .. } => "refresh_token",
            GrantType::JwtBearer { .. } => "jwt_bearer",
        }
    }

    /// What metrics call all the requests that it may make.
    pub fn grants(&self) -> impl Iterator<Item = &'static str> {
        let logs_in = self.settings.grant_type.takes_login();
        let exchanges = matches!(self.settings.kind, Kind::DataCloud { .. });
        let others = [
            (logs_in, "authorization_code"),
            (exchanges, "token_exchange"),
        ];
        let others = others.into_iter().filter(|(makes, _grant)| *makes);
        [self.grant()]
            .into_iter()
            .chain(others.map(|(_makes, grant)| grant))
    }

    /// Where a browser is sent for a login; `None` if the grant takes none.
    #[must_use]
    pub fn authorize_url(&self, state: &str, challenge: Option<&str>) -> Option<String> {
        let GrantType::AuthorizationCode { redirect_uri, .. } = &self.settings.grant_type else {
            return None;
        };
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", redirect_uri),
            ("state", state),
        ];
        if let Some(scope) = &self.settings.scope {
            query.push(("scope", scope));
        }
        if let Some(challenge) = challenge {
            query.push(("code_challenge", challenge));
            query.push(("code_challenge_method", "S256"));
        }
        let query: Vec<_> = query
            .into_iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        let leaf = if self.settings.kind.is_core() {
            "services/oauth2/authorize"
        } else {
            "v2/authorize"
        };
        let base = &self.settings.auth_url;
        Some(format!("{base}{leaf}?{}", query.join("&")))
    }

    /// Asks once for a token of this account.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        account: Option<Mid>,
        tally: &Tally,
        deadline: Instant,
    ) -> Result<AccessToken, MintError> {
        if self.settings.grant_type.takes_login() {
            return self.refresh_apart(account, tally, deadline).await;
        }
        let assertion = self.assertion()?;
        let fields = self.asking(account, assertion.as_ref());
        let granted = self
            .ask_as_client(self.grant(), &self.destination, fields, tally, deadline)
            .await?;
        self.token(&granted, &self.destination, tally, deadline)
            .await
    }

    /// Waits until no refresh token is under way, and sends none from then on.
    pub async fn settle(&self) {
        self.logins.settle().await;
    }

    /// Whether logins end with the process.
    pub(super) fn forgets_logins(&self) -> bool {
        self.logins.are_forgotten()
    }

    /// What the client signs, where its grant has it sign.
    fn assertion(&self) -> Result<Option<Secret>, MintError> {
        let GrantType::JwtBearer {
            key,
            subject,
            audience,
        } = &self.settings.grant_type
        else {
            return Ok(None);
        };
        let issuer = &self.settings.client_id;
        let claims = Claims {
            issuer,
            subject,
            audience,
        };
        let signed = claims.signed(key, Now::read().wall);
        let assertion = signed.ok_or_else(|| unavailable("the tenant's key could not sign"))?;
        Ok(Some(assertion))
    }

    /// The fields of a request for which nobody has to log in.
    fn asking<'a>(&'a self, account: Option<Mid>, assertion: Option<&'a Secret>) -> Fields<'a> {
        let fields = match assertion {
            None => self.with_client("client_credentials"),
            Some(assertion) => vec![
                (
                    "grant_type",
                    Field::Text("urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ),
                ("assertion", Field::Secret(assertion)),
            ],
        };
        let mut fields = with_account(fields, account);
        let scope = self.settings.scope.as_deref();
        if let Some(scope) = scope.filter(|_| !self.settings.kind.is_core()) {
            fields.push(("scope", Field::Text(scope)));
        }
        fields
    }

    fn with_client(&self, grant_type: &'static str) -> Fields<'_> {
        vec![
            ("grant_type", Field::Text(grant_type)),
            ("client_id", Field::Text(&self.settings.client_id)),
        ]
    }

    /// Asks with the client's secret.
    async fn ask_as_client(
        &self,
        grant: &'static str,
        destination: &Destination,
        fields: Fields<'_>,
        tally: &Tally,
        deadline: Instant,
    ) -> Result<Granted, MintError> {
        let leave = ready(Ok(()));
        let asking = self.ask_as_client_after(leave, grant, destination, fields, tally, deadline);
        asking.await.outcome
    }

    /// The same, and waits for `leave` between the connection and the first request. The secret is the one that worked last; if
    /// the server does not know it, and there is another, that one is tried once.
    async fn ask_as_client_after(
        &self,
        leave: impl Future<Output = Result<(), MintError>>,
        grant: &'static str,
        destination: &Destination,
        fields: Fields<'_>,
        tally: &Tally,
        deadline: Instant,
    ) -> Asked {
        let mut place = self.secrets.first();
        let with_secret = |place: usize| {
            let secret = self.secrets.get(place);
            let secret = secret.map(|secret| ("client_secret", Field::Secret(secret)));
            fields.iter().copied().chain(secret).collect()
        };
        let first = with_secret(place);
        let asking = self.ask_after(leave, grant, destination, first, tally, deadline);
        let mut asked = asking.await;
        if is_refusal(&asked.outcome)
            && let Some(other) = self.secrets.refused(place)
        {
            place = other;
            let (leave, second) = (ready(Ok(())), with_secret(place));
            let asking = self.ask_after(leave, grant, destination, second, tally, deadline);
            asked = asking.await;
            if is_refusal(&asked.outcome) {
                self.secrets.refused(place);
            }
        }
        if asked.outcome.is_ok() && self.secrets.accepted(place) {
            tally.client_secret(place);
        }
        asked
    }

    /// Asks once, and waits for `leave` between the connection and the request.
    async fn ask_after(
        &self,
        leave: impl Future<Output = Result<(), MintError>>,
        grant: &'static str,
        destination: &Destination,
        fields: Fields<'_>,
        tally: &Tally,
        deadline: Instant,
    ) -> Asked {
        let target = self.target();
        let question = self.question(grant, destination, &target, fields, deadline);
        question.ask_after(leave, &self.upstream, tally).await
    }

    fn target(&self) -> String {
        let leaf = if self.settings.kind.is_core() {
            "services/oauth2/token"
        } else {
            "v2/token"
        };
        let base = self.settings.auth_url.path().trim_end_matches('/');
        format!("{base}/{leaf}")
    }

    fn question<'a>(
        &self,
        grant: &'static str,
        destination: &'a Destination,
        target: &'a str,
        fields: Fields<'a>,
        deadline: Instant,
    ) -> Question<'a> {
        let format = if self.settings.kind.is_core() {
            Format::Form
        } else {
            Format::Json
        };
        Question {
            grant,
            destination,
            target,
            format,
            fields,
            deadline,
        }
    }
}

/// With the business unit that the token is for.
fn with_account(mut fields: Fields<'_>, account: Option<Mid>) -> Fields<'_> {
    if let Some(account) = account {
        fields.push(("account_id", Field::Number(account)));
    }
    fields
}

fn is_refusal(asked: &Result<Granted, MintError>) -> bool {
    asked.as_ref().is_err_and(secrets::is_about_credentials)
}
