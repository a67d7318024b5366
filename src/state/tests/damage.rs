//! Files that were changed, cut, swapped or put there by others: each refused in its own words, none written over.

use proptest::prelude::*;

use super::super::sealed;
use super::*;

fn is_refused(keys: &Keys, slot: &Slot, bytes: &[u8]) -> Option<Fault> {
    sealed::open(keys, slot, bytes).err()
}

fn any_slot() -> impl Strategy<Value = Slot> {
    let account = prop_oneof![Just(None), any::<u64>().prop_map(Some)];
    ("[a-z0-9-]{1,63}", account).prop_map(|(tenant, account)| Slot { tenant, account })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_byte_can_be_changed(slot in any_slot(), content in ".{0,40}", sequence: u64, change in 1_u8..) {
        let keys = keys("ab");
        let whole = sealed::seal(&keys, &slot, sequence, &Secret::new(content.clone())).unwrap();
        let opened = sealed::open(&keys, &slot, &whole).unwrap();
        prop_assert_eq!(opened.sequence, sequence);
        prop_assert_eq!(text(&opened.content), content);
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= change;
            prop_assert!(is_refused(&keys, &slot, &changed).is_some(), "byte {}", index);
        }
    }

    #[test]
    fn no_byte_can_be_taken_away_or_added(slot in any_slot(), content in ".{0,40}", added: u8) {
        let keys = keys("a");
        let mut whole = sealed::seal(&keys, &slot, 1, &Secret::new(content)).unwrap();
        for length in 0..whole.len() {
            prop_assert_eq!(is_refused(&keys, &slot, &whole[..length]), Some(Fault::Truncated));
            let mut without = whole.clone();
            without.remove(length);
            prop_assert!(is_refused(&keys, &slot, &without).is_some(), "byte {}", length);
        }
        whole.push(added);
        prop_assert_eq!(is_refused(&keys, &slot, &whole), Some(Fault::Damaged));
    }

    #[test]
    fn no_two_files_can_be_swapped(slots in proptest::collection::btree_set(any_slot(), 2)) {
        let folder = folder();
        let directory = open(folder.path(), "a");
        for slot in &slots {
            keep(&directory, slot, &slot.file_name());
        }
        drop(directory);
        let paths: Vec<_> = slots.iter().map(|slot| folder.path().join(slot.file_name())).collect();
        let aside = folder.path().join("aside");
        fs::rename(&paths[0], &aside).unwrap();
        fs::rename(&paths[1], &paths[0]).unwrap();
        fs::rename(&aside, &paths[1]).unwrap();
        let names: Vec<_> = slots.iter().map(Slot::file_name).collect();
        let wanted = [
            (names[0].clone(), Fault::OtherSlot(names[1].clone())),
            (names[1].clone(), Fault::OtherSlot(names[0].clone())),
        ];
        prop_assert_eq!(faults(folder.path(), "a"), wanted);
    }

    #[test]
    fn keys_rotate(slot in any_slot(), content in ".{0,40}", rotations in proptest::collection::vec("[a-d]", 1..4)) {
        let folder = folder();
        keep(&open(folder.path(), "a"), &slot, &content);
        let mut last = "a".to_owned();
        for next in rotations {
            for letters in [format!("{next}{last}"), next.clone()] {
                prop_assert_eq!(kept(&open(folder.path(), &letters), &slot), Some(content.clone()));
            }
            last = next;
        }
    }

    #[test]
    fn no_bytes_can_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..600), line in "[ -~]{0,80}\n?") {
        let keys = keys("a");
        prop_assert!(is_refused(&keys, &acme(), &bytes).is_some());
        for start in ["", "sfmc-auth-proxy-state ", "sfmc-auth-proxy-state 1 key="] {
            let bytes = [start.as_bytes(), line.as_bytes(), &bytes].concat();
            prop_assert!(is_refused(&keys, &acme(), &bytes).is_some());
        }
    }
}

