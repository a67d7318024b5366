//! Who is calling: clients by name and secret, by certificate, by a placeholder that was handed to them.
//!
//! Compares secrets in constant time and says to nobody which part was wrong. Never forwards anything: what callers present
//! ends here.

mod placeholder;
mod presented;
mod throttle;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use http::HeaderMap;
use http::header::AUTHORIZATION;

pub use placeholder::{PLACEHOLDER_SIZE_MAX, Selection, is_placeholder};
pub use presented::Presented;
pub use throttle::Throttle;

use crate::policy::{AllowList, Mode, Posture};
use crate::secret::Secret;
use crate::token::Mid;
use placeholder::Placeholder;

/// One client as configured.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Its name, lower case.
    pub name: String,
    /// Each is right; placeholders are made with the first. Empty: known by certificate or listener alone.
    pub secrets: Vec<Secret>,
    /// Old user names that mean this client.
    pub usernames: Vec<String>,
    /// What it may do.
    pub grant: Grant,
}

/// What a client may do.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Tenants that it may use; the first is its default.
    pub tenants: Vec<String>,
    /// Accounts that it may use, by tenant, the first of each being its default there. A tenant that is not in it: that
    /// tenant's default account alone.
    pub accounts: BTreeMap<String, Vec<Mid>>,
    /// What its calls may do at most.
    pub mode: Mode,
    /// The only calls that it may make; `None`: all.
    pub allow: Option<AllowList>,
    /// What becomes of calls that these two refuse.
    pub policy: Posture,
    /// Whatever the proxy has; the lists of tenants and accounts do not count.
    pub everything: bool,
}

impl Grant {
    /// Whether this account of this tenant may be used. `default` is the tenant's default account.
    #[must_use]
    pub fn covers(&self, tenant: &str, account: Option<Mid>, default: Option<Mid>) -> bool {
        let named = self.tenants.iter().any(|name| name == tenant);
        let listed = named
            && match self.accounts.get(tenant) {
                Some(accounts) => account.is_some_and(|mid| accounts.contains(&mid)),
                None => account == default,
            };
        self.everything || listed
    }

    /// The only tenants that may be used; `None`: all.
    #[must_use]
    pub fn tenants(&self) -> Option<&[String]> {
        (!self.everything).then_some(self.tenants.as_slice())
    }

    /// The tenant that the client means where nothing selects one; `None`: the proxy's default.
    #[must_use]
    pub fn default_tenant(&self) -> Option<&str> {
        self.tenants()?.first().map(String::as_str)
    }

    /// The account of this tenant that the client means where nothing selects one; `None`: the tenant's default.
    #[must_use]
    pub fn default_account(&self, tenant: &str) -> Option<Mid> {
        let accounts = self.accounts.get(tenant).filter(|_| !self.everything);
        accounts?.first().copied()
    }
}

/// One client.
pub struct Client {
    name: String,
    keys: Vec<Key>,
    grant: Grant,
}

/// One secret of a client, in the two forms in which it is used.
struct Key {
    /// Of the secret, under a key of this process: equal tags mean equal secrets, and comparing them tells nothing else.
    tag: hmac::Tag,
    placeholders: hmac::Key,
}

impl Client {
    /// Its name: the label of metrics and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many secrets are right.
    #[must_use]
    pub fn secrets_count(&self) -> usize {
        self.keys.len()
    }

    /// What it may do.
    #[must_use]
    pub fn grant(&self) -> &Grant {
        &self.grant
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Client({})", self.name)
    }
}

/// All clients. Without any, everybody who can reach a listener may call.
pub struct Clients {
    by_name: BTreeMap<String, Arc<Client>>,
    by_username: HashMap<String, Arc<Client>>,
    process_key: hmac::Key,
    nobodys_tag: hmac::Tag,
}

/// Who a caller turned out to be.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The client; `None` where there are none.
    pub client: Option<Arc<Client>>,
    /// What its placeholder selects.
    pub selection: Option<Selection>,
    /// What its placeholder restricts it to.
    pub mode: Mode,
    /// The place of the secret that it showed, from 1; `None` if it showed none.
    pub secret: Option<usize>,
}

/// Why a caller is nobody. Which of several credentials was wrong is not told to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// None of its credentials is ours.
    NoCredentials,
    /// One that is ours is not right.
    Wrong,
    /// They are right and name different clients.
    SeveralClients,
    /// Its placeholders select different accounts.
    SeveralSelections,
}

