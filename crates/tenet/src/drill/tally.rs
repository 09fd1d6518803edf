//! What the calls of a drill say: by phase, and when callers were served again as before. Pure: times are passed in.

use crate::traffic::{Outcome, Repeated};
use std::collections::BTreeMap;
use tenet_sketch::Sketch;

/// Width of a window in which recovery is looked for, in microseconds.
const WINDOW_US: u64 = 100_000;
/// Windows in a row that make a recovery: one good moment between two bad ones is none.
const WINDOWS: usize = 10;
/// How many times p99 before the failure p99 may be, for callers to be served as before.
const AS_BEFORE: f64 = 3.0;

/// One call. Times are microseconds since the load began.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When it was to begin.
    pub intended_us: u64,
    /// From then until it ended.
    pub latency_us: u64,
    /// Which of the load's requests it was.
    pub request: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it took a second attempt.
    pub repeated: Repeated,
}

/// When the failure came and went, in microseconds since the load began.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// The warm-up is over.
    pub warm_us: u64,
    /// The failure is there.
    pub began_us: u64,
    /// It is undone.
    pub undone_us: u64,
    /// The load ended.
    pub ended_us: u64,
}

/// The parts of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Calls of the warm-up that had ended when the failure came: they count for nothing.
    WarmUp,
    /// Calls that had ended when the failure came.
    Before,
    /// Calls that it may have harmed: under way when it came, or begun until it was undone.
    During,
    /// Calls begun after that.
    After,
}

/// The calls of one phase.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// All of them.
    pub calls: u64,
    /// Those that failed, by cause.
    pub causes: BTreeMap<String, u64>,
    /// Answers that say that the caller made a mistake (4xx): answers, not failures.
    pub caller_errors: u64,
    /// Repeated because the connection was lost.
    pub repeated_lost: u64,
    /// Repeated because of silence.
    pub repeated_silent: u64,
    /// From the intended start to the end, of all that were sent, in microseconds.
    pub latency_us: Sketch,
    /// Calls and failed ones of each of the load's requests, by its place.
    pub by_request: BTreeMap<usize, (u64, u64)>,
}

impl Figures {
    fn add(&mut self, call: &Call) {
        self.calls += 1;
        let failure = failure(call.outcome);
        let (calls, failed) = self.by_request.entry(call.request).or_default();
        *calls += 1;
        *failed += u64::from(failure.is_some());
        match failure {
            Some(cause) => *self.causes.entry(cause).or_default() += 1,
            None if matches!(call.outcome, Outcome::Status(400.., _)) => self.caller_errors += 1,
            None => {}
        }
        match call.repeated {
            Repeated::No => {}
            Repeated::Lost => self.repeated_lost += 1,
            Repeated::Silent => self.repeated_silent += 1,
        }
        if call.outcome != Outcome::NotSent {
            self.latency_us.record(call.latency_us);
        }
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.causes.values().sum()
    }

    /// Share of calls that did not fail, in percent; 100 where there was none.
    pub fn success_percent(&self) -> f64 {
        success_percent(self.calls, self.failed())
    }

    /// A percentile of the latency, in milliseconds; `None` without calls.
    pub fn latency_ms(&self, q: f64) -> Option<f64> {
        self.latency_us.percentile(q).map(|us| us / 1000.0)
    }
}

/// Share of calls that did not fail, in percent; 100 where there was none.
pub fn success_percent(calls: u64, failed: u64) -> f64 {
    if calls == 0 { 100.0 } else { 100.0 * (calls - failed) as f64 / calls as f64 }
}

/// Why a call failed for its caller; `None` if it did not. What a caller did wrong itself (4xx) is an answer, except where the
/// answer is that the service had no time or no room for it.
pub fn failure(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Status(status @ (408 | 429 | 499..), None) => Some(status.to_string()),
        Outcome::Status(status @ (408 | 429 | 499..), Some(code)) => {
            Some(format!("{status} {}", code.entry().name))
        }
        Outcome::Status(..) => None,
        Outcome::NoConnection => Some("no connection".to_owned()),
        Outcome::Broken => Some("connection lost".to_owned()),
        Outcome::TimedOut => Some("timed out".to_owned()),
        Outcome::NotSent => Some("not sent: too many under way".to_owned()),
    }
}

