//! Our clock against the server's. Pure.

use std::time::{Duration, SystemTime};

use crate::clock::Now;

use super::{Code, Finding};

/// Beyond this it is said: nothing breaks yet.
const WARN: Duration = Duration::from_secs(60);
/// Beyond this the timestamps in assertions and envelopes are not taken any more.
const FAIL: Duration = Duration::from_secs(300);

/// Judges by an answer that left the server at `date`, by its clock, to a request that was under way from `sent` to
/// `received`, by ours.
pub(super) fn judge(date: Option<SystemTime>, sent: Now, received: Now) -> Finding {
    let Some(date) = date else {
        return Finding::left_out("the answer has no Date to compare with");
    };
    // The server's time lies somewhere between both, and is cut to whole seconds.
    let half = received.monotonic.saturating_duration_since(sent.monotonic) / 2;
    let ours = sent.wall + half;
    let (apart, direction) = match ours.duration_since(date) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if apart <= Duration::from_secs(2) {
        return Finding::ok("this machine's clock and the server's agree");
    }
    let seconds = apart.as_secs();
    let message = format!("this machine's clock is {seconds} s {direction} the server's");
    let fix = "let this machine keep its time by NTP (timedatectl set-ntp true); a container has its host's clock";
    if apart > FAIL {
        let cause = "beyond five minutes JWT assertions and wsse timestamps are refused";
        return Finding::failed(Code::ClockSkew, message, fix).because(cause);
    }
    if apart > WARN {
        return Finding::warning(Code::ClockSkew, message, fix);
    }
    Finding::ok(message)
}
