//! What an answer is worth: a token and its instances, which the tenant lock has let through.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::time::Instant;

use super::Endpoint;
use crate::secret::Secret;
use crate::token::instance::Domain;
use crate::token::tally::Tally;
use crate::token::wire::{Field, Format, Granted, Question, unavailable};
use crate::token::{AccessToken, InstanceUrl, Instances, Kind, MintError};
use crate::upstream::Destination;

/// Where core Salesforce exchanges a token of its own for one of Data Cloud.
const EXCHANGE: &str = "/services/a360/token";

impl Endpoint {
    /// What an answer is worth: for Data Cloud, what its token can be exchanged for.
    pub(super) async fn token(
        &self,
        granted: &Granted,
        destination: &Arc<Destination>,
        tally: &Tally,
        deadline: Instant,
    ) -> Result<AccessToken, MintError> {
        let base_path = self.settings.auth_url.path().trim_end_matches('/');
        let auth = InstanceUrl::of_settings(Arc::clone(destination), base_path.to_owned());
        let session = granted.lifetime_of_session(self.settings.token_lifetime);
        let (granted, one, lifetime) = match &self.settings.kind {
            Kind::MarketingCloud => {
                let rest = self.admit(Domain::Engagement, granted.rest_instance_url.as_deref())?;
                let soap = self.admit(Domain::Engagement, granted.soap_instance_url.as_deref())?;
                let lifetime = stated_lifetime(granted)?;
                return new(granted, Instances { rest, soap, auth }, lifetime);
            }
            Kind::Salesforce => {
                let instance = self.admit(Domain::Core, granted.instance_url.as_deref())?;
                (granted, instance, session)
            }
            Kind::AccountEngagement { api_url, .. } => {
                let instance = self.of_settings(api_url)?;
                (granted, instance, session)
            }
            Kind::DataCloud { dataspace } => {
                let dataspace = dataspace.as_deref();
                let exchanged = self.exchange(granted, dataspace, tally, deadline).await?;
                let url = exchanged.instance_url.as_deref().map(with_scheme);
                let instance = self.admit(Domain::DataCloud, url.as_deref())?;
                let lifetime = stated_lifetime(&exchanged)?;
                let instances = Instances {
                    rest: instance.clone(),
                    soap: instance,
                    auth,
                };
                return new(&exchanged, instances, lifetime);
            }
        };
        let instances = Instances {
            rest: one.clone(),
            soap: one,
            auth,
        };
        new(granted, instances, lifetime)
    }

    /// Whether an answer is of this tenant, as far as can be told without asking anybody.
    pub(super) fn must_be_own(&self, granted: &Granted) -> Result<(), MintError> {
        match &self.settings.kind {
            Kind::MarketingCloud => {
                self.admit(Domain::Engagement, granted.rest_instance_url.as_deref())?;
                self.admit(Domain::Engagement, granted.soap_instance_url.as_deref())?;
            }
            Kind::Salesforce | Kind::AccountEngagement { .. } | Kind::DataCloud { .. } => {
                self.admit(Domain::Core, granted.instance_url.as_deref())?;
            }
        }
        Ok(())
    }

    /// A token of core Salesforce for one of Data Cloud. It is used for nothing else and by nobody else: the official
    /// connector revokes it after the exchange, and so may the vendor.
    async fn exchange(
        &self,
        core: &Granted,
        dataspace: Option<&str>,
        tally: &Tally,
        deadline: Instant,
    ) -> Result<Granted, MintError> {
        let instance = self.admit(Domain::Core, core.instance_url.as_deref())?;
        let subject = core.access_token();
        let mut fields = vec![
            (
                "grant_type",
                Field::Text("urn:salesforce:grant-type:external:cdp"),
            ),
            ("subject_token", Field::Secret(&subject)),
            (
                "subject_token_type",
                Field::Text("urn:ietf:params:oauth:token-type:access_token"),
            ),
        ];
        if let Some(dataspace) = dataspace {
            fields.push(("dataspace", Field::Text(dataspace)));
        }
        let question = Question {
            grant: "token_exchange",
            destination: instance.destination(),
            target: &format!("{}{EXCHANGE}", instance.base_path()),
            format: Format::Form,
            fields,
            deadline,
        };
        question.ask(&self.upstream, tally).await
    }

    /// Account Engagement's, which no response names.
    pub(super) fn of_settings(&self, api_url: &Uri) -> Result<InstanceUrl, MintError> {
        let destination = self
            .upstream
            .destination(api_url, &self.trust)
            .map_err(|error| unavailable(error.to_string()))?;
        let base_path = api_url.path().trim_end_matches('/').to_owned();
        Ok(InstanceUrl::of_settings(destination, base_path))
    }

    pub(super) fn admit(
        &self,
        domain: Domain,
        url: Option<&str>,
    ) -> Result<InstanceUrl, MintError> {
        let url = url.ok_or_else(|| unavailable("its answer is not a token response"))?;
        let lock = &self.settings.lock;
        lock.admit(domain, url, &self.upstream, &self.trust)
    }
}

fn new(
    granted: &Granted,
    instances: Instances,
    lifetime: Duration,
) -> Result<AccessToken, MintError> {
    let secret: Secret = granted.access_token();
    AccessToken::new(&secret, instances, granted.sent, lifetime)
        .map(|token| token.granting(granted.scopes.clone()))
        .ok_or_else(|| unavailable("its access_token has characters that no header can carry"))
}

fn stated_lifetime(granted: &Granted) -> Result<Duration, MintError> {
    let lifetime = granted.lifetime();
    lifetime.ok_or_else(|| unavailable("its answer has no usable expires_in"))
}

/// Data Cloud names its instance without one.
fn with_scheme(url: &str) -> String {
    if url.contains("://") {
        url.to_owned()
    } else {
        format!("https://{url}")
    }
}
