//! Lines that went out in part: completed where they were left, or begun again on a line of their own.

use super::super::batch::Batch;
use super::super::destination::Destination;
use super::*;

const LINES: &str = "{\"number\":1}\n{\"number\":2}\n{\"number\":3}\n";

/// A file and a batch of which this much was written before the disk was full.
fn stopped_after(folder: &TempDir, room: usize) -> (Destination, Batch) {
    let mut open = Destination::open(&folder.path().join("audit.jsonl")).unwrap();
    let mut batch = Batch::new(&[numbered(1), numbered(2), numbered(3)]);
    assert!(open.has_changed(), "just opened");
    batch.begin_line_again(open.is_torn());
    let error = batch
        .write_to(&mut Filling {
            file: &mut open.file,
            room,
        })
        .unwrap_err();
    assert!(open.stands_after(&error));
    (open, batch)
}

/// The attempt after that, on this file.
fn go_on(mut open: Destination, mut batch: Batch) {
    if open.has_changed() {
        batch.begin_line_again(open.is_torn());
    }
    batch.write_to(&mut open.file).unwrap();
    assert_eq!(batch.lines(), 3);
}

fn written(folder: &TempDir) -> String {
    fs::read_to_string(folder.path().join("audit.jsonl")).unwrap()
}

#[test]
fn where_the_disk_was_full_the_line_is_completed() {
    for room in 0..LINES.len() {
        let folder = TempDir::new().unwrap();
        let (open, batch) = stopped_after(&folder, room);
        assert_eq!(written(&folder), LINES[..room]);
        go_on(open, batch);
        assert_eq!(written(&folder), LINES, "after {room} bytes");
    }
}

#[test]
fn in_the_same_file_opened_again_it_begins_again() {
    for room in 0..LINES.len() {
        let folder = TempDir::new().unwrap();
        let (_left, batch) = stopped_after(&folder, room);
        go_on(
            Destination::open(&folder.path().join("audit.jsonl")).unwrap(),
            batch,
        );
        let line_start = LINES[..room].rfind('\n').map_or(0, |newline| newline + 1);
        let newline = if line_start == room { "" } else { "\n" };
        let expected = format!("{}{newline}{}", &LINES[..room], &LINES[line_start..]);
        assert_eq!(written(&folder), expected, "after {room} bytes");
    }
}

#[test]
fn in_another_file_it_is_whole() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let (left, batch) = stopped_after(&folder, 20);
    fs::rename(&file, folder.path().join("audit.1")).unwrap();
    assert!(left.is_left_by(&file));
    go_on(Destination::open(&file).unwrap(), batch);
    assert_eq!(written(&folder), LINES[13..]);
}

#[test]
fn a_file_that_was_emptied_to_make_room_begins_with_a_whole_line() {
    let folder = TempDir::new().unwrap();
    let (open, batch) = stopped_after(&folder, 20);
    fs::write(folder.path().join("audit.jsonl"), "").unwrap();
    go_on(open, batch);
    assert_eq!(written(&folder), LINES[13..]);
}

#[test]
fn what_another_process_wrote_meanwhile_is_not_joined() {
    let folder = TempDir::new().unwrap();
    let (open, batch) = stopped_after(&folder, 20);
    let mut other = fs::OpenOptions::new()
        .append(true)
        .open(folder.path().join("audit.jsonl"))
        .unwrap();
    io::Write::write_all(&mut other, b"\n{}\n").unwrap();
    go_on(open, batch);
    assert_eq!(
        written(&folder),
        format!("{}\n{{}}\n{}", &LINES[..20], &LINES[13..])
    );
}

#[test]
fn other_failures_open_the_file_again() {
    let folder = TempDir::new().unwrap();
    let mut open = Destination::open(&folder.path().join("audit.jsonl")).unwrap();
    assert!(!open.stands_after(&io::ErrorKind::BrokenPipe.into()));
    let mut device = Destination::open(Path::new("/dev/null")).unwrap();
    assert!(!device.stands_after(&io::ErrorKind::StorageFull.into()));
}

#[test]
fn a_torn_line_from_before_the_start_stays_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    fs::write(&file, "{}\n{\"torn\":\"a").unwrap();
    let audit = open(&file, OnError::Continue);
    assert!(audit.flush(PATIENCE));
    audit.write(numbered(1));
    flush(&audit);
    audit.write(numbered(2));
    flush(&audit);
    let expected = format!("{{}}\n{{\"torn\":\"a\n{}", text_of_numbered(1..3));
    assert_eq!(fs::read_to_string(&file).unwrap(), expected);
}