/// Which part of the drill a call belongs to.
pub fn phase(call: &Call, marks: &Marks) -> Phase {
    if call.intended_us + call.latency_us < marks.began_us {
        if call.intended_us < marks.warm_us { Phase::WarmUp } else { Phase::Before }
    } else if call.intended_us < marks.undone_us {
        Phase::During
    } else {
        Phase::After
    }
}

/// The figures before, during and after.
pub fn by_phase(calls: &[Call], marks: &Marks) -> [Figures; 3] {
    let mut figures: [Figures; 4] = Default::default();
    for call in calls {
        figures[phase(call, marks) as usize].add(call);
    }
    let [_, before, during, after] = figures;
    [before, during, after]
}

/// From the failure until callers were served as before, in milliseconds; `None` if that never came.
pub fn recovery_ms(calls: &[Call], marks: &Marks, p99_before_ms: Option<f64>) -> Option<u64> {
    let harmed = calls.iter().filter(|call| matches!(phase(call, marks), Phase::During | Phase::After));
    served_again_ms(harmed, marks.began_us, marks.ended_us, p99_before_ms)
}

/// The same from the end of the failure, by the calls that began after it.
pub fn settle_ms(calls: &[Call], marks: &Marks, p99_before_ms: Option<f64>) -> Option<u64> {
    let later = calls.iter().filter(|call| phase(call, marks) == Phase::After);
    served_again_ms(later, marks.undone_us, marks.ended_us, p99_before_ms)
}

