//! The faces of the tenant, by name.

use serde::{Deserialize, Serialize};

/// One of the three hosts that a Marketing Cloud tenant has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Face {
    /// `SUBDOMAIN.auth.marketingcloudapis.com`
    Auth,
    /// `SUBDOMAIN.rest.marketingcloudapis.com`
    Rest,
    /// `SUBDOMAIN.soap.marketingcloudapis.com`
    Soap,
}

impl Face {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auth, Self::Rest, Self::Soap];

    /// The name as it stands in host names.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Rest => "rest",
            Self::Soap => "soap",
        }
    }

    /// One value for each face, held side by side.
    pub(super) fn of<T>(self, values: &[T; 3]) -> &T {
        let [auth, rest, soap] = values;
        match self {
            Self::Auth => auth,
            Self::Rest => rest,
            Self::Soap => soap,
        }
    }
}
