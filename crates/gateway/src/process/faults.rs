//! Delays on the way to instances, for drills: each on a lease, so that a drill that dies leaves nothing behind.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tenet_upstream::Shared;

/// The longest lease: longer than any drill.
const LEASE_MAX: Duration = Duration::from_secs(660);
/// The longest delay: more is a black hole, and that is another drill.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// A delay that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Every instance of this zone.
    #[serde(default)]
    zone: Option<String>,
    /// This instance.
    #[serde(default)]
    instance: Option<String>,
    /// What each attempt is delayed by, in milliseconds.
    delay_ms: u64,
    /// When it ends by itself, in milliseconds from now.
    for_ms: u64,
}

/// The delays in force, by the zone or instance they are for, and when each ends.
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<String, Instant>>);

impl Faults {
    /// Begins a delay, or renews it; how many instances it reaches.
    ///
    /// # Errors
    /// What was expected.
    pub fn begin(&self, fault: &Fault, shared: &Shared) -> Result<usize, String> {
        let target = match (&fault.zone, &fault.instance) {
            (Some(target), None) | (None, Some(target)) => target,
            _ => return Err("expected either \"zone\" or \"instance\"".into()),
        };
        let (delay, lease) = (Duration::from_millis(fault.delay_ms), Duration::from_millis(fault.for_ms));
        if delay.is_zero() || delay > DELAY_MAX {
            return Err(format!("delay_ms: expected 1 to {}", DELAY_MAX.as_millis()));
        }
        if lease.is_zero() || lease > LEASE_MAX {
            return Err(format!("for_ms: expected 1 to {}", LEASE_MAX.as_millis()));
        }
        let reached = shared.inject_delay(target, delay);
        if reached == 0 {
            return Err(format!("there is no zone and no instance {target:?}"));
        }
        tracing::warn!(target, ?delay, ?lease, "attempts are delayed, as a drill asked");
        self.lock().insert(target.clone(), Instant::now() + lease);
        Ok(reached)
    }

    /// The zones and instances that are delayed now.
    pub fn targets(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// Ends all of them.
    pub fn end(&self, shared: &Shared) {
        for (target, _) in self.lock().drain() {
            shared.inject_delay(&target, Duration::ZERO);
        }
    }

    /// Ends those whose lease is over.
    pub fn end_those_due(&self, shared: &Shared) {
        let now = Instant::now();
        self.lock().retain(|target, ends| {
            let goes_on = *ends > now;
            if !goes_on {
                shared.inject_delay(target, Duration::ZERO);
            }
            goes_on
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
