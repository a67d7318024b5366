//! An access token as replicas give it to each other: the text, and the instances that its token response named.
//!
//! What comes from elsewhere is judged again by the tenant lock, and lives only for as long as it says there.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Endpoint;
use crate::clock::Now;
use crate::secret::Secret;
use crate::token::instance::Domain;
use crate::token::wire::unavailable;
use crate::token::{AccessToken, InstanceUrl, Instances, Kind, MintError, scopes};

/// A token as it is written down; sealed before it leaves.
#[derive(Serialize, Deserialize)]
struct Written {
    access_token: String,
    rest: String,
    soap: String,
    /// The auth host, where it is not the tenant's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    lifetime_ms: u64,
    /// The scopes that its response named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

impl Endpoint {
    /// A token of this endpoint for other replicas.
    pub(in crate::token) fn written(&self, token: &AccessToken) -> Result<Secret, MintError> {
        let auth = Some(token.auth());
        let auth = auth.filter(|auth| !Arc::ptr_eq(auth.destination(), &self.destination));
        let written = Written {
            access_token: token.secret().expose().to_owned(),
            rest: token.rest().url(),
            soap: token.soap().url(),
            auth: auth.map(InstanceUrl::url),
            lifetime_ms: u64::try_from(token.lifetime.as_millis()).unwrap_or(u64::MAX),
            scope: token.granted_scopes().map(str::to_owned),
        };
        let text = serde_json::to_string(&written);
        text.map(Secret::new)
            .map_err(|error| unavailable(error.to_string()))
    }

    /// A token that another replica has written: it has lived already, and `remaining` counts from `asked`. That is what Redis
    /// says, and is not sealed; the whole lifetime is, and bounds it.
    pub(in crate::token) fn restored(
        &self,
        content: &Secret,
        asked: Now,
        remaining: Duration,
    ) -> Result<AccessToken, MintError> {
        let written: Written = serde_json::from_str(content.expose())
            .map_err(|_quotes| unavailable("what another replica has written is no token"))?;
        let base_path = self.settings.auth_url.path().trim_end_matches('/');
        let auth = match &written.auth {
            None => InstanceUrl::of_settings(Arc::clone(&self.destination), base_path.to_owned()),
            Some(url) => {
                let foreign = self.admit(Domain::Engagement, Some(url))?;
                InstanceUrl::of_settings(Arc::clone(foreign.destination()), base_path.to_owned())
            }
        };
        let instances = Instances {
            rest: self.instance(&written.rest)?,
            soap: self.instance(&written.soap)?,
            auth,
        };
        let secret = Secret::new(written.access_token);
        let lifetime = Duration::from_millis(written.lifetime_ms);
        let remaining = remaining.min(lifetime);
        let scopes = written.scope.as_deref().and_then(scopes::read);
        AccessToken::of_another(&secret, instances, asked, remaining, lifetime)
            .map(|token| token.granting(scopes))
            .ok_or_else(|| unavailable("what another replica has written is no token"))
    }

    fn instance(&self, url: &str) -> Result<InstanceUrl, MintError> {
        match &self.settings.kind {
            Kind::MarketingCloud => self.admit(Domain::Engagement, Some(url)),
            Kind::Salesforce => self.admit(Domain::Core, Some(url)),
            Kind::DataCloud { .. } => self.admit(Domain::DataCloud, Some(url)),
            Kind::AccountEngagement { api_url, .. } => self.of_settings(api_url),
        }
    }
}
