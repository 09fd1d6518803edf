//! From single checks to a verdict, and when to ask next. Pure: randomness comes from the caller.

use super::fault::Fault;
use super::rules::HealthRules;
use std::time::Duration;

/// While a verdict is due, the next check comes after this part of the time-out: an instance that died is found out within
/// about that, and the one packet that was lost is followed by a check that passes.
const DOUBT_PARTS: u32 = 4;

/// Every pause is spread by a tenth to either side, so that the checks of many gateways and instances do not fall together.
const JITTER: f64 = 0.1;

/// No two checks follow closer than this, whatever is configured.
const MIN_PAUSE: Duration = Duration::from_millis(10);

/// What is known of one instance from its checks.
#[derive(Debug)]
pub(super) struct Standing {
    unhealthy: bool,
    /// Checks in a row that spoke against the verdict.
    against: u32,
    /// Failed checks since it is unhealthy.
    failed_since: u32,
}

/// A verdict that has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) healthy: bool,
    pub(super) cause: String,
}

impl Standing {
    pub(super) fn new(unhealthy: bool) -> Standing {
        Standing { unhealthy, against: 0, failed_since: 0 }
    }

    /// Takes a check's result in; a turn where the verdict changes by it.
    pub(super) fn observe(&mut self, result: &Result<(), Fault>, rules: &HealthRules) -> Option<Turn> {
        if self.unhealthy != result.is_err() {
            self.against = self.against.saturating_add(1);
        } else {
            self.against = 0;
        }
        match result {
            Ok(()) if self.unhealthy && self.against >= rules.healthy_after.max(1) => {
                *self = Standing::new(false);
                Some(Turn { healthy: true, cause: "its checks pass again".into() })
            }
            Ok(()) => None,
            Err(_) if self.unhealthy => {
                self.failed_since = self.failed_since.saturating_add(1);
                None
            }
            // What an instance says of itself needs no second opinion.
            Err(fault @ Fault::NotServing) => self.turn_unhealthy(fault.to_string()),
            Err(fault) if self.against >= rules.unhealthy_after.max(1) => {
                let cause = match self.against {
                    1 => fault.to_string(),
                    checks => format!("{fault} ({checks} checks in a row failed)"),
                };
                self.turn_unhealthy(cause)
            }
            Err(_) => None,
        }
    }

    #[allow(clippy::unnecessary_wraps)] // reads as the arms beside it
    fn turn_unhealthy(&mut self, cause: String) -> Option<Turn> {
        *self = Standing::new(true);
        Some(Turn { healthy: false, cause })
    }

    /// How long to wait before the next check: the interval once the verdict stands; a part of the time-out while it is in
    /// doubt; for an instance that is unhealthy the time-out, doubled by each failed check up to the interval.
    pub(super) fn pause(&self, rules: &HealthRules, random: u64) -> Duration {
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

/// `random` as a number in [0, 1).
pub(super) fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One letter a check: `.` passes, `x` fails, `n` says NOT_SERVING; behind each the verdict it leads to.
    fn check(unhealthy_after: u32, healthy_after: u32, checks: &str, verdicts: &str) {
        let rules = HealthRules { unhealthy_after, healthy_after, ..HealthRules::default() };
        let mut standing = Standing::new(false);
        let mut seen = String::new();
        for letter in checks.chars() {
            let result = match letter {
                '.' => Ok(()),
                'n' => Err(Fault::NotServing),
                _ => Err(Fault::Refused),
            };
            let before = standing.unhealthy;
            let turn = standing.observe(&result, &rules);
            assert_eq!(turn.map(|turn| turn.healthy), (before != standing.unhealthy).then_some(before));
            seen.push(if standing.unhealthy { 'D' } else { 'U' });
        }
        assert_eq!(seen, verdicts, "{checks} with {unhealthy_after}, {healthy_after}");
    }

    #[test]
    fn a_verdict_turns_after_enough_checks_in_a_row() {
        check(2, 1, "..", "UU");
        check(2, 1, "x.x.x.", "UUUUUU");
        check(2, 1, "xx.", "UDU");
        check(2, 1, ".xxx..x", "UUDDUUU");
        check(1, 1, "x.x", "DUD");
        check(3, 2, "xxx.x..", "UUDDDDU");
        check(0, 0, "x.", "DU");
        check(3, 2, "n.n..", "DDDDU");
    }

    #[test]
    fn the_cause_names_the_last_fault_and_how_often() {
        let rules = HealthRules::default();
        let mut standing = Standing::new(false);
        assert_eq!(standing.observe(&Err(Fault::Reset), &rules), None);
        let turn = standing.observe(&Err(Fault::Refused), &rules).unwrap();
        assert_eq!(turn.cause, "connection refused (2 checks in a row failed)");
        let turn = Standing::new(false).observe(&Err(Fault::NotServing), &rules).unwrap();
        assert_eq!(turn.cause, "it says NOT_SERVING");
    }

    #[test]
    fn pauses_are_short_in_doubt_and_grow_back_to_the_interval() {
        let rules = HealthRules {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            ..HealthRules::default()
        };
        let mut standing = Standing::new(false);
        let mut expect = |result: Result<(), Fault>, full_ms: u64| {
            standing.observe(&result, &rules);
            for random in [0, u64::MAX / 3, u64::MAX] {
                let pause = standing.pause(&rules, random).as_millis() as u64;
                assert!(
                    pause >= full_ms * 9 / 10 && pause <= full_ms * 11 / 10,
                    "{result:?}: {pause} ms, expected about {full_ms}"
                );
            }
        };
        expect(Ok(()), 10_000);
        expect(Err(Fault::Refused), 250);
        expect(Err(Fault::Refused), 1000);
        expect(Err(Fault::Refused), 2000);
        expect(Err(Fault::Refused), 4000);
        expect(Err(Fault::Refused), 8000);
        expect(Err(Fault::Refused), 10_000);
        expect(Err(Fault::Refused), 10_000);
        expect(Ok(()), 10_000);
    }

    #[test]
    fn pauses_never_vanish() {
        let rules =
            HealthRules { interval: Duration::ZERO, timeout: Duration::ZERO, ..HealthRules::default() };
        assert_eq!(Standing::new(false).pause(&rules, 7), MIN_PAUSE);
    }
}
