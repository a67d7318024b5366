//! `login`: a user's login through the browser, for a tenant whose tokens need one. Where a proxy runs already, its own page
//! is opened; else the answer is received here. Never prints what the browser brings back.

mod browser;
mod pasted;
mod redirect;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use http::Uri;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Status, healthcheck, say, say_faults};
use crate::app::{self, StartError};
use crate::config::{self, Resolved, Sources};
use crate::login::{Desk, Failed, Place};
use crate::token::GrantType;
use crate::{admin, telemetry};
use pasted::Pasted;

/// A password, a second factor, and a page to read.
const TIMEOUT: Duration = Duration::from_secs(600);
/// A code is being redeemed for so long at most after all else has ended.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
/// What shells call an interrupted command.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The tenant, and the account of it [default: the tenant's default account]
    #[arg(value_name = "TENANT[:ACCOUNT]")]
    selection: String,
    /// Open no browser; print the address alone, and read the address that the browser comes back to from stdin
    #[arg(long)]
    no_browser: bool,
}

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
enum LoginFailure {
    /// What was typed, or what is configured, allows for none.
    #[error("{0}")]
    Usage(String),
    /// It went wrong.
    #[error("{0}")]
    Failure(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

/// Logs a user in.
pub(super) fn login(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let resolved = match config::load(sources) {
        Ok(resolved) => resolved,
        Err(faults) => {
            say_faults(err, &faults);
            return Status::Usage.into();
        }
    };
    match logged_in(sources, arguments, resolved, out, err) {
        Ok(()) => Status::Clean.into(),
        Err(failure) => {
            say(err, &failure.to_string());
            match failure {
                LoginFailure::Usage(_) => Status::Usage.into(),
                LoginFailure::Failure(_) => Status::Failure.into(),
                LoginFailure::Interrupted => INTERRUPTED.into(),
            }
        }
    }
}

fn logged_in(
    sources: &Sources,
    arguments: &Arguments,
    mut resolved: Resolved,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<(), LoginFailure> {
    let (tenant, mid) =
        config::select(&resolved, &arguments.selection).map_err(LoginFailure::Usage)?;
    let redirect_uri = redirect_uri(&resolved, &tenant)?;
    if !config::is_given(sources, "log.level") {
        resolved.telemetry.level = tracing::Level::ERROR;
    }
    let _log = telemetry::start(&resolved.telemetry);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| failure(format!("no runtime: {error}")))?;
    let admin = resolved.admin.listen;
    let is_kept = resolved.state.is_some() || resolved.shared.is_some();
    // No directory's lock tells of a proxy that runs here, and the browser comes back to its address.
    let is_shared = resolved.shared.is_some();
    let login = Login {
        account: mid.map(|mid| mid.to_string()),
        tenant,
        redirect_uri,
        hidden: config::expanded_variables(sources),
        no_browser: arguments.no_browser,
        is_shared,
    };
    let ended = runtime.block_on(async {
        if !is_kept || (is_shared && healthcheck::living(admin).is_some()) {
            return login.at_running_proxy(admin, no_state(), out);
        }
        match app::desk(resolved) {
            Ok(desk) => login.here(desk, out, err).await,
            // A proxy that runs holds the state directory, and has to be the one that logs in.
            Err(error @ StartError::State(_)) => {
                login.at_running_proxy(admin, failure(error.to_string()), out)
            }
            Err(error) => Err(failure(error.to_string())),
        }
    });
    // A thread may still wait for a line of stdin.
    runtime.shutdown_background();
    ended
}

/// A login that is to be had.
struct Login {
    tenant: String,
    account: Option<String>,
    redirect_uri: Uri,
    /// Variables that hold secrets, which no browser is given.
    hidden: BTreeSet<String>,
    no_browser: bool,
    /// The login is for all replicas.
    is_shared: bool,
}

impl Login {
    /// Leads to the page of a proxy that runs; fails in this way if none does.
    fn at_running_proxy(
        &self,
        admin: SocketAddr,
        otherwise: LoginFailure,
        out: &mut dyn Write,
    ) -> Result<(), LoginFailure> {
        let Some(authority) = healthcheck::living(admin) else {
            return Err(otherwise);
        };
        let mut url = format!("http://{authority}/login/{}", self.tenant);
        if let Some(account) = &self.account {
            url = format!("{url}?account={account}");
        }
        say(out, "A proxy is running. Log in at its own page:");
        say(out, &url);
        self.show(&url);
        Ok(())
    }

    /// Receives the answer here, at the redirect URI's own address.
    async fn here(
        &self,
        desk: Desk,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> Result<(), LoginFailure> {
        let mut interrupt = signal(SignalKind::interrupt())
            .map_err(|error| failure(format!("signals cannot be waited for: {error}")))?;
        let listeners = redirect::listen(&self.redirect_uri).map_err(LoginFailure::Failure)?;
        let desk = Arc::new(desk);
        let account = self.account.as_deref();
        let url = desk
            .begin(&self.tenant, account, None, Instant::now())
            .map_err(|error| failure(format!("{error}. {}", error.fix())))?;
        say(out, "Log in at this address:");
        say(out, &url);
        self.show(&url);
        let pasted = (self.no_browser || io::stdin().is_terminal()).then(pasted::lines);
        if pasted.is_some() {
            let words = "If the browser cannot come back here, paste the address that it ends at:";
            say(out, words);
        }
        let _flushed = out.flush();
        let ended = self.wait(&desk, listeners, pasted, &mut interrupt, err);
        let ended = tokio::time::timeout(TIMEOUT, ended).await;
        // Whatever has ended the wait: a code that is being redeemed becomes a login that is kept.
        let _settled = tokio::time::timeout(SETTLE_TIMEOUT, desk.settle()).await;
        let minutes = TIMEOUT.as_secs() / 60;
        let place = ended
            .map_err(|_elapsed| {
                failure(format!(
                    "nobody has logged in within {minutes} minutes; begin again"
                ))
            })??
            .map_err(|failed| failure(format!("{}. {}", failed.error, failed.error.fix())))?;
        let place = match place.mid {
            Some(mid) => format!("{place} (account {mid})"),
            None => place.to_string(),
        };
        let kept = if self.is_shared {
            "on Redis; every replica takes it from there"
        } else {
            "in the state directory; `run` takes it from there"
        };
        say(
            out,
            &format!("Logged in: {place}. The login is kept {kept}."),
        );
        Ok(())
    }

    /// Waits for whatever comes first: the browser, an address on stdin, or Ctrl-C.
    async fn wait(
        &self,
        desk: &Arc<Desk>,
        listeners: Vec<TcpListener>,
        mut pasted: Option<Pasted>,
        interrupt: &mut Signal,
        err: &mut dyn Write,
    ) -> Result<Result<Place, Failed>, LoginFailure> {
        let path = self.redirect_uri.path().to_owned();
        let received = admin::receive(listeners, Arc::clone(desk), path);
        let mut received = std::pin::pin!(received);
        loop {
            let line = tokio::select! {
                outcome = &mut received => {
                    return outcome.ok_or_else(|| failure("the answer cannot be received".to_owned()));
                }
                line = pasted::next(&mut pasted) => line,
                _ = interrupt.recv() => return Err(LoginFailure::Interrupted),
            };
            let query = pasted::query(&line);
            let outcome = desk.finish(query, None, Instant::now()).await;
            match outcome {
                // It was another login's answer, or none: this login is still open.
                Err(failed) if failed.place.is_none() => {
                    say(err, &format!("{}. {}", failed.error, failed.error.fix()));
                }
                outcome => return Ok(outcome),
            }
        }
    }

    fn show(&self, url: &str) {
        if !self.no_browser {
            browser::open(url, &self.hidden);
        }
    }
}

/// Where the browser comes back to, of a tenant that takes logins.
fn redirect_uri(resolved: &Resolved, name: &str) -> Result<Uri, LoginFailure> {
    let mut tenants = resolved.proxy.tenants.iter();
    let tenant = tenants.find(|tenant| tenant.name == name);
    let grant_type = tenant.map(|tenant| &tenant.endpoint.grant_type);
    let Some(GrantType::AuthorizationCode { redirect_uri, .. }) = grant_type else {
        return Err(LoginFailure::Usage(format!(
            "tenant {name} needs no login: it gets its tokens by another grant than authorization_code"
        )));
    };
    redirect_uri
        .parse()
        .map_err(|_invalid| LoginFailure::Usage(format!("{redirect_uri} is no URL")))
}

fn no_state() -> LoginFailure {
    LoginFailure::Usage(
        "such a login would be lost at once: no [state] is configured, and no proxy is running at admin.listen. Set state.dir \
         (or state.redis_url) and state.key_file, or start `sfmc-auth-proxy run` first and log in there"
            .to_owned(),
    )
}

fn failure(what: String) -> LoginFailure {
    LoginFailure::Failure(what)
}
