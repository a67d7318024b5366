//! What is in the directory afterwards, and what is said of it.

mod crash;
mod damage;
mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process;

use base64::prelude::*;
use tempfile::{Builder, TempDir};

use super::*;

fn folder() -> TempDir {
    let mode = fs::Permissions::from_mode(0o700);
    Builder::new().permissions(mode).tempdir().unwrap()
}

/// A key for each letter.
fn key(letter: u8) -> Secret {
    let bytes: Vec<_> = (0..32).map(|index| letter.wrapping_add(index)).collect();
    Secret::new(BASE64_STANDARD.encode(bytes))
}

fn keys(letters: &str) -> Keys {
    let texts: Vec<_> = letters.bytes().map(key).collect();
    Keys::new(&texts).unwrap()
}

/// The fingerprint of a letter's key.
fn id(letter: char) -> String {
    keys(&letter.to_string()).names()
}

fn settings(folder: &Path, letters: &str) -> Settings {
    Settings {
        directory: folder.to_owned(),
        keys: keys(letters),
    }
}

fn open(folder: &Path, letters: &str) -> Directory {
    Directory::open(settings(folder, letters)).unwrap()
}

/// What opening says is wrong, which inspecting has to say as well; nothing may have been changed.
fn faults(folder: &Path, letters: &str) -> Vec<(String, Fault)> {
    let before = contents(folder);
    let inspected = inspect(&settings(folder, letters));
    let opened = Directory::open(settings(folder, letters)).unwrap_err();
    assert_eq!(opened, inspected);
    assert_eq!(contents(folder), before);
    let named = |error: StateError| {
        let path = Path::new(&error.file);
        assert!(path.starts_with(folder), "{error}");
        let name = path.file_name().unwrap().to_str().unwrap();
        (name.to_owned(), error.what)
    };
    opened.into_iter().map(named).collect()
}

/// A file as we make them.
fn put(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Names and bytes of all files but the lock.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut files: Vec<_> = entries
        .filter(|entry| entry.file_name() != "lock" && entry.file_type().unwrap().is_file())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    contents(folder).into_iter().map(|(name, _)| name).collect()
}

fn slot(tenant: &str, account: Option<u64>) -> Slot {
    Slot {
        tenant: tenant.to_owned(),
        account,
    }
}

fn acme() -> Slot {
    slot("acme", None)
}

fn keep(directory: &Directory, slot: &Slot, text: &str) {
    directory.write(slot, &Secret::new(text)).unwrap();
}

fn kept(directory: &Directory, slot: &Slot) -> Option<String> {
    directory.read(slot).unwrap().as_ref().map(text)
}

fn text(secret: &Secret) -> String {
    secret.expose().to_owned()
}

#[test]
fn what_was_written_is_read_again_and_by_the_next_process() {
    let folder = folder();
    let place = folder.path().join("made/for/it");
    let slots = [
        slot("acme", Some(0)),
        slot("acme", Some(u64::MAX)),
        slot("0-9", None),
        slot(&"z".repeat(63), Some(u64::MAX)),
        acme(),
    ];
    let directory = open(&place, "a");
    assert_eq!(kept(&directory, &acme()), None);
    for round in ["first", "second"] {
        for slot in &slots {
            keep(&directory, slot, &format!("{round} of {slot:?} ü"));
        }
    }
    drop(directory);
    let directory = open(&place, "a");
    for slot in &slots {
        let wanted = format!("second of {slot:?} ü");
        assert_eq!(kept(&directory, slot), Some(wanted));
    }
    let mut sorted = slots.to_vec();
    sorted.sort();
    assert_eq!(directory.slots().unwrap(), sorted);
    keep(&directory, &acme(), "");
    assert_eq!(kept(&directory, &acme()).as_deref(), Some(""));
}