/// Each kind of broken file, the name it stands under, and what is said.
fn broken(whole: &[u8]) -> Vec<(&'static str, Vec<u8>, Fault)> {
    let mut damaged = whole.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let replaced = |from: &str, to: &str| {
        let text: String = whole.iter().copied().map(char::from).collect();
        let text = text.replacen(from, to, 1);
        let bytes = text.chars().map(|letter| u8::try_from(letter).unwrap());
        bytes.collect::<Vec<_>>()
    };
    let (wanted, given) = (id('b'), id('a'));
    let other_key = replaced(&given, &wanted);
    vec![
        ("acme.login", Vec::new(), Fault::Truncated),
        ("acme.login", whole[..20].to_vec(), Fault::Truncated),
        ("acme.login", whole[..150].to_vec(), Fault::Truncated),
        ("acme.login", damaged, Fault::Damaged),
        (
            "acme.login",
            replaced("tenant=acme", "tenant=acne"),
            Fault::Damaged,
        ),
        (
            "acme.login",
            replaced("sequence=1", "sequence=9"),
            Fault::Damaged,
        ),
        (
            "acme.login",
            replaced("sequence=1", "sequence=01"),
            Fault::Damaged,
        ),
        ("acme.login", replaced(" 1 key", " x key"), Fault::Damaged),
        (
            "acme.login",
            replaced(" 1 key", " 2 key"),
            Fault::LaterVersion(2),
        ),
        (
            "acme.login",
            replaced(" 1 key", " 17 lock"),
            Fault::LaterVersion(17),
        ),
        (
            "acme.login",
            other_key,
            Fault::KeyNotGiven { wanted, given },
        ),
        (
            "acme.login",
            b"{\"refresh_token\":\"x\"}".to_vec(),
            Fault::Foreign,
        ),
        ("acme.login", vec![7; 100_000], Fault::Foreign),
        (
            "acme@7.login",
            whole.to_vec(),
            Fault::OtherSlot("acme.login".to_owned()),
        ),
    ]
}

#[test]
fn what_cannot_be_opened_is_said_in_its_own_words_and_never_written_over() {
    let folder = folder();
    let path = folder.path().join("acme.login");
    keep(&open(folder.path(), "a"), &acme(), &"token ".repeat(20));
    let whole = fs::read(&path).unwrap();
    for (name, bytes, fault) in broken(&whole) {
        let slot = Slot::of_file_name(name).unwrap();
        let place = folder.path().join(name);
        fs::remove_file(&path).unwrap();
        put(&place, &bytes);
        assert_eq!(
            faults(folder.path(), "a"),
            [(name.to_owned(), fault.clone())]
        );
        assert!(fault.to_string().contains("move "), "{fault}");
        fs::remove_file(&place).unwrap();

        // It may also break while the directory is open.
        let directory = open(folder.path(), "a");
        put(&place, &bytes);
        assert_eq!(directory.read(&slot).unwrap_err().what, fault);
        let refused = directory.write(&slot, &Secret::new("new")).unwrap_err();
        assert!(refused.to_string().contains("move it away"), "{refused}");
        assert_eq!(refused.what, Fault::NotOverwritten(Box::new(fault)));
        assert_eq!(fs::read(&place).unwrap(), bytes);
        let away = folder.path().join("moved-away");
        fs::rename(&place, &away).unwrap();
        keep(&directory, &slot, "after that");
        assert_eq!(fs::read(&away).unwrap(), bytes);
        fs::remove_file(&place).unwrap();
        put(&path, &whole);
    }
}

#[test]
fn all_faults_come_at_once_and_nothing_was_touched() {
    let folder = folder();
    let directory = open(folder.path(), "a");
    for tenant in ["good", "bad", "cut"] {
        keep(&directory, &slot(tenant, None), "kept");
    }
    drop(directory);
    for (name, bytes) in [("bad.login", &b"notes"[..]), ("cut.login", b"")] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    for name in ["Acme.login", "acme@007.login", "a@b.login", ".login"] {
        fs::write(folder.path().join(name), "not one of ours").unwrap();
    }
    fs::create_dir(folder.path().join("folder.login")).unwrap();
    let mut found = faults(folder.path(), "ba");
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let wanted = [
        (".login", Fault::Foreign),
        ("Acme.login", Fault::Foreign),
        ("a@b.login", Fault::Foreign),
        ("acme@007.login", Fault::Foreign),
        ("bad.login", Fault::Foreign),
        ("cut.login", Fault::Truncated),
        ("folder.login", Fault::NoRegularFile),
    ];
    assert_eq!(found, wanted.map(|(name, fault)| (name.to_owned(), fault)));
}

#[test]
fn what_others_keep_there_is_left_alone() {
    let folder = folder();
    for name in ["README", "acme.login.bak", "Acme.login.new", ".login.new"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    fs::create_dir(folder.path().join("lost+found")).unwrap();
    let before = contents(folder.path());
    let directory = open(folder.path(), "a");
    assert_eq!(contents(folder.path()), before);
    assert_eq!(directory.slots().unwrap(), []);
}
