//! `suggest`: what a client's calls were, as the smallest allow list that covers them, ready for the configuration. Asks a running
//! proxy, or reads records of an audit; changes nothing.

mod records;
mod seen;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::running::{self, Place};
use super::{Status, counted, say};
use crate::config::Sources;
use crate::policy::{self, Suggestion};
use seen::Seen;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The client; `anonymous` where there are no clients yet
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Read the records of this audit file instead of asking the running proxy; may be given several times
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "admin_token_file"])]
    from: Vec<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Prints what would do for one client.
pub(super) fn suggest(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let client = arguments.client.as_str();
    let found = if arguments.from.is_empty() {
        running::ask(sources, &arguments.place).map(|report| Seen::of_report(&report, client))
    } else {
        records::read(sources, &arguments.from, client).map_err(running::Trouble::Failure)
    };
    let seen = match found {
        Ok(Ok(seen)) => seen,
        Ok(Err(names)) => {
            say(
                err,
                &format!("there is no client {client:?} there; there are: {names}"),
            );
            return Status::Usage;
        }
        Err(why) => {
            say(err, &why.to_string());
            return why.status();
        }
    };
    let suggestion = policy::suggest(seen.calls.keys().map(String::as_str));
    for warning in warnings(&seen, &suggestion) {
        say(err, &format!("warning: {warning}"));
    }
    if suggestion.allow.is_empty() {
        say(
            err,
            &format!("no call of client {client} was seen that a pattern could be made of"),
        );
        return Status::Failure;
    }
    print(client, &seen, &suggestion, out);
    Status::Clean
}

fn print(client: &str, seen: &Seen, suggestion: &Suggestion, out: &mut dyn Write) {
    let times = counted(usize::try_from(seen.times()).unwrap_or(usize::MAX), "call");
    let (since, until) = (running::written(seen.since), running::written(seen.until));
    say(
        out,
        &format!("# For [clients.{client}]: {times}, from {since} to {until}."),
    );
    let (tenants, accounts) = seen.reach();
    if let Some(tenants) = tenants {
        say(out, &format!("tenants = [{tenants}]"));
    }
    if let Some(accounts) = accounts {
        say(out, &format!("accounts = [{accounts}]"));
    }
    say(out, &format!("mode = {:?}", suggestion.mode.name()));
    say(out, "allow = [");
    for pattern in &suggestion.allow {
        say(out, &format!("    {pattern:?},"));
    }
    say(out, "]");
}

fn warnings(seen: &Seen, suggestion: &Suggestion) -> Vec<String> {
    let mut warnings: Vec<String> = running::too_short(seen.since, seen.until)
        .into_iter()
        .collect();
    if seen.is_order_open() {
        warnings.push(
            "what was read does not say which tenant and account calls mean that select none: the first of tenants and accounts is \
             that from then on, so put it there"
                .to_owned(),
        );
    }
    for pattern in &suggestion.may_send {
        warnings.push(format!(
            "\"{pattern}\" covers calls that send as well as others, and what was seen does not tell them apart: if nothing was \
             meant to send, name the paths that are meant"
        ));
    }
    for pattern in &suggestion.every_type {
        warnings.push(format!(
            "\"{pattern}\" covers every object type, because a call named none (a ContinueRequest, for instance)"
        ));
    }
    for call in &suggestion.left_out {
        warnings.push(format!(
            "\"{call}\" was seen, and no pattern can be made of it: add one by hand"
        ));
    }
    warnings.extend(seen.warnings.iter().cloned());
    warnings
}
