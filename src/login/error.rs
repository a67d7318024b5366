//! Why a login fails, in words, and what to do about it. What a browser brought is quoted in part, bounded, and without
//! anything that changes how text reads.

use crate::token::MintError;

/// Words of an answer that are quoted.
pub(super) const QUOTED_MAX: usize = 300;

/// What authorization servers answer in place of a code, what it means, and what to do.
const ANSWERS: [(&str, &str, &str); 12] = [
    (
        "access_denied",
        "the login was declined, or this user may not use the package",
        "Log in again and choose Allow. If nobody declined, an administrator has to license the user for the installed \
         package (its Access tab), or to admit the user to the connected app.",
    ),
    (
        "invalid_request",
        "the authorization server does not understand the request",
        "Compare redirect_uri and scope with the package. If the server knows no PKCE, set pkce = false for the tenant.",
    ),
    (
        "unauthorized_client",
        "the package may not log users in",
        "The installed package needs a component of the kind web app or public app; that of a server-to-server package \
         has grant = \"client_credentials\" instead.",
    ),
    (
        "invalid_client",
        "the authorization server does not know the client id",
        "Compare client_id and subdomain with the package; a package that was made anew has a new client id.",
    ),
    (
        "invalid_scope",
        "a scope was asked for that the package does not grant",
        "Compare scope with the package, and grant it offline access, without which no login lasts.",
    ),
    (
        "unsupported_response_type",
        "the authorization server gives no codes to this package",
        "The installed package needs a component of the kind web app or public app.",
    ),
    (
        "server_error",
        "the authorization server has trouble of its own",
        "Log in again in a few minutes.",
    ),
    (
        "temporarily_unavailable",
        "the authorization server is busy",
        "Log in again in a few minutes.",
    ),
    (
        "redirect_uri_mismatch",
        "the address to come back to is not the package's",
        "Put the tenant's redirect_uri, letter for letter, among the redirect URLs of the package or connected app.",
    ),
    (
        "invalid_client_id",
        "the authorization server does not know the client id",
        "Compare client_id with the consumer key of the connected app. A new app needs up to ten minutes to be known.",
    ),
    (
        "OAUTH_APP_BLOCKED",
        "an administrator has blocked the connected app",
        "Have it unblocked under Connected Apps OAuth Usage, in Setup.",
    ),
    (
        "OAUTH_APP_ACCESS_DENIED",
        "the user is not admitted to the connected app",
        "Have the user's profile or a permission set added to the connected app, or let all users authorize themselves.",
    ),
];

/// Why a login could not be begun or finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No tenant of this name takes one.
    #[error("there is no tenant {tenant} that takes a login")]
    Tenant {
        /// The name.
        tenant: String,
    },
    /// The tenant has no such account, or none that goes without saying.
    #[error("{}", no_account(tenant, account.as_deref(), known))]
    Account {
        /// The tenant's name.
        tenant: String,
        /// What was asked for.
        account: Option<String>,
        /// The names there are.
        known: String,
    },
    /// The system's random numbers.
    #[error("this system gives no random numbers")]
    Random,
    /// No login was begun with this state.
    #[error("this belongs to no login that waits for an answer")]
    Unknown,
    /// The login was begun elsewhere.
    #[error("this login was begun in another browser, or at another address of the proxy")]
    OtherSession,
    /// What came back is no answer of an authorization server.
    #[error("what came back is no answer to a login")]
    Malformed,
    /// The authorization server has said no.
    #[error("{what}: {quoted}")]
    Denied {
        /// What it means.
        what: &'static str,
        /// What to do.
        fix: &'static str,
        /// What was said.
        quoted: String,
    },
    /// The code did not become a token.
    #[error("the login itself went well, but no token came of it: {0}")]
    NotRedeemed(MintError),
}

impl LoginError {
    /// What this answer of an authorization server means.
    pub(super) fn denied(error: &str, description: &str) -> Self {
        let known = ANSWERS
            .iter()
            .find(|(name, ..)| name.eq_ignore_ascii_case(error));
        let (_, what, fix) = known.unwrap_or(&(
            "",
            "the authorization server has refused the login",
            "Look the answer up in the vendor's documentation, and log in again.",
        ));
        let quoted = match description {
            "" => printable(error, QUOTED_MAX),
            description => printable(&format!("{error}, {description}"), QUOTED_MAX),
        };
        Self::Denied { what, fix, quoted }
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> &'static str {
        match self {
            Self::Tenant { .. } => {
                "Give the tenant grant = \"authorization_code\" and a redirect_uri, or name another one."
            }
            Self::Account { .. } => "Name one of the tenant's accounts.",
            Self::Random => "The system's random device has to work.",
            Self::Unknown => {
                "A login waits ten minutes, takes one answer, and ends with the process. Begin again."
            }
            Self::OtherSession => {
                "Begin and finish in one and the same browser, at the host that redirect_uri names (127.0.0.1 and localhost \
                 are two), with cookies allowed."
            }
            Self::Malformed => {
                "An answer has a state, and a code or an error. Take the whole address that the browser came to, and check that \
                 redirect_uri names the proxy and nothing else."
            }
            Self::Denied { fix, .. } => fix,
            Self::NotRedeemed(error) => redeeming(error),
        }
    }
}

fn no_account(tenant: &str, account: Option<&str>, known: &str) -> String {
    let missing = match account {
        Some(account) => format!("tenant {tenant} has no account {account} that takes a login"),
        None => format!("tenant {tenant} has several accounts and no account_id as default"),
    };
    match known {
        "" => missing,
        known => format!("{missing}; there are: {known}"),
    }
}

/// What to do about a code that did not become a token.
fn redeeming(error: &MintError) -> &'static str {
    match error {
        MintError::Rejected { error, .. } => match error.as_str() {
            "invalid_grant" => {
                "A code is good once and for five minutes, for the redirect_uri that it was asked with. Log in again."
            }
            "invalid_client" | "unauthorized_client" => {
                "Compare client_id and client_secret with the package; a public app has no secret."
            }
            "invalid_scope" => "Compare scope with what the package grants.",
            _ => "Compare the tenant's settings with the package, and log in again.",
        },
        MintError::Unavailable { .. } | MintError::NotShared { .. } | MintError::Busy => {
            "Log in again in a moment."
        }
        MintError::LoginNeeded { .. } | MintError::NoRefreshToken => {
            "See to it that the package grants offline access, and that the tenant's scope, where it is set, asks for it; then log in \
             again. A login from before is as it was."
        }
        MintError::Untrusted { .. } => {
            "Log in with a user of this tenant; or, if that host is the tenant's, add it to trusted_hosts."
        }
    }
}

/// What others say, fit to be shown: bounded, on one line, and without what hides or turns letters.
#[must_use]
pub fn printable(text: &str, letters_max: usize) -> String {
    let shown = |letter: char| match letter {
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(shown).take(letters_max).collect()
}
