//! The clock of a collector.

use crate::Collector;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Closes a second of `collector` at each whole second of the wall clock, until the future is dropped.
///
/// All processes close at the same moment so that their seconds can be laid on top of each other. A tick that
/// was missed is not made up for: the second then was longer, and says so.
pub async fn keep_time(collector: Arc<Collector>) {
    loop {
        let into_second =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        // A sleep may end up to a millisecond early or late; aiming just past the edge keeps it on one side.
        tokio::time::sleep(Duration::from_nanos(1_002_000_000 - u64::from(into_second))).await;
        collector.tick(SystemTime::now());
    }
}
