//! Files that take nothing: who waits, who is refused, what is lost, and what is said.

use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt, symlink};

use super::super::queue::{LINES_MAX, LINES_MAX_IN_FLIGHT};
use super::*;

/// A name that leads to a full disk, and afterwards to a file.
struct Switch {
    folder: TempDir,
}

impl Switch {
    fn full() -> Self {
        let folder = TempDir::new().unwrap();
        symlink("/dev/full", folder.path().join("link")).unwrap();
        Self { folder }
    }

    fn name(&self) -> PathBuf {
        self.folder.path().join("link")
    }

    fn to_file(&self) {
        let other = self.folder.path().join("other");
        symlink(self.folder.path().join("audit.jsonl"), &other).unwrap();
        fs::rename(other, self.name()).unwrap();
    }

    fn written(&self) -> String {
        fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap()
    }
}

/// What is logged by this thread while it does something.
fn logged(during: impl FnOnce()) -> String {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(Arc::new(log.reopen().unwrap()))
        .with_ansi(false)
        .finish();
    tracing::subscriber::with_default(subscriber, during);
    fs::read_to_string(log.path()).unwrap()
}

#[test]
#[cfg(target_os = "linux")]
fn refusing_lasts_until_everything_is_written() {
    for by_hand in [true, false] {
        let switch = Switch::full();
        let gauges = gauges();
        let audit = open_measured(&switch.name(), OnError::Refuse, gauges.clone()).unwrap();
        assert!(audit.admits(), "nothing has failed");
        assert_eq!(gauges.failing.get(), 0);
        audit.write(numbered(0));
        until("refusal", || !audit.admits());
        assert_eq!(gauges.failing.get(), 1);
        (1..1000).for_each(|number| audit.write(numbered(number)));
        assert!(!audit.flush(Duration::from_millis(1)));
        switch.to_file();
        if by_hand {
            audit.reopen();
        }
        until("admission", || audit.admits());
        assert_eq!(gauges.failing.get(), 0);
        assert_eq!(switch.written(), text_of_numbered(0..1000));
        assert_eq!((audit.lost(), gauges.lines_lost.get()), (0, 0));
    }
}

#[test]
#[cfg(target_os = "linux")]
fn refusing_leaves_room_for_calls_in_flight() {
    let switch = Switch::full();
    let audit = open(&switch.name(), OnError::Refuse);
    let room = LINES_MAX + LINES_MAX_IN_FLIGHT;
    let said = logged(|| (0..room + 3).for_each(|number| audit.write(numbered(number))));
    assert_eq!(audit.lost(), 3);
    assert!(said.contains("audit lines were lost"), "{said}");
    switch.to_file();
    audit.reopen();
    until("admission", || audit.admits());
    assert_eq!(switch.written(), text_of_numbered(0..room));
}

#[test]
#[cfg(target_os = "linux")]
fn continuing_counts_what_is_lost_and_says_it_once() {
    let switch = Switch::full();
    let gauges = gauges();
    let audit = open_measured(&switch.name(), OnError::Continue, gauges.clone()).unwrap();
    let said = logged(|| (0..LINES_MAX + 7).for_each(|number| audit.write(numbered(number))));
    assert_eq!((audit.lost(), gauges.lines_lost.get()), (7, 7));
    assert!(audit.admits());
    assert_eq!(said.matches("audit lines were lost").count(), 1, "{said}");
    assert!(said.contains("WARN") && said.contains("lost=1"), "{said}");
    switch.to_file();
    audit.reopen();
    flush(&audit);
    assert_eq!(switch.written(), text_of_numbered(0..LINES_MAX));
    let said = logged(|| drop(audit));
    assert!(
        said.contains("lost=6"),
        "the rest is told at the end: {said}"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn an_end_that_leaves_lines_says_so() {
    let switch = Switch::full();
    let audit = open(&switch.name(), OnError::Continue);
    (0..5).for_each(|number| audit.write(numbered(number)));
    let said = logged(|| drop(audit));
    assert!(said.contains("ERROR") && said.contains("lost=5"), "{said}");
}

#[test]
fn a_file_that_hangs_refuses_before_the_queue_is_full() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fifo");
    fifo(&path);
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut reader = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nonblocking)
        .open(&path)
        .unwrap();
    let audit = open(&path, OnError::Refuse);
    let mut count = 0;
    until("refusal", || {
        (0..100).for_each(|more| audit.write(numbered(count + more)));
        count += 100;
        !audit.admits()
    });
    assert!(count >= LINES_MAX / 4 * 3, "{count}");
    assert!(count < LINES_MAX * 2, "{count}");
    (count..count + LINES_MAX).for_each(|number| audit.write(numbered(number)));
    assert_eq!(audit.lost(), 0);
    let expected = text_of_numbered(0..count + LINES_MAX);
    let mut read = Vec::new();
    until("everything", || {
        let mut bytes = [0; 65_536];
        while let Ok(taken @ 1..) = reader.read(&mut bytes) {
            read.extend_from_slice(&bytes[..taken]);
        }
        read.len() >= expected.len()
    });
    assert_eq!(String::from_utf8(read).unwrap(), expected);
    until("admission", || audit.admits());
}

#[test]
fn a_fifo_whose_reader_went_gets_whole_lines_when_another_comes() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("fifo");
    fifo(&path);
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = fs::OpenOptions::new();
    options.read(true).custom_flags(nonblocking);
    let reader = options.open(&path).unwrap();
    let audit = open(&path, OnError::Refuse);
    drop(reader);
    audit.write(numbered(1));
    until("refusal", || !audit.admits());
    let mut reader = options.open(&path).unwrap();
    until("admission", || audit.admits());
    let mut read = Vec::new();
    drop(audit);
    until("the end", || reader.read_to_end(&mut read).is_ok());
    assert_eq!(String::from_utf8(read).unwrap(), text_of_numbered([1]));
}

#[test]
fn a_name_that_leads_nowhere_refuses_until_it_leads_somewhere() {
    let folder = TempDir::new().unwrap();
    let (inner, moved) = (folder.path().join("logs"), folder.path().join("moved"));
    fs::create_dir(&inner).unwrap();
    let file = inner.join("audit.jsonl");
    let audit = open(&file, OnError::Refuse);
    fs::rename(&inner, &moved).unwrap();
    audit.reopen();
    until("refusal", || !audit.admits());
    audit.write(numbered(1));
    fs::create_dir(&inner).unwrap();
    until("admission", || audit.admits());
    flush(&audit);
    assert_eq!(fs::read_to_string(&file).unwrap(), text_of_numbered([1]));
    assert_eq!(fs::read(moved.join("audit.jsonl")).unwrap(), b"");
}
