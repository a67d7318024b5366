//! `print-config`: what holds, and who says so. Secrets stay out.

use std::io::Write;

use clap::Args;

use super::{Overrides, Status, say, say_faults};
use crate::config::{self, Sources};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the JSON Schema of the configuration file instead
    #[arg(long)]
    pub(super) schema: bool,
    #[command(flatten)]
    pub(super) overrides: Overrides,
}

pub(super) fn print(sources: &Sources, out: &mut dyn Write, err: &mut dyn Write) -> Status {
    let effective = config::effective(sources);
    say(out, effective.text.trim_end());
    say_faults(err, &effective.faults);
    if effective.faults.faults.is_empty() {
        Status::Clean
    } else {
        Status::Usage
    }
}

pub(super) fn schema(out: &mut dyn Write) -> Status {
    say(out, &format!("{:#}", config::schema()));
    Status::Clean
}
