//! The command line: what was typed, what it means, and one command that does it. Results go to stdout, all else to
//! stderr. What is served, and how, is not known here.

mod ca;
mod check;
mod completions;
mod doctor;
mod exec;
mod healthcheck;
mod help;
mod login;
mod man;
mod print_config;
mod run;
mod running;
mod sandbox;
mod scopes;
mod snippet;
mod suggest;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::config::{Faults, Flag, Sources};

/// An authenticating reverse proxy for Salesforce Marketing Cloud
///
/// Takes plain HTTP calls on this machine, puts the current access token of a tenant in, and sends them to that tenant.
#[derive(Debug, Parser)]
#[command(name = "sfmc-auth-proxy", version, disable_help_subcommand = true)]
#[command(max_term_width = 100, after_long_help = help::ALL)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Above the options that every command takes.
const COMMON: &str = "Options of every command";

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The configuration file [default: ./sfmc-auth-proxy.toml, then the user's, then /etc/sfmc-auth-proxy/config.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = COMMON)]
    config: Option<PathBuf>,
    /// Shape of log lines: json or text
    #[arg(long, global = true, value_name = "FORMAT", help_heading = COMMON)]
    log_format: Option<String>,
    /// Least severe level that is logged: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL", help_heading = COMMON)]
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
    ///
    /// Listens, puts the tenant's current token into each call, and sends it on. Goes on until a signal ends it. A changed
    /// configuration or secret is taken into use without a restart.
    #[command(after_long_help = help::RUN)]
    Run(Overrides),
    /// Check the configuration and everything that it names
    ///
    /// Prints every fault at once, each with its place and with what to write instead. Uses no network.
    #[command(after_long_help = help::CHECK)]
    Check(check::Arguments),
    /// Print the effective configuration, each value with its origin
    ///
    /// Secrets are redacted. The result is a configuration file, with comments that say which file, variable or flag each value
    /// is from.
    #[command(after_long_help = help::PRINT_CONFIG)]
    PrintConfig(print_config::Arguments),
    /// Ask a running proxy whether it is ready
    ///
    /// Asks /readyz of the admin listener, for images without a shell. Needs no secret of the configuration.
    #[command(after_long_help = help::HEALTHCHECK)]
    Healthcheck(healthcheck::Arguments),
    /// Start a simulated Marketing Cloud tenant with the proxy in front of it
    ///
    /// Plays a short demonstration, prints curl lines to go on with, and stays up until Ctrl-C. Reads no configuration file and none
    /// of its secrets: all that it needs is made up on the spot. Of the variables it takes those of listen (but for TLS), log and
    /// limits, admin.listen and admin.quit. The proxy is on port 7362, its admin listener on 7363.
    #[command(after_long_help = help::SANDBOX)]
    Sandbox(sandbox::Arguments),
    /// Run one command behind a private proxy
    ///
    /// The command calls Salesforce's hosts as always, and needs no credentials: its environment leads it through a proxy on a free
    /// port that ends with it.
    #[command(after_long_help = help::EXEC)]
    Exec(exec::Arguments),
    /// Log a user in through the browser
    ///
    /// For a tenant whose tokens are a user's (grant = "authorization_code"). The login is kept where state says, and renews itself from
    /// then on.
    #[command(after_long_help = help::LOGIN)]
    Login(login::Arguments),
    /// Find out what keeps calls from getting through, and what to do about it
    ///
    /// Looks at each tenant from the outside in: configuration, egress proxy, DNS, TCP, TLS, clock, token, instance, userinfo, REST
    /// and SOAP. It only reads. For each tenant it fetches one token of its own, past a proxy that runs; Salesforce allows about one
    /// token request in twenty minutes for each client. For a tenant that users log in to it fetches none, and says whether a login
    /// is kept.
    #[command(after_long_help = help::DOCTOR)]
    Doctor(doctor::Arguments),
    /// Print where the local CA's certificate is
    ///
    /// And how each common runtime is told to trust it. Makes the CA if there is none yet. Needs intercept in the configuration.
    #[command(after_long_help = help::CA)]
    Ca(ca::Arguments),
    /// Print the settings of a known SDK or tool for this configuration
    ///
    /// With the real address, tenant and account, and with the client's name. Says where the client's secret is, and never prints
    /// it. Without a name it lists all that it knows. A name such as php or python prints several, each under its own name.
    #[command(after_long_help = help::SNIPPET)]
    Snippet(snippet::Arguments),
    /// Print a completion script for a shell
    ///
    /// The shell then completes commands and options with the tab key.
    #[command(after_long_help = help::COMPLETIONS)]
    Completions(completions::Arguments),
    /// Print the manual page
    ///
    /// Or write one page for each command, where a directory is named.
    #[command(after_long_help = help::MAN)]
    Man(man::Arguments),
    #[command(flatten)]
    Seen(Seen),
}

/// Commands that judge what a running proxy has seen.
#[derive(Debug, Subcommand)]
enum Seen {
    /// Print which scopes a tenant's calls need
    ///
    /// Asks the proxy that runs, at its admin listener: which scopes were granted, used, missed and not needed, and the smallest list
    /// for what was seen. What was not called since the proxy was started is not in that list: let it run for as long as your rarest
    /// job needs, a month for one that is monthly. The table of scopes is in docs/scopes.md.
    #[command(after_long_help = help::SCOPES)]
    Scopes(scopes::Arguments),
    /// Print the smallest allow list for what a client has called
    ///
    /// Asks the proxy that runs, or reads audit records. Prints TOML that belongs below [clients.CLIENT]. How routes become patterns
    /// is in docs/policy.md. Try a list out with policy = "observe" before it holds.
    #[command(after_long_help = help::SUGGEST)]
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
        Command::Healthcheck(arguments) => match sources(common, arguments.overrides(), err) {
            Ok(sources) => healthcheck::ask(&sources, arguments.url.as_deref(), out, err).into(),
            Err(_) => Status::Failure.into(),
        },
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
        Command::Snippet(arguments) => match sources(common, arguments.overrides(), err) {
            Ok(sources) => snippet::snippet(&sources, &arguments, out, err).into(),
            Err(status) => status.into(),
        },
        Command::Completions(arguments) => {
            completions::completions(&mut Arguments::command(), &arguments, out).into()
        }
        Command::Man(arguments) => man::man(Arguments::command(), &arguments, out, err).into(),
        Command::Seen(command) => command.run(common, out, err).into(),
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
