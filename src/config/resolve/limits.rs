//! Limits, measured against the machine.

use super::Review;
use crate::config::fault::Origin;
use crate::config::key_path::KeyPath;
use crate::config::value::size_text;

/// The part of the memory limit that recorded bodies may take.
const MEMORY_SHARE: u64 = 4;

pub(super) struct Limits {
    pub(super) workers: usize,
    pub(super) connections_max: usize,
    pub(super) headers_max: usize,
    pub(super) header_size_max: usize,
    pub(super) replay_size_max: usize,
    pub(super) envelope_size_max: usize,
    pub(super) buffered_size_max: usize,
    pub(super) forced_mints_max: u32,
    pub(super) client_requests_max: usize,
}

pub(super) fn limits(review: &mut Review<'_>) -> Limits {
    let buffered = buffered_size_max(review);
    let replay = within_buffered(review, "limits.max_replay_size", buffered);
    let envelope = within_buffered(review, "limits.max_envelope_size", buffered);
    let number = |key| usize::try_from(review.number(key)).unwrap_or(usize::MAX);
    Limits {
        workers: match number("limits.workers") {
            0 => review.machine.parallelism,
            workers => workers,
        },
        connections_max: number("limits.max_connections"),
        headers_max: number("limits.max_headers"),
        header_size_max: number("limits.max_header_size"),
        replay_size_max: usize::try_from(replay).unwrap_or(usize::MAX),
        envelope_size_max: usize::try_from(envelope).unwrap_or(usize::MAX),
        buffered_size_max: usize::try_from(buffered).unwrap_or(usize::MAX),
        forced_mints_max: u32::try_from(review.number("limits.max_forced_mints"))
            .unwrap_or(u32::MAX),
        client_requests_max: number("limits.max_client_requests"),
    }
}

fn buffered_size_max(review: &mut Review<'_>) -> u64 {
    let path = KeyPath::of("limits.max_buffered_size");
    let wanted = review.number_at(&path).unwrap_or_default();
    let share = review
        .machine
        .memory_limit
        .map_or(u64::MAX, |limit| limit / MEMORY_SHARE);
    if wanted > share && !review.is_default(&path) {
        let origin = review.origin(&path);
        let words = format!(
            "{} is more than a quarter of this process's memory limit; {} is used",
            size_text(wanted),
            size_text(share)
        );
        review.warn(origin.as_ref(), &path, words);
    }
    wanted.min(share)
}

/// A body that does not fit into what all bodies may take together is never held.
fn within_buffered(review: &mut Review<'_>, key: &'static str, buffered: u64) -> u64 {
    let path = KeyPath::of(key);
    let wanted = review.number_at(&path).unwrap_or_default();
    let origin: Option<Origin> = review.origin(&path);
    if wanted > buffered && !review.is_default(&path) {
        let words = format!(
            "{} is more than limits.max_buffered_size allows; {} is used",
            size_text(wanted),
            size_text(buffered)
        );
        review.warn(origin.as_ref(), &path, words);
    }
    wanted.min(buffered)
}
