//! What a user's login yields, and what a refresh token is good for: one at a time, kept before anything else.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Endpoint, with_account};
use crate::clock::Now;
use crate::state::Spend;
use crate::token::instance::Domain;
use crate::token::login::{Kept, Login, mark};
use crate::token::tally::Tally;
use crate::token::wire::{Asked, Field, Granted, unavailable};
use crate::token::{AccessToken, AuthorizationCode, GrantType, Mid, MintError};
use crate::upstream::Destination;

/// How long the answer to a refresh token is waited for: longer than anybody waits for a token, because a refresh token whose
/// answer is lost may be spent.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(60);

impl Endpoint {
    /// A refresh runs in a task of its own and to its end: whoever asked may give up, but what the server answers is kept.
    pub(super) async fn refresh_apart(
        self: &Arc<Self>,
        account: Option<Mid>,
        tally: &Tally,
        deadline: Instant,
    ) -> Result<AccessToken, MintError> {
        let (told, outcome) = oneshot::channel();
        let (endpoint, tally) = (Arc::clone(self), tally.clone());
        tokio::spawn(async move {
            let mut login = match endpoint.logins.of(account).await {
                Ok(login) => login,
                Err(error) => return drop(told.send(Err(error))),
            };
            // Whoever waited for its turn and has gone by now needs nothing sent.
            if told.is_closed() {
                return;
            }
            let refresh = Box::pin(endpoint.refresh(&mut login, account, &tally));
            let outcome = refresh.await;
            tally.login(login.slot(), login.is_valid());
            if let Err(Ok(token)) = told.send(outcome) {
                login.hold(&endpoint, account, token);
            }
        });
        match tokio::time::timeout_at(deadline, outcome).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_gone)) => Err(unavailable("the refresh was broken off")),
            Err(_elapsed) => Err(unavailable("no answer to the refresh token in time")),
        }
    }

    async fn refresh(
        self: &Arc<Self>,
        login: &mut Login,
        account: Option<Mid>,
        tally: &Tally,
    ) -> Result<AccessToken, MintError> {
        let kept = login.kept().await?;
        let late = login.take_late(self, account);
        if let Some(token) = late.filter(|token| token.remaining(Now::read()) > Duration::ZERO) {
            return Ok(token);
        }
        let destination = self.destination_of(&kept)?;
        let deadline = Instant::now() + REFRESH_TIMEOUT;
        let mut fields = self.with_client("refresh_token");
        fields.push(("refresh_token", Field::Secret(&kept.refresh_token)));
        let fields = with_account(fields, account);
        let spend = login.spend()?;
        let spend = spend.as_ref();
        let leave = mark(spend);
        let asked = self.ask_as_client_after(
            leave,
            "refresh_token",
            &destination,
            fields,
            tally,
            deadline,
        );
        let asked = held_by(spend, Box::pin(asked)).await;
        let granted = judged(login, spend, asked).await?;
        let minted = self.token(&granted, &destination, tally, deadline);
        let Some(refresh_token) = granted.refresh_token() else {
            if let Some(spend) = spend {
                spend.clear().await;
            }
            return minted.await;
        };
        let renewed = Kept {
            refresh_token,
            ..kept
        };
        if let Err(error) = login.keep(renewed, spend).await {
            if let Ok(token) = minted.await {
                login.hold(self, account, token);
            }
            return Err(error);
        }
        minted.await
    }

    /// A user has logged in: the code becomes a token, and the refresh token that comes with it is kept first, unless the
    /// login was at another tenant. `account` is the one that the token is for.
    pub(in crate::token) async fn redeem(
        &self,
        code: &AuthorizationCode,
        account: Option<Mid>,
        tally: &Tally,
    ) -> Result<AccessToken, MintError> {
        let GrantType::AuthorizationCode { redirect_uri, .. } = &self.settings.grant_type else {
            return Err(unavailable("the tenant's grant takes no login"));
        };
        let auth_url = self.admitted(code.tssd.as_deref())?;
        let slot = account.filter(|_| !code.whole_tenant);
        let mut login = self.logins.slot(slot).await?;
        let destination = self.destination_at(auth_url.as_deref())?;
        let deadline = Instant::now() + REFRESH_TIMEOUT;
        let mut fields = self.with_client("authorization_code");
        fields.push(("code", Field::Secret(&code.code)));
        fields.push(("redirect_uri", Field::Text(redirect_uri)));
        if let Some(verifier) = &code.verifier {
            fields.push(("code_verifier", Field::Secret(verifier)));
        }
        let fields = with_account(fields, account);
        let granted = self
            .ask_as_client("authorization_code", &destination, fields, tally, deadline)
            .await?;
        // Nothing of what is kept is touched before the answer has shown to be of this tenant, and of use.
        self.must_be_own(&granted)?;
        let Some(refresh_token) = granted.refresh_token() else {
            return Err(MintError::NoRefreshToken);
        };
        login
            .begin(Kept {
                refresh_token,
                auth_url,
            })
            .await?;
        tally.login(login.slot(), true);
        self.token(&granted, &destination, tally, deadline).await
    }

    /// The auth base that the vendor says a user belongs to, where it is another than the tenant's and is trusted.
    fn admitted(&self, tssd: Option<&str>) -> Result<Option<String>, MintError> {
        let lock = &self.settings.lock;
        let foreign = tssd
            .filter(|_| !self.settings.kind.is_core())
            .map(str::to_ascii_lowercase)
            .filter(|tssd| lock.subdomain.as_ref() != Some(tssd));
        let Some(tssd) = foreign else {
            return Ok(None);
        };
        // One label, or it could choose the host.
        let plain = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
        if !tssd.bytes().all(plain) {
            let host = "something that is no subdomain".to_owned();
            return Err(MintError::Untrusted { host });
        }
        let url = format!("https://{tssd}.auth.marketingcloudapis.com/");
        lock.admit(Domain::Engagement, &url, &self.upstream, &self.trust)?;
        Ok(Some(url))
    }

    fn destination_of(&self, kept: &Kept) -> Result<Arc<Destination>, MintError> {
        self.destination_at(kept.auth_url.as_deref())
    }

    fn destination_at(&self, auth_url: Option<&str>) -> Result<Arc<Destination>, MintError> {
        let Some(url) = auth_url else {
            return Ok(Arc::clone(&self.destination));
        };
        // Judged again: what is trusted may have changed since the login.
        let lock = &self.settings.lock;
        let instance = lock.admit(Domain::Engagement, url, &self.upstream, &self.trust)?;
        Ok(Arc::clone(instance.destination()))
    }
}