/// The begin of the first ten windows of 100 ms in a row in which no call failed and whose calls together have a p99 of at most three
/// times the one before.
fn served_again_ms<'a>(
    calls: impl Iterator<Item = &'a Call>,
    from_us: u64,
    to_us: u64,
    p99_before_ms: Option<f64>,
) -> Option<u64> {
    let count = usize::try_from(to_us.saturating_sub(from_us) / WINDOW_US).unwrap_or(usize::MAX);
    let mut windows = vec![Figures::default(); count];
    for call in calls {
        let place = usize::try_from(call.intended_us.saturating_sub(from_us) / WINDOW_US);
        if let Some(window) = place.ok().and_then(|place| windows.get_mut(place)) {
            window.add(call);
        }
    }
    let served = |run: &[Figures]| {
        let mut latency_us = Sketch::new();
        run.iter().for_each(|window| latency_us.merge(&window.latency_us));
        let p99_ms = latency_us.percentile(0.99).map(|us| us / 1000.0);
        let as_before = match (p99_ms, p99_before_ms) {
            // Without a call nobody was served.
            (None, _) => false,
            (Some(_), None) => true,
            (Some(now), Some(before)) => now <= AS_BEFORE * before,
        };
        as_before && run.iter().all(|window| window.failed() == 0)
    };
    let first = windows.windows(WINDOWS).position(served)?;
    Some(first as u64 * WINDOW_US / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenet_error::Code;

    const MARKS: Marks =
        Marks { warm_us: 2_000_000, began_us: 5_000_000, undone_us: 10_000_000, ended_us: 15_000_000 };
    const OK: Outcome = Outcome::Status(200, None);

    fn call(intended_ms: u64, latency_ms: u64, outcome: Outcome) -> Call {
        Call {
            intended_us: intended_ms * 1000,
            latency_us: latency_ms * 1000,
            request: usize::from(outcome == OK),
            outcome,
            repeated: Repeated::No,
        }
    }

    #[test]
    fn a_call_under_way_when_the_failure_comes_is_one_it_may_have_harmed() {
        for (intended_ms, latency_ms, expected) in [
            (0, 1, Phase::WarmUp),
            (1_999, 3_000, Phase::WarmUp),
            (1_999, 3_001, Phase::During),
            (2_000, 1, Phase::Before),
            (4_990, 9, Phase::Before),
            (4_990, 10, Phase::During),
            (9_999, 9_000, Phase::During),
            (10_000, 1, Phase::After),
        ] {
            assert_eq!(phase(&call(intended_ms, latency_ms, OK), &MARKS), expected, "{intended_ms}");
        }
    }

    #[test]
    fn what_failed_for_the_caller_is_counted_by_cause() {
        let rows = [
            (OK, None),
            (Outcome::Status(304, None), None),
            (Outcome::Status(404, Some(Code::NotFound)), None),
            (Outcome::Status(429, None), Some("429")),
            (Outcome::Status(503, Some(Code::Internal)), Some("503 GATEWAY_INTERNAL")),
            (Outcome::NoConnection, Some("no connection")),
            (Outcome::Broken, Some("connection lost")),
            (Outcome::TimedOut, Some("timed out")),
            (Outcome::NotSent, Some("not sent: too many under way")),
        ];
        for (outcome, expected) in rows {
            assert_eq!(failure(outcome).as_deref(), expected);
        }
        let calls: Vec<Call> = rows.iter().map(|(outcome, _)| call(6_000, 2, *outcome)).collect();
        let [before, during, after] = by_phase(&calls, &MARKS);
        assert_eq!((before.calls, during.calls, after.calls), (0, 9, 0));
        assert_eq!((during.failed(), during.caller_errors, during.latency_us.count()), (6, 1, 8));
        assert!((during.success_percent() - 100.0 / 3.0).abs() < 1e-9);
        assert_eq!(during.by_request, [(0, (8, 6)), (1, (1, 0))].into());
        assert_eq!((before.success_percent(), before.latency_ms(0.99)), (100.0, None));
    }

    /// A call every 10 ms of 2 ms each, changed by `bend`.
    fn recovery(bend: impl Fn(&mut Call)) -> Option<u64> {
        let mut calls: Vec<Call> = (0..1500).map(|n| call(n * 10, 2, OK)).collect();
        calls.iter_mut().for_each(bend);
        recovery_ms(&calls, &MARKS, Some(2.0))
    }

    #[test]
    fn recovery_is_the_first_of_ten_good_windows() {
        let between =
            |call: &Call, from_ms: u64, to_ms: u64| (from_ms..to_ms).contains(&(call.intended_us / 1000));
        assert_eq!(recovery(|_| ()), Some(0));
        // Failures for 730 ms: the next window begins at 800.
        assert_eq!(
            recovery(|c| if between(c, 5_000, 5_730) {
                c.outcome = Outcome::Broken
            }),
            Some(800)
        );
        // A good half second between two bad ones is none.
        let twice = |c: &mut Call| {
            if between(c, 5_000, 5_100) || between(c, 5_600, 5_610) {
                c.outcome = Outcome::TimedOut;
            }
        };
        assert_eq!(recovery(twice), Some(700));
        // Slow is not served as before; three times p99 is.
        assert_eq!(
            recovery(|c| if between(c, 5_000, 10_000) {
                c.latency_us = 7_000
            }),
            Some(5_000)
        );
        assert_eq!(
            recovery(|c| if between(c, 5_000, 10_000) {
                c.latency_us = 6_000
            }),
            Some(0)
        );
        assert_eq!(recovery(|c| c.outcome = Outcome::Broken), None);
        assert_eq!(recovery_ms(&[], &MARKS, None), None);
    }

    #[test]
    fn settling_counts_from_the_end_of_the_failure() {
        let settle = |from_ms: u64, to_ms: u64| {
            let outcome = |at| if (from_ms..to_ms).contains(&at) { Outcome::TimedOut } else { OK };
            let calls: Vec<Call> = (0..1500).map(|n| call(n * 10, 2, outcome(n * 10))).collect();
            settle_ms(&calls, &MARKS, Some(2.0))
        };
        assert_eq!(settle(5_000, 10_000), Some(0));
        assert_eq!(settle(5_000, 10_130), Some(200));
        assert_eq!(settle(5_000, 14_500), None);
    }
}
