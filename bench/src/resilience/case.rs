//! The failures: what is done to the fleet, and undone.

use super::fleet::Fleet;
use super::instance::control::Line;
use super::instance::{SLOTS, WORK_MS};
use crate::Outcome;
use nix::sys::signal::Signal;

/// The zone that fails; the gateway lives in another.
const ZONE: &str = "B";
/// What the slow instance adds to each call, ms.
const ADDED_MS: u64 = 100;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// One of six instances takes 100 ms longer for each call.
    SlowInstance,
    /// One of six answers 503 at once; its health checks pass.
    FailingInstance,
    /// Two of six, a zone, stand still: SIGSTOP.
    Hang,
    /// Two of six, a zone, are gone: SIGKILL.
    ZoneLoss,
    /// Nothing fails, and three times as much is asked for as can be done.
    Overload,
}

impl Case {
    /// All, in the order of the tables.
    pub const ALL: [Case; 5] =
        [Case::SlowInstance, Case::FailingInstance, Case::Hang, Case::ZoneLoss, Case::Overload];

    /// As tables name it.
    pub fn title(self) -> &'static str {
        match self {
            Case::SlowInstance => "slow instance",
            Case::FailingInstance => "failing instance",
            Case::Hang => "zone hangs",
            Case::ZoneLoss => "zone lost",
            Case::Overload => "overload",
        }
    }

    /// Its marker in the README, so that cases can be measured one by one.
    pub fn marker(self) -> &'static str {
        match self {
            Case::SlowInstance => "resilience-slow-instance",
            Case::FailingInstance => "resilience-failing-instance",
            Case::Hang => "resilience-hang",
            Case::ZoneLoss => "resilience-zone-loss",
            Case::Overload => "resilience-overload",
        }
    }

    /// Makes it happen.
    pub fn begin(self, fleet: &mut Fleet) -> Outcome {
        match self {
            Case::SlowInstance => fleet.tell_one(ZONE, Line::Slow(ADDED_MS)),
            Case::FailingInstance => fleet.tell_one(ZONE, Line::Fail),
            Case::Hang => fleet.signal(ZONE, Signal::SIGSTOP),
            Case::ZoneLoss => fleet.signal(ZONE, Signal::SIGKILL),
            Case::Overload => Ok(()),
        }
    }

    /// Undoes it.
    pub fn end(self, fleet: &mut Fleet) -> Outcome {
        match self {
            Case::SlowInstance | Case::FailingInstance => fleet.tell_one(ZONE, Line::Slow(0)),
            Case::Hang => fleet.signal(ZONE, Signal::SIGCONT),
            Case::ZoneLoss => fleet.restart(ZONE),
            Case::Overload => Ok(()),
        }
    }
}

/// Calls a second that `instances` can do.
pub fn capacity(instances: usize) -> u32 {
    u32::try_from(instances as u64 * SLOTS as u64 * 1000 / WORK_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn six_instances_do_1200_a_second() {
        assert_eq!(super::capacity(6), 1200);
    }
}
