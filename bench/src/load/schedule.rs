//! The clock of a fixed rate: a thread that sleeps to each start exactly, which a runtime's millisecond timer cannot.

use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How far ahead the first start lies: connections are opened meanwhile.
pub const LEAD: Duration = Duration::from_millis(200);

/// A stretch of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Requests a second.
    pub rate: u32,
    /// For how long.
    pub time: Duration,
}

/// Sends each intended start when it is due, one step after the other; the channel closes after the last.
pub fn start(steps: Vec<Step>) -> mpsc::UnboundedReceiver<Instant> {
    // Unbounded on purpose: what the proxy does not keep up with must wait and be counted, not slow the clock.
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // The default slack of 50 µs would be a large part of the latencies measured.
        let _ = nix::sys::prctl::set_timerslack(1);
        let mut begin = Instant::now() + LEAD;
        for step in steps {
            let count =
                u64::from(step.rate) * u64::try_from(step.time.as_millis()).unwrap_or(u64::MAX) / 1000;
            for index in 0..count {
                let due = begin + Duration::from_nanos(index * 1_000_000_000 / u64::from(step.rate.max(1)));
                let wait = due.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    std::thread::sleep(wait);
                }
                if sender.send(due).is_err() {
                    return;
                }
            }
            begin += step.time;
        }
    });
    receiver
}
