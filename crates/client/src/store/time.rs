//! Times and spans between the standard library's types and those of messages.

use prost_types::{Duration as WireDuration, Timestamp};
use std::time::{Duration, SystemTime};

/// A span as it is sent; the longest there is where it is longer than that.
pub(super) fn duration(of: Duration) -> WireDuration {
    WireDuration::try_from(of).unwrap_or(WireDuration { seconds: i64::MAX, nanos: 0 })
}

/// A span that was sent; nothing where it is negative.
pub(super) fn span(of: Option<WireDuration>) -> Duration {
    of.and_then(|of| Duration::try_from(of).ok()).unwrap_or_default()
}

/// A moment that was sent; 1970 where this machine has no such time.
pub(super) fn moment(of: Timestamp) -> SystemTime {
    SystemTime::try_from(of).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How long until `seconds` and `nanos` after 1970; `None` where that is past.
pub(super) fn until(seconds: i64, nanos: u32, now: SystemTime) -> Option<Duration> {
    let at = moment(Timestamp { seconds, nanos: i32::try_from(nanos).unwrap_or(0) });
    at.duration_since(now).ok().filter(|left| !left.is_zero())
}
