//! Why the auth face gives no token, in either of the vendor's shapes.
//!
//! Never says which of id and secret was wrong.

use crate::sandbox::answer::{self, Answer};
use crate::sandbox::switches::{ErrorShape, Switches};

/// Why no token is given.
pub(super) struct Refusal {
    status: u16,
    error: &'static str,
    description: String,
}

impl Refusal {
    pub(super) fn new(status: u16, error: &'static str, description: impl Into<String>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
        }
    }

    pub(super) fn request(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", description)
    }

    pub(super) fn grant(description: impl Into<String>) -> Self {
        Self::new(400, "invalid_grant", description)
    }

    pub(super) fn answer(&self, switches: &Switches) -> Answer {
        match switches.token_errors {
            ErrorShape::Oauth => answer::oauth(self.status, self.error, &self.description),
            ErrorShape::Vendor if self.status == 401 => answer::vendor(401, "Unauthorized", 1),
            ErrorShape::Vendor => answer::vendor(self.status, &self.description, 10_000),
        }
    }
}
