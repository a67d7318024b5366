//! docs/cli.md: every command's long help, as Markdown. Written from the definition of the command line, and a test sees that
//! the copy in `docs/` is not stale.

use std::fmt::Write as _;

use clap::Command;

const HEAD: &str = "\
# Command line

Written by a test from the definitions in `src/cli`; change them there, then `BLESS=1 cargo test --lib cli::`.
`sfmc-auth-proxy COMMAND --help` prints the same, `sfmc-auth-proxy man` a manual page with all environment variables, and
`sfmc-auth-proxy completions SHELL` what a shell needs to complete all this.

Exit codes, where a command's own section does not say more:

| code | means |
|---|---|
| 0 | it went well; for `run`, after a clean drain |
| 1 | it failed at run time |
| 2 | the configuration has faults, or something was typed wrong |
| 125 to 127 | `exec` itself failed: it could not start the proxy, or could not run the command, or there is no such command |
| 130 | a second Ctrl-C cut the drain of `run` short, or Ctrl-C ended `login` |
| 143 | a second SIGTERM cut the drain of `run` short |
";

/// Columns of the help texts in it.
const WIDTH: usize = 100;

pub(super) fn reference(command: Command) -> String {
    let mut command = command.term_width(WIDTH).version("VERSION");
    command.build();
    let mut text = HEAD.to_owned();
    let name = command.get_name().to_owned();
    section(&mut text, &name, &mut command.clone());
    for inner in command
        .get_subcommands()
        .filter(|inner| !inner.is_hide_set())
    {
        let full = format!("{name} {}", inner.get_name());
        section(&mut text, &full, &mut inner.clone());
    }
    text
}

fn section(text: &mut String, name: &str, command: &mut Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    // Writing to a String cannot fail.
    let _always_ok = writeln!(
        text,
        "\n## `{name}`\n\n```text\n{}\n```",
        lines.join("\n").trim_end()
    );
}
