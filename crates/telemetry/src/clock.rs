//! When a second ends: at the same moments of the wall clock in every thread and process, so that seconds of
//! different gateways can be laid on top of each other.

use crate::Collector;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long after a whole second it is closed. Threads hand in at the whole second ([`second_edge`]); on a busy one
/// that comes a few milliseconds late, and were the second closed at the same moment, every other one would now and
/// then hold twice its due.
const HAND_IN: Duration = Duration::from_millis(60);

/// Completes at the next whole second of the wall clock: when a data-plane thread takes and submits its delta.
pub async fn second_edge() {
    tokio::time::sleep(until_edge(Duration::ZERO)).await;
}

/// Completes just after the next whole second, when threads have handed in: the moment for [`Collector::tick`].
pub async fn second_close() {
    tokio::time::sleep(until_edge(HAND_IN)).await;
}

/// Closes a second of `collector` every second, until the future is dropped.
///
/// A tick that was missed is not made up for: the second then was longer, and says so.
pub async fn keep_time(collector: Arc<Collector>) {
    loop {
        second_close().await;
        collector.tick(SystemTime::now());
    }
}

/// The time until the clock next shows a whole second and `after`.
fn until_edge(after: Duration) -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    wait(since, after)
}

fn wait(since_epoch: Duration, after: Duration) -> Duration {
    /// A timer may end up to a millisecond early by the wall clock; without this the same edge would be met twice.
    const SLACK: Duration = Duration::from_millis(2);
    let into = (since_epoch + Duration::from_secs(1) - after).subsec_nanos();
    let left = Duration::from_nanos(1_000_000_000 - u64::from(into));
    if left <= SLACK { left + Duration::from_secs(1) } else { left }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_a_second_apart_and_never_met_twice() {
        let ms = Duration::from_millis;
        // (now, after, wait), in milliseconds.
        let rows = [
            (5_000, 0, 1_000),
            (5_250, 0, 750),
            (5_999, 0, 1_001),
            (5_997, 0, 3),
            (5_060, 60, 1_000),
            (5_059, 60, 1_001),
            (5_000, 60, 60),
            (5_500, 60, 560),
        ];
        for (now, after, expected) in rows {
            assert_eq!(wait(ms(now), ms(after)), ms(expected), "at {now} after {after}");
        }
    }
}
