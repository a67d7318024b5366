//! What is in the file afterwards, whatever happened to it meanwhile.

mod failing;
mod rotating;
mod torn;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::*;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(30);

fn open(file: &Path, on_error: OnError) -> Arc<Audit> {
    try_open(file, on_error).unwrap()
}

fn try_open(file: &Path, on_error: OnError) -> Result<Arc<Audit>, OpenError> {
    open_measured(file, on_error, gauges())
}

fn open_measured(file: &Path, on_error: OnError, gauges: Gauges) -> Result<Arc<Audit>, OpenError> {
    let file = file.to_owned();
    Audit::open(&Settings { file, on_error }, gauges)
}

fn gauges() -> Gauges {
    Gauges {
        failing: IntGauge::new("failing", "failing").unwrap(),
        lines_lost: IntCounter::new("lines_lost", "lines_lost").unwrap(),
    }
}

/// Waits until something holds, in small steps.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn flush(audit: &Audit) {
    assert!(audit.flush(PATIENCE), "not written");
}

fn numbered(number: u64) -> String {
    Line::new().number("number", number).finish()
}

fn text_of_numbered(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers
        .into_iter()
        .map(|number| numbered(number) + "\n")
        .collect()
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn refusal(file: &Path) -> String {
    let refused = try_open(file, OnError::Continue).map(|_audit| "opened");
    let said = refused.unwrap_err().to_string();
    assert!(said.contains(file.to_str().unwrap()), "{said}");
    said
}

#[test]
fn lines_are_appended_in_order_to_a_file_of_the_owner() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    for start in [0, 100] {
        let audit = open(&file, OnError::Continue);
        (start..start + 100).for_each(|number| audit.write(numbered(number)));
        flush(&audit);
        assert!(audit.admits());
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), text_of_numbered(0..200));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_end_of_the_last_handle_writes_what_waits() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = open(&file, OnError::Refuse);
    (0..5000).for_each(|number| audit.write(numbered(number)));
    drop(audit);
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        text_of_numbered(0..5000)
    );
}

#[test]
fn a_line_stays_one_line() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = open(&file, OnError::Continue);
    audit.write("{\n\"a\":1\n}".to_owned());
    flush(&audit);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{ \"a\":1 }\n");
}

#[test]
fn what_cannot_be_appended_to_is_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let inside = |name: &str| folder.path().join(name);
    assert!(refusal(folder.path()).contains("name a file in this directory"));
    assert!(refusal(&inside("missing/audit.jsonl")).contains("make the directory"));
    fifo(&inside("fifo"));
    assert!(refusal(&inside("fifo")).contains("start the program that reads it first"));
    let _listener = UnixListener::bind(inside("socket")).unwrap();
    assert!(refusal(&inside("socket")).contains("neither a file nor a FIFO"));
    let audit = open(Path::new("/dev/null"), OnError::Refuse);
    audit.write(numbered(1));
    flush(&audit);
}

#[test]
fn whoever_reads_a_fifo_gets_the_lines() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fifo");
    fifo(&path);
    let reader = {
        let path = path.clone();
        thread::spawn(move || fs::read_to_string(path).unwrap())
    };
    // The reader's opening waits for the writer's, and the writer's fails before it.
    let mut opened = None;
    until("a reader", || {
        opened = try_open(&path, OnError::Refuse).ok();
        opened.is_some()
    });
    let audit = opened.unwrap();
    (0..3000).for_each(|number| audit.write(numbered(number)));
    flush(&audit);
    audit.reopen();
    audit.write(numbered(3000));
    drop(audit);
    assert_eq!(reader.join().unwrap(), text_of_numbered(0..3001));
}

#[test]
fn fields_stand_in_order_and_the_unknown_is_left_out() {
    let line = Line::new()
        .text("text", "a \"quoted\"\nline\u{1}")
        .text("none", None)
        .number("number", 18_446_744_073_709_551_615)
        .number("no_number", None)
        .decimal("decimal", 0.125)
        .decimal("no_decimal", f64::NAN)
        .flag("flag", true)
        .flag("no_flag", None)
        .list("list", Some(&["x\n", "y"]))
        .list("no_list", None::<&[String]>)
        .list("empty", Some(&Vec::<String>::new()[..]))
        .text("na\"me", Some("é"));
    assert_eq!(
        line.finish(),
        r#"{"text":"a \"quoted\"\nline\u0001","number":18446744073709551615,"decimal":0.125,"flag":true,"list":["x\n","y"],"empty":[],"na\"me":"é"}"#
    );
    assert_eq!(Line::new().finish(), "{}");
}

/// A file that takes so many bytes, then fails as a full disk does.
struct Filling<'a> {
    file: &'a mut fs::File,
    room: usize,
}

impl io::Write for Filling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let part = &bytes[..bytes.len().min(self.room)];
        if part.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.room -= part.len();
        self.file.write(part)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
