//! A simulated Marketing Cloud tenant, with what Salesforce has beside it: real sockets, its own TLS certificate authority, state in memory, and a journal
//! of everything that arrived.
//!
//! Tests assert on the journal, and the `sandbox` command lets people try the proxy without an account. It is stricter
//! than the vendor wherever a correct proxy has no excuse, and shares no code with the proxy: a fault in one must not
//! hide in both.

mod account_engagement;
mod answer;
mod asset;
mod auth;
mod certificate;
mod consent;
mod control;
mod core;
mod data_cloud;
mod digest;
mod face;
mod form;
mod intake;
mod journal;
mod ledger;
mod listen;
mod logins;
mod message;
mod payload;
mod platform;
mod plumbing;
mod records;
mod rest;
mod row;
mod scope;
mod script;
mod settings;
mod shared;
mod soap;
mod strict;
mod switches;
mod tenant;
mod visit;
mod wire;

#[cfg(test)]
mod client;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod neighbour_tests;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use self::core::KeyError;
pub use certificate::CertificateError;
pub use face::Face;
pub use journal::Entry;
pub use payload::pattern_byte;
pub use records::SentMessage;
pub use script::Script;
pub use settings::Settings;
pub use soap::{SoapEntry, SoapFault, SoapVersion};
pub use switches::{ErrorShape, MissingScope, Pkce, Switches, Tssd, UnknownAccount, WrongHost};
pub use tenant::AuthorizeError;

use certificate::Identity;
use shared::Shared;

/// Why a tenant does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be had.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The certificate cannot be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The key that verifies assertions cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A running tenant. Clones are one and the same; it stops with [`Tenant::stop`], or when the last clone is dropped.
#[derive(Clone)]
pub struct Tenant(Arc<Running>);

struct Running {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    listeners: Mutex<JoinSet<()>>,
}

