//! Calls and attempts of the last ten seconds, by service and of whole call trees: what the amplifications of now are made of.

use crate::UpstreamView;
use std::collections::{BTreeMap, VecDeque};

/// Seconds that count as now: long enough for a ratio of few calls to rest, short enough to see a retry storm begin.
pub(super) const SECONDS: usize = 10;

/// Two counters since the process began, as they were at the end of each of the last seconds, oldest first. The first of them is
/// where the last ten seconds began.
struct Pair(VecDeque<(u64, u64)>);

impl Pair {
    /// What was not there had counted nothing.
    fn new() -> Pair {
        Pair(VecDeque::from([(0, 0)]))
    }

    fn close(&mut self, now: (u64, u64)) {
        self.0.push_back(now);
        if self.0.len() > SECONDS + 1 {
            self.0.pop_front();
        }
    }

    /// By how much the two grew.
    fn grown(&self) -> (u64, u64) {
        let ends = self.0.front().zip(self.0.back());
        ends.map_or((0, 0), |(first, last)| (last.0.saturating_sub(first.0), last.1.saturating_sub(first.1)))
    }
}

/// What the last ten seconds had.
pub(super) struct Recent {
    services: BTreeMap<String, Pair>,
    trees: Pair,
}

impl Default for Recent {
    fn default() -> Recent {
        Recent { services: BTreeMap::new(), trees: Pair::new() }
    }
}

impl Recent {
    /// Closes a second, which forgets services that are no longer called. `trees` are the calls that began a call tree and the extra
    /// attempts in those, since the process began.
    pub(super) fn close(&mut self, upstreams: &[UpstreamView], trees: (u64, u64)) {
        let mut before = std::mem::take(&mut self.services);
        for upstream in upstreams {
            let mut seconds = before.remove(&upstream.service).unwrap_or_else(Pair::new);
            seconds.close((upstream.calls, upstream.attempts));
            self.services.insert(upstream.service.clone(), seconds);
        }
        self.trees.close(trees);
    }

    /// Calls and attempts of the last ten seconds.
    pub(super) fn of(&self, service: &str) -> (u64, u64) {
        self.services.get(service).map_or((0, 0), Pair::grown)
    }

    /// Calls that began a call tree in the last ten seconds, and the extra attempts in those.
    pub(super) fn trees(&self) -> (u64, u64) {
        self.trees.grown()
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
            recent.close(&[view(second, second + 2 * second.saturating_sub(10))], (0, 0));
            told.push(recent.of("s"));
        }
        assert_eq!((told[0], told[9], told[10], told[12]), ((1, 1), (10, 10), (10, 12), (10, 16)));
        recent.close(&[], (0, 0));
        assert_eq!(recent.of("s"), (0, 0));
        // Back with counters that began anew.
        recent.close(&[view(4, 5)], (0, 0));
        assert_eq!(recent.of("s"), (4, 5));
    }

    #[test]
    fn trees_count_for_ten_seconds() {
        let mut recent = Recent::default();
        for second in 1..=12u64 {
            recent.close(&[], (10 * second, if second < 3 { 0 } else { 4 }));
        }
        assert_eq!(recent.trees(), (100, 4));
        recent.close(&[], (130, 4));
        assert_eq!(recent.trees(), (100, 0));
    }
}
