//! The command line: what was typed, what it means, and one command that does it. Results go to stdout, all else to
//! stderr. What is served, and how, is not known here.

mod ca;
mod check;
mod doctor;
mod exec;
mod healthcheck;
mod login;
mod print_config;
mod run;
mod running;
mod sandbox;
mod scopes;
mod suggest;

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Faults, Flag, Sources};

/// An authenticating reverse proxy for Salesforce Marketing Cloud.
#[derive(Debug, Parser)]
#[command(name = "sfmc-auth-proxy", version, disable_help_subcommand = true)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The configuration file [default: ./sfmc-auth-proxy.toml, then the user's, then /etc/sfmc-auth-proxy/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Shape of log lines: json or text
    #[arg(long, global = true, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Least severe level that is logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

/// Keys of the file that have a flag.
#[derive(Debug, Default, Args)]
struct Overrides {
    /// Where to listen, instead of listen.http; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Where health and metrics are served
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<String>,
    /// The tenant of calls that select none
    #[arg(long, value_name = "NAME")]
    default_tenant: Option<String>,
    /// Scheme and host under which callers know the proxy
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Keep serving, unready, for this long after the signal to stop
    #[arg(long, value_name = "DURATION")]
    drain_delay: Option<String>,
    /// Then wait this long at most for calls in flight
    #[arg(long, value_name = "DURATION")]
    drain_timeout: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve
    Run(Overrides),
    /// Read the configuration and everything it names, and print every fault at once; no network
    Check(check::Arguments),
    /// Print the effective configuration, secrets redacted, each value with its origin
    PrintConfig(print_config::Arguments),
    /// Ask a running proxy for its readiness: exits with 0 or 1
    Healthcheck(healthcheck::Arguments),
    /// Start a simulated Marketing Cloud tenant with the proxy in front of it, and play a demonstration
    Sandbox(sandbox::Arguments),
    /// Run one command behind a private proxy: it calls Salesforce's hosts as always, and needs no credentials
    Exec(exec::Arguments),
    /// Log a user in through the browser, for a tenant whose tokens need that
    Login(login::Arguments),
    /// Find out online what keeps calls from getting through, and what to do about it
    Doctor(doctor::Arguments),
    /// Print where the local CA's certificate is, and how each common runtime is told to trust it
    Ca(ca::Arguments),
    #[command(flatten)]
    Seen(Seen),
    #[command(flatten)]
    Later(Later),
}

/// Commands that judge what a running proxy has seen.
#[derive(Debug, Subcommand)]
enum Seen {
    /// Print which scopes the calls of a tenant used, missed and did without, and the smallest list for them
    Scopes(scopes::Arguments),
    /// Print the smallest allow list for what a client has called
    Suggest(suggest::Arguments),
}

impl Seen {
    fn run(&self, common: Common, out: &mut dyn Write, err: &mut dyn Write) -> Status {
        let sources = match sources(common, Overrides::default(), err) {
            Ok(sources) => sources,
            Err(status) => return status,
        };
        match self {
            Self::Scopes(arguments) => scopes::scopes(&sources, arguments, out, err),
            Self::Suggest(arguments) => suggest::suggest(&sources, arguments, out, err),
        }
    }
}

/// Commands that are known by name, so that whoever has read of one is told what is the matter.
#[derive(Debug, Subcommand)]
enum Later {
    #[command(hide = true, disable_help_flag = true)]
    Snippet(Anything),
}

#[derive(Debug, Args)]
struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    rest: Vec<OsString>,
}

impl Later {
    fn name(&self) -> &'static str {
        match self {
            Self::Snippet(_) => "snippet",
        }
    }
}

/// How a command that does not serve ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Clean = 0,
    Failure = 1,
    Usage = 2,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// Does what the process's arguments say.
#[must_use]
pub fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(arguments) => dispatch(arguments, &mut io::stdout().lock(), &mut io::stderr()),
        Err(error) => {
            // A closed stdout or stderr is the reader's affair.
            let _printed = error.print();
            if error.exit_code() == 0 {
                Status::Clean.into()
            } else if names_exec(std::env::args_os().skip(1)) {
                exec::OWN_FAILURE.into()
            } else {
                Status::Usage.into()
            }
        }
    }
}

