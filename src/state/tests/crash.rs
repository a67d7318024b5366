//! A process that is killed between two steps, and what the next one finds.

use std::cell::RefCell;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Signal, getpid, kill_process};

use super::*;

const FOLDER: &str = "SFMC_TEST_STATE_FOLDER";
const STEP: &str = "SFMC_TEST_STATE_STEP";
const KEYS: &str = "SFMC_TEST_STATE_KEYS";
const STEPS: [Step; 5] = [
    Step::Created,
    Step::Written,
    Step::Synced,
    Step::Renamed,
    Step::DirectorySynced,
];

/// This very program, to run one test of this file, which then is the child.
fn child(test: &str, folder: &Path, step: Option<Step>, letters: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &format!("state::tests::crash::{test}")])
        .arg("--nocapture")
        .env(FOLDER, folder)
        .env(KEYS, letters)
        .env(
            STEP,
            step.map(|step| format!("{step:?}")).unwrap_or_default(),
        );
    command
}

/// Where the child is to work, if this is the child.
fn as_child() -> Option<(PathBuf, String)> {
    let folder = env::var_os(FOLDER)?;
    Some((folder.into(), env::var(KEYS).unwrap()))
}

fn killed_at(step: Step) {
    if env::var(STEP).is_ok_and(|wanted| wanted == format!("{step:?}")) {
        kill_process(getpid(), Signal::KILL).unwrap();
    }
}

fn is_found_from(step: Step) -> bool {
    step != Step::Created
}

fn kill_one(test: &str, folder: &Path, step: Step, letters: &str) {
    let output = child(test, folder, Some(step), letters).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{step:?}: {output:?}");
}

#[test]
fn a_write_that_is_killed_is_done_or_not_begun() {
    if let Some((folder, letters)) = as_child() {
        let directory = Directory::open_watched(settings(&folder, &letters), killed_at).unwrap();
        keep(&directory, &acme(), "new");
        return;
    }
    for old in [None, Some("old")] {
        for step in STEPS {
            let folder = folder();
            if let Some(old) = old {
                keep(&open(folder.path(), "a"), &acme(), old);
            }
            let test = "a_write_that_is_killed_is_done_or_not_begun";
            kill_one(test, folder.path(), step, "a");
            assert_eq!(inspect(&settings(folder.path(), "a")), [], "{step:?}");
            let directory = open(folder.path(), "a");
            let wanted = if is_found_from(step) {
                Some("new")
            } else {
                old
            };
            assert_eq!(kept(&directory, &acme()).as_deref(), wanted, "{step:?}");
            let left: &[&str] = if wanted.is_some() {
                &["acme.login"]
            } else {
                &[]
            };
            assert_eq!(names(folder.path()), left, "{step:?}");
            keep(&directory, &acme(), "newer");
            drop(directory);
            let last = kept(&open(folder.path(), "a"), &acme());
            assert_eq!(last.as_deref(), Some("newer"), "{step:?}");
        }
    }
}

#[test]
fn a_change_of_keys_that_is_killed_loses_nothing() {
    if let Some((folder, letters)) = as_child() {
        let _ = Directory::open_watched(settings(&folder, &letters), killed_at);
        return;
    }
    let slots = [acme(), slot("acme", Some(1)), slot("zoo", None)];
    for step in STEPS {
        let folder = folder();
        let directory = open(folder.path(), "a");
        for slot in &slots {
            keep(&directory, slot, &slot.file_name());
        }
        drop(directory);
        let test = "a_change_of_keys_that_is_killed_loses_nothing";
        kill_one(test, folder.path(), step, "ba");
        // Half of it is under the new key by now, and must not be taken for rubbish by a process with the old one alone.
        let is_refused = Directory::open(settings(folder.path(), "a")).is_err();
        assert_eq!(is_refused, is_found_from(step), "{step:?}");
        for letters in ["ba", "b"] {
            let directory = open(folder.path(), letters);
            for slot in &slots {
                assert_eq!(kept(&directory, slot), Some(slot.file_name()), "{step:?}");
            }
        }
        assert_eq!(names(folder.path()).len(), slots.len());
    }
}

/// Not left behind by a test that fails.
struct Killed(Child);

impl Killed {
    fn spawn(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::piped()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn reader_of(child: &mut Child) -> impl Iterator<Item = u64> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.filter_map(|line| line.unwrap().strip_prefix("kept ")?.parse().ok())
}

#[test]
fn no_kill_at_any_moment_loses_what_was_acknowledged() {
    if let Some((folder, letters)) = as_child() {
        let directory = open(&folder, &letters);
        for number in 0_u64.. {
            keep(&directory, &acme(), &number.to_string());
            let mut stdout = std::io::stdout().lock();
            writeln!(stdout, "\nkept {number}").unwrap();
            stdout.flush().unwrap();
        }
    }
    let folder = folder();
    for rounds in [1, 2, 7, 20] {
        let test = "no_kill_at_any_moment_loses_what_was_acknowledged";
        let mut child = Killed::spawn(&mut child(test, folder.path(), None, "a"));
        let mut acknowledged = reader_of(&mut child.0);
        acknowledged.nth(rounds).unwrap();
        child.kill();
        let last = acknowledged.last();
        let kept: u64 = kept(&open(folder.path(), "a"), &acme())
            .unwrap()
            .parse()
            .unwrap();
        let last = last.unwrap_or(u64::try_from(rounds).unwrap());
        assert!(kept == last || kept == last + 1, "{kept}, not {last}");
    }
}

#[test]
fn the_lock_ends_with_its_process() {
    if let Some((folder, letters)) = as_child() {
        let _directory = open(&folder, &letters);
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "\nkept 0").unwrap();
        stdout.flush().unwrap();
        loop {
            std::thread::park();
        }
    }
    let folder = folder();
    let mut child = Killed::spawn(&mut child(
        "the_lock_ends_with_its_process",
        folder.path(),
        None,
        "a",
    ));
    reader_of(&mut child.0).next().unwrap();
    let refused = Directory::open(settings(folder.path(), "a")).unwrap_err();
    let said = refused[0].to_string();
    let holder = format!("held by process {} on ", child.0.id());
    assert!(said.contains(&holder), "{said}");
    child.kill();
    keep(&open(folder.path(), "a"), &acme(), "free");
}