impl Tenant {
    /// Binds all faces and serves them on the current runtime.
    ///
    /// # Errors
    ///
    /// An address that is taken, or a certificate that cannot be made for the names in `settings`.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let identity = Identity::new(&settings)?;
        let key = settings.jwt_public_key_pem.as_deref();
        let key = key.map(core::public_key).transpose()?;
        let mut bound = Vec::new();
        for face in Face::ALL {
            bound.push((face, bind(settings.listen(face))?));
        }
        let control = bind(settings.control)?;
        let mut addresses = Face::ALL.map(|face| settings.listen(face));
        for (face, (_, address)) in &bound {
            *face.of_mut(&mut addresses) = *address;
        }
        let shared = Shared::new(settings, identity.ca_pem, addresses, control.1, key);
        let shared = Arc::new(shared);
        let stop = watch::Sender::new(false);
        let acceptor = TlsAcceptor::from(identity.server);
        let mut listeners = JoinSet::new();
        for (face, (listener, _)) in bound {
            let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
            listeners.spawn(listen::serve_face(
                shared,
                face,
                listener,
                acceptor,
                stop.subscribe(),
            ));
        }
        listeners.spawn(control::serve(
            Arc::clone(&shared),
            control.0,
            stop.subscribe(),
        ));
        Ok(Self(Arc::new(Running {
            shared,
            stop,
            listeners: Mutex::new(listeners),
        })))
    }

    /// Closes all listeners and connections; their ports are free afterwards.
    pub async fn stop(&self) {
        self.0.stop.send_replace(true);
        let mut listeners = {
            let mut held = self
                .0
                .listeners
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        while listeners.join_next().await.is_some() {}
    }

    /// What the tenant was started with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.shared.settings
    }

    /// `https://localhost:PORT/` of the auth face.
    #[must_use]
    pub fn auth_url(&self) -> String {
        self.0.shared.url(Face::Auth)
    }

    /// `https://localhost:PORT/` of the REST face, as token answers say it.
    #[must_use]
    pub fn rest_url(&self) -> String {
        self.0.shared.url(Face::Rest)
    }

    /// `https://localhost:PORT/` of the SOAP face, as token answers say it.
    #[must_use]
    pub fn soap_url(&self) -> String {
        self.0.shared.url(Face::Soap)
    }

    /// `http://127.0.0.1:PORT/` of the control API.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("http://{}/", self.0.shared.control)
    }

    /// `localhost:PORT` of the auth face.
    #[must_use]
    pub fn auth_authority(&self) -> &str {
        self.0.shared.authority(Face::Auth)
    }

    /// `localhost:PORT` of the REST face.
    #[must_use]
    pub fn rest_authority(&self) -> &str {
        self.0.shared.authority(Face::Rest)
    }

    /// `localhost:PORT` of the SOAP face.
    #[must_use]
    pub fn soap_authority(&self) -> &str {
        self.0.shared.authority(Face::Soap)
    }

    /// Where a face is bound.
    #[must_use]
    pub fn address(&self, face: Face) -> SocketAddr {
        *face.of(&self.0.shared.addresses)
    }

    /// The certificate authority that a client of the TLS faces has to trust.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.0.shared.ca_pem
    }

    /// What arrived, oldest first: the last 200,000 requests, of the newest 1,000 up to 64 KiB of the body, of the
    /// others 4 KiB.
    #[must_use]
    pub fn journal(&self) -> Vec<Arc<Entry>> {
        self.0.shared.journal.since(0)
    }

    /// What arrived after the entry with that sequence number.
    #[must_use]
    pub fn journal_since(&self, sequence: u64) -> Vec<Arc<Entry>> {
        self.0.shared.journal.since(sequence)
    }

    /// Forgets what arrived; sequence numbers go on.
    pub fn clear_journal(&self) {
        self.0.shared.journal.clear();
    }

    /// Messages that were accepted, oldest first: the last 100,000.
    #[must_use]
    pub fn sends(&self) -> Vec<SentMessage> {
        self.0.shared.records().sends()
    }

    /// Successful token answers of all faces.
    #[must_use]
    pub fn mints(&self) -> u64 {
        self.0.shared.mints()
    }

    /// All calls to the token endpoints of all faces that were not refused for their head, scripted ones included.
    #[must_use]
    pub fn token_requests(&self) -> u64 {
        self.0.shared.token_requests()
    }

    /// Connections that a face has accepted.
    #[must_use]
    pub fn connections(&self, face: Face) -> u64 {
        self.0.shared.connections(face)
    }

    /// Every token handed out so far is refused from now on.
    pub fn revoke_all(&self) {
        self.0.shared.ledger().revoke(None);
    }

    /// Every token of one account is refused from now on.
    pub fn revoke_account(&self, account: u64) {
        self.0.shared.ledger().revoke(Some(account));
    }

    /// Every token handed out so far is past its time.
    pub fn expire_all(&self) {
        self.0.shared.ledger().expire(None);
    }

    /// How long tokens to come of the auth face live; `expires_in` says it in whole seconds, rounded down.
    pub fn set_lifetime(&self, lifetime: Duration) {
        self.0.shared.set_lifetime(Face::Auth, lifetime);
    }

    /// The client secret that counts from now on; tokens live on.
    pub fn set_client_secret(&self, secret: &str) {
        secret.clone_into(&mut self.0.shared.ledger().client_secret);
    }

    /// Keys to lay over each token answer of the auth face to come, in place of earlier ones; null takes a key away.
    pub fn set_token_answer(&self, patch: Map<String, Value>) {
        self.0.shared.set_token_answer(Face::Auth, patch);
    }

    /// The instance URLs that token answers of the auth face to come name.
    pub fn set_instance_urls(&self, rest: &str, soap: &str) {
        let mut ledger = self.0.shared.ledger();
        let patch = Face::Auth.of_mut(&mut ledger.answer_patches);
        patch.insert("rest_instance_url".to_owned(), json!(rest));
        patch.insert("soap_instance_url".to_owned(), json!(soap));
    }

    /// Orders what coming requests get.
    pub fn script(&self, script: Script) {
        self.0.shared.scripts().add(script);
    }

    /// Drops the scripts that are not used up.
    pub fn clear_scripts(&self) {
        self.0.shared.scripts().clear();
    }

    /// Scripts that are not used up.
    #[must_use]
    pub fn scripts_waiting(&self) -> usize {
        self.0.shared.scripts().waiting().len()
    }

    /// How the tenant behaves now where the sources are silent.
    #[must_use]
    pub fn switches(&self) -> Switches {
        Switches::clone(&self.0.shared.switches())
    }

    /// Sets all switches.
    pub fn set_switches(&self, switches: Switches) {
        self.0.shared.set_switches(switches);
    }

    /// Takes a face down, or up again. While it is down its connections are accepted and reset before the TLS
    /// handshake, and those that were open are reset at once.
    pub fn set_face_down(&self, face: Face, down: bool) {
        self.0.shared.set_down(face, down);
    }
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let fault = |cause| StartError::Listen { address, cause };
    let listener = listen::bind(address).map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    Ok((listener, bound))
}
