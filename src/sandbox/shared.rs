//! What all faces and the control API share: one state, changed from inside and outside alike.
//!
//! Locks are held for a look or a change, never while waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::Settings;
use super::face::Face;
use super::journal::Journal;
use super::ledger::{Bearer, Ledger};
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
    authorities: [String; 3],
    /// Where each face is bound.
    pub(super) addresses: [SocketAddr; 3],
    pub(super) control: SocketAddr,
    ledger: Mutex<Ledger>,
    records: Mutex<Records>,
    scripts: Mutex<Scripts>,
    switches: Mutex<Arc<Switches>>,
    down: [watch::Sender<bool>; 3],
    connection_ids: AtomicU64,
    connections: [AtomicU64; 3],
    token_requests: AtomicU64,
    mints: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        ca_pem: String,
        addresses: [SocketAddr; 3],
        control: SocketAddr,
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
                settings.lifetime,
                settings.client_secret.clone(),
            )),
            records: Mutex::new(Records::new(&settings.accounts)),
            scripts: Mutex::new(Scripts::default()),
            switches: Mutex::new(Arc::new(settings.switches.clone())),
            down: [(); 3].map(|()| watch::Sender::new(false)),
            connection_ids: AtomicU64::new(0),
            connections: [const { AtomicU64::new(0) }; 3],
            token_requests: AtomicU64::new(0),
            mints: AtomicU64::new(0),
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
        let vendor = self.settings.vendor_host(face);
        let port = face.of(&self.addresses).port();
        host.eq_ignore_ascii_case(&vendor) || host.eq_ignore_ascii_case(&format!("{vendor}:{port}"))
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
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

    pub(super) fn mints(&self) -> u64 {
        self.mints.load(Ordering::Relaxed)
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

    /// A token and the answer that hands it over.
    pub(super) fn mint(&self, account: u64, scopes: BTreeSet<String>) -> Value {
        let alone = self.switches().one_token_per_client;
        let scope = scopes
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ");
        let mut ledger = self.ledger();
        let token = ledger.mint(&self.settings.client_id, account, scopes, alone);
        self.mints.fetch_add(1, Ordering::Relaxed);
        let mut answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": ledger.lifetime.as_secs(),
            "scope": scope,
            "rest_instance_url": self.url(Face::Rest),
            "soap_instance_url": self.url(Face::Soap),
        });
        if let Some(answer) = answer.as_object_mut() {
            lay_over(answer, &ledger.answer_patch);
        }
        answer
    }

    pub(super) fn set_lifetime(&self, lifetime: Duration) {
        self.ledger().lifetime = lifetime;
    }

    /// Counts, for people and for tests that poll.
    pub(super) fn summary(&self) -> Value {
        let (lifetime, alive) = {
            let ledger = self.ledger();
            (ledger.lifetime.as_millis(), ledger.alive())
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
            "token_requests": self.token_requests(),
            "mints": self.mints(),
            "sends": self.records().sends_total(),
            "journal_entries": self.journal.len(),
            "scripts": self.scripts().waiting(),
            "switches": *self.switches(),
        })
    }
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
