//! The command: started, told what we are told, waited for. Its exit code becomes ours.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IsTerminal};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};
use std::task::Poll;

use rustix::process::{Pid, Signal, kill_process};
use tokio::signal::unix::{self, SignalKind};

use super::OWN_FAILURE;

/// What a shell says of commands that are there but cannot be run, and of those that are not there.
const NOT_RUNNABLE: u8 = 126;
const NOT_FOUND: u8 = 127;
/// A process that a signal ended counts as this and the signal's number.
const SIGNALLED: i32 = 128;

/// The signals that are passed on.
const PASSED_ON: [Signal; 6] = [
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::INT,
];

/// Why there was no command to wait for.
#[derive(Debug)]
pub(super) struct NotRun {
    /// What the shell would exit with.
    pub(super) code: u8,
    /// What happened.
    pub(super) what: String,
}

/// The signals that reach us, kept from the moment on in which this is made.
pub(super) struct Signals {
    streams: Vec<(Signal, unix::Signal)>,
    child: unix::Signal,
    /// Ctrl-C and Ctrl-\ reach every process of the terminal's foreground, the command among them.
    by_terminal: bool,
}

impl Signals {
    /// Takes every signal that is passed on, but those that whoever started us wants to be ignored (`nohup`): the command
    /// inherits that.
    pub(super) fn new() -> io::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let streams = PASSED_ON
            .into_iter()
            .filter(|signal| !is_ignored(&status, *signal))
            .map(|signal| {
                let kind = SignalKind::from_raw(signal.as_raw());
                Ok((signal, unix::signal(kind)?))
            });
        Ok(Self {
            streams: streams.collect::<io::Result<_>>()?,
            child: unix::signal(SignalKind::child())?,
            by_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
        })
    }

    async fn next(&mut self) -> Signal {
        poll_fn(|context| {
            for (signal, stream) in &mut self.streams {
                if stream.poll_recv(context).is_ready() {
                    return Poll::Ready(*signal);
                }
            }
            if self.child.poll_recv(context).is_ready() {
                return Poll::Ready(Signal::CHILD);
            }
            Poll::Pending
        })
        .await
    }

    /// What came before there was a command to pass it on to, if it was to end it.
    async fn ended_early(&mut self) -> Option<Signal> {
        loop {
            let signal = tokio::select! {
                biased;
                signal = self.next() => signal,
                () = std::future::ready(()) => return None,
            };
            if ![Signal::CHILD, Signal::USR1, Signal::USR2].contains(&signal) {
                return Some(signal);
            }
        }
    }

    fn is_for_the_command(&self, signal: Signal) -> bool {
        signal != Signal::CHILD
            && !(self.by_terminal && [Signal::INT, Signal::QUIT].contains(&signal))
    }
}

/// Whether `/proc/self/status` says so; where there is no such file, nothing is ignored.
fn is_ignored(status: &str, signal: Signal) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal.as_raw() - 1).unwrap_or_default();
    mask.unwrap_or_default() & 1_u64.checked_shl(bit).unwrap_or_default() != 0
}

/// Runs the command to its end, with this environment and no other. `Ok` is what to exit with.
pub(super) async fn run(
    command: &[OsString],
    environment: &BTreeMap<OsString, OsString>,
    signals: &mut Signals,
) -> Result<u8, NotRun> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(NotRun {
            code: OWN_FAILURE,
            what: "there is no command".to_owned(),
        });
    };
    if let Some(signal) = signals.ended_early().await {
        return Ok(by_signal(signal.as_raw()));
    }
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .spawn();
    let mut child = spawned.map_err(|error| not_run(program, &error))?;
    let waited = wait(&mut child, signals).await;
    waited.map(code).map_err(|error| NotRun {
        code: OWN_FAILURE,
        what: format!("the command cannot be waited for: {error}"),
    })
}

async fn wait(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    let pid = Pid::from_child(child);
    // Nothing else waits for it: as long as this says `None`, the process id is the command's.
    while child.try_wait()?.is_none() {
        let signal = signals.next().await;
        if signals.is_for_the_command(signal) {
            // One that is about to end needs no signal.
            let _ended = kill_process(pid, signal);
        }
    }
    child.wait()
}

fn not_run(program: &OsString, error: &io::Error) -> NotRun {
    let name = program.display();
    match error.kind() {
        ErrorKind::NotFound => NotRun {
            code: NOT_FOUND,
            what: format!("{name}: there is no such command"),
        },
        _ => NotRun {
            code: NOT_RUNNABLE,
            what: format!("{name} cannot be run: {error}"),
        },
    }
}

fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(OWN_FAILURE),
        (None, signal) => by_signal(signal.unwrap_or_default()),
    }
}

fn by_signal(signal: i32) -> u8 {
    u8::try_from(SIGNALLED + signal).unwrap_or(u8::MAX)
}