/// Whether what was typed, though it cannot be understood, was meant for `exec`: its exit codes are the command's, but one.
fn names_exec(mut typed: impl Iterator<Item = OsString>) -> bool {
    while let Some(word) = typed.next() {
        match word.to_str() {
            // These take a value, and stand before the command.
            Some("--config" | "--log-format" | "--log-level") => drop(typed.next()),
            Some(flag) if flag.starts_with('-') => {}
            word => return word == Some("exec"),
        }
    }
    false
}

fn dispatch(arguments: Arguments, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let common = arguments.common;
    match arguments.command {
        Command::Run(overrides) => match sources(common, overrides, err) {
            Ok(sources) => run::run(&sources, err),
            Err(status) => status.into(),
        },
        Command::Check(arguments) => match sources(common, arguments.overrides, err) {
            Ok(sources) => check::check(&sources, arguments.syntax_only, out, err).into(),
            Err(status) => status.into(),
        },
        Command::PrintConfig(arguments) if arguments.schema => print_config::schema(out).into(),
        Command::PrintConfig(arguments) => match sources(common, arguments.overrides, err) {
            Ok(sources) => print_config::print(&sources, out, err).into(),
            Err(status) => status.into(),
        },
        Command::Healthcheck(arguments) => {
            let overrides = Overrides {
                admin_listen: arguments.admin_listen,
                ..Overrides::default()
            };
            match sources(common, overrides, err) {
                Ok(sources) => {
                    healthcheck::ask(&sources, arguments.url.as_deref(), out, err).into()
                }
                Err(_) => Status::Failure.into(),
            }
        }
        Command::Sandbox(arguments) => match sources(common, Overrides::default(), err) {
            Ok(sources) => sandbox::sandbox(&sources, &arguments, out, err),
            Err(status) => status.into(),
        },
        Command::Exec(arguments) => match sources(common, Overrides::default(), err) {
            Ok(sources) => exec::exec(&sources, &arguments, err),
            Err(_) => exec::OWN_FAILURE.into(),
        },
        Command::Login(arguments) => match sources(common, Overrides::default(), err) {
            Ok(sources) => login::login(&sources, &arguments, out, err),
            Err(status) => status.into(),
        },
        Command::Doctor(arguments) => match sources(common, Overrides::default(), err) {
            Ok(sources) => doctor::doctor(&sources, &arguments, out, err).into(),
            Err(status) => status.into(),
        },
        Command::Ca(arguments) => match sources(common, Overrides::default(), err) {
            Ok(sources) => ca::ca(&sources, &arguments, out, err).into(),
            Err(status) => status.into(),
        },
        Command::Seen(command) => command.run(common, out, err).into(),
        Command::Later(later) => {
            say(
                err,
                &format!("`{}` is not part of this version", later.name()),
            );
            Status::Usage.into()
        }
    }
}

fn sources(common: Common, overrides: Overrides, err: &mut dyn Write) -> Result<Sources, Status> {
    let flag = |key, name, value: Option<String>| value.map(|value| Flag { key, value, name });
    let listen = overrides.listen.into_iter().map(|value| Flag {
        key: "listen.http",
        value,
        name: "--listen",
    });
    let flags = [
        flag("log.format", "--log-format", common.log_format),
        flag("log.level", "--log-level", common.log_level),
        flag("admin.listen", "--admin-listen", overrides.admin_listen),
        flag(
            "default_tenant",
            "--default-tenant",
            overrides.default_tenant,
        ),
        flag("listen.public_url", "--public-url", overrides.public_url),
        flag(
            "shutdown.drain_delay",
            "--drain-delay",
            overrides.drain_delay,
        ),
        flag(
            "shutdown.drain_timeout",
            "--drain-timeout",
            overrides.drain_timeout,
        ),
    ];
    let flags = flags.into_iter().flatten().chain(listen).collect();
    Sources::of_process(common.config, flags).map_err(|error| {
        say(
            err,
            &format!("the working directory cannot be used: {error}"),
        );
        Status::Usage
    })
}

/// Writes a line. A closed stdout or stderr is the reader's affair.
fn say(stream: &mut dyn Write, line: &str) {
    let _written = writeln!(stream, "{line}");
}

/// Writes all faults, then all warnings.
fn say_faults(err: &mut dyn Write, faults: &Faults) {
    for fault in &faults.faults {
        say(err, &fault.to_string());
    }
    for warning in &faults.warnings {
        say(err, &format!("warning: {warning}"));
    }
}

/// `1 tenant`, `2 tenants`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
