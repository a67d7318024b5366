//! What all faces and the control API share: one state, changed from inside and outside alike.
//!
//! Locks are held for a look or a change, never while waiting. Where two are needed, the logins come before the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::Settings;
use super::face::{FACES, Face};
use super::journal::Journal;
use super::ledger::{Bearer, Ledger, Order, token_text};
use super::logins::Logins;
use super::records::Records;
use super::script::{Script, Scripts};
use super::switches::Switches;
use super::wire::Head;

/// The state of one tenant.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) ca_pem: String,
    pub(super) journal: Journal,
    /// `localhost:PORT` of each face.
    authorities: [String; FACES],
    /// Where each face is bound.
    pub(super) addresses: [SocketAddr; FACES],
    pub(super) control: SocketAddr,
    ledger: Mutex<Ledger>,
    records: Mutex<Records>,
    scripts: Mutex<Scripts>,
    switches: Mutex<Arc<Switches>>,
    down: [watch::Sender<bool>; FACES],
    connection_ids: AtomicU64,
    connections: [AtomicU64; FACES],
    logins: Mutex<Logins>,
    token_requests: AtomicU64,
    mints: [AtomicU64; FACES],
    writes: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        ca_pem: String,
        addresses: [SocketAddr; FACES],
        control: SocketAddr,
        jwt_public_key: Option<Vec<u8>>,
    ) -> Self {
        let authority =
            |address: SocketAddr| format!("{}:{}", settings.instance_host, address.port());
        Self {
            ca_pem,
            journal: Journal::new(),
            authorities: addresses.map(authority),
            addresses,
            control,
            ledger: Mutex::new(Ledger::new(
                Face::ALL.map(|face| settings.lifetime(face)),
                settings.client_secret.clone(),
            )),
            logins: Mutex::new(Logins::new(
                settings.redirect_uris.clone(),
                settings.public_package,
                jwt_public_key,
            )),
            records: Mutex::new(Records::new(&settings.accounts)),
            scripts: Mutex::new(Scripts::default()),
            switches: Mutex::new(Arc::new(settings.switches.clone())),
            down: [(); FACES].map(|()| watch::Sender::new(false)),
            connection_ids: AtomicU64::new(0),
            connections: [const { AtomicU64::new(0) }; FACES],
            token_requests: AtomicU64::new(0),
            mints: [const { AtomicU64::new(0) }; FACES],
            writes: AtomicU64::new(0),
            settings,
        }
    }

    /// `localhost:PORT`
    pub(super) fn authority(&self, face: Face) -> &str {
        face.of::<String>(&self.authorities)
    }

    /// `https://localhost:PORT/`
    pub(super) fn url(&self, face: Face) -> String {
        format!("https://{}/", self.authority(face))
    }

    /// The values of `Host` that mean this face: its own authority, or the vendor's name where names are overridden.
    pub(super) fn is_host(&self, face: Face, host: &str) -> bool {
        if host.eq_ignore_ascii_case(self.authority(face)) {
            return true;
        }
        let port = format!(":{}", face.of(&self.addresses).port());
        let name = host.strip_suffix(port.as_str()).unwrap_or(host);
        let vendor = self.settings.vendor_hosts(face);
        vendor.iter().any(|known| name.eq_ignore_ascii_case(known))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    pub(super) fn logins(&self) -> MutexGuard<'_, Logins> {
        lock(&self.logins)
    }

    /// Ends a login of which something was used twice, with all its tokens.
    pub(super) fn end_family(&self, family: u64) {
        self.logins().end(family);
        self.ledger().revoke_family(family);
    }

    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        lock(&self.records)
    }

    pub(super) fn scripts(&self) -> MutexGuard<'_, Scripts> {
        lock(&self.scripts)
    }

    pub(super) fn take_script(&self, face: Face, method: &str, target: &str) -> Option<Script> {
        self.scripts().take(face, method, target)
    }

    pub(super) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&lock(&self.switches))
    }

    pub(super) fn set_switches(&self, switches: Switches) {
        *lock(&self.switches) = Arc::new(switches);
    }

    pub(super) fn set_down(&self, face: Face, down: bool) {
        face.of(&self.down).send_replace(down);
    }

    pub(super) fn down(&self, face: Face) -> watch::Receiver<bool> {
        face.of(&self.down).subscribe()
    }

    pub(super) fn count_connection(&self, face: Face) -> u64 {
        face.of(&self.connections).fetch_add(1, Ordering::Relaxed);
        self.connection_ids.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn connections(&self, face: Face) -> u64 {
        face.of(&self.connections).load(Ordering::Relaxed)
    }

    pub(super) fn count_token_request(&self) {
        self.token_requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn token_requests(&self) -> u64 {
        self.token_requests.load(Ordering::Relaxed)
    }

    /// Successful token answers of one face.
    pub(super) fn mints_of(&self, issuer: Face) -> u64 {
        issuer.of(&self.mints).load(Ordering::Relaxed)
    }

    /// Successful token answers of all faces.
    pub(super) fn mints(&self) -> u64 {
        Face::ALL.into_iter().map(|face| self.mints_of(face)).sum()
    }

    /// Counts something that was changed on one of the faces beside Marketing Cloud's.
    pub(super) fn count_write(&self) -> u64 {
        self.writes.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The token in a head: of a Bearer header, as it stands there.
    pub(super) fn bearer(&self, head: &Head) -> Option<Bearer> {
        let value = head.values("authorization").next()?;
        let (scheme, token) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        self.ledger().look_up(token.trim())
    }

    /// A token of Marketing Cloud and the answer that hands it over.
    pub(super) fn mint(
        &self,
        account: u64,
        scopes: BTreeSet<String>,
        family: Option<u64>,
    ) -> Map<String, Value> {
        let alone = self.switches().one_token_per_client;
        let scope = joined(&scopes);
        let text = token_text(&self.settings.client_id, account);
        let mut ledger = self.ledger();
        if alone {
            ledger.revoke(Some(account));
        }
        let order = Order {
            issuer: Face::Auth,
            account,
            scopes,
            family,
        };
        let token = ledger.mint(text, order);
        let lifetime = *Face::Auth.of(&ledger.lifetimes);
        let answer = [
            ("access_token", json!(token)),
            ("token_type", json!("Bearer")),
            ("expires_in", json!(lifetime.as_secs())),
            ("scope", json!(scope)),
            ("rest_instance_url", json!(self.url(Face::Rest))),
            ("soap_instance_url", json!(self.url(Face::Soap))),
        ];
        answer
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    /// Counts a token answer and lays over it what a test has ordered.
    pub(super) fn minted(&self, issuer: Face, mut answer: Map<String, Value>) -> Value {
        issuer.of(&self.mints).fetch_add(1, Ordering::Relaxed);
        lay_over(&mut answer, issuer.of(&self.ledger().answer_patches));
        Value::Object(answer)
    }

    /// How long tokens to come of a face live.
    pub(super) fn set_lifetime(&self, issuer: Face, lifetime: Duration) {
        *issuer.of_mut(&mut self.ledger().lifetimes) = lifetime;
    }

    /// What is laid over token answers to come of a face.
    pub(super) fn set_token_answer(&self, issuer: Face, patch: Map<String, Value>) {
        *issuer.of_mut(&mut self.ledger().answer_patches) = patch;
    }

    /// Counts, for people and for tests that poll.
    pub(super) fn summary(&self) -> Value {
        let (lifetime, alive, core, data_cloud) = {
            let ledger = self.ledger();
            let lifetime = Face::Auth.of(&ledger.lifetimes).as_millis();
            let of = |face| ledger.alive_of(face);
            (
                lifetime,
                ledger.alive(),
                of(Face::Core),
                of(Face::DataCloud),
            )
        };
        let logins = {
            let logins = self.logins();
            json!({
                "refreshes": logins.refreshes(),
                "families_ended": logins.families_ended(),
                "refresh_tokens_alive": logins.alive(),
                "redirect_uris": logins.redirect_uris,
                "public_package": logins.public_package,
            })
        };
        let tokens: BTreeMap<String, u64> = alive
            .into_iter()
            .map(|(account, count)| (account.to_string(), count))
            .collect();
        let faces: BTreeMap<&str, Value> = Face::ALL
            .into_iter()
            .map(|face| {
                (
                    face.name(),
                    json!({
                        "url": self.url(face),
                        "connections": self.connections(face),
                        "down": *self.down(face).borrow(),
                    }),
                )
            })
            .collect();
        json!({
            "subdomain": self.settings.subdomain,
            "client_id": self.settings.client_id,
            "accounts": self.settings.accounts,
            "lifetime_ms": u64::try_from(lifetime).unwrap_or(u64::MAX),
            "faces": faces,
            "tokens_alive": tokens,
            "core_tokens_alive": core,
            "data_cloud_tokens_alive": data_cloud,
            "logins": logins,
            "token_requests": self.token_requests(),
            "mints": self.mints(),
            "writes": self.writes(),
            "sends": self.records().sends_total(),
            "journal_entries": self.journal.len(),
            "scripts": self.scripts().waiting(),
            "switches": *self.switches(),
        })
    }
}

/// Scopes as token answers say them.
pub(super) fn joined(scopes: &BTreeSet<String>) -> String {
    let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
    scopes.join(" ")
}

/// Lays `patch` over `answer`; null takes a key away.
fn lay_over(answer: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            answer.remove(key);
        } else {
            answer.insert(key.clone(), value.clone());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
