//! `run`: serve what the configuration says.

use std::io::Write;
use std::process::ExitCode;

use super::{Status, say_faults};
use crate::config::{self, Reloadable, Resolved, Sources};
use crate::{app, telemetry};

pub(super) fn run(sources: &Sources, err: &mut dyn Write) -> ExitCode {
    // Seeding takes some 20 ms once, which the first handshake would wait for otherwise.
    std::thread::spawn(|| aws_lc_rs::rand::fill(&mut [0]));
    // Before it is read, so that no change is missed.
    let reloadable = Reloadable::new(sources.clone());
    match config::load(sources) {
        Ok(resolved) => serve(resolved, reloadable),
        Err(faults) => {
            say_faults(err, &faults);
            Status::Usage.into()
        }
    }
}

/// Starts the log, says what was loaded, and serves until a signal.
fn serve(resolved: Resolved, reloadable: Reloadable) -> ExitCode {
    let _log = telemetry::start(&resolved.telemetry);
    let version = env!("CARGO_PKG_VERSION");
    match &resolved.file {
        Some(file) => tracing::info!(version, file = %file.display(), "configuration read"),
        None => tracing::info!(
            version,
            "configuration read from flags and environment, without a file"
        ),
    }
    for warning in &resolved.warnings {
        tracing::warn!("{warning}");
    }
    app::run(resolved, reloadable)
}
