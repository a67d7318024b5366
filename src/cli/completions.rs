//! `completions`: what a shell needs to complete our command line, made from its definition. Prints; writes no file.

use std::io::Write;

use clap::{Args, Command};
use clap_complete::Shell;

use super::Status;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(super) fn completions(
    command: &mut Command,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Status {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, command, &name, &mut script);
    if arguments.shell == Shell::Bash {
        script = with_one_name(&script, &name);
    }
    // A closed stdout is the reader's affair.
    let _written = out.write_all(&script);
    Status::Clean
}

/// For bash, the generator spells a name with hyphens in two ways, where one looks the other up.
fn with_one_name(script: &[u8], name: &str) -> Vec<u8> {
    let script = String::from_utf8_lossy(script);
    let (looked_up, set) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    script.replace(&looked_up, &set).into_bytes()
}
