//! Directories and files as administrators and clusters set them up, and what is said where that does not do.

use std::env;
use std::fs::Permissions;
use std::os::unix::fs::{chown, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::*;

const FOLDER: &str = "SFMC_TEST_STATE_PLACE";
const NOBODY: u32 = 65534;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn with_a_file() -> TempDir {
    let folder = folder();
    keep(&open(folder.path(), "a"), &acme(), "kept");
    folder
}

#[test]
fn a_directory_or_file_that_others_may_see_is_refused() {
    let folder = with_a_file();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    for mode in [0o701, 0o704, 0o702, 0o710, 0o740, 0o720, 0o777] {
        chmod(folder.path(), mode);
        let [(file, fault)] = &faults(folder.path(), "a")[..] else {
            panic!("{mode:o}");
        };
        assert_eq!((&**file, fault), (name, &Fault::OpenDirectory(mode)));
        assert!(fault.to_string().contains("chmod 700"), "{fault}");
    }
    chmod(folder.path(), 0o700);
    for mode in [0o604, 0o602, 0o640, 0o620, 0o666] {
        chmod(&folder.path().join("acme.login"), mode);
        let [(file, fault)] = &faults(folder.path(), "a")[..] else {
            panic!("{mode:o}");
        };
        assert_eq!((&**file, fault), ("acme.login", &Fault::OpenFile(mode)));
        assert!(fault.to_string().contains("chmod 600"), "{fault}");
    }
}

/// As Kubernetes leaves a volume for `fsGroup`, each time that it mounts it: set-group-id, all files open to the group.
#[test]
fn a_volume_that_was_given_to_a_group_is_taken() {
    let folder = with_a_file();
    let file = folder.path().join("acme.login");
    chmod(folder.path(), 0o2770);
    chmod(&file, 0o660);
    let directory = open(folder.path(), "a");
    assert_eq!(kept(&directory, &acme()).as_deref(), Some("kept"));
    keep(&directory, &acme(), "more");
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    drop(directory);
    chmod(folder.path(), 0o2777);
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let wanted = (name.to_owned(), Fault::OpenDirectory(0o777));
    assert_eq!(faults(folder.path(), "a"), [wanted]);
    open(&folder.path().join("own"), "a");
    if rustix::process::geteuid().is_root() {
        chown(folder.path(), Some(NOBODY), None).unwrap();
        chmod(folder.path(), 0o770);
        assert_eq!(
            kept(&open(folder.path(), "a"), &acme()).as_deref(),
            Some("more")
        );
    }
}

#[test]
fn a_place_that_is_no_directory_is_refused() {
    let folder = with_a_file();
    let file = folder.path().join("acme.login");
    let no_directory = |place: &Path| {
        let inspected = inspect(&settings(place, "a"));
        assert_eq!(inspected[0].what, Fault::NoDirectory);
        Directory::open(settings(place, "a")).unwrap_err()[0]
            .what
            .clone()
    };
    assert_eq!(no_directory(&file), Fault::NoDirectory);
    let below = no_directory(&file.join("below"));
    assert!(matches!(below, Fault::Unwritable { .. }), "{below}");
}

#[test]
fn links_and_pipes_are_not_followed_and_not_waited_for() {
    let folder = with_a_file();
    symlink(
        folder.path().join("acme.login"),
        folder.path().join("link.login"),
    )
    .unwrap();
    let made = Command::new("mkfifo")
        .args(["-m", "600"])
        .arg(folder.path().join("pipe.login"))
        .status();
    assert!(made.unwrap().success());
    let wanted = ["link.login", "pipe.login"].map(|name| (name.to_owned(), Fault::NoRegularFile));
    assert_eq!(faults(folder.path(), "a"), wanted);
}

#[test]
fn inspecting_makes_nothing() {
    let folder = folder();
    let place = folder.path().join("not/yet");
    assert_eq!(inspect(&settings(&place, "a")), []);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert_eq!(inspect(&settings(folder.path(), "a")), []);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// The superuser reads everything, so another user has to be asked.
#[test]
fn what_the_system_refuses_is_said_with_what_to_do() {
    if let Some(folder) = env::var_os(FOLDER) {
        return refused_by_the_system(Path::new(&folder));
    }
    let folder = folder();
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "--nocapture"])
        .arg("state::tests::places::what_the_system_refuses_is_said_with_what_to_do")
        .env(FOLDER, folder.path());
    if rustix::process::geteuid().is_root() {
        chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

fn refused_by_the_system(folder: &Path) {
    let place = folder.join("state");
    let file = place.join("acme.login");
    keep(&open(&place, "a"), &acme(), "kept");
    let [before] = contents(&place).try_into().unwrap();

    chmod(&file, 0o000);
    let unreadable = inspect(&settings(&place, "a"));
    assert!(
        matches!(unreadable[0].what, Fault::Unreadable(_)),
        "{unreadable:?}"
    );
    assert_eq!(
        Directory::open(settings(&place, "a")).unwrap_err(),
        unreadable
    );
    chmod(&file, 0o600);
    let directory = open(&place, "a");
    chmod(&file, 0o000);
    let refused = directory.write(&acme(), &Secret::new("new")).unwrap_err();
    assert!(
        matches!(refused.what, Fault::NotOverwritten(_)),
        "{refused}"
    );
    assert!(refused.to_string().contains("move it away"), "{refused}");
    chmod(&file, 0o600);

    chmod(&place, 0o500);
    let refused = directory.write(&acme(), &Secret::new("new")).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("let the user whom the proxy runs as write there"),
        "{refused}"
    );
    assert_eq!(kept(&directory, &acme()).as_deref(), Some("kept"));
    let unwritable = inspect(&settings(&place, "a"));
    assert!(
        matches!(unwritable[0].what, Fault::Unwritable { .. }),
        "{unwritable:?}"
    );
    let below = inspect(&settings(&place.join("a/b"), "a"));
    assert_eq!(below, unwritable);
    chmod(&place, 0o700);
    assert_eq!(contents(&place), [before]);
}