#[test]
fn nobody_else_sees_any_of_it() {
    let folder = folder();
    let place = folder.path().join("state");
    let directory = open(&place, "a");
    keep(&directory, &acme(), "a-canary-in-the-file");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&place), 0o700);
    for file in ["acme.login", "lock"] {
        assert_eq!(mode(&place.join(file)), 0o600, "{file}");
    }
    let bytes = fs::read(place.join("acme.login")).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("canary"), "{text}");
    let shown = format!("{directory:?}");
    let secret = key(b'a');
    assert!(!shown.contains(secret.expose()), "{shown}");
    assert!(shown.contains(&id('a')), "{shown}");
}

#[test]
fn the_same_content_never_looks_the_same() {
    let folder = folder();
    let directory = open(folder.path(), "a");
    let sealed = |text: &str| {
        keep(&directory, &acme(), text);
        let bytes = fs::read(folder.path().join("acme.login")).unwrap();
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        bytes[line + 1..].to_vec()
    };
    let (one, other) = (sealed("the same"), sealed("the same"));
    assert!(one.iter().zip(&other).filter(|(a, b)| a == b).count() < 16);
}

/// Sealed by libsodium, the line's key being Python's HMAC: files of today have to open for ever.
#[test]
fn a_file_that_another_library_has_sealed_is_opened() {
    let folder = folder();
    let line = "sfmc-auth-proxy-state 1 key=3939fb88fcc6d2d3 tenant=acme account=510001235 sequence=41 sealed=55\n";
    let sealed = "ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7HVOL1Zlc7PHvEOlQzQrTOeAyyZLr1XwQ0L3dm2KAkg==";
    let bytes = [line.as_bytes(), &BASE64_STANDARD.decode(sealed).unwrap()].concat();
    let file = folder.path().join("acme@510001235.login");
    put(&file, &bytes);
    let key = Secret::new("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let directory = Directory::open(Settings {
        directory: folder.path().to_owned(),
        keys: Keys::new(&[key]).unwrap(),
    })
    .unwrap();
    let slot = slot("acme", Some(510_001_235));
    assert_eq!(kept(&directory, &slot).as_deref(), Some("a refresh token"));
    keep(&directory, &slot, "the next");
    let text = fs::read(&file).unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.contains(" sequence=42 sealed=48\n"), "{text}");
}

#[test]
fn an_older_key_can_be_dropped_after_one_start() {
    let folder = folder();
    let other = slot("acme", Some(7));
    let directory = open(folder.path(), "a");
    keep(&directory, &acme(), "one");
    keep(&directory, &other, "two");
    drop(directory);
    let given = id('b');
    for (file, fault) in faults(folder.path(), "b") {
        assert!(["acme.login", "acme@7.login"].contains(&&*file), "{file}");
        let wanted = id('a');
        let given = given.clone();
        assert!(fault.to_string().contains(&wanted), "{fault}");
        assert_eq!(fault, Fault::KeyNotGiven { wanted, given });
    }
    for letters in ["ba", "b", "cb", "c"] {
        let directory = open(folder.path(), letters);
        for (slot, text) in [(acme(), "one"), (other.clone(), "two")] {
            assert_eq!(kept(&directory, &slot).as_deref(), Some(text), "{letters}");
        }
    }
    assert_eq!(faults(folder.path(), "ab").len(), 2);
}

#[test]
fn keys_come_as_the_tools_write_them() {
    let bytes: [u8; 32] = std::array::from_fn(|index| 0xff - u8::try_from(index).unwrap());
    let standard = BASE64_STANDARD.encode(bytes);
    let id = |text: &str| Keys::new(&[Secret::new(text)]).unwrap().names();
    let wanted = id(&standard);
    assert!(standard.contains('/') && standard.ends_with('='));
    for text in [
        format!(" \t{standard}\r\n"),
        BASE64_STANDARD_NO_PAD.encode(bytes),
        BASE64_URL_SAFE.encode(bytes),
        BASE64_URL_SAFE_NO_PAD.encode(bytes) + "\n",
    ] {
        assert_eq!(id(&text), wanted, "{text}");
    }
}

