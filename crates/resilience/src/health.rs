//! From single health checks to a verdict, and when to ask next.
//!
//! ```text
//!   settled and well ──interval──▶ · ──a failed check──▶ in doubt: a quarter of the time-out ──enough in a row──▶ unhealthy
//!   unhealthy ──time-out, doubled by each failed check up to the interval──▶ · ──enough passed in a row──▶ well
//! ```

use std::time::Duration;

/// While a verdict is due, the next check comes after this part of the time-out: an instance that died is found out within
/// about that, and the one packet that was lost is followed by a check that passes.
const DOUBT_PARTS: u32 = 4;

/// Every pause is spread by a tenth to either side, so that the checks of many gateways and instances do not fall together.
const JITTER: f64 = 0.1;

/// No two checks follow closer than this, whatever is configured.
const MIN_PAUSE: Duration = Duration::from_millis(10);

/// The first checks of a roster are spread over this at most: soon, and not all in one moment.
const FIRST_SPREAD: Duration = Duration::from_millis(100);

/// How often an instance is checked, and how many checks make a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRules {
    /// Time between two checks of an instance whose standing is settled. Default: 2 s, so that an instance that is back is
    /// used again soon, at half a request a second.
    pub interval: Duration,
    /// A check that has no answer by then has failed. Default: 1 s.
    pub timeout: Duration,
    /// Failed checks in a row after which an instance is unhealthy; 0 counts as 1. Default: 2, since one may be lost.
    pub unhealthy_after: u32,
    /// Passed checks in a row after which it is healthy again; 0 counts as 1. Default: 1.
    pub healthy_after: u32,
}

impl Default for HealthRules {
    fn default() -> HealthRules {
        HealthRules {
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            unhealthy_after: 2,
            healthy_after: 1,
        }
    }
}

/// What a check showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It was answered as a healthy instance answers.
    Passed,
    /// It was not answered, or not so.
    Failed,
    /// The instance says of itself that it does not serve, which needs no second opinion.
    NotServing,
}

/// A verdict that has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Its checks pass again.
    Healthy,
    /// After so many failed checks in a row.
    Unhealthy {
        /// At least 1.
        checks: u32,
    },
}

/// What is known of one instance from its checks.
#[derive(Clone, Debug)]
pub struct Standing {
    unhealthy: bool,
    /// Checks in a row that spoke against the verdict.
    against: u32,
    /// Failed checks since it is unhealthy.
    failed_since: u32,
}

impl Standing {
    /// The standing of an instance about which this was the last verdict; one that was never checked counts as healthy.
    pub fn new(unhealthy: bool) -> Standing {
        Standing { unhealthy, against: 0, failed_since: 0 }
    }

    /// Takes a check's result in; a turn where the verdict changes by it.
    pub fn observe(&mut self, checked: Checked, rules: &HealthRules) -> Option<Turn> {
        let passed = checked == Checked::Passed;
        self.against = if self.unhealthy == passed { self.against.saturating_add(1) } else { 0 };
        if self.unhealthy && !passed {
            self.failed_since = self.failed_since.saturating_add(1);
            return None;
        }
        let needed = match checked {
            Checked::Passed => rules.healthy_after.max(1),
            Checked::Failed => rules.unhealthy_after.max(1),
            Checked::NotServing => 1,
        };
        if self.against < needed {
            return None;
        }
        let checks = self.against;
        *self = Standing::new(!passed);
        Some(if passed { Turn::Healthy } else { Turn::Unhealthy { checks } })
    }

    /// How long to wait before the next check: the interval once the verdict stands; a part of the time-out while it is in
    /// doubt; for an instance that is unhealthy the time-out, doubled by each failed check up to the interval.
    pub fn pause(&self, rules: &HealthRules, random: u64) -> Duration {
        let full = if self.against > 0 {
            rules.timeout / DOUBT_PARTS
        } else if self.unhealthy {
            rules.timeout.saturating_mul(1 << self.failed_since.min(16))
        } else {
            rules.interval
        };
        let spread = 1.0 + JITTER * (2.0 * unit(random) - 1.0);
        full.min(rules.interval).mul_f64(spread).max(MIN_PAUSE)
    }
}

/// How long to wait before the first check of an instance.
pub fn first_pause(rules: &HealthRules, random: u64) -> Duration {
    FIRST_SPREAD.min(rules.interval).mul_f64(unit(random))
}

/// `random` as a number in [0, 1).
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests;
