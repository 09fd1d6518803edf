//! The largest demand of the last day.

use crate::Moment;
use std::time::Duration;

/// Parts of a day, of each of which the largest demand is kept.
const SLOTS: usize = 96;
const SLOT: Duration = Duration::from_secs(15 * 60);
/// Share of each second in the smoothed demand: about the last ten seconds count, so that one odd second is no peak.
const SMOOTHING: f64 = 0.1;
/// Seconds before which the smoothed demand is not yet one.
const WARM: u32 = 10;

#[derive(Clone, Debug)]
pub(super) struct Peak {
    smoothed: f64,
    seconds: u32,
    slots: [f64; SLOTS],
    slot: u64,
}

impl Default for Peak {
    fn default() -> Peak {
        Peak { smoothed: 0.0, seconds: 0, slots: [0.0; SLOTS], slot: 0 }
    }
}

impl Peak {
    pub(super) fn second(&mut self, now: Moment, offered: f64) {
        self.seconds = self.seconds.saturating_add(1);
        // While it is young it is the plain mean.
        let weight = SMOOTHING.max(1.0 / f64::from(self.seconds));
        self.smoothed += weight * (offered - self.smoothed);
        let slot = now.nanos() / SLOT.as_nanos() as u64;
        for gone in self.slot.max(slot.saturating_sub(SLOTS as u64))..slot {
            self.slots[(gone as usize + 1) % SLOTS] = 0.0;
        }
        self.slot = slot;
        if self.seconds >= WARM {
            let most = &mut self.slots[slot as usize % SLOTS];
            *most = most.max(self.smoothed);
        }
    }

    /// In calls a second; 0 before anything is known.
    pub(super) fn most(&self) -> f64 {
        self.slots.iter().copied().fold(0.0, f64::max)
    }
}