#[test]
fn what_is_no_key_is_refused_with_its_place_and_the_way_to_make_one() {
    let refused = |texts: &[&str]| {
        let texts: Vec<_> = texts.iter().map(|text| Secret::new(*text)).collect();
        let (index, what) = Keys::new(&texts).unwrap_err();
        assert!(what.contains("head -c 32 /dev/urandom | base64"), "{what}");
        (index, what)
    };
    let good = key(b'a');
    let good = good.expose();
    assert_eq!(refused(&[]).0, 0);
    for (wrong, said) in [
        ("", "0 bytes"),
        ("Zm9v", "3 bytes"),
        (&BASE64_STANDARD.encode([1; 33]), "33 bytes"),
        (&"ab".repeat(32), "48 bytes"),
        ("a passphrase, for once!", "no base64"),
        (&good.replacen('=', "==", 1), "no base64"),
        (&BASE64_STANDARD.encode([0; 32]), "one byte 32 times over"),
        (&BASE64_STANDARD.encode([9; 32]), "one byte 32 times over"),
    ] {
        let (index, what) = refused(&[good, wrong, "neither"]);
        assert_eq!(index, 1);
        assert!(what.contains(said), "{what}");
        assert!(wrong.is_empty() || !what.contains(wrong), "{what}");
    }
}

#[test]
fn many_threads_write_and_none_is_lost() {
    fn shared<T: Send + Sync>(value: &T) -> &T {
        value
    }
    let folder = folder();
    let directory = open(folder.path(), "a");
    let directory = shared(&directory);
    std::thread::scope(|scope| {
        for account in 0..4 {
            scope.spawn(move || {
                for slot in [slot("own", Some(account)), slot("common", None)] {
                    for number in 0..5 {
                        keep(directory, &slot, &format!("{account}: {number}"));
                        assert!(kept(directory, &slot).is_some());
                    }
                }
            });
        }
    });
    for account in 0..4 {
        let last = kept(directory, &slot("own", Some(account)));
        assert_eq!(last, Some(format!("{account}: 4")));
    }
    let common = fs::read(folder.path().join("common.login")).unwrap();
    let common = String::from_utf8_lossy(&common);
    assert!(common.contains(" sequence=20 "), "{common}");
}

#[test]
fn a_slot_whose_name_would_lead_elsewhere_has_no_file() {
    let folder = folder();
    let place = folder.path().join("state");
    let directory = open(&place, "a");
    let long = "a".repeat(64);
    for tenant in [
        "", "../acme", "Acme", "a.b", "a@1", "a/b", "ä", "a\n", &long,
    ] {
        let slot = slot(tenant, None);
        let refused = directory.write(&slot, &Secret::new("x")).unwrap_err();
        assert_eq!(refused.what, Fault::NoName, "{tenant:?}");
        assert_eq!(directory.read(&slot).unwrap_err().what, Fault::NoName);
    }
    assert_eq!(names(&place), [""; 0]);
    assert_eq!(names(folder.path()), [""; 0]);
}

#[test]
fn what_is_too_long_is_refused_and_the_old_content_stays() {
    let folder = folder();
    let directory = open(folder.path(), "a");
    let longest = "x".repeat(60 << 10);
    keep(&directory, &acme(), &longest);
    let refused = directory.write(&acme(), &Secret::new("x".repeat(64 << 10)));
    assert_eq!(refused.unwrap_err().what, Fault::TooLong);
    assert_eq!(kept(&directory, &acme()), Some(longest));
}

#[test]
fn the_second_is_told_who_holds_the_directory() {
    let folder = folder();
    let directory = open(folder.path(), "a");
    keep(&directory, &acme(), "kept");
    let refused = Directory::open(settings(folder.path(), "a")).unwrap_err();
    let [refused] = refused.as_slice() else {
        panic!("{refused:?}");
    };
    let said = refused.to_string();
    let holder = format!("held by process {} on ", process::id());
    assert!(said.contains(&holder), "{said}");
    assert!(said.starts_with(folder.path().to_str().unwrap()), "{said}");
    assert_eq!(inspect(&settings(folder.path(), "a")), []);
    drop(directory);
    let directory = open(folder.path(), "a");
    assert_eq!(kept(&directory, &acme()).as_deref(), Some("kept"));
}
