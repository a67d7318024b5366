//! The one type for secrets: redacted wherever it is printed, wiped when dropped, read through `expose` alone.
//!
//! Never implements `Display`, `Serialize` or equality, so that no log, answer or timing can give a secret away by accident.

use std::fmt;

use zeroize::Zeroizing;

/// What stands in place of a secret wherever a value is printed.
pub const REDACTED: &str = "[redacted]";

/// The cookie of a browser's session at the admin listener.
pub const SESSION_COOKIE: &str = "sfmc-auth-proxy-session";

/// The same over https. Browsers take a cookie of this name only from there, for this very host and all its paths.
pub const SECURE_SESSION_COOKIE: &str = "__Host-sfmc-auth-proxy-session";

/// A secret text: a client secret, an access token.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over; the text lives only here from now on.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Every call of this is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}
