//! `exec`: one command behind a private proxy, or behind one that runs already. The command needs to know nothing of it.
//!
//! Whatever is made for the command ends with it, and its exit code is ours.

mod attach;
mod bundle;
mod child;
mod environment;
mod private;
mod trust_store;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use rustls_pki_types::CertificateDer;

use super::say_faults;
use crate::app::{self, StartError};
use crate::config::{self, AuthorityPlace, Flag, Resolved, Sources};
use crate::policy::Mode;
use crate::telemetry;
use attach::Proxy;
use bundle::Bundle;
use child::Signals;
use environment::{Access, Certificates};

/// What the proxy itself fails with.
pub(super) const OWN_FAILURE: u8 = 125;
/// The drain itself is short; names that are still being looked up may not be.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant that the command is for, and the one account of it [default: all that are configured]
    #[arg(value_name = "TENANT[:ACCOUNT]")]
    selection: Option<String>,
    /// What the command's calls may do at most: full, no_send or read_only
    #[arg(long, value_name = "MODE", value_parser = mode)]
    mode: Option<Mode>,
    /// Use a running proxy, as http://CLIENT:SECRET@127.0.0.1:7362, instead of starting one
    #[arg(long, value_name = "URL")]
    attach: Option<String>,
    /// The certificate of the running proxy's local CA, where the configuration does not say
    #[arg(long, value_name = "FILE", requires = "attach")]
    ca_file: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Says something of our own: the stream is the command's as well.
fn say(err: &mut dyn Write, what: &str) {
    super::say(err, &format!("sfmc-auth-proxy exec: {what}"));
}

fn mode(name: &str) -> Result<Mode, String> {
    Mode::parse(name).ok_or_else(|| "it is none of full, no_send and read_only".to_owned())
}

/// Runs the command to its end.
pub(super) fn exec(sources: &Sources, arguments: &Arguments, err: &mut dyn Write) -> ExitCode {
    let code = match &arguments.attach {
        Some(url) => attached(sources, arguments, url, err),
        None => match config::load(&with_own_listeners(sources)) {
            Ok(resolved) => in_private(sources, arguments, resolved, err),
            Err(faults) => {
                say_faults(err, &faults);
                Ok(OWN_FAILURE)
            }
        },
    };
    let code = code.unwrap_or_else(|why| {
        say(err, &why);
        OWN_FAILURE
    });
    ExitCode::from(code)
}

/// The configuration's listeners are not opened here, so that whatever stands at their addresses may be in use: another proxy
/// of the same configuration, through which the surroundings lead. The admin listener's address stays in it until all is
/// resolved, since it tells where users log in.
fn with_own_listeners(sources: &Sources) -> Sources {
    const KEY: &str = "listen.http";
    let mut sources = sources.clone();
    sources.flags.retain(|flag| flag.key != KEY);
    sources.flags.push(Flag {
        key: KEY,
        value: "127.0.0.1:0".to_owned(),
        name: "exec",
    });
    sources
}

/// Starts a proxy, runs the command behind it, and stops it again.
fn in_private(
    sources: &Sources,
    arguments: &Arguments,
    mut resolved: Resolved,
    err: &mut dyn Write,
) -> Result<u8, String> {
    let mode = arguments.mode.unwrap_or_default();
    let selection = arguments.selection.as_deref();
    let credentials = private::narrow(&mut resolved, sources, selection, mode)?;
    let _log = telemetry::start(&resolved.telemetry);
    for warning in &resolved.warnings {
        // `check` shows them; stderr is the command's.
        tracing::info!("{warning}");
    }
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        let mut signals = signals()?;
        let running = app::start(resolved).await;
        let running = running.map_err(|error| match error {
            StartError::State(_) => format!(
                "{error}\nif that is a running proxy, run the command behind it: exec --attach http://127.0.0.1:7362 -- …"
            ),
            _ => error.to_string(),
        })?;
        let address = running.tcp().ok_or("the proxy has no address")?;
        let access = Access {
            host: address.ip().to_string(),
            port: address.port(),
            password: credentials.password,
            token: credentials.token,
        };
        let authority = running.authority();
        let authority: Vec<_> = authority
            .map(|authority| authority.certificate().clone())
            .into_iter()
            .collect();
        let behind = behind(sources, arguments, &access, &authority, &mut signals, err).await;
        // A connection that somebody left behind holds nobody up.
        let _stopped = tokio::time::timeout(STOP_TIMEOUT, running.stop()).await;
        behind
    });
    runtime.shutdown_background();
    code
}

/// Runs the command behind a proxy that runs already. A configuration may help, and is not needed.
fn attached(
    sources: &Sources,
    arguments: &Arguments,
    url: &str,
    err: &mut dyn Write,
) -> Result<u8, String> {
    let proxy = Proxy::read(url)?;
    let authority = known_authority(sources, arguments)?;
    if authority.is_empty() {
        say(
            err,
            "the CA of the running proxy is not known here: the command will not trust https calls through it; give --ca-file",
        );
    }
    let runtime = runtime()?;
    let code = runtime.block_on(async {
        let mut signals = signals()?;
        let mode = arguments.mode.unwrap_or_default();
        let access = proxy.ask(arguments.selection.as_deref(), mode).await?;
        behind(sources, arguments, &access, &authority, &mut signals, err).await
    });
    runtime.shutdown_background();
    code
}

/// The certificate of the CA that a running proxy has: the one that was named, else where the configuration keeps it.
/// Empty if it is not known.
fn known_authority(
    sources: &Sources,
    arguments: &Arguments,
) -> Result<Vec<CertificateDer<'static>>, String> {
    if let Some(file) = &arguments.ca_file {
        let path = sources.working_directory.join(file);
        let certificates = bundle::in_file(&path);
        return if certificates.is_empty() {
            let file = file.display();
            Err(format!(
                "--ca-file {file}: there is no certificate in PEM to be read"
            ))
        } else {
            Ok(certificates)
        };
    }
    Ok(match config::authority_place(sources) {
        Ok(AuthorityPlace::Directory(directory)) => bundle::in_file(&directory.join("ca.pem")),
        _ => Vec::new(),
    })
}

/// Runs the command with all that it needs to go through the proxy.
async fn behind(
    sources: &Sources,
    arguments: &Arguments,
    access: &Access,
    authority: &[CertificateDer<'static>],
    signals: &mut Signals,
    err: &mut dyn Write,
) -> Result<u8, String> {
    let bundle = Bundle::write(&sources.environment, authority);
    let bundle = bundle.map_err(|error| error.to_string())?;
    let certificates = Certificates {
        pem: bundle.pem(),
        store: bundle.store(),
        php: bundle.php(),
    };
    let surroundings: BTreeMap<_, _> = std::env::vars_os().collect();
    let expanded = config::expanded_variables(sources);
    let environment = environment::environment(surroundings, &expanded, access, &certificates);
    let ran = child::run(&arguments.command, &environment, signals).await;
    if let Err(why) = bundle.remove() {
        say(err, &why);
    }
    Ok(ran.unwrap_or_else(|not_run| {
        say(err, &not_run.what);
        not_run.code
    }))
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(|error| format!("no runtime: {error}"))
}

fn signals() -> Result<Signals, String> {
    Signals::new().map_err(|error| format!("signals cannot be waited for: {error}"))
}
