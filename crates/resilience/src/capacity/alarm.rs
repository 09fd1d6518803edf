//! When a share that moves around 1 is told to people.

use crate::Moment;
use std::time::Duration;

/// Below this share the peak could not be carried.
const RAISE_BELOW: f64 = 1.0;
/// For so long before it is told: an instance that restarts is no news.
const RAISE_AFTER: Duration = Duration::from_secs(5);
/// From this share on all is well again, after so long: between the two nothing changes, so that noise does not ring.
const CLEAR_FROM: f64 = 1.05;
const CLEAR_AFTER: Duration = Duration::from_secs(30);

/// An alarm with hysteresis.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Alarm {
    raised: bool,
    /// Since when the share has been where it would change the alarm.
    since: Option<Moment>,
}

impl Alarm {
    /// Takes in the share at `now`; whether the alarm is raised.
    pub(super) fn watch(&mut self, now: Moment, share: f64) -> bool {
        let (leaves, after) =
            if self.raised { (share >= CLEAR_FROM, CLEAR_AFTER) } else { (share < RAISE_BELOW, RAISE_AFTER) };
        if !leaves {
            self.since = None;
        } else if now.since(*self.since.get_or_insert(now)) >= after {
            self.raised = !self.raised;
            self.since = None;
        }
        self.raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_time_to_ring_and_longer_to_be_silent() {
        // From this second on the share is that; from this second on the alarm is raised or not.
        let shares =
            [(0, 1.2), (10, 0.9), (13, 1.0), (20, 0.9), (40, 1.02), (80, 1.1), (100, 1.04), (101, 1.1)];
        let states = [(0, false), (25, true), (131, false)];
        let mut alarm = Alarm::default();
        let last = |rows: &[(u64, f64)], second| rows.iter().rfind(|(from, _)| *from <= second).unwrap().1;
        for second in 0..200 {
            let raised = alarm.watch(Moment::from_start(Duration::from_secs(second)), last(&shares, second));
            let expected = states.iter().rfind(|(from, _)| *from <= second).unwrap().1;
            assert_eq!(raised, expected, "second {second}");
        }
    }
}
