//! The `sandbox` command: sets the stage (tenant, proxy), has the story played, and stays up until a signal. What the story
//! tells is not known here.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::signal::unix::{SignalKind, signal};

use super::{Status, sandbox, say, say_faults};
use crate::app::{self, Running};
use crate::config::{self, Faults, Resolved, Sources};
use crate::sandbox::{Settings, Tenant};
use crate::telemetry;

/// The simulated tenant's business units beside the default one, by the names that the proxy knows them by.
const ACCOUNT_NAMES: [&str; 2] = ["emea", "apac"];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// End after the demonstration
    #[arg(long)]
    exit: bool,
    /// Leave the proxy out: the tenant alone
    #[arg(long, conflicts_with = "exit")]
    tenant_only: bool,
}

/// Why the command ends early, in words.
type Failure = String;

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
        Ok(runtime) => runtime.block_on(set(sources, arguments, out, err)),
        Err(error) => Err(error.to_string()),
    };
    match played {
        Ok(status) => status.into(),
        Err(failure) => {
            say(err, &failure);
            Status::Failure.into()
        }
    }
}

async fn set(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Status, Failure> {
    let in_words = |error: &dyn std::error::Error| error.to_string();
    let tenant = Tenant::start(Settings::default())
        .await
        .map_err(|error| in_words(&error))?;
    if arguments.tenant_only {
        say(out, &tenant_lines(&tenant));
        say(out, &sandbox::curl_lines(None, None, &tenant));
        until_signal(out).await?;
        tenant.stop().await;
        return Ok(Status::Clean);
    }
    let resolved = match resolved(sources, &tenant) {
        Ok(resolved) => resolved,
        Err(faults) => {
            say_faults(err, &faults);
            return Ok(Status::Usage);
        }
    };
    let _log = telemetry::start(&resolved.telemetry);
    let proxy = app::start(resolved)
        .await
        .map_err(|error| in_words(&error))?;
    let status = perform(&proxy, &tenant, arguments.exit, out).await?;
    proxy.stop().await;
    tenant.stop().await;
    Ok(status)
}

async fn perform(
    proxy: &Running,
    tenant: &Tenant,
    exit: bool,
    out: &mut dyn Write,
) -> Result<Status, Failure> {
    let address = proxy
        .tcp()
        .ok_or("the demonstration needs a TCP listener; leave listen.http alone")?;
    sandbox::play(address, tenant, |line| say(out, line))
        .await
        .map_err(|error| error.to_string())?;
    if !exit {
        say(out, "Go on by hand:");
        let lines = sandbox::curl_lines(Some(address), Some(proxy.admin()), tenant);
        say(out, &lines);
        until_signal(out).await?;
    }
    Ok(Status::Clean)
}

/// What the proxy's operator would have written for this tenant. The environment and flags still win.
fn resolved(sources: &Sources, tenant: &Tenant) -> Result<Resolved, Faults> {
    let settings = tenant.settings();
    let (default, others) = match settings.accounts.split_first() {
        Some((default, others)) => (*default, others),
        None => (1, &[] as &[u64]),
    };
    let accounts: Vec<String> = ACCOUNT_NAMES
        .iter()
        .zip(others)
        .map(|(name, mid)| format!("{name} = {mid}"))
        .collect();
    let text = format!(
        "[log]\nlevel = \"warn\"\n\
         [tenants.sandbox]\nsubdomain = {:?}\nclient_id = {:?}\nclient_secret = {:?}\naccount_id = {default}\n\
         auth_url = {:?}\ntrusted_hosts = [{:?}, {:?}]\n\
         [tenants.sandbox.accounts]\n{}\n",
        settings.subdomain,
        settings.client_id,
        settings.client_secret,
        tenant.auth_url(),
        tenant.rest_authority(),
        tenant.soap_authority(),
        accounts.join("\n"),
    );
    let mut resolved = config::with_text(sources, &text)?;
    let root = CertificateDer::from_pem_slice(tenant.ca_pem().as_bytes()).ok();
    for proxied in &mut resolved.proxy.tenants {
        proxied.extra_roots = Arc::new(root.iter().cloned().collect());
    }
    Ok(resolved)
}

fn tenant_lines(tenant: &Tenant) -> String {
    let settings = tenant.settings();
    format!(
        "A simulated tenant is up:\n\n   auth     {}\n   REST     {}\n   SOAP     {}\n   control  {}\n\n   client id      {}\n   client secret  {}\n",
        tenant.auth_url(),
        tenant.rest_url(),
        tenant.soap_url(),
        tenant.control_url(),
        settings.client_id,
        settings.client_secret,
    )
}

async fn until_signal(out: &mut dyn Write) -> Result<(), Failure> {
    let failed = |error: std::io::Error| error.to_string();
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    say(out, "Up until Ctrl-C.");
    let _flushed = out.flush();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
