//! `sandbox`: a simulated tenant with the proxy in front of it, a short story, and then both stay up.
//!
//! Reads no configuration file and none of its secrets: everything here is made up on the spot. What the environment says of the
//! user's own proxy, its tenants and where it keeps things is not for it.

mod story;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::healthcheck::from_here;
use super::{Status, say};
use crate::app::{self, Running};
use crate::config::{self, Resolved, Sources};
use crate::sandbox::{Settings, Tenant};
use crate::telemetry;

/// Beside the proxy's 7362 and its admin listener's 7363.
const CONTROL_PORT: u16 = 7364;
const AUTH_PORT: u16 = 7365;
const REST_PORT: u16 = 7366;
const SOAP_PORT: u16 = 7367;
const CORE_PORT: u16 = 7368;
const DATA_CLOUD_PORT: u16 = 7369;
const ACCOUNT_ENGAGEMENT_PORT: u16 = 7370;

/// Variables of the configuration begin so,
const OURS: &str = "SFMC_";
/// and these are for the sandbox too: where it listens, what it logs, how much there may be;
const TAKEN: [&str; 5] = [
    "SFMC_AUTH_PROXY_LISTEN_",
    "SFMC_AUTH_PROXY_ADMIN_LISTEN",
    "SFMC_AUTH_PROXY_ADMIN_QUIT",
    "SFMC_AUTH_PROXY_LOG_",
    "SFMC_AUTH_PROXY_LIMITS_",
];
/// but not these: a key is a secret.
const NOT_TAKEN: [&str; 2] = [
    "SFMC_AUTH_PROXY_LISTEN_HTTPS",
    "SFMC_AUTH_PROXY_LISTEN_TLS_",
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End after the demonstration
    #[arg(long)]
    pub(super) exit: bool,
    /// Leave the proxy out: the tenant alone
    #[arg(long, conflicts_with = "exit")]
    pub(super) tenant_only: bool,
}

/// Runs it to its end.
pub(super) fn sandbox(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let played = match runtime {
        Ok(runtime) => runtime.block_on(play(sources, arguments, out)),
        Err(error) => Err(format!("no runtime: {error}")),
    };
    match played {
        Ok(()) => Status::Clean.into(),
        Err(why) => {
            say(err, &why);
            Status::Failure.into()
        }
    }
}

async fn play(sources: &Sources, arguments: &Arguments, out: &mut dyn Write) -> Result<(), String> {
    // From the beginning, so that the story too ends cleanly.
    let mut ending = Ending::awaited()?;
    let tenant = Tenant::start(settings())
        .await
        .map_err(|error| format!("the sandbox tenant cannot start: {error}"))?;
    if arguments.tenant_only {
        say(
            out,
            "A simulated Marketing Cloud tenant is up, without a proxy:",
        );
        introduce(&tenant, out);
        say(out, &story::curl_lines(None, &tenant));
        stay_up(&mut ending, out).await;
        tenant.stop().await;
        return Ok(());
    }
    let (sources, ignored) = own(sources);
    let resolved = resolved(&sources, &tenant)?;
    let _log = telemetry::start(&resolved.telemetry);
    if !ignored.is_empty() {
        tracing::warn!(variables = ignored, "not for the sandbox: ignored");
    }
    let proxy = app::start(resolved)
        .await
        .map_err(|error| error.to_string())?;
    ending.quit_asked = proxy.quit_asked();
    let address = proxy
        .tcp()
        .map(from_here)
        .ok_or("the demonstration needs a TCP listener; leave listen.http alone")?;
    say(
        out,
        &format!(
            "The proxy listens on http://{address}, in front of a simulated Marketing Cloud tenant:"
        ),
    );
    introduce(&tenant, out);
    let played = tokio::select! {
        played = story::play(address, &tenant, |line| say(out, line)) => Some(played),
        () = ending.comes() => None,
    };
    let outcome = match played {
        None => Ok(()),
        Some(Ok(())) if arguments.exit => Ok(()),
        Some(Ok(())) => {
            go_on(&proxy, address, &tenant, &mut ending, out).await;
            Ok(())
        }
        Some(Err(error)) => Err(error.to_string()),
    };
    proxy.stop().await;
    tenant.stop().await;
    outcome
}

