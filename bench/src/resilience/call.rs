//! One call as its caller saw it, and what many of them come to: counts, causes, percentiles, windows, recovery.

use crate::statistics::percentile;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Windows in which recovery is judged.
pub const WINDOW: Duration = Duration::from_millis(500);
/// A window is as before when this share of its calls succeeded, …
const GOOD_SUCCESS: f64 = 0.999;
/// … and its p99 is at most this many times the one before.
const GOOD_P99_RATIO: u64 = 3;

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// When it was meant to begin; its latency counts from here.
    pub due: Instant,
    /// When its caller knew.
    pub end: Instant,
    /// How.
    pub ended: Ended,
    /// Whether it was one of those that must not be lost.
    pub critical: bool,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With 200 and a whole body, in time.
    Answered,
    /// In any other way.
    Failed(Cause),
}

/// Why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Another status than 200.
    Status(u16),
    /// Nothing within the caller's time.
    Silence,
    /// The connection broke, or what came was no answer.
    BrokenConnection,
    /// There was none to be had.
    NoConnection,
    /// Too many were under way.
    NotSent,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Cause::Status(status) => write!(f, "{status}"),
            Cause::Silence => f.write_str("no answer in time"),
            Cause::BrokenConnection => f.write_str("connection broken"),
            Cause::NoConnection => f.write_str("no connection"),
            Cause::NotSent => f.write_str("not sent"),
        }
    }
}

/// What some calls came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// How many.
    pub calls: u64,
    /// Those that failed, by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Critical ones, and those of them that were answered.
    pub critical: (u64, u64),
    /// Percentiles of those that were answered, µs.
    pub p50_us: u64,
    /// The 99th.
    pub p99_us: u64,
}

impl Summary {
    /// Of `calls`.
    pub fn of<'a>(calls: impl Iterator<Item = &'a Call>) -> Summary {
        let mut summary = Summary::default();
        let mut latencies_us = Vec::new();
        for call in calls {
            summary.calls += 1;
            summary.critical.0 += u64::from(call.critical);
            match call.ended {
                Ended::Answered => {
                    summary.critical.1 += u64::from(call.critical);
                    let latency = call.end.saturating_duration_since(call.due);
                    latencies_us.push(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
                }
                Ended::Failed(cause) => *summary.causes.entry(cause).or_default() += 1,
            }
        }
        latencies_us.sort_unstable();
        summary.p50_us = percentile(&latencies_us, 0.5);
        summary.p99_us = percentile(&latencies_us, 0.99);
        summary
    }

    /// Calls that failed.
    pub fn failed(&self) -> u64 {
        self.causes.values().sum()
    }

    /// Calls that did not.
    pub fn answered(&self) -> u64 {
        self.calls - self.failed()
    }

    /// The share that was answered, 0 to 1; of none it is 1.
    pub fn success(&self) -> f64 {
        share(self.answered(), self.calls)
    }

    /// The same of the critical ones.
    pub fn critical_success(&self) -> f64 {
        share(self.critical.1, self.critical.0)
    }

    fn is_as(&self, before: &Summary) -> bool {
        self.success() >= GOOD_SUCCESS && self.p99_us <= GOOD_P99_RATIO * before.p99_us
    }
}

fn share(part: u64, all: u64) -> f64 {
    if all == 0 { 1.0 } else { part as f64 / all as f64 }
}

/// What became of a run: its calls by when the failure came and went.
#[derive(Clone, Debug)]
pub struct Phases {
    /// Calls that had ended when the failure came.
    pub before: Summary,
    /// Those under way then or begun until it was undone.
    pub during: Summary,
    /// The rest.
    pub after: Summary,
    /// From the failure to the first window from which on all were as before; `None` where the last was not.
    pub recovered: Option<Duration>,
    /// The same from when it was undone.
    pub calm: Option<Duration>,
}

impl Phases {
    /// Splits `calls`; those due before `warm` were only to warm up.
    pub fn of(calls: &[Call], warm: Instant, fault: Instant, undone: Instant, end: Instant) -> Phases {
        let part =
            |number: usize| calls.iter().filter(move |call| phase(call, warm, fault, undone) == Some(number));
        let before = Summary::of(part(0));
        let recovered = recovery(&before, part(1), fault, undone);
        let calm = recovery(&before, part(2), undone, end);
        Phases { during: Summary::of(part(1)), after: Summary::of(part(2)), recovered, calm, before }
    }
}

fn phase(call: &Call, warm: Instant, fault: Instant, undone: Instant) -> Option<usize> {
    match call {
        _ if call.due < warm => None,
        _ if call.end < fault => Some(0),
        _ if call.due < undone => Some(1),
        _ => Some(2),
    }
}

/// From `begin` to the first window from which on all whole windows before `end` are as `before`. A call belongs to the
/// window in which it was due; those under way at `begin` to the first.
fn recovery<'a>(
    before: &Summary,
    calls: impl Iterator<Item = &'a Call>,
    begin: Instant,
    end: Instant,
) -> Option<Duration> {
    let index = |at: Instant| (at.saturating_duration_since(begin).as_nanos() / WINDOW.as_nanos()) as usize;
    let mut windows = vec![Vec::new(); index(end)];
    for call in calls {
        if let Some(window) = windows.get_mut(index(call.due)) {
            window.push(call);
        }
    }
    let bad = windows.iter().rposition(|calls| !Summary::of(calls.iter().copied()).is_as(before));
    let first = bad.map_or(0, |last| last + 1);
    (first < windows.len()).then(|| WINDOW * u32::try_from(first).unwrap_or(u32::MAX))
}

/// Prints what became of the calls of each window, from two before the failure on.
pub fn print_windows(calls: &[Call], fault: Instant) {
    let mut windows = BTreeMap::<i128, Vec<&Call>>::new();
    for call in calls {
        let since = call.due.saturating_duration_since(fault).as_nanos() as i128
            - fault.saturating_duration_since(call.due).as_nanos() as i128;
        windows.entry(since.div_euclid(WINDOW.as_nanos() as i128)).or_default().push(call);
    }
    for (index, calls) in windows {
        let summary = Summary::of(calls.iter().copied());
        println!(
            "  {:5.1} s  {:5} calls  {:6.2} %  p50 {:4} ms  p99 {:4} ms  {:?}",
            index as f64 * WINDOW.as_secs_f64(),
            summary.calls,
            summary.success() * 100.0,
            summary.p50_us / 1000,
            summary.p99_us / 1000,
            summary.causes
        );
    }
}

#[cfg(test)]
mod tests;
