//! Limits that are measured against the machine.

use std::fs;

use super::super::machine::memory_limit;
use super::*;

#[test]
fn bodies_take_a_quarter_of_the_memory_at_most() {
    let reviewed = |text: &str, memory_limit| {
        let text = format!("{text}\n{TENANT}");
        let document = Document {
            path: Path::new("f").into(),
            text,
        };
        let mut faults = Faults::default();
        let values = gather(
            &sources(&[]),
            Some(&document),
            Depth::Whole,
            &mut faults,
            None,
        );
        let machine = Machine {
            memory_limit,
            parallelism: 3,
        };
        let mut review = Review {
            values: &values,
            sources: &sources(&[]),
            depth: Depth::Whole,
            machine: &machine,
            faults: &mut faults,
        };
        let resolved = resolve::resolve(&mut review, None).1.unwrap();
        (
            resolved.proxy.buffered_size_max >> 20,
            resolved.proxy.replay_size_max >> 20,
            resolved.server.workers,
            faults.warnings,
        )
    };
    let none = Vec::<String>::new();
    assert_eq!(reviewed("", None), (256, 4, 3, none.clone()));
    assert_eq!(
        reviewed("", Some(512 << 20)),
        (128, 4, 3, none.clone()),
        "a default is cut in silence"
    );
    let warning = "f:2: limits.max_buffered_size: 200MiB is more than a quarter of this process's memory limit; 128MiB is used".to_owned();
    assert_eq!(
        reviewed("[limits]\nmax_buffered_size = \"200MiB\"", Some(512 << 20)),
        (128, 4, 3, vec![warning])
    );
    let warning = "f:3: limits.max_replay_size: 9MiB is more than limits.max_buffered_size allows; 8MiB is used".to_owned();
    assert_eq!(
        reviewed(
            "[limits]\nmax_buffered_size = \"8MiB\"\nmax_replay_size = \"9MiB\"",
            None
        ),
        (8, 8, 3, vec![warning])
    );
}

#[test]
fn the_memory_limit_is_the_smallest_there_is() {
    let limit = |files: &[(&str, &str)]| {
        let root = tempfile::tempdir().unwrap();
        for (file, text) in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        memory_limit(root.path())
    };
    let physical = ("proc/meminfo", "MemTotal:        8 kB\nMemFree: 1 kB\n");
    assert_eq!(limit(&[]), None);
    assert_eq!(limit(&[physical]), Some(8192));
    let two = [
        physical,
        ("proc/self/cgroup", "0::/a/b\n"),
        ("sys/fs/cgroup/a/b/memory.max", "max\n"),
        ("sys/fs/cgroup/a/memory.max", "4096\n"),
    ];
    assert_eq!(limit(&two), Some(4096));
    let hidden = [
        physical,
        ("proc/self/cgroup", "0::/../gone\n"),
        ("sys/fs/cgroup/memory.max", "2048\n"),
    ];
    assert_eq!(
        limit(&hidden),
        Some(2048),
        "inside a container the limit stands at the top"
    );
    let one = [
        physical,
        ("proc/self/cgroup", "3:cpu:/a\n2:memory:/a\n"),
        ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1024\n"),
        (
            "sys/fs/cgroup/memory/memory.limit_in_bytes",
            "9223372036854771712\n",
        ),
    ];
    assert_eq!(limit(&one), Some(1024));
}
