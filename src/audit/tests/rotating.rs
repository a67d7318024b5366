//! Files that are moved, deleted or opened again while lines come.

use super::*;

/// Writes numbered lines from 0 on until the file is there; how many they were.
fn write_until_there(audit: &Audit, file: &Path) -> u64 {
    let mut count = 0;
    until("a new file", || {
        audit.write(numbered(count));
        count += 1;
        flush(audit);
        file.exists()
    });
    count
}

#[test]
fn a_file_that_was_renamed_is_followed_by_a_new_one() {
    let folder = TempDir::new().unwrap();
    let (file, moved) = (folder.path().join("audit.jsonl"), folder.path().join("old"));
    let audit = open(&file, OnError::Refuse);
    fs::rename(&file, &moved).unwrap();
    let count = write_until_there(&audit, &file);
    let both = fs::read_to_string(&moved).unwrap() + &fs::read_to_string(&file).unwrap();
    assert_eq!(both, text_of_numbered(0..count));
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_was_deleted_is_made_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = open(&file, OnError::Refuse);
    fs::remove_file(&file).unwrap();
    let count = write_until_there(&audit, &file);
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.ends_with(&text_of_numbered([count - 1])),
        "{written}"
    );
}

#[test]
fn a_file_that_was_replaced_is_taken_into_use() {
    let folder = TempDir::new().unwrap();
    let (file, other) = (folder.path().join("audit.jsonl"), folder.path().join("new"));
    let audit = open(&file, OnError::Refuse);
    fs::write(&other, "{}\n").unwrap();
    fs::rename(&other, &file).unwrap();
    until("a line in it", || {
        audit.write(numbered(1));
        flush(&audit);
        fs::read_to_string(&file).unwrap().len() > 3
    });
    let written = fs::read_to_string(&file).unwrap();
    assert_eq!(written, format!("{{}}\n{}", text_of_numbered([1])));
}

#[test]
fn a_file_that_was_copied_and_emptied_is_gone_on_with() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = open(&file, OnError::Refuse);
    audit.write(numbered(1));
    flush(&audit);
    fs::write(&file, "").unwrap();
    audit.write(numbered(2));
    flush(&audit);
    assert_eq!(fs::read_to_string(&file).unwrap(), text_of_numbered([2]));
}

#[test]
fn opening_again_needs_no_line() {
    let folder = TempDir::new().unwrap();
    let (file, moved) = (folder.path().join("audit.jsonl"), folder.path().join("old"));
    let audit = open(&file, OnError::Refuse);
    audit.write(numbered(1));
    flush(&audit);
    fs::rename(&file, &moved).unwrap();
    audit.reopen();
    until("a new file", || file.exists());
    audit.write(numbered(2));
    flush(&audit);
    assert_eq!(fs::read_to_string(&moved).unwrap(), text_of_numbered([1]));
    assert_eq!(fs::read_to_string(&file).unwrap(), text_of_numbered([2]));
}

#[test]
fn many_threads_and_many_files_lose_no_line_and_tear_none() {
    const THREADS: u64 = 8;
    const LINES: u64 = 4000;
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("audit.jsonl");
    let audit = open(&file, OnError::Refuse);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let audit = Arc::clone(&audit);
            thread::spawn(move || {
                for number in 0..LINES {
                    let line = Line::new().number("thread", thread);
                    audit.write(line.number("number", number).finish());
                }
            })
        })
        .collect();
    let mut files = Vec::new();
    for rotation in 0..5 {
        let moved = folder.path().join(rotation.to_string());
        fs::rename(&file, &moved).unwrap();
        audit.reopen();
        until("a new file", || file.exists());
        files.push(moved);
    }
    files.push(file);
    threads.into_iter().for_each(|one| one.join().unwrap());
    flush(&audit);
    assert_eq!(audit.lost(), 0);
    let mut next = [0; THREADS as usize];
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let thread = usize::try_from(line["thread"].as_u64().unwrap()).unwrap();
            assert_eq!(line["number"], next[thread], "of thread {thread}");
            next[thread] += 1;
        }
    }
    assert_eq!(next, [LINES; THREADS as usize]);
}