/// Waits for an answer, and lets others know meanwhile that it is waited for.
async fn held_by<T>(spend: Option<&Spend>, asking: impl Future<Output = T>) -> T {
    let Some(spend) = spend else {
        return asking.await;
    };
    tokio::select! {
        answer = asking => answer,
        never = spend.hold() => match never {},
    }
}

/// What an answer to a refresh token means for the login. A token that was refused for another reason than itself may be sent
/// again.
async fn judged(
    login: &mut Login,
    spend: Option<&Spend>,
    asked: Asked,
) -> Result<Granted, MintError> {
    let refused = match &asked.outcome {
        Err(MintError::Rejected {
            error, description, ..
        }) if error == "invalid_grant" => {
            let why = format!("{error}: {description}");
            Some((
                why.trim_end_matches(": ").to_owned(),
                is_transient(description),
            ))
        }
        _ => None,
    };
    if let Some((why, false)) = refused {
        return Err(login.end(why, spend).await);
    }
    if let Some(spend) = spend.filter(|_| asked.refused) {
        spend.clear().await;
    }
    match refused {
        Some((why, _transient)) => Err(unavailable(why)),
        None => asked.outcome,
    }
}

/// Core Salesforce says this to a refresh that ran beside another one; the token stays good.
///
/// Source: <https://github.com/segmentio/action-destinations/issues/2300>
fn is_transient(description: &str) -> bool {
    let description = description.to_ascii_lowercase();
    description.contains("expired authorization code")
}
