//! What one token request means that failed, or did not, in both shapes in which the endpoint says no. Pure.

use super::answer::is_of_addresses;
use super::way::subdomain;
use super::{Code, Finding};
use crate::token::{Examination, Mid, MintError, Seen};

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The auth host.
    pub(super) host: &'a str,
    /// The account that was named.
    pub(super) account: Option<Mid>,
    /// The scopes that were named.
    pub(super) scope: Option<&'a str>,
    /// Whether a signed assertion was shown.
    pub(super) signed: bool,
    /// Whether it went to core Salesforce.
    pub(super) is_core: bool,
    /// Whether what it gives is exchanged for a token of Data Cloud.
    pub(super) is_exchanged: bool,
    /// Which secret was shown, in words.
    pub(super) secret_of: &'a str,
    /// Whether our clock is too wrong for assertions.
    pub(super) is_skewed: bool,
}

/// What the endpoint says.
pub(super) fn token(asked: &Asked<'_>, examination: &Examination) -> Finding {
    let error = match &examination.outcome {
        Ok(_token) => return given(asked, examination),
        // The endpoint has given one; where it may go is the next step's matter.
        Err(MintError::Untrusted { .. }) => return given(asked, examination),
        Err(error) => error,
    };
    let Some(seen) = &examination.seen else {
        let code = match examination.broken {
            Some(_) => Code::ConnectionBroken,
            None => Code::NoAnswer,
        };
        let message = format!("{} gives no answer to the token request", asked.host);
        let fix = "try again in a minute; if it stays so, look for a firewall or proxy that looks into TLS";
        return Finding::failed(code, message, fix).because(error.to_string());
    };
    let finding = match error {
        MintError::Rejected {
            error, description, ..
        } if !seen.is_granted => rejected(asked, seen, error, description),
        _ if seen.is_granted && asked.is_exchanged => not_exchanged(error),
        _ => unavailable(asked, seen),
    };
    finding.because(cause(error, seen))
}

/// Which instances the answer names; `None` where there is nothing to judge.
pub(super) fn instance(examination: &Examination) -> Option<Finding> {
    match &examination.outcome {
        Ok(token) => Some(Finding::ok(format!(
            "REST {:?}, SOAP {:?}",
            token.rest(),
            token.soap()
        ))),
        Err(error @ MintError::Untrusted { host }) => Some(
            Finding::failed(
                Code::UntrustedInstanceUrl,
                "no call gets this token: the token response names a host that is not the tenant's",
                distrusted(host),
            )
            .because(error.to_string()),
        ),
        Err(_) => None,
    }
}

fn distrusted(host: &str) -> String {
    let compare = "compare the tenant's subdomain with the package";
    // It may also be words about a URL that is none.
    match host.contains(' ') {
        true => compare.to_owned(),
        false => format!("{compare}; if {host} is the tenant's, add it to trusted_hosts"),
    }
}

fn given(asked: &Asked<'_>, examination: &Examination) -> Finding {
    let with = if asked.signed {
        String::new()
    } else {
        format!(" for {}", asked.secret_of)
    };
    let message = match &examination.outcome {
        Ok(token) => {
            let left = token.remaining(crate::clock::Now::read()).as_secs();
            format!("a token{with}, good for {left} s")
        }
        Err(_) => format!("a token{with}"),
    };
    let Some(refused) = &examination.current_refused else {
        return Finding::ok(message);
    };
    Finding::warning(
        Code::NextSecretInUse,
        format!("{message}; client_secret itself is refused"),
        "end the rotation: put what client_secret_next says in the place of client_secret, and leave client_secret_next out",
    )
    .because(refused.to_string())
}

fn not_exchanged(error: &MintError) -> Finding {
    if matches!(error, MintError::Rejected { .. }) {
        return Finding::failed(
            Code::ExchangeRefused,
            "core Salesforce gives a token, but not one of Data Cloud for it",
            "give the connected app the scopes cdp_api and api, its user a permission set of Data Cloud, and compare \
             dataspace",
        );
    }
    Finding::failed(
        Code::TenantTrouble,
        "core Salesforce gives a token, and its exchange for one of Data Cloud fails",
        "try again in a few minutes, and look at status.salesforce.com",
    )
}