impl Clients {
    /// Takes them over; the secrets are not needed any more afterwards.
    ///
    /// # Errors
    ///
    /// No random numbers are to be had.
    pub fn new(settings: Vec<ClientSettings>) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        let process_key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let mut clients = Self {
            by_name: BTreeMap::new(),
            by_username: HashMap::new(),
            nobodys_tag: hmac::sign(&process_key, &key),
            process_key,
        };
        for settings in settings {
            let keys = settings.secrets.iter().map(|secret| Key {
                tag: hmac::sign(&clients.process_key, secret.expose().as_bytes()),
                placeholders: placeholder::key(secret),
            });
            let client = Arc::new(Client {
                keys: keys.collect(),
                name: settings.name,
                grant: settings.grant,
            });
            for username in settings.usernames {
                let username = username.to_lowercase();
                clients.by_username.insert(username, Arc::clone(&client));
            }
            clients.by_name.insert(client.name.clone(), client);
        }
        Ok(clients)
    }

    /// Whether callers need no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// All clients, by name.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.by_name.values()
    }

    /// Makes out who presents this. All credentials that are ours have to be right and name one client; foreign ones do not
    /// count.
    ///
    /// # Errors
    ///
    /// Nobody, or more than one.
    pub fn identify(&self, presented: &Presented<'_>) -> Result<Identity, Unknown> {
        if self.is_empty() {
            return self.selected(presented);
        }
        let mut found = Found::default();
        for name in presented.established() {
            let client = self.by_name.get(name).ok_or(Unknown::Wrong)?;
            found.claim(client)?;
        }
        let names = presented.certificate_names();
        if !names.is_empty() {
            let named = names.iter().find_map(|name| self.by_name.get(name));
            found.claim(named.ok_or(Unknown::Wrong)?)?;
        }
        for (name, password) in presented.passwords() {
            match self.named(name) {
                Some(client) => {
                    let place = self.right(client, password).ok_or(Unknown::Wrong)?;
                    found.claim(client)?;
                    found.show(place);
                }
                // As much work as for a name that is known.
                None => drop(self.matches(&self.nobodys_tag, password)),
            }
        }
        let mut unsigned = Vec::new();
        for token in presented.placeholders() {
            let (placeholder, signature) = Placeholder::read(token).ok_or(Unknown::Wrong)?;
            if signature.is_empty() {
                unsigned.push(placeholder);
                continue;
            }
            let client = placeholder.client.as_ref();
            let client = client.and_then(|name| self.by_name.get(name));
            let client = client.ok_or(Unknown::Wrong)?;
            let is_signed =
                |key: &Key| placeholder::is_signed(token, &signature, &key.placeholders);
            let place = client.keys.iter().position(is_signed);
            let place = place.ok_or(Unknown::Wrong)?;
            found.claim(client)?;
            found.show(place);
            found.select(placeholder)?;
        }
        for placeholder in unsigned {
            // Says nothing by itself: only what somebody without a secret, who is known otherwise, was handed.
            let known = found.client.as_ref().filter(|client| {
                client.keys.is_empty() && placeholder.client.as_ref() == Some(&client.name)
            });
            if known.is_none() {
                return Err(Unknown::Wrong);
            }
            found.select(placeholder)?;
        }
        match found.client {
            None => Err(Unknown::NoCredentials),
            client => Ok(Identity {
                client,
                selection: found.selection,
                mode: found.mode,
                secret: found.secret,
            }),
        }
    }

    /// Where nobody needs a name: what placeholders select.
    fn selected(&self, presented: &Presented<'_>) -> Result<Identity, Unknown> {
        let mut found = Found::default();
        for token in presented.placeholders() {
            let (placeholder, _signature) = Placeholder::read(token).ok_or(Unknown::Wrong)?;
            found.select(placeholder)?;
        }
        Ok(Identity {
            client: None,
            selection: found.selection,
            mode: found.mode,
            secret: None,
        })
    }

    /// A token to hand to this caller: it says who it is, and what it selected by name.
    #[must_use]
    pub fn placeholder(
        &self,
        client: Option<&Client>,
        selection: Option<Selection>,
        mode: Mode,
    ) -> String {
        let placeholder = Placeholder {
            client: client.map(|client| client.name.clone()),
            selection,
            mode,
        };
        let key = client.and_then(|client| client.keys.first());
        placeholder.write(key.map(|key| &key.placeholders))
    }

    /// Whether the credentials in `Authorization` are, right or wrong, for us: then they go nowhere else.
    #[must_use]
    pub fn claims(&self, headers: &HeaderMap) -> bool {
        let presented = Presented::in_header(headers, &AUTHORIZATION);
        presented.placeholders().next().is_some()
            || presented
                .passwords()
                .any(|(name, _password)| self.named(name).is_some())
    }

    fn named(&self, name: &str) -> Option<&Arc<Client>> {
        let name = name.to_lowercase();
        self.by_name
            .get(&name)
            .or_else(|| self.by_username.get(&name))
    }

    /// The place of the secret that this is.
    fn right(&self, client: &Client, password: &Secret) -> Option<usize> {
        // Every secret is compared, whichever fits.
        let places = client.keys.iter().enumerate();
        let right = places.filter(|(_place, key)| self.matches(&key.tag, password));
        right.map(|(place, _key)| place).max()
    }

    fn matches(&self, tag: &hmac::Tag, password: &Secret) -> bool {
        hmac::verify(
            &self.process_key,
            password.expose().as_bytes(),
            tag.as_ref(),
        )
        .is_ok()
    }
}

/// What has been made out so far.
#[derive(Default)]
struct Found {
    client: Option<Arc<Client>>,
    selection: Option<Selection>,
    mode: Mode,
    secret: Option<usize>,
}

impl Found {
    /// Of several, the one that is to go is worth telling.
    fn show(&mut self, place: usize) {
        self.secret = self.secret.max(Some(place + 1));
    }

    fn claim(&mut self, client: &Arc<Client>) -> Result<(), Unknown> {
        match &self.client {
            Some(other) if other.name != client.name => Err(Unknown::SeveralClients),
            _ => {
                self.client = Some(Arc::clone(client));
                Ok(())
            }
        }
    }

    fn select(&mut self, placeholder: Placeholder) -> Result<(), Unknown> {
        self.mode = self.mode.strictest(placeholder.mode);
        match (&self.selection, placeholder.selection) {
            (Some(one), Some(other)) if *one != other => Err(Unknown::SeveralSelections),
            (_, None) => Ok(()),
            (_, selection) => {
                self.selection = selection;
                Ok(())
            }
        }
    }
}
