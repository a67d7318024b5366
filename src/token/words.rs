//! What a mint that failed means to whoever has to mend it: what happened, and what to do. Quotes no secret.

use super::MintError;

impl MintError {
    /// What happened, as a sentence.
    #[must_use]
    pub fn what(&self) -> String {
        match self {
            Self::Unavailable { .. } => {
                "The tenant's token endpoint gives no token at the moment.".to_owned()
            }
            Self::NotShared { cause } => {
                format!("There is no token, and none is minted now: {cause}.")
            }
            Self::Busy => {
                "Another replica of this proxy is minting and has no token yet.".to_owned()
            }
            Self::Rejected {
                status,
                error,
                description,
            } => format!(
                "The tenant's token endpoint refuses this proxy ({status} {error}: {description})."
            ),
            Self::LoginNeeded { place, ended: None } => {
                format!("Nobody has logged in to {place} yet.")
            }
            Self::LoginNeeded {
                place,
                ended: Some(why),
            } => {
                format!("The login of {place} has ended ({why}), and no other call will mend that.")
            }
            Self::NoRefreshToken => "The last login gave no refresh token.".to_owned(),
            Self::Untrusted { host } => format!(
                "The token response names {host} as an instance, which is not the tenant's own host."
            ),
        }
    }

    /// What to do, as sentences.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::Unavailable { .. } => {
                "Try again after the time in Retry-After; if it lasts, check the network to the auth host, the egress proxy if \
                 there is one, and Salesforce's status page."
                    .to_owned()
            }
            Self::NotShared { .. } => {
                "Try again in a moment; if it lasts, see to it that the proxy reaches Redis.".to_owned()
            }
            Self::Busy => {
                "Try again after the time in Retry-After; if it lasts, that replica's log says why.".to_owned()
            }
            Self::Rejected { .. } => {
                "Check the client id, client secret, account and scope of the tenant in the proxy's configuration, and that the \
                 installed package is enabled."
                    .to_owned()
            }
            Self::LoginNeeded { place, ended: None } => format!(
                "Log in with `sfmc-auth-proxy login {place}`, or at /login of the proxy's admin listener; then send the call \
                 again."
            ),
            Self::LoginNeeded { place, .. } => format!(
                "Log in again with `sfmc-auth-proxy login {place}`, or at /login of the proxy's admin listener."
            ),
            Self::NoRefreshToken => {
                "Log in again once the package grants offline access.".to_owned()
            }
            Self::Untrusted { .. } => {
                "Check the tenant's subdomain; if the host is right, add it to trusted_hosts.".to_owned()
            }
        }
    }
}
