//! What stands in the places of a snippet. Knows where the client's secret is, and has never read it.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::aim::{self, Aim, Way};
use super::catalog::Snippet;
use super::inside::Told;
use super::language::{ANYTHING, Language, Secret};
use super::template::{self, Values};
use crate::cli::healthcheck::from_here;
use crate::config::{self, AuthorityPlace, Resolved, SecretPlace, Sources};
use crate::token::Kind;

/// Everything that a text may ask for.
pub(super) struct Filling<'a> {
    /// `None`: the snippet is not for calls.
    call: Option<Call<'a>>,
    admin: SocketAddr,
    authority: Option<PathBuf>,
    /// `None`: the proxy is where the configuration is.
    told: Option<&'a Told>,
}

struct Call<'a> {
    aim: Aim<'a>,
    way: Way,
    /// Where the secret is, if one has to be shown.
    place: SecretPlace,
    /// The variable that the program reads it from, where no file has it.
    variable: String,
}

impl<'a> Filling<'a> {
    pub(super) fn without_calls(resolved: &Resolved) -> Self {
        Self {
            call: None,
            admin: resolved.admin.listen,
            authority: None,
            told: None,
        }
    }

    pub(super) fn new(
        sources: &Sources,
        resolved: &Resolved,
        aim: Aim<'a>,
        way: Way,
        told: Option<&'a Told>,
    ) -> Self {
        let shows = aim
            .client
            .filter(|_| !way.knows_client && !way.wants_certificate);
        let place = shows.map(|client| config::secret_place(sources, &client.name));
        let place = place.unwrap_or(SecretPlace::Nowhere);
        let variable = match &place {
            SecretPlace::Variable(name) => name.clone(),
            _ => aim
                .client
                .map_or_else(String::new, |client| variable(&client.name)),
        };
        let authority = match &resolved.authority {
            AuthorityPlace::Directory(directory) => Some(directory.join("ca.pem")),
            AuthorityPlace::Nowhere | AuthorityPlace::ThisProcess => None,
        };
        Self {
            admin: resolved.admin.listen,
            authority: authority.filter(|_| way.is_of_local_authority),
            told,
            call: Some(Call {
                aim,
                way,
                place,
                variable,
            }),
        }
    }

    pub(super) fn fill(&self, snippet: &Snippet) -> Result<String, String> {
        let filled = template::fill(snippet.text, snippet.language, self);
        filled.map_err(|error| format!("the text of {}: {error}", snippet.name))
    }

    /// What the comments of other snippets say.
    pub(super) fn note(&self) -> String {
        let call = self.call.as_ref();
        call.map_or_else(String::new, |call| {
            format!(
                "{} {}\nWhere HTTP_PROXY is set, NO_PROXY has to name {}.",
                call.place_in_words(),
                call.who(),
                call.no_proxy()
            )
        })
    }

    fn admin_address(&self) -> String {
        from_here(self.admin).to_string()
    }
}

/// A name that every shell takes, whatever the client's begins with.
fn variable(client: &str) -> String {
    let upper = client.to_ascii_uppercase();
    format!("SECRET_OF_{}", upper.replace(['-', '.'], "_"))
}

impl Values for Filling<'_> {
    fn value(&self, key: &str) -> Option<String> {
        match key {
            "admin_address" => return Some(self.admin_address()),
            "admin_listen" => return Some(self.admin.to_string()),
            // Kubernetes expands $(…), and Compose $… and ${…}; both take $$ for a dollar.
            "moved_http" => return Some(self.told?.http.as_ref()?.replace('$', "$$")),
            "moved_https" => return Some(self.told?.https.as_ref()?.replace('$', "$$")),
            "admin" => return Some(format!("http://{}", self.admin_address())),
            "image" => {
                return Some(concat!("sfmc-auth-proxy:", env!("CARGO_PKG_VERSION")).to_owned());
            }
            "ca" => return Some(self.authority.as_ref()?.display().to_string()),
            _ => {}
        }
        let call = self.call.as_ref()?;
        let base = call.base();
        Some(match key {
            "base" => base,
            "origin" => call.way.origin.clone(),
            "no_proxy" => call.no_proxy(),
            "embedded" => {
                let subdomain = call.aim.tenant.endpoint.lock.subdomain.as_ref()?;
                format!("{base}/https://{subdomain}.auth.marketingcloudapis.com/")
            }
            // Toolkits fetch it before they show any name, and with a selection it is not public.
            "wsdl" if call.shows_identity() => format!("{}/etframework.wsdl", call.way.origin),
            "wsdl" => format!("{base}/etframework.wsdl"),
            "probe" => base + call.probe(),
            "user" => call.user().to_owned(),
            "account" => call.aim.account?.to_string(),
            "socket" => call.way.socket.as_ref()?.display().to_string(),
            "title" => format!("sfmc-auth-proxy {}", call.target()),
            "where" => call.place_in_words(),
            "who" => call.who(),
            _ => return None,
        })
    }

    fn secret(&self, language: Language) -> String {
        let call = self.call.as_ref();
        language.secret(call.map_or(Secret::Any, Call::secret))
    }

    fn holds(&self, condition: &str) -> Option<bool> {
        let call = self.call.as_ref();
        let secret = call.map_or(Secret::Any, Call::secret);
        let is = |test: fn(&Way) -> bool| call.is_some_and(|call| test(&call.way));
        let (is_file, is_variable) = (
            matches!(secret, Secret::File(_)),
            matches!(secret, Secret::Variable(_)),
        );
        Some(match condition {
            "identity" => call.is_some_and(Call::shows_identity),
            "file" => is_file,
            "variable" => is_variable,
            "certificate" => is(|way| way.wants_certificate),
            "tls" => is(|way| way.is_secure),
            "socket" => is(|way| way.socket.is_some()),
            "local_ca" => self.authority.is_some(),
            "moved_http" => self.told.is_some_and(|told| told.http.is_some()),
            "moved_https" => self.told.is_some_and(|told| told.https.is_some()),
            "renamed" => self.told.is_some_and(|told| told.is_renamed),
            "reads" => is_file || is_variable || self.authority.is_some(),
            _ => return None,
        })
    }
}

