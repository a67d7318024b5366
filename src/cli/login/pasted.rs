//! Addresses that somebody pastes: for a browser on another machine, which cannot come back to this one.

use std::io::{self, BufRead, Read};
use std::thread;

use tokio::sync::mpsc;

/// No address is longer.
const LINE_SIZE_MAX: u64 = 16 << 10;

/// Lines of stdin, until it ends.
pub(super) type Pasted = mpsc::Receiver<String>;

/// Begins to read stdin, in a thread of its own: nothing can call off a read.
pub(super) fn lines() -> Pasted {
    let (line, lines) = mpsc::channel(1);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut text = String::new();
            let read = stdin.by_ref().take(LINE_SIZE_MAX).read_line(&mut text);
            let ended = !matches!(read, Ok(read) if read > 0);
            if ended || line.blocking_send(text).is_err() {
                return;
            }
        }
    });
    lines
}

/// The next line that says anything; waits for ever where none can come.
pub(super) async fn next(pasted: &mut Option<Pasted>) -> String {
    while let Some(lines) = pasted {
        match lines.recv().await {
            Some(line) if line.trim().is_empty() => {}
            Some(line) => return line,
            None => *pasted = None,
        }
    }
    std::future::pending().await
}

/// The query of a pasted address, which may have been pasted with quotes around it, or as the query alone.
pub(super) fn query(line: &str) -> &str {
    let line = line.trim().trim_matches(['"', '\'', '<', '>']);
    let line = line.split_once('#').map_or(line, |(before, _)| before);
    line.split_once('?').map_or(line, |(_, query)| query)
}
