//! `check`: every fault of the configuration at once. Uses no network.

use std::io::Write;

use clap::Args;

use super::{Overrides, Status, counted, say, say_faults};
use crate::config::{self, Depth, Sources};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Check the text alone: secrets, files and variables need not be there
    #[arg(long)]
    pub(super) syntax_only: bool,
    #[command(flatten)]
    pub(super) overrides: Overrides,
}

pub(super) fn check(
    sources: &Sources,
    syntax_only: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let depth = if syntax_only {
        Depth::Syntax
    } else {
        Depth::Whole
    };
    match config::check(sources, depth) {
        Ok(summary) => {
            let file = summary
                .file
                .map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
            let mut counts = vec![
                counted(summary.tenants, "tenant"),
                counted(summary.accounts, "account"),
                counted(summary.listeners, "listener"),
            ];
            if summary.clients > 0 {
                counts.push(counted(summary.clients, "client"));
            }
            say(
                out,
                &format!("configuration is fine: {} ({file})", counts.join(", ")),
            );
            for warning in &summary.warnings {
                say(out, &format!("warning: {warning}"));
            }
            Status::Clean
        }
        Err(faults) => {
            say_faults(err, &faults);
            say(err, &counted(faults.faults.len(), "fault"));
            Status::Usage
        }
    }
}
