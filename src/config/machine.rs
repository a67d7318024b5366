//! What the machine gives this process: memory and processors. Reads, and changes nothing.

use std::fs;
use std::path::Path;
use std::thread;

/// What settings are measured against.
pub(super) struct Machine {
    /// Bytes that the process may use; `None` where that cannot be found out.
    pub(super) memory_limit: Option<u64>,
    /// Processors.
    pub(super) parallelism: usize,
}

impl Machine {
    /// This machine.
    pub(super) fn here() -> Self {
        Self {
            memory_limit: memory_limit(Path::new("/")),
            parallelism: thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// The smallest of what the control groups (both versions) allow and what the machine has, below a root directory.
pub(super) fn memory_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let mounted = root.join("sys/fs/cgroup");
    let limits = groups.lines().flat_map(|line| {
        // `hierarchy:controllers:path`; version 2 has hierarchy 0 and no controllers.
        let mut parts = line.splitn(3, ':').skip(1);
        let controllers = parts.next().unwrap_or_default();
        let path = parts.next().unwrap_or_default().trim_start_matches('/');
        if controllers.is_empty() {
            limits_up(&mounted, path, "memory.max")
        } else if controllers
            .split(',')
            .any(|controller| controller == "memory")
        {
            limits_up(&mounted.join("memory"), path, "memory.limit_in_bytes")
        } else {
            Vec::new()
        }
    });
    limits.chain(physical(root)).min()
}

/// A group's limit and those of the groups around it. Inside a container the group's own path may not be visible; its
/// limit then stands at the top.
fn limits_up(mounted: &Path, group: &str, file: &str) -> Vec<u64> {
    Path::new(group)
        .ancestors()
        .filter_map(|group| fs::read_to_string(mounted.join(group).join(file)).ok())
        .filter_map(|text| text.trim().parse().ok())
        .collect()
}

fn physical(root: &Path) -> Option<u64> {
    let table = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = table
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