/// A limit on the length of files stands for a disk that is full: a part is written, then no more.
#[test]
fn what_there_is_no_room_for_leaves_the_old_content_and_no_part() {
    let test = "what_there_is_no_room_for_leaves_the_old_content_and_no_part";
    if let Some((folder, letters)) = as_child() {
        let directory = open(&folder, &letters);
        keep(&directory, &acme(), "old");
        let long = Secret::new("x".repeat(8 << 10));
        let refused = directory.write(&acme(), &long).unwrap_err();
        assert!(
            matches!(refused.what, Fault::Unwritable { .. }),
            "{refused}"
        );
        assert_eq!(kept(&directory, &acme()).as_deref(), Some("old"));
        assert_eq!(names(&folder), ["acme.login"]);
        return keep(&directory, &acme(), "new");
    }
    let folder = folder();
    let inner = child(test, folder.path(), None, "a");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$@\"", "sh"])
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs(
            inner
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let found = kept(&open(folder.path(), "a"), &acme());
    assert_eq!(found.as_deref(), Some("new"));
}

thread_local! {
    static IN_THE_WAY: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// A directory in the place that the new file is to take, for the system to refuse it.
fn obstructed_at(step: Step) {
    if step == Step::Synced {
        IN_THE_WAY.with_borrow(|path| {
            if let Some(path) = path {
                fs::create_dir(path).unwrap();
            }
        });
    }
}

#[test]
fn what_could_not_take_its_place_takes_it_later() {
    for restarted in [false, true] {
        let folder = folder();
        let path = folder.path().join("acme.login");
        let mut directory =
            Directory::open_watched(settings(folder.path(), "a"), obstructed_at).unwrap();
        IN_THE_WAY.set(Some(path.clone()));
        let refused = directory.write(&acme(), &Secret::new("the only one"));
        IN_THE_WAY.set(None);
        assert!(matches!(
            refused.unwrap_err().what,
            Fault::Unwritable { .. }
        ));
        fs::remove_dir(&path).unwrap();
        if restarted {
            drop(directory);
            directory = open(folder.path(), "a");
        }
        let found = kept(&directory, &acme());
        assert_eq!(found.as_deref(), Some("the only one"));
        assert_eq!(names(folder.path()), ["acme.login"]);
    }
}

#[test]
fn an_older_leftover_is_removed_and_a_newer_one_is_used() {
    let folder = folder();
    let (path, new) = (
        folder.path().join("acme.login"),
        folder.path().join("acme.login.new"),
    );
    let directory = open(folder.path(), "a");
    keep(&directory, &acme(), "older");
    let older = fs::read(&path).unwrap();
    keep(&directory, &acme(), "newer");
    drop(directory);
    let newer = fs::read(&path).unwrap();
    for (main, leftover) in [(&newer, &older), (&older, &newer), (&newer, &newer)] {
        put(&path, main);
        put(&new, leftover);
        let directory = open(folder.path(), "a");
        assert_eq!(kept(&directory, &acme()).as_deref(), Some("newer"));
        assert_eq!(names(folder.path()), ["acme.login"]);
    }
}

#[test]
fn parts_of_a_file_are_removed_and_what_may_be_of_use_is_not() {
    let folder = folder();
    let new = folder.path().join("acme.login.new");
    let directory = open(folder.path(), "a");
    keep(&directory, &acme(), "kept");
    let whole = fs::read(folder.path().join("acme.login")).unwrap();
    drop(directory);
    for part in [&[][..], &[0; 300], &whole[..9], &whole[..whole.len() - 1]] {
        put(&new, part);
        assert_eq!(inspect(&settings(folder.path(), "a")), []);
        let directory = open(folder.path(), "a");
        assert_eq!(kept(&directory, &acme()).as_deref(), Some("kept"));
        assert_eq!(names(folder.path()), ["acme.login"]);
    }
    put(&new, b"somebody's notes");
    let foreign = ("acme.login.new".to_owned(), Fault::Foreign);
    assert_eq!(faults(folder.path(), "a"), [foreign]);
    fs::remove_file(&new).unwrap();
    let directory = open(folder.path(), "a");
    put(&new, b"somebody's notes");
    let refused = directory.write(&acme(), &Secret::new("x")).unwrap_err();
    assert_eq!(
        refused.what,
        Fault::NotOverwritten(Box::new(Fault::Foreign))
    );
    assert_eq!(fs::read(&new).unwrap(), b"somebody's notes");
}
