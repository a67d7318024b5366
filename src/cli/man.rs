//! `man`: the manual, made from the definition of the command line. Prints one page, or writes one for each command.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::{Status, say};
use crate::config;

/// Variables that are no keys of the file.
const OTHER_VARIABLES: [(&str, &str); 8] = [
    (
        "SFMC_AUTH_PROXY_CONFIG",
        "The configuration file, where --config does not name one.",
    ),
    (
        "SFMC_SUBDOMAIN",
        "With no file at all, these make one tenant called default: its subdomain,",
    ),
    ("SFMC_CLIENT_ID", "the installed package's client id,"),
    ("SFMC_CLIENT_SECRET", "its client secret,"),
    ("SFMC_CLIENT_SECRET_FILE", "or the file that holds it,"),
    ("SFMC_ACCOUNT_ID", "the member id of its default account,"),
    (
        "SFMC_ACCOUNTS",
        "names for further accounts, as emea=510001235,apac=510001236,",
    ),
    ("SFMC_SCOPE", "and the scopes to ask for."),
];

const FILES: [(&str, &str); 3] = [
    (
        "./sfmc-auth-proxy.toml",
        "The configuration, looked for here first,",
    ),
    (
        "$XDG_CONFIG_HOME/sfmc-auth-proxy/config.toml",
        "then here (~/.config where the variable is not set),",
    ),
    ("/etc/sfmc-auth-proxy/config.toml", "then here."),
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Write one page for each command into this directory, instead of printing the main page
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Prints or writes it.
pub(super) fn man(
    command: Command,
    arguments: &Arguments,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Status {
    let Some(directory) = &arguments.directory else {
        if let Ok(page) = page(&command, true) {
            // A closed stdout is the reader's affair.
            let _written = out.write_all(&page);
        }
        return Status::Clean;
    };
    match write_all(command, directory) {
        Ok(count) => {
            say(
                out,
                &format!("{count} pages written to {}", directory.display()),
            );
            Status::Clean
        }
        Err(error) => {
            let directory = directory.display();
            say(
                err,
                &format!("the pages cannot be written to {directory}: {error}"),
            );
            Status::Failure
        }
    }
}

fn write_all(mut command: Command, directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    // Names the commands in full, and tells each what all of them take.
    command.build();
    let inner = command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set());
    let inner: Vec<_> = inner.cloned().collect();
    let count = inner.len() + 1;
    for inner in inner {
        write(&inner, false, directory)?;
    }
    write(&command, true, directory)?;
    Ok(count)
}

fn write(command: &Command, is_main: bool, directory: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    fs::write(directory.join(format!("{name}.1")), page(command, is_main)?)
}

/// One page; the main one has what holds for all commands.
fn page(command: &Command, is_main: bool) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let after = command.get_after_long_help().map(ToString::to_string);
    let man = Man::new(command.clone()).manual("sfmc-auth-proxy manual");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if is_main {
        man.render_subcommands_section(&mut page)?;
    }
    after.map_or(Ok(()), |after| sections(&after, &mut page))?;
    if is_main {
        let variables = config::variables();
        let variables = variables
            .iter()
            .map(|(name, about)| (name.as_str(), *about));
        listed(
            "ENVIRONMENT",
            OTHER_VARIABLES.into_iter().chain(variables),
            &mut page,
        )?;
        listed("FILES", FILES, &mut page)?;
    }
    Ok(page)
}

fn listed<'a>(
    title: &str,
    items: impl IntoIterator<Item = (&'a str, &'a str)>,
    page: &mut Vec<u8>,
) -> io::Result<()> {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (name, about) in items {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(about)]);
    }
    roff.to_writer(page)
}

/// The parts of a help text, which begin with a word and a colon and go on indented.
fn sections(text: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let mut roff = Roff::default();
    for part in text.split("\n\n") {
        let (head, lines) = part.split_once('\n').unwrap_or((part, ""));
        match head.strip_suffix(':') {
            Some(title) if !lines.is_empty() => {
                let title = match title {
                    "Exit codes" => "EXIT STATUS".to_owned(),
                    title => title.to_uppercase(),
                };
                roff.control("SH", [title.as_str()]);
                roff.control("nf", []);
                for line in lines.lines() {
                    roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
                }
                roff.control("fi", []);
            }
            _ => {
                roff.control("PP", []);
                roff.text([roman(part.replace('\n', " "))]);
            }
        }
    }
    roff.to_writer(page)
}
