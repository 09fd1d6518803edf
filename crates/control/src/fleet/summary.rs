//! Numbers for people, computed last from merged sketches.

use super::ring::{Cell, Codes, Sum};
use super::view;
use tenet_error::{Blame, Code};
use tenet_sketch::{Parts, Sketch};

/// What a sum says, with the last second apart.
pub(super) fn numbers(sum: &Sum, now: Option<&Cell>, window_seconds: u32) -> view::Numbers {
    let latency = &sum.latency;
    let (refused, failed) = errors(&sum.codes);
    let mut codes: Vec<(&'static str, u64)> = sum.codes.0.iter().map(|(code, n)| (code.name(), *n)).collect();
    codes.sort_unstable_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    view::Numbers {
        count: latency.count(),
        rate: latency.count() as f64 / f64::from(window_seconds.max(1)),
        refused,
        failed,
        codes,
        min: latency.min(),
        avg: latency.mean().map(whole),
        p50: latency.percentile(0.5).map(whole),
        p90: latency.percentile(0.9).map(whole),
        p99: latency.percentile(0.99).map(whole),
        max: latency.max(),
        request_bytes: sum.request_bytes,
        response_bytes: sum.response_bytes,
        attempts: sum.attempts,
        hedges: sum.hedges,
        hedges_won: sum.hedges_won,
        now: now.map(point).unwrap_or_default(),
    }
}

/// Requests refused for what the caller sent, and requests that failed here or behind us.
fn errors(codes: &Codes) -> (u64, u64) {
    codes.0.iter().fold((0, 0), |(refused, failed), (code, count)| match blame(*code) {
        Blame::Nobody => (refused, failed),
        Blame::Caller => (refused + count, failed),
        Blame::Us | Blame::Dependency => (refused, failed + count),
    })
}

/// Nanoseconds need no fraction on a page.
fn whole(ns: f64) -> u64 {
    ns.round() as u64
}

fn blame(code: Code) -> Blame {
    code.entry().blame
}

fn point(cell: &Cell) -> view::Point {
    let (refused, failed) = errors(&cell.codes);
    let sketch = sketch(&cell.latency);
    view::Point {
        count: sketch.count(),
        refused,
        failed,
        p50: sketch.percentile(0.5).map(whole),
        p90: sketch.percentile(0.9).map(whole),
        p99: sketch.percentile(0.99).map(whole),
        max: sketch.max(),
    }
}

/// A cell's latencies as a sketch; they were one before, so this cannot fail.
fn sketch(parts: &Parts) -> Sketch {
    Sketch::from_parts(parts).unwrap_or_default()
}

/// Columns over consecutive seconds.
pub(super) fn history<'a>(seconds: impl Iterator<Item = (i64, Option<&'a Cell>)>) -> view::History {
    let mut history = view::History::default();
    for (at, cell) in seconds {
        let point = cell.map(point).unwrap_or_default();
        history.seconds.push(at);
        history.count.push(point.count);
        history.refused.push(point.refused);
        history.failed.push(point.failed);
        history.p50.push(point.p50);
        history.p90.push(point.p90);
        history.p99.push(point.p99);
        history.max.push(point.max);
    }
    history
}
