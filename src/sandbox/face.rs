//! The faces of the tenant, by name, and whose tokens each of them takes.

use serde::{Deserialize, Serialize};

/// How many faces there are.
pub(super) const FACES: usize = 6;

/// One of the hosts that a tenant has: three of Marketing Cloud, and three of what Salesforce has beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// `SUBDOMAIN.auth.marketingcloudapis.com`
    Auth,
    /// `SUBDOMAIN.rest.marketingcloudapis.com`
    Rest,
    /// `SUBDOMAIN.soap.marketingcloudapis.com`
    Soap,
    /// `SUBDOMAIN.my.salesforce.com`, and for logins `login.salesforce.com` and `test.salesforce.com`
    Core,
    /// `LABEL.c360a.salesforce.com`
    DataCloud,
    /// `pi.pardot.com`
    AccountEngagement,
}

impl Face {
    /// All of them.
    pub const ALL: [Self; FACES] = [
        Self::Auth,
        Self::Rest,
        Self::Soap,
        Self::Core,
        Self::DataCloud,
        Self::AccountEngagement,
    ];

    /// The name as the control API has it; those of Marketing Cloud stand in its host names too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Rest => "rest",
            Self::Soap => "soap",
            Self::Core => "core",
            Self::DataCloud => "data_cloud",
            Self::AccountEngagement => "account_engagement",
        }
    }

    /// The face whose tokens this one takes.
    pub(super) fn issuer(self) -> Self {
        match self {
            Self::Auth | Self::Rest | Self::Soap => Self::Auth,
            Self::Core | Self::AccountEngagement => Self::Core,
            Self::DataCloud => Self::DataCloud,
        }
    }

    /// One value for each face, held side by side.
    pub(super) fn of<T>(self, values: &[T; FACES]) -> &T {
        let [auth, rest, soap, core, data_cloud, account_engagement] = values;
        match self {
            Self::Auth => auth,
            Self::Rest => rest,
            Self::Soap => soap,
            Self::Core => core,
            Self::DataCloud => data_cloud,
            Self::AccountEngagement => account_engagement,
        }
    }

    /// The same, to be changed.
    pub(super) fn of_mut<T>(self, values: &mut [T; FACES]) -> &mut T {
        let [auth, rest, soap, core, data_cloud, account_engagement] = values;
        match self {
            Self::Auth => auth,
            Self::Rest => rest,
            Self::Soap => soap,
            Self::Core => core,
            Self::DataCloud => data_cloud,
            Self::AccountEngagement => account_engagement,
        }
    }
}
