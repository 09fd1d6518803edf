//! Calls and attempts of the last ten seconds by service: what the amplification of now is made of.

use crate::UpstreamView;
use std::collections::{BTreeMap, VecDeque};

/// Seconds that count as now: long enough for a ratio of few calls to rest, short enough to see a retry storm begin.
pub(super) const SECONDS: usize = 10;

/// Calls and attempts since the process began, as they were at the end of each of the last seconds, oldest first. The first of
/// them is where the last ten seconds began.
#[derive(Default)]
pub(super) struct Recent {
    services: BTreeMap<String, VecDeque<(u64, u64)>>,
}

impl Recent {
    /// Closes a second, which forgets services that are no longer called.
    pub(super) fn close(&mut self, upstreams: &[UpstreamView]) {
        let mut before = std::mem::take(&mut self.services);
        for upstream in upstreams {
            // A service that was not there had no calls.
            let fresh = || VecDeque::from([(0, 0)]);
            let mut seconds = before.remove(&upstream.service).unwrap_or_else(fresh);
            seconds.push_back((upstream.calls, upstream.attempts));
            if seconds.len() > SECONDS + 1 {
                seconds.pop_front();
            }
            self.services.insert(upstream.service.clone(), seconds);
        }
    }

    /// Calls and attempts of the last ten seconds.
    pub(super) fn of(&self, service: &str) -> (u64, u64) {
        let ends = self.services.get(service).and_then(|seconds| Some((seconds.front()?, seconds.back()?)));
        ends.map_or((0, 0), |(first, last)| (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(calls: u64, attempts: u64) -> UpstreamView {
        UpstreamView { service: "s".into(), calls, attempts, ..UpstreamView::default() }
    }

    #[test]
    fn ten_seconds_count_and_a_service_that_left_is_forgotten() {
        let mut recent = Recent::default();
        let mut told = Vec::new();
        for second in 1..=13u64 {
            // One call a second with one attempt, from the eleventh on with three.
            recent.close(&[view(second, second + 2 * second.saturating_sub(10))]);
            told.push(recent.of("s"));
        }
        assert_eq!((told[0], told[9], told[10], told[12]), ((1, 1), (10, 10), (10, 12), (10, 16)));
        recent.close(&[]);
        assert_eq!(recent.of("s"), (0, 0));
        // Back with counters that began anew.
        recent.close(&[view(4, 5)]);
        assert_eq!(recent.of("s"), (4, 5));
    }
}