fn cause(error: &MintError, seen: &Seen) -> String {
    let page = seen.page.as_deref().filter(|page| !page.is_empty());
    match (error, page) {
        (_, Some(page)) => format!("{} {page}", seen.status),
        (
            MintError::Rejected {
                status,
                error,
                description,
            },
            None,
        ) => format!("{status} {error} {description}")
            .trim_end()
            .to_owned(),
        (MintError::Unavailable { cause, .. }, None) => cause.clone(),
        (error, None) => error.to_string(),
    }
}

/// Trouble that may go away, or an answer that is no token endpoint's.
fn unavailable(asked: &Asked<'_>, seen: &Seen) -> Finding {
    match seen.status {
        429 => {
            let wait = match seen.retry_after {
                Some(wait) => format!("{} s", wait.as_secs()),
                None => "twenty minutes".to_owned(),
            };
            Finding::failed(
                Code::Throttled,
                "too many token requests: about one in twenty minutes is allowed for each client",
                format!(
                    "wait {wait}, and let all applications share one proxy's tokens instead of fetching their own"
                ),
            )
        }
        500.. => Finding::failed(
            Code::TenantTrouble,
            format!(
                "the token endpoint has trouble of its own ({})",
                seen.status
            ),
            "try again in a few minutes, and look at status.salesforce.com; the proxy tries again by itself",
        ),
        _ if seen.page.is_some() => portal(asked.host),
        _ => Finding::failed(
            Code::OddAnswer,
            format!(
                "{} answers {}, but with no token that can be used",
                asked.host, seen.status
            ),
            "compare subdomain, auth_url and kind with the package, and look for a proxy that answers in its place",
        ),
    }
}

fn portal(host: &str) -> Finding {
    Finding::failed(
        Code::CaptivePortal,
        format!("a web page answers in place of {host}"),
        "log in at the network's portal, or have the proxy on the way let the tenant's hosts pass",
    )
}

fn rejected(asked: &Asked<'_>, seen: &Seen, error: &str, description: &str) -> Finding {
    if seen.status == 404 {
        return absent(asked);
    }
    if (300..400).contains(&seen.status) || (seen.page.is_some() && error.is_empty()) {
        return portal(asked.host);
    }
    if is_of_addresses(description) || is_of_addresses(error) {
        return address_not_allowed();
    }
    if let Some(account) = asked.account
        && speaks_of_account(description, account)
    {
        return wrong_account(account);
    }
    let code: String = match error.strip_prefix("errorcode ") {
        Some(code) => code.trim_matches('"').to_owned(),
        None => error.to_ascii_lowercase(),
    };
    match code.as_str() {
        "10007" => Finding::failed(
            Code::EnhancedPackageOnV1,
            "an enhanced package was shown to the endpoint for legacy ones",
            "auth_url leads to /v1/requestToken: leave auth_url out, so that /v2/token below the subdomain is asked",
        ),
        "1" => Finding::failed(
            Code::LegacyPackage,
            "the endpoint answers in the words for legacy packages: these credentials are no enhanced package's",
            "make an enhanced installed package with a server-to-server component (legacy ones get no tokens at /v2/token), \
             or compare client_id and client_secret with it",
        ),
        "invalid_client" | "invalid_client_id" | "invalid_client_credentials" => {
            wrong_client(asked, description)
        }
        "unauthorized_client" | "inactive_user" | "inactive_org" => not_authorized(asked),
        "invalid_scope" => scope_not_granted(asked),
        "invalid_grant" => grant_refused(asked, description),
        "unsupported_grant_type" => Finding::failed(
            Code::UnsupportedGrant,
            "the endpoint knows no such grant",
            "compare kind and grant with the package: Marketing Cloud has client_credentials and authorization_code, core \
             Salesforce jwt_bearer too",
        ),
        _ if seen.status == 401 => wrong_client(asked, description),
        _ if seen.status == 403 => address_not_allowed(),
        _ => Finding::failed(
            Code::Refused,
            format!("the token endpoint refuses the request ({})", seen.status),
            "compare the tenant's settings with the package; what the endpoint says stands under cause",
        ),
    }
}