async fn go_on(
    proxy: &Running,
    address: SocketAddr,
    tenant: &Tenant,
    ending: &mut Ending,
    out: &mut dyn Write,
) {
    say(out, "Go on by hand:\n");
    say(
        out,
        &story::curl_lines(Some((address, from_here(proxy.admin()))), tenant),
    );
    stay_up(ending, out).await;
}

async fn stay_up(ending: &mut Ending, out: &mut dyn Write) {
    say(out, "All of this stays up until Ctrl-C.");
    // A closed stdout is the reader's affair.
    let _flushed = out.flush();
    ending.comes().await;
}

/// What ends it: two signals, or the proxy's word that it was asked to stop.
struct Ending {
    interrupt: Signal,
    terminate: Signal,
    quit_asked: Arc<Notify>,
}

impl Ending {
    /// From here on no signal ends the process by itself.
    fn awaited() -> Result<Self, String> {
        let awaited =
            |kind| signal(kind).map_err(|error| format!("signals cannot be waited for: {error}"));
        Ok(Self {
            interrupt: awaited(SignalKind::interrupt())?,
            terminate: awaited(SignalKind::terminate())?,
            quit_asked: Arc::default(),
        })
    }

    async fn comes(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            () = self.quit_asked.notified() => {}
        }
    }
}

fn introduce(tenant: &Tenant, out: &mut dyn Write) {
    let settings = tenant.settings();
    say(out, &format!("  auth     {}", tenant.auth_url()));
    say(out, &format!("  REST     {}", tenant.rest_url()));
    say(
        out,
        &format!("  SOAP     {}Service.asmx", tenant.soap_url()),
    );
    say(out, &format!("  control  {}", tenant.control_url()));
    say(
        out,
        &format!(
            "  client   {} with secret {} (made up)",
            settings.client_id, settings.client_secret
        ),
    );
    say(out, "");
}

fn settings() -> Settings {
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Settings {
        auth: at(AUTH_PORT),
        rest: at(REST_PORT),
        soap: at(SOAP_PORT),
        core: at(CORE_PORT),
        data_cloud: at(DATA_CLOUD_PORT),
        account_engagement: at(ACCOUNT_ENGAGEMENT_PORT),
        control: at(CONTROL_PORT),
        ..Settings::default()
    }
}

/// What of the environment is for the sandbox, and the names of what is for the user's own proxy alone.
fn own(sources: &Sources) -> (Sources, String) {
    let begins = |name: &String, with: &[&str]| with.iter().any(|begin| name.starts_with(begin));
    let mut own = sources.clone();
    let ignored = own.environment.extract_if(.., |name, _value| {
        begins(name, &[OURS]) && (!begins(name, &TAKEN) || begins(name, &NOT_TAKEN))
    });
    let ignored: Vec<_> = ignored.map(|(name, _value)| name).collect();
    (own, ignored.join(", "))
}

/// The proxy's defaults, with the sandbox as its one tenant. Flags and what is its own of the environment still win.
fn resolved(sources: &Sources, tenant: &Tenant) -> Result<Resolved, String> {
    let settings = tenant.settings();
    let [parent, emea, apac, ..] = settings.accounts.as_slice() else {
        return Err("the sandbox has fewer than three accounts".to_owned());
    };
    let text = format!(
        r#"
[log]
level = "warn"
[upstream]
proxy = "none"
[tenants.sandbox]
subdomain = "{}"
client_id = "{}"
client_secret = "{}"
auth_url = "{}"
trusted_hosts = ["{}", "{}"]
account_id = {parent}
[tenants.sandbox.accounts]
emea = {emea}
apac = {apac}
"#,
        settings.subdomain,
        settings.client_id,
        settings.client_secret,
        tenant.auth_url(),
        tenant.rest_authority(),
        tenant.soap_authority(),
    );
    let mut resolved = config::with_text(sources, &text).map_err(|faults| faults.to_string())?;
    let root = CertificateDer::from_pem_slice(tenant.ca_pem().as_bytes())
        .map_err(|error| error.to_string())?;
    for tenant in &mut resolved.proxy.tenants {
        tenant.extra_roots = Arc::new(vec![root.clone()]);
    }
    Ok(resolved)
}