impl Call<'_> {
    fn base(&self) -> String {
        format!("{}{}", self.way.origin, self.way.prefix)
    }

    /// What has to be in `NO_PROXY` so that calls get here straight. Some clients want brackets around IPv6, some do not.
    fn no_proxy(&self) -> String {
        let origin = &self.way.origin;
        let (_scheme, authority) = origin.split_once("://").unwrap_or(("", origin));
        match authority
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            Some((ip, _port)) => format!("{ip},[{ip}]"),
            None => authority.split(':').next().unwrap_or(authority).to_owned(),
        }
    }

    /// A call that reads, and that every tenant of this kind has.
    fn probe(&self) -> &'static str {
        match self.aim.tenant.endpoint.kind {
            Kind::MarketingCloud => "/asset/v1/content/assets",
            Kind::Salesforce => "/services/data/v60.0/limits",
            Kind::DataCloud { .. } => "/api/v1/metadata",
            Kind::AccountEngagement { .. } => "/api/v5/objects/prospects?fields=id",
        }
    }

    /// It has to say who it is, with a secret.
    fn shows_identity(&self) -> bool {
        self.aim.client.is_some() && !self.way.knows_client && !self.way.wants_certificate
    }

    /// Where nobody has to say a name, any text stands for one.
    fn user(&self) -> &str {
        match self.aim.client {
            Some(client) if !self.way.knows_client => &client.name,
            _ => ANYTHING,
        }
    }

    fn secret(&self) -> Secret<'_> {
        match &self.place {
            _ if !self.shows_identity() => Secret::Any,
            SecretPlace::File(path) => Secret::File(path),
            SecretPlace::Nowhere | SecretPlace::Variable(_) | SecretPlace::Configuration(_) => {
                Secret::Variable(&self.variable)
            }
        }
    }

    fn target(&self) -> String {
        let tenant = self.aim.tenant;
        match self.aim.account {
            Some(mid) => format!("{}:{}", tenant.name, aim::account_name(tenant, mid)),
            None => tenant.name.clone(),
        }
    }

    fn place_in_words(&self) -> String {
        let tenant = self.aim.tenant;
        let account = match self.aim.account {
            None => "its own account".to_owned(),
            Some(mid) => match aim::account_name(tenant, mid) {
                name if name == mid.to_string() => format!("account {mid}"),
                name => format!("account {name} ({mid})"),
            },
        };
        format!("Tenant {}, {account}.", tenant.name)
    }

    fn who(&self) -> String {
        let Some(client) = self.aim.client else {
            return "Whoever reaches this address may call: no name and no secret are needed."
                .to_owned();
        };
        let name = &client.name;
        if self.way.knows_client {
            return format!("Whoever reaches this address is client {name}: no secret is needed.");
        }
        if self.way.wants_certificate {
            return format!("Client {name}, known by its certificate.");
        }
        let variable = &self.variable;
        match &self.place {
            SecretPlace::File(path) => format!(
                "Client {name}; its secret is in the file {}",
                path.display()
            ),
            SecretPlace::Variable(_) => format!(
                "Client {name}; its secret is in the variable {variable} of the proxy, and has to be in the caller's too."
            ),
            SecretPlace::Configuration(origin) => format!(
                "Client {name}; its secret is in the configuration ({origin}), and has to be in the variable {variable} here."
            ),
            SecretPlace::Nowhere => {
                format!("Client {name}; its secret has to be in the variable {variable}.")
            }
        }
    }
}
