//! The private proxy: what of the configuration holds for it, and what is its own. One client, one listener, a CA that ends
//! with the process.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::environment::USER;
use crate::config::{self, AuthorityPlace, Resolved, Sources};
use crate::identity::{ClientSettings, Clients, Grant};
use crate::policy::Mode;
use crate::proxy::{AnswerUrls, ListenerSelection, OtherHosts};
use crate::secret::Secret;
use crate::server::{Address, TlsSettings};
use crate::token::Mid;

const SECRET_SIZE: usize = 32;
/// The command has ended, and nobody waits for answers any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// What the command has to present.
pub(super) struct Credentials {
    pub(super) password: String,
    pub(super) token: String,
}

/// Changes a configuration into that of the private proxy.
pub(super) fn narrow(
    resolved: &mut Resolved,
    sources: &Sources,
    selection: Option<&str>,
    mode: Mode,
) -> Result<Credentials, String> {
    let selection = selection.map(|text| config::select(resolved, text));
    let selection = selection.transpose()?;
    if let Some((tenant, account)) = &selection {
        keep(resolved, tenant, *account);
    }
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    resolved.server.listeners = vec![Address::Tcp(free)];
    resolved.server.tls_listeners = Vec::new();
    resolved.server.tls = TlsSettings::default();
    resolved.server.drain_delay = Duration::ZERO;
    resolved.server.drain_timeout = DRAIN_TIMEOUT;
    resolved.optional_listeners = Vec::new();
    resolved.admin.listen = free;
    resolved.admin.quit = false;
    resolved.authority = AuthorityPlace::ThisProcess;
    // The variables are the command's own, and its spans are not ours.
    resolved.collector = None;
    let proxy = &mut resolved.proxy;
    proxy.listeners = vec![ListenerSelection {
        answer_urls: AnswerUrls::AsCalled,
        ..ListenerSelection::default()
    }];
    proxy.public_url = None;
    proxy.client_requests_max = 0;
    proxy.intercept = true;
    proxy.other_hosts = OtherHosts::TunnelAnywhere;
    if !config::is_given(sources, "log.level") {
        // The command's stderr is its own.
        resolved.telemetry.level = tracing::Level::WARN;
    }
    let (client, credentials) = client(grant(selection, mode))?;
    resolved.proxy.clients = vec![client];
    Ok(credentials)
}

/// Leaves one tenant, so that no token is minted for others, and makes the account its default.
fn keep(resolved: &mut Resolved, tenant: &str, account: Option<Mid>) {
    let tenants = &mut resolved.proxy.tenants;
    tenants.retain(|kept| kept.name == tenant);
    if let Some(account) = account {
        for tenant in tenants {
            tenant.accounts.retain(|_name, mid| *mid == account);
            tenant.default_account = Some(account);
            tenant.allow_any_account = false;
        }
    }
    resolved.proxy.default_tenant = Some(tenant.to_owned());
}

/// The one client, and what it presents.
fn client(grant: Grant) -> Result<(ClientSettings, Credentials), String> {
    let no_numbers = |_unspecified| "this system gives no random numbers".to_owned();
    let mut secret = [0; SECRET_SIZE];
    rand::fill(&mut secret).map_err(no_numbers)?;
    let password = URL_SAFE_NO_PAD.encode(secret);
    let client = ClientSettings {
        name: USER.to_owned(),
        secrets: vec![Secret::new(password.clone())],
        usernames: Vec::new(),
        grant,
    };
    let clients = Clients::new(vec![client.clone()]).map_err(no_numbers)?;
    let known = clients.all().next();
    let token = clients.placeholder(known.map(AsRef::as_ref), None, Mode::Full);
    Ok((client, Credentials { password, token }))
}

/// All that is left; where one account was selected, that alone, whatever an envelope names.
fn grant(selection: Option<(String, Option<Mid>)>, mode: Mode) -> Grant {
    let (tenants, accounts) = match selection {
        Some((tenant, Some(account))) => (
            vec![tenant.clone()],
            BTreeMap::from([(tenant, vec![account])]),
        ),
        _ => (Vec::new(), BTreeMap::new()),
    };
    Grant {
        everything: tenants.is_empty(),
        tenants,
        accounts,
        mode,
        ..Grant::default()
    }
}
