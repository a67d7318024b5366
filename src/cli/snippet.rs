//! `snippet`: the settings of a known SDK or tool, with the address, the account and the client of this configuration. Prints
//! where a secret is, never the secret, and calls nobody.

mod aim;
mod catalog;
mod filling;
mod inside;
mod language;
mod template;

#[cfg(test)]
mod tests;

use std::io::Write;

use clap::Args;

use super::{Overrides, Status, say, say_faults};
use crate::config::{self, Resolved, Sources};
use aim::{Aim, Unmade};
use catalog::{GROUPS, SNIPPETS, Snippet};
use filling::Filling;
use language::Language;

/// Asks for the list, as no name does.
const LIST: &str = "list";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The SDK or tool [default: list, which prints all names]
    #[arg(value_name = "NAME", value_parser = catalog::Names, hide_possible_values = true)]
    name: Option<String>,
    /// The tenant, and the account of it [default: where the client's calls go that select nothing]
    #[arg(value_name = "TENANT[:ACCOUNT]")]
    selection: Option<String>,
    /// The client that will call; needed where several could be meant
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
    /// Where the proxy listens, instead of listen.http; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Scheme and host under which callers know the proxy
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Arguments {
    /// The keys of the file that it sets.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.clone(),
            public_url: self.public_url.clone(),
            ..Overrides::default()
        }
    }
}

/// Prints what was asked for.
pub(super) fn snippet(
    sources: &Sources,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let name = match arguments.name.as_deref() {
        None | Some(LIST) => {
            list(out);
            return Status::Clean;
        }
        Some(name) => name.to_lowercase(),
    };
    let snippets = catalog::named(&name);
    if snippets.is_empty() {
        say(err, &unknown(&name));
        return Status::Usage;
    }
    let resolved = match config::load(sources) {
        Ok(resolved) => resolved,
        Err(faults) => {
            say_faults(err, &faults);
            return Status::Usage;
        }
    };
    print(sources, arguments, &resolved, &snippets, out, err)
}

/// Of a group, prints all that can be made, and says why others cannot; what is for tenants of another kind is no news there.
fn print(
    sources: &Sources,
    arguments: &Arguments,
    resolved: &Resolved,
    snippets: &[&Snippet],
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let is_group = snippets.len() > 1;
    let mut status = Status::Usage;
    for snippet in snippets {
        let name = snippet.name;
        match made(sources, arguments, resolved, snippet) {
            Ok((text, note)) => {
                if is_group {
                    let gap = if status == Status::Clean { "\n" } else { "" };
                    say(out, &format!("{gap}==== {name}: {}", snippet.about));
                }
                say(out, text.trim_end());
                if let Some(note) = note {
                    say(err, &note);
                }
                status = Status::Clean;
            }
            Err(Unmade::Selection(why)) => {
                say(err, &why);
                return Status::Usage;
            }
            Err(Unmade::Kind(_)) if is_group => {}
            Err(Unmade::Kind(why) | Unmade::Snippet(why)) => say(err, &format!("{name} {why}")),
        }
    }
    status
}

/// The text, and what has no place in it.
fn made(
    sources: &Sources,
    arguments: &Arguments,
    resolved: &Resolved,
    snippet: &Snippet,
) -> Result<(String, Option<String>), Unmade> {
    let Some(transport) = snippet.transport else {
        let filled = Filling::without_calls(resolved).fill(snippet);
        return filled.map(|text| (text, None)).map_err(Unmade::Selection);
    };
    let inside = snippet.is_inside.then(|| inside::inside(resolved));
    let inside = inside.transpose().map_err(Unmade::Snippet)?;
    let resolved = inside.as_ref().map_or(resolved, |inside| &inside.resolved);
    let aim = aimed(arguments, resolved).map_err(Unmade::Selection)?;
    let tenant = &aim.tenant.name;
    if !snippet.tenants.include(&aim.tenant.endpoint.kind) {
        return Err(Unmade::Kind(format!(
            "is not for tenants of the kind of {tenant}; `sfmc-auth-proxy snippet` says what each is for"
        )));
    }
    let way = aim::way(resolved, &aim, transport)?;
    if way.wants_certificate && !snippet.takes_certificate {
        let why =
            "cannot show a certificate here, and the client has no secret: give it a secret_file";
        return Err(Unmade::Snippet(why.to_owned()));
    }
    if snippet.wants_account && aim.account.is_none() {
        return Err(Unmade::Snippet(format!(
            "has to be given a member id: set account_id in [tenants.{tenant}], or name an account"
        )));
    }
    let told = inside.as_ref().map(|inside| &inside.told);
    let filling = Filling::new(sources, resolved, aim, way, told);
    let text = filling.fill(snippet).map_err(Unmade::Selection)?;
    // JSON knows no comments.
    let note = (snippet.language == Language::Json).then(|| filling.note());
    Ok((text, note))
}

fn aimed<'a>(arguments: &Arguments, resolved: &'a Resolved) -> Result<Aim<'a>, String> {
    let selected = arguments.selection.as_deref();
    let selected = selected
        .map(|text| config::select(resolved, text))
        .transpose()?;
    let selected = selected
        .as_ref()
        .map(|(tenant, account)| (tenant.as_str(), *account));
    aim::aim(resolved, selected, arguments.client.as_deref())
}

fn list(out: &mut dyn Write) {
    let width = catalog::names().map(str::len).max().unwrap_or_default();
    for group in GROUPS {
        say(
            out,
            &format!("{:width$}  {}", group.name, group.members.join(", ")),
        );
    }
    for snippet in SNIPPETS {
        let whose = match snippet.tenants {
            catalog::Tenants::Salesforce => "; for core Salesforce",
            catalog::Tenants::MarketingCloud => "; for Marketing Cloud",
            catalog::Tenants::All => "",
        };
        say(
            out,
            &format!("{:width$}  {}{whose}", snippet.name, snippet.about),
        );
    }
}

fn unknown(name: &str) -> String {
    let missing = format!("there is no snippet {name:?}");
    match config::nearest(name, catalog::names()) {
        Some(near) => format!("{missing}; did you mean {near:?}?"),
        None => format!("{missing}; `sfmc-auth-proxy snippet` lists all"),
    }
}
