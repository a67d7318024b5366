//! `suggest`: what a client's calls were, as the smallest allow list that covers them, ready for the configuration. Asks a running
//! proxy, or reads records of an audit; changes nothing.

mod reach;
mod records;
mod seen;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::running::{self, Noted, Place};
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
    let suggestion = policy::suggest(seen.names());
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
    if let Some(tenants) = seen.accounts.tenants() {
        say(out, &format!("tenants = [{tenants}]"));
    }
    if let Some(accounts) = seen.accounts.accounts() {
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
    warnings.extend(seen.accounts.warnings());
    warnings.extend(refused_by_any(seen));
    for pattern in &suggestion.may_send {
        warnings.push(format!(
            "\"{pattern}\" covers calls that send as well as others, and what was seen does not tell them apart: if nothing was \
             meant to send, name the paths that are meant"
        ));
    }
    for pattern in &suggestion.every_type {
        let effect = match pattern.as_str() {
            "SOAP Create" | "SOAP Update" => ", and such a call counts as one that sends",
            _ => "",
        };
        warnings.push(format!(
            "\"{pattern}\" covers every object type, because a call named none (a ContinueRequest, for instance) or had an object \
             that says none{effect}"
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

/// Calls that were let through and that no list will let through, whatever is on it.
fn refused_by_any(seen: &Seen) -> Vec<String> {
    let told = |noted: &Noted, words: &str| {
        let times = counted(usize::try_from(noted.calls).unwrap_or(usize::MAX), "call");
        (noted.calls > 0).then(|| format!("{times}, such as \"{}\", {words}", noted.example))
    };
    let unclear = told(
        &seen.unclear,
        "cannot be told for certain what they do (a method or path in a header, dot segments, a broken escape, a SOAPAction \
         against the Body): with any list or mode that is policy_denied, so have their callers changed first; docs/policy.md has \
         what is unclear",
    );
    let names_accounts = told(
        &seen.names_accounts,
        "named further accounts in the envelope (ClientIDs, QueryAllAccounts): a client may name those of its accounts and no \
         others, never all of them, and else gets account_not_allowed; add those that are meant to accounts",
    );
    unclear.into_iter().chain(names_accounts).collect()
}
