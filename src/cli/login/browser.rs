//! Opens the user's browser. That it cannot be opened is no fault: the address is printed as well.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What opens an address with the user's own browser: of freedesktop systems, of a Mac, and of Linux on Windows.
const OPENERS: [&str; 3] = ["xdg-open", "open", "wslview"];

/// Opens this address in a process of its own, which is given none of these variables and none of `SFMC_*`.
pub(super) fn open(url: &str, hidden: &BTreeSet<String>) {
    let Some((program, arguments)) = command(env::var("BROWSER").ok().as_deref(), url, on_path)
    else {
        return;
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends this command, and not the browser.
        .process_group(0);
    for (name, _value) in env::vars_os() {
        let is_ours = name
            .to_str()
            .is_none_or(|name| name.starts_with("SFMC_") || hidden.contains(name));
        if is_ours {
            command.env_remove(name);
        }
    }
    if let Err(error) = command.spawn() {
        tracing::debug!(cause = %error, "no browser could be opened");
    }
}

/// `$BROWSER` is a list of commands, in which `%s` stands for the address.
pub(super) fn command(
    wanted: Option<&str>,
    url: &str,
    find: impl Fn(&str) -> Option<PathBuf>,
) -> Option<(PathBuf, Vec<OsString>)> {
    let wanted = wanted.into_iter().flat_map(|list| list.split(':'));
    wanted.chain(OPENERS).find_map(|words| {
        let mut words = words.split_whitespace();
        let program = find(words.next()?)?;
        let mut arguments: Vec<_> = words.map(|word| word.replace("%s", url)).collect();
        if !arguments.iter().any(|argument| argument.contains(url)) {
            arguments.push(url.to_owned());
        }
        Some((program, arguments.into_iter().map(OsString::from).collect()))
    })
}

fn on_path(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| path.is_file());
    }
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path);
    folders
        .map(|folder| folder.join(program))
        .find(|path| Path::is_file(path))
}
