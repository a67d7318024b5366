//! A proxy from its start to the signal that ends it, and what it is told meanwhile: to open the audit file anew, and that the
//! configuration has changed.

use std::io;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::watcher::{self, Proposal};
use super::{Running, StartError, start};
use crate::config::{Reloadable, Resolved};

/// What a second signal exits with, as shells have it.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// Serves until a signal, or until it is asked to stop over HTTP, then drains; a second signal ends it at once. With `reloadable`, a configuration that changes is
/// taken into use.
pub fn run(resolved: Resolved, reloadable: Reloadable) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(cause = %error, "no runtime");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(async {
        match serve_until_signal(resolved, reloadable).await {
            Ok(code) => code,
            Err(error) => {
                tracing::error!("{error}");
                ExitCode::FAILURE
            }
        }
    })
}

async fn serve_until_signal(
    resolved: Resolved,
    reloadable: Reloadable,
) -> Result<ExitCode, StartError> {
    let process = |error: io::Error| StartError::Process(error.to_string());
    let mut terminate = signal(SignalKind::terminate()).map_err(process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(process)?;
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(cause = %error, "the limit of open files stays as it is");
    }
    let mut hang_up = signal(SignalKind::hangup()).map_err(process)?;
    let mut running = start(resolved).await?;
    let quit_asked = running.quit_asked();
    let (nudge, mut proposals) = watcher::start(reloadable).map_err(process)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = quit_asked.notified() => break,
            _ = hang_up.recv() => {
                running.reopen_audit();
                nudge.read_now();
            }
            Some(proposal) = proposals.recv() => judge(&mut running, proposal).await,
        }
    }
    // Nothing is taken into use while the proxy stops.
    drop((nudge, proposals));
    let code = tokio::select! {
        clean = running.stop() => if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        _ = interrupt.recv() => ExitCode::from(INTERRUPTED),
        _ = terminate.recv() => ExitCode::from(TERMINATED),
    };
    Ok(code)
}

/// Takes what was read into use, or says why not.
async fn judge(running: &mut Running, proposal: Proposal) {
    let Proposal {
        read,
        changed,
        need_restart,
        verdict,
    } = proposal;
    let is_taken = match read {
        Err(faults) => {
            running.refused_for(&faults);
            false
        }
        Ok(mut resolved) => {
            let warnings = std::mem::take(&mut resolved.warnings);
            match running.reload(*resolved).await {
                Ok(()) => {
                    for warning in warnings {
                        tracing::warn!("{warning}");
                    }
                    tell(&changed, &need_restart);
                    true
                }
                Err(error) => {
                    running.refused(vec![error.to_string()]);
                    false
                }
            }
        }
    };
    // Whoever asked waits for this alone, or is gone.
    let _gone = verdict.send(is_taken);
}

/// Keys alone: a value may be a secret.
fn tell(changed: &[String], need_restart: &[String]) {
    let changed = if changed.is_empty() {
        "nothing".to_owned()
    } else {
        changed.join(", ")
    };
    tracing::info!(changed, "configuration read again");
    if !need_restart.is_empty() {
        let keys = need_restart.join(", ");
        tracing::warn!(
            keys,
            "needs a restart: these keys keep their values until then; sfmc-auth-proxy check says whether the new ones are right"
        );
    }
}