fn absent(asked: &Asked<'_>) -> Finding {
    let fix = "compare subdomain (or auth_url) with the base URIs of the installed package, and kind with what it is of";
    match subdomain(asked.host) {
        Some(subdomain) => Finding::failed(
            Code::WrongSubdomain,
            format!(
                "no tenant answers at {}: the subdomain {subdomain} is wrong",
                asked.host
            ),
            fix,
        ),
        None => Finding::failed(
            Code::WrongSubdomain,
            format!("there is no token endpoint at {}", asked.host),
            fix,
        ),
    }
}

fn address_not_allowed() -> Finding {
    Finding::failed(
        Code::AddressNotAllowed,
        "likely the tenant's IP allowlist: it does not have the address that this machine is seen under",
        "add this machine's public address (or its proxy's) to the allowlist: Setup, Security, IP Allowlist; of core \
         Salesforce, relax IP restrictions in the connected app's policies",
    )
}

fn speaks_of_account(description: &str, account: Mid) -> bool {
    let words = description.to_ascii_lowercase();
    ["account_id", "account id", "business unit", "member id"]
        .iter()
        .any(|phrase| words.contains(phrase))
        || words.contains(&account.to_string())
}

fn wrong_account(account: Mid) -> Finding {
    Finding::failed(
        Code::WrongAccount,
        format!("{account} is no business unit that this package may act in"),
        "compare the member id with the account's (the number beside its name in the header), and admit the package to \
         that business unit (Setup, Installed Packages, Access)",
    )
}

fn wrong_client(asked: &Asked<'_>, description: &str) -> Finding {
    let words = description.to_ascii_lowercase();
    if ["disabled", "not enabled", "inactive", "uninstalled"]
        .iter()
        .any(|phrase| words.contains(phrase))
    {
        return Finding::failed(
            Code::PackageDisabled,
            "the installed package is disabled",
            "enable it in Setup, Installed Packages, or name another one",
        );
    }
    let proof = if asked.signed { "key" } else { asked.secret_of };
    let account = match asked.account {
        Some(account) => format!(", or it is not admitted to the business unit {account}"),
        None => String::new(),
    };
    Finding::failed(
        Code::WrongClient,
        format!(
            "client_id and {proof} are not accepted: one of them is wrong, or the package is disabled{account}"
        ),
        "copy both anew from the installed package's component (a secret that was rotated is good no more), and see that \
         the package is enabled",
    )
}

fn not_authorized(asked: &Asked<'_>) -> Finding {
    let account = match asked.account {
        Some(account) => format!(", and has access to the business unit {account}"),
        None => String::new(),
    };
    Finding::failed(
        Code::ClientNotAuthorized,
        "the client is known, but gets no token: its package is disabled or of another kind, or its user has expired",
        format!(
            "see that the package is enabled and has a server-to-server component{account}; the user that comes with it can \
             expire by the login policy: unlock it in Setup, Users"
        ),
    )
}

fn scope_not_granted(asked: &Asked<'_>) -> Finding {
    let scope = asked.scope.unwrap_or("none");
    Finding::failed(
        Code::ScopeNotGranted,
        format!("scope asks for what the package does not grant (asked: {scope})"),
        "grant it in the installed package, which takes up to five minutes, or take it out of the tenant's scope",
    )
}

fn grant_refused(asked: &Asked<'_>, description: &str) -> Finding {
    if asked.is_skewed && asked.signed {
        return Finding::failed(
            Code::GrantRefused,
            "the signed assertion is refused, and this machine's clock is wrong",
            "set the clock first, see the step clock",
        );
    }
    let words = description.to_ascii_lowercase();
    let fix = if words.contains("approved") {
        "let the user be pre-authorized: the connected app's policies, admin approved users, and a profile or permission set"
    } else if words.contains("audience") {
        "set jwt_audience: https://login.salesforce.com, or https://test.salesforce.com for a sandbox"
    } else if words.contains("no client credentials user") {
        "name a run-as user in the connected app's client credentials flow"
    } else if asked.signed {
        "compare client_id, jwt_subject, jwt_audience and the certificate of the connected app with jwt_key"
    } else if asked.is_core {
        "enable the client credentials flow in the connected app, with a run-as user that is active"
    } else {
        "compare grant with the package's component"
    };
    Finding::failed(Code::GrantRefused, "the grant itself is refused", fix)
}
